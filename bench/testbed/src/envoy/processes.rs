//! The processes of a block: the origin, and for each build of Envoy those that its variants go
//! through: a client's and a server's sidecar, a node's proxy. Knows how they are wired, not what is
//! asked of a variant.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bench::seams::WorkSeen;
use identity::TlsMaterial;
use policy::MtlsMode;
use scenarios::parts::PORT;
use scenarios::variant::Proxies;
use sidecar::{Role, RouteStats};

use super::bootstrap::{
    Group, Inbound, Kind as Stands, Listener, Node, Outbound, PathNormalization, Process, Tls,
};
use super::folder::Folder;
use super::found::Build;
use super::ground::Ground;
use super::pods::{self, Captured, Pods};
use super::proxy::{Launch, Proxy};
use super::route::{Proxied, Route, Sidecars, Told};
use super::tally::{self, Counts};
use crate::credentials::Credentials;
use crate::memory::Watched;
use crate::namespace::Namespace;
use crate::part::{Broken, Part, Start};
use crate::prove::{Live, Means, Path};
use crate::workload::{self, SERVICE, address};

/// Worker threads of each Envoy: loadgen's own sidecars have one, too.
pub(super) const WORKERS: NonZeroU16 = NonZeroU16::MIN;
/// The group that both sides agree on keys with. Envoy's default changed with 1.40, and a comparison
/// of versions would otherwise be one of groups.
pub(super) const GROUP: Group = Group::X25519;
/// Whose proxy an Envoy is, in the order in which a request meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Post {
    Client,
    Server,
    Node,
}

impl Post {
    /// In the order of their starts: the client's sidecar must know the server's ports.
    const ALL: [Self; 3] = [Self::Server, Self::Client, Self::Node];

    fn word(self) -> &'static str {
        match self {
            Self::Client => "client sidecar",
            Self::Server => "server sidecar",
            Self::Node => "node proxy",
        }
    }

    /// In the names of its files.
    fn short(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Node => "node",
        }
    }
}

/// One of the Envoys: of which build, and whose proxy.
type Which = (usize, Post);

/// The processes of one block.
pub(super) struct Processes {
    origin: Part,
    proxies: BTreeMap<Which, Proxy>,
    /// Where each route goes; one without proxies is not there.
    ways: BTreeMap<String, Way>,
    credentials: Credentials,
    /// Counted and not yet asked for.
    pending: BTreeMap<String, WorkSeen>,
    /// What each proxy counted between the last two looks.
    counted: BTreeMap<Which, Counts>,
    /// TLS version, cipher and group, as the server's sidecars counted them last, by build.
    pub(super) tls: BTreeMap<usize, String>,
    folder: Folder,
    /// Where they stand, unless that is the loopback.
    pods: Option<Arc<Pods>>,
    /// The client's and the server's, the server's still there, where its sidecar is told other
    /// listeners while it runs.
    keys: Option<[Files; 2]>,
}

/// A route through the Envoys of a build.
struct Way {
    build: usize,
    /// The name of its listeners.
    listener: String,
    /// Whether a policy looks at requests.
    has_rules: bool,
    /// Of the counters of its listener at each proxy on it; at least one.
    prefixes: BTreeMap<Post, String>,
}

impl Way {
    /// The proxy that the caller meets.
    fn first(&self) -> Post {
        let first = self.prefixes.first_key_value().map(|(post, _)| *post);
        first.expect("a way has a proxy")
    }

    /// The proxy that decides, with the prefix of its counters.
    fn last(&self) -> (Post, &str) {
        let last = self.prefixes.last_key_value().map(|(post, prefix)| (*post, prefix.as_str()));
        last.expect("a way has a proxy")
    }
}

/// How they are started.
pub(super) struct Setting<'a> {
    pub(super) parts: Start<'a>,
    pub(super) ground: &'a Ground,
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
        let pods = setting.ground.pods().cloned();
        let origin = origin(&setting.parts, routes, pods.as_deref())?;
        let mut all = Self {
            origin,
            proxies: BTreeMap::new(),
            ways: BTreeMap::new(),
            credentials,
            pending: BTreeMap::new(),
            counted: BTreeMap::new(),
            tls: BTreeMap::new(),
            folder,
            pods,
            keys: None,
        };
        let keys = all.write_keys()?;
        for index in 0..setting.builds.len() {
            let through: Vec<(&Route, &Proxied)> = routes
                .iter()
                .filter_map(|route| Some((route, route.proxied.as_ref()?)))
                .filter(|(_, proxied)| proxied.build == index)
                .collect();
            all.of_build(setting, index, &through, &keys)?;
        }
        // All of them have read their keys, which need not lie about any longer; but who is told a
        // listener anew reads them anew.
        let read = if setting.retold { &keys[..1] } else { &keys[..] };
        for file in read.iter().flat_map(|files| [&files.certificate, &files.key, &files.roots]) {
            fs::remove_file(file)
                .map_err(|error| Broken::at("remove the keys from the disk", error))?;
        }
        all.keys = setting.retold.then_some(keys);
        if let Some(pods) = &all.pods {
            let captured = all.captured(routes)?;
            pods.capture(&captured)
                .map_err(|problem| Broken::at("capture connections", problem))?;
        }
        Ok(all)
    }

    /// Which connections are brought to which proxies.
    fn captured(&self, routes: &[Route]) -> Result<Captured, Broken> {
        let mut captured = Captured::default();
        for route in routes {
            let port = self.origin_of(route.key())?.port();
            match &route.proxied {
                Some(Proxied { build, told: Told::Sidecars(_), .. }) => {
                    captured.by_sidecars.entry(*build).or_default().push(port);
                }
                Some(Proxied { build, told: Told::Node(_), .. }) => {
                    captured.by_node.entry(*build).or_default().push(port);
                    captured.past_sidecars.push(port);
                }
                None => captured.past_sidecars.push(port),
            }
        }
        Ok(captured)
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

    /// Starts the proxies of a build that its routes go through.
    fn of_build(
        &mut self,
        setting: &Setting<'_>,
        index: usize,
        through: &[(&Route, &Proxied)],
        keys: &[Files; 2],
    ) -> Result<(), Broken> {
        for post in Post::ALL {
            let mut listeners = BTreeMap::new();
            for (route, proxied) in through {
                let listener = self.listener(post, route, proxied, keys)?;
                let Some(listener) = listener else { continue };
                let name = route.listener();
                let way = self.ways.entry(route.key().to_owned()).or_insert_with(|| Way {
                    build: index,
                    listener: name.to_owned(),
                    has_rules: proxied.has_rules,
                    prefixes: BTreeMap::new(),
                });
                way.prefixes.insert(post, listener.prefix(name));
                listeners.insert(name.to_owned(), listener);
            }
            if !listeners.is_empty() {
                let proxy = self.proxy(setting, index, post, listeners)?;
                self.proxies.insert((index, post), proxy);
            }
        }
        Ok(())
    }

    /// What such a proxy is told of a route; nothing where the route does not go through one.
    fn listener(
        &self,
        post: Post,
        route: &Route,
        proxied: &Proxied,
        keys: &[Files; 2],
    ) -> Result<Option<Listener>, Broken> {
        let origin = self.origin_of(route.key())?;
        let service = self.pods.as_ref().map(|pods| pods.service(origin.port()));
        let (upstream, kind) = match (post, &proxied.told) {
            (Post::Server, Told::Sidecars(sidecars)) => {
                (origin, Stands::Inbound(self.inbound_of(sidecars, keys)))
            }
            (Post::Client, Told::Sidecars(sidecars)) => {
                let server = &self.proxies[&(proxied.build, Post::Server)];
                let upstream = match service {
                    Some(service) => service,
                    None => address(&server.ports, route.listener())
                        .map_err(|problem| Broken::at("wire the routes", problem))?,
                };
                (upstream, Stands::Outbound(self.outbound_of(sidecars, keys)))
            }
            (Post::Node, Told::Node(policy)) => {
                let node = Node { policy: policy.clone() };
                (service.unwrap_or(origin), Stands::Node(node))
            }
            (Post::Node, Told::Sidecars(_)) | (Post::Server | Post::Client, Told::Node(_)) => {
                return Ok(None);
            }
        };
        let address = match service {
            // For what was sent to that port, wherever that is.
            Some(service) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, service.port())),
            // On a port of the kernel's choice.
            None => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        };
        Ok(Some(Listener { address, upstream, kind }))
    }

    fn inbound_of(&self, sidecars: &Sidecars, [_, server_keys]: &[Files; 2]) -> Inbound {
        Inbound {
            mode: sidecars.mode,
            tls: self.tls_of(server_keys),
            normalization: PathNormalization::Base,
            authorization: sidecars.authorization.clone(),
        }
    }

    fn outbound_of(&self, sidecars: &Sidecars, [client_keys, _]: &[Files; 2]) -> Outbound {
        // Istio's automatic mTLS: it is used unless the server's sidecar refuses it.
        let mtls = (sidecars.mode != MtlsMode::Disable)
            .then(|| (self.tls_of(client_keys), self.credentials.server_id.clone()));
        Outbound {
            host: SERVICE.to_owned(),
            port: PORT,
            mtls,
            normalization: PathNormalization::Base,
        }
    }

    /// Tells the server's sidecar the route's policies in the place of those that it has.
    pub(super) fn change(&mut self, route: &Route) -> Result<(), Broken> {
        let fixed = || Broken::at("change the policies", "the proxies have theirs for good");
        let proxied = route.proxied.as_ref().ok_or_else(fixed)?;
        let keys = self.keys.as_ref().ok_or_else(fixed)?;
        let listener = self.listener(Post::Server, route, proxied, keys)?.ok_or_else(fixed)?;
        let listeners = BTreeMap::from([(route.listener().to_owned(), listener)]);
        let server = self.proxies.get_mut(&(proxied.build, Post::Server)).ok_or_else(fixed)?;
        server.tell(listeners)?;
        if let Some(way) = self.ways.get_mut(route.key()) {
            way.has_rules = proxied.has_rules;
        }
        Ok(())
    }

    /// The proxies, in the order in which a request meets them.
    pub(super) fn watched(&self, builds: &[Build]) -> Vec<Watched> {
        let with_builds = self
            .proxies
            .iter()
            .filter_map(|((build, _), proxy)| Some((proxy, builds.get(*build)?)));
        let watched = with_builds.map(|(proxy, build)| Watched {
            role: proxy.role.clone(),
            process: proxy.child.id(),
            program: build.path.clone(),
        });
        watched.collect()
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
        index: usize,
        post: Post,
        listeners: BTreeMap<String, Listener>,
    ) -> Result<Proxy, Broken> {
        let Start { cores, logs, label, .. } = setting.parts;
        let build = &setting.builds[index];
        let name = format!("{}-{}", post.short(), build.id());
        let told = setting.retold && post == Post::Server;
        let process = Process {
            id: format!("loadgen-{}-{label}-{name}", std::process::id()),
            admin: self.folder.file(&format!("{name}.sock")),
            workers: WORKERS,
            listeners,
            capture: self.pods.as_ref().map(|_| pods::way_in(post, index)),
            told_in: told.then(|| self.folder.file(&format!("{name}-listeners.json"))),
        };
        let file = self.folder.file(&format!("{name}.json"));
        let log = logs.join(format!("{label}-{name}.log"));
        let tether = setting.ground.tether(post);
        let launch = Launch { tether, build, cores, log: &log, file: &file };
        let proxy = launch.start(post.word(), &process)?;
        keep_first(&file, &logs.join(format!("{name}.json")))?;
        if let Some(told_in) = &process.told_in {
            keep_first(told_in, &logs.join(format!("{name}-listeners.json")))?;
        }
        Ok(proxy)
    }

    /// An error when a process has ended.
    pub(super) fn check(&mut self) -> Result<(), Broken> {
        self.origin.check()?;
        self.proxies.values_mut().try_for_each(Proxy::check)
    }

    /// Planted stalls begin anew with the next request.
    pub(super) fn anchor(&mut self) -> Result<(), Broken> {
        self.origin.anchor()
    }

    /// Ends all, callers first, and reports the first that did not end well.
    pub(super) fn end(self) -> Result<(), Broken> {
        let Self { origin, proxies, .. } = self;
        let mut ended: Vec<Result<(), Broken>> = proxies.into_values().map(Proxy::end).collect();
        ended.push(origin.end());
        ended.into_iter().collect()
    }

    /// The origin's port of a route, as it is on the origin's own loopback.
    fn origin_of(&self, route: &str) -> Result<SocketAddr, Broken> {
        let found = address(&self.origin.ports, route);
        found.map_err(|problem| Broken::at("find the origin's port", problem))
    }

    /// Where callers meet a proxy on a route.
    fn port(&self, path: &Path<'_>, way: &Way, post: Post) -> Result<SocketAddr, Broken> {
        if let Some(pods) = &self.pods {
            return Ok(pods.service(self.origin_of(path.route)?.port()));
        }
        let found = address(&self.proxies[&(way.build, post)].ports, &way.listener);
        found.map_err(|problem| Broken::at(&format!("find the {}'s port", post.word()), problem))
    }

    fn way(&self, path: &Path<'_>) -> Result<&Way, Broken> {
        let missing = || Broken::at("look up a route", format!("{} is not set up", path.route));
        self.ways.get(path.route).ok_or_else(missing)
    }
}

/// Starts the origin, in the server's pod where there is one: then on all of its addresses, as a
/// workload listens that knows nothing of sidecars.
fn origin(start: &Start<'_>, routes: &[Route], pods: Option<&Pods>) -> Result<Part, Broken> {
    let stalls = routes.iter().map(|route| (route.key(), route.stall));
    let mut setup = workload::origin(stalls, start.cores);
    let Some(pods) = pods else { return start.part(Role::Origin, &setup) };
    setup.address = Ipv4Addr::UNSPECIFIED;
    let started = pods.server.within(|| start.part(Role::Origin, &setup));
    started.map_err(|error| Broken::at("enter the server's pod", error))?
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
        self.port(path, way, way.last().0)
    }

    fn entrance(&self, path: &Path<'_>) -> Result<SocketAddr, Broken> {
        if path.proxies == Proxies::None {
            let origin = self.origin_of(path.route)?;
            return Ok(self.pods.as_ref().map_or(origin, |pods| pods.service(origin.port())));
        }
        let way = self.way(path)?;
        self.port(path, way, way.first())
    }

    fn outside(&self, path: &Path<'_>) -> Option<&Namespace> {
        let pods = self.pods.as_ref().filter(|_| path.proxies == Proxies::Sidecars);
        pods.map(|pods| &pods.node)
    }

    fn look(&mut self, route: &str) -> Result<RouteStats, Broken> {
        let at_origin = self.origin.stats()?;
        for (name, seen) in &at_origin {
            self.pending.entry(name.clone()).or_default().requests_at_origin += seen.requests;
        }
        for (which, proxy) in &mut self.proxies {
            self.counted.insert(*which, proxy.counted()?);
        }
        for (name, way) in &self.ways {
            let (post, prefix) = way.last();
            let counts = &self.counted[&(way.build, post)];
            let work = self.pending.entry(name.clone()).or_default();
            let (full, resumed) = tally::handshakes(counts, prefix);
            work.handshakes_full += full;
            work.handshakes_resumed += resumed;
            if way.has_rules {
                let (allowed, denied) = tally::ruled(counts, prefix);
                *work.requests_allowed.get_or_insert_default() += allowed;
                *work.requests_denied.get_or_insert_default() += denied;
            }
            if let Some(tls) = tally::tls(counts, prefix) {
                self.tls.insert(way.build, tls);
            }
            let hops = way.prefixes.iter().map(|(post, prefix)| {
                tally::hop(post.word(), &self.counted[&(way.build, *post)], prefix)
            });
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
        let (post, prefix) = way.last();
        Some(tally::refused_by(self.counted.get(&(way.build, post))?, prefix, means))
    }
}
