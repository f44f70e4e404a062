//! The processes of a block: the origin, and for each build of Envoy that a variant goes through a
//! server's and a client's sidecar. Knows how they are wired, not what is asked of a variant.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::path::{Path as FilePath, PathBuf};

use bench::seams::WorkSeen;
use identity::TlsMaterial;
use policy::MtlsMode;
use scenarios::parts::PORT;
use scenarios::variant::Proxies;
use sidecar::{Role, RouteStats};

use super::bootstrap::{Group, Inbound, Kind as Stands, Listener, Outbound, PathNormalization};
use super::bootstrap::{Process, Tls};
use super::folder::Folder;
use super::found::Build;
use super::proxy::{Launch, Proxy};
use super::route::{Route, Sidecars};
use super::tally::{self, Counts};
use crate::credentials::Credentials;
use crate::memory::{self, Memory, Watched};
use crate::part::{Broken, Part, Start};
use crate::prove::{Live, Means, Path};
use crate::tether::Tether;
use crate::workload::{self, SERVICE, address};

/// Worker threads of each Envoy: loadgen's own sidecars have one, too.
pub(super) const WORKERS: NonZeroU16 = NonZeroU16::MIN;
/// The group that both sides agree on keys with. Envoy's default changed with 1.40, and a comparison
/// of versions would otherwise be one of groups.
pub(super) const GROUP: Group = Group::X25519;
/// How the sidecars are called, in the order in which a request meets them.
const CLIENT: &str = "client sidecar";
const SERVER: &str = "server sidecar";

/// The processes of one block.
pub(super) struct Processes {
    origin: Part,
    pairs: BTreeMap<usize, Pair>,
    /// Where each route goes.
    ways: BTreeMap<String, Way>,
    credentials: Credentials,
    /// Counted and not yet asked for.
    pending: BTreeMap<String, WorkSeen>,
    /// What the server's sidecars counted between the last two looks, by build.
    at_servers: BTreeMap<usize, Counts>,
    /// TLS version, cipher and group, as the server's sidecars counted them last, by build.
    pub(super) tls: BTreeMap<usize, String>,
    folder: Folder,
    /// The server's, kept where its sidecar is told other listeners while it runs.
    keys: Option<Files>,
}

/// The two sidecars of a build.
struct Pair {
    client: Proxy,
    server: Proxy,
}

/// A route's build and the name of its listeners; without proxies there is neither.
struct Way {
    build: usize,
    listener: String,
    /// Whether a policy looks at requests.
    has_rules: bool,
    /// Of the counters of its listeners.
    server: String,
    client: String,
}

/// How they are started.
pub(super) struct Setting<'a> {
    pub(super) parts: Start<'a>,
    pub(super) tether: &'a Tether,
    pub(super) builds: &'a [Build],
    /// Whether the server's sidecars can be told other policies while they run.
    pub(super) retold: bool,
}

/// PEM files of one workload.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    roots: PathBuf,
}

impl Processes {
    pub(super) fn start(setting: &Setting<'_>, routes: &[Route]) -> Result<Self, Broken> {
        let credentials =
            Credentials::fresh().map_err(|error| Broken::at("make the certificates", error))?;
        let folder = Folder::new()
            .map_err(|error| Broken::at("make a folder for sockets and keys", error))?;
        let start = &setting.parts;
        let setup =
            workload::origin(routes.iter().map(|route| (route.key(), route.stall)), start.cores);
        let origin = start.part(Role::Origin, &setup)?;
        let mut all = Self {
            origin,
            pairs: BTreeMap::new(),
            ways: BTreeMap::new(),
            credentials,
            pending: BTreeMap::new(),
            at_servers: BTreeMap::new(),
            tls: BTreeMap::new(),
            folder,
            keys: None,
        };
        let keys = all.write_keys()?;
        for (index, build) in setting.builds.iter().enumerate() {
            let through: Vec<(&Route, &Sidecars)> = routes
                .iter()
                .filter_map(|route| Some((route, route.sidecars.as_ref()?)))
                .filter(|(_, sidecars)| sidecars.build == index)
                .collect();
            if !through.is_empty() {
                let pair = all.pair(setting, build, &through, &keys)?;
                all.pairs.insert(index, pair);
            }
        }
        // All of them have read their keys, which need not lie about any longer; but who is told a
        // listener anew reads them anew.
        let [client, server] = keys;
        let (read, kept) = if setting.retold {
            (vec![client], Some(server))
        } else {
            (vec![client, server], None)
        };
        all.keys = kept;
        for file in read.into_iter().flat_map(|files| [files.certificate, files.key, files.roots]) {
            fs::remove_file(&file)
                .map_err(|error| Broken::at("remove the keys from the disk", error))?;
        }
        Ok(all)
    }

    /// The client's and the server's.
    fn write_keys(&self) -> Result<[Files; 2], Broken> {
        let own = &self.credentials;
        let write = |role: &str, material: &TlsMaterial| -> std::io::Result<Files> {
            let file = |what: &str, text: &str| {
                let path = self.folder.file(&format!("{role}-{what}.pem"));
                fs::write(&path, text).map(|()| path)
            };
            Ok(Files {
                certificate: file("certificate", &material.identity.chain_pem)?,
                key: file("key", &material.identity.key_pem)?,
                roots: file("roots", &material.roots_pem)?,
            })
        };
        let both = write("client", &own.client)
            .and_then(|client| Ok([client, write("server", &own.server)?]));
        both.map_err(|error| Broken::at("hand the keys over", error))
    }

    /// The server's first, since the client's must know its ports.
    fn pair(
        &mut self,
        setting: &Setting<'_>,
        build: &Build,
        through: &[(&Route, &Sidecars)],
        [client_keys, server_keys]: &[Files; 2],
    ) -> Result<Pair, Broken> {
        let wire = |problem: String| Broken::at("wire the routes", problem);
        let mut inbound = BTreeMap::new();
        for (route, sidecars) in through {
            let listener = self.inbound_of(route, sidecars, server_keys)?;
            inbound.insert(route.listener().to_owned(), listener);
        }
        let server = self.proxy(setting, build, SERVER, &inbound)?;
        let mut outbound = BTreeMap::new();
        for (route, sidecars) in through {
            let upstream = address(&server.ports, route.listener()).map_err(wire)?;
            // Istio's automatic mTLS: it is used unless the server's sidecar refuses it.
            let mtls = (sidecars.mode != MtlsMode::Disable)
                .then(|| (self.tls_of(client_keys), self.credentials.server_id.clone()));
            let kind = Stands::Outbound(Outbound {
                host: SERVICE.to_owned(),
                port: PORT,
                mtls,
                normalization: PathNormalization::Base,
            });
            outbound.insert(route.listener().to_owned(), listener(upstream, kind));
        }
        let client = self.proxy(setting, build, CLIENT, &outbound)?;
        for (route, sidecars) in through {
            let name = route.listener();
            let way = Way {
                build: sidecars.build,
                listener: name.to_owned(),
                has_rules: sidecars.has_rules,
                server: inbound[name].prefix(name),
                client: outbound[name].prefix(name),
            };
            self.ways.insert(route.key().to_owned(), way);
        }
        Ok(Pair { client, server })
    }

    fn inbound_of(
        &self,
        route: &Route,
        sidecars: &Sidecars,
        keys: &Files,
    ) -> Result<Listener, Broken> {
        let upstream = address(&self.origin.ports, route.key())
            .map_err(|problem| Broken::at("wire the routes", problem))?;
        let kind = Stands::Inbound(Inbound {
            mode: sidecars.mode,
            tls: self.tls_of(keys),
            normalization: PathNormalization::Base,
            authorization: sidecars.authorization.clone(),
        });
        Ok(listener(upstream, kind))
    }

    /// Tells the server's sidecar the route's policies in the place of those that it has.
    pub(super) fn change(&mut self, route: &Route) -> Result<(), Broken> {
        let fixed = || Broken::at("change the policies", "the sidecars have theirs for good");
        let sidecars = route.sidecars.as_ref().ok_or_else(fixed)?;
        let listener = self.inbound_of(route, sidecars, self.keys.as_ref().ok_or_else(fixed)?)?;
        let listeners = BTreeMap::from([(route.listener().to_owned(), listener)]);
        let pair = self.pairs.get_mut(&sidecars.build).ok_or_else(fixed)?;
        pair.server.tell(listeners)?;
        if let Some(way) = self.ways.get_mut(route.key()) {
            way.has_rules = sidecars.has_rules;
        }
        Ok(())
    }

    /// The sidecars, in the order in which a request meets them.
    pub(super) fn watched(&self, builds: &[Build]) -> Vec<Watched> {
        let with_builds = self.pairs.iter().filter_map(|(at, pair)| Some((pair, builds.get(*at)?)));
        let both = with_builds.flat_map(|(pair, build)| {
            [&pair.client, &pair.server].map(|proxy| Watched {
                role: proxy.role.clone(),
                process: proxy.child.id(),
                program: build.path.clone(),
            })
        });
        both.collect()
    }

    fn tls_of(&self, files: &Files) -> Tls {
        Tls {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            roots: files.roots.clone(),
            trust_domain: self.credentials.server_id.trust_domain().clone(),
            groups: vec![GROUP],
        }
    }

    fn proxy(
        &self,
        setting: &Setting<'_>,
        build: &Build,
        role: &str,
        listeners: &BTreeMap<String, Listener>,
    ) -> Result<Proxy, Broken> {
        let Start { cores, logs, label, .. } = setting.parts;
        let name = format!("{}-{}", role.split(' ').next().unwrap_or(role), build.id());
        let told = setting.retold && role == SERVER;
        let process = Process {
            id: format!("loadgen-{}-{label}-{name}", std::process::id()),
            admin: self.folder.file(&format!("{name}.sock")),
            workers: WORKERS,
            listeners: listeners.clone(),
            told_in: told.then(|| self.folder.file(&format!("{name}-listeners.json"))),
        };
        let file = self.folder.file(&format!("{name}.json"));
        let log = logs.join(format!("{label}-{name}.log"));
        let launch = Launch { tether: setting.tether, build, cores, log: &log, file: &file };
        let proxy = launch.start(role, &process)?;
        keep_first(&file, &logs.join(format!("{name}.json")))?;
        if let Some(told_in) = &process.told_in {
            keep_first(told_in, &logs.join(format!("{name}-listeners.json")))?;
        }
        Ok(proxy)
    }

    /// An error when a process has ended.
    pub(super) fn check(&mut self) -> Result<(), Broken> {
        self.origin.check()?;
        let proxies = self.pairs.values_mut().flat_map(|pair| [&mut pair.server, &mut pair.client]);
        proxies.into_iter().try_for_each(Proxy::check)
    }

    /// Planted stalls begin anew with the next request.
    pub(super) fn anchor(&mut self) -> Result<(), Broken> {
        self.origin.anchor()
    }

    /// Ends all, callers first, and reports the first that did not end well.
    pub(super) fn end(self) -> Result<(), Broken> {
        let Self { origin, pairs, .. } = self;
        let mut ended = Vec::new();
        for Pair { client, server } in pairs.into_values() {
            ended.push(client.end());
            ended.push(server.end());
        }
        ended.push(origin.end());
        ended.into_iter().collect()
    }

    /// What each sidecar of a route's build holds: the client's, then the server's.
    pub(super) fn memory(&self, path: &Path<'_>) -> Result<[Memory; 2], Broken> {
        let pair = &self.pairs[&self.way(path)?.build];
        let of = |proxy: &Proxy| {
            let step = format!("read the memory of the {}", proxy.role);
            memory::of(proxy.child.id()).map_err(|problem| Broken::at(&step, problem))
        };
        Ok([of(&pair.client)?, of(&pair.server)?])
    }

    fn way(&self, path: &Path<'_>) -> Result<&Way, Broken> {
        let missing = || Broken::at("look up a route", format!("{} is not set up", path.route));
        self.ways.get(path.route).ok_or_else(missing)
    }
}

/// On a port of the kernel's choice.
fn listener(upstream: SocketAddr, kind: Stands) -> Listener {
    Listener { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), upstream, kind }
}

/// The configuration stays in the run folder, without keys, which it only names. That of one block
/// is enough: the others differ in ports and in where their keys lay.
fn keep_first(from: &FilePath, to: &FilePath) -> Result<(), Broken> {
    if to.exists() {
        return Ok(());
    }
    let copied = fs::copy(from, to).map(|_| ());
    copied.map_err(|error| Broken::at("keep a configuration", format!("{}: {error}", to.display())))
}

impl Live for Processes {
    fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    fn inbound(&self, path: &Path<'_>) -> Result<SocketAddr, Broken> {
        let way = self.way(path)?;
        let found = address(&self.pairs[&way.build].server.ports, &way.listener);
        found.map_err(|problem| Broken::at("find the server sidecar's port", problem))
    }

    fn entrance(&self, path: &Path<'_>) -> Result<SocketAddr, Broken> {
        let found = if path.proxies != Proxies::None {
            let way = self.way(path)?;
            address(&self.pairs[&way.build].client.ports, &way.listener)
        } else {
            address(&self.origin.ports, path.route)
        };
        found.map_err(|problem| Broken::at("find the entrance's port", problem))
    }

    fn look(&mut self, route: &str) -> Result<RouteStats, Broken> {
        let at_origin = self.origin.stats()?;
        for (name, seen) in &at_origin {
            self.pending.entry(name.clone()).or_default().requests_at_origin += seen.requests;
        }
        let mut at_clients = BTreeMap::new();
        for (build, pair) in &mut self.pairs {
            at_clients.insert(*build, pair.client.counted()?);
            self.at_servers.insert(*build, pair.server.counted()?);
        }
        for (name, way) in &self.ways {
            let (client, server) = (&at_clients[&way.build], &self.at_servers[&way.build]);
            let work = self.pending.entry(name.clone()).or_default();
            let (full, resumed) = tally::handshakes(server, &way.server);
            work.handshakes_full += full;
            work.handshakes_resumed += resumed;
            if way.has_rules {
                let (allowed, denied) = tally::ruled(server, &way.server);
                *work.requests_allowed.get_or_insert_default() += allowed;
                *work.requests_denied.get_or_insert_default() += denied;
            }
            if let Some(tls) = tally::tls(server, &way.server) {
                self.tls.insert(way.build, tls);
            }
            let hops =
                [tally::hop(CLIENT, client, &way.client), tally::hop(SERVER, server, &way.server)];
            tally::add(&mut work.hops, hops);
        }
        Ok(at_origin.get(route).cloned().unwrap_or_default())
    }

    fn take(&mut self, route: &str) -> WorkSeen {
        self.pending.remove(route).unwrap_or_default()
    }

    fn put_back(&mut self, route: &str, work: WorkSeen) {
        self.pending.insert(route.to_owned(), work);
    }

    /// A sidecar of Istio's appends to what a member of the mesh claims, for whom it forwards.
    fn forwards_claims(&self) -> bool {
        true
    }

    fn refused_by(&self, route: &str, means: Means) -> Option<Result<String, String>> {
        let way = self.ways.get(route)?;
        Some(tally::refused_by(self.at_servers.get(&way.build)?, &way.server, means))
    }
}
