//! Small values that occur everywhere in the file: names, titles, durations, percentages. It does
//! not know which key they belong to.

use std::time::Duration;

use policy::source::{Field, Map, Mistakes, Position};

use crate::units::{self, Percent};

/// Names stand in file names, in Kubernetes names and in `variant@mesh`.
const NAME: &str = "a name of lower-case letters, digits and `-`, starting with a letter";

/// Mesh versions carry a version number as well.
const MESH_ID: &str = "an id of lower-case letters, digits, `-` and `.`, starting with a letter, \
    such as `istio-1.25`";

/// Kubernetes' limit on a label, which names end up in.
const LONGEST_NAME: usize = 63;

pub(super) fn name(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<String> {
    well_formed(field, NAME, "-", mistakes)
}

pub(super) fn mesh_id(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<String> {
    well_formed(field, MESH_ID, "-.", mistakes)
}

fn well_formed(
    field: &Field<'_>,
    expected: &str,
    punctuation: &str,
    mistakes: &mut Mistakes,
) -> Option<String> {
    let text = field.text(expected, mistakes)?;
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || punctuation.contains(c);
    let bounded = text.len() <= LONGEST_NAME;
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
    let ends = !text.ends_with(|c: char| punctuation.contains(c));
    if bounded && starts && ends && text.chars().all(letter) {
        return Some(text.to_owned());
    }
    if !bounded {
        field.expected(&format!("a name of at most {LONGEST_NAME} characters"), mistakes);
    } else if text.contains(['@', '#']) {
        let help = "`@` joins a variant and a mesh, `#` marks the second of an A/A pair".to_owned();
        field.expected_with_help(expected, help, mistakes);
    } else {
        field.expected(expected, mistakes);
    }
    None
}

/// A few words on one line.
pub(super) fn title(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<String> {
    const EXPECTED: &str = "a few words on one line, at most 120 characters";
    let text = field.text(EXPECTED, mistakes)?;
    let fits = text.chars().count() <= 120 && !text.chars().any(char::is_control);
    if text.trim().is_empty() || !fits {
        field.expected(EXPECTED, mistakes);
        return None;
    }
    Some(text.trim().to_owned())
}

/// A sentence or more, on any number of lines.
pub(super) fn prose(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<String> {
    const EXPECTED: &str = "a sentence or more";
    let text = field.text(EXPECTED, mistakes)?;
    if text.trim().is_empty() || text.chars().any(|c| c.is_control() && c != '\n') {
        field.expected(EXPECTED, mistakes);
        return None;
    }
    Some(text.trim().to_owned())
}

/// A duration with its unit, nothing allowed.
pub(super) fn duration(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Duration> {
    const EXPECTED: &str = "a duration up to 24h, such as `5s`, `250ms`, `50us` or `2m`";
    if let Some(number) = bare_number(field) {
        let help = format!("add the unit, such as `{number}s` or `{number}ms`");
        field.expected_with_help(EXPECTED, help, mistakes);
        return None;
    }
    let text = field.text(EXPECTED, mistakes)?;
    match units::duration(text) {
        Ok(duration) => Some(duration),
        Err(error) => {
            field.expected(error.expected, mistakes);
            None
        }
    }
}

fn bare_number<'n>(field: &Field<'n>) -> Option<&'n str> {
    use policy::source::{Scalar, ScalarKind, Value};
    match &field.node.value {
        Value::Scalar(Scalar { text, kind: ScalarKind::Integer(n) }) if *n > 0 => Some(text),
        Value::Scalar(Scalar { text, kind: ScalarKind::Float(n) }) if *n > 0.0 => Some(text),
        _ => None,
    }
}

/// A duration longer than nothing.
pub(super) fn some_duration(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Duration> {
    let duration = duration(field, mistakes)?;
    if duration.is_zero() {
        field.expected("a duration longer than nothing", mistakes);
        return None;
    }
    Some(duration)
}

/// A share of a hundred.
pub(super) fn percent(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Percent> {
    const EXPECTED: &str = "a percentage from 0 to 100";
    match Percent::new(field.number(EXPECTED, mistakes)?) {
        Ok(percent) => Some(percent),
        Err(error) => {
            field.expected(error.expected, mistakes);
            None
        }
    }
}

/// A size with its unit, nothing allowed.
pub(super) fn bytes(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<u64> {
    const EXPECTED: &str = "a size up to 1024GiB, such as `512KiB` or `4MiB`";
    match units::bytes(field.text(EXPECTED, mistakes)?) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            field.expected(error.expected, mistakes);
            None
        }
    }
}

/// Microseconds of a duration.
pub(super) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Names already taken, with their places.
#[derive(Default)]
pub(super) struct Taken(Vec<(String, Position)>);

impl Taken {
    /// Takes a name, or reports that it is gone.
    pub(super) fn take(
        &mut self,
        name: &str,
        what: &str,
        field: &Field<'_>,
        mistakes: &mut Mistakes,
    ) {
        match self.0.iter().find(|(taken, _)| taken == name) {
            Some((_, first)) => {
                field.repeats(format!("the {what} `{name}`"), *first, mistakes);
            }
            None => self.0.push((name.to_owned(), field.at())),
        }
    }
}

/// The texts under one key of every item of a list, whatever else is wrong with the items.
pub(super) fn declared(map: &Map<'_>, list: &str, key: &str) -> Vec<String> {
    let mut ignored = Mistakes::new("");
    let items = map.optional(list).and_then(|field| field.list("", &mut ignored));
    let name_of = |item: Field<'_>| {
        let entries = item.entries("", &mut ignored)?;
        let (_, name) = entries.into_iter().find(|(entry, _)| entry.key == key)?;
        name.text("", &mut ignored).map(str::to_owned)
    };
    let mut names: Vec<String> = Vec::new();
    for name in items.unwrap_or_default().into_iter().filter_map(name_of) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What stands under a key of a mapping, whatever else is wrong with it.
pub(super) fn child<'n>(field: &Field<'n>, name: &str) -> Option<Field<'n>> {
    let entries = field.entries("", &mut Mistakes::new(""))?;
    entries.into_iter().find(|(entry, _)| entry.key == name).map(|(_, field)| field)
}

/// A list with at least one item.
pub(super) fn some_items<'n>(
    field: &Field<'n>,
    expected: &str,
    mistakes: &mut Mistakes,
) -> Option<Vec<Field<'n>>> {
    let items = field.list(expected, mistakes)?;
    if items.is_empty() {
        field.expected(expected, mistakes);
        return None;
    }
    Some(items)
}

/// Reads every item, so that all mistakes are found; nothing if one item could not be read.
pub(super) fn each<'n, T>(
    items: Vec<Field<'n>>,
    mut read: impl FnMut(Field<'n>) -> Option<T>,
) -> Option<Vec<T>> {
    let read: Vec<Option<T>> = items.into_iter().map(&mut read).collect();
    read.into_iter().collect()
}
