//! Who may ask an agent and who is one: a CA of the run's own, whose key never leaves the
//! coordinator's memory. Each agent holds a certificate for its name, and the coordinator one for
//! his; neither talks to anybody else. Knows no socket.
//!
//! Certificates rather than a shared word: an agent's secret opens nothing but that agent's place,
//! and both sides are proven by the handshake that encrypts, before a byte of a message is read.

use std::sync::Arc;
use std::time::Duration;

use identity::{
    Authority, ConfigError, InvalidSpiffeId, IssueError, SpiffeId, TlsMaterial, TlsVersion,
    TrustDomain, Validity, client_config, server_config,
};
use rustls::pki_types::UnixTime;
use rustls::{ClientConfig, ServerConfig};

const TRUST_DOMAIN: &str = "agents.loadgen";
const NAMESPACE: &str = "run";
const COORDINATOR: &str = "coordinator";
/// A run is far shorter.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// Told in the handshake, so that no other service is taken for an agent.
const ALPN: &[u8] = b"loadgen-agent";

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A certificate could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// Something that is no name of an agent.
    #[error("can not be an agent's name: {0}")]
    Name(#[from] InvalidSpiffeId),
    /// TLS can not be set up with them.
    #[error("can not be used: {0}")]
    Config(#[from] ConfigError),
    /// Not the document that a coordinator makes.
    #[error("expected the credentials that a coordinator made: {0}")]
    Document(#[from] serde_json::Error),
}

/// The CA of a run. Dropped, it signs for nobody any more.
#[derive(Debug)]
pub struct RunAuthority {
    authority: Authority,
    validity: Validity,
    domain: TrustDomain,
    own: TlsMaterial,
}

/// The coordinator's side.
#[derive(Debug, Clone)]
pub struct Coordinator {
    own: TlsMaterial,
}

impl RunAuthority {
    /// A new CA, of which nobody else has the key, and the coordinator's own certificate.
    pub fn fresh(now: UnixTime) -> Result<Self, CredentialsError> {
        let validity = Validity::starting(now, LIFETIME);
        let domain = TrustDomain::new(TRUST_DOMAIN)?;
        let authority = Authority::new(&domain, validity)?;
        let own = issued(&authority, &domain, COORDINATOR, validity)?;
        Ok(Self { authority, validity, domain, own })
    }

    /// What an agent of that name is to be given, as the document that it reads: one line. It holds
    /// a key.
    pub fn agent(&self, name: &str) -> Result<String, CredentialsError> {
        let material = issued(&self.authority, &self.domain, name, self.validity)?;
        Ok(serde_json::to_string(&material)?)
    }

    /// The coordinator's own.
    #[must_use]
    pub fn coordinator(&self) -> Coordinator {
        Coordinator { own: self.own.clone() }
    }
}

impl Coordinator {
    /// Reads the document that [`Self::document`] made.
    pub fn read(document: &str) -> Result<Self, CredentialsError> {
        Ok(Self { own: serde_json::from_str(document)? })
    }

    /// For a coordinator that is another process: one line. It holds a key.
    pub fn document(&self) -> Result<String, CredentialsError> {
        Ok(serde_json::to_string(&self.own)?)
    }

    /// For a connection to the agent of that name, and to no other.
    pub fn towards(&self, name: &str) -> Result<Arc<ClientConfig>, CredentialsError> {
        let config = client_config(&self.own, &id(&self.own.trust_domain, name)?)?;
        let mut config = Arc::unwrap_or_clone(config);
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Arc::new(config))
    }
}

/// An agent's side.
#[derive(Debug, Clone)]
pub struct AgentCredentials {
    /// For what comes in.
    pub tls: Arc<ServerConfig>,
    /// Who may ask: the CA of the run knows agents too.
    pub coordinator: SpiffeId,
}

impl AgentCredentials {
    /// Reads the document that the coordinator made.
    pub fn read(document: &str) -> Result<Self, CredentialsError> {
        let material: TlsMaterial = serde_json::from_str(document)?;
        let coordinator = id(&material.trust_domain, COORDINATOR)?;
        let mut config = Arc::unwrap_or_clone(server_config(&material)?);
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self { tls: Arc::new(config), coordinator })
    }
}

fn id(domain: &TrustDomain, name: &str) -> Result<SpiffeId, InvalidSpiffeId> {
    SpiffeId::new(domain.clone(), NAMESPACE, name)
}

fn issued(
    authority: &Authority,
    domain: &TrustDomain,
    name: &str,
    validity: Validity,
) -> Result<TlsMaterial, CredentialsError> {
    Ok(TlsMaterial {
        identity: authority.issue(&id(domain, name)?, validity)?,
        roots_pem: authority.roots_pem(),
        trust_domain: domain.clone(),
        version: TlsVersion::V1_3,
    })
}
