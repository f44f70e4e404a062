//! Checks of how callers speak TLS to a host: without it, or without knowing to whom.

use super::Findings;
use super::known::Known;
use crate::authorization::Text;
use crate::destination_rule::{DestinationRule, Tls, TlsMode};
use crate::finding::Severity;
use crate::manifest::Manifest;
use crate::source::Node;
use crate::{DecidedBy, MtlsMode, Workload};

/// What rules and the modes of their hosts say together.
pub(super) fn together(known: &Known<'_>, out: &mut Findings) {
    let verifies = known
        .inventory
        .mesh()
        .and_then(|mesh| mesh.root.member("verifyCertificateAtClient").and_then(Node::boolean));
    for (of, rule) in &known.rules {
        for tls in &rule.tls {
            server(of, tls, verifies == Some(false), out);
            plaintext(of, rule, tls, known, out);
        }
    }
}

fn server(of: &Manifest, tls: &Tls, unverified: bool, out: &mut Findings) {
    if !matches!(tls.mode, TlsMode::Simple | TlsMode::Mutual) {
        return;
    }
    if tls.skips_verification {
        let message = "`insecureSkipVerify`: whoever answers is taken for the server".to_owned();
        out.add("PA019", of, tls.span, message);
    } else if !tls.has_ca {
        let message = match unverified {
            true => {
                "no `caCertificates`, and the mesh verifies none: whoever answers is the server"
            }
            false => "no `caCertificates`: any authority that the system knows is believed",
        };
        let finding = out.add("PA019", of, tls.span, message.to_owned());
        if !unverified {
            finding.severity = Severity::Low;
        }
    }
}

/// The namespace and, where it is written out, the name of a service of the mesh; nothing for a
/// host outside of it.
fn service_of<'r>(host: &'r Text, own: &'r str) -> Option<(Option<&'r str>, &'r str)> {
    let text = host.text.as_str();
    let (short, full) = match text.strip_suffix(".svc.cluster.local") {
        Some(short) => (short, true),
        None => (text.strip_suffix(".svc").unwrap_or(text), text.ends_with(".svc")),
    };
    match short.split('.').collect::<Vec<_>>()[..] {
        ["*" | "*.local"] => None,
        [name] if !full => Some((Some(name), own)),
        ["*", namespace] if full => Some((None, namespace)),
        [name, namespace] if full => Some((Some(name), namespace)),
        _ => None,
    }
}

fn plaintext(
    of: &Manifest,
    rule: &DestinationRule,
    tls: &Tls,
    known: &Known<'_>,
    out: &mut Findings,
) {
    let what = match tls.mode {
        TlsMode::Disable => "in plaintext",
        TlsMode::Simple => "without the mesh's certificate",
        TlsMode::Mutual | TlsMode::IstioMutual => return,
    };
    let Some((name, namespace)) = service_of(&rule.host, &rule.namespace) else { return };
    if matches!(namespace, "kube-system") || name == Some("kubernetes") {
        return; // the API server is outside of the mesh
    }
    let services = known.services(namespace);
    let service = services.iter().find(|service| Some(service.head.name.as_str()) == name);
    let labels = service.map(|service| service.selector.clone()).unwrap_or_default();
    let mode = known.mode(&Workload { namespace: namespace.to_owned(), labels });
    let given = mode.decided_by != DecidedBy::Default;
    let host = &rule.host.text;
    match mode.mode {
        MtlsMode::Strict => {
            let refused = format!("calls to `{host}` come {what} and are refused");
            // Subsets are often made for pods that are not in the mesh.
            let (message, severity) = match &tls.subset {
                Some(name) => (
                    format!("{refused} where the pods of subset `{name}` are in the mesh"),
                    Severity::Medium,
                ),
                None => (format!("{refused}: it is STRICT"), Severity::High),
            };
            out.add("PA012", of, tls.span, message).severity = severity;
        }
        MtlsMode::Permissive if tls.mode == TlsMode::Disable => {
            let message = format!("calls to `{host}` go {what}, though it could take mTLS");
            let finding = out.add("PA012", of, tls.span, message);
            if !given {
                finding.severity = Severity::Medium;
            }
        }
        MtlsMode::Permissive | MtlsMode::Disable => {}
    }
}
