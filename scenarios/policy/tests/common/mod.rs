//! A cluster's resources in any number, the same every time: what is measured and bounded is what
//! people have. It judges nothing.

use std::fmt::Write as _;

/// How a cluster's objects are written into one file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// One document each.
    Documents,
    /// One document of all, as `kubectl get -o yaml` has it.
    List,
}

/// About 5 kB for each object: three policies of authorization in five, one of Cilium, and one of mTLS
/// with the labels and annotations that such objects come to have.
pub(crate) fn cluster(objects: usize, form: Form) -> String {
    let mut all = match form {
        Form::Documents => String::new(),
        Form::List => "apiVersion: v1\nitems:\n".to_owned(),
    };
    for index in 0..objects {
        let object = match index % 5 {
            0 => network_policy(index),
            1 => peer_authentication(index),
            _ => authorization_policy(index),
        };
        match form {
            Form::Documents => {
                all.push_str("---\n");
                all.push_str(&object);
            }
            Form::List => {
                for (number, line) in object.lines().enumerate() {
                    let indent = if number == 0 { "- " } else { "  " };
                    writeln!(all, "{indent}{line}").expect("a string takes all");
                }
            }
        }
    }
    if matches!(form, Form::List) {
        all.push_str("kind: List\nmetadata: {resourceVersion: \"\"}\n");
    }
    all
}

fn head(group: &str, kind: &str, index: usize) -> String {
    format!(
        "apiVersion: {group}\nkind: {kind}\nmetadata:\n  name: policy-{index}\n  \
         namespace: team-{}\n",
        index % 97
    )
}

fn authorization_policy(index: usize) -> String {
    let mut text = head("security.istio.io/v1", "AuthorizationPolicy", index);
    write!(
        text,
        "spec:\n  selector:\n    matchLabels:\n      app: service-{index}\n  action: ALLOW\n  rules:\n"
    )
    .expect("a string takes all");
    for rule in 0..15 {
        let caller = (index + rule) % 97;
        write!(
            text,
            "  - from:\n    - source:\n        principals:\n        - \
             cluster.local/ns/team-{caller}/sa/client-{rule}\n        namespaces:\n        - \
             team-{caller}\n    to:\n    - operation:\n        methods:\n        - GET\n        \
             - POST\n        paths:\n        - /v1/resource-{rule}/*\n        ports:\n        - \
             \"8080\"\n"
        )
        .expect("a string takes all");
    }
    text
}

fn network_policy(index: usize) -> String {
    let mut text = head("cilium.io/v2", "CiliumNetworkPolicy", index);
    write!(
        text,
        "spec:\n  endpointSelector:\n    matchLabels:\n      app: service-{index}\n  ingress:\n"
    )
    .expect("a string takes all");
    for rule in 0..15 {
        let caller = (index + rule) % 97;
        write!(
            text,
            "  - fromEndpoints:\n    - matchLabels:\n        app: client-{rule}\n        \
             k8s:io.kubernetes.pod.namespace: team-{caller}\n    toPorts:\n    - ports:\n      - \
             port: \"8080\"\n        protocol: TCP\n      rules:\n        http:\n        - method: \
             GET\n          path: /v1/resource-{rule}/[0-9]+\n"
        )
        .expect("a string takes all");
    }
    text
}

fn peer_authentication(index: usize) -> String {
    let mut text = head("security.istio.io/v1", "PeerAuthentication", index);
    text.push_str("  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n");
    for line in 0..90 {
        writeln!(text, "      what was applied before, line {line}, as long as it is")
            .expect("a string takes all");
    }
    write!(
        text,
        "spec:\n  selector:\n    matchLabels:\n      app: service-{index}\n  mtls:\n    mode: STRICT\n"
    )
    .expect("a string takes all");
    text
}
