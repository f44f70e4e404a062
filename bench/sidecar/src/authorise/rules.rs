//! Rules as plain data, as a parent tells them to a subject. They know no resource and decide
//! nothing.

use serde::{Deserialize, Serialize};

/// What is let through: what no rule of `deny` matches and, where there is `allow`, one of its rules
/// does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Whose proxy is imitated.
    pub like: Like,
    /// Any of these refuses a request.
    pub deny: Vec<Rule>,
    /// One of these must match; nothing where all that is not denied goes through.
    pub allow: Option<Vec<Rule>>,
}

/// Whose proxy is imitated: how it normalises a path, and how it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Like {
    /// Istio's sidecar, with its default path normalisation, `BASE`.
    Istio,
    /// Cilium's node proxy, with its defaults: the same, and slashes in a row become one.
    Cilium,
}

impl Like {
    /// The body of its 403.
    #[must_use]
    pub fn refusal(self) -> &'static str {
        match self {
            Self::Istio => "RBAC: access denied",
            Self::Cilium => "Access denied\r\n",
        }
    }
}

/// Groups that must all hold; a group holds when one of its alternatives does, and an alternative
/// when all its tests do. A rule without groups matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rule(pub Vec<Vec<Vec<Test>>>);

/// One part of a request: it matches one of `any`, where there are some, and none of `none`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// What is looked at.
    pub of: Part,
    /// One of these; empty asks for nothing.
    pub any: Vec<Pattern>,
    /// None of these.
    pub none: Vec<Pattern>,
}

/// What a test looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The caller's identity of mTLS without `spiffe://`; empty in plaintext.
    Principal,
    /// Its namespace.
    Namespace,
    /// Its namespace and service account, `ns/account`.
    Account,
    /// The method.
    Method,
    /// The `Host` header in small letters.
    Host,
    /// The `Host` header as it came.
    Authority,
    /// The path after normalisation, without its query.
    Path,
    /// The path after normalisation, with its query.
    Target,
    /// A header, by its name in small letters.
    Header(String),
}

/// What a part must look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// This.
    Exact(String),
    /// Begins with this.
    Prefix(String),
    /// Ends with this.
    Suffix(String),
    /// Anything but nothing.
    NotEmpty,
    /// Anything, if it is there at all.
    Present,
    /// `*` stands for any number of letters.
    Glob(String),
    /// A path in which `{*}` is one part and `{**}` any number.
    Template(String),
    /// A regular expression for the whole.
    Regex(String),
}

impl Pattern {
    /// Istio's way with `*` at one of the ends.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        match (text, text.strip_prefix('*'), text.strip_suffix('*')) {
            ("*", ..) => Self::NotEmpty,
            (_, Some(suffix), _) => Self::Suffix(suffix.to_owned()),
            (_, None, Some(prefix)) => Self::Prefix(prefix.to_owned()),
            _ => Self::Exact(text.to_owned()),
        }
    }

    /// The same for paths, which may be templates.
    #[must_use]
    pub fn of_path(text: &str) -> Self {
        if text.contains("{*}") || text.contains("{**}") {
            Self::Template(text.to_owned())
        } else {
            Self::of_text(text)
        }
    }
}
