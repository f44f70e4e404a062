//! What is wrong in a file, as a list: each mistake with its place, what was expected, what was
//! found and what to do. It does not decide what happens next.

use std::fmt;

use super::{Position, listed, nearest};

/// The kind of a mistake, with what a message needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// A value of another type or outside its range.
    Expected {
        /// In words, e.g. `a whole number from 1 to 1000`.
        expected: String,
        /// In words, e.g. `` the text `many` ``.
        found: String,
    },
    /// A key that does not exist here.
    UnknownKey {
        /// The key that was probably meant.
        nearest: Option<String>,
    },
    /// A name that refers to nothing.
    UnknownName {
        /// What it should have been, e.g. `variant`.
        what: &'static str,
        /// As written.
        name: String,
        /// The name that was probably meant.
        nearest: Option<String>,
    },
    /// A key that must be there and is not.
    MissingKey {
        /// The key.
        name: String,
    },
    /// A key or a name that appeared before.
    Repeated {
        /// What appears twice, e.g. `` the key `rate` ``.
        what: String,
        /// Where it appeared first.
        first: Position,
    },
    /// Values that are each in order and do not go together.
    Contradiction(String),
    /// The text is no YAML, or YAML that is not accepted here.
    Syntax(String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::UnknownKey { .. } => f.write_str("unknown key"),
            Self::UnknownName { what, name, .. } => write!(f, "unknown {what} `{name}`"),
            Self::MissingKey { name } => write!(f, "missing key `{name}`"),
            Self::Repeated { what, first } => {
                write!(f, "{what} appears twice, first on line {}", first.line)
            }
            Self::Contradiction(message) | Self::Syntax(message) => f.write_str(message),
        }
    }
}

/// One mistake and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file, as the reader of the message knows it.
    pub path: String,
    /// Where in the file.
    pub at: Position,
    /// The path of keys, e.g. `load.rate` or `variants[2].name`; empty for the whole document.
    pub key: String,
    /// What is wrong.
    pub wrong: Wrong,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.path, self.at.line, self.at.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.wrong)?;
        if let Some(help) = &self.help {
            write!(f, "\n    help: {help}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong in what was read. As an error it holds at least one mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    /// What was read: the path given to new mistakes, and named in the closing line.
    pub path: String,
    /// In the order of path, line and column once it is an error.
    pub list: Vec<Mistake>,
    /// How many more there are than the list holds.
    pub unlisted: usize,
}

/// More are counted and not listed: nobody reads them, and a file can hold a hundred thousand.
const LISTED: usize = 500;

impl Mistakes {
    /// None so far in the file of that path.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), list: Vec::new(), unlisted: 0 }
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds a mistake in the file being read.
    pub fn push(&mut self, at: Position, key: &str, wrong: Wrong, help: Option<String>) {
        let (path, key) = (self.path.clone(), shown_key(key));
        self.add(Mistake { path, at, key, wrong, help });
    }

    fn add(&mut self, mistake: Mistake) {
        if self.list.len() < LISTED {
            self.list.push(mistake);
        } else {
            self.unlisted += 1;
        }
    }

    /// Adds an unknown key and the nearest known one.
    pub fn push_unknown_key(&mut self, at: Position, key: &str, name: &str, known: &[&str]) {
        let nearest = nearest(name, known.iter().copied());
        let help = match nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None if known.is_empty() => "no keys are known here".to_owned(),
            None => format!("the keys known here are {}", listed(known.iter().copied())),
        };
        let nearest = nearest.map(str::to_owned);
        self.push(at, key, Wrong::UnknownKey { nearest }, Some(help));
    }

    /// Takes over the mistakes of another file, each once.
    pub fn absorb(&mut self, other: Self) {
        for mistake in other.list {
            if !self.list.contains(&mistake) {
                self.add(mistake);
            }
        }
        self.unlisted += other.unlisted;
    }

    /// The value when nothing is wrong, otherwise the list in the order of the files' lines.
    ///
    /// # Panics
    ///
    /// When a part could not be read and no mistake says why, which is a fault of the reader.
    pub fn into_result<T>(mut self, value: Option<T>) -> Result<T, Self> {
        if self.is_empty() {
            return Ok(value.expect("a part that can not be read leaves a mistake"));
        }
        self.list.sort_by(|a, b| (&a.path, a.at).cmp(&(&b.path, b.at)));
        Err(self)
    }
}

/// A key is shown whole unless somebody made it too long to read.
fn shown_key(key: &str) -> String {
    const SHOWN: usize = 160;
    let escaped: String = key.chars().take(SHOWN).flat_map(printable).collect();
    if key.chars().nth(SHOWN).is_some() { format!("{escaped}…") } else { escaped }
}

/// The character itself, or its escape where it would disturb a terminal.
pub(super) fn printable(letter: char) -> Box<dyn Iterator<Item = char>> {
    if letter.is_control() {
        Box::new(letter.escape_default())
    } else {
        Box::new(std::iter::once(letter))
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in &self.list {
            writeln!(f, "{mistake}")?;
        }
        let count = self.list.len() + self.unlisted;
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        write!(f, "{count} {noun} in {}", self.path)?;
        if self.unlisted > 0 {
            write!(f, ", the first {} of them listed", self.list.len())?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
