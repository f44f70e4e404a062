//! The `comparisons` part of the file. It knows which variants are named, and nothing else of them.

use policy::source::{Field, Mistakes};

use super::Names;
use super::words::{self, Taken};
use crate::variant::{ComparisonSpec, VariantName};

pub(super) fn read(
    field: &Field<'_>,
    names: &Names,
    mistakes: &mut Mistakes,
) -> Option<Vec<ComparisonSpec>> {
    let items = words::some_items(field, "a list of at least one comparison", mistakes)?;
    let mut taken = Taken::default();
    words::each(items, |item| comparison(&item, names, &mut taken, mistakes))
}

fn comparison(
    field: &Field<'_>,
    names: &Names,
    taken: &mut Taken,
    mistakes: &mut Mistakes,
) -> Option<ComparisonSpec> {
    let map = field.map(&["name", "title", "candidate", "baseline"], mistakes)?;
    let name = map.required("name", mistakes).and_then(|field| {
        let name = words::name(&field, mistakes)?;
        taken.take(&name, "comparison", &field, mistakes);
        Some(name)
    });
    let title = map.required("title", mistakes).and_then(|f| words::title(&f, mistakes));
    let candidate = map.required("candidate", mistakes).and_then(|f| names.variant(&f, mistakes));
    let baseline_field = map.required("baseline", mistakes);
    let baseline = baseline_field.as_ref().and_then(|f| names.variant(f, mistakes));
    if let (Some(field), Some(candidate)) = (&baseline_field, candidate)
        && baseline == Some(candidate)
    {
        let message = format!("`{candidate}` is compared with itself");
        let help = "every run compares the control with itself already; name another variant";
        field.contradicts(message, help, mistakes);
    }
    Some(ComparisonSpec {
        name: name?,
        title: title?,
        candidate: VariantName(candidate?.to_owned()),
        baseline: VariantName(baseline?.to_owned()),
    })
}
