//! A client that says exactly what it is told to, and servers for it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use loadgen::serve::answer::AnswerSpec;
use loadgen::serve::listen::Address;
use loadgen::serve::script::Planted;
use loadgen::serve::{Running, Server, ServerSpec};

/// Far beyond any honest wait: a test that hangs fails instead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const GET: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";

/// Answers `abc`.
pub(crate) fn abc() -> ServerSpec {
    let answer = AnswerSpec { body_bytes: 3, ..AnswerSpec::default() };
    ServerSpec { answer, most_stamps: 100_000, ..ServerSpec::default() }
}

/// Answers `abc` with that planted.
pub(crate) fn planted(planted: Planted) -> Running {
    start(ServerSpec { planted, ..abc() })
}

pub(crate) fn start(spec: ServerSpec) -> Running {
    let address: Address = "127.0.0.1:0".parse().expect("an address");
    Server::bind(&address, spec).expect("it is bound").start().expect("a thread")
}

pub(crate) fn tcp(server: &Running) -> SocketAddr {
    let Address::Tcp(address) = server.address() else { unreachable!("it was bound to a port") };
    *address
}

pub(crate) fn connect(server: &Running) -> TcpStream {
    let stream = TcpStream::connect(tcp(server)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.set_nodelay(true).expect("an option");
    stream
}

pub(crate) fn say(stream: &mut impl Write, text: &str) {
    stream.write_all(text.as_bytes()).expect("it takes what is said");
}

/// Reads exactly that.
pub(crate) fn hear(stream: &mut impl Read, expected: &str) {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).expect("it answers");
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

/// Reads exactly that and then the end.
pub(crate) fn hear_last(stream: &mut impl Read, expected: &str) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("it ends in peace");
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}
