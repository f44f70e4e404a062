//! HTTP/2 (RFC 9113) on the measured path: both sides of a connection as bytes in and out. Knows no
//! socket, no time and no thread, so that whoever has them decides when bytes move.
//!
//! ```text
//! bytes ─► incoming ─► client, server ─► events     heads: hpack, message
//! bytes ◄─ frame ◄─ link, streams ◄─ requests       windows: window
//! ```

pub mod client;
mod error;
mod frame;
pub mod grpc;
mod hpack;
mod incoming;
mod link;
mod message;
pub mod server;
mod streams;
#[cfg(test)]
mod tests;
mod window;

pub use error::{ConnectionError, ErrorCode};
pub use frame::PREFACE;
pub use message::{AnswerBlock, HeaderBlock, RequestLine, Unsendable};
