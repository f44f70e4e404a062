//! A text by its lines, any of them found at once. It does not know what is written in them.

/// Where each line of a text begins.
#[derive(Debug)]
pub struct Lines<'t> {
    text: &'t str,
    begins: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// Of a text.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        let after = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let begins = std::iter::once(0).chain(after.map(|(at, _)| at + 1)).collect();
        Self { text, begins }
    }

    /// A line without its end, counted from 1; empty where there is none of that number.
    #[must_use]
    pub fn line(&self, number: usize) -> &'t str {
        let Some(begin) = number.checked_sub(1).and_then(|index| self.begins.get(index)) else {
            return "";
        };
        let end = self.begins.get(number).map_or(self.text.len(), |next| next - 1);
        let line = &self.text[*begin..end];
        line.strip_suffix('\r').unwrap_or(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_standard_library() {
        for text in ["", "a", "a\n", "\n\na", "a\r\nb\n\nc", "é\nü"] {
            let lines = Lines::of(text);
            for (index, line) in text.lines().enumerate() {
                assert_eq!(lines.line(index + 1), line, "{text:?}");
            }
            assert_eq!(lines.line(text.lines().count() + 2), "");
            assert_eq!(lines.line(0), "");
        }
    }
}
