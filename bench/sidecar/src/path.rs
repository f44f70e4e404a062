//! One downstream connection and its own upstream connection. Knows headers and bodies as streams,
//! not who may call.
//!
//! Connections are paired one to one, without a pool: a fresh connection of the generator is a
//! fresh connection, and where there is mTLS a fresh handshake, on the whole path, and one that is
//! kept alive is kept alive throughout. With a pool in between, what a request pays for would
//! depend on the requests before it. The upstream connection is made when the first request
//! arrives, as in Envoy, so that a connection without requests costs nothing further on.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::authorise::{self, Answer as Judged, Check, Facts};
use crate::clock;
use crate::counters::{Counters, Peer};
use crate::delay::{Share, Sleeper};
use crate::headers;
use crate::listen::HANDSHAKE_TIMEOUT;
use crate::log;

/// As Istio's `connect_timeout`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of a message's head, and what one connection buffers at most.
const MAX_BUFFER: usize = 64 << 10;
const MAX_HEADERS: usize = 100;

type Answer = Response<Either<Incoming, Full<Bytes>>>;

/// Where a route leads.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    /// `None`: plain HTTP.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// A route as its connections see it.
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) upstream: Upstream,
    pub(crate) counters: Arc<Counters>,
    /// Requests held back, and for how long.
    pub(crate) delay: Option<(Share, Duration)>,
}

/// Who is at the other end of a downstream connection, once that is proven.
pub(crate) struct Caller {
    pub(crate) peer: Peer,
    /// The header that tells the origin.
    pub(crate) xfcc: HeaderValue,
}

struct Path {
    route: Arc<Route>,
    caller: Option<Caller>,
    /// The same, as rules look at it.
    known_as: authorise::Caller,
    /// What is let through; everything where there is none.
    check: Option<Arc<Check>>,
    /// Taken while a request is sent. One that is given up on the way drops it, which ends the
    /// upstream connection as it should: the answer that is still to come belongs to nobody.
    sender: Mutex<Option<SendRequest<Incoming>>>,
    sleeper: tokio::sync::Mutex<Sleeper>,
}

/// Serves a downstream connection to its end, by the rules that it began with.
pub(crate) async fn serve<S>(
    stream: S,
    route: Arc<Route>,
    caller: Option<Caller>,
    check: Option<Arc<Check>>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let id = caller.as_ref().map(|caller| caller.peer.id.as_str());
    let path = Arc::new(Path {
        known_as: id.map(authorise::Caller::of).unwrap_or_default(),
        route,
        caller,
        check,
        sender: Mutex::default(),
        sleeper: tokio::sync::Mutex::default(),
    });
    let service = service_fn(|request| {
        let path = Arc::clone(&path);
        async move { Ok::<_, std::convert::Infallible>(path.answer(request).await) }
    });
    let served = server().serve_connection(TokioIo::new(stream), service).await;
    note_end(&path.route.name, "downstream", served);
}

/// How every HTTP server here is set up.
pub(crate) fn server() -> hyper::server::conn::http1::Builder {
    let mut builder = hyper::server::conn::http1::Builder::new();
    // No timeout for a request's head: it would also end idle connections, which a load with few
    // requests has, and set a timer per request. What bounds them is the number of connections.
    builder.header_read_timeout(None).max_buf_size(MAX_BUFFER).max_headers(MAX_HEADERS);
    builder
}

/// Callers that go away in the middle are no error of ours.
pub(crate) fn note_end(route: &str, side: &str, ended: hyper::Result<()>) {
    if let Err(error) = ended
        && !error.is_incomplete_message()
        && !error.is_canceled()
        && !error.is_closed()
    {
        log::line(format_args!("{route}: {side}: {}", with_causes(&error)));
    }
}

impl Path {
    async fn answer(&self, mut request: Request<Incoming>) -> Answer {
        let arrived = clock::now();
        self.route.counters.requests.one();
        if let Some(caller) = &self.caller {
            self.route.counters.note(&caller.peer);
        }
        if request.method() == Method::CONNECT {
            return refusal(StatusCode::METHOD_NOT_ALLOWED, "no tunnels\n");
        }
        if let Some(check) = &self.check
            && !self.authorised(check, &mut request)
        {
            return denial(check.refusal());
        }
        if let Some((share, length)) = &self.route.delay
            && share.next()
        {
            let slept = self.sleeper.lock().await.until(arrived.plus(*length)).await;
            if let Err(error) = slept {
                log::line(format_args!("{}: planted delay: {error}", self.route.name));
            }
        }
        match self.forward(request).await {
            Ok(response) => response,
            Err(problem) => {
                self.route.counters.upstream_failures.one();
                log::line(format_args!("{}: upstream: {problem}", self.route.name));
                refusal(StatusCode::SERVICE_UNAVAILABLE, "upstream unavailable\n")
            }
        }
    }

    /// Asks the rules, and gives what is let through the path that they looked at.
    fn authorised(&self, check: &Check, request: &mut Request<Incoming>) -> bool {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let facts = Facts {
            caller: &self.known_as,
            method: request.method().as_str(),
            host: host.or_else(|| request.uri().host()).unwrap_or_default(),
            target: request.uri().path_and_query().map_or("/", |target| target.as_str()),
            headers: request.headers(),
        };
        let allowed = match check.answer(&facts) {
            Judged::Denied => Err(()),
            Judged::Allowed(target) if target == facts.target => Ok(None),
            // What was judged is what goes on, or nothing does.
            Judged::Allowed(target) => target.parse::<Uri>().map(Some).map_err(drop),
        };
        let Ok(rewritten) = allowed else {
            self.route.counters.denied.one();
            return false;
        };
        if let Some(target) = rewritten {
            *request.uri_mut() = target;
        }
        self.route.counters.allowed.one();
        true
    }

    async fn forward(&self, mut request: Request<Incoming>) -> Result<Answer, String> {
        headers::end_hop(request.headers_mut());
        let known = self.caller.as_ref().map(|caller| &caller.xfcc);
        headers::set_identity(request.headers_mut(), known);
        if has_unknown_length(request.body()) {
            headers::announce_chunks(request.headers_mut());
        }
        *request.version_mut() = Version::HTTP_11;
        to_origin_form(&mut request);

        let idle = self.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut sender = match idle {
            Some(sender) => sender,
            None => self.route.connect().await?,
        };
        sender.ready().await.map_err(|error| with_causes(&error))?;
        let answered = sender.send_request(request).await;
        let mut response = answered.map_err(|error| with_causes(&error))?;
        let last = headers::end_hop(response.headers_mut());
        if last {
            // The pair ends together.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        } else {
            *self.sender.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        }
        Ok(response.map(Either::Left))
    }
}

impl Route {
    async fn connect(self: &Arc<Self>) -> Result<SendRequest<Incoming>, String> {
        let address = self.upstream.address;
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        let stream = flat(connected).map_err(|error| format!("connect to {address}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| format!("TCP_NODELAY: {error}"))?;
        let Some(config) = &self.upstream.tls else {
            return self.speak(stream).await;
        };
        // rustls wants a name; what is checked is the SPIFFE id in the configuration.
        let name = ServerName::from(address.ip());
        let handshake = TlsConnector::from(Arc::clone(config)).connect(name, stream);
        let shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await;
        let stream =
            flat(shaken).map_err(|error| format!("TLS with {address}: {}", tls(&error)))?;
        self.speak(stream).await
    }

    async fn speak<S>(self: &Arc<Self>, stream: S) -> Result<SendRequest<Incoming>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_BUFFER).max_headers(MAX_HEADERS);
        let shaken = builder.handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|error| with_causes(&error))?;
        let route = Arc::clone(self);
        tokio::spawn(async move { note_end(&route.name, "upstream", connection.await) });
        Ok(sender)
    }
}

fn flat<T>(timed: Result<io::Result<T>, tokio::time::error::Elapsed>) -> io::Result<T> {
    timed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// A TLS error inside an I/O error in words.
pub(crate) fn tls(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => identity::explain(inner),
        None => error.to_string(),
    }
}

/// An error with what caused it, which hyper's own text leaves out. A TLS error has its reason.
fn with_causes(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let words = inner.downcast_ref::<io::Error>().map_or_else(|| inner.to_string(), tls);
        text.push_str(": ");
        text.push_str(&words);
        cause = inner.source();
    }
    text
}

fn refusal(status: StatusCode, text: &'static str) -> Answer {
    let mut response = Response::new(Either::Right(Full::new(Bytes::from_static(text.as_bytes()))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The refusal of a rule. The connection is kept: the next request may be let through.
fn denial(text: &'static str) -> Answer {
    let mut response = Response::new(Either::Right(Full::new(Bytes::from_static(text.as_bytes()))));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// hyper would otherwise send a GET with such a body without it.
fn has_unknown_length(body: &Incoming) -> bool {
    !body.is_end_stream() && body.size_hint().exact().is_none()
}

/// A proxy may be asked for a whole URL; an origin is asked for a path.
fn to_origin_form(request: &mut Request<Incoming>) {
    if request.uri().scheme().is_some() {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    }
}
