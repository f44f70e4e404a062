//! What a value must keep to, as the tables write it, and whether it does. It knows no field.

use std::net::IpAddr;

use regex::Regex;

use crate::source::{Node, Scalar, Value, listed};

/// A form that a text or the keys of a mapping must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A duration of at least a millisecond.
    Duration,
    /// A URL of http or https.
    HttpUrl,
    /// A range of addresses.
    Cidr,
    /// No `*`.
    NoWildcard,
    /// Keys that are ports.
    Ports,
}

/// One limit.
#[derive(Debug)]
pub enum Limit {
    /// The member must be there.
    Required(Vec<String>),
    /// One of these words.
    Enum(Vec<String>),
    /// At most so many characters.
    MaxLength(usize),
    /// At least so many characters.
    MinLength(usize),
    /// At most so many items.
    MaxItems(usize),
    /// At least so many items.
    MinItems(usize),
    /// At most so many members.
    MaxMembers(usize),
    /// At least so many members.
    MinMembers(usize),
    /// Not below.
    Min(f64),
    /// Not above.
    Max(f64),
    /// A form of the text, or of the keys of a mapping.
    Form(Form),
    /// The keys of a mapping hold no `*`.
    KeysNoWildcard,
    /// The keys of a mapping are not empty.
    KeysNotEmpty,
    /// One of these members and no other.
    OneOf(Vec<String>),
    /// None of these members, or one.
    AtMost(Vec<String>),
    /// At least one of these members.
    AnyOf(Vec<String>),
    /// A member that needs another with members of its own.
    Needs(String, String),
    /// Members of the first list exclude those of the second.
    Apart(Vec<String>, Vec<String>),
    /// Two members that must be one of these pairs.
    Pairs([String; 2], Vec<(String, String)>),
    /// The text matches.
    Pattern(Regex),
    /// Nothing may be written for it.
    Nullable,
}

fn words(text: &str) -> Vec<String> {
    text.split('|').map(str::to_owned).collect()
}

impl Limit {
    /// The limits of one field, as the last column of a table has them.
    pub(super) fn all(column: &str) -> Vec<Self> {
        // A pattern is last, since it may hold blanks.
        let (plain, pattern) = match column.split_once("pattern=") {
            Some((plain, pattern)) => (plain, Some(pattern)),
            None => (column, None),
        };
        let pattern = pattern.map(|pattern| {
            Self::Pattern(Regex::new(pattern).expect("the tables' patterns are read in a test"))
        });
        plain.split_whitespace().filter_map(Self::one).chain(pattern).collect()
    }

    fn one(text: &str) -> Option<Self> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let number = || value.parse().expect("a number of the table");
        Some(match name {
            "required" => Self::Required(words(value)),
            "enum" => Self::Enum(words(value)),
            "maxlen" => Self::MaxLength(number()),
            "minlen" => Self::MinLength(number()),
            "maxitems" => Self::MaxItems(number()),
            "minitems" => Self::MinItems(number()),
            "maxprops" => Self::MaxMembers(number()),
            "minprops" => Self::MinMembers(number()),
            "min" => Self::Min(value.parse().expect("a number of the table")),
            "max" => Self::Max(value.parse().expect("a number of the table")),
            "oneof" => Self::OneOf(words(value)),
            "atmost" => Self::AtMost(words(value)),
            "anyof" => Self::AnyOf(words(value)),
            "nullable" => Self::Nullable,
            "keys" if value == "no-wildcard" => Self::KeysNoWildcard,
            "keys" => Self::KeysNotEmpty,
            "needs" => {
                let (member, needed) = value.split_once(':')?;
                Self::Needs(member.to_owned(), needed.to_owned())
            }
            "apart" => {
                let (first, second) = value.split_once(':')?;
                Self::Apart(words(first), words(second))
            }
            "pairs" => {
                let (members, pairs) = value.split_once(':')?;
                let pair = |text: &str| {
                    let (first, second) = text.split_once('+').unwrap_or((text, ""));
                    (first.to_owned(), second.to_owned())
                };
                let (first, second) = pair(members);
                Self::Pairs([first, second], pairs.split('|').map(pair).collect())
            }
            "format" => Self::Form(match value {
                "duration" => Form::Duration,
                "http-url" => Form::HttpUrl,
                "cidr" => Form::Cidr,
                "no-wildcard" => Form::NoWildcard,
                "ports" => Form::Ports,
                _ => return None, // of no consequence to a validator: idn-hostname
            }),
            _ => return None,
        })
    }

    /// What is wrong with a value, if anything is.
    pub(super) fn broken_by(&self, node: &Node) -> Option<String> {
        match &node.value {
            Value::Map(_) => self.broken_by_map(node),
            Value::List(items) => match self {
                Self::MaxItems(most) if items.len() > *most => {
                    Some(format!("has {} items, at most {most} are accepted", items.len()))
                }
                Self::MinItems(least) if items.len() < *least => {
                    Some(format!("has {} items, at least {least} must be there", items.len()))
                }
                _ => None,
            },
            Value::Scalar(scalar) => self.broken_by_scalar(scalar),
            Value::Refused => None,
        }
    }

    fn broken_by_scalar(&self, scalar: &Scalar) -> Option<String> {
        let text = scalar.text.as_str();
        let number = text.parse::<f64>().ok();
        match self {
            Self::Enum(known) if !known.iter().any(|word| word == text) => {
                let known = listed(known.iter().map(String::as_str));
                Some(format!("must be one of {known}, found `{text}`"))
            }
            Self::MaxLength(0) if !text.is_empty() => Some("must be empty".to_owned()),
            Self::MaxLength(most) if text.chars().count() > *most => {
                Some(format!("is longer than {most} characters"))
            }
            Self::MinLength(least) if text.chars().count() < *least => {
                Some("must not be empty".to_owned())
            }
            Self::Min(least) if number.is_some_and(|number| number < *least) => {
                Some(format!("must be at least {least}, found {text}"))
            }
            Self::Max(most) if number.is_some_and(|number| number > *most) => {
                Some(format!("must be at most {most}, found {text}"))
            }
            Self::Pattern(pattern) if !pattern.is_match(text) => {
                Some(format!("must match `{pattern}`, found `{text}`"))
            }
            Self::Form(form) => form.broken_by(text),
            _ => None,
        }
    }

    fn broken_by_map(&self, node: &Node) -> Option<String> {
        let has = |name: &String| node.member(name).is_some_and(|member| !member.is_null());
        let present = |names: &[String]| -> Vec<String> {
            names.iter().filter(|name| has(name)).cloned().collect()
        };
        let quoted = |names: &[String]| listed(names.iter().map(String::as_str));
        let keys = || node.entries().iter().map(|entry| entry.key.as_str());
        match self {
            Self::Required(names) => {
                let missing: Vec<String> =
                    names.iter().filter(|name| !has(name)).cloned().collect();
                (!missing.is_empty()).then(|| format!("has no {}", quoted(&missing)))
            }
            Self::OneOf(names) => match present(names).as_slice() {
                [_] => None,
                [] => Some(format!("must have one of {}", quoted(names))),
                several => Some(format!("must have one only of {}", quoted(several))),
            },
            Self::AtMost(names) => {
                let several = present(names);
                (several.len() > 1).then(|| format!("must have one only of {}", quoted(&several)))
            }
            Self::AnyOf(names) if present(names).is_empty() => {
                Some(format!("must have at least one of {}", quoted(names)))
            }
            Self::Needs(member, needed)
                if has(member) && node.path(needed).is_none_or(|map| map.entries().is_empty()) =>
            {
                Some(format!("`{member}` is accepted only with members in `{needed}`"))
            }
            Self::Apart(first, second) => match (present(first), present(second)) {
                (one, other) if !one.is_empty() && !other.is_empty() => {
                    Some(format!("{} can not go with {}", quoted(&one), quoted(&other)))
                }
                _ => None,
            },
            Self::Pairs([first, second], pairs) => {
                let text = |name: &str| {
                    node.member(name).and_then(Node::text).unwrap_or_default().to_owned()
                };
                let found = (text(first), text(second));
                (!pairs.contains(&found)).then(|| {
                    format!("no `{}` of the group `{}` can be meant here", found.1, found.0)
                })
            }
            Self::MaxMembers(most) if node.entries().len() > *most => {
                Some(format!("has more than {most} members"))
            }
            Self::MinMembers(least) if node.entries().len() < *least => {
                Some(format!("must have at least {least} member"))
            }
            Self::KeysNoWildcard if keys().any(|key| key.contains('*')) => {
                Some("keys are matched whole and must hold no `*`".to_owned())
            }
            Self::KeysNotEmpty if keys().any(str::is_empty) => {
                Some("a key must not be empty".to_owned())
            }
            Self::Form(Form::Ports) => {
                let port = |key: &str| key.parse::<u16>().is_ok_and(|port| port > 0);
                let wrong = keys().find(|key| !port(key))?;
                Some(format!("the key `{wrong}` is no port from 1 to 65535"))
            }
            _ => None,
        }
    }
}

impl Form {
    fn broken_by(self, text: &str) -> Option<String> {
        let (kept, expected) = match self {
            Self::Duration => (is_duration(text), "a duration of at least 1ms"),
            Self::HttpUrl => {
                let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_lowercase());
                let known = matches!(scheme.as_deref(), Some("http" | "https"));
                (known, "a URL of `http://` or `https://`")
            }
            Self::Cidr => (is_cidr(text), "a range of addresses such as 10.0.0.0/8"),
            Self::NoWildcard => (!text.contains('*'), "a whole value without `*`"),
            Self::Ports => (true, ""),
        };
        (!kept).then(|| format!("must be {expected}, found `{text}`"))
    }
}

/// An address, or a range of them.
fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return text.parse::<IpAddr>().is_ok();
    };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

/// Durations such as `1h30m` or `1.5s`, added up in milliseconds.
fn is_duration(text: &str) -> bool {
    const UNITS: [(&str, f64); 6] =
        [("ms", 1.0), ("us", 0.001), ("ns", 0.000_001), ("h", 3.6e6), ("m", 6e4), ("s", 1e3)];
    let (mut rest, mut total_ms) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
        let Some(digits) = digits.filter(|digits| *digits > 0) else { return false };
        let Ok(number) = rest[..digits].parse::<f64>() else { return false };
        rest = &rest[digits..];
        let Some((unit, ms)) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit)) else {
            return false;
        };
        total_ms += number * ms;
        rest = &rest[unit.len()..];
    }
    total_ms >= 1.0
}
