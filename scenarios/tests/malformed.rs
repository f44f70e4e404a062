//! What people are told about a scenario with mistakes. Each case is the complete scenario with an
//! edit; the snapshots are the messages, and reviewing them is the test.

mod common;

use common::{COMPLETE, Memory, edited, read};
use scenarios::file;

/// Name of the case, and what is replaced by what.
type Case = (&'static str, &'static [(&'static str, &'static str)]);

const VALUES: &[Case] = &[
    ("unknown_key", &[("  max-in-flight: 1000", "  maxInFlight: 1000")]),
    ("unknown_key_far_from_all", &[("  timeout: 10s", "  timeout: 10s\n  payload: 3")]),
    ("duplicate_key", &[("  rate: 1000", "  rate: 1000\n  rate: 2000")]),
    ("missing_keys", &[("version: 3\n", ""), ("  timeout: 10s\n", ""), ("    title: Plain\n", "")]),
    (
        "wrong_types",
        &[
            ("title: Every key once", "title: 5"),
            ("  rate: 1000", "  rate: many"),
            ("  connections: 50", "  connections: [50]"),
            ("      measured-path-has-identity: true", "      measured-path-has-identity: yes"),
            ("policies: []", "policies: policies/istio/disable.yaml"),
            ("comparisons:\n", "comparisons: {}\nignored:\n"),
        ],
    ),
    (
        "out_of_range",
        &[
            ("  rate: 1000", "  rate: 0"),
            ("  connections: 50", "  connections: 10001"),
            ("  blocks: 10", "  blocks: 0"),
            ("  drift-percent: 30", "  drift-percent: 101"),
            ("percent: 5,", "percent: .nan,"),
        ],
    ),
    (
        "durations",
        &[
            ("  timeout: 10s", "  timeout: 0s"),
            ("  warm-up: 1s", "  warm-up: -1s"),
            ("  duration: 5s", "  duration: 5"),
            ("at-least: 25us", "at-least: 25 us"),
            ("late: 1ms", "late: 1e3us"),
            ("every: 2s", "every: 25h"),
        ],
    ),
    ("percent_sign", &[("  steal-percent: 6", "  steal-percent: 6%")]),
    ("schema_of_the_future", &[("schema: 1", "schema: 2")]),
    ("name_is_not_the_folders", &[("name: complete", "name: other")]),
    ("version_without_patch", &[("version: 1.25.5", "version: 1.25")]),
    ("null_value", &[("title: Every key once", "title:")]),
];

/// The request as the first of two kinds, and where the second begins.
const AS_KIND: (&str, &str) = (
    "  request:\n    method: POST",
    "  request:\n  - name: charge\n    weight: 9\n    method: POST",
);
const BODY: &str = "    body: \"{}\"\n";
const IDENTITY: &str = "      measured-path-has-identity: true\n";

const KINDS_AND_CALLS: &[Case] = &[
    (
        "kinds",
        &[
            AS_KIND,
            (
                BODY,
                "    body: \"{}\"\n  - {name: charge, method: get, path: admin, expect: refused}\n",
            ),
        ],
    ),
    (
        "kind_that_nobody_denies",
        &[
            AS_KIND,
            (
                BODY,
                "    body: \"{}\"\n  - {name: admin, weight: 1, method: GET, path: /a, expect: denied}\n",
            ),
        ],
    ),
    (
        "first_kind_is_denied",
        &[(
            "  request:\n    method: POST",
            "  request:\n  - name: a\n    weight: 1\n    expect: denied\n    method: POST",
        )],
    ),
    (
        "calls",
        &[(
            IDENTITY,
            "      measured-path-has-identity: true\n      calls:\n        - {from: web, method: GET, path: /, expect: denied}\n        - {path: /}\n",
        )],
    ),
    (
        "call_that_the_policies_contradict",
        &[(
            IDENTITY,
            "      measured-path-has-identity: true\n      calls:\n        - {from: shop/web, method: GET, path: /, expect: refused}\n        - {method: GET, path: /, expect: refused}\n",
        )],
    ),
    (
        "caller_without_sidecars",
        &[(
            "posture: {plaintext: accepted, measured-path-has-identity: false}",
            "posture: {plaintext: accepted, measured-path-has-identity: false, calls: [{from: a/b, method: GET, path: /, expect: accepted}]}",
        )],
    ),
    ("istio_policies_in_a_node_proxy", &[("proxies: sidecars", "proxies: node")]),
];

const REQUESTS: &[Case] = &[
    ("request_path", &[("path: /v1/charge?x=1", "path: v1/charge")]),
    ("request_url", &[("path: /v1/charge?x=1", "path: http://origin/v1/charge")]),
    ("request_method", &[("method: POST", "method: post")]),
    ("header_name", &[("x-request-kind: load", "x request kind: load")]),
    ("header_of_the_sender", &[("accept: text/plain", "Host: example.org")]),
    ("header_with_line_break", &[("accept: text/plain", "accept: \"a\\r\\nx-injected: b\"")]),
    ("header_number", &[("x-request-kind: load", "x-request-kind: 7")]),
    ("header_in_two_cases", &[("x-request-kind: load", "Accept: text/html")]),
    ("too_few_in_flight", &[("max-in-flight: 1000", "max-in-flight: 49")]),
    ("empty_window", &[("rate: 1000", "rate: 0.1")]),
];

const VARIANTS: &[Case] = &[
    (
        "variant_names",
        &[
            ("  - name: plain", "  - name: plain@istio-1.25"),
            ("  - name: delayed", "  - name: Delayed"),
            ("  - name: stalling", "  - name: stalling#2"),
        ],
    ),
    ("duplicate_variant", &[("  - name: stalling", "  - name: delayed")]),
    (
        "identity_without_proxies",
        &[(
            "posture: {plaintext: accepted, measured-path-has-identity: false}",
            "posture: {plaintext: refused, mesh-identity: accepted, measured-path-has-identity: true}",
        )],
    ),
    (
        "sidecars_without_probes",
        &[("      mesh-identity: refused\n", ""), ("      foreign-ca: refused\n", "")],
    ),
    (
        "posture_against_itself",
        &[
            ("      measured-path-has-identity: false", "      measured-path-has-identity: true"),
            (
                "      measured-path-has-identity: true\n    planted",
                "      measured-path-has-identity: false\n    planted",
            ),
            (
                "      plaintext: accepted\n      mesh-identity: accepted",
                "      plaintext: refused\n      mesh-identity: accepted",
            ),
        ],
    ),
    (
        "choice",
        &[("proxies: sidecars", "proxies: sidecar"), ("foreign-ca: refused", "foreign-ca: denied")],
    ),
    (
        "delay_without_proxies",
        &[("planted: {stall: 200ms, every: 2s}", "planted: {delay: 1ms, share: 0}")],
    ),
    ("stall_without_end", &[("every: 2s", "every: 200ms")]),
    (
        "planted_twice",
        &[("planted: {stall: 200ms, every: 2s}", "planted: {stall: 200ms, delay: 1ms}")],
    ),
    ("planted_nothing", &[("planted: {stall: 200ms, every: 2s}", "planted: {}")]),
    ("planted_mixed", &[("every: 2s}", "every: 2s, share: 5}")]),
    ("policy_missing", &[("policies/istio/disable.yaml", "policies/istio/strict.yaml")]),
    ("policy_outside", &[("policies/istio/disable.yaml", "../other/policies/istio/disable.yaml")]),
    ("policy_absolute", &[("policies/istio/disable.yaml", "/etc/disable.yaml")]),
    (
        "policy_without_proxies",
        &[(
            "    proxies: none\n",
            "    proxies: none\n    policies: [policies/istio/disable.yaml]\n",
        )],
    ),
    ("no_variants", &[("variants:\n", "variants: []\nothers:\n")]),
];

const REFERENCES: &[Case] = &[
    (
        "comparison_with_unknown_variants",
        &[
            ("candidate: delayed", "candidate: delay"),
            ("baseline: plain", "baseline: strict-everywhere"),
        ],
    ),
    ("comparison_with_itself", &[("baseline: plain", "baseline: delayed")]),
    ("control_is_no_variant", &[("control: plain", "control: plane")]),
    ("duplicate_mesh", &[("id: cilium-1.17", "id: istio-1.25")]),
    (
        "duplicate_comparison",
        &[(
            "article:\n",
            "  - {name: delay, title: Again, candidate: plain, baseline: delayed}\narticle:\n",
        )],
    ),
    ("unknown_testbed", &[("  envoy:", "  envoi:")]),
    (
        "testbed_with_unknown_names",
        &[(
            "kind: {variants: [delayed, plain], meshes: [istio-1.25]}",
            "kind: {variants: [delayed, plane, plain, plain], meshes: [istio-1.26]}",
        )],
    ),
    ("testbed_without_mesh", &[(", meshes: [istio-1.25]}", "}")]),
    (
        "mesh_where_none_is",
        &[(
            "envoy: {variants: [plain, delayed]}",
            "envoy: {variants: [plain, delayed], meshes: [istio-1.25]}",
        )],
    ),
    ("testbed_without_control", &[("[plain, delayed, stalling]", "[delayed, stalling]")]),
    ("claim_unanswered", &[("    why-not: Nothing here runs Cilium.\n", "")]),
    (
        "claim_answered_twice",
        &[(
            "    why-not: Nothing",
            "    measured-by: {comparison: delay, quantile: p99, mesh: istio-1.25}\n    why-not: Nothing",
        )],
    ),
    (
        "claim_about_nothing",
        &[(
            "{comparison: delay, quantile: p99, mesh: istio-1.25}",
            "{comparison: delays, quantile: p95, mesh: istio}",
        )],
    ),
    (
        "claim_measured_nowhere",
        &[("quantile: p99, mesh: istio-1.25", "quantile: p99, mesh: cilium-1.17")],
    ),
    ("claim_twice", &[("column: Cilium 1.17", "column: Istio 1.25")]),
    ("margin_of_nothing", &[("{percent: 5, at-least: 25us}", "{percent: 0, at-least: 0us}")]),
];

const YAML: &[Case] = &[
    (
        "anchor_and_alias",
        &[
            ("    posture:\n      plaintext", "    posture: &p\n      plaintext"),
            ("title: Delayed", "title: *p"),
        ],
    ),
    ("tag", &[("version: 3", "version: !!int \"3\"")]),
    ("syntax", &[("[plain, delayed, stalling]", "[plain, delayed, stalling")]),
    ("two_documents", &[("article:\n", "---\narticle:\n")]),
    ("key_is_a_list", &[("version: 3", "[version]: 3")]),
    ("key_with_escape", &[("version: 3", "\"ver\\e[31msion\": 3")]),
];

fn check(cases: &[Case]) {
    for (name, edits) in cases {
        let mistakes = read(&edited(edits)).expect_err(name);
        insta::assert_snapshot!(*name, mistakes);
    }
}

#[test]
fn a_wrong_value_is_reported_with_what_was_expected_and_found() {
    check(VALUES);
}

#[test]
fn kinds_of_requests_and_calls() {
    check(KINDS_AND_CALLS);
}

#[test]
fn a_request_that_can_not_be_sent_is_refused() {
    check(REQUESTS);
}

#[test]
fn a_variant_that_contradicts_itself_is_refused() {
    check(VARIANTS);
}

#[test]
fn a_name_that_refers_to_nothing_is_refused() {
    check(REFERENCES);
}

#[test]
fn yaml_that_hides_what_a_file_says_is_refused() {
    check(YAML);
}

#[test]
fn a_file_that_is_no_scenario_at_all_is_refused() {
    insta::assert_snapshot!("empty", read("").expect_err("empty"));
    insta::assert_snapshot!("comments_only", read("# nothing\n").expect_err("comments"));
    insta::assert_snapshot!("a_list", read("- a\n- b\n").expect_err("list"));
    insta::assert_snapshot!("almost_nothing", read("schema: 1\n").expect_err("missing keys"));
    let latin1 = [COMPLETE.as_bytes(), b"# caf\xe9\n"].concat();
    insta::assert_snapshot!("not_utf8", file::read(&Memory::with(latin1)).expect_err("latin-1"));
    let large = COMPLETE.to_owned() + &"#".repeat(1 << 20);
    insta::assert_snapshot!("too_large", read(&large).expect_err("too large"));
    let deep = edited(&[("version: 3", &format!("version: {}", "[".repeat(40) + &"]".repeat(40)))]);
    insta::assert_snapshot!("deep", read(&deep).expect_err("deep"));
    let deep = edited(&[("version: 3", &format!("version: {}", "[".repeat(100_000)))]);
    insta::assert_snapshot!("too_deep", read(&deep).expect_err("too deep"));
}

#[test]
fn mistakes_in_a_policy_are_reported_with_those_of_the_scenario() {
    let text = edited(&[("blocks: 10", "blocks: ten")]);
    let strict = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                  metadata: {name: default}\nspec:\n  mtls: {mod: STRICT}\n";
    let folder = Memory::with(text).and("policies/istio/disable.yaml", strict);
    insta::assert_snapshot!("policy_mistakes", file::read(&folder).expect_err("both files"));
}

#[test]
fn a_folder_without_the_file_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mistakes = file::read_dir(dir.path()).unwrap_err();
    assert!(mistakes.to_string().contains("there is no such file"), "{mistakes}");
}

#[test]
fn of_a_hundred_thousand_mistakes_the_first_are_listed() {
    let mistakes = read(&"- &a x\n".repeat(100_000)).unwrap_err();
    assert_eq!((mistakes.list.len(), mistakes.unlisted), (500, 99_501));
    let ending = "100001 mistakes in complete/scenario.yaml, the first 500 of them listed";
    assert!(mistakes.to_string().ends_with(ending));
}

#[test]
fn an_alias_bomb_costs_nothing() {
    let mut bomb = String::from("a0: &a0 [x, x]\n");
    for level in 1..60 {
        let below = level - 1;
        bomb += &format!("a{level}: &a{level} [*a{below}, *a{below}]\n");
    }
    let mistakes = read(&bomb).unwrap_err();
    assert!(mistakes.to_string().contains("aliases are not accepted"));
}

const FORBIDDING: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: a, namespace: loadgen-bench}
spec: {rules: [{to: [{operation: {paths: [/v1/charge]}}]}]}
";

/// A part about memory, behind the complete scenario without its releases of meshes.
fn with_memory(part: &str) -> Result<scenarios::scenario::Scenario, policy::source::Mistakes> {
    let text = format!("{COMPLETE}\nmemory:\n{part}");
    let folder = Memory::with(text).and("policies/istio/forbidding.yaml", FORBIDDING);
    file::read(&folder)
}

#[test]
fn a_part_about_memory_is_read_with_all_its_mistakes() {
    let mistakes = with_memory(
        "  settle: 0s
  margin: {percent: 0, at-least: 0B}
  rungs:
  - name: fresh
    title: One
    policies: [policies/istio/missing.yaml]
    calls: [{method: GET, path: /, expect: accepted}]
  - {name: two, title: Two, policies: [], calls: [{method: GET, path: /, expect: refused}], more: 1}
",
    )
    .unwrap_err();
    insta::assert_snapshot!("memory_alone", mistakes);
}

#[test]
fn a_part_about_memory_is_held_against_variants_testbeds_and_policies() {
    let mistakes = with_memory(
        "  settle: 1s
  margin: {percent: 1, at-least: 64KiB}
  rungs:
  - name: one
    title: One
    policies: [policies/istio/forbidding.yaml]
    calls:
    - {method: GET, path: /v1/charge, expect: refused}
    - {method: GET, path: /v1/other, expect: refused}
",
    )
    .unwrap_err();
    insta::assert_snapshot!("memory_together", mistakes);
}
