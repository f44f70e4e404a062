//! Yes, no, or not to be told from what is given, and then what is missing.

use std::collections::BTreeSet;

/// Whether something holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// What would have to be known to tell.
    Unknown(BTreeSet<String>),
}

impl Holds {
    /// What is missing, in words.
    pub(super) fn unknown(missing: impl Into<String>) -> Self {
        Self::Unknown(BTreeSet::from([missing.into()]))
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, other) => other,
            (one, Self::Yes) => one,
            (Self::Unknown(mut one), Self::Unknown(other)) => {
                one.extend(other);
                Self::Unknown(one)
            }
        }
    }

    /// One of the two, or both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        !(!self).and(!other)
    }

    /// All of them, as none at all are.
    pub(super) fn all(each: impl IntoIterator<Item = Self>) -> Self {
        each.into_iter().fold(Self::Yes, Self::and)
    }

    /// One of them at least, as of none at all is not.
    pub(super) fn any(each: impl IntoIterator<Item = Self>) -> Self {
        each.into_iter().fold(Self::No, Self::or)
    }
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl std::ops::Not for Holds {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown(missing) => Self::Unknown(missing),
        }
    }
}
