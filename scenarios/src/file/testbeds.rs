//! The `meshes` and `testbeds` parts of the file: which variant exists where. It does not know what
//! a testbed does.

use policy::source::{Field, Map, Mistakes};

use super::Names;
use super::words::{self, Taken};
use crate::scenario::Scenario;
use crate::variant::{
    MeshVersion, Product, Scopes, TESTBEDS, TESTBEDS_WITH_MESH, TestbedScope, VariantName,
};

const PRODUCTS: [(&str, Product); 2] = [("istio", Product::Istio), ("cilium", Product::Cilium)];

pub(super) fn read_meshes(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Vec<MeshVersion>> {
    let items = field.list("a list of mesh versions", mistakes)?;
    let mut taken = Taken::default();
    words::each(items, |item| mesh(&item, &mut taken, mistakes))
}

fn mesh(field: &Field<'_>, taken: &mut Taken, mistakes: &mut Mistakes) -> Option<MeshVersion> {
    let map = field.map(&["id", "product", "version"], mistakes)?;
    let id = map.required("id", mistakes).and_then(|field| {
        let id = words::mesh_id(&field, mistakes)?;
        taken.take(&id, "mesh", &field, mistakes);
        Some(id)
    });
    let product = map.required("product", mistakes).and_then(|f| f.choice(&PRODUCTS, mistakes));
    let version = map.required("version", mistakes).and_then(|f| version(&f, mistakes));
    Some(MeshVersion { id: id?, product: product?, version: version? })
}

/// A released patch version: a minor version alone would name another release every few weeks.
fn version(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<String> {
    const EXPECTED: &str = "a full version such as `1.25.5`";
    if !matches!(&field.node.value, policy::source::Value::Scalar(_)) {
        field.expected(EXPECTED, mistakes);
        return None;
    }
    let mut ignored = Mistakes::new("");
    let version = field.text(EXPECTED, &mut ignored).unwrap_or_default();
    let parts: Vec<&str> = version.split('.').collect();
    let number = |part: &&str| {
        (1..=6).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if parts.len() != 3 || !parts.iter().all(number) {
        let help = "write the patch version, too: the figures belong to one release".to_owned();
        field.expected_with_help(EXPECTED, help, mistakes);
        return None;
    }
    Some(version.to_owned())
}

pub(super) fn read(field: &Field<'_>, names: &Names, mistakes: &mut Mistakes) -> Option<Scopes> {
    let map = field.map(&TESTBEDS, mistakes)?;
    let mut scopes = Scopes::new();
    let mut whole = true;
    for name in TESTBEDS {
        let Some(field) = map.optional(name) else {
            continue;
        };
        match scope(&field, name, names, mistakes) {
            Some(scope) => drop(scopes.insert(name.to_owned(), scope)),
            None => whole = false,
        }
    }
    if whole && scopes.is_empty() {
        field.expected("at least one testbed", mistakes);
        return None;
    }
    whole.then_some(scopes)
}

fn scope(
    field: &Field<'_>,
    testbed: &str,
    names: &Names,
    mistakes: &mut Mistakes,
) -> Option<TestbedScope> {
    let map = field.map(&["variants", "meshes"], mistakes)?;
    let variants = map.required("variants", mistakes).and_then(|field| {
        let items = words::some_items(&field, "a list of at least one variant", mistakes)?;
        references(items, "variant", mistakes, |field, mistakes| names.variant(field, mistakes))
    });
    let meshes = match map.optional("meshes") {
        Some(field) => meshes_of(&field, testbed, names, mistakes),
        None if TESTBEDS_WITH_MESH.contains(&testbed) => {
            let help = "this testbed installs a released mesh and must know which";
            map.required_because("meshes", Some(help), mistakes);
            None
        }
        None => Some(Vec::new()),
    };
    let variants = variants?;
    // The scenario's order, so that the order of a list here has no meaning to get wrong.
    let in_order = names.variants.iter().filter(|name| variants.contains(name));
    Some(TestbedScope {
        variants: in_order.map(|name| VariantName(name.clone())).collect(),
        meshes: meshes?,
    })
}

fn meshes_of(
    field: &Field<'_>,
    testbed: &str,
    names: &Names,
    mistakes: &mut Mistakes,
) -> Option<Vec<String>> {
    let items = words::some_items(field, "a list of at least one mesh", mistakes)?;
    if !TESTBEDS_WITH_MESH.contains(&testbed) {
        let help = "only `kind` and `cluster` run a released mesh; leave the key out";
        let message = format!("the testbed `{testbed}` has no mesh of its own");
        field.contradicts(message, help, mistakes);
    }
    references(items, "mesh", mistakes, |field, mistakes| names.mesh(field, mistakes))
}

/// Names of things declared elsewhere, each once.
fn references<'n>(
    items: Vec<Field<'n>>,
    what: &str,
    mistakes: &mut Mistakes,
    name_of: impl Fn(&Field<'n>, &mut Mistakes) -> Option<&'n str>,
) -> Option<Vec<String>> {
    let mut taken = Taken::default();
    words::each(items, |item| {
        let name = name_of(&item, mistakes)?;
        taken.take(name, what, &item, mistakes);
        Some(name.to_owned())
    })
}

/// Each testbed needs the control, which stands in every block, and something to compare.
pub(super) fn check(map: &Map<'_>, scenario: &Scenario, mistakes: &mut Mistakes) {
    let Some(field) = map.optional("testbeds") else {
        return;
    };
    // Its keys have been checked already.
    let Some(scopes) = field.map(&TESTBEDS, &mut Mistakes::new("")) else {
        return;
    };
    for (name, scope) in &scenario.testbeds {
        let Some(field) = scopes.optional(name) else {
            continue;
        };
        let control = &scenario.design.control;
        if !scope.variants.contains(control) {
            let message = format!("the control `{control}` is not among the variants");
            let help = "every block runs the control twice; add it";
            field.contradicts(message, help, mistakes);
        }
        let comparable = scenario.comparisons.iter().any(|comparison| {
            scope.variants.contains(&comparison.candidate)
                && scope.variants.contains(&comparison.baseline)
        });
        if !comparable {
            let help = "add the two variants of a comparison, or leave the testbed out";
            field.contradicts("no comparison has both its variants here", help, mistakes);
        }
    }
}
