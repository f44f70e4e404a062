//! The subject as it is measured: processes of their own, real sockets, real TLS.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::Arc;

use rustls::ClientConfig;
use sidecar::{Mode, PlantedDelay, PlantedStall, Role, XFCC, clock};
use support::{
    Mesh, client, client_id, connect, connect_tls, echo, exchange, get, origin, server, server_id,
    spawn,
};

const MODES: [(&str, Mode); 3] =
    [("disable", Mode::Disable), ("permissive", Mode::Permissive), ("strict", Mode::Strict)];
/// A name, the TLS it calls with, and which of [`NAMES`] let it in.
type Caller = (&'static str, Option<Arc<ClientConfig>>, [bool; 3]);
const NAMES: [&str; 3] = ["disable", "permissive", "strict"];

fn xfcc_of_client() -> Vec<String> {
    vec![format!("By={};URI={}", server_id(), client_id())]
}

#[test]
fn each_mode_lets_in_exactly_the_callers_that_it_should() {
    let mesh = Mesh::new();
    let mut origin = origin(&NAMES, None);
    let server = server(&mesh, &origin, &MODES, None);
    let callers: [Caller; 6] = [
        ("plaintext", None, [true, true, false]),
        ("a member", Some(mesh.member()), [false, true, true]),
        ("a foreign CA", Some(mesh.foreign_ca()), [false; 3]),
        ("a foreign trust domain", Some(mesh.foreign_trust_domain()), [false; 3]),
        ("an expired certificate", Some(mesh.expired()), [false; 3]),
        ("no certificate", Some(mesh.anonymous()), [false; 3]),
    ];
    for (caller, tls, accepted_by) in callers {
        for (mode, accepted) in NAMES.into_iter().zip(accepted_by) {
            let address = server.address(mode);
            let answer = match tls.clone() {
                None => echo(&mut connect(address)),
                Some(config) => echo(&mut connect_tls(address, config)),
            };
            assert_eq!(answer.is_some(), accepted, "{caller} in mode {mode}");
            let arrived = origin.stats(mode).echoes;
            assert_eq!(arrived, u64::from(accepted), "{caller} in mode {mode}, at the origin");
            if let Some(answer) = answer {
                let seen = answer.echo().headers.remove(XFCC);
                let expected = tls.is_some().then(xfcc_of_client);
                assert_eq!(seen, expected, "{caller} in mode {mode}: the claim is dropped");
            }
        }
    }
}

#[test]
fn refusals_are_counted_by_their_reason() {
    let mesh = Mesh::new();
    let origin = origin(&NAMES, None);
    let mut server = server(&mesh, &origin, &MODES, None);
    assert!(get(&mut connect(server.address("strict"))).is_none());
    assert!(get(&mut connect_tls(server.address("strict"), mesh.foreign_ca())).is_none());
    assert!(get(&mut connect_tls(server.address("disable"), mesh.member())).is_none());
    let stats: sidecar::Stats = serde_json::from_str(&server.ask("stats")).unwrap();
    let strict = &stats.stats["strict"];
    assert_eq!((strict.refused.plaintext, strict.refused.handshake), (1, 1));
    assert_eq!(stats.stats["disable"].refused.tls, 1);
    assert_eq!(strict.handshakes_full + strict.requests, 0);
}

#[test]
fn the_measured_path_carries_the_clients_identity_only_under_mtls() {
    let mesh = Mesh::new();
    let origin = origin(&NAMES, None);
    let server = server(&mesh, &origin, &MODES, None);
    let client = client(
        &mesh,
        &[
            ("disable", server.address("disable"), None),
            ("permissive", server.address("permissive"), Some(server_id())),
            ("strict", server.address("strict"), Some(server_id())),
        ],
    );
    for (name, expected) in
        NAMES.into_iter().zip([None, Some(xfcc_of_client()), Some(xfcc_of_client())])
    {
        let answer = echo(&mut connect(client.address(name))).unwrap();
        assert_eq!(answer.echo().headers.remove(XFCC), expected, "mode {name}");
    }
}

#[test]
fn each_connection_of_the_generator_is_one_full_handshake_however_many_requests_it_carries() {
    let mesh = Mesh::new();
    let mut origin = origin(&["strict"], None);
    let mut server = server(&mesh, &origin, &MODES[2..], None);
    let client = client(&mesh, &[("strict", server.address("strict"), Some(server_id()))]);
    let mut kept = connect(client.address("strict"));
    for _ in 0..5 {
        assert_eq!(get(&mut kept).unwrap().status, 200);
    }
    assert_eq!(get(&mut connect(client.address("strict"))).unwrap().status, 200);
    let seen = server.stats("strict");
    assert_eq!((seen.handshakes_full, seen.handshakes_resumed, seen.requests), (2, 0, 6));
    assert_eq!(seen.peers, [client_id().to_string()]);
    assert_eq!(seen.tls.len(), 1);
    assert!(seen.tls[0].starts_with("TLSv1_3 TLS13_AES_128_GCM_SHA256 "), "{}", seen.tls[0]);
    assert_eq!(origin.stats("strict").requests, 6);
    // Counted since the last time; the caller on the connection that lives on is seen again.
    assert_eq!(get(&mut kept).unwrap().status, 200);
    let seen = server.stats("strict");
    assert_eq!((seen.handshakes_full, seen.requests, seen.peers.len()), (0, 1, 1));
}

#[test]
fn a_client_sidecar_does_not_talk_to_a_server_that_is_somebody_else() {
    let mesh = Mesh::new();
    let mut origin = origin(&["strict"], None);
    let server = server(&mesh, &origin, &MODES[2..], None);
    let mut client = client(&mesh, &[("strict", server.address("strict"), Some(client_id()))]);
    let answer = get(&mut connect(client.address("strict"))).unwrap();
    assert_eq!(answer.status, 503);
    assert_eq!(client.stats("strict").upstream_failures, 1);
    assert_eq!(origin.stats("strict").requests, 0);
}

#[test]
fn bad_half_open_and_slow_connections_do_not_stall_good_ones() {
    let mesh = Mesh::new();
    let origin = origin(&NAMES, None);
    let mut server = server(&mesh, &origin, &MODES, None);
    let mut held = Vec::new();
    for name in NAMES {
        for bytes in [
            &b""[..],
            b"\x16",
            b"\x16\x03\x01\x02\x00\x01",
            b"GET / HTT",
            b"\x16\x03\x01\xff\xff",
            b"\x00\xff\xfe garbage \r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\nhalf",
        ] {
            let mut stream = connect(server.address(name));
            let _ = stream.write_all(bytes);
            held.push(stream);
        }
    }
    assert_eq!(get(&mut connect(server.address("disable"))).unwrap().status, 200);
    assert_eq!(get(&mut connect(server.address("permissive"))).unwrap().status, 200);
    let mut good = connect_tls(server.address("strict"), mesh.member());
    assert_eq!(get(&mut good).unwrap().status, 200);
    drop(held);
    assert_eq!(get(&mut good).unwrap().status, 200);
    assert_eq!(server.stats("strict").handshakes_full, 1);
}

#[test]
fn every_fourth_request_is_held_back_for_at_least_the_planted_time() {
    let mesh = Mesh::new();
    let origin = origin(&["permissive"], None);
    let delay = PlantedDelay { delay_us: 30_000, share_ppm: 250_000 };
    let server = server(&mesh, &origin, &MODES[1..2], Some(delay));
    let mut stream = connect(server.address("permissive"));
    for request in 1..=12 {
        let sent = clock::now();
        assert_eq!(get(&mut stream).unwrap().status, 200);
        let micros = (clock::now().0 - sent.0) / 1000;
        // The others are fast, but that is the machine's affair; which are chosen is a unit test.
        assert!(request % 4 != 0 || micros >= 30_000, "request {request} took {micros} us");
    }
}

#[test]
fn a_delay_on_one_connection_does_not_hold_up_another() {
    let mesh = Mesh::new();
    let origin = origin(&["permissive"], None);
    // Every second request waits for what is for ever here.
    let delay = PlantedDelay { delay_us: 3_600_000_000, share_ppm: 500_000 };
    let mut server = server(&mesh, &origin, &MODES[1..2], Some(delay));
    assert_eq!(get(&mut connect(server.address("permissive"))).unwrap().status, 200);
    let mut waiting = connect(server.address("permissive"));
    waiting.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut seen = 0;
    while seen < 2 {
        seen += server.stats("permissive").requests;
    }
    assert_eq!(get(&mut connect(server.address("permissive"))).unwrap().status, 200);
    waiting.set_nonblocking(true).unwrap();
    assert!(waiting.read(&mut [0]).is_err(), "still held back");
}

#[test]
fn a_stall_is_met_by_the_first_request_after_an_anchor_and_by_no_echo() {
    let stall = PlantedStall { length_us: 40_000, every_us: 3_600_000_000 };
    let mut origin = origin(&["stalled"], Some(stall));
    let mut stream = connect(origin.address("stalled"));
    assert_eq!(echo(&mut stream).unwrap().status, 200);
    for _ in 0..2 {
        let sent = clock::now();
        assert_eq!(get(&mut stream).unwrap().status, 200);
        assert!(clock::now().0 - sent.0 >= 40_000_000);
        assert_eq!(origin.ask("anchor").trim_end(), r#"{"anchored":1}"#);
    }
    assert_eq!((origin.stats("stalled").requests, origin.stats("stalled").echoes), (2, 0));
}

#[test]
fn bodies_of_both_kinds_pass_and_the_connection_can_be_used_again() {
    let mesh = Mesh::new();
    let mut origin = origin(&["permissive"], None);
    let server = server(&mesh, &origin, &MODES[1..2], None);
    let client = client(&mesh, &[("permissive", server.address("permissive"), Some(server_id()))]);
    let mut stream = connect(client.address("permissive"));
    for request in [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "GET http://elsewhere/x HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\n\r\n",
    ] {
        let answer = exchange(&mut stream, request).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "xxxxxxxx"), "{request}");
    }
    assert_eq!(origin.stats("permissive").requests, 4);
}

#[test]
fn headers_of_one_hop_do_not_reach_the_origin() {
    let mesh = Mesh::new();
    let origin = origin(&["permissive"], None);
    let server = server(&mesh, &origin, &MODES[1..2], None);
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nte: trailers\r\n\
         x-kept: 1\r\n\r\n",
        sidecar::ECHO_PATH
    );
    let answer = exchange(&mut connect(server.address("permissive")), &request).unwrap();
    let headers = answer.echo().headers;
    let names: Vec<&str> = headers.keys().map(String::as_str).collect();
    assert_eq!(names, ["host", "x-kept"]);
}

#[test]
fn an_origin_that_is_gone_is_503_and_the_sidecar_lives_on() {
    let mesh = Mesh::new();
    let origin = origin(&["permissive"], None);
    let mut server = server(&mesh, &origin, &MODES[1..2], None);
    let mut kept = connect(server.address("permissive"));
    assert_eq!(get(&mut kept).unwrap().status, 200);
    drop(origin);
    for mut stream in [kept, connect(server.address("permissive"))] {
        let answer = get(&mut stream).unwrap();
        assert_eq!(answer.status, 503);
        assert!(answer.head.contains("connection: close"), "{}", answer.head);
    }
    assert_eq!(server.stats("permissive").upstream_failures, 2);
}

#[test]
fn a_head_without_end_is_refused_and_not_kept() {
    let mesh = Mesh::new();
    let mut origin = origin(&["permissive"], None);
    let server = server(&mesh, &origin, &MODES[1..2], None);
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx-long: {}\r\n\r\n", "x".repeat(1 << 20));
    let answer = exchange(&mut connect(server.address("permissive")), &long);
    assert!(answer.is_none_or(|answer| answer.status == 431));
    assert_eq!(origin.stats("permissive").requests, 0);
}

#[test]
fn the_end_of_standard_input_ends_the_process_even_with_connections_open() {
    let mut origin = origin(&["a"], None);
    let mut open = connect(origin.address("a"));
    assert_eq!(get(&mut open).unwrap().status, 200);
    assert_eq!(origin.cut_lifeline().code(), Some(0));
}

#[test]
fn an_unknown_command_is_answered_with_an_error_and_changes_nothing() {
    let mut origin = origin(&["a"], None);
    assert!(origin.ask("statistics").contains("unknown command"));
    assert_eq!(origin.stats("a"), sidecar::RouteStats::default());
}

#[test]
fn rules_change_while_a_route_is_served_and_connections_keep_those_that_they_began_with() {
    let mesh = Mesh::new();
    let origin = origin(&["permissive"], None);
    let mut server = server(&mesh, &origin, &MODES[1..2], None);
    let address = server.address("permissive");
    let mut old = connect(address);
    assert_eq!(get(&mut old).unwrap().status, 200);
    let nothing = r#"{"like":"istio","deny":[],"allow":[]}"#;
    let asked = |rules: &str| format!(r#"rules {{"route":"permissive","rules":{rules}}}"#);
    assert_eq!(server.ask(&asked(nothing)).trim(), r#"{"changed":"permissive"}"#);
    assert_eq!(get(&mut connect(address)).unwrap().status, 403);
    assert_eq!(get(&mut old).unwrap().status, 200);
    // What is not understood whole changes nothing.
    for (line, complaint) in [
        (r#"rules {"route":"other","rules":null}"#, "no route `other`"),
        (r#"rules {"route":"permissive","rules":null,"more":1}"#, "unknown field `more`"),
        ("rules", "unknown command"),
    ] {
        let answer = server.ask(line);
        assert!(answer.contains("error") && answer.contains(complaint), "{answer}");
    }
    assert_eq!(get(&mut connect(address)).unwrap().status, 403);
    server.ask(&asked("null"));
    assert_eq!(get(&mut connect(address)).unwrap().status, 200);
}

#[test]
fn a_setup_that_is_not_understood_whole_is_refused_by_name() {
    for (setup, complaint) in [
        (r#"{"cores":[],"body_bytes":1,"routes":[],"mode":"STRICT"}"#, "unknown field `mode`"),
        (
            r#"{"cores":[],"address":"127.0.0.1","body_bytes":1,"routes":[{"name":"a","stall":null},{"name":"a","stall":null}]}"#,
            "two routes are called `a`",
        ),
        ("", "no complete setup line"),
    ] {
        let mut child = spawn(Role::Origin, Stdio::piped());
        let mut input = child.stdin.take().unwrap();
        if !setup.is_empty() {
            let _ = writeln!(input, "{setup}");
        }
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(complaint), "{said}");
        assert!(output.stdout.is_empty());
    }
}
