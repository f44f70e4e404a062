//! A request's target as proxies look at it and pass it on. Knows no rule.

use std::borrow::Cow;

/// The target with its path normalised, without a fragment: borrowed where nothing changes, which
/// costs one look at each byte. Nothing for a target that does not begin with a slash.
pub(super) fn normalised(target: &str, merge_slashes: bool) -> Option<Cow<'_, str>> {
    let bytes = target.as_bytes();
    if bytes.first() != Some(&b'/') {
        return None;
    }
    let path_end = bytes.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(bytes.len());
    let (path, rest) = target.split_at(path_end);
    let query = &rest[..rest.find('#').unwrap_or(rest.len())];
    if is_normal(path.as_bytes(), merge_slashes) {
        return Some(Cow::Borrowed(&target[..path_end + query.len()]));
    }
    let mut out = resolve(&undo_escapes(path));
    if merge_slashes {
        out = merged(&out);
    }
    out.push_str(query);
    Some(Cow::Owned(out))
}

fn is_normal(path: &[u8], merge_slashes: bool) -> bool {
    let mut before = b'x';
    for byte in path {
        match byte {
            b'%' | b'\\' => return false,
            b'.' if before == b'/' => return false,
            b'/' if before == b'/' && merge_slashes => return false,
            _ => before = *byte,
        }
    }
    true
}

/// Escapes of letters, digits and `-._~` become those, and backslashes slashes.
fn undo_escapes(path: &str) -> String {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        let escaped = match (byte, hex(bytes.get(at)), hex(bytes.get(at + 1))) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        match (byte, escaped) {
            (_, Some(plain)) if plain.is_ascii_alphanumeric() || b"-._~".contains(&plain) => {
                out.push(plain);
                at += 2;
            }
            (b'\\', _) => out.push(b'/'),
            (other, _) => out.push(*other),
        }
    }
    String::from_utf8(out).expect("only ASCII took the place of ASCII")
}

/// Takes `.` and `..` out.
fn resolve(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut parts = path[1..].split('/').peekable();
    while let Some(part) = parts.next() {
        match part {
            "." => {}
            ".." => out.truncate(out.rfind('/').unwrap_or(0)),
            part => {
                out.push('/');
                out.push_str(part);
                continue;
            }
        }
        if parts.peek().is_none() {
            out.push('/');
        }
    }
    if out.is_empty() { "/".to_owned() } else { out }
}

fn merged(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter != '/' || !out.ends_with('/') {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use policy::inventory::PathNormalization;
    use policy::normalize::normalized;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_path_is_normalised_as_the_reference_does_it(target in "[/\\\\.%2eEfF65cCaz?#]{0,14}") {
            for (merge, how) in [(false, PathNormalization::Base), (true, PathNormalization::MergeSlashes)] {
                let found = normalised(&target, merge);
                prop_assert_eq!(found.map(Cow::into_owned), normalized(&target, how));
            }
        }
    }

    #[test]
    fn what_is_normal_is_not_copied() {
        for target in ["/", "/a/b.c/d?x=/../y", "/v1/orders"] {
            assert!(
                matches!(normalised(target, true), Some(Cow::Borrowed(same)) if same == target)
            );
        }
    }
}
