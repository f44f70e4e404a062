//! A variant as a route through the embedded subject: which mode and rules its policies come to, and
//! what each process is told of it. Pure; what can not be translated is refused by name.

use identity::{SpiffeId, TlsMaterial};
use policy::{MtlsMode, PolicySet};
use scenarios::load::RequestKind;
use scenarios::parts::{self, PORT};
use scenarios::scenario::Scenario;
use scenarios::units::Percent;
use scenarios::variant::{Planted, Proxies, Variant, VariantName};
use sidecar::authorise::{NotEnforced, Rules, of_cilium, of_istio};
use sidecar::{
    ClientRoute, ClientSetup, Mode, OriginSetup, PlantedDelay, PlantedStall, ServerRoute,
    ServerSetup,
};

use crate::part::Ports;
use crate::prove::Path;
use crate::workload::{self, address, for_a_node, for_sidecars, micros, stall};

/// A variant, translated.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Route {
    pub(super) name: VariantName,
    pub(super) proxies: Proxies,
    /// The mode of what stands before the origin; `None` where nothing does.
    pub(super) mode: Option<Mode>,
    /// Which requests that lets through.
    pub(super) rules: Option<Rules>,
    /// The load's requests, as the variant answers them.
    pub(super) requests: Vec<RequestKind>,
    delay: Option<PlantedDelay>,
    stall: Option<PlantedStall>,
}

impl Route {
    /// Translates a variant; the error says what can not be.
    pub(super) fn of(variant: &Variant, scenario: &Scenario) -> Result<Self, String> {
        let Variant { name, proxies, policies, planted, .. } = variant;
        let set = scenario.policy_set(variant)?;
        let (mode, rules) = match proxies {
            Proxies::Sidecars => (Some(mode_of(&set)), sidecar_rules(&set)?),
            Proxies::Node => (Some(Mode::Disable), node_rules(&set)?),
            Proxies::None => match policies.first() {
                None => (None, None),
                Some(path) => return Err(format!("{path}: no proxy is there to enforce it")),
            },
        };
        let (delay, stall) = match planted {
            None => (None, None),
            Some(Planted::Delay { .. }) if *proxies != Proxies::Sidecars => {
                return Err("planted delay: no sidecar is there to hold requests back".to_owned());
            }
            Some(Planted::Delay { delay, share }) => {
                let share_ppm = parts_per_million(*share);
                (Some(PlantedDelay { delay_us: micros(*delay), share_ppm }), None)
            }
            Some(Planted::Stall { length, every }) => (None, Some(stall(*length, *every))),
        };
        let requests = scenario.load_of(variant)?.requests;
        let (name, proxies) = (name.clone(), *proxies);
        Ok(Self { name, proxies, mode, rules, requests, delay, stall })
    }

    pub(super) fn key(&self) -> &str {
        self.name.as_str()
    }

    pub(super) fn path(&self) -> Path<'_> {
        Path {
            route: self.key(),
            proxies: self.proxies,
            ruled: self.rules.is_some(),
            requests: &self.requests,
        }
    }
}

/// What the PeerAuthentication resources in force come to, as Istio composes them.
fn mode_of(set: &PolicySet) -> Mode {
    match set.mtls_mode(&parts::server(), PORT).mode {
        MtlsMode::Disable => Mode::Disable,
        MtlsMode::Permissive => Mode::Permissive,
        MtlsMode::Strict => Mode::Strict,
    }
}

fn sidecar_rules(set: &PolicySet) -> Result<Option<Rules>, String> {
    let authorization_policies = for_sidecars(set)?;
    of_istio(authorization_policies, &set.root_namespace, &parts::server(), PORT)
        .map_err(|all| lines(&all))
}

fn node_rules(set: &PolicySet) -> Result<Option<Rules>, String> {
    let cilium_network_policies = for_a_node(set)?;
    // Every caller on this machine is taken for the client: nothing tells one from another.
    let (server, client) = (parts::server(), parts::client());
    of_cilium(cilium_network_policies, &server, &client, PORT).map_err(|all| lines(&all))
}

fn lines(all: &[NotEnforced]) -> String {
    let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a percentage is from 0 to 100"
)]
fn parts_per_million(share: Percent) -> u32 {
    (share.fraction() * 1e6).round() as u32
}

pub(super) fn origin(routes: &[Route], cores: &[usize]) -> OriginSetup {
    workload::origin(routes.iter().map(|route| (route.key(), route.stall)), cores)
}

pub(super) fn server(
    routes: &[Route],
    cores: &[usize],
    origin: &Ports,
    own: TlsMaterial,
) -> Result<ServerSetup, String> {
    let with_proxies = routes.iter().filter_map(|route| Some((route, route.mode?)));
    let routes = with_proxies
        .map(|(route, mode)| {
            let upstream = address(origin, route.key())?;
            let (name, rules) = (route.key().to_owned(), route.rules.clone());
            Ok(ServerRoute { name, upstream, mode, delay: route.delay, rules })
        })
        .collect::<Result<_, String>>()?;
    Ok(ServerSetup { cores: cores.to_vec(), tls: Some(own), routes })
}

/// Istio's automatic mTLS: a client's sidecar uses mTLS unless the server's refuses it.
pub(super) fn client(
    routes: &[Route],
    cores: &[usize],
    server: &Ports,
    (own, server_id): (TlsMaterial, &SpiffeId),
) -> Result<ClientSetup, String> {
    let with_sidecars = routes
        .iter()
        .filter(|route| route.proxies == Proxies::Sidecars)
        .filter_map(|route| Some((route, route.mode?)));
    let routes = with_sidecars
        .map(|(route, mode)| {
            let upstream = address(server, route.key())?;
            let mtls_to = (mode != Mode::Disable).then(|| server_id.clone());
            Ok(ClientRoute { name: route.key().to_owned(), upstream, mtls_to })
        })
        .collect::<Result<_, String>>()?;
    Ok(ClientSetup { cores: cores.to_vec(), tls: Some(own), routes })
}
