//! Lines of at most 100 columns, with colour or without. Knows no figure.

use anstyle::Style as Paint;
use bench::report::terminal::Style;
use textwrap::{Options, WordSplitter};

/// Columns, at most.
pub(super) const WIDTH: usize = 100;

/// Columns of the names at the left.
pub(super) const NAME: usize = 15;

/// Text that grows by lines.
pub(super) struct Page {
    text: String,
    style: Style,
}

impl Page {
    pub(super) fn new(style: Style) -> Self {
        Self { text: String::new(), style }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A line that is known to fit.
    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// With colour, where there may be colour.
    pub(super) fn paint(&self, text: &str, paint: Paint) -> String {
        match self.style {
            Style::Ansi => format!("{paint}{text}{paint:#}"),
            Style::Plain => text.to_owned(),
        }
    }

    /// A name at the left and any text beside it, in as many lines as it takes.
    pub(super) fn named(&mut self, name: &str, text: &str) {
        let lead = format!("{name:<NAME$}");
        self.wrapped(&lead, text, Paint::new());
    }

    /// Text in lines that fit, with a lead on the first and as many spaces on the others.
    pub(super) fn wrapped(&mut self, lead: &str, text: &str, paint: Paint) {
        let indent = width(lead);
        let options = Options::new(WIDTH - indent).word_splitter(WordSplitter::NoHyphenation);
        for (index, part) in textwrap::wrap(&clean(text), options).iter().enumerate() {
            let lead = if index == 0 { lead.to_owned() } else { " ".repeat(indent) };
            let painted = if paint == Paint::new() {
                part.clone().into_owned()
            } else {
                self.paint(part, paint)
            };
            self.line(&format!("{lead}{painted}"));
        }
    }
}

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    textwrap::core::display_width(text)
}

/// At the right end of so many columns.
pub(super) fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// At the left end of so many columns, cut with an ellipsis where it is longer, one space of air.
pub(super) fn left(text: &str, columns: usize) -> String {
    let text = clean(text);
    let room = columns.saturating_sub(1);
    let mut short = String::new();
    for c in text.chars() {
        if width(&short) + 1 >= room && width(&text) > room {
            short.push('…');
            break;
        }
        short.push(c);
    }
    let air = " ".repeat(columns.saturating_sub(width(&short)));
    format!("{short}{air}")
}

/// Control characters, which could move the cursor, become spaces.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
