//! What is in force, and whether calls go through, for a shop in a mesh and under Cilium.

use std::path::Path;

use policy::answer::{Answer, Verdict, answer, explain};
use policy::question::{Question, Subject};
use policy::report;
use policy::validate::{InForce, Settings, in_force};
use proptest::prelude::*;

fn shop() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/meaning/shop.yaml");
    std::fs::read_to_string(path).expect("it is part of the repository")
}

fn read(text: &str) -> InForce {
    in_force(&[("shop.yaml", text)], &Settings::default())
}

fn ask(files: &str, question: &str) -> Answer {
    let parsed = Question::read(question).expect(question);
    answer(&read(files), question, &parsed)
}

/// The shop with one thing changed, and one document more.
fn changed(from: &str, to: &str, more: &str) -> String {
    let shop = shop();
    assert!(shop.contains(from), "no {from:?}");
    format!("{}---\n{more}", shop.replacen(from, to, 1))
}

const CHARGE: &str = "from front/web, POST /v1/charge to shop/pay:8080";

#[test]
fn explanations_for_people() {
    let in_force = read(&shop());
    let mut all = String::new();
    for text in
        ["shop/pay:8080", "shop/pay:9090", "shop/pay-api:80", "front/web:80", "bank/a{app=b}:1"]
    {
        let subject = Subject::read(text).expect(text);
        all.push_str(&report::explanation(&explain(&in_force, text, &subject).expect(text)));
        all.push('\n');
    }
    insta::assert_snapshot!(all);
}

#[test]
fn answers_for_people() {
    let mut all = String::new();
    for question in [
        CHARGE,
        "from front/web, GET /v1/charge to shop/pay:8080",
        "from front/web, POST /x/../admin to shop/pay:8080",
        "from bank/web, POST /v1/charge to shop/pay-api:80",
        "from front/web, plaintext, POST /v1/charge to shop/pay:8080",
        "from 203.0.113.9, GET / to shop/pay:9090",
        "from front/web to shop/pay:8080",
        "from front/web, tcp to shop/pay:8080",
        "from front/web, GET / to shop/none:8080",
        "from front/web, tls to api.example.com:443",
        "from host, GET / to shop/pay:9090",
    ] {
        all.push_str(&report::answer(&ask(&shop(), question)));
        all.push('\n');
    }
    insta::assert_snapshot!(all);
}

#[test]
fn answers_for_programs() {
    let answer = ask(&shop(), CHARGE);
    insta::assert_snapshot!("answer_json", report::document("answer", &answer));
    let subject = Subject::read("shop/pay:8080").expect("readable");
    let of = explain(&read(&shop()), "shop/pay:8080", &subject).expect("it is there");
    insta::assert_snapshot!("explanation_json", report::document("explanation", &of));
}

#[test]
fn strict_refuses_plaintext_and_permissive_takes_it_without_identity() {
    let strict = "from front/web, plaintext, POST /v1/charge to shop/pay:8080";
    let refused = ask(&shop(), strict).istio.expect("a workload is called").verdict;
    assert!(matches!(refused, Verdict::Refused { .. }));
    let permissive =
        changed("spec: {mtls: {mode: STRICT}}", "spec: {mtls: {mode: PERMISSIVE}}", "");
    let denied = ask(&permissive, strict).istio.expect("a workload is called");
    assert_eq!(denied.principal, None);
    assert!(matches!(denied.verdict, Verdict::DeniedByDefault { .. }), "{denied:?}");
}

#[test]
fn disable_takes_the_identity_away() {
    let off = changed("spec: {mtls: {mode: STRICT}}", "spec: {mtls: {mode: DISABLE}}", "");
    let istio = ask(&off, CHARGE).istio.expect("a workload is called");
    assert_eq!((istio.principal, istio.verdict.allowed()), (None, Some(false)));
}

#[test]
fn a_destination_rule_can_turn_the_caller_s_mtls_off() {
    let rule = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
                metadata: {name: a, namespace: front}\nspec: {host: pay-api.shop.svc.cluster.local, \
                trafficPolicy: {tls: {mode: DISABLE}}}\n";
    let with = changed("---", "---", rule);
    let istio = ask(&with, CHARGE).istio.expect("a workload is called");
    assert!(istio.principal_because.contains("DestinationRule front/a"), "{istio:?}");
    assert_eq!(istio.verdict.allowed(), Some(false), "STRICT refuses it");
}

#[test]
fn trust_domains_and_their_aliases_are_one() {
    let mesh = |config: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\n\
             data:\n  mesh: |\n    {config}\n"
        )
    };
    let other = "from spiffe://old.example/ns/front/sa/web, POST /v1/charge to shop/pay:8080";
    let without = changed("---", "---", &mesh("trustDomain: new.example"));
    assert_eq!(ask(&without, CHARGE).allowed, Some(true), "cluster.local is the mesh's own");
    assert_eq!(ask(&without, other).allowed, Some(false));
    let config = "trustDomain: new.example\n    trustDomainAliases: [old.example]";
    let with = changed("---", "---", &mesh(config));
    assert_eq!(ask(&with, other).allowed, Some(true));
}

#[test]
fn paths_are_normalised_as_the_mesh_is_set_to() {
    for (how, path, expected) in [
        ("NONE", "/v1/../admin", "allowed"),
        ("BASE", "/v1/../admin", "denied by a rule"),
        ("BASE", "//admin", "denied by default"),
        ("MERGE_SLASHES", "//admin", "denied by a rule"),
        ("BASE", "/v1/%2e%2e%2fadmin", "allowed"),
        ("DECODE_AND_MERGE_SLASHES", "/v1/%2e%2e%2fadmin", "denied by a rule"),
    ] {
        let mesh = format!("meshConfig: {{pathNormalization: {{normalization: {how}}}}}\n");
        let files = changed("---", "---", &mesh);
        let question = format!("from front/web, POST {path} to shop/pay:8080");
        let found = match ask(&files, &question).istio.expect("a workload is called").verdict {
            Verdict::AllowedBy { .. } => "allowed",
            Verdict::DeniedBy { .. } => "denied by a rule",
            Verdict::DeniedByDefault { .. } => "denied by default",
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected, "{path} under {how}");
    }
}

#[test]
fn a_workload_without_sidecar_has_no_policies_of_istio() {
    let out = changed(
        "metadata: {labels: {app: pay}}",
        "metadata: {labels: {app: pay, sidecar.istio.io/inject: 'false'}}",
        "",
    );
    let istio = ask(&out, "from front/web, GET /admin to shop/pay:8080").istio.expect("called");
    assert!(matches!(istio.verdict, Verdict::NotEnforced { .. }), "{istio:?}");
    let port = changed(
        "metadata: {labels: {app: pay}}",
        "metadata: {labels: {app: pay}, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '8080'}}",
        "",
    );
    let istio = ask(&port, "from front/web, GET /admin to shop/pay:8080").istio.expect("called");
    assert!(matches!(istio.verdict, Verdict::NotEnforced { .. }), "{istio:?}");
}

#[test]
fn mtls_hides_requests_from_cilium_s_rules_of_http() {
    let http = changed(
        "toPorts: [{ports: [{port: \"8080\", protocol: TCP}]}]",
        "toPorts: [{ports: [{port: \"8080\", protocol: TCP}], rules: {http: [{method: POST}]}}]",
        "",
    );
    let answer = ask(&http, CHARGE);
    assert_eq!(answer.allowed, Some(false));
    assert!(answer.notes.iter().any(|note| note.contains("mTLS hides")), "{answer:?}");
    let plain = "from front/web, plaintext, POST /v1/charge to shop/pay:8080";
    let cilium = ask(&http, plain).cilium_ingress.expect("a workload is called");
    assert_eq!(cilium.decision.allowed(), Some(true));
}

#[test]
fn what_the_question_leaves_open_is_asked_for_only_where_it_matters() {
    let by_address = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
                      metadata: {name: by-address, namespace: shop}\nspec: {action: DENY, rules: \
                      [{from: [{source: {ipBlocks: [10.9.0.0/16]}}]}]}\n";
    let files = changed("---", "---", by_address);
    let open = ask(&files, CHARGE);
    assert_eq!(open.allowed, None);
    assert!(open.missing.iter().any(|missing| missing.contains("address ADDRESS")), "{open:?}");
    let given = "from front/web, POST /v1/charge, address 10.1.0.1 to shop/pay:8080";
    assert_eq!(ask(&files, given).allowed, Some(true));
    let denied_anyway = "from front/web, GET /admin to shop/pay:8080";
    assert_eq!(ask(&files, denied_anyway).allowed, Some(false));
}

#[test]
fn pods_of_one_account_that_differ_are_told_apart() {
    let twin = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: job, namespace: front}\n\
                spec: {template: {metadata: {labels: {app: job}}, spec: {serviceAccountName: web}}}\n";
    let files = changed("---", "---", twin);
    let answer = ask(&files, CHARGE);
    assert_eq!(answer.allowed, None);
    assert!(
        answer.missing.iter().any(|missing| missing.contains("Deployment front/job")),
        "{answer:?}"
    );
    let named = "from front/web{app=web}, POST /v1/charge to shop/pay:8080";
    assert_eq!(ask(&files, named).allowed, Some(true));
}

#[test]
fn what_is_refused_or_a_template_does_not_count_and_is_named() {
    let refused = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                   metadata: {name: wrong, namespace: shop}\nspec: {portLevelMtls: {80: {mode: STRICT}}}\n";
    let answer = ask(&changed("---", "---", refused), CHARGE);
    assert!(
        answer.notes.iter().any(|note| note.contains("PeerAuthentication shop/wrong")),
        "{answer:?}"
    );
}

#[test]
fn the_oldest_of_two_decides_whatever_their_names_are() {
    let with_ages = changed(
        "metadata: {name: strict, namespace: shop}",
        "metadata: {name: strict, namespace: shop, creationTimestamp: '2026-01-02T00:00:00Z'}",
        "",
    )
    .replace(
        "metadata: {name: twin, namespace: shop}",
        "metadata: {name: twin, namespace: shop, creationTimestamp: '2026-01-01T00:00:00Z'}",
    );
    let istio = ask(&with_ages, CHARGE).istio.expect("a workload is called");
    assert_eq!(istio.mtls.expect("a sidecar").mode, policy::MtlsMode::Disable);
}

/// Documents that are no use to anybody, made of the shop's by leaving out and doubling lines.
fn any_files() -> impl Strategy<Value = String> {
    let lines = shop().lines().count();
    prop::collection::vec((0..lines, 0_usize..4), 0..30).prop_map(|changes| {
        let shop = shop();
        let mut lines: Vec<String> = shop.lines().map(str::to_owned).collect();
        for (at, how) in changes {
            match how {
                0 => lines[at].clear(),
                1 => lines[at] = lines[(at + 1) % lines.len()].clone(),
                2 => lines[at] = lines[at].replacen(": ", ": [", 1),
                _ => lines[at] = lines[at].replace('{', "{x: "),
            }
        }
        lines.join("\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_files_make_an_answer_panic(files in any_files()) {
        let in_force = read(&files);
        for question in [CHARGE, "from world to shop/pay:9090", "from a/b, dns c to d.e:53"] {
            let parsed = Question::read(question).expect("it can be read");
            let _ = report::answer(&answer(&in_force, question, &parsed));
        }
        let subject = Subject::read("shop/pay:8080").expect("it can be read");
        if let Ok(of) = explain(&in_force, "shop/pay:8080", &subject) {
            let _ = report::explanation(&of);
        }
    }
}
