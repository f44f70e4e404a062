//! A text with places for values of the feed: `/users/{id}`.

use super::Row;

/// A text, cut at its places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Column(usize),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// A place for a value that the feed does not have.
    #[error("`{{{name}}}` names no column of the feed; it has: {}", known.join(", "))]
    UnknownColumn {
        /// As written.
        name: String,
        /// The feed's columns.
        known: Vec<String>,
    },
    /// A brace that nothing closes.
    #[error("`{{` at byte {0} is not closed; write `{{{{` for a brace")]
    Open(usize),
}

impl Template {
    /// A text without places, braces and all.
    #[must_use]
    pub fn fixed(text: &str) -> Self {
        if text.is_empty() {
            Self::default()
        } else {
            Self { parts: vec![Part::Text(text.into())] }
        }
    }

    /// Reads a text: `{name}` is the value of that column, `{{` and `}}` are braces. Without
    /// columns every brace is itself.
    pub fn parse(text: &str, columns: &[String]) -> Result<Self, BadTemplate> {
        if columns.is_empty() {
            return Ok(Self::fixed(text));
        }
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (brace, behind) = rest[at..].split_at(1);
            if let Some(doubled) = behind.strip_prefix(brace) {
                plain.push_str(brace);
                rest = doubled;
            } else if brace == "}" {
                plain.push('}');
                rest = behind;
            } else {
                let open = BadTemplate::Open(text.len() - rest.len() + at);
                let (name, behind) = behind.split_once('}').ok_or(open)?;
                let column = columns.iter().position(|column| column == name).ok_or_else(|| {
                    BadTemplate::UnknownColumn { name: name.into(), known: columns.to_vec() }
                })?;
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(Part::Column(column));
                rest = behind;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// Whether it has no places.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Appends it, with the row's values.
    pub fn write(&self, row: Row<'_>, to: &mut Vec<u8>) {
        for text in self.texts(row) {
            to.extend_from_slice(text.as_bytes());
        }
    }

    /// Bytes of it, with the row's values.
    #[must_use]
    pub fn length(&self, row: Row<'_>) -> usize {
        self.texts(row).map(str::len).sum()
    }

    fn texts<'a>(&'a self, row: Row<'a>) -> impl Iterator<Item = &'a str> {
        self.parts.iter().map(move |part| match part {
            Part::Text(text) => text.as_str(),
            Part::Column(column) => row[*column].as_str(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<String> {
        vec!["id".to_owned(), "name".to_owned()]
    }

    fn filled(text: &str) -> Result<String, BadTemplate> {
        let row = ["7".to_owned(), "Ann".to_owned()];
        let mut bytes = Vec::new();
        Template::parse(text, &columns())?.write(&row, &mut bytes);
        Ok(String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn places_take_the_values_of_their_columns() {
        assert_eq!(filled("/u/{id}/{name}?x={id}"), Ok("/u/7/Ann?x=7".to_owned()));
        assert_eq!(filled("{{\"id\": {id}}}"), Ok("{\"id\": 7}".to_owned()));
        assert_eq!(filled(""), Ok(String::new()));
    }

    #[test]
    fn mistakes_are_named() {
        let unknown = filled("/{idd}").expect_err("unknown").to_string();
        assert_eq!(unknown, "`{idd}` names no column of the feed; it has: id, name");
        assert_eq!(filled("/a/{id"), Err(BadTemplate::Open(3)));
    }

    #[test]
    fn without_a_feed_braces_are_braces() {
        let template = Template::parse("{\"a\": {}}", &[]).expect("no template");
        let mut bytes = Vec::new();
        template.write(&[], &mut bytes);
        assert_eq!(bytes, b"{\"a\": {}}");
    }
}
