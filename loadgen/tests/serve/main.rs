//! The server that generators are judged against, over real sockets: what it says on the wire, what
//! it plants, and that hyper's client is content with it.

#[path = "../support/mod.rs"]
mod support;

mod client;
mod command;
mod conformance;
mod http1;
mod http2;
mod planted;
mod tls;
