//! Names of a question to what the files hold: which workload is meant, with which labels and on
//! which port of its own. It decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::Workload;
use crate::endpoint::Pod;
use crate::inventory::{AgentConfig, Deployed, Inventory, Service};
use crate::question::Subject;
use crate::source::{listed, nearest};

/// A workload that is meant.
#[derive(Debug, Clone)]
pub(super) struct Found<'i> {
    /// What holds it, where a file does.
    pub(super) deployed: Option<&'i Deployed>,
    /// Its namespace and labels.
    pub(super) workload: Workload,
    /// The same as Cilium sees it.
    pub(super) pod: Pod,
    /// The port of its own.
    pub(super) port: u16,
    /// How it was found.
    pub(super) note: String,
}

/// The workload of a question; nothing where the files do not hold it, and then what to do.
pub(super) fn workload<'i>(
    inventory: &'i Inventory,
    subject: &Subject,
) -> Result<Found<'i>, String> {
    let Subject { namespace, name, labels, port } = subject;
    let mut named: Vec<&Deployed> = inventory.workloads_named(namespace, name).collect();
    if let Some(labels) = labels {
        named.retain(|one| one.labels == *labels);
        return Ok(found(inventory, subject, named.first().copied(), (*port, None)));
    }
    named.dedup_by(|a, b| (&a.labels, &a.service_account) == (&b.labels, &b.service_account));
    match named.as_slice() {
        [one] => Ok(found(inventory, subject, Some(one), (*port, None))),
        [] => by_service(inventory, subject),
        several => {
            let places: Vec<String> = several
                .iter()
                .map(|one| format!("{} ({})", one.head.title(), one.head.origin))
                .collect();
            Err(format!(
                "which workload is called {namespace}/{name}: {}; say it by its labels, as in \
                 {namespace}/{name}{{app=a}}:{port}",
                places.join(", ")
            ))
        }
    }
}

fn by_service<'i>(inventory: &'i Inventory, subject: &Subject) -> Result<Found<'i>, String> {
    let Subject { namespace, name, port, .. } = subject;
    let is_meant =
        |service: &&Service| service.head.namespace == *namespace && service.head.name == *name;
    let Some(service) = inventory.services.iter().find(is_meant) else {
        return Err(unknown(inventory, subject));
    };
    let in_namespace = inventory.workloads.iter().filter(|one| one.head.namespace == *namespace);
    let behind: Vec<&Deployed> = in_namespace.filter(|one| service.selects(&one.labels)).collect();
    let [one] = behind.as_slice() else {
        let names = behind.iter().map(|one| one.head.name.as_str());
        return Err(match behind.len() {
            0 => format!("which workloads are behind {}: no file holds one", service.head.title()),
            _ => format!(
                "which workload behind {} is meant: {}",
                service.head.title(),
                listed(names)
            ),
        });
    };
    let Some(target) = service.target(*port, one) else {
        let title = service.head.title();
        return Err(format!(
            "where the port {port} of {title} leads; {} has no such port",
            one.head.title()
        ));
    };
    Ok(found(inventory, subject, Some(one), (target, Some(service))))
}

fn unknown(inventory: &Inventory, subject: &Subject) -> String {
    let Subject { namespace, name, port, .. } = subject;
    let names: BTreeSet<&str> = inventory
        .workloads
        .iter()
        .filter(|one| one.head.namespace == *namespace)
        .map(|one| one.head.name.as_str())
        .collect();
    let near = nearest(name, names.iter().copied());
    let hint = match near {
        Some(near) => format!("did you mean {namespace}/{near}?"),
        None => format!("give its labels, as in {namespace}/{name}{{app=a}}:{port}"),
    };
    format!("the workload {namespace}/{name}, which no file holds; {hint}")
}

fn found<'i>(
    inventory: &'i Inventory,
    subject: &Subject,
    deployed: Option<&'i Deployed>,
    (port, through): (u16, Option<&Service>),
) -> Found<'i> {
    let given = || subject.labels.clone().unwrap_or_default();
    let labels = deployed.map_or_else(given, |deployed| deployed.labels.clone());
    let account = deployed.map(|deployed| deployed.service_account.clone());
    let mut note = match deployed {
        Some(deployed) => format!("{} ({})", deployed.head.title(), deployed.head.origin),
        None => format!("pods of {} with the labels given", subject.namespace),
    };
    if let Some(service) = through {
        note = format!("{note}, port {port}, through {}", service.head.title());
    } else if let Some(deployed) = deployed
        && !deployed.ports.iter().any(|own| own.port == port)
    {
        let mut services = inventory.services_of(&subject.namespace, &labels);
        let behind = services.find_map(|service| Some((service, service.target(port, deployed)?)));
        if let Some((service, target)) = behind.filter(|(_, target)| *target != port) {
            let title = service.head.title();
            note = format!(
                "{note}; {port} is a port of {title}, which leads to {target} of the workload"
            );
        }
    }
    Found {
        deployed,
        pod: pod(inventory, &subject.namespace, account, Some(labels.clone())),
        workload: Workload { namespace: subject.namespace.clone(), labels },
        port,
        note,
    }
}

/// A pod as Cilium sees it.
pub(super) fn pod(
    inventory: &Inventory,
    namespace: &str,
    account: Option<String>,
    labels: Option<BTreeMap<String, String>>,
) -> Pod {
    let of_namespace = inventory.namespace(namespace);
    Pod {
        namespace: namespace.to_owned(),
        account,
        labels,
        namespace_labels: of_namespace.map(|namespace| namespace.head.labels.clone()),
        cluster: AgentConfig::cluster_name(inventory.agent()).to_owned(),
    }
}
