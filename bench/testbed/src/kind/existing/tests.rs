use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use policy::source::Node;
use scenarios::library;

use super::super::held::{json, of_kubernetes, of_mesh, releases, roots};
use super::*;

fn scenario(name: &str) -> Scenario {
    library::find(name, Path::new("/")).unwrap().scenario
}

fn target(namespace: &str) -> Target {
    Target {
        context: "a context".to_owned(),
        namespace: namespace.to_owned(),
        image: "registry.example/loadgen:1".to_owned(),
    }
}

/// The plans of all scenarios that name existing clusters, with the variants that are possible there.
fn plans(namespace: &str) -> Vec<(Scenario, Existing)> {
    let scenarios = library::names(Path::new("/")).into_iter().map(|name| scenario(&name));
    let named = scenarios.filter(|scenario| scenario.testbeds.contains_key("cluster"));
    let plans = named.map(|scenario| {
        let all = scenario.testbeds["cluster"].variants.iter();
        let possible = all.filter(|name| on(scenario.variant(name).unwrap(), Product::Istio));
        let names: Vec<VariantName> = possible.cloned().collect();
        let plan = Existing::of(&scenario, &names, target(namespace)).unwrap();
        (scenario, plan)
    });
    plans.collect()
}

fn documents(step: &Step) -> Vec<Node> {
    match &step.input {
        Some(Input::Text { text, .. }) => roots(text),
        _ => Vec::new(),
    }
}

#[test]
fn every_command_names_its_context_and_every_manifest_is_of_its_kind() {
    for (scenario, plan) in plans("bench-7") {
        let releases = releases(&scenario, "cluster");
        for step in plan.steps() {
            let [program, flag, context, ..] = step.command.as_slice() else { panic!("{step:?}") };
            assert_eq!([program, flag, context], ["kubectl", "--context", "a context"]);
            for root in documents(step) {
                let held = of_kubernetes(&json(&root)).unwrap_or_else(|| of_mesh(&root, &releases));
                assert_eq!(held, Ok(()), "{}", step.name);
            }
        }
    }
}

#[test]
fn nothing_is_written_but_into_namespaces_that_are_made_and_marked() {
    for (_, plan) in plans("bench-7") {
        let own: BTreeSet<&str> = plan.namespaces.iter().map(String::as_str).collect();
        assert!(own.contains("bench-7") && own.contains("bench-7-outside"), "{own:?}");
        let made: Vec<&Step> = plan.up.iter().filter(|step| makes_namespace(step)).collect();
        assert_eq!(made.len(), own.len());
        for step in made {
            // What is there and not ours is refused, since it is created and not applied.
            let done = step.done.as_ref().unwrap();
            assert!(done.command.contains(&"app.kubernetes.io/managed-by=loadgen".to_owned()));
            assert!(step.undo.is_some() && !step.command.contains(&"apply".to_owned()));
        }
        for step in plan.steps() {
            let writes = ["apply", "delete", "create"];
            if !step.command.iter().any(|word| writes.contains(&word.as_str())) {
                continue;
            }
            let named = step.command.iter().skip_while(|word| *word != "--namespace").nth(1);
            assert!(named.is_none_or(|name| own.contains(name.as_str())), "{step:?}");
            if let Some(Input::Secret { namespace, .. }) = &step.input {
                assert!(own.contains(namespace.as_str()), "{step:?}");
            }
            for root in documents(step) {
                let name = root.path("metadata.name").and_then(Node::text);
                let place = root.path("metadata.namespace").and_then(Node::text).or(name);
                assert!(place.is_some_and(|place| own.contains(place)), "{place:?}");
            }
        }
        // Nothing of the usual names is left behind.
        let told = format!("{:?}", plan.up.iter().chain(&plan.down).collect::<Vec<_>>());
        assert!(!told.contains("loadgen-outside"), "{told}");
    }
}

/// Rules of a document that a user was granted.
type Granted = BTreeMap<Option<String>, Vec<serde_json::Value>>;

fn granted(manifest: &str) -> Granted {
    let mut granted = Granted::new();
    for root in roots(manifest) {
        let document = json(&root);
        assert_eq!(of_kubernetes(&document), Some(Ok(())), "{document:#}");
        let namespace = document["metadata"]["namespace"].as_str().map(str::to_owned);
        for rule in document["rules"].as_array().into_iter().flatten() {
            granted.entry(namespace.clone()).or_default().push(rule.clone());
        }
    }
    granted
}

fn allows(granted: &Granted, namespace: Option<&str>, verb: &str, resource: &str) -> bool {
    let has = |rule: &serde_json::Value, key: &str, word: &str| {
        rule[key].as_array().unwrap().iter().any(|it| it == word)
    };
    let rules = granted.get(&namespace.map(str::to_owned)).into_iter().flatten();
    rules.into_iter().any(|rule| has(rule, "verbs", verb) && has(rule, "resources", resource))
}

/// What the API server is asked at the very least by such a command, told without its plan's help.
fn least(step: &Step) -> Vec<(Option<String>, &'static str, String)> {
    let line = step.command.join(" ");
    let word_after =
        |flag: &str| step.command.iter().skip_while(|word| *word != flag).nth(1).cloned();
    let namespace = word_after("--namespace");
    let one = |verb, resource: &str| vec![(namespace.clone(), verb, resource.to_owned())];
    if line.contains(" exec ") {
        return one("create", "pods/exec");
    }
    if line.contains(" port-forward ") {
        return one("create", "pods/portforward");
    }
    if line.contains(" rollout status ") || line.contains(" wait ") {
        return one("watch", "deployments");
    }
    if line.contains(" get nodes") {
        return vec![(None, "list", "nodes".to_owned())];
    }
    if line.contains(" get pods") {
        return one("list", "pods");
    }
    if line.contains(" get peerauthentications") {
        return one("list", "peerauthentications");
    }
    let verb = if line.contains(" delete ") { "delete" } else { "patch" };
    let of = |root: &Node| {
        let word = |path| root.path(path).and_then(Node::text).map(str::to_owned);
        let plural = match word("kind").unwrap().as_str() {
            "Deployment" => "deployments",
            "Service" => "services",
            "ServiceAccount" => "serviceaccounts",
            "PeerAuthentication" => "peerauthentications",
            "AuthorizationPolicy" => "authorizationpolicies",
            other => panic!("a {other}"),
        };
        (word("metadata.namespace"), verb, plural.to_owned())
    };
    if let Some(Input::Secret { namespace, .. }) = &step.input {
        return vec![(Some(namespace.clone()), "create", "secrets".to_owned())];
    }
    documents(step).iter().map(of).collect()
}

#[test]
fn the_printed_roles_allow_every_command_and_nothing_by_a_star() {
    for (_, plan) in plans("bench-7") {
        let manifest = plan.grants("somebody");
        let granted = granted(&manifest);
        assert!(!manifest.contains('*') && manifest.contains("somebody"));
        let mut asked = 0;
        for step in plan.steps().filter(|step| !makes_namespace(step)) {
            for (namespace, verb, resource) in least(step) {
                let allowed = allows(&granted, namespace.as_deref(), verb, &resource);
                assert!(allowed, "{verb} {resource} in {namespace:?} for {step:?}");
                asked += 1;
            }
        }
        assert!(asked > 20, "{asked}");
        // Who has only these can make no namespace, and write nothing into those of others.
        assert!(allows(&granted, None, "list", "namespaces"));
        for verb in ["create", "patch", "delete"] {
            assert!(!allows(&granted, None, verb, "namespaces"));
            assert!(!allows(&granted, Some("istio-system"), verb, "deployments"));
        }
        let own: BTreeSet<&String> = plan.namespaces.iter().collect();
        for namespace in granted.keys().flatten() {
            assert!(own.contains(namespace) || namespace == "istio-system", "{namespace}");
        }
    }
}

#[test]
fn the_roles_of_strict_mtls_are_as_committed() {
    let plans = plans("loadgen-bench");
    let (_, plan) = plans.iter().find(|(it, _)| it.name == "strict-mtls").unwrap();
    insta::assert_snapshot!("roles_of_strict_mtls", plan.grants("loadgen"));
}

#[test]
fn each_meshed_side_has_a_pod_for_every_place_that_is_asked_from() {
    for (_, plan) in plans("loadgen-bench") {
        let deployments: Vec<String> = plan
            .up
            .iter()
            .flat_map(documents)
            .filter(|root| root.member("kind").and_then(Node::text) == Some("Deployment"))
            .map(|root| root.path("metadata.name").and_then(Node::text).unwrap().to_owned())
            .collect();
        for side in plan.sides.iter().filter(|side| side.revision.is_some()) {
            for part in ["server", "client", "outside", "as-other"] {
                assert!(deployments.contains(&side.part(part)), "{part}: {deployments:?}");
            }
        }
        assert!(!deployments.iter().any(|name| name == "outside-no-mesh"));
        assert_eq!(plan.reach.len() + plan.sides.len(), deployments.len());
    }
}

#[test]
fn what_needs_a_network_of_its_own_is_refused_with_what_is_possible() {
    let scenario = scenario("l7-policy");
    let all = scenario.testbeds["cluster"].variants.clone();
    let said = Existing::of(&scenario, &all, target("n")).unwrap_err().to_string();
    assert!(said.contains("node-l7-1000: these need Cilium"), "{said}");
    assert!(said.contains("--variants no-mesh,strict,l4-identity"), "{said}");
}
