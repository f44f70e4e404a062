//! TLS and mTLS, with rustls as the client.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use identity::{Identity, TlsVersion};
use loadgen::serve::tls::{RunCertificates, TlsSpec};
use loadgen::serve::{Running, ServerSpec};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::client::{GET, OK, abc, connect, hear, hear_last, say, start};

type Stream = StreamOwned<ClientConnection, TcpStream>;

pub(crate) fn certificates() -> RunCertificates {
    RunCertificates::fresh(testbed::deadline::today(), &[]).expect("a CA")
}

pub(crate) fn tls_of(certificates: &RunCertificates) -> TlsSpec {
    let identity = certificates.server.clone();
    TlsSpec { identity, client_ca_pem: None, version: None, tickets: 0 }
}

pub(crate) fn config(ca_pem: &str, own: Option<&Identity>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.expect("PEM")).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = CertificateDer::pem_slice_iter(own.chain_pem.as_bytes());
            let chain = chain.collect::<Result<_, _>>().expect("PEM");
            let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).expect("PEM");
            builder.with_client_auth_cert(chain, key).expect("a certificate")
        }
    }
}

fn secure(server: &Running, config: &Arc<ClientConfig>) -> Stream {
    let name = "localhost".try_into().expect("a name");
    let session = ClientConnection::new(Arc::clone(config), name).expect("a session");
    StreamOwned::new(session, connect(server))
}

fn goodbye(mut stream: Stream) {
    stream.conn.send_close_notify();
    stream.flush().expect("said");
    hear_last(&mut stream, "");
}

fn with_tls(tls: TlsSpec) -> Running {
    start(ServerSpec { tls: Some(tls), ..abc() })
}

#[test]
fn both_versions_are_spoken_and_counted_and_nothing_is_resumed_unasked() {
    let certificates = certificates();
    let server = with_tls(tls_of(&certificates));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13, &rustls::version::TLS13] {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let template = config(&certificates.ca_pem, None);
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(certificates.ca_pem.as_bytes()) {
            roots.add(root.expect("PEM")).expect("a root");
        }
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = template.resumption;
        let config = Arc::new(config);
        for _ in 0..2 {
            let mut stream = secure(&server, &config);
            for _ in 0..3 {
                say(&mut stream, GET);
                hear(&mut stream, OK);
            }
            goodbye(stream);
        }
    }
    let served = server.stop().expect("it ends");
    assert_eq!((served.handshakes_full, served.handshakes_resumed), (6, 0));
    assert_eq!((served.tls_1_2, served.tls_1_3, served.handshakes_failed), (2, 4, 0));
    assert_eq!((served.requests, served.answers), (18, 18));
}

#[test]
fn tickets_are_given_and_taken_when_asked_for() {
    let certificates = certificates();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let server =
            with_tls(TlsSpec { tickets: 2, version: Some(version), ..tls_of(&certificates) });
        let config = Arc::new(config(&certificates.ca_pem, None));
        for _ in 0..3 {
            let mut stream = secure(&server, &config);
            say(&mut stream, GET);
            hear(&mut stream, OK);
            goodbye(stream);
        }
        let served = server.stop().expect("it ends");
        assert_eq!((served.handshakes_full, served.handshakes_resumed), (1, 2), "{version:?}");
    }
}

#[test]
fn a_client_without_the_right_certificate_is_turned_away_before_its_request() {
    let certificates = certificates();
    let strange = self::certificates();
    let tls = TlsSpec { client_ca_pem: Some(certificates.ca_pem.clone()), ..tls_of(&certificates) };
    let server = with_tls(tls);
    for own in [None, Some(&strange.client)] {
        let config = Arc::new(config(&certificates.ca_pem, own));
        let mut stream = secure(&server, &config);
        // With TLS 1.3 the client is done before the server has looked at its certificate, so that
        // only reading tells.
        let _ = stream.write_all(GET.as_bytes());
        assert!(stream.read(&mut [0]).is_err());
    }
    let config = Arc::new(config(&certificates.ca_pem, Some(&certificates.client)));
    let mut stream = secure(&server, &config);
    say(&mut stream, GET);
    hear(&mut stream, OK);
    goodbye(stream);
    let served = server.stop().expect("it ends");
    assert_eq!((served.handshakes_full, served.handshakes_failed, served.requests), (1, 2, 1));
}

#[test]
fn plain_http_on_a_tls_port_is_a_failed_handshake() {
    let server = with_tls(tls_of(&certificates()));
    let mut stream = connect(&server);
    say(&mut stream, GET);
    let mut alert = Vec::new();
    let _ = stream.read_to_end(&mut alert);
    assert_eq!(alert.first(), Some(&21), "a TLS alert");
    let served = server.stop().expect("it ends");
    assert_eq!((served.handshakes_failed, served.requests), (1, 0));
}

#[test]
fn large_bodies_and_pipelined_requests_pass_through_tls() {
    const BYTES: usize = 3 << 20;
    let certificates = certificates();
    let mut spec = ServerSpec { tls: Some(tls_of(&certificates)), ..abc() };
    spec.answer.body_bytes = BYTES;
    let server = start(spec);
    let config = Arc::new(config(&certificates.ca_pem, None));
    let mut stream = secure(&server, &config);
    say(&mut stream, &GET.repeat(4));
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {BYTES}\r\n\r\n");
    let body: Vec<u8> = (b'a'..=b'z').cycle().take(BYTES).collect();
    for _ in 0..4 {
        hear(&mut stream, &head);
        let mut found = vec![0; BYTES];
        stream.read_exact(&mut found).expect("the body");
        assert!(found == body);
    }
    say(&mut stream, "GET / HTTP/1.1\r\nconnection: close\r\n\r\n");
    let mut last = Vec::new();
    // Ends with a close_notify: without one this would be an error.
    stream.read_to_end(&mut last).expect("a clean end");
    assert!(last.ends_with(&body));
}

#[test]
fn faults_are_met_under_tls_too() {
    let certificates = certificates();
    let config = Arc::new(config(&certificates.ca_pem, None));
    for fault in ["reset-every=2", "truncate-every=2", "close-every=2", "half-close-every=2"] {
        let mut spec = ServerSpec { tls: Some(tls_of(&certificates)), ..abc() };
        spec.planted.faults = vec![fault.parse().expect("a fault")];
        let server = start(spec);
        let mut stream = secure(&server, &config);
        say(&mut stream, GET);
        hear(&mut stream, OK);
        say(&mut stream, GET);
        let mut rest = Vec::new();
        let end = stream.read_to_end(&mut rest);
        assert_eq!(end.is_err(), fault.starts_with("reset"), "{fault}: {end:?}");
        let expected = match fault {
            "truncate-every=2" => OK.len() / 2,
            "half-close-every=2" => OK.len(),
            _ => 0,
        };
        assert_eq!(rest.len(), expected, "{fault}");
    }
}
