//! A variant as listeners of Envoys: what its policies come to, and through which build it goes.
//! Pure; what can not be translated is refused by name.

use std::net::IpAddr;

use policy::{MtlsMode, PolicySet};
use scenarios::load::RequestKind;
use scenarios::parts::{self, PORT};
use scenarios::scenario::Scenario;
use scenarios::variant::{Planted, Proxies, Variant, VariantName};
use sidecar::PlantedStall;

use super::bootstrap::{
    AuthorizationFilters, Destination, Endpoint, NodePolicy, Protocol, Target, Workplace,
};
use super::found::Build;
use crate::prove::Path;
use crate::workload::{for_a_node, for_sidecars, stall};

/// A variant, translated.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) name: VariantName,
    /// `None` without proxies.
    pub(super) proxied: Option<Proxied>,
    pub(super) stall: Option<PlantedStall>,
    /// The load's requests, as the variant answers them.
    requests: Vec<RequestKind>,
}

/// What stands before the origin.
#[derive(Debug, Clone)]
pub(super) struct Proxied {
    /// Which of the builds.
    pub(super) build: usize,
    /// What it is told.
    pub(super) told: Told,
    /// Whether a policy says anything of who may call what.
    pub(super) has_rules: bool,
}

/// What the proxies of a variant are told.
#[derive(Debug, Clone)]
pub(super) enum Told {
    Sidecars(Sidecars),
    /// The node's.
    Node(NodePolicy),
}

/// What its sidecars are told.
#[derive(Debug, Clone)]
pub(super) struct Sidecars {
    /// The server's.
    pub(super) mode: MtlsMode,
    /// Who may call what.
    pub(super) authorization: AuthorizationFilters,
}

impl Route {
    /// Translates a variant; the error says what can not be. A name without a version is the first
    /// build's. Cilium knows callers by their addresses: the generator calls from the client's, and
    /// whoever calls from another one is no pod at all.
    pub(super) fn of(
        variant: &Variant,
        scenario: &Scenario,
        builds: &[Build],
        client: IpAddr,
    ) -> Result<Self, String> {
        let Variant { name, proxies, policies, planted, .. } = variant;
        let proxied = match proxies {
            Proxies::None => match policies.first() {
                None => None,
                Some(path) => return Err(format!("{path}: no proxy is there to enforce it")),
            },
            Proxies::Sidecars => {
                let build = build_of(name, builds)?;
                Some(of_sidecars(build, &scenario.policy_set(variant)?)?)
            }
            Proxies::Node => {
                let build = build_of(name, builds)?;
                Some(of_node(build, &scenario.policy_set(variant)?, client)?)
            }
        };
        let stall = match planted {
            None => None,
            Some(Planted::Stall { length, every }) => Some(stall(*length, *every)),
            Some(Planted::Delay { .. }) => {
                return Err("planted delay: Envoy's own delays have whole milliseconds".to_owned());
            }
        };
        let requests = scenario.load_of(variant)?.requests;
        Ok(Self { name: name.clone(), proxied, stall, requests })
    }

    pub(super) fn key(&self) -> &str {
        self.name.as_str()
    }

    pub(super) fn path(&self) -> Path<'_> {
        Path {
            route: self.key(),
            proxies: self.proxied.as_ref().map_or(Proxies::None, |proxied| match proxied.told {
                Told::Sidecars(_) => Proxies::Sidecars,
                Told::Node(_) => Proxies::Node,
            }),
            ruled: self.proxied.as_ref().is_some_and(|proxied| proxied.has_rules),
            requests: &self.requests,
        }
    }

    /// The name of its listeners, which is the same in every build: each has processes of its own.
    pub(super) fn listener(&self) -> &str {
        self.name.plain()
    }
}

fn build_of(name: &VariantName, builds: &[Build]) -> Result<usize, String> {
    let index = match name.version() {
        None => Some(0),
        Some(id) => builds.iter().position(|build| build.id() == id),
    };
    index.ok_or_else(|| format!("{name}: no such Envoy is here"))
}

fn of_sidecars(build: usize, set: &PolicySet) -> Result<Proxied, String> {
    let authorization_policies = for_sidecars(set)?;
    let server = parts::server();
    // Listeners are on ports of their own, so that what policies ask of ports is settled here.
    let target = Target {
        root_namespace: &set.root_namespace,
        workload: &server,
        destination: Destination::Settled(PORT),
        protocol: Protocol::Http,
    };
    let authorization = AuthorizationFilters::translate(authorization_policies, &target)
        .map_err(|untranslated| untranslated.to_string())?;
    let mode = set.mtls_mode(&server, PORT).mode;
    let told = Told::Sidecars(Sidecars { mode, authorization });
    Ok(Proxied { build, told, has_rules: !authorization_policies.is_empty() })
}

fn of_node(build: usize, set: &PolicySet, client: IpAddr) -> Result<Proxied, String> {
    let cilium_network_policies = for_a_node(set)?;
    let server = parts::server_pod();
    let client = Endpoint { pod: parts::client_pod(), addresses: vec![client] };
    let place = Workplace { server: &server, port: PORT, callers: &[client] };
    let policy = NodePolicy::translate(cilium_network_policies, &place)
        .map_err(|untranslated| untranslated.to_string())?;
    let has_rules = policy.decides();
    Ok(Proxied { build, told: Told::Node(policy), has_rules })
}
