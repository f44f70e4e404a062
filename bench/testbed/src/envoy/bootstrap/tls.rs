//! Transport sockets as a sidecar has them: who is asked for a certificate, whom it must name, and
//! with which parameters of TLS. Knows no listener and no policy.

use std::path::{Path, PathBuf};

use identity::{SpiffeId, TrustDomain};
use serde_json::{Value, json};

/// How keys are agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// X25519, which Envoy took by default until 1.39.
    X25519,
    /// P-256.
    P256,
    /// X25519 with ML-KEM-768, which Envoy takes by default since 1.40.
    X25519MlKem768,
}

impl Group {
    /// As Envoy names it, in its configuration and in its counters.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::X25519 => "X25519",
            Self::P256 => "P-256",
            Self::X25519MlKem768 => "X25519MLKEM768",
        }
    }
}

/// A workload's certificate, and which others it believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The workload's own certificate chain, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// The mesh's roots, in PEM.
    pub roots: PathBuf,
    /// Whose ids a caller must have.
    pub trust_domain: TrustDomain,
    /// The groups that are offered and accepted, the first being the one to take. Always pinned:
    /// Envoy's default differs between releases, and so would their cost.
    pub groups: Vec<Group>,
}

/// What sidecars accept; TLS 1.3 has its own.
const CIPHERS: [&str; 6] = [
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
];

/// What a sidecar says it speaks, by which a PERMISSIVE port tells it from other callers with TLS.
pub(super) const MESH_ALPN: [&str; 5] =
    ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"];

/// The side that is called: a certificate of the mesh is required.
pub(super) fn downstream(tls: &Tls) -> Value {
    let mut parameters = parameters(tls);
    parameters["cipher_suites"] = json!(CIPHERS);
    let ids = json!({ "prefix": format!("spiffe://{}/", tls.trust_domain) });
    socket(
        "DownstreamTlsContext",
        json!({
            "require_client_certificate": true,
            "common_tls_context": common(tls, &["h2", "http/1.1"], &parameters, &ids),
        }),
    )
}

/// The side that calls: exactly one id is expected.
pub(super) fn upstream(tls: &Tls, server: &SpiffeId, sni: &str) -> Value {
    let alpn = ["istio-http/1.1", "istio", "http/1.1"];
    let id = json!({ "exact": server.to_string() });
    socket(
        "UpstreamTlsContext",
        json!({
            "sni": sni,
            "common_tls_context": common(tls, &alpn, &parameters(tls), &id),
        }),
    )
}

/// Envoy's own maximum of a caller is TLS 1.2 unless it is told otherwise.
fn parameters(tls: &Tls) -> Value {
    let groups: Vec<&str> = tls.groups.iter().map(|group| group.word()).collect();
    json!({
        "tls_minimum_protocol_version": "TLSv1_2",
        "tls_maximum_protocol_version": "TLSv1_3",
        "ecdh_curves": groups,
    })
}

fn common(tls: &Tls, alpn: &[&str], parameters: &Value, ids: &Value) -> Value {
    json!({
        "alpn_protocols": alpn,
        "tls_params": parameters,
        "tls_certificates": [{
            "certificate_chain": file(&tls.certificate),
            "private_key": file(&tls.key),
        }],
        "validation_context": {
            "trusted_ca": file(&tls.roots),
            "match_typed_subject_alt_names": [{ "san_type": "URI", "matcher": ids }],
        },
    })
}

fn file(path: &Path) -> Value {
    json!({ "filename": path.display().to_string() })
}

fn socket(kind: &str, mut context: Value) -> Value {
    context["@type"] =
        format!("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{kind}").into();
    json!({ "name": "envoy.transport_sockets.tls", "typed_config": context })
}
