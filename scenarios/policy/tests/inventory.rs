//! What is read of a cluster besides its policies, and where each of it stands.

use policy::finding::Span;
use policy::inventory::{Enforcement, Inventory, MeshConfig, PathNormalization, TargetPort};
use policy::validate::{Settings, in_force, validate};

fn inventory(text: &str) -> Inventory {
    let read = in_force(&[("a.yaml", text)], &Settings::default());
    assert!(read.mistakes.is_empty(), "{:?}", read.mistakes);
    read.inventory
}

/// The letters of a text between two places of one line.
fn between(text: &str, span: Span) -> &str {
    let line = text.lines().nth(span.at.line - 1).expect("a line of the text");
    &line[span.at.column - 1..span.until.column - 1]
}

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: pay, namespace: shop, labels: {team: a}}
spec:
  selector: {matchLabels: {app: pay}}
  template:
    metadata:
      labels: {app: pay, tier: '2'}
      annotations: {sidecar.istio.io/inject: \"false\"}
    spec:
      serviceAccountName: payer
      hostNetwork: true
      securityContext: {runAsUser: 1000}
      initContainers:
      - name: first
      containers:
      - name: web
        securityContext: {runAsUser: 1337}
        ports:
        - {containerPort: 8080, name: http-web}
        - {containerPort: 9000, protocol: udp}
        - {containerPort: 70000}
";

#[test]
fn a_workload_is_read_from_the_template_of_its_pods() {
    let inventory = inventory(DEPLOYMENT);
    let [of] = inventory.workloads.as_slice() else { panic!("one workload") };
    assert_eq!(of.head.title(), "Deployment shop/pay");
    assert_eq!(of.head.labels["team"], "a");
    assert_eq!((of.labels["app"].as_str(), of.labels["tier"].as_str()), ("pay", "2"));
    assert_eq!(of.annotations["sidecar.istio.io/inject"], "false");
    assert_eq!(of.service_account, "payer");
    assert!(of.host_network);
    assert_eq!(of.containers, ["first", "web"]);
    let ports: Vec<_> = of.ports.iter().map(|port| (port.port, port.protocol.as_str())).collect();
    assert_eq!(ports, [(8080, "TCP"), (9000, "UDP")]);
    assert_eq!(of.port_named("http-web"), Some(8080));
    let users: Vec<_> = of.users.iter().map(|(user, at)| (*user, at.at.line)).collect();
    assert_eq!(users, [(1000, 13), (1337, 18)]);
    assert_eq!(between(DEPLOYMENT, of.head.span), "pay");
}

#[test]
fn every_kind_that_makes_pods_is_read() {
    let pod = "{metadata: {labels: {app: a}}, spec: {containers: [{name: a}]}}";
    for (group, kind, spec) in [
        ("apps/v1", "StatefulSet", format!("{{template: {pod}}}")),
        ("apps/v1", "DaemonSet", format!("{{template: {pod}}}")),
        ("apps/v1", "ReplicaSet", format!("{{template: {pod}}}")),
        ("batch/v1", "Job", format!("{{template: {pod}}}")),
        ("batch/v1", "CronJob", format!("{{jobTemplate: {{spec: {{template: {pod}}}}}}}")),
    ] {
        let text = format!(
            "apiVersion: {group}\nkind: {kind}\nmetadata: {{name: a, namespace: b}}\nspec: {spec}\n"
        );
        let inventory = inventory(&text);
        let of = inventory.workloads_named("b", "a").next().expect(kind);
        assert_eq!((of.labels["app"].as_str(), of.service_account.as_str()), ("a", "default"));
    }
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: a}}\nspec: {}\n";
    assert_eq!(inventory(pod).workloads[0].labels["app"], "a");
}

#[test]
fn a_service_leads_to_the_workload_s_own_port() {
    let text = format!(
        "{DEPLOYMENT}---\napiVersion: v1\nkind: Service\nmetadata: {{name: pay, namespace: shop}}\n\
         spec:\n  selector: {{app: pay}}\n  ports:\n  - {{port: 80, targetPort: http-web, \
         appProtocol: http, name: web}}\n  - {{port: 9000, protocol: UDP}}\n  \
         - {{port: 81, targetPort: other}}\n"
    );
    let inventory = inventory(&text);
    let workload = &inventory.workloads[0];
    let service = inventory.services_of("shop", &workload.labels).next().expect("it is selected");
    assert_eq!(service.ports[0].target, TargetPort::Name("http-web".to_owned()));
    assert_eq!(service.ports[0].app_protocol.as_deref(), Some("http"));
    assert_eq!(service.target(80, workload), Some(8080));
    assert_eq!(service.target(9000, workload), Some(9000));
    assert_eq!(service.target(81, workload), None);
    assert_eq!(inventory.services_of("bank", &workload.labels).count(), 0);
}

#[test]
fn a_namespace_keeps_its_labels() {
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {env: prod}}\n";
    assert_eq!(inventory(text).namespace("shop").expect("read").head.labels["env"], "prod");
}

const MESH: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  meshNetworks: 'networks: {}'
  mesh: |-
    rootNamespace: mesh
    trustDomain: old.example
    trustDomainAliases: [new.example]
    pathNormalization:
      normalization: MERGE_SLASHES
    enableAutoMtls: false
";

#[test]
fn the_mesh_s_configuration_is_read_out_of_its_config_map_with_its_places() {
    let inventory = inventory(MESH);
    let mesh = inventory.mesh().expect("it is read");
    let root = mesh.root_namespace.as_ref().expect("given");
    assert_eq!((root.text.as_str(), between(MESH, root.span)), ("mesh", "mesh"));
    let (normalization, span) = mesh.path_normalization.expect("given");
    assert_eq!(normalization, PathNormalization::MergeSlashes);
    assert_eq!(between(MESH, span), "MERGE_SLASHES");
    assert_eq!(mesh.auto_mtls.map(|(on, _)| on), Some(false));
    assert_eq!(MeshConfig::trust_domains(Some(mesh)), ["old.example", "new.example"]);
    assert_eq!(inventory.root_namespace(), "mesh");
}

#[test]
fn what_istio_is_installed_from_counts_where_the_config_map_is_not_given() {
    let operator = "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\n\
                    metadata: {name: a}\nspec: {meshConfig: {rootNamespace: b}}\n";
    assert_eq!(inventory(operator).root_namespace(), "b");
    assert_eq!(inventory("meshConfig: {rootNamespace: c}\npilot: {}\n").root_namespace(), "c");
    assert_eq!(inventory(&format!("{operator}---\n{MESH}")).root_namespace(), "mesh");
    assert_eq!(inventory("pilot: {}\n").root_namespace(), "istio-system");
}

#[test]
fn the_root_namespace_of_the_mesh_decides_unless_another_is_given() {
    let policy = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                  metadata: {name: a, namespace: mesh}\nspec: {mtls: {mode: STRICT}}\n";
    let files = [("a.yaml", format!("{policy}---\n{MESH}"))];
    let mode = |settings: &Settings| {
        let read = in_force(&files, settings);
        read.set.mtls_mode(&policy::Workload::new("shop", []), 80).mode
    };
    assert_eq!(mode(&Settings::default()), policy::MtlsMode::Strict);
    let other = Settings { root_namespace: Some("else".to_owned()), ..Settings::default() };
    assert_eq!(mode(&other), policy::MtlsMode::Permissive);
}

#[test]
fn a_slip_in_a_field_of_the_mesh_is_found_where_it_is() {
    let text = MESH.replace("pathNormalization", "pathNormalisation");
    let report = validate(&[("a.yaml", &text)], &Settings::default());
    let found = report.findings.first().expect("one finding");
    assert_eq!((found.check.id, found.object.as_str()), ("GN001", "ConfigMap istio-system/istio"));
    assert_eq!(between(&text, found.span), "pathNormalisation");
    assert!(found.message.contains("`pathNormalization`"), "{}", found.message);
}

#[test]
fn cilium_s_agents_enforce_as_their_config_map_says() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config, namespace: \
                kube-system}\ndata: {enable-policy: always, policy-audit-mode: 'true', \
                enable-l7-proxy: 'false', enable-wireguard: 'true', cluster-name: blue}\n";
    let inventory = inventory(text);
    let agent = inventory.agent().expect("it is read");
    assert_eq!(agent.enforcement(), Enforcement::Always);
    assert!(agent.audits() && !agent.has_l7_proxy() && agent.allows_own_node());
    assert_eq!(agent.encryption(), Some("WireGuard"));
    let name = policy::inventory::AgentConfig::cluster_name(Some(agent));
    assert_eq!(name, "blue");
}

#[test]
fn tokens_and_tls_of_callers_are_read_with_their_places() {
    let text = "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\n\
                metadata: {name: a, namespace: shop}\nspec: {selector: {matchLabels: {app: pay}}, \
                jwtRules: [{issuer: 'https://i', jwksUri: 'https://i/keys', audiences: [x]}]}\n\
                ---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
                metadata: {name: b, namespace: shop}\nspec:\n  host: pay\n  trafficPolicy:\n    \
                tls: {mode: ISTIO_MUTUAL}\n    portLevelSettings:\n    \
                - {port: {number: 81}, tls: {mode: DISABLE}}\n";
    let read = in_force(&[("a.yaml", text)], &Settings::default());
    let tokens = &read.request_authentications[0];
    assert_eq!(
        tokens.rules[0].issuer.as_ref().map(|issuer| issuer.text.as_str()),
        Some("https://i")
    );
    assert!(tokens.applies("istio-system", &policy::Workload::new("shop", [("app", "pay")])));
    assert!(!tokens.applies("istio-system", &policy::Workload::new("shop", [])));
    let rule = &read.destination_rules[0];
    let mode = |port| rule.tls_of(port).map(|tls| tls.mode);
    use policy::destination_rule::TlsMode;
    assert_eq!((mode(80), mode(81)), (Some(TlsMode::IstioMutual), Some(TlsMode::Disable)));
    assert!(rule.is_of_service("shop", "pay") && !rule.is_of_service("bank", "pay"));
    assert_eq!(between(text, rule.host.span), "pay");
}
