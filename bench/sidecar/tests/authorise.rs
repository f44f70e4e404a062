//! The rules that a sidecar enforces against the reference: random policies and calls, and what can
//! not be enforced.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use policy::decide::{Call, Decision, Http, decide};
use policy::http_rules::OnPort;
use policy::inventory::PathNormalization;
use policy::normalize::normalized;
use policy::{PolicySet, ROOT_NAMESPACE, Workload};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sidecar::authorise::{Caller, Check, Facts, Rules, of_cilium, of_istio};

const PORT: u16 = 8080;

fn server() -> Workload {
    Workload::new("shop", [("app", "server")])
}

/// What a caller sends.
#[derive(Debug, Clone)]
struct Sent {
    id: Option<String>,
    method: &'static str,
    target: String,
    host: &'static str,
    headers: Vec<(&'static str, &'static str)>,
}

impl Sent {
    fn http(&self, how: PathNormalization) -> Option<Http> {
        let headers: BTreeMap<String, String> =
            self.headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Some(Http {
            method: self.method.into(),
            path: normalized(&self.target, how)?,
            host: self.host.into(),
            headers,
            ..Http::default()
        })
    }

    fn is_let_through(&self, check: &Check) -> bool {
        let caller = self.id.as_deref().map(Caller::of).unwrap_or_default();
        let mut headers = hyper::HeaderMap::new();
        for (name, value) in &self.headers {
            headers.insert(*name, hyper::header::HeaderValue::from_static(value));
        }
        let Self { method, target, host, .. } = self;
        check.allows(&Facts { caller: &caller, method, host, target, headers: &headers })
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let ids = [
        None,
        Some("cluster.local/ns/shop/sa/web"),
        Some("cluster.local/ns/shop/sa/admin"),
        Some("cluster.local/ns/ops/sa/web"),
        Some("other.example/ns/shop-two/sa/web"),
    ];
    let targets = [
        "/",
        "/a",
        "/a/",
        "/a/b",
        "/a/b/c",
        "//a",
        "/a//b",
        "/x/../a",
        "/%61",
        "/a%2fb",
        "/A",
        "/ab",
        "/a?q=1",
        "/v1/x/items",
        "/v1/items",
    ];
    let headers =
        [vec![], vec![("x-token", "")], vec![("x-token", "gold")], vec![("x-token", "goldfish")]];
    (
        select(ids.to_vec()),
        select(vec!["GET", "POST", "DELETE"]),
        select(targets.to_vec()),
        select(vec!["server", "SERVER.shop", "server:8080", "other"]),
        select(headers.to_vec()),
    )
        .prop_map(|(id, method, target, host, headers)| Sent {
            id: id.map(|id| format!("spiffe://{id}")),
            method,
            target: target.to_owned(),
            host,
            headers,
        })
}

fn values(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    vec(select(words), 1..3).prop_map(|all| {
        let quoted: Vec<String> = all.iter().map(|one| format!("\"{one}\"")).collect();
        format!("[{}]", quoted.join(", "))
    })
}

/// `name: [...]`, `notName: [...]`, both or neither.
fn field(name: &'static str, words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let mut capital = name.to_owned();
    capital[..1].make_ascii_uppercase();
    let given =
        select(vec![(false, false), (false, false), (true, false), (false, true), (true, true)]);
    (given, values(words), values(words)).prop_map(move |((yes, no), values, others)| {
        let yes = yes.then(|| format!("{name}: {values}"));
        let no = no.then(|| format!("not{capital}: {others}"));
        yes.into_iter().chain(no).collect()
    })
}

const PRINCIPALS: &[&str] =
    &["*", "cluster.local/ns/shop/sa/web", "cluster.local/ns/shop/*", "*/sa/web"];
const NAMESPACES: &[&str] = &["shop", "ops", "shop*", "*o*", "*"];
const ACCOUNTS: &[&str] = &["web", "ops/web", "shop/admin"];
const METHODS: &[&str] = &["GET", "POST", "*", "D*"];
const PATHS: &[&str] =
    &["/", "/a", "/a/*", "*/b", "/a*", "/v1/{*}/items", "/{**}/c", "/v1/{**}", "*"];
const HOSTS: &[&str] = &["server", "Server.*", "*:8080", "*"];
const PORTS: &[&str] = &["8080", "9090"];
const TOKENS: &[&str] = &["gold", "gold*", "*", "*fish"];

fn joined(fields: Vec<Vec<String>>, fallback: &str) -> String {
    let all: Vec<String> = fields.into_iter().flatten().collect();
    if all.is_empty() { fallback.to_owned() } else { all.join(", ") }
}

fn rule() -> impl Strategy<Value = String> {
    let source = (
        field("principals", PRINCIPALS),
        field("namespaces", NAMESPACES),
        field("serviceAccounts", ACCOUNTS),
    )
        .prop_map(|(a, b, c)| {
            // Service accounts go with neither of the others.
            let fields = if c.is_empty() { vec![a, b] } else { vec![c] };
            format!("{{source: {{{}}}}}", joined(fields, "principals: [\"*\"]"))
        });
    let operation = (
        field("methods", METHODS),
        field("paths", PATHS),
        field("hosts", HOSTS),
        field("ports", PORTS),
    )
        .prop_map(|(a, b, c, d)| {
            format!("{{operation: {{{}}}}}", joined(vec![a, b, c, d], "methods: [\"*\"]"))
        });
    let condition = |key: &'static str, words| {
        values(words).prop_map(move |values| format!("{{key: \"{key}\", values: {values}}}"))
    };
    let when = prop_oneof![
        condition("request.headers[X-Token]", TOKENS),
        condition("source.principal", PRINCIPALS),
        condition("source.namespace", NAMESPACES),
        condition("destination.port", PORTS),
        values(TOKENS)
            .prop_map(|v| format!("{{key: \"request.headers[x-token]\", notValues: {v}}}")),
    ];
    let list = |name: &'static str, items: Vec<String>| {
        (!items.is_empty()).then(|| format!("{name}: [{}]", items.join(", ")))
    };
    (vec(source, 0..3), vec(operation, 0..3), vec(when, 0..2)).prop_map(move |(from, to, when)| {
        let parts = [list("from", from), list("to", to), list("when", when)];
        format!("{{{}}}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    })
}

fn policies() -> impl Strategy<Value = String> {
    let one = (
        select(vec!["ALLOW", "DENY"]),
        select(vec!["shop", "istio-system", "ops"]),
        select(vec![
            "",
            "selector: {matchLabels: {app: server}}, ",
            "selector: {matchLabels: {app: x}}, ",
        ]),
        vec(rule(), 1..3),
    );
    vec(one, 0..4).prop_map(|all| {
        let document = |(index, (action, namespace, selector, rules)): (
            usize,
            (&str, &str, &str, Vec<String>),
        )| {
            format!(
                "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
                 metadata: {{name: p{index}, namespace: {namespace}}}\n\
                 spec: {{{selector}action: {action}, rules: [{}]}}\n",
                rules.join(", ")
            )
        };
        all.into_iter().enumerate().map(document).collect::<Vec<_>>().join("---\n")
    })
}

fn set(text: &str) -> PolicySet {
    PolicySet::parse(&[("p.yaml", text)]).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
}

fn call(sent: &Sent, http: Http) -> Call {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Call {
        principal: sent.id.as_ref().map(|id| id.trim_start_matches("spiffe://").to_owned()),
        source_ip: here,
        remote_ip: here,
        destination_ip: here,
        port: PORT,
        sni: String::new(),
        http: Some(http),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_sidecar_decides_as_the_reference_does(text in policies(), calls in vec(sent(), 1..12)) {
        let set = set(&text);
        let rules = of_istio(&set.authorization_policies, ROOT_NAMESPACE, &server(), PORT);
        let rules = rules.expect("nothing here is beyond a sidecar");
        // As it comes out of the setup line.
        let told: Option<Rules> = serde_json::from_str(&serde_json::to_string(&rules)?)?;
        let check = told.as_ref().map(|rules| Check::new(rules).expect("patterns"));
        for sent in &calls {
            let http = sent.http(PathNormalization::Base).expect("targets begin with a slash");
            let call = call(sent, http);
            let decision =
                decide(&set.authorization_policies, ROOT_NAMESPACE, &server(), &call);
            let through = check.as_ref().is_none_or(|check| sent.is_let_through(check));
            prop_assert_eq!(decision.allowed(), Some(through), "{:?} {:?}\n{}", sent, decision, text);
        }
    }

    #[test]
    fn a_node_proxy_decides_as_the_reference_does(
        rules in vec(vec(http_rule(), 1..4), 1..3),
        calls in vec(sent(), 1..12),
    ) {
        let text = network_policies(&rules);
        let peer = Workload::new("shop", [("app", "client")]);
        let on_port = OnPort::of(&set(&text).cilium_network_policies, &server(), &peer, PORT);
        let on_port = on_port.unwrap_or_else(|parts| panic!("{parts:?}"));
        let check = of_cilium(&on_port).map(|rules| Check::new(&rules).expect("patterns"));
        for sent in &calls {
            let http = sent.http(PathNormalization::MergeSlashes).expect("targets begin with a slash");
            let allowed = on_port.decide(&http) != Decision::DeniedByDefault;
            let through = check.as_ref().is_none_or(|check| sent.is_let_through(check));
            prop_assert_eq!(allowed, through, "{:?}\n{}", sent, text);
        }
    }
}

fn http_rule() -> impl Strategy<Value = String> {
    let words = [
        "path: /a",
        "path: \"/a/.*\"",
        "path: \"/a|/v1/[a-z]+\"",
        "method: GET",
        "method: \"GET|POST\"",
        "host: \"server.*\"",
        "headers: [\"X-Token: gold\"]",
        "headers: [X-Token]",
        "headerMatches: [{name: x-token, value: goldfish}]",
    ];
    vec(select(words.to_vec()), 1..3).prop_map(|mut parts| {
        let key = |part: &&str| part.split(':').next().unwrap_or_default().to_owned();
        parts.sort_by_key(key);
        parts.dedup_by_key(|part| key(&*part));
        format!("{{{}}}", parts.join(", "))
    })
}

fn network_policies(all: &[Vec<String>]) -> String {
    let document = |(index, rules): (usize, &Vec<String>)| {
        format!(
            "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n\
             metadata: {{name: p{index}, namespace: shop}}\n\
             spec: {{endpointSelector: {{matchLabels: {{app: server}}}}, \
             ingress: [{{fromEndpoints: [{{matchLabels: {{app: client}}}}], \
             toPorts: [{{ports: [{{port: \"8080\", protocol: TCP}}], rules: {{http: [{}]}}}}]}}]}}\n",
            rules.join(", ")
        )
    };
    all.iter().enumerate().map(document).collect::<Vec<_>>().join("---\n")
}

#[test]
fn what_a_sidecar_can_not_know_is_refused_with_its_place() {
    let text = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: shop}
spec:
  action: ALLOW
  rules:
  - from:
    - source: {requestPrincipals: [\"*\"]}
    - source:
        ipBlocks: [10.0.0.0/8]
    when:
    - {key: connection.sni, values: [a]}
    - {key: \"request.auth.claims[iss]\", values: [a]}
";
    let refused = of_istio(&set(text).authorization_policies, ROOT_NAMESPACE, &server(), PORT);
    let said: Vec<String> = refused.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "p.yaml:8:36: `requestPrincipals`: no token is verified here",
            "p.yaml:10:20: `ipBlocks`: every caller on this machine has the same address",
            "p.yaml:12:7: `connection.sni`: sidecars here ask for no name in TLS",
            "p.yaml:13:7: `request.auth.claims[iss]`: no token is verified here",
        ]
    );
    let elsewhere = Workload::new("ops", [("app", "server")]);
    let none = of_istio(&set(text).authorization_policies, ROOT_NAMESPACE, &elsewhere, PORT);
    assert_eq!(none, Ok(None));
}
