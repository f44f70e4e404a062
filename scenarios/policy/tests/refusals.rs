//! Values of `AuthorizationPolicy` that istiod's validation takes and refuses, by release.

use policy::validate::{Settings, validate};

/// Whether a policy with this rule is refused by a release of Istio.
fn is_refused(action: &str, rule: &str, istio: &str) -> bool {
    let provider = if action == "CUSTOM" { "\n  provider: {name: a}" } else { "" };
    let text = format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
         metadata: {{name: a, namespace: shop}}\nspec:\n  action: {action}{provider}\n  rules:\n  - {rule}\n"
    );
    let mut settings = Settings::default();
    settings.versions.istio = istio.parse().ok();
    let report = validate(&[("a.yaml", &text)], &settings);
    assert!(report.mistakes.is_empty(), "{text}\n{:?}", report.mistakes);
    report.findings.iter().any(|finding| finding.check.refuses)
}

fn hold(action: &str, istio: &str, cases: &[(&str, bool)]) {
    for (rule, refused) in cases {
        assert_eq!(is_refused(action, rule, istio), *refused, "{istio} {action}: {rule}");
    }
}

#[test]
fn templates_of_paths() {
    let of = |path: &str| format!("to: [{{operation: {{paths: ['{path}']}}}}]");
    for (path, refused) in [
        ("/a/{*}/b", false),
        ("/{**}/b", false),
        ("/a/{*}/{**}", false),
        ("/a*", false),
        ("*/a", false),
        ("/", false),
        // What looks like a template and is none, is refused also where no other is there.
        ("/a/{id}", true),
        ("/a/{", true),
        ("/{**}/{*}", true),
        ("/{**}/{**}", true),
        ("/{*}/a*", true),
        ("/{*}//a", true),
        ("/{*}x", true),
    ] {
        assert_eq!(is_refused("ALLOW", &of(path), "1.25.5"), refused, "{path}");
        let not = of(path).replace("paths", "notPaths");
        assert_eq!(is_refused("ALLOW", &not, "1.25.5"), refused, "not {path}");
    }
}

#[test]
fn addresses_and_ports() {
    hold(
        "ALLOW",
        "1.25.5",
        &[
            ("from: [{source: {ipBlocks: [10.0.0.0/8, '::1', '2001:db8::/32']}}]", false),
            ("from: [{source: {ipBlocks: ['fe80::1%eth0']}}]", false),
            ("from: [{source: {ipBlocks: ['fe80::1%']}}]", true),
            ("from: [{source: {ipBlocks: [10.0.0.0/08]}}]", true),
            ("from: [{source: {ipBlocks: ['10.0.0.0/+8']}}]", true),
            ("from: [{source: {ipBlocks: [10.0.0.0/33]}}]", true),
            ("to: [{operation: {ports: ['0', '65535']}}]", false),
            ("to: [{operation: {ports: ['+80']}}]", true),
            ("to: [{operation: {ports: ['65536']}}]", true),
        ],
    );
}

#[test]
fn attributes_by_release() {
    let account = "when: [{key: source.serviceAccount, values: [shop/web]}]";
    let domain = "when: [{key: source.trustDomain, values: ['*.example']}]";
    hold("ALLOW", "1.24.6", &[(account, true), (domain, true)]);
    hold("ALLOW", "1.25.5", &[(account, false), (domain, true)]);
    hold(
        "ALLOW",
        "1.30.3",
        &[
            (account, false),
            (domain, false),
            ("when: [{key: source.serviceAccount, values: [shop/web/x]}]", true),
            ("when: [{key: source.serviceAccount, values: [shop/]}]", true),
            ("when: [{key: source.serviceAccount, values: ['shop/*']}]", true),
            ("when: [{key: source.trustDomain, values: ['a*b']}]", true),
            ("when: [{key: source.trustDomain, values: ['a/b']}]", true),
            ("from: [{source: {trustDomains: ['*', a.example, 'b.*']}}]", false),
            ("from: [{source: {trustDomains: ['*b*']}}]", true),
            ("when: [{key: 'destination.labels[app]', values: [a]}]", true),
            ("when: [{key: source.name, values: [a]}]", true),
        ],
    );
    hold(
        "CUSTOM",
        "1.30.3",
        &[
            ("from: [{source: {ipBlocks: [10.0.0.1]}}]", false),
            ("from: [{source: {trustDomains: [a.example]}}]", true),
            ("from: [{source: {serviceAccounts: [shop/web]}}]", true),
            (domain, true),
            (account, true),
        ],
    );
}
