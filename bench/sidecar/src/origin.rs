//! The server behind the sidecars: a fixed answer, an echo of the headers for probes, and times at
//! which it is silent when that was planted.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use crate::clock;
use crate::counters::Counters;
use crate::delay::{Sleeper, Stall};
use crate::error::Error;
use crate::listen::{Listener, Served, Service};
use crate::log;
use crate::path;
use crate::setup::{OriginRoute, OriginSetup};

/// Answers with the request's headers as an [`Echo`]. Not counted as work.
pub const ECHO_PATH: &str = "/.loadgen/echo";
/// A request with this header is answered in the same way whatever its path, which rules may look at.
pub const ECHO_HEADER: &str = "x-loadgen-echo";
const MAX_BODY_BYTES: u32 = 16 << 20;

/// What a request for an echo looked like when it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// The route that it came on.
    pub route: String,
    /// Name in lower case → values in order. Bytes that are not UTF-8 are replaced.
    pub headers: BTreeMap<String, Vec<String>>,
}

struct Origin {
    route: String,
    counters: Arc<Counters>,
    stall: Option<Arc<Stall>>,
    body: Bytes,
}

pub(crate) fn start(setup: OriginSetup) -> Result<Service, Error> {
    let OriginSetup { cores, address, body_bytes, routes } = setup;
    if body_bytes > MAX_BODY_BYTES {
        return Err(Error::Unusable(format!("a body of {body_bytes} bytes")));
    }
    let length = usize::try_from(body_bytes).expect("at most 16 MiB");
    let body = Bytes::from(vec![b'x'; length]);
    let mut stalls = Vec::new();
    let mut listeners = Vec::new();
    for OriginRoute { name, stall } in routes {
        let stall = stall.map(Stall::new).transpose().map_err(Error::Unusable)?.map(Arc::new);
        stalls.extend(stall.clone());
        let counters = Arc::default();
        let origin = Origin { route: name, counters, stall, body: body.clone() };
        listeners.push(listener(Arc::new(origin)));
    }
    let mut service = Service::new(cores, listeners)?;
    service.address = address;
    service.controlled.stalls = stalls;
    Ok(service)
}

fn listener(origin: Arc<Origin>) -> Listener {
    let route = origin.route.clone();
    let counters = Arc::clone(&origin.counters);
    let on_connection = move |stream| -> Served { Box::pin(serve(stream, Arc::clone(&origin))) };
    Listener { route, counters, on_connection: Box::new(on_connection) }
}

async fn serve(stream: TcpStream, origin: Arc<Origin>) {
    origin.counters.plaintext.one();
    let sleeper = Arc::new(tokio::sync::Mutex::new(Sleeper::default()));
    let service = service_fn(|request| {
        let origin = Arc::clone(&origin);
        let sleeper = Arc::clone(&sleeper);
        async move { Ok::<_, Infallible>(origin.answer(request, &sleeper).await) }
    });
    let served = path::server().serve_connection(TokioIo::new(stream), service).await;
    path::note_end(&origin.route, "connection", served);
}

impl Origin {
    async fn answer(
        &self,
        request: Request<Incoming>,
        sleeper: &tokio::sync::Mutex<Sleeper>,
    ) -> Response<Full<Bytes>> {
        if request.uri().path() == ECHO_PATH || request.headers().contains_key(ECHO_HEADER) {
            self.counters.echoes.one();
            return self.echo(request.headers());
        }
        if let Some(stall) = &self.stall
            && let Some(end) = stall.silent_until(clock::now())
            && let Err(error) = sleeper.lock().await.until(end).await
        {
            log::line(format_args!("{}: planted stall: {error}", self.route));
        }
        let mut body = request.into_body();
        // Read to its end, or the connection could not be used again.
        while !body.is_end_stream() {
            match body.frame().await {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            }
        }
        self.counters.requests.one();
        Response::new(Full::new(self.body.clone()))
    }

    fn echo(&self, headers: &HeaderMap) -> Response<Full<Bytes>> {
        let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            seen.entry(name.as_str().to_owned()).or_default().push(value);
        }
        let echo = Echo { route: self.route.clone(), headers: seen };
        let text = serde_json::to_vec(&echo).expect("texts are JSON");
        let mut response = Response::new(Full::new(Bytes::from(text)));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}
