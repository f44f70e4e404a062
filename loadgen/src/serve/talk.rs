//! Which HTTP a connection speaks, found out from its first bytes where both are possible, and then
//! that one.

use std::io;

use bench::clock::Nanos;

use super::http::Http;
use super::http1::Http1;
use super::http2::Http2;
use super::shared::{Shared, Speech};
use super::wire::Wire;
use crate::http2::PREFACE;

/// A conversation.
#[derive(Debug)]
pub(super) enum Talk {
    /// So many bytes are there, and they are the beginning of HTTP/2's preface.
    Unknown(usize),
    V1(Http1),
    V2(Box<Http2>),
}

impl Talk {
    pub(super) fn new(http: Http) -> Self {
        match http {
            Http::Auto => Self::Unknown(0),
            Http::V1 => Self::V1(Http1::default()),
            Http::V2 => Self::V2(Box::new(Http2::new())),
        }
    }

    /// Takes what was read at `now`.
    pub(super) fn hear(&mut self, bytes: &[u8], now: Nanos, shared: &mut Shared) {
        match self {
            Self::V1(http) => http.hear(bytes, now, shared),
            Self::V2(http) => http.hear(bytes, now, shared),
            Self::Unknown(known) => {
                let before = *known;
                let expected = &PREFACE[before..];
                let common = expected.len().min(bytes.len());
                let http2 = bytes[..common] == expected[..common];
                if http2 && common < expected.len() {
                    *known += common;
                    return;
                }
                *self = Self::new(if http2 { Http::V2 } else { Http::V1 });
                self.hear(&PREFACE[..before], now, shared);
                self.hear(bytes, now, shared);
            }
        }
    }

    /// How many requests it has heard.
    pub(super) fn requests(&self) -> u64 {
        match self {
            Self::Unknown(_) => 0,
            Self::V1(http) => http.requests(),
            Self::V2(http) => http.requests(),
        }
    }

    /// Whether so much waits that nothing more should be read.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::V1(http) => http.is_full(),
            Self::V2(http) => http.is_full(),
        }
    }

    /// Sends what is due at `now`, as far as the wire takes it.
    pub(super) fn speak(
        &mut self,
        wire: &mut Wire,
        now: Nanos,
        shared: &mut Shared,
    ) -> io::Result<Speech> {
        match self {
            Self::Unknown(_) => Ok(Speech::Idle),
            Self::V1(http) => http.speak(wire, now, shared),
            Self::V2(http) => http.speak(wire, now, shared),
        }
    }
}
