//! Releases of Istio and Cilium, and ranges of them. It knows no field and no check.

use std::fmt;
use std::str::FromStr;

/// A release, such as 1.24.6; a patch that is not given is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Major and minor, such as (1, 24).
    pub minor: (u16, u16),
    /// Patch.
    pub patch: u16,
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a release such as 1.24 or 1.24.6, found `{text}`");
        let parts: Vec<u16> = text
            .trim_start_matches('v')
            .split('.')
            .map(|part| part.parse().map_err(|_| wrong()))
            .collect::<Result<_, _>>()?;
        match parts[..] {
            [major, minor] => Ok(Self { minor: (major, minor), patch: 0 }),
            [major, minor, patch] => Ok(Self { minor: (major, minor), patch }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.minor.0, self.minor.1, self.patch)
    }
}

/// Minor releases from one to another, both included; an open end has no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minors {
    first: Option<(u16, u16)>,
    last: Option<(u16, u16)>,
}

impl Minors {
    /// Whether the release is one of them. Without a release those count that have no last.
    #[must_use]
    pub fn include(&self, version: Option<Version>) -> bool {
        let Some(version) = version else {
            return self.last.is_none();
        };
        self.first.is_none_or(|first| version.minor >= first)
            && self.last.is_none_or(|last| version.minor <= last)
    }
}

impl FromStr for Minors {
    type Err = String;

    /// `1.25..1.29`, either side of which may be empty.
    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) =
            text.split_once("..").ok_or_else(|| format!("expected a range, found `{text}`"))?;
        let bound = |text: &str| match text {
            "" => Ok(None),
            text => text.parse().map(|version: Version| Some(version.minor)),
        };
        Ok(Self { first: bound(first)?, last: bound(last)? })
    }
}

impl fmt::Display for Minors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            (None, None) => f.write_str("every release"),
            (Some(first), None) => write!(f, "{}.{} and newer", first.0, first.1),
            (None, Some(last)) => write!(f, "up to {}.{}", last.0, last.1),
            (Some(first), Some(last)) => {
                write!(f, "{}.{} to {}.{}", first.0, first.1, last.0, last.1)
            }
        }
    }
}

/// The releases that a cluster runs, as far as they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Versions {
    /// Istio's.
    pub istio: Option<Version>,
    /// Cilium's.
    pub cilium: Option<Version>,
}
