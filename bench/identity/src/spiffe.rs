//! SPIFFE ids in the one form that Istio uses. Strict both ways: what is read prints as it was
//! written. Knows nothing of certificates.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Kubernetes' limit of a label, and so of a namespace's name.
const MAX_LABEL: usize = 63;
/// Kubernetes' limit of a subdomain name, and so of a service account's name.
const MAX_SUBDOMAIN: usize = 253;
/// The SPIFFE standard's limit of a trust domain.
const MAX_TRUST_DOMAIN: usize = 255;

/// Why a text is not a SPIFFE id of the supported form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no SPIFFE id: {problem}")]
pub struct InvalidSpiffeId {
    /// What was read, cut at 300 characters.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl InvalidSpiffeId {
    fn new(text: &str, problem: &'static str) -> Self {
        // A peer chooses this text, so that a log line must not grow with it.
        Self { text: text.chars().take(300).collect(), problem }
    }
}

/// Who vouches for an identity, e.g. `cluster.local`: 1 to 255 of `a-z`, `0-9`, `.`, `-`, `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrustDomain(String);

impl TrustDomain {
    /// Checks the characters and the length.
    pub fn new(name: &str) -> Result<Self, InvalidSpiffeId> {
        let known = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
        };
        if name.is_empty() || name.len() > MAX_TRUST_DOMAIN || !name.bytes().all(known) {
            return Err(InvalidSpiffeId::new(
                name,
                "a trust domain is 1 to 255 of a-z, 0-9, `.`, `-` and `_`",
            ));
        }
        Ok(Self(name.to_owned()))
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TrustDomain {
    type Error = InvalidSpiffeId;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl From<TrustDomain> for String {
    fn from(domain: TrustDomain) -> Self {
        domain.0
    }
}

/// `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpiffeId {
    trust_domain: TrustDomain,
    namespace: String,
    service_account: String,
}

impl SpiffeId {
    /// Checks the parts as Kubernetes names.
    pub fn new(
        trust_domain: TrustDomain,
        namespace: &str,
        service_account: &str,
    ) -> Result<Self, InvalidSpiffeId> {
        if namespace.len() > MAX_LABEL || !is_label(namespace) {
            return Err(InvalidSpiffeId::new(
                namespace,
                "a namespace is 1 to 63 of a-z, 0-9 and `-`, with a letter or digit at both ends",
            ));
        }
        let is_subdomain = service_account.split('.').all(is_label);
        if service_account.len() > MAX_SUBDOMAIN || !is_subdomain {
            return Err(InvalidSpiffeId::new(
                service_account,
                "a service account is at most 253 characters: labels of a-z, 0-9 and `-`, \
                 separated by dots",
            ));
        }
        Ok(Self {
            trust_domain,
            namespace: namespace.to_owned(),
            service_account: service_account.to_owned(),
        })
    }

    /// Who vouches for it.
    #[must_use]
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The Kubernetes namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The Kubernetes service account.
    #[must_use]
    pub fn service_account(&self) -> &str {
        &self.service_account
    }
}

/// The shape of a Kubernetes label, without its length.
fn is_label(text: &str) -> bool {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => {
            edge(*first) && edge(*last) && bytes.iter().all(|byte| edge(*byte) || *byte == b'-')
        }
        _ => false,
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text
            .strip_prefix("spiffe://")
            .ok_or_else(|| InvalidSpiffeId::new(text, "it does not begin with `spiffe://`"))?;
        let parts: Vec<&str> = rest.split('/').collect();
        let [domain, "ns", namespace, "sa", service_account] = parts[..] else {
            return Err(InvalidSpiffeId::new(
                text,
                "expected `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`",
            ));
        };
        TrustDomain::new(domain)
            .and_then(|domain| Self::new(domain, namespace, service_account))
            .map_err(|error| InvalidSpiffeId::new(text, error.problem))
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trust_domain, namespace, service_account } = self;
        write!(f, "spiffe://{trust_domain}/ns/{namespace}/sa/{service_account}")
    }
}

impl TryFrom<String> for SpiffeId {
    type Error = InvalidSpiffeId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SpiffeId> for String {
    fn from(id: SpiffeId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_form_that_istio_uses_is_read_in_parts() {
        let id: SpiffeId = "spiffe://cluster.local/ns/loadgen-bench/sa/client".parse().unwrap();
        assert_eq!(id.trust_domain().as_str(), "cluster.local");
        assert_eq!(id.namespace(), "loadgen-bench");
        assert_eq!(id.service_account(), "client");
    }

    #[test]
    fn anything_that_is_not_exactly_that_form_is_refused() {
        for text in [
            "",
            "spiffe://",
            "spiffe://cluster.local",
            "spiffe://cluster.local/",
            "spiffe://cluster.local/ns/a/sa/",
            "spiffe://cluster.local/ns//sa/b",
            "spiffe://cluster.local/ns/a/sa/b/",
            "spiffe://cluster.local/ns/a/sa/b/c",
            "spiffe://cluster.local/ns/a/sa/b?x",
            "spiffe://cluster.local/ns/a/sa/b#x",
            "spiffe://cluster.local/ns/../sa/b",
            "spiffe://cluster.local/sa/a/ns/b",
            "spiffe://Cluster.local/ns/a/sa/b",
            "spiffe://cluster.local:80/ns/a/sa/b",
            "spiffe://user@cluster.local/ns/a/sa/b",
            "SPIFFE://cluster.local/ns/a/sa/b",
            "spiffe:///ns/a/sa/b",
            " spiffe://cluster.local/ns/a/sa/b",
            "spiffe://cluster.local/ns/a/sa/b ",
            "spiffe://cluster.local/ns/a%2f/sa/b",
            "spiffe://cluster.local/ns/-a/sa/b",
            "spiffe://cluster.local/ns/a/sa/b.",
            "https://cluster.local/ns/a/sa/b",
        ] {
            assert!(text.parse::<SpiffeId>().is_err(), "accepted {text:?}");
        }
    }

    #[test]
    fn a_long_text_from_a_peer_is_cut_in_the_error() {
        let error = "x".repeat(100_000).parse::<SpiffeId>().unwrap_err();
        assert!(error.to_string().len() < 500);
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(
            domain in "[a-z0-9._-]{1,40}",
            namespace in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?",
            account in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\\.[a-z0-9]{1,5}){0,3}",
        ) {
            let id = SpiffeId::new(TrustDomain::new(&domain).unwrap(), &namespace, &account).unwrap();
            prop_assert_eq!(id.to_string().parse::<SpiffeId>().unwrap(), id);
        }

        #[test]
        fn what_is_read_prints_as_it_was_written(text in "(spiffe://)?[a-z./A-Z0-9_%-]{0,40}") {
            if let Ok(id) = text.parse::<SpiffeId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = text.parse::<SpiffeId>();
        }
    }
}
