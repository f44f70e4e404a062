//! One question to a live port: a request for the origin's echo, plain or under mTLS, and what came
//! of it. Blocking sockets, each with a deadline. What the answer should be is not known here.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, InvalidMessage, StreamOwned};
use serde::{Deserialize, Serialize};
use sidecar::authorise::Like;
use sidecar::{ECHO_HEADER, Echo, XFCC};

use crate::deadline::Deadline;

/// A server that has not answered by then is called hung.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// An echo is below 1 KiB.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// What a caller may claim in a header: it must never reach an origin behind a sidecar.
pub const CLAIMED: &str = "By=spiffe://cluster.local/ns/probe/sa/claimed;\
                       URI=spiffe://cluster.local/ns/probe/sa/claimed";

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// 200 and the origin's echo.
    Answered(Echo),
    /// 403 by a rule, with its body.
    Denied(String),
    /// Any other HTTP answer that is not the origin's.
    OtherAnswer(u16),
    /// The other side ended the connection first.
    Closed,
    /// The other side reset the connection.
    Reset,
    /// The other side ended the TLS handshake with this alert, in words.
    Alert(String),
    /// The other side does not speak TLS at all, and answered in plain bytes.
    NoTls,
    /// Nothing, for all of [`PATIENCE`].
    Silent,
    /// Anything that says nothing about the posture, e.g. a port where nobody listens.
    Failed(String),
}

impl Observed {
    /// Whether the other side ended the call by itself. A hung server or a wrong port refuses
    /// nothing.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Denied(_) | Self::Closed | Self::Reset | Self::Alert(_) | Self::NoTls)
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(echo) => match identity_of(echo) {
                Ok(None) => f.write_str("200 from the origin, which saw no identity"),
                Ok(Some(id)) => write!(f, "200 from the origin, which saw {id}"),
                Err(problem) => write!(f, "200 from the origin, which saw {problem}"),
            },
            Self::Denied(body) => write!(f, "403, {}", body.trim_end()),
            Self::OtherAnswer(status) => write!(f, "{status}, not from the origin"),
            Self::Closed => f.write_str("connection closed without an answer"),
            Self::Reset => f.write_str("connection reset without an answer"),
            Self::Alert(alert) => write!(f, "TLS alert: {alert}"),
            Self::NoTls => f.write_str("an answer that is not TLS"),
            Self::Silent => write!(f, "no answer within {} s", PATIENCE.as_secs()),
            Self::Failed(problem) => f.write_str(problem),
        }
    }
}

/// The SPIFFE id that an origin was told of; an error when there is more than one claim.
pub fn identity_of(echo: &Echo) -> Result<Option<String>, String> {
    let Some(values) = echo.headers.get(XFCC) else { return Ok(None) };
    let uris: Vec<&str> = values
        .iter()
        .flat_map(|value| value.split([';', ',']))
        .filter_map(|part| part.trim().strip_prefix("URI="))
        .collect();
    match uris[..] {
        [uri] => Ok(Some(uri.to_owned())),
        _ => Err(format!("{} identities in {XFCC}", uris.len())),
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// The `host` header: by it a client's sidecar knows which service is meant.
    pub host: &'q str,
    /// The method.
    pub method: &'q str,
    /// Path and query.
    pub path: &'q str,
    /// Further headers.
    pub headers: &'q [(String, String)],
    /// The body.
    pub body: &'q str,
    /// What is claimed in the header that only sidecars may set.
    pub claim: Option<&'q str>,
}

/// Asks the port what is asked, with a configuration under TLS, and the origin to answer with the
/// echo.
#[must_use]
pub fn ask(
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    question: &Question<'_>,
) -> Observed {
    let deadline = Deadline::after(PATIENCE);
    let stream = match TcpStream::connect_timeout(&address, PATIENCE) {
        Ok(stream) => Limited { stream, deadline },
        Err(error) => return Observed::Failed(format!("can not connect: {error}")),
    };
    let answer = match tls {
        None => exchange(stream, question),
        Some(config) => match ClientConnection::new(config, ServerName::from(address.ip())) {
            Ok(connection) => exchange(StreamOwned::new(connection, stream), question),
            Err(error) => return Observed::Failed(format!("no TLS on this side: {error}")),
        },
    };
    match answer {
        Ok(answer) => answer,
        Err(error) => of_error(&error),
    }
}

fn of_error(error: &io::Error) -> Observed {
    match (of_tls(error), error.kind()) {
        (Some(rustls::Error::AlertReceived(alert)), _) => {
            Observed::Alert(in_words(&format!("{alert:?}")))
        }
        (Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)), _) => {
            Observed::NoTls
        }
        (Some(other), _) => {
            Observed::Failed(format!("TLS failed on this side: {}", identity::explain(other)))
        }
        (None, ErrorKind::UnexpectedEof) => Observed::Closed,
        (None, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => Observed::Reset,
        (None, ErrorKind::TimedOut | ErrorKind::WouldBlock) => Observed::Silent,
        (None, _) => Observed::Failed(error.to_string()),
    }
}

/// What TLS has to say of an error. No connection goes on after that.
fn of_tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// The request's bytes.
fn written(question: &Question<'_>) -> String {
    let Question { host, method, path, headers, body, claim } = question;
    let claim = claim.map(|value| format!("{XFCC}: {value}\r\n")).unwrap_or_default();
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = match body.len() {
        0 => String::new(),
        length => format!("content-length: {length}\r\n"),
    };
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{ECHO_HEADER}: 1\r\n{claim}{headers}{length}\
         connection: close\r\n\r\n{body}"
    )
}

fn exchange(mut stream: impl Read + Write, question: &Question<'_>) -> io::Result<Observed> {
    let request = written(question);
    // A server that refuses may have closed before all was written; its alert is still to be read.
    let written = stream.write_all(request.as_bytes()).and_then(|()| stream.flush());
    let written = match written {
        // Who speaks no TLS may well keep the connection open for a while.
        Err(error) if of_tls(&error).is_some() => return Err(error),
        written => written,
    };
    let mut answer = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let count = match (stream.read(&mut buffer), &written) {
            (Ok(count), _) => count,
            (Err(_), Err(_)) => return written.map(|()| Observed::Closed),
            (Err(error), Ok(())) => return Err(error),
        };
        answer.extend_from_slice(&buffer[..count]);
        if let Some(observed) = understand(&answer) {
            return Ok(observed);
        }
        if count == 0 && answer.is_empty() {
            return Ok(Observed::Closed);
        }
        if count == 0 || answer.len() > MAX_ANSWER_BYTES {
            return Ok(Observed::Failed("an answer that is no HTTP answer".to_owned()));
        }
    }
}

/// The answer, once all of it is there.
fn understand(bytes: &[u8]) -> Option<Observed> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok());
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    match (status, length) {
        (Some(_), Some(length)) if body.len() < length => None,
        (Some(200), Some(_)) => {
            Some(serde_json::from_str(body).map_or(Observed::OtherAnswer(200), Observed::Answered))
        }
        (Some(403), Some(length)) => Some(denied(body.get(..length).unwrap_or(body))),
        (Some(status), _) => Some(Observed::OtherAnswer(status)),
        (None, _) => Some(Observed::Failed("an answer without a status".to_owned())),
    }
}

/// Rules refuse in words of their own; another 403 is an answer of somebody else.
fn denied(body: &str) -> Observed {
    let rules = [Like::Istio, Like::Cilium].map(Like::refusal);
    if rules.contains(&body) {
        Observed::Denied(body.to_owned())
    } else {
        Observed::OtherAnswer(403)
    }
}

/// `UnknownCA` → `unknown CA`, `DecryptError` → `decrypt error`.
fn in_words(name: &str) -> String {
    let mut words = String::new();
    let mut after_lower = false;
    for letter in name.chars() {
        if letter.is_uppercase() && after_lower {
            words.push(' ');
        }
        after_lower = letter.is_lowercase();
        words.push(letter);
    }
    let plain = |word: &str| {
        if word.len() > 1 && word.chars().all(char::is_uppercase) {
            word.to_owned()
        } else {
            word.to_lowercase()
        }
    };
    words.split(' ').map(plain).collect::<Vec<_>>().join(" ")
}

/// A socket on which every read and write ends by the deadline.
struct Limited {
    stream: TcpStream,
    deadline: Deadline,
}

impl Limited {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.left();
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::TcpListener;

    use super::*;

    const ECHO: Question<'static> = Question {
        host: scenarios::parts::HOST,
        method: "GET",
        path: sidecar::ECHO_PATH,
        headers: &[],
        body: "",
        claim: None,
    };

    /// A peer that has said what is no TLS, and neither says more nor closes.
    struct NoMore;

    impl Read for NoMore {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("all was heard");
        }
    }

    impl Write for NoMore {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            let invalid = rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
            Err(io::Error::new(ErrorKind::InvalidData, invalid))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_peer_that_speaks_no_tls_to_close() {
        let error = exchange(NoMore, &ECHO).unwrap_err();
        assert_eq!(of_error(&error), Observed::NoTls);
    }

    #[test]
    fn alerts_are_told_in_words() {
        assert_eq!(in_words("UnknownCA"), "unknown CA");
        assert_eq!(in_words("DecryptError"), "decrypt error");
        assert_eq!(in_words("CertificateUnknown"), "certificate unknown");
    }

    #[test]
    fn two_claims_of_identity_are_not_taken_for_one() {
        let echo = |values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            Echo { route: "r".into(), headers: BTreeMap::from([(XFCC.to_owned(), values)]) }
        };
        assert_eq!(identity_of(&echo(&["By=a;URI=b"])), Ok(Some("b".to_owned())));
        assert!(identity_of(&echo(&["By=a;URI=b", "URI=c"])).is_err());
        assert!(identity_of(&echo(&["By=a;URI=b,By=a;URI=c"])).is_err());
        assert!(identity_of(&echo(&["By=a"])).is_err());
    }

    #[test]
    fn a_hung_server_is_told_from_one_that_refuses() {
        let hung = TcpListener::bind("127.0.0.1:0").unwrap();
        let observed = ask(hung.local_addr().unwrap(), None, &ECHO);
        assert_eq!(observed.to_string(), "no answer within 3 s");
        assert!(!observed.is_refusal());
    }

    #[test]
    fn a_port_that_answers_tls_in_plain_bytes_refuses_it() {
        let plain = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = plain.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = plain.accept().unwrap();
            let mut hello = [0_u8; 4096];
            let _ = stream.read(&mut hello).unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        });
        let own = crate::credentials::Credentials::fresh().unwrap();
        let observed = ask(address, Some(own.mesh), &ECHO);
        server.join().unwrap();
        assert_eq!(observed, Observed::NoTls);
        assert!(observed.is_refusal());
    }

    #[test]
    fn a_port_where_nobody_listens_refuses_nothing() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(!ask(gone, None, &ECHO).is_refusal());
    }

    #[test]
    fn an_answer_of_somebody_else_is_not_taken_for_the_origins() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(understand(answer), Some(Observed::OtherAnswer(200)));
        assert_eq!(understand(&answer[..answer.len() - 1]), None);
        assert_eq!(understand(b"HTTP/1.1 503 \r\n\r\n"), Some(Observed::OtherAnswer(503)));
    }
}
