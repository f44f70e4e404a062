//! Checks of where the keys come from by which tokens are verified.

use std::net::IpAddr;

use super::Findings;
use crate::judge::affected::{Affected, affected};
use crate::manifest::Manifest;
use crate::request_authentication::{JwtRule, RequestAuthentication};
use crate::version::Versions;

/// What one policy alone says.
pub(super) fn alone(of: &Manifest, versions: Versions, out: &mut Findings) {
    let Some(read) = RequestAuthentication::read(of) else { return };
    for rule in &read.rules {
        keys(of, rule, out);
        let Some(uri) = &rule.jwks_uri else { continue };
        match affected("AP033", versions) {
            Affected::Yes(which) => {
                let message =
                    format!("while the keys can not be fetched, known ones are believed ({which})");
                out.add("AP033", of, uri.span, message);
            }
            Affected::No => {}
            Affected::Unknown => out.open("AP033", "Istio's release is not given"),
        }
    }
}

fn keys(of: &Manifest, rule: &JwtRule, out: &mut Findings) {
    if let Some(uri) = &rule.jwks_uri {
        let text = uri.text.as_str();
        if text.to_lowercase().starts_with("http://") {
            let message = format!("whoever is on the way to `{text}` can put keys in");
            out.add("AP032", of, uri.span, message);
        } else if is_internal(text) {
            let message =
                format!("istiod fetches `{text}`, which may be no business of this namespace");
            out.add("AP032", of, uri.span, message);
        }
    }
    // The private parts of keys of RSA and of elliptic curves are called `d`.
    let Some(jwks) = &rule.jwks else { return };
    let document: Option<serde_json::Value> = serde_json::from_str(&jwks.text).ok();
    let keys = document.as_ref().and_then(|document| document["keys"].as_array());
    let private = |key: &serde_json::Value| {
        key.get("d").is_some() || key.get("k").is_some() && key["kty"] == "oct"
    };
    if keys.is_some_and(|keys| keys.iter().any(private)) {
        let message =
            "a private key is among the keys: whoever reads this can make tokens".to_owned();
        out.add("AP032", of, jwks.span, message);
    }
}

/// Whether the host of a URL is an address that is not for everybody.
fn is_internal(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            address.is_loopback() || address.is_link_local() || address.is_private()
        }
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => host == "localhost",
    }
}
