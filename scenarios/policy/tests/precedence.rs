//! Which policy decides: one test for each rule by which Istio composes them.

use policy::{DecidedBy, Effective, MtlsMode, PolicySet, Workload};
use proptest::prelude::*;

const PORT: u16 = 8080;

/// One file for each policy, as `(namespace, spec)`, named by its place in the list.
fn set(policies: &[(&str, &str)]) -> PolicySet {
    let document = |(index, (namespace, spec)): (usize, &(&str, &str))| {
        let text = format!(
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
             metadata: {{name: p{index}, namespace: {namespace}}}\nspec: {spec}\n"
        );
        (index.to_string(), text)
    };
    let files: Vec<_> = policies.iter().enumerate().map(document).collect();
    PolicySet::parse(&files).expect("the policies of these tests are valid")
}

fn pay() -> Workload {
    Workload::new("shop", [("app", "pay"), ("tier", "back")])
}

fn in_force(policies: &[(&str, &str)]) -> Effective {
    set(policies).mtls_mode(&pay(), PORT)
}

/// The mode in force and the policy that decided, by its place in the list.
fn decided(policies: &[(&str, &str)]) -> (MtlsMode, Option<usize>) {
    let effective = in_force(policies);
    let document = effective.decided_by.document();
    let index = document.map(|origin| origin.path.parse().expect("paths are numbers here"));
    (effective.mode, index)
}

const STRICT: &str = "{mtls: {mode: STRICT}}";
const DISABLE: &str = "{mtls: {mode: DISABLE}}";
const PERMISSIVE: &str = "{mtls: {mode: PERMISSIVE}}";
const UNSET: &str = "{mtls: {mode: UNSET}}";
const PAY_STRICT: &str = "{selector: {matchLabels: {app: pay}}, mtls: {mode: STRICT}}";
const PAY_DISABLE: &str = "{selector: {matchLabels: {app: pay}}, mtls: {mode: DISABLE}}";

#[test]
fn without_any_policy_the_mode_is_permissive() {
    let effective = in_force(&[]);
    assert_eq!(effective.mode, MtlsMode::Permissive);
    assert_eq!(effective.decided_by, DecidedBy::Default);
}

#[test]
fn a_policy_of_the_root_namespace_is_mesh_wide() {
    assert_eq!(decided(&[("istio-system", STRICT)]), (MtlsMode::Strict, Some(0)));
    assert!(matches!(in_force(&[("istio-system", STRICT)]).decided_by, DecidedBy::Mesh(_)));
}

#[test]
fn the_root_namespace_can_be_another() {
    let set = set(&[("istio-system", STRICT), ("mesh", DISABLE)]).with_root_namespace("mesh");
    assert_eq!(set.mtls_mode(&pay(), PORT).mode, MtlsMode::Disable);
}

#[test]
fn the_namespace_wins_over_the_mesh() {
    assert_eq!(
        decided(&[("istio-system", STRICT), ("shop", DISABLE)]),
        (MtlsMode::Disable, Some(1))
    );
}

#[test]
fn the_workload_wins_over_the_namespace() {
    assert_eq!(decided(&[("shop", DISABLE), ("shop", PAY_STRICT)]), (MtlsMode::Strict, Some(1)));
}

#[test]
fn the_port_wins_over_the_workload() {
    let spec = "{selector: {matchLabels: {app: pay}}, mtls: {mode: STRICT}, \
                portLevelMtls: {8080: {mode: PERMISSIVE}}}";
    let set = set(&[("shop", spec)]);
    let on_port = set.mtls_mode(&pay(), 8080);
    assert_eq!(on_port.mode, MtlsMode::Permissive);
    assert!(matches!(on_port.decided_by, DecidedBy::Port(_)));
    assert_eq!(set.mtls_mode(&pay(), 8081).mode, MtlsMode::Strict);
}

#[test]
fn an_unset_port_inherits_from_its_workload_and_above() {
    let spec = "{selector: {matchLabels: {app: pay}}, portLevelMtls: {\"8080\": {mode: UNSET}}}";
    assert_eq!(decided(&[("shop", STRICT), ("shop", spec)]), (MtlsMode::Strict, Some(0)));
}

#[test]
fn unset_and_no_mode_inherit() {
    for spec in [UNSET, "{}", "{mtls: {}}"] {
        let policies = [("istio-system", DISABLE), ("shop", spec)];
        assert_eq!(decided(&policies), (MtlsMode::Disable, Some(0)), "{spec}");
        assert_eq!(decided(&[("shop", spec)]), (MtlsMode::Permissive, None), "{spec}");
    }
}

#[test]
fn a_selector_in_the_root_namespace_is_ignored() {
    assert_eq!(decided(&[("istio-system", PAY_STRICT)]), (MtlsMode::Permissive, None));
    let here = Workload::new("istio-system", [("app", "pay")]);
    let mode = set(&[("istio-system", PAY_STRICT)]).mtls_mode(&here, PORT).mode;
    assert_eq!(mode, MtlsMode::Permissive, "even for a workload of the root namespace");
}

#[test]
fn a_selector_matches_only_when_every_label_does() {
    let both = "{selector: {matchLabels: {app: pay, tier: back}}, mtls: {mode: STRICT}}";
    let other = "{selector: {matchLabels: {app: pay, tier: front}}, mtls: {mode: STRICT}}";
    let missing = "{selector: {matchLabels: {zone: a}}, mtls: {mode: STRICT}}";
    assert_eq!(decided(&[("shop", both)]).0, MtlsMode::Strict);
    assert_eq!(decided(&[("shop", other)]).0, MtlsMode::Permissive);
    assert_eq!(decided(&[("shop", missing)]).0, MtlsMode::Permissive);
}

#[test]
fn an_empty_selector_is_namespace_wide() {
    for selector in ["{}", "{matchLabels: {}}"] {
        let spec = format!("{{selector: {selector}, mtls: {{mode: STRICT}}}}");
        let effective = in_force(&[("shop", &spec)]);
        assert!(matches!(effective.decided_by, DecidedBy::Namespace(_)), "{selector}");
    }
}

#[test]
fn the_first_of_two_policies_of_the_same_width_wins() {
    assert_eq!(decided(&[("shop", DISABLE), ("shop", STRICT)]), (MtlsMode::Disable, Some(0)));
    assert_eq!(
        decided(&[("shop", PAY_DISABLE), ("shop", PAY_STRICT)]),
        (MtlsMode::Disable, Some(0))
    );
}

#[test]
fn the_second_is_ignored_even_when_the_first_sets_nothing() {
    assert_eq!(decided(&[("shop", UNSET), ("shop", STRICT)]), (MtlsMode::Permissive, None));
}

#[test]
fn a_policy_of_another_namespace_changes_nothing() {
    assert_eq!(decided(&[("bank", STRICT), ("bank", PAY_STRICT)]), (MtlsMode::Permissive, None));
}

#[test]
fn a_policy_without_namespace_goes_where_kubectl_puts_it() {
    let text = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                metadata: {name: a}\nspec: {mtls: {mode: STRICT}}\n";
    let set = PolicySet::parse(&[("a.yaml", text)]).unwrap();
    assert_eq!(set.mtls_mode(&Workload::new("default", []), PORT).mode, MtlsMode::Strict);
    assert_eq!(set.mtls_mode(&pay(), PORT).mode, MtlsMode::Permissive);
}

#[test]
fn the_document_that_decided_is_named_with_its_file_and_line() {
    let text = "# two documents\n---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                metadata: {name: a, namespace: istio-system}\n---\n\
                apiVersion: security.istio.io/v1beta1\nkind: PeerAuthentication\n\
                metadata: {name: b, namespace: shop}\nspec: {mtls: {mode: STRICT}}\n";
    let set = PolicySet::parse(&[("mesh.yaml", text)]).unwrap();
    let effective = set.mtls_mode(&pay(), PORT);
    let origin = effective.decided_by.document().unwrap();
    assert_eq!((origin.to_string().as_str(), origin.document), ("mesh.yaml:7", 2));
}

fn any_spec() -> impl Strategy<Value = String> {
    let selector = prop::sample::select(vec!["", "selector: {matchLabels: {app: pay}}, "]);
    let mode = prop::sample::select(vec!["UNSET", "DISABLE", "PERMISSIVE", "STRICT"]);
    (selector, mode).prop_map(|(selector, mode)| format!("{{{selector}mtls: {{mode: {mode}}}}}"))
}

fn any_policies() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let namespace = prop::sample::select(vec!["istio-system", "shop", "bank"]);
    prop::collection::vec((namespace, any_spec()), 0..6)
}

proptest! {
    #[test]
    fn a_policy_added_at_the_end_never_takes_over_from_one_of_its_width(
        policies in any_policies(),
    ) {
        let borrowed: Vec<_> = policies.iter().map(|(ns, spec)| (*ns, spec.as_str())).collect();
        let before = in_force(&borrowed);
        let again: Vec<_> = borrowed.iter().chain(&borrowed).copied().collect();
        prop_assert_eq!(in_force(&again), before);
    }

    #[test]
    fn a_mode_on_the_port_decides_whatever_else_there_is(policies in any_policies()) {
        let port = "{selector: {matchLabels: {app: pay}}, portLevelMtls: {8080: {mode: STRICT}}}";
        let first = ("shop", port);
        let all: Vec<_> = std::iter::once(first)
            .chain(policies.iter().map(|(ns, spec)| (*ns, spec.as_str())))
            .collect();
        prop_assert_eq!(decided(&all), (MtlsMode::Strict, Some(0)));
    }

    #[test]
    fn every_mode_in_force_is_set_by_the_policy_that_is_named_for_it(
        policies in any_policies(),
    ) {
        let borrowed: Vec<_> = policies.iter().map(|(ns, spec)| (*ns, spec.as_str())).collect();
        let (mode, by) = decided(&borrowed);
        match by {
            None => prop_assert_eq!(mode, MtlsMode::Permissive),
            Some(index) => prop_assert!(borrowed[index].1.contains(&mode.to_string())),
        }
    }
}

#[test]
fn permissive_for_one_workload_opens_a_strict_namespace() {
    let open = "{selector: {matchLabels: {app: pay}}, mtls: {mode: PERMISSIVE}}";
    assert_eq!(decided(&[("shop", STRICT), ("shop", open)]), (MtlsMode::Permissive, Some(1)));
    assert_eq!(decided(&[("shop", PERMISSIVE), ("istio-system", STRICT)]).1, Some(0));
}
