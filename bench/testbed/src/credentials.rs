//! The certificates of one block: the mesh's, and those of callers that must be refused. All of
//! them live in memory only.

use std::sync::Arc;
use std::time::Duration;

use identity::{
    Authority, Caller, Identity, SpiffeId, TlsMaterial, TlsVersion, Trust, TrustDomain, Validity,
    caller_config, client_config,
};
use rustls::ClientConfig;
use scenarios::parts::{CLIENT, NAMESPACE, SERVER, TRUST_DOMAIN};
use scenarios::posture;

use crate::deadline;

const FOREIGN_TRUST_DOMAIN: &str = "foreign.example";
/// What a client's sidecar offers. A permissive port takes who offers nothing of Istio's for somebody
/// else with TLS, and resets the connection before it looks at a certificate.
const SIDECARS_ALPN: [&str; 3] = ["istio-http/1.1", "istio", "http/1.1"];
/// Istio's default; a block is far shorter.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Why there is no certificate.
type Problem = Box<dyn std::error::Error>;

/// Everybody's certificates for a block.
pub(crate) struct Credentials {
    pub(crate) client_id: SpiffeId,
    pub(crate) server_id: SpiffeId,
    pub(crate) client: TlsMaterial,
    pub(crate) server: TlsMaterial,
    /// Calls as the client's sidecar would.
    pub(crate) mesh: Arc<ClientConfig>,
    /// Calls with the client's SPIFFE id from a CA of the same name that is not the mesh's.
    pub(crate) foreign_ca: Arc<ClientConfig>,
    /// Calls with a certificate of the mesh's CA for another trust domain.
    pub(crate) foreign_trust_domain: Arc<ClientConfig>,
    /// Signs for further callers.
    authority: Authority,
    domain: TrustDomain,
    validity: Validity,
}

impl Credentials {
    /// A new CA and what it signs.
    pub(crate) fn fresh() -> Result<Self, Problem> {
        let validity = Validity::starting(deadline::today(), LIFETIME);
        let domain = TrustDomain::new(TRUST_DOMAIN)?;
        let id = |account: &str| SpiffeId::new(domain.clone(), NAMESPACE, account);
        let (client_id, server_id) = (id(CLIENT)?, id(SERVER)?);
        let stranger_id =
            SpiffeId::new(TrustDomain::new(FOREIGN_TRUST_DOMAIN)?, NAMESPACE, CLIENT)?;

        let mesh = Authority::new(&domain, validity)?;
        let foreign = Authority::new(&domain, validity)?;
        let roots_pem = mesh.roots_pem();
        // Everybody trusts the mesh's CA, so that only the caller's own certificate decides.
        let material = |identity: Identity| material(identity, &roots_pem, &domain);
        let client = material(mesh.issue(&client_id, validity)?);
        let server = material(mesh.issue(&server_id, validity)?);
        let impostor = material(foreign.issue(&client_id, validity)?);
        let stranger = material(mesh.issue(&stranger_id, validity)?);
        let caller = |material: &TlsMaterial| as_sidecar(material, &server_id);
        Ok(Self {
            mesh: caller(&client)?,
            foreign_ca: caller(&impostor)?,
            foreign_trust_domain: caller(&stranger)?,
            client_id,
            server_id,
            client,
            server,
            authority: mesh,
            domain,
            validity,
        })
    }

    /// Calls as that service account, and its identity.
    pub(crate) fn of(
        &self,
        caller: &posture::Caller,
    ) -> Result<(Arc<ClientConfig>, SpiffeId), Problem> {
        let posture::Caller { namespace, account } = caller;
        let id = SpiffeId::new(self.domain.clone(), namespace, account)?;
        let identity = self.authority.issue(&id, self.validity)?;
        let own = material(identity, &self.authority.roots_pem(), &self.domain);
        Ok((as_sidecar(&own, &self.server_id)?, id))
    }
}

/// Calls as that member of the mesh, by a CA that the mesh does not know, whoever answers: who stands
/// outside of a mesh knows none of its roots.
pub fn impostor(id: &SpiffeId) -> Result<Arc<ClientConfig>, Problem> {
    let validity = Validity::starting(deadline::today(), LIFETIME);
    let own = Authority::new(id.trust_domain(), validity)?.issue(id, validity)?;
    Ok(caller_config(&Caller {
        trust: Trust::Anybody,
        own: Some((own.chain_pem, own.key_pem)),
        version: Some(TlsVersion::V1_3),
        alpn: SIDECARS_ALPN.map(|name| name.as_bytes().to_vec()).into(),
        resumption: false,
    })?)
}

/// Calls the server as a client's sidecar does.
fn as_sidecar(own: &TlsMaterial, server: &SpiffeId) -> Result<Arc<ClientConfig>, Problem> {
    let mut config = ClientConfig::clone(&*client_config(own, server)?);
    config.alpn_protocols = SIDECARS_ALPN.map(|name| name.as_bytes().to_vec()).into();
    Ok(Arc::new(config))
}

fn material(identity: Identity, roots_pem: &str, domain: &TrustDomain) -> TlsMaterial {
    let (roots_pem, trust_domain) = (roots_pem.to_owned(), domain.clone());
    TlsMaterial { identity, roots_pem, trust_domain, version: TlsVersion::V1_3 }
}
