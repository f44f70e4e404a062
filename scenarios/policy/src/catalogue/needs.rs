//! What checks need besides the objects that they are about, as data: what is not given makes a
//! check one that was not evaluated. How a check is decided is in `check`.

/// Something that may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Namespaces.
    Namespaces,
    /// Pods, or what makes them.
    Workloads,
    /// Services.
    Services,
    /// The mesh's own configuration.
    MeshConfig,
    /// The configuration of Cilium's agents.
    CiliumConfig,
    /// Policies as a cluster has them, with their status.
    Status,
    /// An object of a file and the same out of a cluster.
    Both,
}

impl Need {
    /// What is missing where it is not given.
    #[must_use]
    pub fn missing(self) -> &'static str {
        match self {
            Self::Namespaces => "no Namespace is given",
            Self::Workloads => "no Pod, and nothing that makes Pods, is given",
            Self::Services => "no Service is given",
            Self::MeshConfig => "the mesh's configuration is not given",
            Self::CiliumConfig => "the ConfigMap `cilium-config` is not given",
            Self::Status => "no policy has a status, as those out of a cluster have",
            Self::Both => "no object is given both as a file and out of a cluster",
        }
    }
}

/// What a check is about: it is not missed where there is nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Anything.
    Any,
    /// Objects of the mesh.
    Istio,
    /// `PeerAuthentication`
    PeerAuthentication,
    /// `AuthorizationPolicy`
    Authorization,
    /// Policies of Cilium.
    Cilium,
    /// Policies of both.
    Both,
}

/// Checks that need more than the objects that they are about.
pub const NEEDS: &[(&str, About, &[Need])] = {
    use About::{Any, Authorization, Both, Cilium, Istio, PeerAuthentication};
    use Need::{CiliumConfig, MeshConfig, Namespaces, Services, Status, Workloads};
    &[
        ("GN008", Any, &[Need::Both]),
        ("PA007", PeerAuthentication, &[Services]),
        ("PA010", PeerAuthentication, &[Workloads]),
        ("PA011", PeerAuthentication, &[Workloads, Namespaces]),
        ("PA013", PeerAuthentication, &[Workloads]),
        ("PA014", PeerAuthentication, &[Workloads, Namespaces]),
        ("PA015", Istio, &[Namespaces]),
        ("PA018", Istio, &[Workloads]),
        ("PA020", Istio, &[Services]),
        ("AP008", Authorization, &[Services]),
        ("AP010", Authorization, &[Workloads, MeshConfig]),
        ("AP011", Authorization, &[Namespaces]),
        ("AP015", Authorization, &[MeshConfig]),
        ("AP018", Authorization, &[Workloads]),
        ("AP019", Authorization, &[Namespaces]),
        ("AP024", Authorization, &[Workloads]),
        ("CN020", Cilium, &[CiliumConfig]),
        ("CN032", Cilium, &[Status]),
        ("CN033", Cilium, &[CiliumConfig]),
        ("CN034", Cilium, &[Workloads]),
        ("CN038", Cilium, &[CiliumConfig]),
        ("CN041", Cilium, &[Workloads]),
        ("XR001", Both, &[Workloads]),
        ("XR002", Both, &[Workloads]),
        ("XR003", Istio, &[MeshConfig]),
        ("XR004", Both, &[CiliumConfig]),
    ]
};

/// Checks that can not be decided from files or a cluster's objects: what each would be, and why.
pub const UNDECIDABLE: &[(&str, &str, &str)] = &[
    (
        "XR005",
        "a probe reaches what policies deny",
        "it takes the outcome of probes that were sent, and nothing is sent here; a run of the \
         testbeds does that.",
    ),
    (
        "AP015 beyond NONE",
        "a workload that takes slashes otherwise than the mesh does",
        "what a workload makes of `//` or `%2F` is in its code and in no resource.",
    ),
    (
        "AP032 on `BLOCKED_CIDRS_IN_JWKS_URIS`",
        "istiod may fetch keys from inside",
        "it is an environment variable of istiod, which charts set in other ways; look at its \
         Deployment.",
    ),
    (
        "CN030 where authentication is required",
        "an entry without `authentication` that should have it",
        "which calls need it is the owner's to say, and no resource says so.",
    ),
    (
        "PA017 with a CA of one's own",
        "a certificate that is revoked and still accepted",
        "the list of revoked certificates is in a Secret, and Secrets are not read.",
    ),
];
