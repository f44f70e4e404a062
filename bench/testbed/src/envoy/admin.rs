//! Envoy's administration interface on a unix socket: one request a connection, read to its end,
//! within a deadline. What is asked there, and what is made of the answers, is not known here.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::deadline::Deadline;

/// The interface answers from Envoy's main thread, which serves no requests; this is for a machine
/// that is busy.
const PATIENCE: Duration = Duration::from_secs(5);
/// Thousands of policies are a few megabytes of configuration; counters are far less.
const MAX_ANSWER_BYTES: usize = 64 << 20;
const MAX_HEADERS: usize = 32;

/// Where an Envoy is asked and told things.
#[derive(Debug, Clone)]
pub(super) struct Admin {
    socket: PathBuf,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Why there is none.
#[derive(Debug)]
pub(super) struct AdminError {
    asked: String,
    problem: String,
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its administration interface, asked for {}: {}", self.asked, self.problem)
    }
}

impl Admin {
    pub(super) fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// What it shows at a path; another status than 200 is an error.
    pub(super) fn get(&self, path: &str) -> Result<String, AdminError> {
        let answer = self.ask("GET", path)?;
        match answer.status {
            200 => Ok(answer.body),
            status => {
                let said = answer.body.trim().lines().next().unwrap_or_default();
                Err(error(path, format!("{status} {said}")))
            }
        }
    }

    /// Asks, and takes whatever status comes.
    pub(super) fn ask(&self, method: &str, path: &str) -> Result<Answer, AdminError> {
        let deadline = Deadline::after(PATIENCE);
        let bytes = self.exchange(method, path, deadline);
        let bytes = bytes.map_err(|problem| error(path, problem.to_string()))?;
        understood(&bytes).map_err(|problem| error(path, problem))
    }

    fn exchange(&self, method: &str, path: &str, deadline: Deadline) -> io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        let mut buffer = vec![0_u8; 64 << 10];
        loop {
            let left = deadline.left();
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            stream.set_read_timeout(Some(left))?;
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(answer),
                Ok(_) if answer.len() > MAX_ANSWER_BYTES => {
                    return Err(io::Error::other("an answer without an end"));
                }
                Ok(count) => answer.extend_from_slice(&buffer[..count]),
                // Ctrl-C is heard elsewhere; a read with a timeout is not begun again by itself.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn error(path: &str, problem: String) -> AdminError {
    AdminError { asked: path.to_owned(), problem }
}

/// The whole answer; the connection was closed behind it.
fn understood(bytes: &[u8]) -> Result<Answer, String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Err("an answer that was cut short".to_owned()),
        Err(error) => return Err(format!("an answer that is no HTTP: {error}")),
    };
    let status = head.code.ok_or("an answer without a status")?;
    let value = |name: &str| {
        let mut found = head.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        found.next().map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
    };
    let body = &bytes[length..];
    let chunked = value("transfer-encoding").is_some_and(|coding| coding == "chunked");
    let body = if chunked {
        dechunked(body)?
    } else {
        match value("content-length").and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => body.get(..length).ok_or("a body that was cut short")?.to_vec(),
            None => body.to_vec(),
        }
    };
    Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
}

fn dechunked(mut bytes: &[u8]) -> Result<Vec<u8>, String> {
    const CUT: &str = "a body that was cut short";
    let mut body = Vec::new();
    loop {
        let (start, size) = match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Err(CUT.to_owned()),
            Err(_) => return Err("a chunk without a size".to_owned()),
        };
        if size == 0 {
            return Ok(body);
        }
        let size = usize::try_from(size).map_err(|_| "a chunk of more than memory")?;
        let end = start.checked_add(size).ok_or("a chunk of more than memory")?;
        body.extend_from_slice(bytes.get(start..end).ok_or(CUT)?);
        // Each chunk is followed by an empty line.
        bytes = bytes.get(end + 2..).ok_or(CUT)?;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn answer(text: &str) -> Result<Answer, String> {
        understood(text.as_bytes())
    }

    #[test]
    fn a_body_is_read_by_chunks_by_length_or_to_the_end() {
        for text in [
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nLIV\r\n2\r\nE\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nLIVE\n",
            "HTTP/1.1 200 OK\r\n\r\nLIVE\n",
        ] {
            assert_eq!(answer(text), Ok(Answer { status: 200, body: "LIVE\n".to_owned() }));
        }
    }

    #[test]
    fn half_an_answer_is_none() {
        for text in [
            "",
            "HTTP/1.1 200 OK\r\ncontent-le",
            "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nLIVE",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nLIV\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n30\r\nLIV\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nLIV\r\n",
            "SSH-2.0-OpenSSH\r\n\r\n",
        ] {
            assert!(answer(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_names_what_was_asked() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let admin = Admin::at(&socket);
        assert!(admin.get("/ready").unwrap_err().to_string().contains("/ready"));
        let listener = UnixListener::bind(&socket).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // All of the request is read, or closing would be a reset.
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            stream
                .write_all(b"HTTP/1.1 503 No\r\ncontent-length: 13\r\n\r\nINITIALIZING\n")
                .unwrap();
            String::from_utf8(request).unwrap()
        });
        let error = admin.get("/ready").unwrap_err().to_string();
        assert!(error.contains("503 INITIALIZING"), "{error}");
        assert!(server.join().unwrap().starts_with("GET /ready HTTP/1.1\r\n"));
    }
}
