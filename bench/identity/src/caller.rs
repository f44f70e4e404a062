//! TLS for a caller that may talk to anything: by name as on the web, or by SPIFFE id as in a mesh.
//! Holds trust and an optional own certificate; knows no sockets.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::spiffe::SpiffeId;
use crate::tls_config::{ConfigError, TlsVersion, own, provider, roots};
use crate::verify::{Peer, ServerVerifier};

/// Sessions that are kept for resumption, as many as a caller has connections at most.
const SESSIONS: usize = 10_000;

/// What a caller holds and whom it believes.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who may answer.
    pub trust: Trust,
    /// Certificate chain and key in PEM, for servers that ask who calls.
    pub own: Option<(String, String)>,
    /// The one version that is offered; both when there is none.
    pub version: Option<TlsVersion>,
    /// What is offered by ALPN, e.g. `h2`.
    pub alpn: Vec<Vec<u8>>,
    /// Whether a handshake may build on an earlier one. Never unless asked for: it is another cost.
    pub resumption: bool,
}

/// Who may answer.
#[derive(Debug, Clone)]
pub enum Trust {
    /// A certificate for the server's name by one of these roots.
    Name(Roots),
    /// A certificate for this id by one of these roots; its DNS names do not matter.
    Spiffe(Roots, SpiffeId),
    /// Anybody. Traffic is encrypted, and nobody knows to whom.
    Anybody,
}

/// Certificates that others may be signed by.
#[derive(Debug, Clone)]
pub enum Roots {
    /// In PEM.
    Pem(String),
    /// As the operating system has them.
    Der(Vec<CertificateDer<'static>>),
}

impl Roots {
    fn store(&self) -> Result<RootCertStore, ConfigError> {
        match self {
            Self::Pem(pem) => roots(pem),
            Self::Der(certificates) => {
                let mut store = RootCertStore::empty();
                // The system's list may hold one that webpki does not take; the others serve.
                store.add_parsable_certificates(certificates.iter().cloned());
                if store.is_empty() {
                    Err(ConfigError::Empty("the system's roots"))
                } else {
                    Ok(store)
                }
            }
        }
    }
}

/// A configuration for it.
pub fn caller_config(caller: &Caller) -> Result<Arc<ClientConfig>, ConfigError> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let verifier: Arc<dyn ServerCertVerifier> = match &caller.trust {
        Trust::Name(roots) => WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots.store()?),
            Arc::clone(&provider),
        )
        .build()?,
        Trust::Spiffe(roots, expected) => {
            let peer = Peer::Spiffe(Arc::new(roots.store()?), expected.clone());
            Arc::new(ServerVerifier { algorithms, peer })
        }
        Trust::Anybody => Arc::new(ServerVerifier { algorithms, peer: Peer::Anybody }),
    };
    let versions = match caller.version {
        Some(version) => version.versions().to_vec(),
        None => rustls::ALL_VERSIONS.to_vec(),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &caller.own {
        Some((chain_pem, key_pem)) => {
            let (certificates, key) = own(chain_pem, key_pem)?;
            builder.with_client_auth_cert(certificates, key)?
        }
        None => builder.with_no_client_auth(),
    };
    config.resumption = if caller.resumption {
        Resumption::in_memory_sessions(SESSIONS)
    } else {
        Resumption::disabled()
    };
    config.alpn_protocols.clone_from(&caller.alpn);
    Ok(Arc::new(config))
}
