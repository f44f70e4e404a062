//! Every folder of the repository: it reads, it explains itself, and what its policies put in force
//! is what its variants claim.

use std::path::{Path, PathBuf};

use policy::MtlsMode;
use scenarios::file::{self, SCENARIO_FILE};
use scenarios::library;
use scenarios::load::Answer;
use scenarios::model::Model;
use scenarios::parts;
use scenarios::posture::Expected;
use scenarios::scenario::Scenario;
use scenarios::variant::{Proxies, Variant};

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = root.read_dir().expect("the package's folder is readable");
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry is readable").path())
        .filter(|path| path.join(SCENARIO_FILE).is_file())
        .collect();
    folders.sort();
    folders
}

fn scenarios() -> Vec<(PathBuf, Scenario)> {
    let read = |dir: PathBuf| {
        let read = file::read_dir(&dir);
        let mistakes = read.as_ref().err().map(ToString::to_string);
        assert!(mistakes.is_none(), "{}", mistakes.unwrap_or_default());
        (dir, read.expect("there are no mistakes"))
    };
    folders().into_iter().map(read).collect()
}

#[test]
fn every_scenario_is_read_and_has_a_readme_that_states_its_question() {
    let all = scenarios();
    assert!(all.len() >= 3);
    for (dir, scenario) in all {
        let readme = std::fs::read_to_string(dir.join("README.md")).unwrap();
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let question = words(&scenario.question);
        assert!(words(&readme).contains(&question), "{}: {question}", dir.display());
        for variant in &scenario.variants {
            let named = readme.contains(&format!("`{}`", variant.name));
            assert!(named, "{} does not explain {}", dir.display(), variant.name);
        }
        for comparison in &scenario.comparisons {
            let named = readme.contains(&format!("`{}`", comparison.name));
            assert!(named, "{} does not explain {}", dir.display(), comparison.name);
        }
    }
}

#[test]
fn every_policy_file_is_used_by_a_variant() {
    for (dir, scenario) in scenarios() {
        for product in ["istio", "cilium"] {
            let Ok(files) = dir.join("policies").join(product).read_dir() else {
                continue;
            };
            for entry in files {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let path = format!("policies/{product}/{name}");
                assert!(scenario.policies.contains_key(&path), "{}: {path}", dir.display());
            }
        }
    }
}

#[test]
fn the_mode_in_force_is_the_one_that_the_posture_claims() {
    for (dir, scenario) in scenarios() {
        for variant in scenario.variants.iter().filter(|v| v.proxies == Proxies::Sidecars) {
            check_mode(&dir, &scenario, variant);
        }
    }
}

fn check_mode(dir: &Path, scenario: &Scenario, variant: &Variant) {
    let set = scenario.policy_set(variant).expect("checked when the scenario was read");
    let in_force = set.mtls_mode(&parts::server(), parts::PORT);
    let posture = &variant.posture;
    let claimed = match (posture.plaintext, posture.mesh_identity) {
        (Expected::Accepted, Some(Expected::Refused)) => Some(MtlsMode::Disable),
        (Expected::Accepted, Some(Expected::Accepted)) => Some(MtlsMode::Permissive),
        (Expected::Refused, Some(Expected::Accepted)) => Some(MtlsMode::Strict),
        _ => None,
    };
    assert_eq!(Some(in_force.mode), claimed, "{}: {}", dir.display(), variant.name);
    // Automatic mTLS: the client's sidecar uses it wherever the server's takes it.
    let identity = in_force.mode != MtlsMode::Disable;
    assert_eq!(posture.measured_path_has_identity, identity, "{}", variant.name);
    let decided = in_force.decided_by.document().map(|origin| origin.path.as_str());
    assert_eq!(decided, variant.policies.first().map(String::as_str), "{}", variant.name);
}

#[test]
fn a_policy_says_which_namespace_it_is_for() {
    for (dir, scenario) in scenarios() {
        for variant in &scenario.variants {
            let set = scenario.policy_set(variant).unwrap();
            let of_peers = set.peer_authentications.iter();
            let of_cilium = set.cilium_network_policies.iter();
            let namespaces = of_peers
                .map(|policy| policy.metadata.namespace.as_deref().unwrap_or_default())
                .chain(set.authorization_policies.iter().map(|policy| policy.namespace.as_str()))
                .chain(of_cilium.map(|policy| policy.namespace.as_deref().unwrap_or_default()));
            for namespace in namespaces {
                assert_eq!(namespace, parts::NAMESPACE, "{}", dir.display());
            }
        }
    }
}

#[test]
fn the_copy_inside_the_program_is_the_repository_s() {
    let on_disk: Vec<_> = scenarios().into_iter().map(|(_, scenario)| scenario).collect();
    let built_in: Vec<_> = library::list().into_iter().map(|(_, read)| read.unwrap()).collect();
    assert_eq!(built_in, on_disk);
}

#[test]
fn strict_mtls_answers_the_article_cell_by_cell() {
    let scenario = library::built_in("strict-mtls").unwrap().unwrap();
    assert_eq!(scenario.article.len(), 20);
    let measured: Vec<_> = scenario
        .article
        .iter()
        .filter_map(|claim| Some((claim.claimed.as_str(), claim.measured_by.as_ref()?)))
        .map(|(claimed, by)| (claimed, by.comparison.as_str(), by.mesh.as_str()))
        .collect();
    assert_eq!(
        measured,
        [("3.2ms", "mtls-overhead", "istio-1.24"), ("1.1ms", "mtls-overhead", "istio-1.25")]
    );
    let headline = &scenario.comparisons[0];
    assert_eq!(
        (headline.name.as_str(), &headline.baseline),
        ("mtls-overhead", &scenario.design.control)
    );
}

/// The variants of `l7-policy` in which the request that is to be denied is.
#[test]
fn l7_policy_denies_what_it_says_and_nothing_else() {
    let scenario = library::built_in("l7-policy").unwrap().unwrap();
    let denying: Vec<&str> = scenario
        .variants
        .iter()
        .filter(|variant| {
            let load = scenario.load_of(variant).unwrap();
            load.requests.iter().any(|kind| kind.answer == Answer::Denied)
        })
        .map(|variant| variant.name.as_str())
        .collect();
    assert_eq!(denying, ["l7-1", "l7-100", "l7-1000", "node-l7-1", "node-l7-100", "node-l7-1000"]);
    // The rule that lets the measured request through is the last of all.
    for (name, policies) in [("l7-1", 1), ("l7-100", 100), ("l7-1000", 1000)] {
        let variant = scenario.variants.iter().find(|v| v.name.as_str() == name).unwrap();
        let set = scenario.policy_set(variant).unwrap();
        assert_eq!(set.authorization_policies.len(), policies);
        let last = set.authorization_policies.iter().map(|policy| &policy.title).max().unwrap();
        let why =
            Model::of(&scenario, variant).unwrap().request(scenario.load.request()).unwrap().why;
        assert_eq!(why, format!("{last}, rule 0, allows it"));
    }
    for (file, rules) in [("served", 1), ("served-after-99", 100), ("served-after-999", 1000)] {
        let text = &scenario.policies[&format!("policies/cilium/{file}.yaml")];
        let rules_there: Vec<&str> =
            text.lines().filter(|line| line.contains("- {method")).collect();
        assert_eq!(rules_there.len(), rules);
        assert!(rules_there.is_sorted() && rules_there[rules - 1].contains("/v1/served"), "{file}");
    }
}

#[test]
fn the_long_policies_are_what_their_script_prints() {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("l7-policy/policies");
    for (product, count, file) in [
        ("istio", "99", "istio/other-99.yaml"),
        ("istio", "999", "istio/other-999.yaml"),
        ("cilium", "99", "cilium/served-after-99.yaml"),
        ("cilium", "999", "cilium/served-after-999.yaml"),
    ] {
        let made = std::process::Command::new("sh")
            .arg(policies.join("make"))
            .args([product, count])
            .output()
            .unwrap();
        assert!(made.status.success(), "{file}");
        let kept = std::fs::read(policies.join(file)).unwrap();
        assert!(made.stdout == kept, "{file} is not what `policies/make {product} {count}` prints");
    }
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("sidecar-memory/policies");
    for count in ["99", "999"] {
        let made = std::process::Command::new("sh")
            .arg(policies.join("make"))
            .arg(count)
            .output()
            .unwrap();
        let file = format!("istio/other-{count}.yaml");
        assert!(
            made.status.success() && made.stdout == std::fs::read(policies.join(&file)).unwrap()
        );
    }
}
