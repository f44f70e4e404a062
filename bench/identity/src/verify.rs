//! Who a peer is: chain and signatures by rustls and webpki, the SPIFFE id on top. Never less than
//! what rustls checks by itself, except the DNS name, which SPIFFE replaces by the URI.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::spiffe::{InvalidSpiffeId, SpiffeId, TrustDomain};

/// Why a certificate carries no usable identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerIdentityError {
    /// Not DER, not X.509, or an extension that can not be read.
    #[error("the peer's certificate can not be read")]
    Unreadable,
    /// SPIFFE asks for exactly one URI.
    #[error("the peer's certificate has {0} URI names, expected exactly 1")]
    NotOneUri(usize),
    /// The URI is something else.
    #[error(transparent)]
    Invalid(#[from] InvalidSpiffeId),
    /// Vouched for by the right CA, but for another trust domain.
    #[error("the peer is {peer}, which is not in the trust domain {expected}")]
    ForeignTrustDomain {
        /// Who it is.
        peer: Box<SpiffeId>,
        /// Where it should belong.
        expected: TrustDomain,
    },
    /// Somebody else of the same mesh.
    #[error("the peer is {peer}, expected {expected}")]
    SomebodyElse {
        /// Who it is.
        peer: Box<SpiffeId>,
        /// Who it should be.
        expected: Box<SpiffeId>,
    },
}

impl From<PeerIdentityError> for Error {
    fn from(error: PeerIdentityError) -> Self {
        // The peer is told `certificate unknown`, as from Envoy; the reason stays here.
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error))))
    }
}

/// A TLS error in words, with the reasons that this package adds.
#[must_use]
pub fn explain(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(reason))) => {
            reason.to_string()
        }
        other => other.to_string(),
    }
}

/// The SPIFFE id that a certificate is for: its one URI name. Says nothing about who signed it.
pub fn peer_spiffe_id(certificate: &CertificateDer<'_>) -> Result<SpiffeId, PeerIdentityError> {
    let (rest, parsed) =
        X509Certificate::from_der(certificate).map_err(|_| PeerIdentityError::Unreadable)?;
    if !rest.is_empty() {
        return Err(PeerIdentityError::Unreadable);
    }
    let names = parsed.subject_alternative_name().map_err(|_| PeerIdentityError::Unreadable)?;
    let uris: Vec<&str> = names
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        })
        .collect();
    match uris[..] {
        [uri] => Ok(uri.parse()?),
        _ => Err(PeerIdentityError::NotOneUri(uris.len())),
    }
}

/// Server side: the client has a certificate, of this CA, for this trust domain.
#[derive(Debug)]
pub(crate) struct MeshClientVerifier {
    /// rustls's own verifier: chain, times, key usage, signatures, and that there is a certificate.
    pub(crate) chain: Arc<dyn ClientCertVerifier>,
    /// Peers of other trust domains are refused.
    pub(crate) trust_domain: TrustDomain,
}

impl ClientCertVerifier for MeshClientVerifier {
    fn offer_client_auth(&self) -> bool {
        self.chain.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        let peer = peer_spiffe_id(end_entity)?;
        if *peer.trust_domain() == self.trust_domain {
            Ok(verified)
        } else {
            let expected = self.trust_domain.clone();
            Err(PeerIdentityError::ForeignTrustDomain { peer: Box::new(peer), expected }.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Client side: who may answer, where that is no DNS name. Whoever it is must hold the key of the
/// certificate.
#[derive(Debug)]
pub(crate) struct ServerVerifier {
    /// What rustls would use by itself.
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
    pub(crate) peer: Peer,
}

/// Who may answer.
#[derive(Debug)]
pub(crate) enum Peer {
    /// Whoever does.
    Anybody,
    /// Exactly this id, by a certificate of one of these roots.
    Spiffe(Arc<RootCertStore>, SpiffeId),
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Peer::Spiffe(roots, expected) = &self.peer else {
            return Ok(ServerCertVerified::assertion());
        };
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        let peer = peer_spiffe_id(end_entity)?;
        if peer == *expected {
            Ok(ServerCertVerified::assertion())
        } else {
            let [peer, expected] = [peer, expected.clone()].map(Box::new);
            Err(PeerIdentityError::SomebodyElse { peer, expected }.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
