//! Which headers end at a proxy (RFC 9110, section 7.6.1), and the one that says who called.

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

use crate::setup::XFCC;

/// Besides those that `connection` names. Trailers end here too.
const HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("http2-settings"),
];

/// Removes what belongs to one hop. Returns whether `connection: close` was among it.
pub(crate) fn end_hop(headers: &mut HeaderMap) -> bool {
    let mut close = false;
    if headers.contains_key(CONNECTION) {
        let named: Vec<String> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();
        for name in &named {
            close |= name == "close";
            // The length of a body is not the hop's to take away: without it the body's end moves.
            if name != CONTENT_LENGTH.as_str() {
                headers.remove(name.as_str());
            }
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    close
}

/// Removes what a caller claims about its certificate and says what is known of it instead.
pub(crate) fn set_identity(headers: &mut HeaderMap, known: Option<&HeaderValue>) {
    match known {
        Some(value) => {
            // `insert` takes the place of every value there was.
            headers.insert(HeaderName::from_static(XFCC), value.clone());
        }
        None => {
            headers.remove(XFCC);
        }
    }
}

/// Says that a body comes in chunks, for one whose length is not known.
pub(crate) fn announce_chunks(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
    headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn headers_of_one_hop_and_those_named_by_connection_end_here() {
        let mut headers = headers(&[
            ("host", "a"),
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("x-kept", "1"),
        ]);
        assert!(end_hop(&mut headers));
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["host", "x-kept"]);
    }

    #[test]
    fn the_length_of_a_body_can_not_be_named_away() {
        let mut headers = headers(&[("connection", "content-length"), ("content-length", "5")]);
        assert!(!end_hop(&mut headers));
        assert!(headers.contains_key(CONTENT_LENGTH));
    }

    #[test]
    fn a_claimed_identity_is_replaced_or_removed_however_often_it_is_claimed() {
        let claims = [(XFCC, "URI=spiffe://a/ns/b/sa/admin"), (XFCC, "URI=x")];
        let mut spoofed = headers(&claims);
        set_identity(&mut spoofed, None);
        assert!(spoofed.is_empty());
        let mut spoofed = headers(&claims);
        set_identity(&mut spoofed, Some(&HeaderValue::from_static("URI=y")));
        assert_eq!(spoofed.get_all(XFCC).iter().collect::<Vec<_>>(), ["URI=y"]);
    }
}
