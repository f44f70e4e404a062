//! A variant as a route through the embedded subject: which mode its policies come to, and what
//! each process is told of it. Pure; what can not be translated is refused by name.

use identity::{SpiffeId, TlsMaterial};
use policy::{MtlsMode, PolicySet, Workload};
use scenarios::scenario::Scenario;
use scenarios::units::Percent;
use scenarios::variant::{Planted, Proxies, Variant, VariantName};
use sidecar::{
    ClientRoute, ClientSetup, Mode, OriginSetup, PlantedDelay, PlantedStall, ServerRoute,
    ServerSetup,
};

use crate::part::Ports;
use crate::prove::Path;
use crate::workload::{self, APP, NAMESPACE, PORT, address, micros, stall};

/// A variant, translated.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Route {
    pub(super) name: VariantName,
    /// The server sidecar's mode; `None` without sidecars.
    pub(super) mode: Option<Mode>,
    delay: Option<PlantedDelay>,
    stall: Option<PlantedStall>,
}

impl Route {
    /// Translates a variant; the error says what can not be.
    pub(super) fn of(variant: &Variant, scenario: &Scenario) -> Result<Self, String> {
        let Variant { name, proxies, policies, planted, .. } = variant;
        let mode = match proxies {
            Proxies::Sidecars => Some(mode_of(policies, scenario)?),
            Proxies::None => match policies.first() {
                None => None,
                Some(path) => return Err(format!("{path}: no sidecar is there to enforce it")),
            },
        };
        let (delay, stall) = match planted {
            None => (None, None),
            Some(Planted::Delay { .. }) if mode.is_none() => {
                return Err("planted delay: no sidecar is there to hold requests back".to_owned());
            }
            Some(Planted::Delay { delay, share }) => {
                let share_ppm = parts_per_million(*share);
                (Some(PlantedDelay { delay_us: micros(*delay), share_ppm }), None)
            }
            Some(Planted::Stall { length, every }) => (None, Some(stall(*length, *every))),
        };
        Ok(Self { name: name.clone(), mode, delay, stall })
    }

    pub(super) fn key(&self) -> &str {
        self.name.as_str()
    }

    pub(super) fn path(&self) -> Path<'_> {
        Path { route: self.key(), sidecars: self.mode.is_some() }
    }
}

/// What the PeerAuthentication resources in force come to, as Istio composes them.
fn mode_of(paths: &[String], scenario: &Scenario) -> Result<Mode, String> {
    let files = paths
        .iter()
        .map(|path| match scenario.policies.get(path) {
            Some(text) => Ok((path.as_str(), text.as_str())),
            None => Err(format!("{path}: the scenario has no such file")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let set = PolicySet::parse(&files).map_err(|mistakes| mistakes.to_string())?;
    // Named in full, so that a kind which `policy` comes to read does not go unenforced here.
    let PolicySet { root_namespace: _, peer_authentications: _ } = &set;
    let workload = Workload::new(NAMESPACE, [("app", APP)]);
    Ok(match set.mtls_mode(&workload, PORT).mode {
        MtlsMode::Disable => Mode::Disable,
        MtlsMode::Permissive => Mode::Permissive,
        MtlsMode::Strict => Mode::Strict,
    })
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
    let with_sidecars = routes.iter().filter_map(|route| Some((route, route.mode?)));
    let routes = with_sidecars
        .map(|(route, mode)| {
            let upstream = address(origin, route.key())?;
            Ok(ServerRoute { name: route.key().to_owned(), upstream, mode, delay: route.delay })
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
    let with_sidecars = routes.iter().filter_map(|route| Some((route, route.mode?)));
    let routes = with_sidecars
        .map(|(route, mode)| {
            let upstream = address(server, route.key())?;
            let mtls_to = (mode != Mode::Disable).then(|| server_id.clone());
            Ok(ClientRoute { name: route.key().to_owned(), upstream, mtls_to })
        })
        .collect::<Result<_, String>>()?;
    Ok(ClientSetup { cores: cores.to_vec(), tls: Some(own), routes })
}
