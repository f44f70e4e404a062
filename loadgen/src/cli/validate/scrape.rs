//! Metrics for whoever asks: on loopback, validated anew when they are asked for, until Ctrl-C. What
//! they are is decided in `policy`.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use bench::seams::StopFlag;
use policy::finding::Severity;
use policy::report;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use testbed::deadline::Deadline;

use super::judged::Judged;
use crate::cli::exit::Failure;
use crate::cli::tell::tell;
use crate::cli::validate_args::{MetricsTo, ValidateArgs};

/// However often it is asked, it is validated no more often than this.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);
/// For a request and its answer; who is slower than that keeps the others waiting.
const FOR_ONE: Duration = Duration::from_secs(5);
/// Between two looks at the stop flag.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
const LONGEST_HEAD: usize = 8 * 1024;

/// Serves the metrics on the port that was asked for.
pub fn serve_metrics(args: &ValidateArgs, stop: &StopFlag) -> Result<(), Failure> {
    let Some(MetricsTo::Port(port)) = args.metrics else { return Ok(()) };
    let failed = |error: io::Error| Failure::Usage(format!("--metrics :{port}: {error}"));
    // What can not be read now is told now, and not to a program that asks an hour later.
    let mut metrics = Metrics::of(args)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    tell(&format!("metrics on http://{address}/metrics, until Ctrl-C"));
    while !stop.is_raised() {
        let ready = poll(&mut [PollFd::new(&listener, PollFlags::IN)], Some(&LOOK));
        match ready {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(failed(error.into())),
        }
        let Ok((stream, _)) = listener.accept() else { continue };
        if let Err(error) = answer(stream, args, &mut metrics) {
            tell(&format!("metrics: a request was not answered: {error}"));
        }
    }
    Ok(())
}

/// What was made of the input, or why nothing could be.
struct Metrics {
    text: Result<String, String>,
    fresh: Deadline,
}

impl Metrics {
    fn of(args: &ValidateArgs) -> Result<Self, Failure> {
        let judged = Judged::of(args)?;
        let from = args.fail_on.severity().unwrap_or(Severity::High);
        let text = Ok(report::metrics(&judged.report, from));
        Ok(Self { text, fresh: Deadline::after(AT_MOST_EVERY) })
    }

    fn renew(&mut self, args: &ValidateArgs) {
        if self.fresh.has_passed() {
            *self = Self::of(args).unwrap_or_else(|failure| Self {
                text: Err(failure.to_string()),
                fresh: Deadline::after(AT_MOST_EVERY),
            });
        }
    }
}

fn answer(mut stream: TcpStream, args: &ValidateArgs, metrics: &mut Metrics) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(FOR_ONE))?;
    let (status, body) = match path_of(&mut stream)?.as_deref() {
        Some("/metrics") => {
            metrics.renew(args);
            match &metrics.text {
                Ok(text) => ("200 OK", text.as_str()),
                // A scrape that fails is seen; old figures would be taken for new ones.
                Err(why) => ("503 Service Unavailable", why.as_str()),
            }
        }
        Some(_) => ("404 Not Found", "the metrics are at /metrics\n"),
        None => ("400 Bad Request", "expected GET /metrics\n"),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// The path that is asked for, without its query; nothing where it is no GET.
fn path_of(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let (deadline, mut head) = (Deadline::after(FOR_ONE), Vec::new());
    loop {
        let left = deadline.left();
        if left.is_zero() || head.len() > LONGEST_HEAD {
            return Ok(None);
        }
        stream.set_read_timeout(Some(left))?;
        let mut some = [0; 1024];
        let count = stream.read(&mut some)?;
        if count == 0 {
            return Ok(None);
        }
        head.extend_from_slice(&some[..count]);
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&head) {
            Ok(httparse::Status::Partial) => {}
            Ok(httparse::Status::Complete(_)) if request.method == Some("GET") => {
                let path = request.path.unwrap_or_default();
                return Ok(path.split('?').next().map(str::to_owned));
            }
            Ok(httparse::Status::Complete(_)) | Err(_) => return Ok(None),
        }
    }
}
