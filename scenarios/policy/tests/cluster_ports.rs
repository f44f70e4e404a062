//! What policies of Cilium open of the cluster's own machinery: the credentials of nodes, the kubelet,
//! etcd, the API server, and istiod. One case for each way in which it is opened, and for each in which
//! it only looks so.

use policy::finding::Severity::{self, High, Medium};
use policy::validate::{Settings, validate};

/// What is found of the three checks in a policy of pods, or of nodes, given as the lines of its
/// `spec` after the selector.
fn found(selector: &str, lines: &str) -> Vec<(&'static str, Severity)> {
    let kind = if selector.starts_with("nodeSelector") {
        "CiliumClusterwideNetworkPolicy\nmetadata: {name: a}"
    } else {
        "CiliumNetworkPolicy\nmetadata: {name: a, namespace: shop}"
    };
    let text = format!("apiVersion: cilium.io/v2\nkind: {kind}\nspec:\n  {selector}\n  {lines}\n");
    let report = validate(&[("a.yaml", &text)], &Settings::default());
    assert!(report.mistakes.is_empty(), "{text}\n{:?}", report.mistakes);
    let refused = report.findings.iter().find(|finding| finding.check.refuses);
    assert!(refused.is_none(), "{text}\n{refused:?}");
    let about = |id: &str| ["CN004", "CN036", "CN037"].contains(&id);
    let of = report.findings.iter().filter(|finding| about(finding.check.id));
    of.map(|finding| (finding.check.id, finding.severity)).collect()
}

type Case = (&'static str, &'static [(&'static str, Severity)]);

fn hold(selector: &str, cases: &[Case]) {
    for (lines, expected) in cases {
        assert_eq!(found(selector, lines), *expected, "{selector}, {lines}");
    }
}

const PAY: &str = "endpointSelector: {matchLabels: {app: pay}}";
const NODES: &str = "nodeSelector: {matchLabels: {type: worker}}";
const ISTIOD: &str = "endpointSelector: {matchLabels: {app: istiod}}";

#[test]
fn credentials_of_nodes() {
    hold(
        PAY,
        &[
            ("egress: [{toCIDR: [169.254.169.254/32]}]", &[("CN036", High)]),
            ("egress: [{toCIDR: ['fd00:ec2::/32']}]", &[("CN036", High)]),
            ("egress: [{toFQDNs: [{matchName: metadata.google.internal}]}]", &[("CN036", High)]),
            ("egress: [{toCIDR: [0.0.0.0/0]}]", &[("CN036", Medium)]),
            ("egress: [{toEntities: [world]}]", &[("CN036", Medium)]),
            ("egress: [{toCIDR: [160.0.0.0/4]}]", &[("CN036", Medium)]),
            // It answers on one port only.
            ("egress: [{toCIDR: [0.0.0.0/0], toPorts: [{ports: [{port: '443'}]}]}]", &[]),
            ("egress: [{toEntities: [world], toPorts: [{ports: [{port: '443'}]}]}]", &[]),
            // Denials win.
            ("egress: [{toEntities: [world]}]\n  egressDeny: [{toCIDR: [169.254.0.0/16]}]", &[]),
            (
                "egress: [{toEntities: [world]}]\n  egressDeny: [{toCIDR: [169.254.0.0/16], \
                 toPorts: [{ports: [{port: '443'}]}]}]",
                &[("CN036", Medium)],
            ),
            ("egress: [{toCIDR: [10.0.0.0/8]}]", &[]),
            ("ingress: [{fromCIDR: [0.0.0.0/0]}]", &[]),
        ],
    );
}

#[test]
fn exceptions() {
    hold(
        PAY,
        &[
            (
                "egress: [{toCIDRSet: [{cidr: 0.0.0.0/0, except: [192.0.2.0/24]}]}]",
                &[("CN004", High)],
            ),
            (
                "egress: [{toCIDRSet: [{cidr: 0.0.0.0/0, except: [10.0.0.0/8, 169.254.0.0/16]}]}]",
                &[("CN004", Medium)],
            ),
            (
                "egress: [{toCIDRSet: [{cidr: 0.0.0.0/0, except: [10.0.0.0/8, 172.16.0.0/12, \
                 192.168.0.0/16, 169.254.169.254/32]}]}]",
                &[],
            ),
            // Nobody said that the inside is not meant.
            (
                "egress: [{toCIDRSet: [{cidr: 0.0.0.0/0, except: [192.0.2.0/24, 169.254.0.0/16]}]}]",
                &[],
            ),
            ("egress: [{toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.96.0.0/12]}]}]", &[]),
        ],
    );
}

#[test]
fn ports_of_nodes_from_pods() {
    hold(
        PAY,
        &[
            (
                "egress: [{toCIDR: [10.9.0.0/24], toPorts: [{ports: [{port: '10250'}]}]}]",
                &[("CN036", High)],
            ),
            (
                "egress: [{toEntities: [host], toPorts: [{ports: [{port: '2379'}]}]}]",
                &[("CN036", High)],
            ),
            (
                "egress: [{toPorts: [{ports: [{port: '10255', protocol: TCP}]}]}]",
                &[("CN036", High)],
            ),
            (
                "egress: [{toEntities: [remote-node], toPorts: [{ports: [{port: '10000', endPort: 11000}]}]}]",
                &[("CN036", Medium)],
            ),
            ("egress: [{toEntities: [cluster]}]", &[("CN036", Medium)]),
            ("egress: [{toEntities: [host]}]", &[("CN036", Medium)]),
            (
                "egress: [{toEntities: [remote-node], toPorts: [{ports: [{port: '6443'}]}]}]",
                &[("CN036", Medium)],
            ),
            // Pods may have an etcd of their own, and another protocol is another port.
            (
                "egress: [{toEndpoints: [{matchLabels: {app: etcd}}], toPorts: [{ports: [{port: '2379'}]}]}]",
                &[],
            ),
            (
                "egress: [{toEntities: [host], toPorts: [{ports: [{port: '10250', protocol: UDP}]}]}]",
                &[],
            ),
            ("egress: [{toEntities: [kube-apiserver], toPorts: [{ports: [{port: '6443'}]}]}]", &[]),
            ("ingress: [{fromEntities: [host], toPorts: [{ports: [{port: '10250'}]}]}]", &[]),
        ],
    );
    hold(
        "endpointSelector: {}",
        &[("egress: [{toEntities: [kube-apiserver]}]", &[("CN036", Medium)])],
    );
}

#[test]
fn ports_of_nodes_from_outside() {
    hold(
        NODES,
        &[
            (
                "ingress: [{fromEntities: [world], toPorts: [{ports: [{port: '10250'}]}]}]",
                &[("CN036", High)],
            ),
            (
                "ingress: [{fromCIDR: [0.0.0.0/0], toPorts: [{ports: [{port: '2379'}]}]}]",
                &[("CN036", High)],
            ),
            ("ingress: [{toPorts: [{ports: [{port: '2379'}]}]}]", &[("CN036", Medium)]),
            (
                "ingress: [{fromEntities: [remote-node], toPorts: [{ports: [{port: '10250'}]}]}]",
                &[],
            ),
            ("ingress: [{fromEntities: [world], toPorts: [{ports: [{port: '22'}]}]}]", &[]),
            ("egress: [{toEntities: [remote-node], toPorts: [{ports: [{port: '10250'}]}]}]", &[]),
        ],
    );
}

#[test]
fn istiod() {
    hold(
        PAY,
        &[
            (
                "egress: [{toEndpoints: [{matchLabels: {app: x}}], toPorts: [{ports: [{port: '15010'}]}]}]",
                &[("CN037", High)],
            ),
            (
                "egress: [{toEndpoints: [{matchLabels: {app: istiod}}], toPorts: [{ports: [{port: '15000', endPort: 15020}]}]}]",
                &[("CN037", High)],
            ),
            (
                "egress: [{toEndpoints: [{matchLabels: {istio: pilot}}], toPorts: [{ports: [{port: '8080'}]}]}]",
                &[("CN037", High)],
            ),
            (
                "egress: [{toEndpoints: [{matchLabels: {app: istiod}}], toPorts: [{ports: [{port: '15014'}]}]}]",
                &[("CN037", Medium)],
            ),
            ("egress: [{toEndpoints: [{matchLabels: {app: istiod}}]}]", &[("CN037", Medium)]),
            (
                "egress: [{toEndpoints: [{matchLabels: {'k8s:io.kubernetes.pod.namespace': istio-system}}]}]",
                &[("CN037", Medium)],
            ),
            (
                "egress: [{toEndpoints: [{matchLabels: {app: istiod}}], toPorts: [{ports: [{port: '15012'}]}]}]",
                &[],
            ),
            (
                "egress: [{toEndpoints: [{matchLabels: {app: web}}], toPorts: [{ports: [{port: '8080'}, {port: '15014'}]}]}]",
                &[],
            ),
            (
                "egress: [{toEndpoints: [{matchLabels: {app: web}}], toPorts: [{ports: [{port: '15000', endPort: 15020}]}]}]",
                &[],
            ),
            ("ingress: [{fromEndpoints: [{}], toPorts: [{ports: [{port: '15010'}]}]}]", &[]),
        ],
    );
    hold(
        ISTIOD,
        &[
            (
                "ingress: [{fromEndpoints: [{matchLabels: {app: web}}], toPorts: [{ports: [{port: '15010'}]}]}]",
                &[("CN037", High)],
            ),
            (
                "ingress: [{fromEntities: [cluster], toPorts: [{ports: [{port: '8080'}, {port: '15014'}]}]}]",
                &[("CN037", High), ("CN037", Medium)],
            ),
            ("ingress: [{fromEntities: [cluster]}]", &[("CN037", Medium)]),
            // Who collects figures is named.
            (
                "ingress: [{fromEndpoints: [{matchLabels: {app: prometheus}}], toPorts: [{ports: [{port: '15014'}]}]}]",
                &[],
            ),
            ("ingress: [{fromEntities: [cluster], toPorts: [{ports: [{port: '15012'}]}]}]", &[]),
        ],
    );
}
