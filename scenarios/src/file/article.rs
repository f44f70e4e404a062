//! The `article` part of the file: what the article claims, and which figure would answer it. It
//! does not know any figure.

use policy::source::{Field, Map, Mistakes};

use super::Names;
use super::words::{self, Taken};
use crate::memory::{MemoryFigure, Sidecar};
use crate::scenario::{ArticleClaim, ClaimMeasure, Scenario};
use crate::variant::QUANTILES;

const KEYS: [&str; 6] = ["row", "column", "claimed", "measured-by", "why-not", "beside"];

const SIDECARS: [(&str, Sidecar); 2] = [("client", Sidecar::Client), ("server", Sidecar::Server)];

pub(super) fn read(
    field: &Field<'_>,
    names: &Names,
    mistakes: &mut Mistakes,
) -> Option<Vec<ArticleClaim>> {
    let items = field.list("a list of claims", mistakes)?;
    let mut taken = Taken::default();
    words::each(items, |item| claim(&item, names, &mut taken, mistakes))
}

fn claim(
    field: &Field<'_>,
    names: &Names,
    taken: &mut Taken,
    mistakes: &mut Mistakes,
) -> Option<ArticleClaim> {
    let map = field.map(&KEYS, mistakes)?;
    let row = map.required("row", mistakes).and_then(|f| words::title(&f, mistakes));
    let column = map.required("column", mistakes).and_then(|f| words::title(&f, mistakes));
    let claimed = map.required("claimed", mistakes).and_then(|f| words::title(&f, mistakes));
    if let (Some(row), Some(column)) = (&row, &column) {
        taken.take(&format!("{row} / {column}"), "cell", field, mistakes);
    }
    let measured_by = map.optional("measured-by");
    let why_not = map.optional("why-not");
    match (&measured_by, &why_not) {
        (None, None) => {
            let help = "name the figure that answers it, or say why none can";
            let message = "expected `measured-by` or `why-not`, found neither";
            field.contradicts(message, help, mistakes);
        }
        (Some(_), Some(why_not)) => {
            let help = "a claim is either measured here or not; keep one of the two";
            let message = "expected `measured-by` or `why-not`, found both";
            why_not.contradicts(message, help, mistakes);
        }
        _ => {}
    }
    let measured_by = match measured_by {
        Some(field) => measure(&field, names, mistakes).map(Some),
        None => Some(None),
    };
    let why_not = match why_not {
        Some(field) => words::prose(&field, mistakes).map(Some),
        None => Some(None),
    };
    let beside = match map.optional("beside") {
        Some(field) => beside(&field, names, mistakes).map(Some),
        None => Some(None),
    };
    Some(ArticleClaim {
        row: row?,
        column: column?,
        claimed: claimed?,
        measured_by: measured_by?,
        why_not: why_not?,
        beside: beside?,
    })
}

/// A figure about memory.
fn beside(field: &Field<'_>, names: &Names, mistakes: &mut Mistakes) -> Option<MemoryFigure> {
    let map = field.map(&["variant", "state", "sidecar"], mistakes)?;
    let variant = map.required("variant", mistakes).and_then(|f| names.variant(&f, mistakes));
    let state = map.required("state", mistakes).and_then(|f| words::name(&f, mistakes));
    let sidecar = map.required("sidecar", mistakes).and_then(|f| f.choice(&SIDECARS, mistakes));
    Some(MemoryFigure { variant: variant?.to_owned(), state: state?, sidecar: sidecar? })
}

fn measure(field: &Field<'_>, names: &Names, mistakes: &mut Mistakes) -> Option<ClaimMeasure> {
    let map = field.map(&["comparison", "quantile", "mesh"], mistakes)?;
    let comparison =
        map.required("comparison", mistakes).and_then(|f| names.comparison(&f, mistakes));
    let quantiles = QUANTILES.map(|quantile| (quantile, quantile));
    let quantile = map.required("quantile", mistakes).and_then(|f| f.choice(&quantiles, mistakes));
    let mesh = map.required("mesh", mistakes).and_then(|f| names.mesh(&f, mistakes));
    Some(ClaimMeasure {
        comparison: comparison?.to_owned(),
        quantile: quantile?.to_owned(),
        mesh: mesh?.to_owned(),
    })
}

/// A figure that no testbed of the scenario can produce answers nothing.
pub(super) fn check(map: &Map<'_>, scenario: &Scenario, mistakes: &mut Mistakes) {
    let items = map.optional("article").and_then(|field| field.list("", mistakes));
    for (item, claim) in items.unwrap_or_default().iter().zip(&scenario.article) {
        if let Some(beside) = &claim.beside {
            let memory = scenario.memory.as_ref();
            let states: Vec<&str> =
                memory.map(|memory| memory.states()).into_iter().flatten().map(|s| s.0).collect();
            if !states.contains(&beside.state.as_str()) {
                let message = format!("no state of memory is named `{}`", beside.state);
                let help = match &states[..] {
                    [] => "without `memory` there is no figure to stand beside it".to_owned(),
                    _ => format!("there are: {}", states.join(", ")),
                };
                item.contradicts(message, &help, mistakes);
            }
        }
        let Some(by) = &claim.measured_by else {
            continue;
        };
        let Some(comparison) =
            scenario.comparisons.iter().find(|comparison| comparison.name == by.comparison)
        else {
            continue;
        };
        let measurable = scenario.testbeds.values().any(|scope| {
            scope.meshes.contains(&by.mesh)
                && scope.variants.contains(&comparison.candidate)
                && scope.variants.contains(&comparison.baseline)
        });
        if !measurable {
            let message = format!(
                "no testbed runs both variants of `{}` on the mesh `{}`",
                by.comparison, by.mesh
            );
            let help = "add the mesh to a testbed, or say in `why-not` why it is not measured";
            item.contradicts(message, help, mistakes);
        }
    }
}
