//! Rules, made ready: what a proxy asks of every request. Rules are walked in their order, as Envoy
//! walks its policies, so that more of them cost more; for an ordinary request nothing is allocated.

use std::borrow::Cow;

use hyper::header::{HeaderMap, HeaderName};
use regex::Regex;

use super::path::normalised;
use super::rules::{Like, Part, Pattern, Rule, Rules, Test};

/// Who calls, taken apart once for a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    principal: String,
    namespace: Option<String>,
    account: Option<String>,
}

impl Caller {
    /// Of an identity such as `spiffe://cluster.local/ns/shop/sa/web`.
    #[must_use]
    pub fn of(spiffe_id: &str) -> Self {
        let principal = spiffe_id.strip_prefix("spiffe://").unwrap_or(spiffe_id).to_owned();
        let (namespace, account) = match principal.split_once("/ns/") {
            Some((_, rest)) => match rest.split_once("/sa/") {
                Some((namespace, account)) => {
                    let account = account.split('/').next().unwrap_or_default();
                    (Some(namespace.to_owned()), Some(format!("{namespace}/{account}")))
                }
                None => (None, None),
            },
            None => (None, None),
        };
        Self { principal, namespace, account }
    }
}

/// What is known of a request.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'r> {
    /// Who calls; the empty one in plaintext.
    pub caller: &'r Caller,
    /// The method.
    pub method: &'r str,
    /// The `Host` header.
    pub host: &'r str,
    /// Path and query as they came.
    pub target: &'r str,
    /// The headers.
    pub headers: &'r HeaderMap,
}

/// Rules, ready for requests.
#[derive(Debug)]
pub struct Check {
    like: Like,
    deny: Box<[Ready]>,
    allow: Option<Box<[Ready]>>,
}

type Ready = Box<[Box<[Box<[Asked]>]>]>;

#[derive(Debug)]
struct Asked {
    of: Looked,
    any: Box<[Matcher]>,
    none: Box<[Matcher]>,
}

#[derive(Debug)]
enum Looked {
    Principal,
    Namespace,
    Account,
    Method,
    Host,
    Authority,
    Path,
    Target,
    Header(HeaderName),
}

#[derive(Debug)]
enum Matcher {
    Exact(Box<str>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    NotEmpty,
    Present,
    Glob(Box<[u8]>),
    Template(Box<[Segment]>),
    Regex(Regex),
}

#[derive(Debug)]
enum Segment {
    One,
    Any,
    Text(Box<str>),
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<'r> {
    /// It goes on, with this target.
    Allowed(Cow<'r, str>),
    /// It does not.
    Denied,
}

impl Check {
    /// Makes rules ready. The error names the pattern that is none.
    pub fn new(rules: &Rules) -> Result<Self, String> {
        let all = |rules: &[Rule]| rules.iter().map(rule).collect::<Result<Box<[_]>, _>>();
        Ok(Self {
            like: rules.like,
            deny: all(&rules.deny)?,
            allow: rules.allow.as_deref().map(all).transpose()?,
        })
    }

    /// The body of a refusal.
    #[must_use]
    pub fn refusal(&self) -> &'static str {
        self.like.refusal()
    }

    /// Whether the request goes through.
    #[must_use]
    pub fn allows(&self, facts: &Facts<'_>) -> bool {
        matches!(self.answer(facts), Answer::Allowed(_))
    }

    /// The same, with the target that is passed on.
    #[must_use]
    pub fn answer<'r>(&self, facts: &Facts<'r>) -> Answer<'r> {
        let merges = self.like == Like::Cilium;
        let Some(target) = normalised(facts.target, merges) else { return Answer::Denied };
        let path_end = target.find('?').unwrap_or(target.len());
        let path = &target[..path_end];
        // Cilium's proxy redirects these and passes none on; a redirect is no answer of the origin.
        let escaped = merges && has_escaped_slash(path);
        let seen = Seen { facts, target: &target, path };
        let matches = |rules: &[Ready]| rules.iter().any(|rule| seen.rule(rule));
        let denied = matches(&self.deny);
        let allowed = self.allow.as_deref().is_none_or(matches);
        if denied || !allowed || (escaped && self.allow.is_some()) {
            Answer::Denied
        } else {
            Answer::Allowed(target)
        }
    }
}

fn has_escaped_slash(path: &str) -> bool {
    path.as_bytes()
        .windows(3)
        .any(|three| matches!(three, [b'%', b'2', b'f' | b'F'] | [b'%', b'5', b'c' | b'C']))
}

fn rule(Rule(groups): &Rule) -> Result<Ready, String> {
    let alternative = |tests: &Vec<Test>| tests.iter().map(asked).collect();
    let group = |alternatives: &Vec<Vec<Test>>| alternatives.iter().map(alternative).collect();
    groups.iter().map(group).collect()
}

fn asked(test: &Test) -> Result<Asked, String> {
    let of = match &test.of {
        Part::Principal => Looked::Principal,
        Part::Namespace => Looked::Namespace,
        Part::Account => Looked::Account,
        Part::Method => Looked::Method,
        Part::Host => Looked::Host,
        Part::Authority => Looked::Authority,
        Part::Path => Looked::Path,
        Part::Target => Looked::Target,
        Part::Header(name) => {
            let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes());
            Looked::Header(name.map_err(|error| format!("{:?}: {error}", test.of))?)
        }
    };
    let all = |patterns: &[Pattern]| patterns.iter().map(matcher).collect::<Result<Box<[_]>, _>>();
    Ok(Asked { of, any: all(&test.any)?, none: all(&test.none)? })
}

fn matcher(pattern: &Pattern) -> Result<Matcher, String> {
    let boxed = |text: &String| text.clone().into_boxed_str();
    Ok(match pattern {
        Pattern::Exact(text) => Matcher::Exact(boxed(text)),
        Pattern::Prefix(text) => Matcher::Prefix(boxed(text)),
        Pattern::Suffix(text) => Matcher::Suffix(boxed(text)),
        Pattern::NotEmpty => Matcher::NotEmpty,
        Pattern::Present => Matcher::Present,
        Pattern::Glob(text) => Matcher::Glob(text.clone().into_bytes().into_boxed_slice()),
        Pattern::Template(text) => Matcher::Template(text.split('/').map(segment).collect()),
        Pattern::Regex(text) => {
            let whole = Regex::new(&format!(r"\A(?:{text})\z"));
            Matcher::Regex(whole.map_err(|error| format!("`{text}`: {error}"))?)
        }
    })
}

fn segment(text: &str) -> Segment {
    match text {
        "{*}" => Segment::One,
        "{**}" => Segment::Any,
        text => Segment::Text(text.into()),
    }
}

/// A request with its target normalised.
struct Seen<'s> {
    facts: &'s Facts<'s>,
    target: &'s str,
    path: &'s str,
}

impl Seen<'_> {
    fn rule(&self, rule: &Ready) -> bool {
        rule.iter().all(|group| {
            group.iter().any(|alternative| alternative.iter().all(|asked| self.holds(asked)))
        })
    }

    fn holds(&self, asked: &Asked) -> bool {
        let caller = self.facts.caller;
        let ask = |found: Option<&str>| asked.about(found);
        match &asked.of {
            Looked::Principal => ask(Some(&caller.principal)),
            Looked::Namespace => ask(caller.namespace.as_deref()),
            Looked::Account => ask(caller.account.as_deref()),
            Looked::Method => ask(Some(self.facts.method)),
            Looked::Host if has_capitals(self.facts.host) => {
                ask(Some(&self.facts.host.to_ascii_lowercase()))
            }
            Looked::Host | Looked::Authority => ask(Some(self.facts.host)),
            Looked::Path => ask(Some(self.path)),
            Looked::Target => ask(Some(self.target)),
            Looked::Header(name) => {
                let mut values = self.facts.headers.get_all(name).iter();
                match (values.next(), values.next()) {
                    (None, _) => ask(None),
                    // What is no text matches no text, but it is there.
                    (Some(one), None) => ask(Some(one.to_str().unwrap_or("\u{fffd}"))),
                    (Some(_), Some(_)) => ask(Some(&self.joined(name))),
                }
            }
        }
    }

    /// A header that is there more than once counts as one with commas between.
    fn joined(&self, name: &HeaderName) -> String {
        let values = self.facts.headers.get_all(name).iter();
        let texts: Vec<&str> = values.map(|one| one.to_str().unwrap_or("\u{fffd}")).collect();
        texts.join(",")
    }
}

fn has_capitals(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_uppercase())
}

impl Asked {
    fn about(&self, found: Option<&str>) -> bool {
        let one_of = |matchers: &[Matcher]| {
            found.is_some_and(|found| matchers.iter().any(|matcher| matcher.takes(found)))
        };
        (self.any.is_empty() || one_of(&self.any)) && !one_of(&self.none)
    }
}

impl Matcher {
    fn takes(&self, found: &str) -> bool {
        match self {
            Self::Exact(text) => **text == *found,
            Self::Prefix(text) => found.starts_with(&**text),
            Self::Suffix(text) => found.ends_with(&**text),
            Self::NotEmpty => !found.is_empty(),
            Self::Present => true,
            Self::Glob(pattern) => glob(pattern, found.as_bytes()),
            Self::Template(segments) => template(segments, Some(found)),
            Self::Regex(regex) => regex.is_match(found),
        }
    }
}

/// Goes back to the last star only, which is enough: it takes as little as it can.
fn glob(pattern: &[u8], found: &[u8]) -> bool {
    let (mut p, mut f) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while f < found.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, f));
            p += 1;
        } else if pattern.get(p) == Some(&found[f]) {
            p += 1;
            f += 1;
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            p = at + 1;
            f = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// `rest` is what is left of the path; nothing when its last part was taken.
fn template(segments: &[Segment], mut rest: Option<&str>) -> bool {
    let Some((first, others)) = segments.split_first() else { return rest.is_none() };
    if let Segment::Any = first {
        loop {
            if template(others, rest) {
                return true;
            }
            match rest {
                Some(path) => rest = path.split_once('/').map(|(_, after)| after),
                None => return false,
            }
        }
    }
    let Some(path) = rest else { return false };
    let (part, after) = match path.split_once('/') {
        Some((part, after)) => (part, Some(after)),
        None => (path, None),
    };
    let takes = match first {
        Segment::Text(text) => **text == *part,
        Segment::One | Segment::Any => !part.is_empty(),
    };
    takes && template(others, after)
}
