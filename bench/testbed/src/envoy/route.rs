//! A variant as listeners of Envoys: what its policies come to, and through which build it goes.
//! Pure; what can not be translated is refused by name.

use policy::{MtlsMode, PolicySet};
use scenarios::load::RequestKind;
use scenarios::parts::{self, PORT};
use scenarios::scenario::Scenario;
use scenarios::variant::{Planted, Proxies, Variant, VariantName};
use sidecar::PlantedStall;

use super::bootstrap::{AuthorizationFilters, Destination, Protocol, Target};
use super::found::Build;
use crate::prove::Path;
use crate::workload::stall;

/// A variant, translated.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) name: VariantName,
    /// `None` without proxies.
    pub(super) sidecars: Option<Sidecars>,
    pub(super) stall: Option<PlantedStall>,
    /// The load's requests, as the variant answers them.
    requests: Vec<RequestKind>,
}

/// What its sidecars are told.
#[derive(Debug, Clone)]
pub(super) struct Sidecars {
    /// Which of the builds.
    pub(super) build: usize,
    /// The server's.
    pub(super) mode: MtlsMode,
    /// Who may call what.
    pub(super) authorization: AuthorizationFilters,
    /// Whether a policy says anything of that.
    pub(super) has_rules: bool,
}

impl Route {
    /// Translates a variant; the error says what can not be. A name without a version is the first
    /// build's.
    pub(super) fn of(
        variant: &Variant,
        scenario: &Scenario,
        builds: &[Build],
    ) -> Result<Self, String> {
        let Variant { name, proxies, policies, planted, .. } = variant;
        let sidecars = match proxies {
            Proxies::Sidecars => {
                let build = match name.version() {
                    None => Some(0),
                    Some(id) => builds.iter().position(|build| build.id() == id),
                };
                let build = build.ok_or_else(|| format!("{name}: no such Envoy is here"))?;
                Some(translated(build, &scenario.policy_set(variant)?)?)
            }
            Proxies::Node => {
                return Err("no node's proxy is started on Envoy by this version".to_owned());
            }
            Proxies::None => match policies.first() {
                None => None,
                Some(path) => return Err(format!("{path}: no sidecar is there to enforce it")),
            },
        };
        let stall = match planted {
            None => None,
            Some(Planted::Stall { length, every }) => Some(stall(*length, *every)),
            Some(Planted::Delay { .. }) => {
                return Err("planted delay: Envoy's own delays have whole milliseconds".to_owned());
            }
        };
        let requests = scenario.load_of(variant)?.requests;
        Ok(Self { name: name.clone(), sidecars, stall, requests })
    }

    pub(super) fn key(&self) -> &str {
        self.name.as_str()
    }

    pub(super) fn path(&self) -> Path<'_> {
        Path {
            route: self.key(),
            proxies: self.sidecars.as_ref().map_or(Proxies::None, |_| Proxies::Sidecars),
            ruled: self.sidecars.as_ref().is_some_and(|sidecars| sidecars.has_rules),
            requests: &self.requests,
        }
    }

    /// The name of its listeners, which is the same in every build: each has processes of its own.
    pub(super) fn listener(&self) -> &str {
        self.name.plain()
    }
}

fn translated(build: usize, set: &PolicySet) -> Result<Sidecars, String> {
    // Named in full, so that a kind which `policy` comes to read does not go unenforced here.
    let PolicySet {
        root_namespace,
        peer_authentications: _,
        authorization_policies,
        cilium_network_policies,
    } = set;
    if let Some(policy) = cilium_network_policies.first() {
        return Err(format!(
            "{}: {}: sidecars enforce none of Cilium's",
            policy.origin, policy.title
        ));
    }
    let server = parts::server();
    // Listeners are on ports of their own, so that what policies ask of ports is settled here.
    let target = Target {
        root_namespace,
        workload: &server,
        destination: Destination::Settled(PORT),
        protocol: Protocol::Http,
    };
    let authorization = AuthorizationFilters::translate(authorization_policies, &target)
        .map_err(|untranslated| untranslated.to_string())?;
    let mode = set.mtls_mode(&server, PORT).mode;
    Ok(Sidecars { build, mode, authorization, has_rules: !authorization_policies.is_empty() })
}
