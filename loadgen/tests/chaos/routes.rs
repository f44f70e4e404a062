//! Ways to the target: several addresses, IPv6, a Unix socket, a proxy's tunnel.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use loadgen::engine::Job;
use loadgen::serve::Server;
use loadgen::serve::listen::Address;
use loadgen::transport::target::{Addresses, Keeping, Route};

use crate::rig::{
    PLANNED, abc, by_hand, failed, faulty, job, refused, run, start, start_at, target,
};

/// An address that refuses: it was free a moment ago.
fn dead() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound")
}

#[test]
fn of_two_addresses_the_living_one_carries_all() {
    for keeping in [Keeping::Alive, Keeping::EachRequest] {
        let (server, address) = start(abc());
        let mut job = job(address);
        job.target = target(Route::Tcp(Addresses::new(vec![dead(), address])));
        job.target.keeping = keeping;
        let done = run(&job);
        let counts = &done.recorded.counts;
        assert_eq!(counts.completed + failed(&done, "refused"), PLANNED, "{counts:?}");
        if keeping == Keeping::Alive {
            assert_eq!(counts.completed, PLANNED, "{counts:?}");
        }
        assert_eq!(server.stop().expect("it ends").requests, counts.completed);
    }
}

#[test]
fn an_address_that_the_kernel_refuses_at_once_is_passed_over_too() {
    // No TCP connection leads to a multicast group: connect itself fails, and no packet is sent.
    let nowhere: SocketAddr = "224.0.0.1:80".parse().expect("an address");
    for keeping in [Keeping::Alive, Keeping::EachRequest] {
        let (server, address) = start(abc());
        let mut job = job(address);
        job.target = target(Route::Tcp(Addresses::new(vec![nowhere, address])));
        job.target.keeping = keeping;
        let done = run(&job);
        let counts = &done.recorded.counts;
        // Each of 16 places takes the two in turn, and may have ended with the dead one.
        let expected = if keeping == Keeping::Alive { PLANNED } else { PLANNED / 2 - 16 };
        assert!(counts.completed >= expected, "{counts:?}");
        assert_eq!(counts.completed + failed(&done, "refused"), PLANNED, "{counts:?}");
        drop(server);
    }
}

#[test]
fn connections_are_dealt_over_the_addresses() {
    let (first, one) = start(abc());
    let (second, other) = start(abc());
    let mut job = job(one);
    job.target = target(Route::Tcp(Addresses::new(vec![one, other])));
    assert_eq!(run(&job).recorded.counts.completed, PLANNED);
    let connections = [first, second].map(|server| server.stop().expect("it ends").connections);
    assert_eq!(connections, [8, 8]);
}

#[test]
fn a_name_that_moves_is_followed_by_the_next_connections() {
    let (first, one) = start(abc());
    let (second, other) = start(faulty(&["close-every=2"]));
    let addresses = Addresses::new(vec![other]);
    let mut job = job(other);
    job.target = target(Route::Tcp(std::sync::Arc::clone(&addresses)));
    let moves = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        addresses.replace(vec![one]);
    });
    let done = run(&job);
    moves.join().expect("it ends");
    let served = [first, second].map(|server| server.stop().expect("it ends"));
    assert_eq!(served[0].answers + served[1].answers, done.recorded.counts.completed);
    assert_eq!(failed(&done, "closed"), served[1].faults);
}

#[test]
fn a_v6_address_is_an_address() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6 loopback");
        return;
    }
    let (server, address) = start_at("[::1]:0".parse().expect("an address"), abc());
    assert!(address.is_ipv6());
    assert_eq!(run(&job(address)).recorded.counts.completed, PLANNED);
    assert_eq!(server.stop().expect("it ends").requests, PLANNED);
}

#[test]
fn a_unix_socket_carries_requests_and_faults() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let server = Server::bind(&Address::Unix(path.clone()), faulty(&["close-every=10"]));
    let server = server.expect("it is bound").start().expect("a thread");
    for keeping in [Keeping::Alive, Keeping::EachRequest] {
        let mut job = job(dead());
        job.target = target(Route::Unix(path.clone()));
        job.target.keeping = keeping;
        let done = run(&job);
        assert_eq!(failed(&done, "closed"), PLANNED / 10, "{:?}", done.recorded.counts);
        assert_eq!(done.recorded.counts.completed, PLANNED - PLANNED / 10);
    }
    assert_eq!(server.stop().expect("it ends").requests, 2 * PLANNED);
    let mut job = job(dead());
    job.target = target(Route::Unix(path));
    assert!(refused(&job).1.starts_with("0 of 16 connections opened"));
}

/// Opens tunnels to that address and carries bytes; every so-manieth it refuses.
fn proxy(to: SocketAddr, refuse_every: usize) -> SocketAddr {
    by_hand(move |mut client, number| {
        let mut asked = Vec::new();
        let mut byte = [0];
        while !asked.ends_with(b"\r\n\r\n") {
            if client.read(&mut byte).unwrap_or(0) == 0 {
                return;
            }
            asked.push(byte[0]);
        }
        assert!(asked.starts_with(b"CONNECT target.test:80 HTTP/1.1\r\nhost: target.test:80\r\n"));
        if (number + 1).is_multiple_of(refuse_every) {
            let _ = client.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
            return;
        }
        let Ok(server) = TcpStream::connect(to) else { return };
        // In one write with the head, so that the tunnel's own bytes can not be mistaken for it.
        let _ = client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
        let carry = |mut from: TcpStream, mut into: TcpStream| {
            let _ = std::io::copy(&mut from, &mut into);
            let _ = into.shutdown(Shutdown::Write);
        };
        let pair = (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
        let back = std::thread::spawn(move || carry(pair.1, pair.0));
        carry(client, server);
        let _ = back.join();
    })
}

fn through(proxy: SocketAddr) -> Job {
    let mut job = job(proxy);
    job.target.tunnel = Some("target.test:80".to_owned());
    job
}

#[test]
fn a_tunnel_carries_requests_and_what_befalls_them() {
    let (server, address) = start(faulty(&["close-every=10"]));
    let done = run(&through(proxy(address, usize::MAX)));
    assert_eq!(failed(&done, "closed"), PLANNED / 10, "{:?}", done.recorded.counts);
    assert_eq!(done.recorded.counts.completed, PLANNED - PLANNED / 10);
    assert_eq!(server.stop().expect("it ends").requests, PLANNED);
}

#[test]
fn a_tunnel_that_is_refused_fails_its_request_alone() {
    let (server, address) = start(abc());
    let mut job = through(proxy(address, 10));
    job.target.keeping = Keeping::EachRequest;
    let done = run(&job);
    assert_eq!(failed(&done, "tunnel"), PLANNED / 10, "{:?}", done.recorded.counts);
    assert_eq!(done.recorded.counts.completed, PLANNED - PLANNED / 10);
    assert_eq!(done.problem.as_deref(), Some("the proxy answered 502 to CONNECT"));
    drop(server);
}

#[test]
fn a_proxy_that_refuses_every_tunnel_is_an_error_that_says_so() {
    let (_, words) = refused(&through(proxy(dead(), 1)));
    assert!(words.contains("the proxy answered 502 to CONNECT"), "{words}");
}
