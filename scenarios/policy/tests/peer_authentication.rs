//! What is read of a resource, and what people are told about one with mistakes.

use policy::source::{Mistakes, Wrong};
use policy::{MtlsMode, PolicySet};

const FULL: &str = "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: pay
  namespace: shop
  labels:
    team: shop
  annotations:
    note: by hand
spec:
  selector:
    matchLabels:
      app: pay
  mtls:
    mode: STRICT
  portLevelMtls:
    8080:
      mode: PERMISSIVE
    '9090':
      mode: UNSET
";

fn parse(text: &str) -> Result<PolicySet, Mistakes> {
    PolicySet::parse(&[("p.yaml", text)])
}

fn edited(from: &str, to: &str) -> String {
    assert!(FULL.contains(from), "no {from:?}");
    FULL.replacen(from, to, 1)
}

#[test]
fn every_field_is_read() {
    let set = parse(FULL).unwrap();
    let [policy] = set.peer_authentications.as_slice() else { panic!("one policy") };
    assert_eq!(policy.metadata.name, "pay");
    assert_eq!(policy.metadata.namespace.as_deref(), Some("shop"));
    assert_eq!(policy.metadata.labels["team"], "shop");
    assert_eq!(policy.metadata.annotations["note"], "by hand");
    assert_eq!(policy.match_labels["app"], "pay");
    assert_eq!(policy.mtls, Some(MtlsMode::Strict));
    assert_eq!(policy.port_level_mtls[&8080], Some(MtlsMode::Permissive));
    assert_eq!(policy.port_level_mtls[&9090], None);
}

#[test]
fn a_document_of_comments_is_skipped() {
    let set = parse(&format!("# nothing yet\n---\n{FULL}---\n# the end\n")).unwrap();
    assert_eq!(set.peer_authentications.len(), 1);
}

#[test]
fn a_doubled_letter_in_any_field_is_refused_with_the_field_that_was_meant() {
    let fields = [
        "apiVersion",
        "metadata",
        "name",
        "namespace",
        "labels",
        "annotations",
        "spec",
        "selector",
        "matchLabels",
        "mtls",
        "mode",
        "portLevelMtls",
    ];
    for field in fields {
        let typo = format!("{}{field}", &field[..1]);
        let text = edited(&format!("{field}:"), &format!("{typo}:"));
        let mistakes = parse(&text).expect_err(&typo);
        let meant = Wrong::UnknownKey { nearest: Some(field.to_owned()) };
        assert!(mistakes.list.iter().any(|mistake| mistake.wrong == meant), "{mistakes}");
    }
}

#[test]
fn mistakes_are_told_with_field_line_and_advice() {
    let cases = [
        ("mode_unknown", edited("mode: STRICT", "mode: STRICTT")),
        ("mode_in_small_letters", edited("mode: STRICT", "mode: strict")),
        (
            "field_of_no_version",
            edited("  mtls:\n", "  certificateChainValidation: true\n  mtls:\n"),
        ),
        ("port_zero", edited("8080:", "0:")),
        ("port_too_high", edited("8080:", "65536:")),
        ("port_with_leading_zero", edited("8080:", "010:")),
        ("port_by_name", edited("8080:", "http:")),
        ("ports_without_selector", edited("  selector:\n    matchLabels:\n      app: pay\n", "")),
        (
            "ports_with_empty_selector",
            edited("    matchLabels:\n      app: pay\n", "    matchLabels: {}\n"),
        ),
        (
            "no_ports",
            edited(
                "    8080:\n      mode: PERMISSIVE\n    '9090':\n      mode: UNSET\n",
                "    {}\n",
            ),
        ),
        ("wildcard_label", edited("app: pay", "app: pay*")),
        ("wildcard_key", edited("app: pay", "'app*': pay")),
        ("long_label", edited("app: pay", &format!("app: {}", "p".repeat(64)))),
        ("label_is_a_number", edited("team: shop", "team: 7")),
        ("other_kind", edited("kind: PeerAuthentication", "kind: RequestAuthentication")),
        ("kind_with_a_slip", edited("kind: PeerAuthentication", "kind: PeerAuthentcation")),
        ("no_kind", edited("kind: PeerAuthentication\n", "")),
        ("other_api_version", edited("security.istio.io/v1\n", "security.istio.io/v1alpha1\n")),
        ("no_name", edited("  name: pay\n", "")),
        ("bad_name", edited("name: pay", "name: Pay_")),
        ("twice_the_same", format!("{FULL}---\n{FULL}")),
        ("no_resource", "just text\n".to_owned()),
        ("mode_null", edited("mode: STRICT", "mode:")),
    ];
    for (name, text) in cases {
        let mistakes = parse(&text).expect_err(name);
        insta::assert_snapshot!(name, mistakes);
    }
}

#[test]
fn no_value_in_any_place_makes_the_reader_panic() {
    let values = ["", "~", "5", "true", "[]", "{}", "[a]", "{a: b}", "*a", "&a b", "!!str 5"];
    for (colon, _) in FULL.match_indices(':') {
        let line_end = colon + FULL[colon..].find('\n').expect("the text ends with a line");
        for value in values {
            for end in [colon + 1, line_end] {
                let _ = parse(&format!("{} {value}{}", &FULL[..=colon], &FULL[end..]));
            }
        }
    }
}

#[test]
fn mistakes_of_all_files_are_reported_together() {
    let first = edited("mode: STRICT", "mode: NONE");
    let second = edited("name: pay", "nam: pay");
    let mistakes = PolicySet::parse(&[("b.yaml", first), ("a.yaml", second)]).unwrap_err();
    insta::assert_snapshot!("two_files", mistakes);
}
