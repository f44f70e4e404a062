//! What can not be told to Envoy is refused by name and place, all of it at once.

use policy::authorization::AuthorizationPolicy;
use testbed::envoy::bootstrap::{AuthorizationFilters, NodePolicy, Protocol, Target, Untranslated};

use super::fixtures::{self, callers, server, workload, workplace};

fn istio(text: &str) -> Result<AuthorizationFilters, Untranslated> {
    let workload = workload();
    AuthorizationFilters::translate(&policies(text), &fixtures::target(&workload))
}

fn policies(text: &str) -> Vec<AuthorizationPolicy> {
    fixtures::read("policy.yaml", text).authorization_policies
}

fn cilium(text: &str) -> Result<NodePolicy, Untranslated> {
    let policies = fixtures::read("policy.yaml", text).network_policies;
    NodePolicy::translate(&policies, &workplace(&server(), &callers()))
}

#[test]
fn what_istio_has_and_stock_envoy_has_not() {
    let refused = istio(include_str!("fixtures/untold-istio.yaml")).expect_err("refused");
    insta::assert_snapshot!("untold-istio", refused.to_string());
}

#[test]
fn what_cilium_does_elsewhere() {
    let refused = cilium(include_str!("fixtures/untold-cilium.yaml")).expect_err("refused");
    insta::assert_snapshot!("untold-cilium", refused.to_string());
}

#[test]
fn what_decides_nothing_is_noted() {
    let notes: Vec<String> = istio(include_str!("fixtures/dry-run.yaml"))
        .expect("translatable")
        .notes
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        notes,
        ["AuthorizationPolicy bench/logged (policy.yaml:20): AUDIT decides nothing, and nobody \
          here reads its log"]
    );
    let noted = cilium(include_str!("fixtures/cilium-headers.yaml")).expect("translatable").notes;
    assert_eq!(noted.len(), 1, "{noted:?}");
}

#[test]
fn a_policy_for_another_workload_is_no_filter() {
    let text = include_str!("fixtures/deny-and-allow.yaml").replace("bench}", "elsewhere}");
    let none = AuthorizationFilters::none(Protocol::Http);
    assert_eq!(istio(&text).expect("translatable"), none);
    let text = include_str!("fixtures/cilium-headers.yaml").replace("app: server", "app: other");
    assert_eq!(cilium(&text).expect("translatable"), NodePolicy::none());
}

#[test]
fn where_no_http_is_spoken_an_allow_rule_of_http_allows_nothing_and_it_is_noted() {
    let workload = workload();
    let target = Target { protocol: Protocol::Tcp, ..fixtures::target(&workload) };
    let policies = policies(include_str!("fixtures/deny-and-allow.yaml"));
    let translated = AuthorizationFilters::translate(&policies, &target).expect("translatable");
    let notes: Vec<String> = translated.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes.len(), 3, "{notes:#?}");
    let how_many = |end: &str| notes.iter().filter(|note| note.ends_with(end)).count();
    assert_eq!(how_many("so that its rule denies whatever else it is about"), 1, "{notes:#?}");
    assert_eq!(how_many("so that its rule allows nothing"), 2, "{notes:#?}");
}
