//! The run's own certificate authority and the leaves it signs, shaped like Istio's. Times are
//! handed over; nothing is written to disk.

use std::fmt;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::pki_types::UnixTime;
use serde::{Deserialize, Serialize};

use crate::spiffe::{SpiffeId, TrustDomain};

/// The last second that a certificate can name: 9999-12-31T23:59:59Z (RFC 5280, 4.1.2.5).
const LAST_SECOND: u64 = 253_402_300_799;
/// Leaves begin this much before they are issued, for clocks that disagree a little.
const BACKDATED: Duration = Duration::from_secs(120);

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("could not issue a certificate: {0}")]
pub struct IssueError(#[from] rcgen::Error);

/// From when to when a certificate holds, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    not_before_s: u64,
    not_after_s: u64,
}

impl Validity {
    /// From two minutes before `now` until `lifetime` after it.
    #[must_use]
    pub fn starting(now: UnixTime, lifetime: Duration) -> Self {
        let now_s = now.as_secs();
        Self::between(
            now_s.saturating_sub(BACKDATED.as_secs()),
            now_s.saturating_add(lifetime.as_secs()),
        )
    }

    /// From one second since the epoch to another; later than the year 9999 is cut there.
    #[must_use]
    pub fn between(not_before_s: u64, not_after_s: u64) -> Self {
        Self {
            not_before_s: not_before_s.min(LAST_SECOND),
            not_after_s: not_after_s.min(LAST_SECOND),
        }
    }

    fn apply(self, params: &mut CertificateParams) {
        let epoch = date_time_ymd(1970, 1, 1);
        params.not_before = epoch + Duration::from_secs(self.not_before_s);
        params.not_after = epoch + Duration::from_secs(self.not_after_s);
    }
}

/// A certificate chain with its key, in PEM.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The leaf. The CA signs leaves directly, so that there are no intermediates.
    pub chain_pem: String,
    /// Its key, PKCS #8. Never logged, and on disk only where another process is to be given it.
    pub key_pem: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("chain_pem", &self.chain_pem).finish_non_exhaustive()
    }
}

/// A CA that lives as long as this value: its key is in no file and dies with the process.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// A new CA with a new ECDSA P-256 key. Two of the same trust domain have the same name and
    /// differ in the key alone: a verifier that went by names would take one for the other.
    pub fn new(trust_domain: &TrustDomain, validity: Validity) -> Result<Self, IssueError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, trust_domain.as_str());
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        validity.apply(&mut params);
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, new_key()?)? })
    }

    /// A leaf for that id: ECDSA P-256, the URI as its only name, in a critical extension since
    /// there is no subject; for both sides of a connection.
    pub fn issue(&self, id: &SpiffeId, validity: Validity) -> Result<Identity, IssueError> {
        self.issue_with_names(id, &[], validity)
    }

    /// A leaf as from [`Authority::issue`] that DNS names and IP addresses are added to, for peers
    /// that look for those.
    pub fn issue_with_names(
        &self,
        id: &SpiffeId,
        names: &[String],
        validity: Validity,
    ) -> Result<Identity, IssueError> {
        // Told apart as rcgen does it: what reads as an address is one.
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names.push(SanType::URI(id.to_string().try_into()?));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        validity.apply(&mut params);
        let key = new_key()?;
        let leaf = params.signed_by(&key, &self.issuer)?;
        Ok(Identity { chain_pem: leaf.pem(), key_pem: key.serialize_pem() })
    }

    /// The CA's certificate, for those who are to trust it.
    #[must_use]
    pub fn roots_pem(&self) -> String {
        self.issuer.pem()
    }
}

fn new_key() -> Result<KeyPair, IssueError> {
    Ok(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?)
}
