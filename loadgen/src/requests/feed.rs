//! Values for requests, from a CSV file with a header line.

use std::path::Path;

/// Rows of values by column. Empty where no feed was given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Feed {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Why a file is no feed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct BadFeed {
    path: String,
    problem: String,
}

impl Feed {
    /// Reads a file whole.
    pub fn read(path: &Path) -> Result<Self, BadFeed> {
        let bad = |problem: String| BadFeed { path: path.display().to_string(), problem };
        let text = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        Self::parse(&text).map_err(bad)
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let mut reader = csv::Reader::from_reader(text);
        let columns: Vec<String> = reader
            .headers()
            .map_err(|error| error.to_string())?
            .iter()
            .map(str::to_owned)
            .collect();
        if columns.iter().any(String::is_empty) {
            return Err("expected a header line that names each column".to_owned());
        }
        let rows = reader
            .records()
            .map(|record| {
                let record = record.map_err(|error| error.to_string())?;
                Ok(record.iter().map(str::to_owned).collect())
            })
            .collect::<Result<Vec<Vec<String>>, String>>()?;
        if rows.is_empty() {
            return Err("expected at least one line of values below the header".to_owned());
        }
        // A line end within a value would end the request line or the header that it stands in.
        let breaks = |value: &String| value.contains(['\r', '\n', '\0']);
        if let Some(line) = rows.iter().position(|row| row.iter().any(breaks)) {
            return Err(format!("row {}: a value holds a line break", line + 1));
        }
        Ok(Self { columns, rows })
    }

    /// The header line.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Row `index`, counted around.
    #[must_use]
    pub(super) fn row(&self, index: u64) -> &[String] {
        if self.rows.is_empty() {
            return &[];
        }
        let count = u64::try_from(self.rows.len()).expect("usize has at most 64 bits here");
        let index = usize::try_from(index % count).expect("less than a usize");
        &self.rows[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_round_again() {
        let feed = Feed::parse(b"id,name\n1,Ann\n2,\"Bob, jr\"\n").expect("a feed");
        assert_eq!(feed.columns(), ["id", "name"]);
        assert_eq!(feed.row(3), ["2", "Bob, jr"]);
        assert_eq!(Feed::default().row(3), [""; 0]);
    }

    #[test]
    fn what_is_no_feed_is_refused_with_the_reason() {
        for (text, expected) in [
            (&b"id\n"[..], "at least one line of values"),
            (b"id,\n1,2\n", "names each column"),
            (b"id,name\n1\n", "found record with 1 fields"),
            (b"id\n\"a\nb\"\n", "row 1: a value holds a line break"),
        ] {
            let problem = Feed::parse(text).expect_err("no feed");
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
