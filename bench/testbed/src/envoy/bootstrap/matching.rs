//! Texts of policies as matchers of Envoy: Istio's stars at one end, templates of paths, regular
//! expressions, ranges of addresses. Knows no policy and no listener.

use std::net::IpAddr;

use serde_json::{Value, json};

/// Istio's text: `*` alone is anything but nothing, and a star at one end a suffix or a prefix.
pub(super) fn text(pattern: &str) -> Value {
    match pattern {
        "*" => regex(".+"),
        _ => match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
            (Some(suffix), _) => json!({ "suffix": suffix }),
            (None, Some(prefix)) => json!({ "prefix": prefix }),
            (None, None) => json!({ "exact": pattern }),
        },
    }
}

/// A regular expression that must match the whole.
pub(super) fn regex(pattern: &str) -> Value {
    json!({ "safe_regex": { "regex": pattern } })
}

/// A header with one of Istio's texts; `*` alone asks only that it is there.
pub(super) fn header(name: &str, pattern: &str) -> Value {
    match pattern {
        "*" => present(name),
        _ => header_with(name, text(pattern)),
    }
}

/// The `Host` header, whose case does not matter.
pub(super) fn host(pattern: &str) -> Value {
    let mut matcher = header(":authority", pattern);
    if let Some(found) = matcher.pointer_mut("/header/string_match") {
        found["ignore_case"] = true.into();
    }
    matcher
}

/// A header that is there, whatever it says.
pub(super) fn present(name: &str) -> Value {
    json!({ "header": { "name": name, "present_match": true } })
}

/// A header that matches.
pub(super) fn header_with(name: &str, matcher: Value) -> Value {
    json!({ "header": { "name": name, "string_match": matcher } })
}

/// Whether a path is a template, of which `{*}` is one part and `{**}` any number.
pub(super) fn is_template(path: &str) -> bool {
    path.contains("{*}") || path.contains("{**}")
}

/// A path without query and fragment, after normalisation.
pub(super) fn path(pattern: &str) -> Value {
    if is_template(pattern) {
        let template = pattern.replace("{*}", "*").replace("{**}", "**");
        return json!({ "uri_template": {
            "name": "uri-template",
            "typed_config": {
                "@type": "type.googleapis.com/\
                          envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
                "path_template": template,
            },
        } });
    }
    json!({ "url_path": { "path": text(pattern) } })
}

/// An address or a range of them, for the field that says whose; nothing where the text is none.
pub(super) fn block(field: &str, text: &str) -> Option<Value> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let widest = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(widest);
    (bits <= widest)
        .then(|| json!({ field: { "address_prefix": address.to_string(), "prefix_len": bits } }))
}

/// The text itself, for a regular expression.
pub(super) fn literal(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_one_end_is_a_suffix_or_a_prefix() {
        assert_eq!(text("*"), regex(".+"));
        assert_eq!(text("/a"), json!({ "exact": "/a" }));
        assert_eq!(text("/a/*"), json!({ "prefix": "/a/" }));
        assert_eq!(text("*.png"), json!({ "suffix": ".png" }));
        // A second star means itself.
        assert_eq!(text("*a*"), json!({ "suffix": "a*" }));
    }

    #[test]
    fn a_host_has_no_case_and_a_header_has() {
        let exact = json!({ "exact": "A", "ignore_case": true });
        assert_eq!(host("A"), header_with(":authority", exact));
        assert_eq!(host("*"), present(":authority"));
        assert_eq!(header("x", "A"), header_with("x", json!({ "exact": "A" })));
    }

    #[test]
    fn an_address_is_a_range_of_one() {
        let one = json!({ "remote_ip": { "address_prefix": "10.1.2.3", "prefix_len": 32 } });
        assert_eq!(block("remote_ip", "10.1.2.3"), Some(one));
        let six = json!({ "remote_ip": { "address_prefix": "fd00::", "prefix_len": 8 } });
        assert_eq!(block("remote_ip", "fd00::/8"), Some(six));
        for wrong in ["10.1.2", "10.0.0.0/33", "10.0.0.0/", "host"] {
            assert_eq!(block("remote_ip", wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_literal_matches_itself_alone() {
        assert_eq!(literal("a.b-c/d+"), r"a\.b-c/d\+");
    }
}
