//! A text cut into pieces that know their columns. Quotes and braces keep their inside together.

/// A piece of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'q> {
    /// The letters, without blanks around them.
    pub(super) text: &'q str,
    /// Where it begins in the whole, in bytes.
    pub(super) at: usize,
}

impl<'q> Piece<'q> {
    /// The whole.
    pub(super) fn whole(text: &'q str) -> Self {
        Self { text, at: 0 }.trimmed()
    }

    /// A part of it by bytes, without blanks around it.
    pub(super) fn part(self, from: usize, to: usize) -> Self {
        Self { text: &self.text[from..to], at: self.at + from }.trimmed()
    }

    fn trimmed(self) -> Self {
        let begin = self.text.len() - self.text.trim_start().len();
        Self { text: self.text.trim(), at: self.at + begin }
    }

    /// What is before and behind a sign that stands outside of quotes and braces.
    pub(super) fn split(self, sign: char) -> Option<(Self, Self)> {
        let found = self.outside().find(|(_, letter)| *letter == sign)?.0;
        Some((self.part(0, found), self.part(found + sign.len_utf8(), self.text.len())))
    }

    /// What is before and behind the last such sign.
    pub(super) fn split_last(self, sign: char) -> Option<(Self, Self)> {
        let found = self.outside().filter(|(_, letter)| *letter == sign).last()?.0;
        Some((self.part(0, found), self.part(found + sign.len_utf8(), self.text.len())))
    }

    /// What is before and behind the last of a word that stands alone.
    pub(super) fn split_word(self, word: &str) -> Option<(Self, Self)> {
        let alone = |at: usize| {
            let (before, behind) = (&self.text[..at], &self.text[at..]);
            behind.strip_prefix(word).is_some_and(|rest| rest.starts_with(char::is_whitespace))
                && before.ends_with(char::is_whitespace)
        };
        let found = self.outside().map(|(at, _)| at).filter(|at| alone(*at)).last()?;
        Some((self.part(0, found), self.part(found + word.len(), self.text.len())))
    }

    /// The first word and what follows.
    pub(super) fn first_word(self) -> (Self, Self) {
        let end = self.text.find(char::is_whitespace).unwrap_or(self.text.len());
        (self.part(0, end), self.part(end, self.text.len()))
    }

    /// The letters without quotes around them.
    pub(super) fn unquoted(self) -> &'q str {
        let inside = self.text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        inside.unwrap_or(self.text)
    }

    /// Letters outside of quotes and braces, and where they are.
    fn outside(self) -> impl Iterator<Item = (usize, char)> + use<'q> {
        let (mut quoted, mut depth) = (false, 0_usize);
        self.text.char_indices().filter(move |(_, letter)| {
            match letter {
                '"' => quoted = !quoted,
                '{' if !quoted => depth += 1,
                '}' if !quoted => depth = depth.saturating_sub(1),
                _ => return !quoted && depth == 0,
            }
            false
        })
    }
}
