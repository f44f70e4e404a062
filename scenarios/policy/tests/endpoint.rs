//! Whether Cilium lets a call through: one test for each rule by which it decides, and what must
//! hold whatever the policies are.

use std::collections::BTreeMap;

use policy::cilium::Direction::{self, Egress, Ingress};
use policy::decide::Http;
use policy::endpoint::{Call, Content, Decision, Peer, Pod, Policies, Protocol, Target};
use policy::validate::{InForce, Settings, in_force};
use proptest::prelude::*;

/// Policies given as `(kind, namespace, spec)`, where the namespace is empty for clusterwide ones.
fn read(policies: &[(&str, &str)], more: &str) -> InForce {
    let document = |(index, (namespace, spec)): (usize, &(&str, &str))| {
        let (kind, namespace) = match *namespace {
            "" => ("CiliumClusterwideNetworkPolicy", String::new()),
            namespace => ("CiliumNetworkPolicy", format!(", namespace: {namespace}")),
        };
        format!(
            "apiVersion: cilium.io/v2\nkind: {kind}\nmetadata: {{name: p{index}{namespace}}}\n\
             spec: {spec}\n---\n"
        )
    };
    let mut text: String = policies.iter().enumerate().map(document).collect();
    text.push_str(more);
    let read = in_force(&[("a.yaml", text)], &Settings::default());
    assert!(read.mistakes.is_empty(), "{:?}", read.mistakes);
    assert!(read.left_out.is_empty(), "{:?}", read.left_out);
    read
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn pay() -> Pod {
    Pod {
        namespace: "shop".to_owned(),
        account: Some("payer".to_owned()),
        labels: Some(labels(&[("app", "pay"), ("tier", "back")])),
        namespace_labels: Some(labels(&[("env", "prod")])),
        cluster: "default".to_owned(),
    }
}

fn web() -> Pod {
    Pod {
        namespace: "front".to_owned(),
        account: Some("web".to_owned()),
        labels: Some(labels(&[("app", "web")])),
        namespace_labels: Some(labels(&[("env", "prod")])),
        cluster: "default".to_owned(),
    }
}

fn request(method: &str, path: &str) -> Content {
    Content::Http(Http {
        method: method.to_owned(),
        path: path.to_owned(),
        host: "pay.shop".to_owned(),
        headers: labels(&[("x-token", "blue")]),
        ..Http::default()
    })
}

fn call_of(peer: Peer) -> Call {
    let names = Some(BTreeMap::from([("http-web".to_owned(), 8080)]));
    Call {
        peer,
        target: Target { protocol: Protocol::Tcp, port: 8080, names },
        content: request("POST", "/v1/charge?x=1"),
    }
}

fn call() -> Call {
    call_of(Peer::Pod(web()))
}

fn outside(address: &str) -> Call {
    call_of(Peer::Outside { address: Some(address.parse().expect("an address")), name: None })
}

fn decide(policies: &[(&str, &str)], direction: Direction, call: &Call) -> Decision {
    decide_with(policies, "", direction, call)
}

fn decide_with(
    policies: &[(&str, &str)],
    more: &str,
    direction: Direction,
    call: &Call,
) -> Decision {
    let read = read(policies, more);
    let all = Policies { list: &read.network_policies, agent: read.inventory.agent() };
    all.decide(&pay(), direction, call)
}

/// Whether one policy of the namespace `shop` lets a call in; `rule` is an entry of `ingress`.
fn lets_in(rule: &str, call: &Call) -> Option<bool> {
    let spec = format!("{{endpointSelector: {{}}, ingress: [{rule}]}}");
    decide(&[("shop", &spec)], Ingress, call).allowed()
}

const FROM_WEB: &str =
    "fromEndpoints: [{matchLabels: {app: web, 'k8s:io.kubernetes.pod.namespace': front}}]";

#[test]
fn without_a_policy_all_is_allowed_and_an_empty_rule_denies_all() {
    assert_eq!(decide(&[], Ingress, &call()), Decision::AllowedByDefault);
    let deny_all = "{endpointSelector: {}, ingress: [{}]}";
    let Decision::DeniedByDefault { policy: Some(policy) } =
        decide(&[("shop", deny_all)], Ingress, &call())
    else {
        panic!("denied by default")
    };
    assert_eq!(
        (policy.policy.as_str(), policy.rule.as_str()),
        ("CiliumNetworkPolicy shop/p0", "ingress")
    );
    assert_eq!(decide(&[("shop", deny_all)], Egress, &call()), Decision::AllowedByDefault);
}

#[test]
fn an_empty_list_is_no_rule() {
    for spec in [
        "{endpointSelector: {}, ingress: [], egress: [{}]}",
        "{endpointSelector: {}, ingressDeny: [], egress: [{}]}",
    ] {
        assert_eq!(decide(&[("shop", spec)], Ingress, &call()), Decision::AllowedByDefault);
        assert_eq!(decide(&[("shop", spec)], Egress, &call()).allowed(), Some(false));
    }
}

#[test]
fn a_policy_is_about_its_own_namespace_and_a_clusterwide_one_about_all() {
    let spec = "{endpointSelector: {}, ingress: [{}]}";
    assert_eq!(decide(&[("bank", spec)], Ingress, &call()).allowed(), Some(true));
    assert_eq!(decide(&[("", spec)], Ingress, &call()).allowed(), Some(false));
    for (selector, selected) in [
        ("matchLabels: {app: pay}", true),
        ("matchLabels: {'k8s:app': pay}", true),
        ("matchLabels: {'any:app': pay}", true),
        ("matchLabels: {'reserved:host': ''}", false),
        ("matchLabels: {app: web}", false),
        ("matchExpressions: [{key: app, operator: In, values: [web, pay]}]", true),
        ("matchExpressions: [{key: app, operator: NotIn, values: [pay]}]", false),
        ("matchExpressions: [{key: zone, operator: NotIn, values: [a]}]", true),
        ("matchExpressions: [{key: zone, operator: DoesNotExist}]", true),
        ("matchExpressions: [{key: tier, operator: Exists}]", true),
        ("matchLabels: {io.cilium.k8s.policy.serviceaccount: payer}", true),
        ("matchLabels: {'k8s:io.cilium.k8s.namespace.labels.env': prod}", true),
        ("matchLabels: {'k8s:io.cilium.k8s.namespace.labels.env': dev}", false),
    ] {
        let spec = format!("{{endpointSelector: {{{selector}}}, ingress: [{{}}]}}");
        let denied = decide(&[("", &spec)], Ingress, &call()).allowed() == Some(false);
        assert_eq!(denied, selected, "{selector}");
    }
}

#[test]
fn peers_are_of_the_policy_s_namespace_unless_another_is_named() {
    for (rule, expected) in [
        ("{fromEndpoints: [{}]}", false),
        ("{fromEndpoints: [{matchLabels: {app: web}}]}", false),
        ("{fromEndpoints: [{matchLabels: {'k8s:io.kubernetes.pod.namespace': front}}]}", true),
        ("{fromEndpoints: [{matchLabels: {io.cilium.k8s.namespace.labels.env: prod}}]}", true),
        (
            "{fromEndpoints: [{matchExpressions: [{key: io.kubernetes.pod.namespace, operator: Exists}]}]}",
            true,
        ),
        ("{fromEndpoints: []}", false),
        ("{fromEntities: [cluster]}", true),
        ("{fromEntities: [all]}", true),
        ("{fromEntities: [world]}", false),
        ("{fromCIDR: [0.0.0.0/0]}", false),
    ] {
        assert_eq!(lets_in(rule, &call()), Some(expected), "{rule}");
    }
    let spec = "{endpointSelector: {}, ingress: [{fromEndpoints: [{}]}]}";
    assert_eq!(decide(&[("", spec)], Ingress, &call()).allowed(), Some(true), "of any namespace");
    assert_eq!(decide(&[("", spec)], Ingress, &outside("1.2.3.4")).allowed(), Some(false));
}

#[test]
fn addresses_are_outside_the_cluster() {
    for (rule, address, expected) in [
        ("{fromCIDR: [10.0.0.0/8]}", "10.1.2.3", true),
        ("{fromCIDR: [10.0.0.0/8]}", "11.1.2.3", false),
        ("{fromCIDRSet: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]}", "10.1.2.3", false),
        ("{fromCIDRSet: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]}", "10.2.2.3", true),
        ("{fromCIDRSet: [{cidr: '::/0'}]}", "10.2.2.3", false),
        ("{fromEntities: [world]}", "10.2.2.3", true),
        ("{fromEntities: [cluster]}", "10.2.2.3", false),
        ("{fromEndpoints: [{matchLabels: {'reserved:world': ''}}]}", "10.2.2.3", true),
    ] {
        assert_eq!(lets_in(rule, &outside(address)), Some(expected), "{rule} {address}");
    }
}

#[test]
fn ports_ranges_and_names() {
    for (ports, expected) in [
        ("[{port: '8080'}]", true),
        ("[{port: '8080', protocol: TCP}]", true),
        ("[{port: '8080', protocol: UDP}]", false),
        ("[{port: '8080', protocol: ANY}]", true),
        ("[{port: '80', endPort: 9000, protocol: TCP}]", true),
        ("[{port: '80', endPort: 90, protocol: TCP}]", false),
        ("[{port: '0'}]", true),
        ("[{port: http-web}]", true),
        ("[{port: grpc}]", false),
    ] {
        let rule = format!("{{toPorts: [{{ports: {ports}}}]}}");
        assert_eq!(lets_in(&rule, &call()), Some(expected), "{ports}");
    }
    let mut unnamed = call();
    unnamed.target.names = None;
    assert_eq!(lets_in("{toPorts: [{ports: [{port: grpc}]}]}", &unnamed), None);
}

#[test]
fn icmp_is_by_type() {
    let mut echo = call();
    echo.target = Target { protocol: Protocol::Icmp { v6: false, kind: 8 }, port: 0, names: None };
    for (rule, expected) in [
        ("{icmps: [{fields: [{type: 8}]}]}", true),
        ("{icmps: [{fields: [{type: EchoRequest, family: IPv4}]}]}", true),
        ("{icmps: [{fields: [{type: 128, family: IPv6}]}]}", false),
        ("{icmps: [{fields: [{type: 0}]}]}", false),
        ("{toPorts: [{ports: [{port: '0'}]}]}", false),
        ("{fromEntities: [cluster]}", true),
    ] {
        assert_eq!(lets_in(rule, &echo), Some(expected), "{rule}");
    }
    assert_eq!(lets_in("{icmps: [{fields: [{type: 8}]}]}", &call()), Some(false));
}

#[test]
fn requests_are_matched_whole_and_with_their_query() {
    for (http, expected) in [
        ("{}", true),
        ("{method: POST}", true),
        ("{method: PO}", false),
        ("{method: GET|POST}", true),
        ("{path: '/v1/.*'}", true),
        ("{path: '/v1/charge'}", false),
        ("{path: '/v1/charge[?]x=1'}", true),
        ("{host: 'pay.*'}", true),
        ("{host: other}", false),
        ("{headers: ['X-Token']}", true),
        ("{headers: ['X-Token: blue']}", true),
        ("{headers: ['X-Token: red']}", false),
        ("{headers: [X-Other]}", false),
        ("{headerMatches: [{name: X-Token, value: blue}]}", true),
        ("{headerMatches: [{name: X-Token, value: red}]}", false),
        ("{headerMatches: [{name: X-Token, value: red, mismatch: REPLACE}]}", true),
    ] {
        let rule = format!(
            "{{toPorts: [{{ports: [{{port: '8080', protocol: TCP}}], rules: {{http: [{http}]}}}}]}}"
        );
        assert_eq!(lets_in(&rule, &call()), Some(expected), "{http}");
    }
    let rule =
        "{toPorts: [{ports: [{port: '8080', protocol: TCP}], rules: {http: [{method: GET}]}}]}";
    let unsaid = Call { content: Content::Unsaid, ..call() };
    assert_eq!(lets_in(rule, &unsaid), None);
    let tls = Call { content: Content::Tls { server_name: None }, ..call() };
    assert_eq!(lets_in(rule, &tls), Some(false), "the proxy reads no TLS");
    let secret = "{toPorts: [{ports: [{port: '8080', protocol: TCP}], rules: {http: [{headerMatches: \
                  [{name: a, secret: {name: s}}]}]}}]}";
    assert_eq!(lets_in(secret, &call()), None);
}

#[test]
fn a_plain_rule_beside_one_of_http_lets_everything_through() {
    let http =
        "{toPorts: [{ports: [{port: '8080', protocol: TCP}], rules: {http: [{method: GET}]}}]}";
    let denied = decide(
        &[("shop", &format!("{{endpointSelector: {{}}, ingress: [{http}]}}"))],
        Ingress,
        &call(),
    );
    assert!(matches!(denied, Decision::DeniedByContent { .. }), "{denied:?}");
    assert_eq!(lets_in(&format!("{http}, {{{FROM_WEB}}}"), &call()), Some(true));
}

#[test]
fn rules_of_http_hold_without_default_deny_too() {
    let spec = "{endpointSelector: {}, enableDefaultDeny: {ingress: false}, ingress: [{toPorts: \
                [{ports: [{port: '8080', protocol: TCP}], rules: {http: [{method: GET}]}}]}]}";
    assert!(matches!(
        decide(&[("shop", spec)], Ingress, &call()),
        Decision::DeniedByContent { .. }
    ));
    let mut other = call();
    other.target.port = 9090;
    assert_eq!(decide(&[("shop", spec)], Ingress, &other), Decision::AllowedByDefault);
}

#[test]
fn a_denial_wins_over_every_allowance() {
    let spec = format!(
        "{{endpointSelector: {{}}, ingress: [{{fromEntities: [all]}}], ingressDeny: [{{{FROM_WEB}}}]}}"
    );
    let Decision::DeniedBy { rule } = decide(&[("shop", &spec)], Ingress, &call()) else {
        panic!("denied")
    };
    assert_eq!((rule.rule.as_str(), rule.place.starts_with("a.yaml:4:")), ("ingressDeny[0]", true));
    let other = "{endpointSelector: {}, ingress: [{fromEntities: [all]}], ingressDeny: \
                 [{fromEntities: [world]}]}";
    assert_eq!(decide(&[("shop", other)], Ingress, &call()).allowed(), Some(true));
}

#[test]
fn a_denial_without_default_deny_denies_itself_alone() {
    let spec = "{endpointSelector: {}, enableDefaultDeny: {ingress: false}, ingressDeny: \
                [{fromEntities: [world]}]}";
    assert_eq!(decide(&[("shop", spec)], Ingress, &call()), Decision::AllowedByDefault);
    assert_eq!(decide(&[("shop", spec)], Ingress, &outside("1.2.3.4")).allowed(), Some(false));
}

#[test]
fn requirements_hold_for_the_rules_of_all_policies() {
    let allow = format!("{{endpointSelector: {{}}, ingress: [{{{FROM_WEB}}}]}}");
    let require = |env: &str| {
        format!(
            "{{endpointSelector: {{}}, ingress: [{{fromRequires: [{{matchLabels: \
             {{'k8s:io.cilium.k8s.namespace.labels.env': {env}}}}}]}}]}}"
        )
    };
    for (env, expected) in [("prod", true), ("dev", false)] {
        let require = require(env);
        let decided = decide(&[("shop", &allow), ("shop", &require)], Ingress, &call());
        assert_eq!(decided.allowed(), Some(expected), "{env}");
    }
    assert_eq!(decide(&[("shop", &require("prod"))], Ingress, &call()).allowed(), Some(false));
}

#[test]
fn names_and_services_of_egress() {
    let to = |rule: &str, name: Option<&str>| {
        let name = name.map(str::to_owned);
        let address = if name.is_none() { "1.2.3.4".parse().ok() } else { None };
        let call = call_of(Peer::Outside { address, name });
        let spec = format!("{{endpointSelector: {{}}, egress: [{rule}]}}");
        decide(&[("shop", &spec)], Egress, &call).allowed()
    };
    let named = "{toFQDNs: [{matchName: api.example.com}, {matchPattern: '*.example.org'}]}";
    assert_eq!(to(named, Some("api.example.com")), Some(true));
    assert_eq!(to(named, Some("API.example.com.")), Some(true));
    assert_eq!(to(named, Some("a.example.org")), Some(true));
    assert_eq!(to(named, Some("a.b.example.org")), Some(false), "`*` crosses no dot");
    assert_eq!(to(named, None), None);
    assert_eq!(to("{toServices: [{k8sService: {serviceName: a, namespace: b}}]}", None), None);
}

#[test]
fn questions_of_dns() {
    let mut ask = call();
    ask.target = Target { protocol: Protocol::Udp, port: 53, names: None };
    for (pattern, name, expected) in [
        ("matchPattern: '*'", "a.b.c", true),
        ("matchPattern: '*.cluster.local'", "api.shop.svc.cluster.local", false),
        ("matchPattern: '*.*.svc.cluster.local'", "api.shop.svc.cluster.local.", true),
        ("matchName: example.com", "example.org", false),
    ] {
        ask.content = Content::Dns(name.to_owned());
        let rule = format!(
            "{{toPorts: [{{ports: [{{port: '53', protocol: ANY}}], rules: {{dns: [{{{pattern}}}]}}}}]}}"
        );
        let spec = format!("{{endpointSelector: {{}}, egress: [{rule}]}}");
        assert_eq!(decide(&[("shop", &spec)], Egress, &ask).allowed(), Some(expected), "{pattern}");
    }
}

#[test]
fn authentication_is_part_of_the_answer() {
    let with = |mode: &str| {
        let spec = format!(
            "{{endpointSelector: {{}}, ingress: [{{{FROM_WEB}, authentication: {{mode: {mode}}}}}]}}"
        );
        decide(&[("shop", &spec)], Ingress, &call())
    };
    assert!(matches!(
        with("required"),
        Decision::AllowedBy { authentication: Some(mode), .. } if mode == "required"
    ));
    assert!(matches!(with("disabled"), Decision::AllowedBy { authentication: None, .. }));
    assert_eq!(with("test-always-fail").allowed(), Some(false));
}

fn config(setting: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: cilium-config, namespace: kube-system}}\n\
         data: {{{setting}}}\n"
    )
}

#[test]
fn the_agents_configuration_decides_what_is_enforced() {
    let deny = ("shop", "{endpointSelector: {}, ingress: [{}]}");
    for (setting, expected) in [
        ("enable-policy: default", false),
        ("enable-policy: never", true),
        ("policy-audit-mode: 'true'", true),
    ] {
        let decided = decide_with(&[deny], &config(setting), Ingress, &call());
        assert_eq!(decided.allowed(), Some(expected), "{setting}");
    }
    let always = config("enable-policy: always");
    assert_eq!(
        decide_with(&[], &always, Ingress, &call()),
        Decision::DeniedByDefault { policy: None }
    );
    let http = "{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: '8080', protocol: TCP}], rules: \
                {http: [{}]}}]}]}";
    let without_proxy = config("enable-l7-proxy: 'false'");
    assert_eq!(decide_with(&[("shop", http)], &without_proxy, Ingress, &call()).allowed(), None);
}

#[test]
fn a_pod_s_own_node_may_call_it_unless_the_agents_are_told_otherwise() {
    let deny = ("shop", "{endpointSelector: {}, ingress: [{}]}");
    let host = call_of(Peer::Entity("host"));
    assert!(matches!(decide(&[deny], Ingress, &host), Decision::NotEnforced { .. }));
    let strict = config("allow-localhost: policy");
    assert_eq!(decide_with(&[deny], &strict, Ingress, &host).allowed(), Some(false));
    assert_eq!(
        decide(&[deny], Ingress, &call_of(Peer::Entity("remote-node"))).allowed(),
        Some(false)
    );
}

#[test]
fn what_is_not_given_is_named() {
    let unknown = Pod { labels: None, namespace_labels: None, ..web() };
    let call = call_of(Peer::Pod(unknown));
    let spec = format!("{{endpointSelector: {{}}, ingress: [{{{FROM_WEB}}}]}}");
    let Decision::NotDecidable { missing } = decide(&[("shop", &spec)], Ingress, &call) else {
        panic!("not decidable")
    };
    assert_eq!(missing.iter().collect::<Vec<_>>(), ["the label `app` of a pod of front"]);
    let groups =
        "{endpointSelector: {}, ingress: [{fromGroups: [{aws: {securityGroupsIds: [a]}}]}]}";
    assert_eq!(decide(&[("shop", groups)], Ingress, &outside("1.2.3.4")).allowed(), None);
    let nodes = "{endpointSelector: {}, ingress: [{fromNodes: [{}]}]}";
    assert_eq!(
        decide(&[("shop", nodes)], Ingress, &call_of(Peer::Entity("remote-node"))).allowed(),
        None
    );
}

fn any_rule() -> impl Strategy<Value = String> {
    let peer = prop::sample::select(vec![
        "",
        "fromEndpoints: [{}]",
        "fromEndpoints: []",
        "fromEntities: [cluster]",
        "fromEntities: [world]",
        "fromEndpoints: [{matchLabels: {'k8s:io.kubernetes.pod.namespace': front}}]",
        "fromEndpoints: [{matchLabels: {zone: a, 'k8s:io.kubernetes.pod.namespace': front}}]",
        "fromCIDRSet: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]",
        "fromCIDRSet: [{cidrGroupRef: a}]",
    ]);
    let ports = prop::sample::select(vec![
        "",
        "toPorts: [{ports: [{port: '8080'}]}]",
        "toPorts: [{ports: [{port: '9090'}]}]",
        "toPorts: [{ports: [{port: grpc}]}]",
    ]);
    (peer, ports).prop_map(|(peer, ports)| {
        let parts: Vec<&str> = [peer, ports].into_iter().filter(|part| !part.is_empty()).collect();
        format!("{{{}}}", parts.join(", "))
    })
}

fn any_spec() -> impl Strategy<Value = String> {
    let list = prop::sample::select(vec!["ingress", "ingressDeny"]);
    let default = prop::sample::select(vec!["", "enableDefaultDeny: {ingress: false}, "]);
    (list, default, any_rule()).prop_map(|(list, default, rule)| {
        format!("{{endpointSelector: {{}}, {default}{list}: [{rule}]}}")
    })
}

fn calls() -> Vec<Call> {
    let unknown = Pod { labels: None, account: None, ..web() };
    vec![call(), outside("10.1.2.3"), outside("10.2.2.3"), call_of(Peer::Pod(unknown))]
}

/// All specs, and one more, as policies of the namespace.
fn shop<'s>(specs: &'s [String], more: &'s str) -> Vec<(&'static str, &'s str)> {
    specs.iter().map(String::as_str).chain([more]).map(|spec| ("shop", spec)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_denial_more_never_allows_more(
        specs in prop::collection::vec(any_spec(), 0..4), rule in any_rule(),
    ) {
        let deny = format!("{{endpointSelector: {{}}, ingressDeny: [{rule}]}}");
        let with = shop(&specs, &deny);
        for call in calls() {
            let before = decide(&with[..specs.len()], Ingress, &call).allowed();
            let after = decide(&with, Ingress, &call).allowed();
            prop_assert!(after != Some(true) || before == Some(true));
            prop_assert!(before != Some(false) || after == Some(false));
        }
    }

    #[test]
    fn under_default_deny_an_allowance_more_never_denies_more(
        specs in prop::collection::vec(any_spec(), 0..4), rule in any_rule(),
    ) {
        let mut specs = specs;
        specs.push("{endpointSelector: {}, ingress: [{}]}".to_owned());
        let allow = format!("{{endpointSelector: {{}}, ingress: [{rule}]}}");
        let with = shop(&specs, &allow);
        for call in calls() {
            let before = decide(&with[..specs.len()], Ingress, &call).allowed();
            let after = decide(&with, Ingress, &call).allowed();
            prop_assert!(after != Some(false) || before == Some(false));
            prop_assert!(before != Some(true) || after == Some(true));
        }
    }

    #[test]
    fn what_becomes_known_never_turns_an_answer_around(
        specs in prop::collection::vec(any_spec(), 0..4),
    ) {
        let policies: Vec<_> = specs.iter().map(|spec| ("shop", spec.as_str())).collect();
        let unknown = Pod { labels: None, account: None, ..web() };
        let before = decide(&policies, Ingress, &call_of(Peer::Pod(unknown))).allowed();
        for zone in ["a", "b"] {
            let known = Pod { labels: Some(labels(&[("zone", zone)])), ..web() };
            let after = decide(&policies, Ingress, &call_of(Peer::Pod(known))).allowed();
            prop_assert!(before.is_none() || after == before);
        }
    }
}
