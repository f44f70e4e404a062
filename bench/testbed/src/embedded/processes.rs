//! The three processes of a block and their control channels. Knows what they say, not what is
//! asked of a variant.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bench::seams::WorkSeen;
use scenarios::variant::Proxies;
use sidecar::{Role, RouteStats};

use super::route::{self, Route};
use crate::child::Program;
use crate::credentials::Credentials;
use crate::memory::Watched;
use crate::part::{Broken, Part, Ports, Start};
use crate::prove::{Live, Path};
use crate::workload::address;

/// The processes of one block.
pub(super) struct Processes {
    origin: Part,
    /// `None` when no variant has sidecars.
    sidecars: Option<Sidecars>,
    credentials: Credentials,
    /// Counted and not yet asked for.
    pending: BTreeMap<String, WorkSeen>,
    /// Routes whose proxy has rules.
    ruled: BTreeSet<String>,
    /// TLS version, cipher and key exchange, as the server's sidecar saw them last.
    pub(super) tls: Option<String>,
}

struct Sidecars {
    server: Part,
    client: Part,
}

impl Processes {
    pub(super) fn start(start: &Start<'_>, routes: &[Route]) -> Result<Self, Broken> {
        let certificates = "make the certificates";
        let credentials = Credentials::fresh().map_err(|error| Broken::at(certificates, error))?;
        let cores = start.cores;
        let origin = start.part(Role::Origin, &route::origin(routes, cores))?;
        let sidecars = if routes.iter().any(|route| route.mode.is_some()) {
            let wire = |problem| Broken::at("wire the routes", problem);
            let own = credentials.server.clone();
            let setup = route::server(routes, cores, &origin.ports, own).map_err(wire)?;
            let server = start.part(Role::Server, &setup)?;
            let own = (credentials.client.clone(), &credentials.server_id);
            let setup = route::client(routes, cores, &server.ports, own).map_err(wire)?;
            let client = start.part(Role::Client, &setup)?;
            Some(Sidecars { server, client })
        } else {
            None
        };
        let ruled = routes.iter().filter(|route| route.rules.is_some());
        let ruled = ruled.map(|route| route.key().to_owned()).collect();
        Ok(Self { origin, sidecars, credentials, pending: BTreeMap::new(), ruled, tls: None })
    }

    /// An error when a process has ended.
    pub(super) fn check(&mut self) -> Result<(), Broken> {
        let sidecars =
            self.sidecars.iter_mut().flat_map(|pair| [&mut pair.server, &mut pair.client]);
        std::iter::once(&mut self.origin).chain(sidecars).try_for_each(Part::check)
    }

    fn ports(&self, role: Role) -> Option<&Ports> {
        match (role, &self.sidecars) {
            (Role::Origin, _) => Some(&self.origin.ports),
            (Role::Server, Some(pair)) => Some(&pair.server.ports),
            (Role::Client, Some(pair)) => Some(&pair.client.ports),
            (Role::Server | Role::Client, None) => None,
        }
    }

    /// The address of a route at one of the processes.
    fn address(&self, role: Role, route: &str) -> Result<SocketAddr, Broken> {
        let ports = self.ports(role).ok_or_else(|| "no sidecar was started".to_owned());
        ports
            .and_then(|ports| address(ports, route))
            .map_err(|problem| Broken::at(&format!("find the {}'s port", role.as_str()), problem))
    }

    /// Planted stalls begin anew with the next request.
    pub(super) fn anchor(&mut self) -> Result<(), Broken> {
        self.origin.anchor()
    }

    /// Gives the server's sidecar the route's rules in the place of those that it has.
    pub(super) fn change(&mut self, route: &Route) -> Result<(), Broken> {
        let missing = || Broken::at("change the rules", "no sidecar was started");
        let pair = self.sidecars.as_mut().ok_or_else(missing)?;
        pair.server.rules(route.key(), route.rules.as_ref())?;
        match route.rules {
            Some(_) => self.ruled.insert(route.key().to_owned()),
            None => self.ruled.remove(route.key()),
        };
        Ok(())
    }

    /// The sidecars, in the order in which a request meets them.
    pub(super) fn watched(&self, program: &Program) -> Vec<Watched> {
        let pair = self.sidecars.iter().flat_map(|pair| [&pair.client, &pair.server]);
        pair.map(|part| part.watched(program)).collect()
    }

    /// Ends all three, callers first, and reports the first that did not end well.
    pub(super) fn end(self) -> Result<(), Broken> {
        let Self { origin, sidecars, .. } = self;
        let pair = sidecars.map(|pair| [pair.client, pair.server]);
        let all = pair.into_iter().flatten().chain([origin]);
        let ended: Vec<Result<(), Broken>> = all.map(Part::end).collect();
        ended.into_iter().collect()
    }
}

impl Live for Processes {
    fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    fn inbound(&self, path: &Path<'_>) -> Result<SocketAddr, Broken> {
        self.address(Role::Server, path.route)
    }

    fn entrance(&self, path: &Path<'_>) -> Result<SocketAddr, Broken> {
        let role = match path.proxies {
            Proxies::None => Role::Origin,
            Proxies::Node => Role::Server,
            Proxies::Sidecars => Role::Client,
        };
        self.address(role, path.route)
    }

    fn look(&mut self, route: &str) -> Result<RouteStats, Broken> {
        let at_origin = self.origin.stats()?;
        let at_server = match &mut self.sidecars {
            Some(pair) => pair.server.stats()?,
            None => BTreeMap::new(),
        };
        for (name, seen) in &at_origin {
            self.pending.entry(name.clone()).or_default().requests_at_origin += seen.requests;
        }
        for (name, seen) in at_server {
            let has_rules = self.ruled.contains(&name);
            let work = self.pending.entry(name).or_default();
            if has_rules {
                *work.requests_allowed.get_or_insert_default() += seen.allowed;
                *work.requests_denied.get_or_insert_default() += seen.denied;
            }
            work.handshakes_full += seen.handshakes_full;
            work.handshakes_resumed += seen.handshakes_resumed;
            for peer in seen.peers {
                if !work.peers.contains(&peer) {
                    work.peers.push(peer);
                }
            }
            if let Some(last) = seen.tls.last() {
                self.tls = Some(last.clone());
            }
        }
        Ok(at_origin.get(route).cloned().unwrap_or_default())
    }

    fn take(&mut self, route: &str) -> WorkSeen {
        self.pending.remove(route).unwrap_or_default()
    }

    fn put_back(&mut self, route: &str, work: WorkSeen) {
        self.pending.insert(route.to_owned(), work);
    }
}
