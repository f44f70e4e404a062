//! Known holes: told when the release has them and a resource meets their condition, and never
//! passed over in silence.

use policy::finding::Severity;
use policy::validate::{Report, Settings, validate};

fn of(text: &str, istio: Option<&str>, cilium: Option<&str>) -> Report {
    let mut settings = Settings::default();
    settings.versions.istio = istio.map(|version| version.parse().expect("a release"));
    settings.versions.cilium = cilium.map(|version| version.parse().expect("a release"));
    validate(&[("a.yaml", text)], &settings)
}

fn holes(report: &Report) -> Vec<&str> {
    let of_releases = report.findings.iter().filter(|finding| finding.check.id == "GN004");
    of_releases.map(|finding| finding.message.split(' ').next().expect("a word")).collect()
}

const PATHS: &str = "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: a, namespace: shop}
spec:
  rules:
  - to: [{operation: {paths: [/a]}}]
";

const NETWORK: &str = "apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  endpointSelector: {}
  egress:
  - toEndpoints: [{matchLabels: {app: a}}]
    toPorts:
    - ports: [{port: \"8080\", protocol: TCP}]
      rules: {http: [{method: GET, path: \"/a\"}]}
  - toEndpoints: [{matchLabels: {app: a}}]
    toPorts:
    - ports: [{port: \"8000\", endPort: 9000, protocol: TCP}]
";

#[test]
fn a_hole_is_told_with_the_release_that_has_it_and_not_with_others() {
    for (text, istio, cilium, expected) in [
        (PATHS, Some("1.9.4"), None, vec!["CVE-2021-31920", "CVE-2021-39156"]),
        (PATHS, Some("1.9.7"), None, vec!["CVE-2021-39156"]),
        (PATHS, Some("1.24.6"), None, vec![]),
        (NETWORK, None, Some("1.15.1"), vec!["CVE-2024-28248"]),
        (NETWORK, None, Some("1.16.4"), vec![]),
        (NETWORK, None, Some("1.17.5"), vec![]),
    ] {
        assert_eq!(holes(&of(text, istio, cilium)), expected, "{istio:?} {cilium:?}");
    }
}

#[test]
fn it_is_told_once_and_counts_the_others() {
    let another = PATHS.replace("name: a", "name: b");
    let report = of(&format!("{PATHS}---\n{another}"), Some("1.9.7"), None);
    assert_eq!(holes(&report).len(), 1);
    let finding = report.findings.iter().find(|finding| finding.check.id == "GN004").unwrap();
    assert!(finding.message.ends_with("; 1 more object as well"), "{}", finding.message);
}

#[test]
fn without_a_release_it_is_not_evaluated() {
    let undecided = |text: &str| {
        let report = of(text, None, None);
        report.not_evaluated.iter().filter(|(id, _)| *id == "GN004").count()
    };
    assert_eq!(undecided(PATHS), 1);
    assert_eq!(
        undecided(
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                          metadata: {name: a}\nspec: {mtls: {mode: STRICT}}\n"
        ),
        0
    );
}

#[test]
fn a_service_account_with_a_dot_is_as_bad_as_the_release() {
    let text = "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: a, namespace: shop}
spec:
  rules:
  - from: [{source: {serviceAccounts: [web/front.v1]}}]
";
    let severity = |istio: Option<&str>| {
        let report = of(text, istio, None);
        let found = report.findings.iter().find(|finding| finding.check.id == "AP029");
        found.map(|finding| finding.severity)
    };
    assert_eq!(severity(Some("1.25.5")), Some(Severity::High));
    assert_eq!(severity(None), Some(Severity::Medium));
    assert_eq!(severity(Some("1.28.6")), None);
}
