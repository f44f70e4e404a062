//! The path as a proxy has it when it looks at its rules, in the plain form that others are held
//! against. It knows no rule.

/// What a proxy does to the path of a request before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalisation {
    /// Istio's default, `BASE`: dot segments are resolved, escapes of letters, digits and `-._~`
    /// are undone, and `\` is `/`. Slashes in a row and escaped slashes stay.
    Base,
    /// Cilium's default: the same, and slashes in a row become one.
    MergeSlashes,
}

/// The target of a request, path and query, with its path normalised; what begins at `#` is cut
/// off. Nothing for one that does not begin with a slash, which proxies refuse.
#[must_use]
pub fn normal(target: &str, how: Normalisation) -> Option<String> {
    let target = target.split('#').next().unwrap_or_default();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let path = unescaped(path).replace('\\', "/");
    let mut parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    if target.starts_with('\\') {
        return None;
    }
    parts = resolved(&parts);
    if how == Normalisation::MergeSlashes {
        let last = parts.pop().unwrap_or_default();
        parts.retain(|part| !part.is_empty());
        parts.push(last);
    }
    let path = format!("/{}", parts.join("/"));
    Some(match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    })
}

/// Whether a path has a slash or a backslash in an escape, which Cilium's proxy answers with a
/// redirect and never passes on.
#[must_use]
pub fn has_escaped_slash(target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    path.contains("%2f") || path.contains("%5c")
}

/// Escapes of what needs none become what they stand for.
fn unescaped(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let digits = after.get(..2).filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match byte.filter(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte)) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &after[2..];
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out + rest
}

/// `.` is left out, and `..` takes the part before it along. At the end either leaves a slash.
fn resolved<'p>(parts: &[&'p str]) -> Vec<&'p str> {
    let mut out = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let last = index + 1 == parts.len();
        match *part {
            "." => {}
            ".." => {
                out.pop();
            }
            other => {
                out.push(other);
                continue;
            }
        }
        if last {
            out.push("");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_is_what_envoy_makes_of_a_path() {
        for (target, expected) in [
            ("/", "/"),
            ("/admin", "/admin"),
            ("//admin", "//admin"),
            ("/./admin", "/admin"),
            ("/x/../admin", "/admin"),
            ("/%2fadmin", "/%2fadmin"),
            ("/x%2f..%2fadmin", "/x%2f..%2fadmin"),
            ("/x/%2e%2e/admin", "/admin"),
            ("/admin;v=1", "/admin;v=1"),
            ("/%61dmin", "/admin"),
            ("/x\\..\\admin", "/admin"),
            ("/ADMIN", "/ADMIN"),
            ("/..", "/"),
            ("/a/..", "/"),
            ("/a/.", "/a/"),
            ("/a//..", "/a/"),
            ("/%zz%", "/%zz%"),
            ("/a?x=/../y#z", "/a?x=/../y"),
        ] {
            let found = normal(target, Normalisation::Base);
            assert_eq!(found.as_deref(), Some(expected), "{target}");
        }
        assert_eq!(normal("\\admin", Normalisation::Base), None);
        assert_eq!(normal("*", Normalisation::Base), None);
    }

    #[test]
    fn slashes_in_a_row_become_one_where_that_is_asked_for() {
        for (target, expected) in
            [("//admin//x//", "/admin/x/"), ("/", "/"), ("//", "/"), ("/a//?b//c", "/a/?b//c")]
        {
            let found = normal(target, Normalisation::MergeSlashes);
            assert_eq!(found.as_deref(), Some(expected), "{target}");
        }
        assert!(has_escaped_slash("/a%2Fb") && has_escaped_slash("/a%5cb"));
        assert!(!has_escaped_slash("/a?x=%2f"));
    }
}
