//! rustls configurations for both sides of mesh mTLS. They hold keys and trust, and know nothing
//! of sockets or of what is sent.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    CipherSuite, ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, version,
};
use serde::{Deserialize, Serialize};

use crate::authority::Identity;
use crate::spiffe::{SpiffeId, TrustDomain};
use crate::verify::{MeshClientVerifier, Peer, ServerVerifier};

/// Why a configuration could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A certificate or a key that is not PEM.
    #[error("{what} can not be read: {source}")]
    Pem {
        /// Which one.
        what: &'static str,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// A chain or a list of roots without a certificate.
    #[error("{0} holds no certificate")]
    Empty(&'static str),
    /// Trust anchors that rustls does not take.
    #[error("the roots can not be used: {0}")]
    Roots(#[from] rustls::server::VerifierBuilderError),
    /// Anything else that rustls refuses, e.g. a key that is not the leaf's.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// The one protocol version that is offered and accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2, for comparisons only.
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3.
    #[default]
    #[serde(rename = "1.3")]
    V1_3,
}

impl TlsVersion {
    pub(crate) fn versions(self) -> [&'static SupportedProtocolVersion; 1] {
        match self {
            Self::V1_2 => [&version::TLS12],
            Self::V1_3 => [&version::TLS13],
        }
    }
}

/// What one member of the mesh holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsMaterial {
    /// Its own certificate and key.
    pub identity: Identity,
    /// The CA that it trusts, in PEM.
    pub roots_pem: String,
    /// The trust domain that its callers must belong to.
    pub trust_domain: TrustDomain,
    /// Which TLS it speaks.
    pub version: TlsVersion,
}

/// The server's side: a client certificate is required, its chain must lead to the mesh's CA and
/// its SPIFFE id must be in the trust domain.
///
/// There is no resumption, neither tickets nor a cache: every handshake is a full one, so that the
/// cost of a connection does not depend on those before it. ALPN is `http/1.1`.
pub fn server_config(material: &TlsMaterial) -> Result<Arc<ServerConfig>, ConfigError> {
    let provider = provider();
    let chain = WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots(&material.roots_pem)?),
        Arc::clone(&provider),
    )
    .build()?;
    let verifier = MeshClientVerifier { chain, trust_domain: material.trust_domain.clone() };
    let (certificates, key) = own(&material.identity.chain_pem, &material.identity.key_pem)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&material.version.versions())?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(certificates, key)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The client's side: the server's chain must lead to the mesh's CA and its SPIFFE id must be the
/// expected one. The server name that rustls is given is not checked, and none is sent.
///
/// There is no resumption, see [`server_config`].
pub fn client_config(
    material: &TlsMaterial,
    expected: &SpiffeId,
) -> Result<Arc<ClientConfig>, ConfigError> {
    let provider = provider();
    let peer = Peer::Spiffe(Arc::new(roots(&material.roots_pem)?), expected.clone());
    let algorithms = provider.signature_verification_algorithms;
    let verifier = ServerVerifier { algorithms, peer };
    let (certificates, key) = own(&material.identity.chain_pem, &material.identity.key_pem)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&material.version.versions())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(certificates, key)?;
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// aws-lc-rs with AES-128-GCM first: what two Envoys of a mesh agree on, where rustls by itself
/// would take AES-256-GCM.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    // The sort is stable, so that the rest keeps its order.
    provider.cipher_suites.sort_by_key(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        )
    });
    Arc::new(provider)
}

pub(crate) fn roots(pem: &str) -> Result<RootCertStore, ConfigError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates("the roots", pem)? {
        store.add(certificate)?;
    }
    Ok(store)
}

pub(crate) type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

pub(crate) fn own(chain_pem: &str, key_pem: &str) -> Result<Own, ConfigError> {
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
        .map_err(|source| ConfigError::Pem { what: "the key", source })?;
    Ok((certificates("the certificate chain", chain_pem)?, key))
}

fn certificates(
    what: &'static str,
    pem: &str,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let found = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| ConfigError::Pem { what, source })?;
    if found.is_empty() { Err(ConfigError::Empty(what)) } else { Ok(found) }
}
