//! A unary gRPC call as plain HTTP/2: what the fields and the body of a raw message are. Knows no
//! message's own encoding.

use std::sync::Arc;

use super::message::AnswerBlock;

/// The fields of a request besides its line; the path is `/package.Service/Method`, the method
/// `POST`.
pub const REQUEST_FIELDS: [(&str, &str); 2] =
    [("te", "trailers"), ("content-type", "application/grpc")];

/// The body that carries one message uncompressed.
///
/// # Panics
///
/// When the message has 4 GiB or more, which the format has no room for.
#[must_use]
pub fn body(message: &[u8]) -> Arc<[u8]> {
    let length = u32::try_from(message.len()).expect("a message is shorter than 4 GiB");
    let mut body = vec![0];
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(message);
    body.into()
}

/// An answer with that `grpc-status`, 0 for success, which follows the body.
#[must_use]
pub fn answer(grpc_status: u32) -> AnswerBlock {
    AnswerBlock::new(200, [("content-type", "application/grpc")])
        .and_then(|head| head.with_trailers([("grpc-status", grpc_status.to_string().as_str())]))
        .expect("these fields can be sent")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_message_is_prefixed_with_its_length() {
        assert_eq!(*super::body(b"abc"), *b"\0\0\0\0\x03abc");
        assert_eq!(*super::body(b""), [0; 5]);
    }
}
