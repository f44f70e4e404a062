//! How a sidecar makes paths comparable before any policy sees them: Istio's `pathNormalization`,
//! as Envoy carries it out. Slow and plain on purpose; it knows no policy.

/// What is done to a path; each does what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum PathNormalization {
    /// `NONE`: nothing.
    None,
    /// `BASE`, Istio's default: dots are resolved, `\` becomes `/`, and what need not be encoded is
    /// decoded.
    #[default]
    Base,
    /// `MERGE_SLASHES`: slashes beside one another become one.
    MergeSlashes,
    /// `DECODE_AND_MERGE_SLASHES`: encoded slashes are decoded first.
    DecodeAndMergeSlashes,
}

impl PathNormalization {
    /// As the field is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Base => "BASE",
            Self::MergeSlashes => "MERGE_SLASHES",
            Self::DecodeAndMergeSlashes => "DECODE_AND_MERGE_SLASHES",
        }
    }

    /// From what the field says; `DEFAULT` is `BASE`.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "NONE" => Self::None,
            "BASE" | "DEFAULT" => Self::Base,
            "MERGE_SLASHES" => Self::MergeSlashes,
            "DECODE_AND_MERGE_SLASHES" => Self::DecodeAndMergeSlashes,
            _ => return None,
        })
    }
}

/// The path and query that policies see of a request's target, and that the workload gets. Nothing
/// where the target is refused: with an encoded zero, which no path may hold.
#[must_use]
pub fn normalized(target: &str, how: PathNormalization) -> Option<String> {
    // A fragment is thrown away whatever is asked for.
    let target = target.split('#').next().unwrap_or_default();
    if how == PathNormalization::None {
        return Some(target.to_owned());
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let path = match how {
        PathNormalization::DecodeAndMergeSlashes => slashes_decoded(path),
        _ => path.to_owned(),
    };
    let mut path = dots_resolved(&decoded(&path)?);
    if how >= PathNormalization::MergeSlashes {
        path = slashes_merged(&path);
    }
    Some(match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    })
}

fn slashes_decoded(path: &str) -> String {
    path.replace("%2F", "/").replace("%2f", "/").replace("%5C", "\\").replace("%5c", "\\")
}

/// Decodes what needs no encoding, and takes `\` for `/`.
fn decoded(path: &str) -> Option<String> {
    let mut result = String::new();
    let mut rest = path;
    while let Some(letter) = rest.chars().next() {
        let code = rest.strip_prefix('%').and_then(|rest| rest.get(..2));
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match byte {
            Some(0) => return None,
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                result.push(char::from(byte));
                rest = &rest[3..];
                continue;
            }
            _ => result.push(if letter == '\\' { '/' } else { letter }),
        }
        rest = &rest[letter.len_utf8()..];
    }
    Some(result)
}

/// Takes out `.`, and `..` with the part before it. A part may be empty, between two slashes.
fn dots_resolved(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut ends_with_slash = false;
    for part in path.strip_prefix('/').unwrap_or(path).split('/') {
        ends_with_slash = matches!(part, "." | "..");
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if ends_with_slash {
        parts.push("");
    }
    format!("/{}", parts.join("/"))
}

fn slashes_merged(path: &str) -> String {
    let mut merged = String::new();
    for letter in path.chars() {
        if letter != '/' || !merged.ends_with('/') {
            merged.push(letter);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::PathNormalization::{Base, DecodeAndMergeSlashes, MergeSlashes, None};
    use super::*;

    fn all(target: &str) -> [Option<String>; 4] {
        [None, Base, MergeSlashes, DecodeAndMergeSlashes].map(|how| normalized(target, how))
    }

    #[test]
    fn each_does_what_those_before_it_do() {
        for (target, expected) in [
            ("/", ["/", "/", "/", "/"]),
            ("/a/", ["/a/", "/a/", "/a/", "/a/"]),
            ("/a/../b", ["/a/../b", "/b", "/b", "/b"]),
            ("/a/..", ["/a/..", "/", "/", "/"]),
            ("/../..", ["/../..", "/", "/", "/"]),
            ("/a/./b", ["/a/./b", "/a/b", "/a/b", "/a/b"]),
            ("/a//b", ["/a//b", "/a//b", "/a/b", "/a/b"]),
            ("/a//../b", ["/a//../b", "/a/b", "/a/b", "/a/b"]),
            ("/a//../../b", ["/a//../../b", "/b", "/b", "/b"]),
            ("/a\\b", ["/a\\b", "/a/b", "/a/b", "/a/b"]),
            ("/a/%2E./b", ["/a/%2E./b", "/b", "/b", "/b"]),
            ("/x%30..//y", ["/x%30..//y", "/x0..//y", "/x0../y", "/x0../y"]),
            ("/a%2fb", ["/a%2fb", "/a%2fb", "/a%2fb", "/a/b"]),
            ("/a/%2F", ["/a/%2F", "/a/%2F", "/a/%2F", "/a/"]),
            ("/%5Ca", ["/%5Ca", "/%5Ca", "/%5Ca", "/a"]),
            ("/A?x=/../y", ["/A?x=/../y", "/A?x=/../y", "/A?x=/../y", "/A?x=/../y"]),
            ("/a#b", ["/a", "/a", "/a", "/a"]),
            ("/%c0%2e", ["/%c0%2e", "/%c0.", "/%c0.", "/%c0."]),
            ("/100%", ["/100%", "/100%", "/100%", "/100%"]),
        ] {
            assert_eq!(all(target), expected.map(|text| Some(text.to_owned())), "{target}");
        }
    }

    #[test]
    fn an_encoded_zero_is_refused_where_paths_are_looked_at() {
        assert_eq!(all("/a%00")[1..], [Option::None, Option::None, Option::None]);
        assert_eq!(all("/a%00")[0].as_deref(), Some("/a%00"));
    }
}
