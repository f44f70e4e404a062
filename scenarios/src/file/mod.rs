//! The reader of a scenario's folder: text to [`Scenario`], or every mistake in it. It checks what
//! the file alone can show and does not know where the scenario will run.

mod article;
mod calls;
mod comparisons;
mod design;
mod folder;
mod load;
mod memory;
mod request;
mod testbeds;
mod variants;
mod words;

use std::collections::BTreeMap;
use std::path::Path;

use policy::PolicySet;
use policy::source::{self, Field, Map, Mistakes, Position, Wrong};

pub use folder::{DiskFolder, Folder, Unreadable};

use crate::scenario::{Gates, Scenario};

/// The file that makes a folder a scenario.
pub const SCENARIO_FILE: &str = "scenario.yaml";

/// The version of the file's form that is read.
const SCHEMA: u32 = 1;

const KEYS: [&str; 14] = [
    "schema",
    "name",
    "version",
    "title",
    "question",
    "load",
    "design",
    "gates",
    "meshes",
    "testbeds",
    "variants",
    "comparisons",
    "memory",
    "article",
];

/// Names that other parts of the file refer to. They are gathered first, and from parts with
/// mistakes too, so that one mistake is not reported again wherever its name is used.
struct Names {
    variants: Vec<String>,
    comparisons: Vec<String>,
    meshes: Vec<String>,
}

impl Names {
    /// The variant that a field names. Without any variants, which is a mistake of its own, a name
    /// is neither known nor unknown.
    fn variant<'n>(&self, field: &Field<'n>, mistakes: &mut Mistakes) -> Option<&'n str> {
        if self.variants.is_empty() {
            return None;
        }
        field.name_of("variant", &self.variants, mistakes)
    }

    /// The comparison that a field names, in the same way.
    fn comparison<'n>(&self, field: &Field<'n>, mistakes: &mut Mistakes) -> Option<&'n str> {
        if self.comparisons.is_empty() {
            return None;
        }
        field.name_of("comparison", &self.comparisons, mistakes)
    }

    /// The mesh version that a field names. A scenario may have none.
    fn mesh<'n>(&self, field: &Field<'n>, mistakes: &mut Mistakes) -> Option<&'n str> {
        field.name_of("mesh", &self.meshes, mistakes)
    }
}

/// Reads the scenario in a directory.
pub fn read_dir(dir: &Path) -> Result<Scenario, Mistakes> {
    read(&DiskFolder::new(dir))
}

/// Reads the scenario in a folder, wherever the folder is.
pub fn read(folder: &dyn Folder) -> Result<Scenario, Mistakes> {
    let mut mistakes = Mistakes::new(folder.path_of(SCENARIO_FILE));
    let scenario = read_scenario(folder, &mut mistakes);
    mistakes.into_result(scenario)
}

fn read_scenario(folder: &dyn Folder, mistakes: &mut Mistakes) -> Option<Scenario> {
    let bytes = match folder.read(SCENARIO_FILE) {
        Ok(bytes) => bytes,
        Err(unreadable) => {
            let message = format!("the scenario can not be read: {unreadable}");
            mistakes.push(Position::START, "", Wrong::Syntax(message), None);
            return None;
        }
    };
    let text = source::utf8(&bytes, mistakes)?;
    let documents = source::documents(text, mistakes)?;
    let Some(first) = documents.first() else {
        let help = Some("begin with `schema: 1`; scenarios/README.md lists the keys".to_owned());
        let message = "expected a scenario, found an empty file".to_owned();
        mistakes.push(Position::START, "", Wrong::Syntax(message), help);
        return None;
    };
    if let Some(second) = documents.get(1) {
        let help = Some("give each scenario a folder of its own".to_owned());
        let message = format!("expected one document, found {}", documents.len());
        mistakes.push(second.root.at, "", Wrong::Syntax(message), help);
    }
    let map = Field::root(&first.root).map(&KEYS, mistakes)?;
    read_keys(&map, folder, mistakes)
}

fn read_keys(map: &Map<'_>, folder: &dyn Folder, mistakes: &mut Mistakes) -> Option<Scenario> {
    let names = Names {
        variants: words::declared(map, "variants", "name"),
        comparisons: words::declared(map, "comparisons", "name"),
        meshes: words::declared(map, "meshes", "id"),
    };
    let schema = map.required("schema", mistakes).and_then(|f| schema(&f, mistakes));
    let name = map.required("name", mistakes).and_then(|f| name(&f, folder, mistakes));
    let version =
        map.required("version", mistakes).and_then(|f| f.integer(1..=1_000_000, mistakes));
    let title = map.required("title", mistakes).and_then(|f| words::title(&f, mistakes));
    let question = map.required("question", mistakes).and_then(|f| words::prose(&f, mistakes));
    let load = map.required("load", mistakes).and_then(|f| load::read(&f, mistakes));
    let variants = map.required("variants", mistakes).and_then(|f| variants::read(&f, mistakes));
    let comparisons =
        map.required("comparisons", mistakes).and_then(|f| comparisons::read(&f, &names, mistakes));
    let design = map.required("design", mistakes).and_then(|f| design::read(&f, &names, mistakes));
    let gates = match map.optional("gates") {
        Some(field) => design::read_gates(&field, mistakes),
        None => Some(Gates::default()),
    };
    let meshes = match map.optional("meshes") {
        Some(field) => testbeds::read_meshes(&field, mistakes),
        None => Some(Vec::new()),
    };
    let testbeds =
        map.required("testbeds", mistakes).and_then(|f| testbeds::read(&f, &names, mistakes));
    let memory = match map.optional("memory") {
        Some(field) => memory::read(&field, mistakes).map(Some),
        None => Some(None),
    };
    let article = match map.optional("article") {
        Some(field) => article::read(&field, &names, mistakes),
        None => Some(Vec::new()),
    };
    let policies = read_policies(map, folder, mistakes);
    schema?;
    let scenario = Scenario {
        name: name?,
        version: version?,
        title: title?,
        question: question?,
        load: load?,
        design: design?,
        gates: gates?,
        variants: variants?,
        comparisons: comparisons?,
        meshes: meshes?,
        testbeds: testbeds?,
        memory: memory?,
        article: article?,
        policies: policies?,
    };
    testbeds::check(map, &scenario, mistakes);
    article::check(map, &scenario, mistakes);
    calls::check(map, &scenario, mistakes);
    memory::check(map, &scenario, mistakes);
    Some(scenario)
}

fn schema(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<()> {
    let schema = field.integer(1..=u32::MAX, mistakes)?;
    if schema != SCHEMA {
        let help = "a newer loadgen may read this file".to_owned();
        field.expected_with_help(&format!("the schema `{SCHEMA}`"), help, mistakes);
        return None;
    }
    Some(())
}

fn name(field: &Field<'_>, folder: &dyn Folder, mistakes: &mut Mistakes) -> Option<String> {
    let name = words::name(field, mistakes)?;
    if name != folder.name() {
        let expected = format!("the folder's name, `{}`", folder.name());
        let help = "rename the folder or the scenario".to_owned();
        field.expected_with_help(&expected, help, mistakes);
    }
    Some(name)
}

/// The text of every policy file that a variant or a rung names; and the mistakes in those files, one after
/// the other, as only the files of one apply together.
fn read_policies(
    map: &Map<'_>,
    folder: &dyn Folder,
    mistakes: &mut Mistakes,
) -> Option<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    let mut refused = std::collections::BTreeSet::new();
    for files in variants::policy_files(map) {
        let mut set = Vec::new();
        for (path, field) in files {
            if !texts.contains_key(&path) && !refused.contains(&path) {
                match read_policy(&path, &field, folder, mistakes) {
                    Some(text) => drop(texts.insert(path.clone(), text)),
                    None => drop(refused.insert(path.clone())),
                }
            }
            if let Some(text) = texts.get(&path) {
                set.push((folder.path_of(&path), text.clone()));
            }
        }
        if let Err(more) = PolicySet::parse(&set) {
            mistakes.absorb(more);
        }
    }
    Some(texts)
}

fn read_policy(
    path: &str,
    field: &Field<'_>,
    folder: &dyn Folder,
    mistakes: &mut Mistakes,
) -> Option<String> {
    let bytes = match folder.read(path) {
        Ok(bytes) => bytes,
        Err(unreadable) => {
            let message = format!("the policy file `{path}` can not be read: {unreadable}");
            let help = "the path starts at the scenario's folder";
            field.contradicts(message, help, mistakes);
            return None;
        }
    };
    let mut in_file = Mistakes::new(folder.path_of(path));
    let text = source::utf8(&bytes, &mut in_file).map(str::to_owned);
    mistakes.absorb(in_file);
    text
}
