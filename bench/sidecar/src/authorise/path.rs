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
    let mut out = resolve(&plain(path)?);
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
            byte if !may_stand(*byte) => return false,
            b'.' if before == b'/' => return false,
            b'/' if before == b'/' && merge_slashes => return false,
            _ => before = *byte,
        }
    }
    true
}

/// Escapes of letters, digits and `-._~` become those, backslashes slashes, and what may not stand in a
/// path an escape. Nothing for an escaped zero, which proxies refuse.
fn plain(path: &str) -> Option<String> {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = path.as_bytes();
    let mut out = String::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        let escaped = match (byte, hex(bytes.get(at)), hex(bytes.get(at + 1))) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        match (byte, escaped) {
            (_, Some(0)) => return None,
            (_, Some(plain)) if plain.is_ascii_alphanumeric() || b"-._~".contains(&plain) => {
                out.push(char::from(plain));
                at += 2;
            }
            (b'\\', _) => out.push('/'),
            (other, _) if may_stand(*other) => out.push(char::from(*other)),
            (other, _) => {
                out.push('%');
                for digit in [other >> 4, other & 15] {
                    let digit = char::from_digit(digit.into(), 16).expect("four bits");
                    out.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
    Some(out)
}

fn may_stand(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"<>^`{|}".contains(&byte)
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
        fn a_path_is_normalised_as_the_reference_does_it(target in "[/\\\\.%2eEfF65cC0az?#\"<^ é]{0,14}") {
            let ways = [(false, PathNormalization::Base), (true, PathNormalization::MergeSlashes)];
            for (merge, how) in ways {
                let found = normalised(&target, merge).map(Cow::into_owned);
                // Fragments are cut off here, and not compared there.
                let expected = normalized(&target, how);
                let whole = expected.map(|target| target.split('#').next().unwrap_or("").to_owned());
                prop_assert_eq!(found, whole);
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
