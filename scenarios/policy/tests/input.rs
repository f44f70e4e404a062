//! What is read, what is passed over, and what hostile bytes come to: an error, and never more.

use policy::catalogue;
use policy::validate::{Report, Settings, validate};

const STRICT: &str = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                      metadata: {name: a, namespace: shop}\nspec: {mtls: {mode: STRICT}}\n";

fn of(text: &str) -> Report {
    validate(&[("a.yaml", text)], &Settings::default())
}

fn ids(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.check.id).collect()
}

#[test]
fn the_page_of_checks_is_current() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("CHECKS.md");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let made = catalogue::page();
    assert!(
        committed == made,
        "make it: loadgen validate --list-checks --format markdown > scenarios/policy/CHECKS.md"
    );
}

#[test]
fn json_with_tabs_and_lists_are_read() {
    let item = "{\"apiVersion\": \"security.istio.io/v1\",\n\t\"kind\": \"PeerAuthentication\",\n\t\
                \"metadata\": {\"name\": \"a\", \"namespace\": \"shop\"},\n\t\
                \"spec\": {\"mtls\": {\"mode\": \"DISABLE\"}}}";
    let list = format!("{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{item}]}}");
    for text in [item, &list] {
        let report = of(text);
        assert!(report.mistakes.is_empty(), "{:?}", report.mistakes);
        assert_eq!((report.objects, ids(&report)), (1, vec!["PA003"]));
    }
}

#[test]
fn other_kinds_are_counted_and_passed_over() {
    let other = |kind: &str| {
        let report =
            of(&format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\n---\n{STRICT}"));
        (report.objects, report.read_objects, report.other_objects)
    };
    assert_eq!(other("Secret"), (1, 0, 1));
    assert_eq!(other("Service"), (1, 1, 0));
}

#[test]
fn anchors_and_merges_mean_what_kubectl_makes_of_them() {
    let text = STRICT.replace(
        "spec: {mtls: {mode: STRICT}}",
        "spec:\n  selector: {matchLabels: {app: a}}\n  mtls: &m {mode: STRICT}\n  \
         portLevelMtls:\n    80: *m\n    81: {<<: *m, mode: DISABLE}",
    );
    let report = of(&text);
    assert!(report.mistakes.is_empty(), "{:?}", report.mistakes);
    assert_eq!(ids(&report), ["PA005", "PA016"]);
}

#[test]
fn aliases_that_stand_for_too_much_are_an_error() {
    let mut text = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        let below = level - 1;
        text.push_str(&format!("a{level}: &a{level} [*a{below}, *a{below}]\n"));
    }
    assert_eq!(of(&text).mistakes.len(), 1);
    assert!(!of("a: &a [*a]\n").mistakes.is_empty());
}

#[test]
fn deep_nesting_is_an_error() {
    assert!(!of(&"[".repeat(100_000)).mistakes.is_empty());
    assert!(!of(&format!("{STRICT}x: {}", "{a: ".repeat(1000))).mistakes.is_empty());
}

#[test]
fn what_is_refused_is_not_in_force() {
    let mesh = STRICT.replace("shop", "istio-system").replace("STRICT", "strict");
    let report = of(&format!("{mesh}---\n{STRICT}"));
    assert!(ids(&report).contains(&"GN010"));
    for id in ["PA001", "PA004"] {
        let open = report.not_evaluated.iter().any(|(open, _)| *open == id);
        assert!(open, "{:?}", report.not_evaluated);
    }
}

#[test]
fn a_field_of_another_release_is_named_with_those_that_have_it() {
    let text = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
                metadata: {name: a, namespace: shop}\n\
                spec: {rules: [{from: [{source: {serviceAccounts: [web]}}]}]}\n";
    let with = |version: &str| {
        let mut settings = Settings::default();
        settings.versions.istio = Some(version.parse().unwrap());
        let report = validate(&[("a.yaml", text)], &settings);
        let of_field = report.findings.into_iter().find(|finding| finding.check.id == "GN001");
        of_field.map(|finding| finding.message)
    };
    assert_eq!(with("1.25.5"), None);
    assert!(with("1.24.6").unwrap().contains("a field of Istio 1.25 and newer"));
}

#[test]
fn cut_anywhere_it_is_no_panic() {
    for check in catalogue::checks() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks");
        let text = std::fs::read_to_string(folder.join(format!("{}.bad.yaml", check.id))).unwrap();
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            let _ = of(&text[..end]);
        }
        for (colon, _) in text.match_indices(':') {
            for value in ["", " []", " {}", " [[]]", " {a: b}", " 5", " ~", " \"\""] {
                let _ = of(&format!("{}:{value}\n{}", &text[..colon], &text[colon + 1..]));
            }
        }
    }
}

#[test]
fn a_long_list_is_limited_by_its_items_and_not_by_their_number() {
    let item = "- {apiVersion: security.istio.io/v1, kind: PeerAuthentication, \
                metadata: {name: a, namespace: b}, spec: {mtls: {mode: STRICT}}}\n";
    let text = format!("apiVersion: v1\nkind: List\nitems:\n{}", item.repeat(30_000));
    let report = validate(&[("all.yaml", text)], &Settings::default());
    assert!(report.mistakes.is_empty(), "{}", report.mistakes[0]);
    assert_eq!(report.objects, 30_000);
}

#[test]
fn a_template_whose_placeholders_are_in_quotes_is_named_and_not_half_read() {
    let policy = "apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  endpointSelector: {}
  egress: [{toFQDNs: [{matchName: \"{{.Target}}\"}]}]
";
    let ids = |text: &str| -> Vec<&str> {
        let report = validate(&[("a.yaml", text)], &Settings::default());
        assert!(report.mistakes.is_empty(), "{:?}", report.mistakes);
        report.findings.iter().map(|finding| finding.check.id).collect()
    };
    assert_eq!(ids(policy), ["GN006", "GN009"]);
    let named = policy.replace("name: a", "name: '{{ .Release.Name }}'");
    assert_eq!(ids(&named.replace("{{.Target}}", "a.example")), ["GN006", "GN009"]);
    let list = policy.replace('\n', "\n  ");
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {list}\n");
    assert_eq!(ids(&list), ["GN006", "GN009"]);
    // Templates that others fill in are texts like any other.
    let sound = policy.replace("{{.Target}}", "a.example");
    let beside = format!(
        "{sound}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{a: '{{{{ .b }}}}'}}\n"
    );
    assert!(!ids(&beside).contains(&"GN006"));
    let annotated =
        sound.replace("namespace: shop", "namespace: shop, annotations: {a: '{{ b }}'}");
    assert!(!ids(&annotated).contains(&"GN006"));
}
