//! How wide a regular expression is that must match a whole path or method, as Cilium's proxy
//! matches them. It does not know which field it is of.

use regex::Regex;

/// Why an expression lets through more than it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// It matches whatever is asked for.
    Everything,
    /// It goes on inside a name: this prefix, and any letters after it.
    Prefix(String),
    /// A dot between letters stands for any letter: this part.
    Dot(String),
}

/// Texts that no narrow expression matches all of.
const STRANGE: [&str; 4] = ["/", "/zq/0", "Q", "/%2e%2e/_~;x"];

/// The first reason for which an expression is wider than it looks, if any.
pub(crate) fn breadth(expression: &str) -> Option<Breadth> {
    // What is no expression is refused elsewhere.
    let whole = Regex::new(&format!("^(?:{expression})$")).ok()?;
    if STRANGE.iter().all(|text| whole.is_match(text)) {
        return Some(Breadth::Everything);
    }
    let plain = expression.trim_start_matches('^').trim_end_matches('$');
    if let Some(prefix) = plain.strip_suffix(".*") {
        let literal =
            prefix.chars().all(|letter| letter.is_alphanumeric() || "/-_".contains(letter));
        if literal && prefix.ends_with(char::is_alphanumeric) {
            return Some(Breadth::Prefix(prefix.to_owned()));
        }
    }
    dot(plain).map(Breadth::Dot)
}

/// A dot between letters or digits that is neither escaped nor repeated, and what is around it.
fn dot(expression: &str) -> Option<String> {
    let letters: Vec<char> = expression.chars().collect();
    let at = (1..letters.len().saturating_sub(1)).find(|at| {
        let between = letters[at - 1].is_alphanumeric() && letters[at + 1].is_alphanumeric();
        letters[*at] == '.' && between && !(*at >= 2 && letters[at - 2] == '\\')
    })?;
    let is_of_name = |letter: &&char| letter.is_alphanumeric();
    let before: Vec<char> = letters[..at].iter().rev().take_while(is_of_name).copied().collect();
    let after = letters[at + 1..].iter().take_while(is_of_name);
    Some(before.iter().rev().chain([&'.']).chain(after).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matches_all_is_everything() {
        for wide in [".*", "^.*$", ".+", "/?.*", "[^\\n]*", "(?s).*"] {
            assert_eq!(breadth(wide), Some(Breadth::Everything), "{wide}");
        }
    }

    #[test]
    fn a_prefix_that_ends_inside_a_name_goes_on_in_others() {
        assert_eq!(breadth("/public.*"), Some(Breadth::Prefix("/public".to_owned())));
        assert_eq!(breadth("/public/.*"), None);
        assert_eq!(breadth("/public(/.*)?"), None);
    }

    #[test]
    fn a_bare_dot_in_a_name_is_any_letter() {
        assert_eq!(breadth("/static/index.html"), Some(Breadth::Dot("index.html".to_owned())));
        assert_eq!(breadth("/static/index\\.html"), None);
        assert_eq!(breadth("/v1/charge"), None);
        assert_eq!(breadth("/a.*b/c"), None);
        assert_eq!(breadth("GET|POST"), None);
    }

    #[test]
    fn what_is_no_expression_is_none() {
        assert_eq!(breadth("("), None);
    }
}
