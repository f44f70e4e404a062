//! The manifests of a well-known article each produce the findings that sources say they must,
//! and their sound forms in `scenarios/hardened-policies` none. The article is a third party's and
//! lies beside the repository; without it that test says so and passes.

use std::path::{Path, PathBuf};

use policy::validate::{Report, Settings, validate};
use policy::version::Versions;

/// Releases that the checks are made for: Istio's and Cilium's.
const RELEASES: [(&str, &str); 2] = [("1.24.6", "1.16.5"), ("1.25.5", "1.17.5")];

/// Line and check of what each file must be found to have, by the releases of [`RELEASES`].
const ARTICLE: [(&str, &[(usize, &str)]); 5] = [
    (
        "01-peerauthentication-prod.yaml",
        &[(14, "GN001"), (14, "PA017"), (19, "PA005"), (19, "PA016")],
    ),
    ("02-authorizationpolicy-prod.yaml", &[(14, "AP005"), (16, "AP007"), (19, "AP036")]),
    (
        "03-ciliumnetworkpolicy-egress.yaml",
        &[
            (12, "CN044"),
            (26, "CN006"),
            (32, "CN011"),
            (39, "CN013"),
            (47, "CN037"),
            (52, "CN003"),
            (57, "CN002"),
        ],
    ),
    ("04-peerauthentication-mesh.yaml", &[(9, "GN001"), (9, "PA017")]),
    ("05-ciliumnetworkpolicy-default-deny.yaml", &[(8, "CN001")]),
];

fn check(files: &[(String, String)], (istio, cilium): (&str, &str)) -> Report {
    let versions = Versions { istio: istio.parse().ok(), cilium: cilium.parse().ok() };
    validate(files, &Settings { versions, ..Settings::default() })
}

fn read(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<(String, String)> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "yaml"))
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).expect("the file is readable");
            (entry.file_name().to_string_lossy().into_owned(), text)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn the_hardened_policies_pass_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hardened-policies");
    let files = read(&folder);
    assert_eq!(files.len(), 4);
    for releases in RELEASES {
        let report = check(&files, releases);
        assert!(report.mistakes.is_empty(), "{:?}", report.mistakes);
        assert_eq!(report.objects, 7);
        let found: Vec<String> = report
            .findings
            .iter()
            // Holes of the release itself, which no policy can close.
            .filter(|one| one.check.id != "GN004")
            .map(|one| format!("{}:{} {}", one.path, one.span.at.line, one.check.id))
            .collect();
        assert!(found.is_empty(), "{releases:?}: {found:?}");
    }
}

fn article() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("shared/data/fixtures/article")).find(|folder| folder.exists())
}

#[test]
fn the_article_s_manifests_have_what_sources_say() {
    let Some(folder) = article() else {
        println!("skipped: ../shared is not here");
        return;
    };
    for releases in RELEASES {
        for (file, expected) in ARTICLE {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            let report = check(&[(file.to_owned(), text)], releases);
            let found: Vec<(usize, &str)> =
                report.findings.iter().map(|one| (one.span.at.line, one.check.id)).collect();
            for pair in expected {
                assert!(found.contains(pair), "{file} {releases:?}: no {pair:?} in {found:?}");
            }
        }
    }
}
