//! Frames as they are written (RFC 9113 §4.1, §6). Knows the layout, not when a frame may go.

use super::error::ErrorCode;

/// What a client sends before its first frame.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a frame's head.
pub(super) const HEAD: usize = 9;

/// The longest payload that every peer takes. It is the longest that is sent, whatever more the
/// peer allows, and the longest that is taken, since nothing larger is ever announced.
pub(super) const LONGEST_PAYLOAD: usize = 16_384;

/// The largest stream id, and the largest window.
pub(super) const LARGEST: u32 = 0x7fff_ffff;

pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0x0;
    pub(in super::super) const HEADERS: u8 = 0x1;
    pub(in super::super) const PRIORITY: u8 = 0x2;
    pub(in super::super) const RST_STREAM: u8 = 0x3;
    pub(in super::super) const SETTINGS: u8 = 0x4;
    pub(in super::super) const PUSH_PROMISE: u8 = 0x5;
    pub(in super::super) const PING: u8 = 0x6;
    pub(in super::super) const GOAWAY: u8 = 0x7;
    pub(in super::super) const WINDOW_UPDATE: u8 = 0x8;
    pub(in super::super) const CONTINUATION: u8 = 0x9;
}

pub(super) mod flag {
    pub(in super::super) const ACK: u8 = 0x1;
    pub(in super::super) const END_STREAM: u8 = 0x1;
    pub(in super::super) const END_HEADERS: u8 = 0x4;
    pub(in super::super) const PADDED: u8 = 0x8;
    pub(in super::super) const PRIORITY: u8 = 0x20;
}

pub(super) mod setting {
    pub(in super::super) const HEADER_TABLE_SIZE: u16 = 0x1;
    pub(in super::super) const ENABLE_PUSH: u16 = 0x2;
    pub(in super::super) const MAX_CONCURRENT_STREAMS: u16 = 0x3;
    pub(in super::super) const INITIAL_WINDOW_SIZE: u16 = 0x4;
    pub(in super::super) const MAX_FRAME_SIZE: u16 = 0x5;
}

/// Appends a frame's head.
pub(super) fn head(kind: u8, flags: u8, stream: u32, length: usize, to: &mut Vec<u8>) {
    let length = u32::try_from(length).expect("a payload is at most 16 384 bytes");
    let [_, high, middle, low] = length.to_be_bytes();
    let [a, b, c, d] = stream.to_be_bytes();
    to.extend_from_slice(&[high, middle, low, kind, flags, a, b, c, d]);
}

/// Appends a field block, which may begin with `first`, in as many frames as it takes.
pub(super) fn headers(stream: u32, first: &[u8], block: &[u8], end: bool, to: &mut Vec<u8>) {
    let end_stream = if end { flag::END_STREAM } else { 0 };
    let (now, mut rest) = block.split_at(block.len().min(LONGEST_PAYLOAD - first.len()));
    let end_headers = if rest.is_empty() { flag::END_HEADERS } else { 0 };
    head(kind::HEADERS, end_stream | end_headers, stream, first.len() + now.len(), to);
    to.extend_from_slice(first);
    to.extend_from_slice(now);
    while !rest.is_empty() {
        let (now, after) = rest.split_at(rest.len().min(LONGEST_PAYLOAD));
        rest = after;
        let end_headers = if rest.is_empty() { flag::END_HEADERS } else { 0 };
        head(kind::CONTINUATION, end_headers, stream, now.len(), to);
        to.extend_from_slice(now);
    }
}

/// Appends part of a body, at most `LONGEST_PAYLOAD`.
pub(super) fn data(stream: u32, part: &[u8], end: bool, to: &mut Vec<u8>) {
    let flags = if end { flag::END_STREAM } else { 0 };
    head(kind::DATA, flags, stream, part.len(), to);
    to.extend_from_slice(part);
}

/// Appends the end of a stream.
pub(super) fn reset(stream: u32, code: ErrorCode, to: &mut Vec<u8>) {
    head(kind::RST_STREAM, 0, stream, 4, to);
    to.extend_from_slice(&code.0.to_be_bytes());
}

/// Appends settings.
pub(super) fn settings(values: &[(u16, u32)], to: &mut Vec<u8>) {
    head(kind::SETTINGS, 0, 0, values.len() * 6, to);
    for (id, value) in values {
        to.extend_from_slice(&id.to_be_bytes());
        to.extend_from_slice(&value.to_be_bytes());
    }
}

/// Appends "your settings are in force".
pub(super) fn settings_ack(to: &mut Vec<u8>) {
    head(kind::SETTINGS, flag::ACK, 0, 0, to);
}

/// Appends the answer to a PING.
pub(super) fn ping_ack(opaque: [u8; 8], to: &mut Vec<u8>) {
    head(kind::PING, flag::ACK, 0, 8, to);
    to.extend_from_slice(&opaque);
}

/// Appends more window for a stream, or for the connection where the stream is 0.
pub(super) fn window_update(stream: u32, increment: u32, to: &mut Vec<u8>) {
    head(kind::WINDOW_UPDATE, 0, stream, 4, to);
    to.extend_from_slice(&increment.to_be_bytes());
}

/// Appends the end of the connection.
pub(super) fn go_away(last: u32, code: ErrorCode, to: &mut Vec<u8>) {
    head(kind::GOAWAY, 0, 0, 8, to);
    to.extend_from_slice(&last.to_be_bytes());
    to.extend_from_slice(&code.0.to_be_bytes());
}
