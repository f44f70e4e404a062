//! A certificate authority for one run: SPIFFE identities and the TLS configurations that check
//! them. Must not know scenarios, files or the time at which it issues (it is handed over).

mod authority;
mod caller;
mod spiffe;
mod tls_config;
mod verify;

pub use authority::{Authority, Identity, IssueError, Validity};
pub use caller::{Caller, Roots, Trust, caller_config};
pub use rustls::pki_types::CertificateDer;
pub use spiffe::{InvalidSpiffeId, SpiffeId, TrustDomain};
pub use tls_config::{ConfigError, TlsMaterial, TlsVersion, client_config, server_config};
pub use verify::{PeerIdentityError, explain, peer_spiffe_id};
