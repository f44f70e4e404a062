//! What a cluster's API server must allow for some steps to be done: read off the very commands that
//! are called, so that neither can change without the other. Knows kubectl's verbs and what each of
//! them asks of the API; knows no step by name.

use std::collections::{BTreeMap, BTreeSet};

use policy::source::{Mistakes, Node, documents};

use super::step::{Input, Step};

/// What is acted upon.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resource {
    /// Where; `None` for what has no namespace.
    pub(super) namespace: Option<String>,
    /// The API group; empty for Kubernetes' own.
    pub(super) group: String,
    /// As RBAC names it, e.g. `pods/exec`.
    pub(super) name: String,
}

/// What is done to what.
pub(super) type Rights = BTreeMap<Resource, BTreeSet<&'static str>>;

/// Kubernetes' own resources as commands name them, with their group and plural.
const WORDS: &[(&[&str], &str, &str)] = &[
    (&["pod", "pods"], "", "pods"),
    (&["node", "nodes"], "", "nodes"),
    (&["namespace", "namespaces"], "", "namespaces"),
    (&["service", "services"], "", "services"),
    (&["secret", "secrets"], "", "secrets"),
    (&["serviceaccount", "serviceaccounts"], "", "serviceaccounts"),
    (&["event", "events"], "", "events"),
    (&["deployment", "deployments"], "apps", "deployments"),
];

/// Flags that take the word after them; all others stand for themselves.
const WITH_VALUE: &[&str] = &[
    "--kubeconfig",
    "--context",
    "--namespace",
    "--selector",
    "--output",
    "--timeout",
    "--container",
];

const LOOK: &[&str] = &["get", "list"];
const FOLLOW: &[&str] = &["get", "list", "watch"];

/// What a step needs: for what it does, for asking whether it is done, and for looking when it fails.
/// An error for a command that is not understood: nobody could say what it needs.
pub(super) fn of<'s>(steps: impl IntoIterator<Item = &'s Step>) -> Result<Rights, String> {
    let mut rights = Rights::new();
    for step in steps {
        let asked = step.done.as_ref().map(|done| &done.command);
        for command in std::iter::once(&step.command).chain(asked).chain(&step.look) {
            add(command, step.input.as_ref(), &mut rights)
                .map_err(|why| format!("`{}`: {why}", command.join(" ")))?;
        }
    }
    Ok(rights)
}

fn add(command: &[String], input: Option<&Input>, rights: &mut Rights) -> Result<(), String> {
    let call = Call::of(command)?;
    let mut allow = |resource: Resource, verbs: &[&'static str]| {
        rights.entry(resource).or_default().extend(verbs);
    };
    let [verb, rest @ ..] = call.words.as_slice() else { return Err("it has no verb".to_owned()) };
    // What is written names its own namespaces.
    let written: &[&'static str] = match *verb {
        "apply" => &["create", "patch"],
        "create" => &["create"],
        "diff" => &["get", "patch"],
        // It waits until what it has deleted is gone.
        "delete" => &["delete", "get", "list", "watch"],
        _ => &[],
    };
    if call.reads_file {
        for resource in resources_in(input, call.namespace)? {
            allow(resource, written);
        }
        return Ok(());
    }
    let named = |words: &[&str]| {
        let first = words.first().ok_or("it names no resource")?;
        let kinds = first.split(',').map(|word| call.resource(word));
        kinds.collect::<Result<Vec<_>, String>>()
    };
    let (rest, verbs): (&[&str], &[&'static str]) = match *verb {
        "get" => (rest, LOOK),
        "delete" => (rest, written),
        "wait" => (rest, FOLLOW),
        "rollout" => (rest.get(1..).unwrap_or_default(), FOLLOW),
        // It finds a pod of the deployment by itself.
        "exec" | "port-forward" => {
            allow(call.resource("pods")?, LOOK);
            let through = if *verb == "exec" { "pods/exec" } else { "pods/portforward" };
            let pods = call.resource("pods")?;
            allow(Resource { name: through.to_owned(), ..pods }, &["create"]);
            (rest, &["get"])
        }
        other => return Err(format!("what `{other}` needs is not known")),
    };
    for resource in named(rest)? {
        allow(resource, verbs);
    }
    Ok(())
}

/// A command of kubectl, taken apart.
struct Call<'c> {
    /// The verb and what is not a flag after it.
    words: Vec<&'c str>,
    namespace: Option<&'c str>,
    /// Whether it acts on what it reads.
    reads_file: bool,
}

impl<'c> Call<'c> {
    fn of(command: &'c [String]) -> Result<Self, String> {
        let mut words = command.iter().map(String::as_str);
        if words.next() != Some("kubectl") {
            return Err("only kubectl asks the API server".to_owned());
        }
        let mut call = Call { words: Vec::new(), namespace: None, reads_file: false };
        while let Some(word) = words.next() {
            match word {
                // What is called in a container is no business of the API.
                "--" => break,
                "--namespace" => call.namespace = words.next(),
                "--filename=-" => call.reads_file = true,
                flag if WITH_VALUE.contains(&flag) => {
                    words.next();
                }
                flag if flag.starts_with('-') => {}
                word => call.words.push(word),
            }
        }
        Ok(call)
    }

    /// `deployment/client`, `pods`, `ciliumnetworkpolicies.cilium.io`.
    fn resource(&self, word: &str) -> Result<Resource, String> {
        let word = word.split('/').next().unwrap_or(word);
        let known = WORDS.iter().find(|(words, ..)| words.contains(&word));
        let (name, group) = match (known, word.split_once('.')) {
            (Some((_, group, name)), _) => (*name, *group),
            (None, Some((name, group))) => (name, group),
            (None, None) => return Err(format!("`{word}` is no resource that is known")),
        };
        let (name, group) = (name.to_owned(), group.to_owned());
        if scopeless(&name) {
            return Ok(Resource { namespace: None, group, name });
        }
        let namespace = self.namespace.ok_or_else(|| format!("{name} of which namespace?"))?;
        Ok(Resource { namespace: Some(namespace.to_owned()), group, name })
    }
}

fn scopeless(name: &str) -> bool {
    matches!(name, "nodes" | "namespaces")
}

/// The resources that a command reads.
fn resources_in(input: Option<&Input>, namespace: Option<&str>) -> Result<Vec<Resource>, String> {
    let text = match input {
        Some(Input::Text { text, .. }) => text,
        Some(Input::Secret { namespace, .. }) => {
            let (group, name) = (String::new(), "secrets".to_owned());
            return Ok(vec![Resource { namespace: Some(namespace.clone()), group, name }]);
        }
        None => return Err("it reads what is not there".to_owned()),
    };
    let mut mistakes = Mistakes::new("a manifest");
    let found = documents(text, &mut mistakes).ok_or_else(|| mistakes.to_string())?;
    found.iter().map(|document| resource_of(&document.root, namespace)).collect()
}

/// The API server names a resource by the plural of its kind.
fn resource_of(root: &Node, namespace: Option<&str>) -> Result<Resource, String> {
    let word = |path| root.path(path).and_then(Node::text);
    let kind = word("kind").ok_or("a document without a kind")?.to_ascii_lowercase();
    let group = word("apiVersion").and_then(|it| it.split_once('/')).map_or("", |(group, _)| group);
    let name = match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{kind}s"),
    };
    let within = word("metadata.namespace").or(namespace);
    if within.is_none() && !scopeless(&name) {
        return Err(format!("a {kind} of which namespace?"));
    }
    let namespace = within.filter(|_| !scopeless(&name)).map(str::to_owned);
    Ok(Resource { namespace, group: group.to_owned(), name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::step::words;

    fn told(line: &str, input: Option<&str>) -> Result<Vec<String>, String> {
        let mut step = Step::new("a step", words(line), 1);
        if let Some(text) = input {
            step = step.reading("a manifest", text);
        }
        let rights = of([&step])?;
        let one = |(resource, verbs): (Resource, BTreeSet<&str>)| {
            let verbs: Vec<&str> = verbs.into_iter().collect();
            let Resource { namespace, group, name } = resource;
            let within = namespace.map_or(String::new(), |namespace| format!(" in {namespace}"));
            let group = if group.is_empty() { String::new() } else { format!(".{group}") };
            format!("{} {name}{group}{within}", verbs.join(","))
        };
        Ok(rights.into_iter().map(one).collect())
    }

    #[test]
    fn each_verb_needs_what_it_asks_of_the_api() {
        for (line, expected) in [
            ("kubectl --context c get nodes --output json", &["get,list nodes"][..]),
            ("kubectl get pods --namespace n --output json", &["get,list pods in n"]),
            (
                "kubectl rollout status deployment/a --namespace n --timeout 1s",
                &["get,list,watch deployments.apps in n"],
            ),
            (
                "kubectl exec deployment/a --namespace n --container c -- some get secrets",
                &["get,list pods in n", "create pods/exec in n", "get deployments.apps in n"],
            ),
            (
                "kubectl port-forward deployment/a --namespace n :7070",
                &[
                    "get,list pods in n",
                    "create pods/portforward in n",
                    "get deployments.apps in n",
                ],
            ),
            (
                "kubectl get a.x.io,b.y.io --namespace n",
                &["get,list a.x.io in n", "get,list b.y.io in n"],
            ),
        ] {
            let mut found = told(line, None).unwrap();
            let mut expected: Vec<String> = expected.iter().map(|it| (*it).to_owned()).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn what_is_written_needs_its_kind_in_its_namespace() {
        let text = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
                    metadata: {name: a, namespace: n}\n---\n\
                    apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n";
        assert_eq!(
            told("kubectl apply --server-side --filename=-", Some(text)).unwrap(),
            [
                "create,patch namespaces",
                "create,patch authorizationpolicies.security.istio.io in n"
            ]
        );
    }

    #[test]
    fn what_is_not_understood_is_an_error_and_not_nothing() {
        for line in [
            "helm list",
            "kubectl",
            "kubectl drain node/a",
            "kubectl get gadgets --namespace n",
            "kubectl get pods",
            "kubectl apply --filename=-",
        ] {
            assert!(told(line, None).is_err(), "{line}");
        }
    }
}
