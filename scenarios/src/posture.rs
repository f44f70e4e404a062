//! What must be true of a variant before it is measured, in the words of the scenario file. How it
//! is proven is the testbed's affair.

use serde::Serialize;

use crate::load::RequestSpec;

/// What becomes of one kind of call to the server's inbound port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// The call is answered by the origin.
    Accepted,
    /// The call does not reach the origin.
    Refused,
}

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub account: String,
}

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.account)
    }
}

/// One call and what must become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallClaim {
    /// Who calls, under mTLS; nothing for a call on the measured path.
    pub from: Option<Caller>,
    /// What is asked.
    pub request: RequestSpec,
    /// What must become of it.
    pub expected: Expected,
}

impl std::fmt::Display for CallClaim {
    /// `GET /admin from shop/web is refused`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let RequestSpec { method, path, headers, .. } = &self.request;
        write!(f, "{method} {path}")?;
        for (name, value) in headers {
            write!(f, " with {name}: {value}")?;
        }
        match &self.from {
            Some(caller) => write!(f, " from {caller}")?,
            None => f.write_str(" on the measured path")?,
        }
        f.write_str(match self.expected {
            Expected::Accepted => " is accepted",
            Expected::Refused => " is refused",
        })
    }
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
    /// Further calls, by callers and requests that policies tell apart.
    pub calls: Vec<CallClaim>,
}
