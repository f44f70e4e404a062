//! Waivers: somebody answers for a finding, for a reason, until a day. They are read here and held
//! against findings; where the files lie and which day it is, others know.

use jiff::civil::Date;

use crate::catalogue;
use crate::finding::{Finding, Severity, Span, Standing};
use crate::manifest::Manifest;
use crate::pattern::Pattern;
use crate::source::{self, Field, Map, Mistakes, Node, Wrong};

/// The annotation of an object in which its waivers are, one a line or parted by `;`:
/// `AP007 owner=team-pay reason=moves to mTLS until=2027-01-31`.
pub const ANNOTATION: &str = "loadgen.dev/waive";

/// Which findings are meant, besides their check.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    /// Those of one object, by its title.
    Object(String),
    /// Those that match what is given.
    Matching { object: Option<Box<Pattern>>, path: Option<Box<Pattern>> },
}

/// A waiver that can be held against findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// Ids of checks.
    pub checks: Vec<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub until: Date,
    scope: Scope,
    place: Place,
}

/// Where a waiver is written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    path: String,
    span: Span,
    object: String,
}

impl Place {
    fn finding(&self, message: String) -> Finding {
        let check = catalogue::check("GN005");
        let finding = Finding::new(check, self.path.clone(), self.span, message);
        Finding { object: self.object.clone(), ..finding }
    }
}

/// What an annotation comes to: waivers, or a finding about each that can not hold.
#[derive(Debug, Default)]
pub(crate) struct Annotated {
    pub(crate) waivers: Vec<Waiver>,
    pub(crate) wrong: Vec<Finding>,
}

/// Reads an object's annotation.
pub(crate) fn annotated(of: &Manifest, root: &Node) -> Annotated {
    let mut all = Annotated::default();
    let annotations = root.path("metadata.annotations");
    let Some(value) = annotations.and_then(|node| node.member(ANNOTATION)) else { return all };
    let place = Place { path: of.origin.path.clone(), span: value.into(), object: of.title() };
    let text = value.text().unwrap_or_default();
    let mut lines =
        text.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty()).peekable();
    if lines.peek().is_none() {
        all.wrong.push(place.finding("the waiver says nothing".to_owned()));
    }
    for line in lines {
        match in_words(line, &place) {
            Ok(waiver) => all.waivers.push(waiver),
            Err(wrong) => all.wrong.push(place.finding(format!("the waiver `{line}` {wrong}"))),
        }
    }
    all
}

/// `AP007,AP013 owner=… reason=… until=…`
fn in_words(line: &str, place: &Place) -> Result<Waiver, String> {
    const NAMES: [&str; 3] = ["owner=", "reason=", "until="];
    let (ids, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let checks: Vec<String> = ids.split(',').map(str::to_uppercase).collect();
    if let Some(unknown) = checks.iter().find(|id| catalogue::find(id).is_none()) {
        return Err(format!("names no check that there is: `{unknown}`"));
    }
    let mut values = [const { String::new() }; 3];
    let mut current = None;
    for word in rest.split_whitespace() {
        let begun = NAMES.iter().position(|name| word.starts_with(name));
        let word = begun.map_or(word, |index| &word[NAMES[index].len()..]);
        current = begun.or(current);
        let Some(index) = current else {
            return Err(format!("has `{word}` where `owner=` was expected"));
        };
        if !values[index].is_empty() {
            values[index].push(' ');
        }
        values[index].push_str(word);
    }
    let [owner, reason, until] = values.map(|value| value.trim_matches(['"', '\'']).to_owned());
    for (value, name) in [(&owner, "owner"), (&reason, "reason"), (&until, "until")] {
        if value.is_empty() {
            return Err(format!("has no `{name}=`"));
        }
    }
    let until = until
        .parse()
        .map_err(|_| format!("holds until `{until}`, which is no date such as 2027-01-31"))?;
    let scope = Scope::Object(place.object.clone());
    Ok(Waiver { checks, owner, reason, until, scope, place: place.clone() })
}

/// Reads a file of waivers. Every mistake in it is reported, and one is enough for none to hold.
pub fn read(path: &str, text: &str) -> Result<Vec<Waiver>, Mistakes> {
    let mut mistakes = Mistakes::new(path);
    let documents = source::documents(text, &mut mistakes).unwrap_or_default();
    let mut waivers = Vec::new();
    match documents.as_slice() {
        [document] => {
            let field = Field::root(&document.root);
            let list = field.map(&["waivers"], &mut mistakes).and_then(|map| {
                map.required("waivers", &mut mistakes)?.list("a list of waivers", &mut mistakes)
            });
            for field in list.unwrap_or_default() {
                waivers.extend(one(&field, path, &mut mistakes));
            }
        }
        _ if mistakes.is_empty() => {
            let wrong = Wrong::Syntax(format!("expected one document, found {}", documents.len()));
            mistakes.push(source::Position::START, "", wrong, None);
        }
        _ => {}
    }
    mistakes.into_result(Some(waivers))
}

fn one(field: &Field<'_>, path: &str, mistakes: &mut Mistakes) -> Option<Waiver> {
    let map = field.map(&["check", "object", "path", "owner", "reason", "until"], mistakes)?;
    let known: Vec<String> = catalogue::checks().map(|check| check.id.to_owned()).collect();
    let check = map
        .required("check", mistakes)
        .and_then(|field| field.name_of("check", &known, mistakes).map(str::to_owned));
    let mut text = |name: &str| {
        let field = map.required(name, mistakes)?;
        let text = field.text("a text", mistakes)?;
        if text.is_empty() {
            field.expected("a text", mistakes);
        }
        Some(text.to_owned())
    };
    let (owner, reason) = (text("owner"), text("reason"));
    let until = map.required("until", mistakes).and_then(|field| {
        let date = field.text(DATE, mistakes)?.parse().ok();
        if date.is_none() {
            field.expected(DATE, mistakes);
        }
        date
    });
    let scope = scope(&map, mistakes);
    let place = Place { path: path.to_owned(), span: field.node.into(), object: String::new() };
    Some(Waiver {
        checks: vec![check?],
        owner: owner?,
        reason: reason?,
        until: until?,
        scope: scope?,
        place,
    })
}

const DATE: &str = "a date such as 2027-01-31";

fn scope(map: &Map<'_>, mistakes: &mut Mistakes) -> Option<Scope> {
    let mut pattern = |name: &str, read: fn(&str) -> Result<Pattern, String>| {
        let field = map.optional(name)?;
        let pattern = read(field.text("a pattern", mistakes)?);
        if let Err(error) = &pattern {
            field.contradicts(error.clone(), "", mistakes);
        }
        pattern.ok()
    };
    let object = pattern("object", |text| text.parse());
    let path = pattern("path", Pattern::of_paths);
    let given = map.optional("object").is_some() || map.optional("path").is_some();
    if !given {
        let help = "a waiver for everything would be no waiver";
        map.field().contradicts("names neither `object` nor `path`", help, mistakes);
    }
    (object.is_some() || path.is_some())
        .then(|| Scope::Matching { object: object.map(Box::new), path: path.map(Box::new) })
}

impl Waiver {
    fn is_about(&self, finding: &Finding) -> bool {
        self.checks.iter().any(|id| id == finding.check.id)
            && match &self.scope {
                Scope::Object(title) => *title == finding.object && self.place.path == finding.path,
                Scope::Matching { object, path } => {
                    object.as_ref().is_none_or(|pattern| pattern.matches(&finding.object))
                        && path.as_ref().is_none_or(|pattern| pattern.matches(&finding.path))
                }
            }
    }
}

/// Gives each finding that is waived its standing, and says which waivers do not hold any more or
/// waive nothing. Without a day none has expired.
pub(crate) fn apply(
    waivers: &[Waiver],
    today: Option<Date>,
    findings: &mut [Finding],
) -> Vec<Finding> {
    let mut wrong = Vec::new();
    for waiver in waivers {
        let expired = today.is_some_and(|today| today > waiver.until);
        // A waiver is not itself waived.
        let mut meant: Vec<&mut Finding> = findings
            .iter_mut()
            .filter(|finding| waiver.is_about(finding) && finding.check.id != "GN005")
            .collect();
        let (checks, owner, until) = (waiver.checks.join(","), &waiver.owner, waiver.until);
        if meant.is_empty() {
            let message = format!("the waiver of {checks} by {owner} waives nothing");
            let finding = waiver.place.finding(message);
            wrong.push(Finding { severity: Severity::Low, ..finding });
        } else if expired {
            let message = format!("the waiver of {checks} by {owner} expired on {until}");
            let finding = waiver.place.finding(message);
            wrong.push(Finding { severity: Severity::High, ..finding });
        } else {
            for finding in &mut meant {
                let (owner, reason) = (owner.clone(), waiver.reason.clone());
                let by_object = matches!(waiver.scope, Scope::Object(_));
                finding.standing = Standing::Waived { owner, reason, until, by_object };
            }
        }
    }
    wrong
}
