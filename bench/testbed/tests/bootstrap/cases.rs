//! The table of cases, `tests/decisions/<mesh>/<set>.yaml`: resources as they are applied to a
//! cluster, and in a document of its own the calls and what becomes of them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use policy::MtlsMode;
use policy::inventory::PathNormalization;
use policy::source::{Mistakes, Node, documents};

/// Whose resources they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mesh {
    Istio,
    Cilium,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The workload answers it.
    Allow,
    /// It is answered 403.
    Deny,
    /// It is answered 400: no call at all.
    Bad,
    /// It is sent to the path that it should have asked for.
    Redirect,
}

/// Resources, and calls under them.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) mesh: Mesh,
    pub(crate) resources: String,
    pub(crate) mode: MtlsMode,
    pub(crate) normalization: PathNormalization,
    pub(crate) cases: Vec<Case>,
}

/// A call.
#[derive(Debug)]
pub(crate) struct Case {
    /// File and line.
    pub(crate) place: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) headers: BTreeMap<String, String>,
    /// Namespace and account; none in plaintext.
    pub(crate) caller: Option<(String, String)>,
    /// The address that it comes from.
    pub(crate) from: Ipv4Addr,
    /// By a real Envoy.
    pub(crate) expect: Outcome,
    /// By the reference model, where it is another; `note` says why.
    pub(crate) model: Option<Outcome>,
    pub(crate) note: Option<String>,
}

/// Every set, by mesh and name.
pub(crate) fn all() -> Vec<Set> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decisions");
    let mut sets = Vec::new();
    for (mesh, folder) in [(Mesh::Istio, "istio"), (Mesh::Cilium, "cilium")] {
        for file in std::fs::read_dir(root.join(folder)).expect("the table") {
            let path = file.expect("readable").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("readable");
            sets.push(set(mesh, format!("{folder}-{name}"), text));
        }
    }
    sets.sort_by(|a, b| (a.mesh, &a.name).cmp(&(b.mesh, &b.name)));
    sets
}

fn set(mesh: Mesh, name: String, text: String) -> Set {
    let mut mistakes = Mistakes::new(&name);
    let all = documents(&text, &mut mistakes).unwrap_or_default();
    assert!(mistakes.is_empty(), "{mistakes}");
    let table =
        all.iter().map(|document| &document.root).find(|root| root.member("calls").is_some());
    let table = table.unwrap_or_else(|| panic!("{name}: no document has `calls`"));
    known(&name, table, &["calls", "mode", "normalization"]);
    let word = |key: &str| table.member(key).and_then(Node::text);
    let mode = match word("mode").unwrap_or("STRICT") {
        "STRICT" => MtlsMode::Strict,
        "PERMISSIVE" => MtlsMode::Permissive,
        other => panic!("{name}: {other} is no mode"),
    };
    let normalization = match word("normalization").unwrap_or("DEFAULT") {
        "NONE" => PathNormalization::None,
        "BASE" | "DEFAULT" => PathNormalization::Base,
        "MERGE_SLASHES" => PathNormalization::MergeSlashes,
        "DECODE_AND_MERGE_SLASHES" => PathNormalization::DecodeAndMergeSlashes,
        other => panic!("{name}: {other} is no normalization"),
    };
    let calls = table.member("calls").map(Node::items).unwrap_or_default();
    let cases = calls.iter().map(|call| case(&name, call)).collect();
    Set { name, mesh, resources: text, mode, normalization, cases }
}

fn known(place: &str, node: &Node, keys: &[&str]) {
    for entry in node.entries() {
        assert!(keys.contains(&entry.key.as_str()), "{place}: unknown key {}", entry.key);
    }
}

fn case(set: &str, call: &Node) -> Case {
    let place = format!("{set}:{}", call.at.line);
    let keys = ["do", "as", "host", "headers", "from", "expect", "model", "note"];
    known(&place, call, &keys);
    let text = |key: &str| call.member(key).and_then(Node::text).map(str::to_owned);
    let request = text("do").unwrap_or_else(|| panic!("{place}: no `do`"));
    let (method, target) = request.split_once(' ').expect("a method and a target");
    let caller = text("as").unwrap_or_else(|| "bench/client".to_owned());
    let caller = (caller != "plaintext").then(|| {
        let (namespace, account) = caller.split_once('/').expect("a namespace and an account");
        (namespace.to_owned(), account.to_owned())
    });
    let outcome = |key: &str| {
        text(key).map(|word| match word.as_str() {
            "allow" => Outcome::Allow,
            "deny" => Outcome::Deny,
            "bad" => Outcome::Bad,
            "redirect" => Outcome::Redirect,
            other => panic!("{place}: {other} is no outcome"),
        })
    };
    let headers = call.member("headers").map(Node::entries).unwrap_or_default();
    let header = |entry: &policy::source::Entry| {
        (entry.key.clone(), entry.value.text().expect("a text").to_owned())
    };
    let from = text("from").unwrap_or_else(|| "127.0.0.1".to_owned());
    Case {
        method: method.to_owned(),
        target: target.to_owned(),
        host: text("host").unwrap_or_else(|| "server.bench".to_owned()),
        headers: headers.iter().map(header).collect(),
        caller,
        from: from.parse().expect("an address"),
        expect: outcome("expect").unwrap_or_else(|| panic!("{place}: no `expect`")),
        model: outcome("model"),
        note: text("note"),
        place,
    }
}

#[test]
fn the_table_is_as_large_as_it_should_be_and_says_why_decisions_differ() {
    let sets = all();
    let of = |mesh| sets.iter().filter(|set| set.mesh == mesh).map(|set| set.cases.len()).sum();
    let (istio, cilium): (usize, usize) = (of(Mesh::Istio), of(Mesh::Cilium));
    assert!(istio >= 60 && cilium >= 20, "{istio} and {cilium}");
    for case in sets.iter().flat_map(|set| &set.cases) {
        assert!(case.model.is_none() || case.note.is_some(), "{}: no note", case.place);
        assert!(case.model != Some(case.expect), "{}: no difference", case.place);
    }
}
