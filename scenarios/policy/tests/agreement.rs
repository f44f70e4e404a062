//! What is refused here against what upstream's own tests refuse. The material lies beside the
//! repository and not in it; without it the test says so and passes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use policy::finding::{Finding, Severity};
use policy::schema::Kind;
use policy::source::{Limits, Mistakes, Node, documents_within};
use policy::validate::{Settings, validate};
use policy::version::Versions;

/// What may be said of severity high and above of what upstream takes: file, check, and why upstream's
/// own documents say so too. A line that nothing is found for any more is taken out.
const EXPLAINED: &str = include_str!("agreement/explained.tsv");

/// Files and checks that are explained.
fn explained() -> BTreeSet<(String, String)> {
    let lines = EXPLAINED.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            assert!(columns.len() == 3 && columns[2].len() > 20, "file, check, why: {line}");
            (columns[0].to_owned(), columns[1].to_owned())
        })
        .collect()
}

fn shared() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("shared/data/fixtures")).find(|folder| folder.exists())
}

fn versions(project: &str, path: &str) -> Versions {
    let of = |name: &str| {
        if project == "derived" { path.starts_with(name) } else { project.contains(name) }
    };
    let version = |text: &str| text.parse().ok();
    Versions {
        istio: if of("istio-1.24") || of("istio-api-1.24") {
            version("1.24.6")
        } else {
            version("1.25.5")
        },
        cilium: if of("cilium-1.16") { version("1.16.5") } else { version("1.17.5") },
    }
}

/// The texts of the documents, without the key that holds what upstream expects.
fn parts(text: &str) -> Vec<String> {
    let plain: Vec<&str> = text.lines().filter(|line| !line.starts_with("_err:")).collect();
    let plain = plain.join("\n");
    plain
        .split("\n---")
        .map(|part| {
            part.split_once('\n')
                .map_or(part, |(first, rest)| if first.trim().is_empty() { rest } else { part })
                .to_owned()
        })
        .collect()
}

fn is_read(text: &str) -> bool {
    let documents =
        documents_within(Limits::MANIFESTS, text, &mut Mistakes::new("")).unwrap_or_default();
    documents.iter().any(|document| {
        let word = |name: &str| document.root.member(name).and_then(Node::text).unwrap_or_default();
        let group = word("apiVersion").split_once('/').map_or("", |(group, _)| group);
        Kind::find(group, word("kind")).is_some()
    })
}

#[test]
fn as_upstream_judges() {
    let Some(shared) = shared() else {
        println!("skipped: ../shared is not here");
        return;
    };
    let (mut judged, mut wrong, mut severe) = (0, Vec::new(), BTreeSet::new());
    for project in std::fs::read_dir(&shared).unwrap().flatten() {
        let Ok(table) = std::fs::read_to_string(project.path().join("EXPECTED.tsv")) else {
            continue;
        };
        let name = project.file_name().into_string().unwrap();
        for row in table.lines().skip(1) {
            let columns: Vec<&str> = row.split('\t').collect();
            let (path, expected, layer) = (columns[0], columns[1], columns[2]);
            if layer.starts_with("lint") {
                continue;
            }
            let (file, index) = path.split_once('#').unwrap_or((path, ""));
            let Ok(text) = std::fs::read_to_string(project.path().join(file)) else { continue };
            let text = match index.split(':').next().unwrap_or_default().parse::<usize>() {
                Ok(index) => parts(&text)
                    .into_iter()
                    .filter(|part| !part.trim().is_empty())
                    .nth(index)
                    .unwrap_or_default(),
                Err(_) => text,
            };
            if !is_read(&text) {
                continue;
            }
            let settings = Settings { versions: versions(&name, path), ..Settings::default() };
            let report = validate(&[(path, &text)], &settings);
            let refusing: Vec<String> = report
                .findings
                .iter()
                .filter(|finding| {
                    finding.check.refuses
                        || (finding.check.id == "CN001"
                            && settings.versions.cilium >= "1.17.0".parse().ok())
                })
                .map(|finding| format!("{} {}", finding.check.id, finding.message))
                .chain(report.mistakes.iter().map(ToString::to_string))
                .collect();
            let invalid = expected.starts_with("invalid");
            judged += 1;
            if invalid == refusing.is_empty() {
                wrong.push(format!("{name}/{path} [{layer}]: expected {expected}, {refusing:?}"));
            }
            if !invalid {
                // A hole of the release that is assumed is no fault of the file.
                let matters = |f: &&Finding| f.severity >= Severity::High && f.check.id != "GN004";
                severe.extend(
                    report.findings.iter().filter(matters).map(|f| {
                        (format!("{name}/{file}"), f.check.id.to_owned(), f.message.clone())
                    }),
                );
            }
        }
    }
    println!("{judged} judged, {} otherwise", wrong.len());
    assert!(judged > 200, "{judged}");
    // What is judged otherwise would be listed here with its reason; nothing is.
    assert!(wrong.is_empty(), "judged otherwise:\n{}", wrong.join("\n"));
    hold_to_the_explained(severe);
}

/// File, check and message of each finding.
fn hold_to_the_explained(severe: BTreeSet<(String, String, String)>) {
    let explained = explained();
    let unexplained: Vec<String> = severe
        .iter()
        .filter(|(file, id, _)| !explained.contains(&(file.clone(), id.clone())))
        .map(|(file, id, message)| format!("{file}\t{id}\t{message}"))
        .collect();
    assert!(unexplained.is_empty(), "severe on what is valid:\n{}", unexplained.join("\n"));
    let found: BTreeSet<(String, String)> =
        severe.into_iter().map(|(file, id, _)| (file, id)).collect();
    let stale: Vec<_> = explained.difference(&found).collect();
    assert!(stale.is_empty(), "explained, and found no more: {stale:?}");
}
