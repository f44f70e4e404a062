//! TLS and mTLS: who is believed, what is counted, and what becomes of requests when belief ends.

use std::net::SocketAddr;
use std::time::Duration;

use identity::{
    Authority, Caller, Roots, SpiffeId, TlsVersion, Trust, TrustDomain, Validity, caller_config,
};
use loadgen::engine::Job;
use loadgen::serve::ServerSpec;
use loadgen::serve::tls::{RunCertificates, TlsSpec};
use loadgen::transport::target::{Keeping, Protocol, Tls};
use rustls::pki_types::UnixTime;

use crate::restart::replaced;
use crate::rig::{PLANNED, abc, failed, faulty, job, refused, run, start, steady};

fn certificates() -> RunCertificates {
    RunCertificates::fresh(testbed::deadline::today(), &[]).expect("a CA")
}

fn showing(certificates: &RunCertificates) -> TlsSpec {
    let identity = certificates.server.clone();
    TlsSpec { identity, client_ca_pem: None, version: None, tickets: 0 }
}

fn with(tls: TlsSpec, spec: ServerSpec) -> ServerSpec {
    ServerSpec { tls: Some(tls), ..spec }
}

fn believing(ca_pem: &str) -> Caller {
    Caller {
        trust: Trust::Name(Roots::Pem(ca_pem.to_owned())),
        own: None,
        version: None,
        alpn: vec![b"http/1.1".to_vec()],
        resumption: false,
    }
}

fn as_caller(mut job: Job, caller: &Caller) -> Job {
    let config = caller_config(caller).expect("a configuration");
    job.target.tls = Some(Tls { config, name: "localhost".try_into().expect("a name") });
    job
}

fn for_each_request(mut job: Job) -> Job {
    job.target.keeping = Keeping::EachRequest;
    job
}

#[test]
fn both_versions_carry_requests_and_faults() {
    let certificates = certificates();
    for (version, label) in [(TlsVersion::V1_2, "TLS 1.2"), (TlsVersion::V1_3, "TLS 1.3")] {
        for (fault, key) in [
            ("reset-every=10", "reset"),
            ("truncate-every=10", "closed"),
            ("garbage-every=10", "malformed"),
            ("close-every=10", "closed"),
        ] {
            let (server, address) = start(with(showing(&certificates), faulty(&[fault])));
            let caller = Caller { version: Some(version), ..believing(&certificates.ca_pem) };
            let done = run(&as_caller(job(address), &caller));
            let counts = &done.recorded.counts;
            assert_eq!(failed(&done, key), PLANNED / 10, "{label} {fault}: {counts:?}");
            assert_eq!(counts.completed, PLANNED - PLANNED / 10, "{label} {fault}");
            assert_eq!(done.tls.expect("negotiated").version, label);
            drop(server);
        }
    }
}

#[test]
fn full_and_resumed_handshakes_are_counted_apart_and_as_the_server_counts_them() {
    let certificates = certificates();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        for (resumption, tickets) in [(false, 2), (true, 0), (true, 2)] {
            let tls = TlsSpec { tickets, ..showing(&certificates) };
            let (server, address) = start(with(tls, abc()));
            let version = Some(version);
            let caller = Caller { version, resumption, ..believing(&certificates.ca_pem) };
            let done = run(&for_each_request(as_caller(job(address), &caller)));
            assert_eq!(done.recorded.counts.completed, PLANNED, "{:?}", done.recorded.counts);
            let connections = &done.recorded.connections;
            let served = server.stop().expect("it ends");
            let ours = (connections.tls_full.count(), connections.tls_resumed.count());
            assert_eq!(ours, (served.handshakes_full, served.handshakes_resumed), "{version:?}");
            assert_eq!(ours.0 + ours.1, PLANNED);
            if resumption && tickets > 0 {
                assert!(ours.0 < PLANNED, "{version:?}: some are resumed");
            } else {
                assert_eq!(ours, (PLANNED, 0), "{version:?}: nothing is resumed unasked");
            }
        }
    }
}

#[test]
fn nobody_is_believed_by_mistake() {
    let (ours, foreign) = (certificates(), certificates());
    let domain = TrustDomain::new("cluster.local").expect("a name");
    let id = |account| SpiffeId::new(domain.clone(), "loadgen", account).expect("an id");
    let now = testbed::deadline::today();
    let authority = Authority::new(&domain, Validity::starting(now, Duration::from_secs(3600)));
    let authority = authority.expect("a CA");
    let past = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs() - 7200));
    let over = Validity::starting(past, Duration::from_secs(60));
    let names = ["localhost".to_owned()];
    let expired = authority.issue_with_names(&id("server"), &names, over).expect("a leaf");
    let good = Validity::starting(now, Duration::from_secs(600));
    let names = ["elsewhere.test".to_owned()];
    let elsewhere = authority.issue_with_names(&id("server"), &names, good).expect("a leaf");
    let root = authority.roots_pem();
    let spiffe = Caller {
        trust: Trust::Spiffe(Roots::Pem(ours.ca_pem.clone()), id("somebody-else")),
        ..believing(&ours.ca_pem)
    };
    for (what, identity, caller) in [
        ("BadSignature", foreign.server, believing(&ours.ca_pem)),
        ("expired", expired, believing(&root)),
        ("not valid for name", elsewhere, believing(&root)),
        ("expected spiffe://", ours.server.clone(), spiffe),
    ] {
        let tls = TlsSpec { identity, ..showing(&ours) };
        let (server, address) = start(with(tls, abc()));
        let (_, words) = refused(&as_caller(job(address), &caller));
        assert!(words.starts_with("0 of 16 connections opened"), "{what}: {words}");
        assert!(words.contains(what), "{what}: {words}");
        let served = server.stop().expect("it ends");
        assert_eq!((served.requests, served.handshakes_full), (0, 0), "{what}");
    }
}

#[test]
fn a_caller_that_shows_what_is_asked_gets_in_and_no_other() {
    let (ours, foreign) = (certificates(), certificates());
    let pair =
        |of: &RunCertificates| Some((of.client.chain_pem.clone(), of.client.key_pem.clone()));
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let tls = TlsSpec { client_ca_pem: Some(ours.ca_pem.clone()), ..showing(&ours) };
        let (server, address) = start(with(tls, abc()));
        let caller = |own| Caller { own, version: Some(version), ..believing(&ours.ca_pem) };
        let right = for_each_request(as_caller(job(address), &caller(pair(&ours))));
        assert_eq!(run(&right).recorded.counts.completed, PLANNED);
        for own in [None, pair(&foreign)] {
            // With TLS 1.3 the client is done before the server has looked: its requests fail.
            let job = for_each_request(as_caller(job(address), &caller(own)));
            let done = run(&job);
            assert_eq!(done.recorded.counts.failed, PLANNED, "{:?}", done.recorded.counts);
            let turned_away = failed(&done, "tls") + failed(&done, "reset");
            assert_eq!(turned_away, PLANNED, "{version:?}: {:?}", done.recorded.counts);
        }
        assert_eq!(server.stop().expect("it ends").requests, PLANNED);
    }
}

#[test]
fn a_certificate_that_expires_in_mid_run_fails_what_comes_after() {
    let domain = TrustDomain::new("cluster.local").expect("a name");
    let id = SpiffeId::new(domain.clone(), "loadgen", "server").expect("an id");
    let now = testbed::deadline::today();
    let valid = Validity::starting(now, Duration::from_secs(3600));
    let over = Validity::between(now.as_secs() - 7200, now.as_secs() - 3600);
    let authority = Authority::new(&domain, valid).expect("a CA");
    let names = ["localhost".to_owned()];
    let spec = |validity| {
        let identity = authority.issue_with_names(&id, &names, validity).expect("a leaf");
        let tls = TlsSpec { identity, client_ca_pem: None, version: None, tickets: 0 };
        with(tls, abc())
    };
    for keeping in [Keeping::Alive, Keeping::EachRequest] {
        let job = |address: SocketAddr| {
            let duration = Duration::from_secs(600);
            let job = Job { offer: steady(500.0, duration), duration, ..job(address) };
            let mut job = as_caller(job, &believing(&authority.roots_pem()));
            // Those that wait for a connection that never comes again.
            job.timeout = Duration::from_secs(1);
            job.target.keeping = keeping;
            job
        };
        let lost = |before: (u64, u64), now: (u64, u64)| now.1 >= before.1 + 300;
        let done = replaced(job, (spec(valid), spec(over)), lost);
        let words = done.problem.clone().unwrap_or_default();
        if keeping == Keeping::EachRequest {
            assert!(failed(&done, "tls") > 100, "{:?}", done.recorded.counts);
        } else {
            assert!(done.recorded.counts.timed_out > 100, "{:?}", done.recorded.counts);
        }
        assert!(words.contains("expired"), "{words}");
    }
}

#[test]
fn a_server_of_plain_http_is_a_failed_handshake() {
    let (_server, address) = start(abc());
    let caller = believing(&certificates().ca_pem);
    let done = run(&for_each_request(as_caller(job(address), &caller)));
    let counts = &done.recorded.counts;
    assert_eq!(failed(&done, "tls") + failed(&done, "reset"), PLANNED, "{counts:?}");
}

#[test]
fn http2_under_tls_survives_faults() {
    let certificates = certificates();
    let (server, address) = start(with(showing(&certificates), faulty(&["reset-every=50"])));
    let caller = Caller { alpn: vec![b"h2".to_vec()], ..believing(&certificates.ca_pem) };
    let mut job = as_caller(job(address), &caller);
    job.target.protocol = Protocol::Http2 { streams: 4, grpc: false };
    job.connections = 4;
    let done = run(&job);
    let counts = &done.recorded.counts;
    // A reset takes with it whatever else is on its connection.
    assert!(failed(&done, "reset") >= PLANNED / 50, "{counts:?}");
    assert_eq!(counts.completed + failed(&done, "reset"), PLANNED, "{counts:?}");
    assert_eq!(done.tls.expect("negotiated").alpn, "h2");
    drop(server);
}
