//! Text of the model as HTML: its emphasis, its lists, and names for links. Knows no part of the
//! report.

use maud::{Markup, html};

/// Fixed text of the model, which carries its own emphasis: `**strong**`, `` `code` ``, and `- ` at
/// the start of an item of a list.
pub(super) fn paragraphs(texts: &[String]) -> Markup {
    let item = |text: &String| text.starts_with("- ");
    html! {
        @for group in texts.chunk_by(|one, next| item(one) == item(next)) {
            @if group.first().is_some_and(item) {
                ul.points {
                    @for text in group {
                        li { (emphasis(text.trim_start_matches("- "))) }
                    }
                }
            } @else {
                @for text in group {
                    p { (emphasis(text)) }
                }
            }
        }
    }
}

fn emphasis(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split("**").enumerate() {
            @if index % 2 == 1 { strong { (code(part)) } } @else { (code(part)) }
        }
    }
}

fn code(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A title as the name of a link's target: `Proof of posture` is `proof-of-posture`.
pub(super) fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emphasis_becomes_elements_and_nothing_else_does() {
        let texts = ["a **b** `c` <d>", "- one", "- **two**", "end"].map(str::to_owned);
        assert_eq!(
            paragraphs(&texts).into_string(),
            "<p>a <strong>b</strong> <code>c</code> &lt;d&gt;</p><ul class=\"points\"><li>one</li>\
             <li><strong>two</strong></li></ul><p>end</p>"
        );
    }

    #[test]
    fn a_title_makes_a_name_for_links() {
        assert_eq!(slug("The article's table"), "the-article-s-table");
    }
}
