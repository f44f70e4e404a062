//! Cilium's own examples, and what its documents say of each: who gets through and who does not.
//! The examples lie beside the repository and not in it; without them the test says so and passes.

use std::path::Path;

use policy::answer::answer;
use policy::question::Question;
use policy::validate::{Settings, in_force};

/// An example, a question, and whether the documents say that the call goes through.
const SAID: &[(&str, &str, bool)] = &[
    ("l3/simple/l3.yaml", "from default/a{role=frontend} to default/b{role=backend}:80", true),
    ("l3/simple/l3.yaml", "from default/a{role=other} to default/b{role=backend}:80", false),
    ("l3/simple/l3.yaml", "from other/a{role=frontend} to default/b{role=backend}:80", false),
    ("l3/simple/l3.yaml", "from default/a{role=other} to default/b{role=frontend}:80", true),
    (
        "l3/simple/l3_egress.yaml",
        "from default/a{role=frontend} to default/b{role=backend}:1",
        true,
    ),
    ("l3/simple/l3_egress.yaml", "from default/a{role=frontend} to default/b{role=x}:1", false),
    ("l3/requires/requires.yaml", "from default/a{env=dev} to default/b{env=prod}:80", false),
    (
        "l3/ingress-allow-all/ingress-allow-all.yaml",
        "from default/a{} to default/b{role=victim}:1",
        true,
    ),
    (
        "l3/ingress-allow-all/ingress-allow-all.yaml",
        "from other/a{} to default/b{role=victim}:1",
        false,
    ),
    (
        "l3/ingress-allow-all/ingress-allow-all.yaml",
        "from world to default/b{role=victim}:1",
        false,
    ),
    (
        "l3/egress-default-deny/egress-default-deny.yaml",
        "from default/a{role=restricted} to 1.2.3.4:1",
        false,
    ),
    (
        "l3/egress-default-deny/egress-default-deny.yaml",
        "from default/a{role=x} to 1.2.3.4:1",
        true,
    ),
    ("l3/cidr/cidr.yaml", "from default/a{app=myService} to 20.1.1.1:443", true),
    ("l3/cidr/cidr.yaml", "from default/a{app=myService} to 20.1.1.2:443", false),
    ("l3/cidr/cidr.yaml", "from default/a{app=myService} to 10.1.1.1:443", true),
    ("l3/cidr/cidr.yaml", "from default/a{app=myService} to 10.97.1.1:443", false),
    ("l3/entities/world.yaml", "from 1.2.3.4 to default/b{role=public}:80", true),
    ("l3/entities/world.yaml", "from default/a{} to default/b{role=public}:80", false),
    ("l3/entities/from_world_deny.yaml", "from 1.2.3.4 to default/b{}:80", false),
    ("l3/entities/from_world_deny.yaml", "from other/a{} to default/b{}:80", true),
    ("l3/fqdn/fqdn.yaml", "from default/a{app=test-app} to my-remote-service.com:443", true),
    ("l3/fqdn/fqdn.yaml", "from default/a{app=test-app} to other.com:443", false),
    (
        "l3/fqdn/fqdn.yaml",
        "from default/a{app=test-app}, udp, dns any.name to kube-system/dns{k8s-app=kube-dns}:53",
        true,
    ),
    ("l4/l3_l4_combined.yaml", "from default/a{role=frontend} to default/b{role=backend}:80", true),
    (
        "l4/l3_l4_combined.yaml",
        "from default/a{role=frontend} to default/b{role=backend}:81",
        false,
    ),
    ("l4/l3_l4_combined.yaml", "from default/a{} to default/b{role=backend}:80", false),
    ("l4/cidr_l4_combined.yaml", "from default/a{role=crawler} to 192.0.2.1:80", true),
    ("l4/cidr_l4_combined.yaml", "from default/a{role=crawler} to 192.0.2.1:443", false),
    ("l4/l4_port_range.yaml", "from default/a{app=myService} to 1.2.3.4:444", true),
    ("l4/l4_port_range.yaml", "from default/a{app=myService} to 1.2.3.4:445", false),
    ("l4/l4_port_range.yaml", "from default/a{app=myService}, udp to 1.2.3.4:80", false),
    ("l4/multi_rule.yaml", "from default/a{role=frontend} to default/b{role=backend}:9", true),
    ("l4/multi_rule.yaml", "from 1.2.3.4 to default/b{role=backend}:80", true),
    ("l4/multi_rule.yaml", "from 1.2.3.4 to default/b{role=backend}:81", false),
    ("l4/icmp.yaml", "from default/a{app=myService}, icmp 8 to 1.2.3.4", true),
    ("l4/icmp.yaml", "from default/a{app=myService}, icmpv6 128 to 2001:db8::1", true),
    ("l4/icmp.yaml", "from default/a{app=myService}, icmp 0 to 1.2.3.4", false),
    ("l7/http/http.yaml", "from default/a{}, GET /path1 to default/b{app=myService}:80", true),
    ("l7/http/http.yaml", "from default/a{}, GET /path1x to default/b{app=myService}:80", false),
    ("l7/http/http.yaml", "from default/a{}, PUT /path2 to default/b{app=myService}:80", false),
    (
        "l7/http/http.yaml",
        "from default/a{}, PUT /path2, header X-My-Header: true to default/b{app=myService}:80",
        true,
    ),
    (
        "l7/http/l7_multi.yaml",
        "from default/a{env=test}, GET /public to default/b{app=service}:80",
        false,
    ),
    (
        "l7/http/l7_multi.yaml",
        "from default/a{env=prod}, POST /, host external-service.org to 1.2.3.4:80",
        true,
    ),
    (
        "l7/http/l7_multi.yaml",
        "from default/a{env=prod}, GET /, host external-service.org to 1.2.3.4:80",
        false,
    ),
    (
        "l7/dns/dns.yaml",
        "from default/a{org=alliance}, udp, dns sub.cilium.io to kube-system/d{k8s-app=kube-dns}:53",
        true,
    ),
    (
        "l7/dns/dns.yaml",
        "from default/a{org=alliance}, udp, dns a.sub.cilium.io to kube-system/d{k8s-app=kube-dns}:53",
        false,
    ),
    ("l7/dns/dns.yaml", "from default/a{org=alliance} to special-service.api.cilium.io:80", true),
    ("l7/dns/dns.yaml", "from default/a{org=alliance} to special-service.api.cilium.io:443", false),
    ("l7/dns/dns.yaml", "from default/a{org=alliance} to service2.api.cilium.io:80", false),
    ("kubernetes/namespace/isolate-namespaces.yaml", "from ns1/a{} to ns1/b{}:80", true),
    ("kubernetes/namespace/isolate-namespaces.yaml", "from ns2/a{} to ns1/b{}:80", false),
    (
        "kubernetes/namespace/namespace-policy.yaml",
        "from ns2/a{name=luke} to ns1/b{name=leia}:80",
        true,
    ),
    (
        "kubernetes/namespace/namespace-policy.yaml",
        "from ns1/a{name=luke} to ns1/b{name=leia}:80",
        false,
    ),
    (
        "kubernetes/namespace/kubedns-policy.yaml",
        "from public/a{}, udp to kube-system/d{k8s-app=kube-dns}:53",
        true,
    ),
    (
        "kubernetes/namespace/kubedns-policy.yaml",
        "from public/a{}, tcp to kube-system/d{k8s-app=kube-dns}:53",
        false,
    ),
    (
        "getting-started/l7-policy.yaml",
        "from default/a{id=goodclient}, GET /public to default/b{id=web-server}:8181",
        true,
    ),
    (
        "getting-started/l7-policy.yaml",
        "from default/a{id=goodclient}, GET /private to default/b{id=web-server}:8181",
        false,
    ),
    (
        "getting-started/l7-policy.yaml",
        "from default/a{id=badclient}, GET /public to default/b{id=web-server}:8181",
        false,
    ),
];

#[test]
fn examples_mean_what_cilium_s_documents_say() {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let folder = "shared/data/fixtures/cilium-1.16.5/examples/policies";
    let Some(folder) = above.map(|root| root.join(folder)).find(|folder| folder.exists()) else {
        println!("skipped: ../shared is not here");
        return;
    };
    let mut wrong = Vec::new();
    for (file, text, said) in SAID {
        let manifest = std::fs::read_to_string(folder.join(file)).expect(file);
        let in_force = in_force(&[(*file, manifest)], &Settings::default());
        assert!(in_force.mistakes.is_empty() && in_force.left_out.is_empty(), "{file}");
        let question = Question::read(text).expect(text);
        let answer = answer(&in_force, text, &question);
        if answer.allowed != Some(*said) {
            wrong.push(format!("{file}: {text}: said {said}, found {answer:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
