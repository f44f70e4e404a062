//! The origin's sidecar: lets callers in by Istio's three modes and requests by its rules, tells the
//! origin who calls, and drops what callers claim to be.

use std::sync::Arc;

use hyper::header::HeaderValue;
use identity::SpiffeId;
use rustls::{HandshakeKind, ServerConfig, ServerConnection};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::authorise::InForce;
use crate::counters::Peer;
use crate::delay::Share;
use crate::error::Error;
use crate::listen::{HANDSHAKE_TIMEOUT, Listener, Served, Service, close_unanswered};
use crate::log;
use crate::path::{self, Caller, Route, Upstream};
use crate::setup::{Mode, ServerRoute, ServerSetup};

/// The first byte of every TLS handshake record, and of no HTTP request.
const TLS_HANDSHAKE: u8 = 0x16;

struct Inbound {
    route: Arc<Route>,
    mode: Mode,
    tls: Option<(Arc<ServerConfig>, SpiffeId)>,
    rules: Arc<InForce>,
}

pub(crate) fn start(setup: ServerSetup) -> Result<Service, Error> {
    let ServerSetup { cores, tls, routes } = setup;
    let tls = match &tls {
        Some(own) => Some((identity::server_config(own)?, own_id(&own.identity.chain_pem)?)),
        None => None,
    };
    let inbound = routes
        .into_iter()
        .map(|route| inbound(route, tls.clone()))
        .collect::<Result<Vec<_>, _>>()?;
    let rules =
        inbound.iter().map(|one| (one.route.name.clone(), Arc::clone(&one.rules))).collect();
    let mut service = Service::new(cores, inbound.into_iter().map(listener).collect())?;
    service.controlled.rules = rules;
    Ok(service)
}

fn own_id(chain_pem: &str) -> Result<SpiffeId, Error> {
    use rustls::pki_types::pem::PemObject;
    let unusable = |problem: String| Error::Unusable(format!("own certificate: {problem}"));
    let leaf = identity::CertificateDer::from_pem_slice(chain_pem.as_bytes())
        .map_err(|error| unusable(error.to_string()))?;
    identity::peer_spiffe_id(&leaf).map_err(|error| unusable(error.to_string()))
}

fn inbound(
    route: ServerRoute,
    tls: Option<(Arc<ServerConfig>, SpiffeId)>,
) -> Result<Inbound, Error> {
    let ServerRoute { name, upstream, mode, delay, rules } = route;
    if mode != Mode::Disable && tls.is_none() {
        return Err(Error::Unusable(format!("route {name} has no certificate")));
    }
    let upstream = Upstream { address: upstream, tls: None };
    let delay = delay.map(|planted| (Share::new(planted), planted.length()));
    let rules = InForce::new(rules.as_ref());
    let rules = rules.map_err(|problem| Error::Unusable(format!("rules of {name}: {problem}")))?;
    let route = Arc::new(Route { name, upstream, counters: Arc::default(), delay });
    Ok(Inbound { route, mode, tls, rules: Arc::new(rules) })
}

fn listener(inbound: Inbound) -> Listener {
    let route = inbound.route.name.clone();
    let counters = Arc::clone(&inbound.route.counters);
    let inbound = Arc::new(inbound);
    let on_connection = move |stream| -> Served { Box::pin(serve(stream, Arc::clone(&inbound))) };
    Listener { route, counters, on_connection: Box::new(on_connection) }
}

async fn serve(stream: TcpStream, inbound: Arc<Inbound>) {
    let counters = &inbound.route.counters;
    // Looked at without being taken, so that TLS and HTTP each begin at the beginning.
    let mut first = [0_u8; 1];
    let peeked = tokio::time::timeout(HANDSHAKE_TIMEOUT, stream.peek(&mut first)).await;
    let is_tls = match peeked {
        Ok(Ok(1)) => first[0] == TLS_HANDSHAKE,
        // The caller left without a word.
        Ok(_) => return,
        Err(_) => return counters.refused_slow.one(),
    };
    match (inbound.mode, is_tls, &inbound.tls) {
        (Mode::Permissive | Mode::Strict, true, Some((config, own))) => {
            if let Some((stream, caller)) = shake_hands(stream, &inbound, config, own).await {
                let check = inbound.rules.check();
                path::serve(stream, Arc::clone(&inbound.route), Some(caller), check).await;
            }
        }
        (Mode::Disable | Mode::Permissive, false, _) => {
            counters.plaintext.one();
            let check = inbound.rules.check();
            path::serve(stream, Arc::clone(&inbound.route), None, check).await;
        }
        (Mode::Strict, false, _) => {
            counters.refused_plaintext.one();
            close_unanswered(stream).await;
        }
        (Mode::Disable, true, _) | (_, true, None) => {
            counters.refused_tls.one();
            close_unanswered(stream).await;
        }
    }
}

async fn shake_hands(
    stream: TcpStream,
    inbound: &Inbound,
    config: &Arc<ServerConfig>,
    own: &SpiffeId,
) -> Option<(TlsStream<TcpStream>, Caller)> {
    let Route { name, counters, .. } = &*inbound.route;
    let accept = TlsAcceptor::from(Arc::clone(config)).accept(stream).into_fallible();
    let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, accept).await {
        Ok(Ok(stream)) => stream,
        Ok(Err((error, stream))) => {
            counters.refused_handshake.one();
            log::line(format_args!("{name}: handshake refused: {}", path::tls(&error)));
            // The alert is on its way; see that it arrives.
            close_unanswered(stream).await;
            return None;
        }
        Err(_) => {
            counters.refused_slow.one();
            return None;
        }
    };
    match caller(stream.get_ref().1, own) {
        Ok(caller) => {
            match stream.get_ref().1.handshake_kind() {
                Some(HandshakeKind::Resumed) => counters.resumed.one(),
                _ => counters.full.one(),
            }
            counters.note(&caller.peer);
            Some((stream, caller))
        }
        Err(problem) => {
            counters.refused_handshake.one();
            log::line(format_args!("{name}: handshake refused: {problem}"));
            None
        }
    }
}

/// The verifier has checked the certificate; this reads who it is for.
fn caller(connection: &ServerConnection, own: &SpiffeId) -> Result<Caller, String> {
    let leaf = connection.peer_certificates().and_then(<[_]>::first);
    let leaf = leaf.ok_or("the caller has no certificate")?;
    let id = identity::peer_spiffe_id(leaf).map_err(|error| error.to_string())?;
    let xfcc = HeaderValue::try_from(format!("By={own};URI={id}"))
        .map_err(|error| format!("the caller's id is no header: {error}"))?;
    Ok(Caller { peer: Peer::new(id.to_string(), negotiated(connection)), xfcc })
}

fn negotiated(connection: &ServerConnection) -> String {
    let version = connection.protocol_version().map(|version| format!("{version:?}"));
    let cipher = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
    let group =
        connection.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
    let parts: Vec<String> = [version, cipher, group].into_iter().flatten().collect();
    parts.join(" ")
}
