//! A report as `report.html`: one file that asks nothing of a network. All of it can be read, and the
//! switches work, without a script; the script lets a reader point at the charts. Knows HTML and
//! nothing of how the figures were come by.

mod charts;
mod tables;
mod words;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::model::{Part, Report, Section};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The whole document.
#[must_use]
pub fn render(report: &Report) -> String {
    let style = format!("{STYLE}{}", charts::looks(report));
    let title = match &report.stamp {
        Some(stamp) => format!("{stamp}: {}", report.title),
        None => report.title.clone(),
    };
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy(&style));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Without an icon of its own, a server would be asked for one.
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(&style)) }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                (opening(report, &title))
                (contents(report))
                main #main {
                    @for part in report.parts() {
                        (section(report, part))
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    // HTML has no place for other control characters.
    let clean = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    document.into_string().chars().map(clean).chain(['\n']).collect()
}

/// Nothing is loaded, and nothing runs but this very script: should a name in a run from elsewhere
/// ever slip through the escaping, it is still only text.
fn policy(style: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; \
         form-action 'none'",
        hash(SCRIPT),
        hash(style)
    )
}

fn opening(report: &Report, title: &str) -> Markup {
    html! {
        header {
            h1 { (title) }
            p.place {
                "Scenario " code { (report.scenario) } " on testbed " code { (report.testbed) }
                ", started " (report.started_at) "."
            }
            @if !report.question.is_empty() {
                p.question { strong { "Question." } " " (report.question) }
            }
            p.answer { strong { "Answer." } " " (report.answer) }
            @for mark in &report.marks {
                p.mark { strong { (mark.title) "." } " " (mark.text) }
            }
        }
    }
}

fn contents(report: &Report) -> Markup {
    html! {
        nav aria-label="Parts of the report" {
            ul {
                @for part in report.parts() {
                    li { a href={ "#" (words::slug(part.title())) } { (part.title()) } }
                }
            }
        }
    }
}

fn section(report: &Report, part: Part<'_>) -> Markup {
    let id = words::slug(part.title());
    html! {
        section id=(id) aria-labelledby={ (id) "-heading" } {
            h2 id={ (id) "-heading" } { (report.heading(part)) }
            @match part {
                Part::Comparisons => (tables::comparisons(report, &id)),
                Part::Charts => (charts::all(report)),
                Part::Section(section) => (plain(section, &id)),
                Part::Article => (tables::article(report, &id)),
                Part::Again => pre tabindex="0" { code { (report.again) } },
            }
        }
    }
}

fn plain(section: &Section, id: &str) -> Markup {
    html! {
        (words::paragraphs(&section.text))
        @for table in &section.tables {
            (tables::plain(table, id))
        }
    }
}
