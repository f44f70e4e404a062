//! TLS of a server: what it shows, whom it asks for a certificate, and a CA of its own when it is
//! given none. Writes key files where it is told to, and nowhere else.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use identity::{Authority, Identity, IssueError, SpiffeId, TlsVersion, TrustDomain, Validity};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::http::Http;

/// A run is far shorter.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// What TLS a server speaks.
#[derive(Debug, Clone)]
pub struct TlsSpec {
    /// Its certificate chain and key.
    pub identity: Identity,
    /// Clients must show a certificate of one of these CAs, in PEM.
    pub client_ca_pem: Option<String>,
    /// The one version that is spoken; both when there is none.
    pub version: Option<TlsVersion>,
    /// Session tickets for each full handshake. With 0 there is no resumption at all, so that the
    /// cost of a connection does not depend on those before it.
    pub tickets: usize,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Something that is not PEM.
    #[error("{what} can not be read: {source}")]
    Pem {
        /// Which part.
        what: &'static str,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// PEM without what was looked for.
    #[error("{0} holds no certificate")]
    Empty(&'static str),
    /// CAs that clients can not be verified with.
    #[error("the clients' CA can not be used: {0}")]
    ClientCa(#[from] rustls::server::VerifierBuilderError),
    /// A CA or certificate could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// What rustls refuses, e.g. a key that is not the certificate's.
    #[error("TLS can not be set up: {0}")]
    Tls(#[from] rustls::Error),
}

pub(super) fn server_config(spec: &TlsSpec, http: Http) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions: &[&'static SupportedProtocolVersion] = match spec.version {
        None => rustls::ALL_VERSIONS,
        Some(TlsVersion::V1_2) => &[&rustls::version::TLS12],
        Some(TlsVersion::V1_3) => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)?;
    let builder = match &spec.client_ca_pem {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("the clients' CA", pem)? {
                roots.add(certificate)?;
            }
            let roots = Arc::new(roots);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build()?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = certificates("the certificate", &spec.identity.chain_pem)?;
    let key = PrivateKeyDer::from_pem_slice(spec.identity.key_pem.as_bytes())
        .map_err(|source| TlsError::Pem { what: "the key", source })?;
    let mut config = builder.with_single_cert(chain, key)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = spec.tickets;
    if spec.tickets > 0 {
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    }
    config.alpn_protocols = http.alpn();
    Ok(Arc::new(config))
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::Pem { what, source })?;
    if found.is_empty() { Err(TlsError::Empty(what)) } else { Ok(found) }
}

/// A CA that nobody else has, and what it signed.
#[derive(Debug, Clone)]
pub struct RunCertificates {
    /// For those who are to trust it.
    pub ca_pem: String,
    /// For `localhost`, the loopback addresses, and a SPIFFE id.
    pub server: Identity,
    /// For a client, by SPIFFE id.
    pub client: Identity,
}

impl RunCertificates {
    /// Valid for a week from `now`; the server also for these further names and addresses.
    pub fn fresh(now: UnixTime, names: &[String]) -> Result<Self, TlsError> {
        let validity = Validity::starting(now, LIFETIME);
        let domain = TrustDomain::new("cluster.local").expect("a plain name");
        let id = |account| {
            SpiffeId::new(domain.clone(), "loadgen", account).expect("made of plain names")
        };
        let authority = Authority::new(&domain, validity)?;
        let mut all = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        all.extend(names.iter().filter(|name| !all.contains(name)).cloned().collect::<Vec<_>>());
        Ok(Self {
            server: authority.issue_with_names(&id("server"), &all, validity)?,
            client: authority.issue(&id("client"), validity)?,
            ca_pem: authority.roots_pem(),
        })
    }

    /// Writes `ca.pem`, `cert.pem`, `key.pem`, `client.pem` and `client-key.pem` into a folder,
    /// which is made if need be. Only their owner can read the keys.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for (name, text, mode) in [
            ("ca.pem", &self.ca_pem, 0o644),
            ("cert.pem", &self.server.chain_pem, 0o644),
            ("key.pem", &self.server.key_pem, 0o600),
            ("client.pem", &self.client.chain_pem, 0o644),
            ("client-key.pem", &self.client.key_pem, 0o600),
        ] {
            let path = folder.join(name);
            // The mode counts for new files only.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file =
                fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
            file.write_all(text.as_bytes())?;
        }
        Ok(())
    }
}
