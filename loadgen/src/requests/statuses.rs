//! Which HTTP statuses are the answer that was asked for.

/// A set of statuses, 100 to 999.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses {
    /// Bit s % 64 of word s / 64.
    bits: [u64; 16],
    /// As written.
    text: String,
}

/// Why a text is no set of statuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no status: expected e.g. `200`, `2xx` or `200-204`, with commas between")]
pub struct BadStatuses {
    found: String,
}

impl Statuses {
    /// Any 2xx.
    #[must_use]
    pub fn success() -> Self {
        let mut statuses = Self { bits: [0; 16], text: "2xx".to_owned() };
        statuses.add(200, 299);
        statuses
    }

    /// One.
    #[must_use]
    pub fn only(status: u16) -> Self {
        let mut statuses = Self { bits: [0; 16], text: status.to_string() };
        statuses.add(status, status);
        statuses
    }

    /// Reads `200,204`, `2xx`, `200-299` or several of these.
    pub fn parse(text: &str) -> Result<Self, BadStatuses> {
        let mut statuses = Self { bits: [0; 16], text: text.to_owned() };
        for word in text.split(',').map(str::trim) {
            let (first, last) =
                range(word).ok_or_else(|| BadStatuses { found: word.to_owned() })?;
            statuses.add(first, last);
        }
        Ok(statuses)
    }

    fn add(&mut self, first: u16, last: u16) {
        for status in first..=last {
            self.bits[usize::from(status / 64)] |= 1 << (status % 64);
        }
    }

    /// Whether a status is among them.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        let word = self.bits.get(usize::from(status / 64)).copied().unwrap_or(0);
        word >> (status % 64) & 1 == 1
    }
}

impl std::fmt::Display for Statuses {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(&self.text)
    }
}

fn range(word: &str) -> Option<(u16, u16)> {
    if let Some(class) = word.strip_suffix("xx") {
        let class: u16 = class.parse().ok()?;
        return (1..=9).contains(&class).then_some((class * 100, class * 100 + 99));
    }
    let number = |text: &str| -> Option<u16> {
        let status = text.parse().ok()?;
        (text.len() == 3 && (100..=999).contains(&status)).then_some(status)
    };
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_singly_by_class_and_as_ranges() {
        let statuses = Statuses::parse("2xx, 403,500-502").expect("statuses");
        for (status, expected) in
            [(199, false), (200, true), (299, true), (300, false), (403, true), (501, true)]
        {
            assert_eq!(statuses.contains(status), expected, "{status}");
        }
        assert!(!statuses.contains(u16::MAX));
        for text in ["", "2", "0xx", "20x", "99", "1000", "204-200", "+20"] {
            assert!(Statuses::parse(text).is_err(), "{text}");
        }
    }
}
