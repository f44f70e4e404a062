//! What the proxy makes of a path before policies are held against it, in each way that a mesh
//! can be set to. It compares nothing.

use crate::inventory::PathNormalization;

/// A path, with its query, after normalisation; nothing where the proxy refuses the request. What
/// begins at `#` is cut off.
#[must_use]
pub fn normalized(target: &str, how: PathNormalization) -> Option<String> {
    if !target.starts_with('/') {
        return None;
    }
    let target = target.split('#').next().unwrap_or_default();
    let end = target.find('?').unwrap_or(target.len());
    let (path, rest) = target.split_at(end);
    let path = match how {
        PathNormalization::None => path.to_owned(),
        PathNormalization::Base => base(path)?,
        PathNormalization::MergeSlashes => merged(&base(path)?),
        PathNormalization::DecodeAndMergeSlashes => merged(&base(&decoded_slashes(path))?),
    };
    Some(path + rest)
}

/// Encoded slashes of both kinds as what they stand for.
fn decoded_slashes(path: &str) -> String {
    path.replace("%2f", "/").replace("%2F", "/").replace("%5c", "\\").replace("%5C", "\\")
}

/// One slash for several beside one another.
fn merged(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for letter in path.chars() {
        if !(letter == '/' && merged.ends_with('/')) {
            merged.push(letter);
        }
    }
    merged
}

/// Letters that stand for themselves are decoded, `\` is a slash, and parts that are dots are
/// resolved. An encoded zero is refused.
fn base(path: &str) -> Option<String> {
    let plain = plain_letters(path)?;
    let mut parts: Vec<&str> = Vec::new();
    let mut all = plain.split('/').skip(1).peekable();
    while let Some(part) = all.next() {
        let last = all.peek().is_none();
        match part {
            "." if last => parts.push(""),
            "." => {}
            ".." => {
                parts.pop();
                if last {
                    parts.push("");
                }
            }
            part => parts.push(part),
        }
    }
    Some(format!("/{}", parts.join("/")))
}

fn plain_letters(path: &str) -> Option<String> {
    use std::fmt::Write as _;
    let mut plain = String::with_capacity(path.len());
    let bytes = path.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        at += 1;
        match byte {
            b'\\' => plain.push('/'),
            b'%' => match encoded(&bytes[at..]) {
                Some(0) => return None,
                Some(letter) if stands_for_itself(letter) => {
                    plain.push(char::from(letter));
                    at += 2;
                }
                _ => plain.push('%'),
            },
            b'!'..=b'~' if !b"\"<>^`{|}".contains(&byte) => plain.push(char::from(byte)),
            byte => write!(plain, "%{byte:02X}").expect("a string takes all"),
        }
    }
    Some(plain)
}

/// The byte that two digits after `%` stand for.
fn encoded(digits: &[u8]) -> Option<u8> {
    let digit = |index: usize| char::from(*digits.get(index)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

fn stands_for_itself(letter: u8) -> bool {
    letter.is_ascii_alphanumeric() || b"-._~".contains(&letter)
}
