//! YAML as people write it: documents with the line and column of every value, and the mistakes
//! made in them, all of them. It does not know what any kind or key means.

mod field;
mod lines;
mod mistake;
mod tree;

pub use field::{Field, Map};
pub use lines::Lines;
pub use mistake::{Mistake, Mistakes, Wrong};
pub use tree::{Document, Entry, Node, Position, Scalar, ScalarKind, Value};
pub use tree::{Limits, MAX_BYTES, MAX_DEPTH, Piece};
pub use tree::{documents, documents_within, each_piece, utf8};

/// Longer words are compared with nothing: they are no typing error of a key, and the comparison
/// takes time in proportion to their length.
const LONGEST_WORD: usize = 64;

/// The known word that was probably meant, if one is near enough to be worth suggesting.
#[must_use]
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.is_empty() || word.len() > LONGEST_WORD {
        return None;
    }
    let typed = normalised(word);
    known
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&typed, &normalised(candidate));
            (distance, candidate)
        })
        .filter(|(distance, candidate)| {
            // A third of the letters may be wrong, and two in any word of four or more.
            let letters = candidate.chars().count();
            *distance <= (letters / 3).max(if letters < 4 { 1 } else { 2 })
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letter case and the choice of `_` or `-` are the commonest slips and count for nothing.
fn normalised(word: &str) -> String {
    word.to_lowercase().replace('_', "-")
}

/// Words as a list in a sentence: `` `a`, `b`, `c` ``.
#[must_use]
pub fn listed<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_forgives_case_and_underscores() {
        let known = ["max-in-flight", "connections", "rate"];
        assert_eq!(nearest("maxInFlight", known), Some("max-in-flight"));
        assert_eq!(nearest("max_in_flight", known), Some("max-in-flight"));
        assert_eq!(nearest("conections", known), Some("connections"));
    }

    #[test]
    fn a_far_word_suggests_nothing() {
        assert_eq!(nearest("payload", ["rate", "timeout"]), None);
        assert_eq!(nearest("", ["rate"]), None);
        assert_eq!(nearest(&"rate".repeat(1000), ["rate"]), None);
    }
}
