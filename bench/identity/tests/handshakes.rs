//! Real TLS in memory: who is let in, who is not, and what the certificates look like.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use identity::{
    Authority, CertificateDer, Identity, PeerIdentityError, SpiffeId, TlsMaterial, TlsVersion,
    TrustDomain, Validity, client_config, explain, peer_spiffe_id, server_config,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{ClientConnection, Error, HandshakeKind, ServerConnection};
use x509_parser::prelude::{FromDer, X509Certificate};

const HOUR: Duration = Duration::from_secs(3600);

fn domain(name: &str) -> TrustDomain {
    TrustDomain::new(name).unwrap()
}

fn id(text: &str) -> SpiffeId {
    text.parse().unwrap()
}

fn client_id() -> SpiffeId {
    id("spiffe://cluster.local/ns/loadgen-bench/sa/client")
}

fn server_id() -> SpiffeId {
    id("spiffe://cluster.local/ns/loadgen-bench/sa/server")
}

fn valid() -> Validity {
    Validity::starting(UnixTime::now(), HOUR)
}

fn mesh() -> Authority {
    Authority::new(&domain("cluster.local"), valid()).unwrap()
}

fn material(identity: Identity, trusted: &Authority, version: TlsVersion) -> TlsMaterial {
    let trust_domain = domain("cluster.local");
    TlsMaterial { identity, roots_pem: trusted.roots_pem(), trust_domain, version }
}

/// Both ends of a handshake, run to its end or to the first error.
fn handshake(
    client: &TlsMaterial,
    server: &TlsMaterial,
) -> Result<(ClientConnection, ServerConnection), Error> {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let client_config = client_config(client, &server_id()).unwrap();
    let mut client = ClientConnection::new(client_config, name)?;
    let mut server = ServerConnection::new(server_config(server).unwrap())?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        let mut read = wire.as_slice();
        while !read.is_empty() {
            server.read_tls(&mut read).unwrap();
            server.process_new_packets()?;
        }
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        let mut read = wire.as_slice();
        while !read.is_empty() {
            client.read_tls(&mut read).unwrap();
            client.process_new_packets()?;
        }
    }
    Ok((client, server))
}

fn leaf(identity: &Identity) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(identity.chain_pem.as_bytes()).unwrap()
}

#[test]
fn two_members_of_a_mesh_shake_hands_in_tls_1_3_and_know_each_other() {
    let mesh = mesh();
    let client = material(mesh.issue(&client_id(), valid()).unwrap(), &mesh, TlsVersion::V1_3);
    let server = material(mesh.issue(&server_id(), valid()).unwrap(), &mesh, TlsVersion::V1_3);
    let (client, server) = handshake(&client, &server).unwrap();
    assert_eq!(peer_spiffe_id(&server.peer_certificates().unwrap()[0]).unwrap(), client_id());
    assert_eq!(peer_spiffe_id(&client.peer_certificates().unwrap()[0]).unwrap(), server_id());
    assert_eq!(server.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(
        server.negotiated_cipher_suite().unwrap().suite(),
        rustls::CipherSuite::TLS13_AES_128_GCM_SHA256
    );
}

#[test]
fn tls_1_2_can_be_asked_for_and_the_two_versions_do_not_mix() {
    let mesh = mesh();
    let side = |id: &SpiffeId, version| material(mesh.issue(id, valid()).unwrap(), &mesh, version);
    let old =
        handshake(&side(&client_id(), TlsVersion::V1_2), &side(&server_id(), TlsVersion::V1_2));
    assert_eq!(old.unwrap().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
    let mixed =
        handshake(&side(&client_id(), TlsVersion::V1_2), &side(&server_id(), TlsVersion::V1_3));
    assert!(mixed.is_err());
}

#[test]
fn a_second_connection_is_a_full_handshake_again() {
    let mesh = mesh();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let client = material(mesh.issue(&client_id(), valid()).unwrap(), &mesh, version);
        let server = material(mesh.issue(&server_id(), valid()).unwrap(), &mesh, version);
        // The configurations are what would remember a session, so that they are shared here.
        let client_config = client_config(&client, &server_id()).unwrap();
        let server_config = server_config(&server).unwrap();
        for _ in 0..2 {
            let name = ServerName::try_from("127.0.0.1").unwrap();
            let mut client = ClientConnection::new(Arc::clone(&client_config), name).unwrap();
            let mut server = ServerConnection::new(Arc::clone(&server_config)).unwrap();
            let mut pipe = Vec::new();
            while client.is_handshaking() || server.is_handshaking() {
                pipe.clear();
                client.write_tls(&mut pipe).unwrap();
                server.read_tls(&mut pipe.as_slice()).unwrap();
                server.process_new_packets().unwrap();
                pipe.clear();
                server.write_tls(&mut pipe).unwrap();
                client.read_tls(&mut pipe.as_slice()).unwrap();
                client.process_new_packets().unwrap();
            }
            assert_eq!(server.handshake_kind(), Some(HandshakeKind::Full));
        }
    }
}

#[test]
fn a_certificate_of_another_ca_of_the_same_name_is_refused_on_both_sides() {
    let mesh = mesh();
    let impostor = self::mesh();
    let good_client = mesh.issue(&client_id(), valid()).unwrap();
    let good_server = mesh.issue(&server_id(), valid()).unwrap();
    let bad_client = impostor.issue(&client_id(), valid()).unwrap();
    let bad_server = impostor.issue(&server_id(), valid()).unwrap();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        for (client, server) in [(&bad_client, &good_server), (&good_client, &bad_server)] {
            let error = handshake(
                &material(client.clone(), &mesh, version),
                &material(server.clone(), &mesh, version),
            )
            .unwrap_err();
            assert!(matches!(error, Error::InvalidCertificate(_)), "{error}");
        }
    }
}

#[test]
fn a_certificate_of_the_mesh_for_another_trust_domain_is_refused() {
    let mesh = mesh();
    let stranger = id("spiffe://other.example/ns/loadgen-bench/sa/client");
    let client = material(mesh.issue(&stranger, valid()).unwrap(), &mesh, TlsVersion::V1_3);
    let server = material(mesh.issue(&server_id(), valid()).unwrap(), &mesh, TlsVersion::V1_3);
    let error = handshake(&client, &server).unwrap_err();
    assert!(explain(&error).contains("other.example"), "{error}");
}

#[test]
fn a_server_that_is_somebody_else_of_the_same_mesh_is_refused() {
    let mesh = mesh();
    let client = material(mesh.issue(&client_id(), valid()).unwrap(), &mesh, TlsVersion::V1_3);
    let other = id("spiffe://cluster.local/ns/loadgen-bench/sa/other");
    let server = material(mesh.issue(&other, valid()).unwrap(), &mesh, TlsVersion::V1_3);
    let error = handshake(&client, &server).unwrap_err();
    assert!(explain(&error).contains("sa/other"), "{error}");
}

#[test]
fn an_expired_certificate_and_one_of_the_future_are_refused() {
    let mesh = mesh();
    let now = UnixTime::now().as_secs();
    let server = material(mesh.issue(&server_id(), valid()).unwrap(), &mesh, TlsVersion::V1_3);
    for validity in
        [Validity::between(now - 7200, now - 3600), Validity::between(now + 3600, now + 7200)]
    {
        let client = mesh.issue(&client_id(), validity).unwrap();
        assert!(handshake(&material(client, &mesh, TlsVersion::V1_3), &server).is_err());
    }
}

#[test]
fn the_certificate_of_the_ca_itself_is_no_identity() {
    let mesh = mesh();
    let root = CertificateDer::from_pem_slice(mesh.roots_pem().as_bytes()).unwrap();
    assert_eq!(peer_spiffe_id(&root), Err(PeerIdentityError::NotOneUri(0)));
    assert_eq!(
        peer_spiffe_id(&CertificateDer::from(vec![1, 2, 3])),
        Err(PeerIdentityError::Unreadable)
    );
}

#[test]
fn a_leaf_has_one_critical_uri_name_and_no_subject() {
    let leaf = leaf(&mesh().issue(&client_id(), valid()).unwrap());
    let (_, parsed) = X509Certificate::from_der(&leaf).unwrap();
    assert_eq!(parsed.subject().iter().count(), 0);
    assert!(!parsed.is_ca());
    let names = parsed.subject_alternative_name().unwrap().unwrap();
    assert!(names.critical);
    assert_eq!(names.value.general_names.len(), 1);
    assert_eq!(peer_spiffe_id(&leaf).unwrap(), client_id());
}

#[test]
fn a_time_beyond_the_year_9999_is_cut_there_and_not_a_panic() {
    assert!(mesh().issue(&client_id(), Validity::between(0, u64::MAX)).is_ok());
}

#[test]
fn a_key_is_not_shown_when_an_identity_is_debugged() {
    let identity = mesh().issue(&client_id(), valid()).unwrap();
    assert!(!format!("{identity:?}").contains("PRIVATE KEY"));
}
