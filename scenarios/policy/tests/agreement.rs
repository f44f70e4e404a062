//! What is refused here against what upstream's own tests refuse. The material lies beside the
//! repository and not in it; without it the test says so and passes.

use std::path::{Path, PathBuf};

use policy::schema::Kind;
use policy::source::{Limits, Mistakes, Node, documents_within};
use policy::validate::{Settings, validate};
use policy::version::Versions;

/// What is judged otherwise here, by a part of the path, and why.
const OTHERWISE: &[(&str, &str)] = &[];

/// What may be said of severity high and above of what upstream takes, and why upstream's documents
/// say so too.
const EXPLAINED: &[(&str, &str)] = &[
    ("PA002", "upstream's examples of PERMISSIVE; its best practices ask for STRICT"),
    ("PA003", "Cilium's example turns mTLS off so that its own rules of HTTP can be read"),
    ("AP022", "a trial, by its own annotation"),
    ("CN001", "1.16 takes it and does nothing; 1.17 rejects it"),
    ("AP005", "ISTIO-SECURITY-2021-004 is about this very mistake"),
    ("AP016", "the release has CVE-2026-26308, which is about this very shape"),
    ("CN039", "Cilium's example of a clusterwide denial leaves kube-system out"),
    ("CN027", "the release has CVE-2025-30163, which is about this very field"),
];

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
    let (mut judged, mut wrong, mut severe) = (0, Vec::new(), Vec::new());
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
            let listed = OTHERWISE.iter().any(|(part, _)| format!("{name}/{path}").contains(part));
            if invalid == refusing.is_empty() && !listed {
                wrong.push(format!("{name}/{path} [{layer}]: expected {expected}, {refusing:?}"));
            }
            if !invalid {
                severe.extend(
                    report
                        .findings
                        .iter()
                        .filter(|f| f.severity >= policy::finding::Severity::High)
                        .map(|f| format!("{name}/{path}: {} {}", f.check.id, f.message)),
                );
            }
        }
    }
    println!(
        "{judged} judged, {} otherwise\n{}\n-- severe on valid:\n{}",
        wrong.len(),
        wrong.join("\n"),
        severe.join("\n")
    );
    assert!(judged > 200, "{judged}");
    assert!(wrong.is_empty());
    let explained =
        |line: &String| EXPLAINED.iter().any(|(id, _)| line.contains(&format!(": {id} ")));
    assert!(severe.iter().all(explained));
}
