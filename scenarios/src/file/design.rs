//! The `design` and `gates` parts of the file. It does not know how a trial is judged.

use policy::source::{Field, Map, Mistakes};

use super::{Names, words};
use crate::scenario::{Design, Gates, Margin};
use crate::units::Percent;
use crate::variant::VariantName;

const GATES: [&str; 6] = [
    "late",
    "late-percent",
    "rate-error-percent",
    "errors-percent",
    "steal-percent",
    "drift-percent",
];

pub(super) fn read(field: &Field<'_>, names: &Names, mistakes: &mut Mistakes) -> Option<Design> {
    let map = field.map(&["blocks", "control", "margin"], mistakes)?;
    let blocks = map.required("blocks", mistakes).and_then(|f| f.integer(1..=1000, mistakes));
    let control = map.required("control", mistakes).and_then(|f| names.variant(&f, mistakes));
    let margin = map.required("margin", mistakes).and_then(|f| margin(&f, mistakes));
    Some(Design { blocks: blocks?, control: VariantName(control?.to_owned()), margin: margin? })
}

fn margin(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Margin> {
    let map = field.map(&["percent", "at-least"], mistakes)?;
    let percent = map.required("percent", mistakes).and_then(|f| words::percent(&f, mistakes));
    let at_least = map.required("at-least", mistakes).and_then(|f| words::duration(&f, mistakes));
    let (percent, at_least) = (percent?, at_least?);
    if percent.percent() <= 0.0 && at_least.is_zero() {
        let help = "no interval fits into a margin of nothing; give one of the two a size";
        field.contradicts("the margin is nothing", help, mistakes);
    }
    Some(Margin { percent, at_least_us: words::micros(at_least) })
}

/// The defaults, with what the file says in their place.
pub(super) fn read_gates(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Gates> {
    let map = field.map(&GATES, mistakes)?;
    let default = Gates::default();
    let late_us = match map.optional("late") {
        Some(field) => words::duration(&field, mistakes).map(words::micros),
        None => Some(default.late_us),
    };
    let late_percent = gate(&map, "late-percent", default.late_percent, mistakes);
    let rate_error_percent = gate(&map, "rate-error-percent", default.rate_error_percent, mistakes);
    let errors_percent = gate(&map, "errors-percent", default.errors_percent, mistakes);
    let steal_percent = gate(&map, "steal-percent", default.steal_percent, mistakes);
    let drift_percent = gate(&map, "drift-percent", default.drift_percent, mistakes);
    Some(Gates {
        late_us: late_us?,
        late_percent: late_percent?,
        rate_error_percent: rate_error_percent?,
        errors_percent: errors_percent?,
        steal_percent: steal_percent?,
        drift_percent: drift_percent?,
    })
}

fn gate(map: &Map<'_>, name: &str, default: Percent, mistakes: &mut Mistakes) -> Option<Percent> {
    match map.optional(name) {
        Some(field) => words::percent(&field, mistakes),
        None => Some(default),
    }
}
