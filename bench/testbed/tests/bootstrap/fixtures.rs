//! Processes to look at: one for each thing that a listener can be.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::Path;

use identity::{SpiffeId, TrustDomain};
use policy::endpoint::Pod;
use policy::validate::{InForce, Settings, in_force};
use policy::{MtlsMode, Workload};
use testbed::envoy::bootstrap::{
    AuthorizationFilters, Capture, Destination, Endpoint, Group, Inbound, Kind, Listener, Node,
    NodePolicy, Outbound, PathNormalization, Process, Protocol, Target, Tls, Workplace,
};

pub(crate) const NAMESPACE: &str = "bench";
pub(crate) const PORT: u16 = 8080;
pub(crate) const TRUST_DOMAIN: &str = "cluster.local";

pub(crate) fn workload() -> Workload {
    Workload::new(NAMESPACE, [("app", "server")])
}

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn upstream() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9))
}

/// What files put in force; every object in them must be accepted.
pub(crate) fn read(path: &str, text: &str) -> InForce {
    let files = [(path, text)];
    let report = policy::validate::validate(&files, &Settings::default());
    let refused: Vec<_> = report.findings.iter().filter(|finding| finding.check.refuses).collect();
    assert!(refused.is_empty() && report.mistakes.is_empty(), "{path}: {refused:#?}");
    in_force(&files, &Settings::default())
}

pub(crate) fn target(workload: &Workload) -> Target<'_> {
    Target {
        root_namespace: "istio-system",
        workload,
        destination: Destination::Settled(PORT),
        protocol: Protocol::Http,
    }
}

/// Istio's policies, translated.
pub(crate) fn authorization(text: &str) -> AuthorizationFilters {
    let policies = read("policy.yaml", text).authorization_policies;
    AuthorizationFilters::translate(&policies, &target(&workload())).expect("translatable")
}

/// Cilium's policies, translated; the pods beside the server call from addresses of their own.
pub(crate) fn node_policy(text: &str) -> NodePolicy {
    let policies = read("policy.yaml", text).network_policies;
    NodePolicy::translate(&policies, &workplace(&server(), &callers())).expect("translatable")
}

pub(crate) fn workplace<'w>(server: &'w Pod, callers: &'w [Endpoint]) -> Workplace<'w> {
    Workplace { server, port: PORT, callers }
}

fn pod(namespace: &str, labels: &[(&str, &str)]) -> Pod {
    Pod {
        account: None,
        labels: Some(Workload::new(namespace, labels.iter().copied()).labels),
        namespace: namespace.to_owned(),
        namespace_labels: None,
        cluster: "default".to_owned(),
    }
}

pub(crate) fn server() -> Pod {
    pod(NAMESPACE, &[("app", "server")])
}

/// The pods beside the server, by the last number of their addresses.
pub(crate) fn callers() -> Vec<Endpoint> {
    let caller = |namespace, app, last| Endpoint {
        pod: pod(namespace, &[("app", app), ("tier", "front")]),
        addresses: vec![[127, 0, 0, last].into()],
    };
    let intruder = caller(NAMESPACE, "intruder", 4);
    vec![caller(NAMESPACE, "client", 2), caller("other", "client", 3), intruder]
}

pub(crate) fn id(namespace: &str, account: &str) -> SpiffeId {
    let domain = TrustDomain::new(TRUST_DOMAIN).expect("a trust domain");
    SpiffeId::new(domain, namespace, account).expect("an id")
}

pub(crate) fn tls(folder: &Path) -> Tls {
    Tls {
        certificate: folder.join("workload-cert.pem"),
        key: folder.join("workload-key.pem"),
        roots: folder.join("roots.pem"),
        trust_domain: TrustDomain::new(TRUST_DOMAIN).expect("a trust domain"),
        groups: vec![Group::X25519],
    }
}

pub(crate) fn inbound(
    folder: &Path,
    mode: MtlsMode,
    authorization: AuthorizationFilters,
) -> Listener {
    let normalization = PathNormalization::Base;
    let inbound = Inbound { mode, tls: tls(folder), normalization, authorization };
    Listener { address: any_port(), upstream: upstream(), kind: Kind::Inbound(inbound) }
}

pub(crate) fn node(policy: NodePolicy) -> Listener {
    Listener { address: any_port(), upstream: upstream(), kind: Kind::Node(Node { policy }) }
}

/// Towards a server whose certificate must be of that account, or in plaintext.
pub(crate) fn outbound(folder: &Path, account: Option<&str>) -> Listener {
    let outbound = Outbound {
        host: "server.bench.svc.cluster.local".to_owned(),
        port: PORT,
        mtls: account.map(|account| (tls(folder), id(NAMESPACE, account))),
        normalization: PathNormalization::Base,
    };
    Listener { address: any_port(), upstream: upstream(), kind: Kind::Outbound(outbound) }
}

pub(crate) fn process(folder: &Path, listeners: BTreeMap<String, Listener>) -> Process {
    Process {
        told_in: None,
        id: "loadgen-test".to_owned(),
        admin: folder.join("admin.sock"),
        workers: NonZeroU16::MIN,
        listeners,
        capture: None,
    }
}

/// The same where connections are brought by the kernel.
fn captured(folder: &Path, name: &str, mut listener: Listener, port: u16) -> (String, Process) {
    let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
    listener.address = any(PORT);
    let listeners = BTreeMap::from([(name.to_owned(), listener)]);
    let capture = Some(Capture { address: any(port), mark: 1337 });
    (name.to_owned(), Process { capture, ..process(folder, listeners) })
}

const DENY_AND_ALLOW: &str = include_str!("fixtures/deny-and-allow.yaml");
const IDENTITY_ALONE: &str = include_str!("fixtures/identity-alone.yaml");
const EVERY_FIELD: &str = include_str!("fixtures/every-field.yaml");
const DRY_RUN: &str = include_str!("fixtures/dry-run.yaml");
const CILIUM: [(&str, &str); 3] = [
    ("cilium-methods-and-paths", include_str!("fixtures/cilium-methods-and-paths.yaml")),
    ("cilium-headers", include_str!("fixtures/cilium-headers.yaml")),
    ("cilium-callers", include_str!("fixtures/cilium-callers.yaml")),
];

/// Every process, with the name of its snapshot.
pub(crate) fn all(folder: &Path) -> Vec<(String, Process)> {
    let none = || AuthorizationFilters::none(Protocol::Http);
    let mut listeners = vec![
        ("disable", inbound(folder, MtlsMode::Disable, none())),
        ("permissive", inbound(folder, MtlsMode::Permissive, none())),
        ("strict", inbound(folder, MtlsMode::Strict, none())),
        ("deny-and-allow", inbound(folder, MtlsMode::Strict, authorization(DENY_AND_ALLOW))),
        ("identity-alone", inbound(folder, MtlsMode::Strict, authorization(IDENTITY_ALONE))),
        ("every-field", inbound(folder, MtlsMode::Strict, authorization(EVERY_FIELD))),
        ("dry-run", inbound(folder, MtlsMode::Permissive, authorization(DRY_RUN))),
        ("client-mtls", outbound(folder, Some("server"))),
        ("client-plaintext", outbound(folder, None)),
    ];
    let tcp = {
        let workload = workload();
        let target = Target { protocol: Protocol::Tcp, ..target(&workload) };
        let policies = read("policy.yaml", DENY_AND_ALLOW).authorization_policies;
        AuthorizationFilters::translate(&policies, &target).expect("translatable")
    };
    listeners.push(("tcp", inbound(folder, MtlsMode::Strict, tcp)));
    listeners.extend(CILIUM.map(|(name, text)| (name, node(node_policy(text)))));
    for (name, normalization) in [
        ("paths-none", PathNormalization::None),
        ("paths-merged", PathNormalization::MergeSlashes),
        ("paths-decoded", PathNormalization::DecodeAndMergeSlashes),
    ] {
        let mut listener = inbound(folder, MtlsMode::Disable, none());
        if let Kind::Inbound(inbound) = &mut listener.kind {
            inbound.normalization = normalization;
        }
        listeners.push((name, listener));
    }
    let alone = |(name, listener): (&str, Listener)| {
        (name.to_owned(), process(folder, BTreeMap::from([(name.to_owned(), listener)])))
    };
    let mut all: Vec<(String, Process)> = listeners.into_iter().map(alone).collect();
    let strict = inbound(folder, MtlsMode::Strict, none());
    all.push(captured(folder, "captured-inbound", strict, 15_006));
    all.push(captured(folder, "captured-outbound", outbound(folder, Some("server")), 15_001));
    all
}
