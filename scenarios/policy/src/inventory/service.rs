//! Services: whom they send to, and on which ports. It resolves no name.

use std::collections::BTreeMap;

use super::workload::integer;
use super::{Deployed, Head};
use crate::finding::Span;
use crate::manifest::texts;
use crate::source::Node;

/// The port of a workload that a port of a service leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPort {
    /// By number.
    Number(u16),
    /// By the name that the container gives it.
    Name(String),
}

/// A port of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// Where.
    pub span: Span,
    /// The service's own number.
    pub port: u16,
    /// Its name, which also says the protocol, as in `http-web`.
    pub name: Option<String>,
    /// Where it leads.
    pub target: TargetPort,
    /// `TCP` where none is given.
    pub protocol: String,
    /// The protocol above that.
    pub app_protocol: Option<String>,
}

/// A service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name and place.
    pub head: Head,
    /// Labels of the pods that it sends to; none where it is told its addresses.
    pub selector: BTreeMap<String, String>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// The name of an `ExternalName`.
    pub external_name: Option<String>,
}

impl Service {
    pub(super) fn read(head: Head, root: &Node) -> Self {
        let ports = root.path("spec.ports").map(Node::items).unwrap_or_default();
        Self {
            selector: texts(root.path("spec.selector")),
            ports: ports.iter().filter_map(port).collect(),
            external_name: root.path("spec.externalName").and_then(Node::text).map(str::to_owned),
            head,
        }
    }

    /// Whether it sends to pods with these labels.
    #[must_use]
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.selector.is_empty()
            && self.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    }

    /// The workload's own port behind a port of the service; nothing where the workload does not
    /// say which port has that name.
    #[must_use]
    pub fn target(&self, port: u16, of: &Deployed) -> Option<u16> {
        let found = self.ports.iter().find(|candidate| candidate.port == port)?;
        match &found.target {
            TargetPort::Number(port) => Some(*port),
            TargetPort::Name(name) => of.port_named(name),
        }
    }
}

fn port(node: &Node) -> Option<ServicePort> {
    let number = |node: &Node| integer(node).and_then(|number| u16::try_from(number).ok());
    let text = |name: &str| node.member(name).and_then(Node::text).map(str::to_owned);
    let port = node.member("port").and_then(number)?;
    let target = node.member("targetPort").and_then(|target| {
        let by_name = || target.text().map(|name| TargetPort::Name(name.to_owned()));
        number(target).map(TargetPort::Number).or_else(by_name)
    });
    Some(ServicePort {
        span: node.into(),
        port,
        name: text("name"),
        target: target.unwrap_or(TargetPort::Number(port)),
        protocol: text("protocol").map_or_else(|| "TCP".to_owned(), |word| word.to_uppercase()),
        app_protocol: text("appProtocol"),
    })
}
