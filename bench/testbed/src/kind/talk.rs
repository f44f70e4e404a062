//! Steps that talk to the API server of one cluster, whoever made that cluster: what is applied and
//! awaited, how a variant's policies come into force and go, and what is kept of it all. Pure.

use std::collections::BTreeSet;

use scenarios::scenario::Scenario;
use scenarios::variant::{Product, Proxies, Variant};

use super::plan::{PlanError, Round};
use super::proof::{Place, asked};
use super::step::{Done, Input, Says, Step, words};
use super::workloads::{AGENT_PORT, AgentIn, Image, NAMESPACE, Side, agent_in, asker, side};

/// Policies can be of these kinds in a cluster with Istio.
pub(super) const ISTIO_KINDS: &str =
    "peerauthentications.security.istio.io,authorizationpolicies.security.istio.io";
/// The same with Cilium.
pub(super) const CILIUM_KINDS: &str = "ciliumnetworkpolicies.cilium.io";

/// Of a run, in seconds: agents' credentials hold as long.
const LONGEST_RUN: u64 = 7 * 24 * 3600;

/// The way to one API server.
#[derive(Debug, Clone)]
pub(super) struct Talk {
    /// A flag of kubectl and helm, and its value, which may hold spaces.
    pub(super) by: [String; 2],
}

/// What is put into a cluster.
pub(super) struct Stands<'a> {
    /// One after another.
    pub(super) sides: &'a [Side],
    /// Where questions are asked from, besides the generators.
    pub(super) places: &'a BTreeSet<Place>,
    /// Of all pods.
    pub(super) image: Image<'a>,
}

impl<'a> Stands<'a> {
    /// Who stands outside of a mesh, or is somebody else in it, matters to what has one.
    fn places(&self, side: &Side) -> impl Iterator<Item = &'a Place> {
        let meshed = side.revision.is_some();
        self.places.iter().filter(move |_| meshed)
    }
}

impl Talk {
    pub(super) fn kubectl(&self, rest: &str) -> Vec<String> {
        self.program("kubectl", rest)
    }

    pub(super) fn program(&self, program: &str, rest: &str) -> Vec<String> {
        let [flag, value] = self.by.clone();
        let mut command = vec![program.to_owned(), flag, value];
        command.extend(words(rest));
        command
    }

    /// What went on in a namespace, the newest last.
    pub(super) fn events(&self, namespace: &str) -> Vec<String> {
        self.kubectl(&format!("get events --namespace {namespace} --sort-by=.lastTimestamp"))
    }

    /// A server-side apply in which an unknown field is an error, not a warning.
    pub(super) fn apply(&self, what: &str, (name, text): (String, String)) -> Step {
        let rest = "apply --server-side --field-manager=loadgen --validate=strict --filename=-";
        Step::new(format!("apply {what}"), self.kubectl(rest), 60)
            .reading(name, text)
            .hint("a field that this release does not know is refused: `loadgen validate` names it")
    }

    /// A manifest that stays as long as the cluster: not applied again when the API server says that
    /// nothing would change.
    pub(super) fn stands(&self, what: &str, manifest: (String, String)) -> Step {
        let rest = "diff --server-side --field-manager=loadgen --filename=-";
        let mut step = self.apply(what, manifest);
        step.done = Some(Done { command: self.kubectl(rest), reads: true, says: Says::Well });
        step
    }

    /// For each side its origin and its agents, each behind its credentials; then all of them awaited.
    pub(super) fn workloads(&self, all: &Stands<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        for it in all.sides {
            let generator = agent_in(it, &Place::Client);
            steps.push(self.credentials(&generator, &it.name));
            let name = format!("origin and generator of {}", it.name);
            steps.push(self.stands(&name, (name.clone(), side(it, all.image))));
            for place in all.places(it) {
                let agent = agent_in(it, place);
                steps.push(self.credentials(&agent, &agent.deployment));
                let name = format!("{} for {}", agent.deployment, place);
                steps.push(self.stands(&name, (name.clone(), asker(it, place, all.image))));
            }
        }
        for it in all.sides {
            steps.push(self.ready(NAMESPACE, &it.part("server")));
            for place in std::iter::once(&Place::Client).chain(all.places(it)) {
                let agent = agent_in(it, place);
                steps.push(self.ready(&agent.namespace, &agent.deployment));
            }
        }
        steps
    }

    fn credentials(&self, agent: &AgentIn, of: &str) -> Step {
        let AgentIn { namespace, secret: name, .. } = agent.clone();
        let what = format!(
            "Secret {name}: certificate and key of one agent, made for this run, never printed"
        );
        let mut step =
            self.apply(&format!("the agent's credentials of {of}"), (String::new(), String::new()));
        step.input = Some(Input::Secret { namespace, name, what });
        step
    }

    fn ready(&self, namespace: &str, deployment: &str) -> Step {
        let rollout = |span: &str| {
            let line = format!("rollout status deployment/{deployment} --namespace {namespace}");
            self.kubectl(&format!("{line} --timeout {span}"))
        };
        Step::new(format!("await {deployment}"), rollout("180s"), 200)
            .done(rollout("1s"), Says::Well)
            .look(self.events(namespace))
            .hint(
                "`kubectl describe pod` names what it waits for; without a sidecar, the injection",
            )
    }

    /// The way to each agent through the API server, beside all that is measured; it says its port.
    pub(super) fn reach(&self, all: &Stands<'_>) -> Vec<Step> {
        let of_side = |side: &'_ Side| {
            let places = std::iter::once(&Place::Client).chain(all.places(side));
            places.map(|place| agent_in(side, place)).collect::<Vec<_>>()
        };
        let way = |agent: AgentIn| {
            let AgentIn { namespace, deployment, .. } = agent;
            let line = format!(
                "port-forward deployment/{deployment} --namespace {namespace} :{AGENT_PORT}"
            );
            Step::new(format!("reach {deployment}"), self.kubectl(&line), LONGEST_RUN)
        };
        all.sides.iter().flat_map(of_side).map(way).collect()
    }

    /// What makes each variant be in force on these sides, and what undoes that.
    pub(super) fn rounds(
        &self,
        product: Product,
        sides: &[Side],
        (scenario, variants): (&Scenario, &[&Variant]),
    ) -> Vec<Round> {
        let here = variants.iter().filter(|variant| on(variant, product));
        let round = |variant: &&Variant| {
            // A sidecar is compared with the pods that have none, on the same nodes.
            let meshed = variant.proxies != Proxies::None && product == Product::Istio;
            let measured =
                |side: &&Side| product == Product::Cilium || side.revision.is_some() == meshed;
            Round {
                variant: variant.name.clone(),
                apply: self.in_force(product, scenario, variant),
                sides: sides.iter().filter(measured).cloned().collect(),
                remove: self.gone(scenario, variant),
            }
        };
        here.map(round).collect()
    }

    fn in_force(&self, product: Product, scenario: &Scenario, variant: &Variant) -> Vec<Step> {
        let files = variant.policies.iter();
        let mut apply: Vec<Step> = files
            .map(|path| self.apply(&format!("{path}, unchanged"), file(scenario, path)))
            .collect();
        if product == Product::Cilium && !variant.policies.is_empty() {
            let line = format!(
                "wait --for=condition=Valid {CILIUM_KINDS} --all --namespace {NAMESPACE} \
                 --timeout 60s"
            );
            apply.push(
                Step::new("await Valid=True of every policy", self.kubectl(&line), 70)
                    .hint("`kubectl describe ciliumnetworkpolicy` gives the agent's reason"),
            );
        }
        apply
    }

    fn gone(&self, scenario: &Scenario, variant: &Variant) -> Vec<Step> {
        let files = variant.policies.iter();
        let delete = |path: &String| {
            let line = format!("delete --namespace {NAMESPACE} --ignore-not-found --filename=-");
            let (name, text) = file(scenario, path);
            Step::new(format!("delete {path}"), self.kubectl(&line), 60).reading(name, text)
        };
        files.map(delete).collect()
    }

    /// For the results: the images with their digests, the nodes, the proxies' builds.
    pub(super) fn collect(&self, sides: &[Side], kinds: &str) -> Vec<Step> {
        let mut steps = vec![
            Step::new(
                "keep the pods with their digests",
                self.kubectl(&format!("get pods --namespace {NAMESPACE} --output json")),
                30,
            ),
            Step::new("keep the nodes", self.kubectl("get nodes --output json"), 30),
            Step::new(
                "keep the policies as the API server has them",
                self.kubectl(&format!(
                    "get {kinds} --namespace {NAMESPACE} --ignore-not-found --output yaml"
                )),
                30,
            ),
        ];
        for side in sides.iter().filter(|side| side.revision.is_some()) {
            let part = side.part("server");
            let line = format!(
                "exec deployment/{part} --namespace {NAMESPACE} --container istio-proxy -- \
                 pilot-agent request GET server_info"
            );
            steps.push(Step::new(format!("keep Envoy's build of {part}"), self.kubectl(&line), 30));
        }
        steps
    }
}

/// A file of a scenario, by its path and word for word.
fn file(scenario: &Scenario, path: &str) -> (String, String) {
    let shown = format!("scenarios/{}/{path}", scenario.name);
    (shown, scenario.policies.get(path).cloned().unwrap_or_default())
}

/// Whether a variant is measured in a cluster of that product. One without a mesh is in every cluster,
/// so that each has its own baseline on its own nodes.
pub(super) fn on(variant: &Variant, product: Product) -> bool {
    if variant.proxies == Proxies::None {
        true
    } else {
        (variant.proxies == Proxies::Sidecars) == (product == Product::Istio)
    }
}

/// Where the proofs of these variants ask from, besides the generators' own pods.
pub(super) fn places<'v>(
    scenario: &Scenario,
    variants: impl Iterator<Item = &'v Variant>,
) -> Result<BTreeSet<Place>, PlanError> {
    let mut places = BTreeSet::new();
    for variant in variants {
        let load = scenario.load_of(variant).map_err(|why| PlanError(vec![why]))?;
        let from =
            asked(variant, &load.requests, NAMESPACE).calls.into_iter().map(|call| call.from);
        places.extend(from.filter(|place| *place != Place::Client));
    }
    Ok(places)
}

/// The namespaces that pods of these places stand in, the generators' own first.
pub(super) fn namespaces_of(places: &BTreeSet<Place>) -> Vec<String> {
    let probe = Side::new("", None);
    let mut all = vec![NAMESPACE.to_owned()];
    for place in places {
        let AgentIn { namespace, .. } = agent_in(&probe, place);
        if !all.contains(&namespace) {
            all.push(namespace);
        }
    }
    all
}
