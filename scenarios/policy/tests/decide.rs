//! Whether a call is let through: one test for each rule by which Istio decides.

use std::collections::BTreeMap;

use policy::Workload;
use policy::decide::{Call, Decision, Http, decide};
use policy::validate::{Settings, in_force};
use proptest::prelude::*;

/// Policies given as `(namespace, spec)`, named by their place in the list.
fn decision(policies: &[(&str, &str)], call: &Call) -> Decision {
    let document = |(index, (namespace, spec)): (usize, &(&str, &str))| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
             metadata: {{name: p{index}, namespace: {namespace}}}\nspec: {spec}\n"
        )
    };
    let texts: Vec<String> = policies.iter().enumerate().map(document).collect();
    let files: Vec<(&str, &String)> = texts.iter().map(|text| ("a.yaml", text)).collect();
    let read = in_force(&files, &Settings::default()).authorization_policies;
    assert_eq!(read.len(), policies.len(), "the policies of these tests are accepted");
    decide(&read, "istio-system", &Workload::new("shop", [("app", "pay")]), call)
}

fn call() -> Call {
    Call {
        principal: Some("cluster.local/ns/front/sa/web".to_owned()),
        source_ip: "10.1.2.3".parse().expect("an address"),
        remote_ip: "203.0.113.9".parse().expect("an address"),
        destination_ip: "10.9.9.9".parse().expect("an address"),
        port: 8080,
        sni: String::new(),
        http: Some(Http {
            method: "POST".to_owned(),
            path: "/v1/charge?x=1".to_owned(),
            host: "Pay.Shop:8080".to_owned(),
            headers: BTreeMap::from([("x-tenant".to_owned(), "blue".to_owned())]),
            ..Http::default()
        }),
    }
}

fn plaintext() -> Call {
    Call { principal: None, ..call() }
}

fn tcp() -> Call {
    Call { http: None, ..call() }
}

fn by(name: &str) -> String {
    format!("AuthorizationPolicy shop/{name}")
}

/// Whether one ALLOW rule matches.
fn allows(rule: &str, call: &Call) -> bool {
    decision(&[("shop", &format!("{{rules: [{rule}]}}"))], call).allowed() == Some(true)
}

#[test]
fn without_policies_all_is_allowed_and_with_an_empty_one_nothing() {
    assert_eq!(decision(&[], &call()), Decision::AllowedByDefault);
    assert_eq!(decision(&[("shop", "{}")], &call()), Decision::DeniedByDefault);
    assert_eq!(decision(&[("bank", "{}")], &call()), Decision::AllowedByDefault);
}

#[test]
fn deny_goes_before_allow_and_names_its_rule() {
    let policies = [
        ("shop", "{rules: [{}]}"),
        ("shop", "{action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}, {}]}"),
    ];
    assert_eq!(decision(&policies, &call()), Decision::DeniedBy(by("p1"), 1));
    assert_eq!(decision(&policies[..1], &call()), Decision::AllowedBy(by("p0"), 0));
}

#[test]
fn audit_and_dry_run_decide_nothing_and_custom_asks() {
    assert_eq!(
        decision(&[("shop", "{action: AUDIT, rules: [{}]}")], &call()),
        Decision::AllowedByDefault
    );
    let custom = ("shop", "{action: CUSTOM, provider: {name: x}, rules: [{}]}");
    let decided = decision(&[custom], &call());
    assert_eq!(decided, Decision::AskedOf(by("p0"), Box::new(Decision::AllowedByDefault)));
    assert_eq!(decided.allowed(), None);
    assert_eq!(decision(&[custom, ("shop", "{}")], &call()).allowed(), Some(false));
}

#[test]
fn the_root_namespace_is_everywhere_and_selectors_count_in_it() {
    for (selector, denied) in [("pay", true), ("other", false)] {
        let spec = format!(
            "{{selector: {{matchLabels: {{app: {selector}}}}}, action: DENY, rules: [{{}}]}}"
        );
        let decided = decision(&[("istio-system", &spec)], &call());
        assert_eq!(decided.allowed(), Some(!denied), "{selector}");
    }
}

#[test]
fn the_article_s_denial_lets_plaintext_through_and_its_opposite_does_not() {
    let inverted = "{action: DENY, rules: [{from: [{source: {principals: [\"*\"], \
                    notPrincipals: [\"cluster.local/ns/prod/sa/*\"]}}]}]}";
    assert_eq!(decision(&[("shop", inverted)], &plaintext()).allowed(), Some(true));
    assert_eq!(decision(&[("shop", inverted)], &call()).allowed(), Some(false));
    let right = "{action: DENY, rules: [{from: [{source: {notPrincipals: [\"*\"]}}]}]}";
    assert_eq!(decision(&[("shop", right)], &plaintext()).allowed(), Some(false));
    assert_eq!(decision(&[("shop", right)], &call()).allowed(), Some(true));
}

#[test]
fn callers() {
    for (source, expected) in [
        ("principals: [\"cluster.local/ns/front/sa/web\"]", true),
        ("principals: [\"cluster.local/ns/front/*\"]", true),
        ("principals: [\"*/sa/web\"]", true),
        ("principals: [\"cluster.local/ns/back/sa/web\"]", false),
        ("namespaces: [front]", true),
        ("namespaces: [\"fr*\"]", true),
        ("namespaces: [fro]", false),
        ("serviceAccounts: [front/web]", true),
        ("serviceAccounts: [web]", false),
        ("ipBlocks: [10.1.0.0/16]", true),
        ("ipBlocks: [10.1.2.3]", true),
        ("ipBlocks: [203.0.113.0/24]", false),
        ("remoteIpBlocks: [203.0.113.0/24]", true),
        ("ipBlocks: [\"0.0.0.0/0\"]", true),
        ("ipBlocks: [\"::/0\"]", false),
        ("namespaces: [front], notPrincipals: [\"*/sa/web\"]", false),
        ("requestPrincipals: [\"*\"]", false),
    ] {
        assert_eq!(
            allows(&format!("{{from: [{{source: {{{source}}}}}]}}"), &call()),
            expected,
            "{source}"
        );
    }
}

#[test]
fn tokens_are_compared_by_issuer_and_subject() {
    let mut call = call();
    let token = ("https://issuer/a".to_owned(), "me".to_owned());
    call.http.as_mut().unwrap().token = Some(token);
    for (value, expected) in [
        ("*", true),
        ("https://issuer/a/me", true),
        ("https://issuer/a/*", true),
        ("https://issuer/*", false),
        ("*/me", true),
        ("*me", true),
        ("https://issuer/a/you", false),
    ] {
        let rule = format!("{{from: [{{source: {{requestPrincipals: [\"{value}\"]}}}}]}}");
        assert_eq!(allows(&rule, &call), expected, "{value}");
    }
}

#[test]
fn operations() {
    for (operation, expected) in [
        ("methods: [POST]", true),
        ("methods: [post]", false),
        ("notMethods: [GET]", true),
        ("hosts: [\"pay.shop:8080\"]", true),
        ("hosts: [\"pay.shop\"]", false),
        ("hosts: [\"PAY.*\"]", true),
        ("ports: [\"8080\"]", true),
        ("notPorts: [\"8080\"]", false),
        ("paths: [\"/v1/charge\"]", true),
        ("paths: [\"/v1/*\"]", true),
        ("paths: [\"*/charge\"]", true),
        ("paths: [\"*\"]", true),
        ("paths: [\"/v1\"]", false),
        ("paths: [\"/{*}/charge\"]", true),
        ("paths: [\"/{*}\"]", false),
        ("paths: [\"/{**}\"]", true),
        ("methods: [POST], paths: [\"/v2/*\"]", false),
    ] {
        let rule = format!("{{to: [{{operation: {{{operation}}}}}]}}");
        assert_eq!(allows(&rule, &call()), expected, "{operation}");
    }
}

#[test]
fn conditions() {
    for (condition, expected) in [
        ("key: \"request.headers[X-Tenant]\", values: [blue]", true),
        ("key: \"request.headers[x-tenant]\", notValues: [blue]", false),
        ("key: \"request.headers[x-none]\", notValues: [blue]", true),
        ("key: source.ip, values: [10.1.2.0/24]", true),
        ("key: destination.port, values: [\"8080\"]", true),
        ("key: source.namespace, values: [back]", false),
        ("key: connection.sni, values: [\"*\"]", false),
    ] {
        let rule = format!("{{when: [{{{condition}}}]}}");
        assert_eq!(allows(&rule, &call()), expected, "{condition}");
    }
}

#[test]
fn on_tcp_an_allow_of_http_matches_nothing_and_a_deny_of_it_more() {
    let to = "[{to: [{operation: {methods: [GET]}}]}]";
    let allow = format!("{{rules: {to}}}");
    let deny = format!("{{action: DENY, rules: {to}}}");
    assert_eq!(decision(&[("shop", &allow)], &tcp()).allowed(), Some(false));
    assert_eq!(decision(&[("shop", &deny)], &tcp()).allowed(), Some(false));
    assert_eq!(decision(&[("shop", &deny)], &call()).allowed(), Some(true));
}

fn any_policy() -> impl Strategy<Value = String> {
    let action = prop::sample::select(vec!["ALLOW", "DENY"]);
    let rule = prop::sample::select(vec![
        "{}",
        "{from: [{source: {namespaces: [front]}}]}",
        "{from: [{source: {notPrincipals: [\"*\"]}}]}",
        "{to: [{operation: {methods: [GET]}}]}",
        "{to: [{operation: {paths: [\"/v1/*\"]}}], from: [{source: {ipBlocks: [10.0.0.0/8]}}]}",
    ]);
    (action, rule).prop_map(|(action, rule)| format!("{{action: {action}, rules: [{rule}]}}"))
}

proptest! {
    #[test]
    fn a_deny_more_never_allows_more(specs in prop::collection::vec(any_policy(), 0..5), deny in any_policy()) {
        let deny = deny.replace("ALLOW", "DENY");
        let mut policies: Vec<(&str, &str)> = specs.iter().map(|spec| ("shop", spec.as_str())).collect();
        for call in [call(), plaintext(), tcp()] {
            let before = decision(&policies, &call).allowed();
            policies.push(("shop", &deny));
            let after = decision(&policies, &call).allowed();
            policies.pop();
            prop_assert!(before == Some(true) || after == Some(false));
        }
    }

    #[test]
    fn beside_an_allow_another_never_denies_more(specs in prop::collection::vec(any_policy(), 0..5), allow in any_policy()) {
        let allow = allow.replace("DENY", "ALLOW");
        let mut policies: Vec<(&str, &str)> = specs.iter().map(|spec| ("shop", spec.as_str())).collect();
        policies.push(("shop", "{}"));
        for call in [call(), plaintext(), tcp()] {
            let before = decision(&policies, &call).allowed();
            policies.push(("shop", &allow));
            let after = decision(&policies, &call).allowed();
            policies.pop();
            prop_assert!(before == Some(false) || after == Some(true));
        }
    }
}
