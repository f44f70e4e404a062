//! TLS as it was asked for: whom to believe, who we are, what is offered.

use std::path::Path;

use identity::{Caller, Roots, SpiffeId, TlsVersion, Trust, caller_config};
use rustls::pki_types::ServerName;

use super::Mistakes;
use super::place::Parts;
use crate::cli::drive_args::{ConnectionChoice, DriveArgs, TlsChoice};
use crate::transport::target::{Protocol, Tls};

/// `Some(None)` for plain HTTP; `None` after a mistake.
#[expect(clippy::option_option, reason = "a mistake is not the same as no TLS")]
pub(super) fn tls(
    args: &DriveArgs,
    url: &Parts,
    protocol: Protocol,
    mistakes: &mut Mistakes,
) -> Option<Option<Tls>> {
    if !url.https {
        refuse_without_tls(args, mistakes);
        return Some(None);
    }
    let name = args.server_name.clone().unwrap_or_else(|| url.host.clone());
    let name = ServerName::try_from(name.clone())
        .map_err(|_| format!("`{name}` is neither a DNS name nor an address"));
    let name = mistakes.keep("--server-name", name);
    let trust = trust(args, mistakes);
    let own = own(args, mistakes);
    let caller = Caller {
        trust: trust?,
        own: own?,
        version: args.tls_version.map(|version| match version {
            TlsChoice::V1_2 => TlsVersion::V1_2,
            TlsChoice::V1_3 => TlsVersion::V1_3,
        }),
        alpn: match protocol {
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
            Protocol::Http2 { .. } => vec![b"h2".to_vec()],
        },
        resumption: args.connection == ConnectionChoice::PerRequestResumed,
    };
    let config = mistakes.keep("TLS", caller_config(&caller))?;
    Some(Some(Tls { config, name: name? }))
}

fn refuse_without_tls(args: &DriveArgs, mistakes: &mut Mistakes) {
    let given = [
        ("--ca", args.ca.is_some()),
        ("--cert", args.cert.is_some()),
        ("--spiffe", args.spiffe.is_some()),
        ("--server-name", args.server_name.is_some()),
        ("--tls-version", args.tls_version.is_some()),
        ("--insecure", args.insecure),
    ];
    for (option, _) in given.iter().filter(|(_, given)| *given) {
        mistakes.0.push(format!("{option}: the URL is http, without TLS; write https"));
    }
    if args.connection == ConnectionChoice::PerRequestResumed {
        mistakes.0.push(
            "--connection per-request-resumed: the URL is http, and has no handshake to resume"
                .to_owned(),
        );
    }
}

fn trust(args: &DriveArgs, mistakes: &mut Mistakes) -> Option<Trust> {
    if args.insecure {
        return Some(Trust::Anybody);
    }
    let roots = match &args.ca {
        Some(path) => Roots::Pem(mistakes.keep("--ca", read(path))?),
        None => {
            let found = rustls_native_certs::load_native_certs();
            if found.certs.is_empty() {
                mistakes.0.push(
                    "TLS: the system has no certificates to believe; name a CA with --ca"
                        .to_owned(),
                );
                return None;
            }
            Roots::Der(found.certs)
        }
    };
    match &args.spiffe {
        Some(id) => {
            let id = mistakes.keep("--spiffe", id.parse::<SpiffeId>())?;
            Some(Trust::Spiffe(roots, id))
        }
        None => Some(Trust::Name(roots)),
    }
}

/// `Some(None)` without a certificate; `None` after a mistake.
#[expect(clippy::option_option, reason = "a mistake is not the same as no certificate")]
fn own(args: &DriveArgs, mistakes: &mut Mistakes) -> Option<Option<(String, String)>> {
    let (Some(chain), Some(key)) = (&args.cert, &args.key) else { return Some(None) };
    let chain = mistakes.keep("--cert", read(chain));
    let key = mistakes.keep("--key", read(key));
    Some(Some((chain?, key?)))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
