//! What must be true of a variant before it is measured, in the words of the scenario file. How it
//! is proven is the testbed's affair.

use serde::Serialize;

/// What becomes of one kind of call to the server's inbound port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// The call is answered by the origin.
    Accepted,
    /// The call does not reach the origin.
    Refused,
}

/// The claims about a variant; each is probed on the live testbed, none is taken on trust. The
/// three mTLS probes are always set for a variant with sidecars. They may be none for one without
/// proxies, where nothing speaks TLS and nothing is probed but plaintext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Posture {
    /// Plain HTTP.
    pub plaintext: Expected,
    /// mTLS with a certificate of the mesh's CA and trust domain.
    pub mesh_identity: Option<Expected>,
    /// mTLS with the same SPIFFE id from another CA.
    pub foreign_ca: Option<Expected>,
    /// mTLS with a certificate of the mesh's CA for another trust domain.
    pub foreign_trust_domain: Option<Expected>,
    /// Whether the measured path itself, as the generator uses it, arrives with a peer identity
    /// (that is, under mTLS). The identity seen is recorded.
    pub measured_path_has_identity: bool,
}
