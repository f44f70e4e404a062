//! The steps of a run on a cluster that somebody else has made: nothing is installed, and nothing is
//! touched but what this program has put into namespaces of its own. Pure: steps out.

use policy::version::Version;
use scenarios::scenario::Scenario;
use scenarios::variant::{MeshVersion, Product, Variant, VariantName};

use super::grants::grants;
use super::plan::{ISTIO_NAMESPACE, PlanError, Round, named};
use super::rights;
use super::step::{Input, Says, Step};
use super::talk::{ISTIO_KINDS, Stands, Talk, namespaces_of, on, places};
use super::workloads::{Image, MADE_BY, NAMESPACE, Side, moved, namespaces};

/// Where a run on such a cluster happens, all of it named by whoever wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Of the kubeconfig; never the current one.
    pub context: String,
    /// Where generators and origins stand, in the place of [`NAMESPACE`].
    pub namespace: String,
    /// The image of generator and origin, as the cluster's nodes pull it.
    pub image: String,
}

/// Everything that a run on such a cluster does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    /// Where.
    pub target: Target,
    /// All that it writes into.
    pub namespaces: Vec<String>,
    /// What is compared, the baseline without a mesh first.
    pub sides: Vec<Side>,
    /// Looked at before anything is made.
    pub first: Vec<Step>,
    /// From namespaces that are not there until everything is ready.
    pub up: Vec<Step>,
    /// Ways to the agents, each open as long as the run.
    pub reach: Vec<Step>,
    /// What makes a variant be in force, for each variant.
    pub rounds: Vec<Round>,
    /// What is kept of it in the run folder.
    pub collect: Vec<Step>,
    /// Back to nothing.
    pub down: Vec<Step>,
}

impl Existing {
    /// The plan for these variants of a scenario, or everything that is wrong.
    pub fn of(
        scenario: &Scenario,
        names: &[VariantName],
        target: Target,
    ) -> Result<Self, PlanError> {
        let variants: Vec<&Variant> =
            names.iter().filter_map(|name| scenario.variant(name)).collect();
        let meshes = meshes(scenario, &variants)?;
        let talk = Talk { by: ["--context".to_owned(), target.context.clone()] };
        let mut sides = vec![Side::new("no-mesh", None)];
        sides.extend(
            meshes.iter().map(|mesh| Side::new(named(&mesh.id), Some(named(&mesh.version)))),
        );
        let places = places(scenario, variants.iter().copied())?;
        let namespaces = namespaces_of(&places);
        let first = meshes.iter().map(|mesh| talk.revision(&mesh.version)).collect();
        let image = Image::Pulled(&target.image);
        let stands = Stands { sides: &sides, places: &places, image };
        let mut up: Vec<Step> = namespaces.iter().map(|name| talk.namespace(name)).collect();
        up.extend(talk.workloads(&stands));
        let reach = talk.reach(&stands);
        let rounds = talk.rounds(Product::Istio, &sides, (scenario, &variants));
        let collect = talk.collect(&sides, ISTIO_KINDS);
        let down = namespaces.iter().map(|name| talk.empty(name)).collect();
        let plan = Self { target, namespaces, sides, first, up, reach, rounds, collect, down };
        Ok(plan.moved())
    }

    /// Every step, in the order in which they come.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        let before = self.first.iter().chain(&self.up).chain(&self.reach);
        let rounds = self.rounds.iter().flat_map(|round| round.apply.iter().chain(&round.remove));
        before.chain(rounds).chain(&self.collect).chain(&self.down)
    }

    /// The roles by which that user can conduct it, as manifests, with the namespaces: who may not
    /// make any finds them there.
    ///
    /// # Panics
    ///
    /// Where a command of the plan is not understood, which a test of this module finds.
    #[must_use]
    pub fn grants(&self, user: &str) -> String {
        // Of what makes a namespace only the question is left: it is there.
        let steps: Vec<Step> = self
            .steps()
            .map(|step| if makes_namespace(step) { asks(step) } else { step.clone() })
            .collect();
        let needed = rights::of(&steps).expect("every command of a plan is understood");
        grants(&needed, self.namespaces.iter().map(String::as_str), user)
    }

    /// The same in the namespaces that were asked for. The policies come with the scenario and name
    /// the usual ones, in texts and principals.
    fn moved(mut self) -> Self {
        if self.target.namespace == NAMESPACE {
            return self;
        }
        let to = self.target.namespace.clone();
        let steps =
            [&mut self.first, &mut self.up, &mut self.reach, &mut self.collect, &mut self.down];
        let rounds = self.rounds.iter_mut().flat_map(|it| [&mut it.apply, &mut it.remove]);
        steps.into_iter().chain(rounds).flatten().for_each(|step| move_step(step, &to));
        self.namespaces.iter_mut().for_each(|name| *name = moved(name, &to));
        let measured = self.rounds.iter_mut().flat_map(|round| &mut round.sides);
        self.sides.iter_mut().chain(measured).for_each(|side| side.namespace.clone_from(&to));
        self
    }
}

/// A step in another namespace than the usual.
fn move_step(step: &mut Step, to: &str) {
    let asked = step.done.iter_mut().flat_map(|done| &mut done.command);
    let back = step.undo.iter_mut().flat_map(|undo| &mut undo.command);
    let look = step.look.iter_mut().flatten();
    let words = step.command.iter_mut().chain(asked).chain(back).chain(look);
    words.chain([&mut step.name]).for_each(|word| *word = moved(word, to));
    if let Some(Says::Line(line)) = step.done.as_mut().map(|done| &mut done.says) {
        *line = moved(line, to);
    }
    match &mut step.input {
        Some(Input::Text { text, name }) => {
            let there = moved(text, to);
            if there != *text && name.contains("/policies/") {
                step.name = step.name.replace(", unchanged", "");
                name.push_str(&format!(", with {to} in the place of {NAMESPACE}"));
            } else {
                *name = moved(name, to);
            }
            *text = there;
        }
        Some(Input::Secret { namespace, .. }) => *namespace = moved(namespace, to),
        None => {}
    }
}

/// The releases of Istio that are compared. Cilium is a cluster's network, of which it has one release
/// and not two.
fn meshes<'s>(
    scenario: &'s Scenario,
    variants: &[&Variant],
) -> Result<Vec<&'s MeshVersion>, PlanError> {
    let Some(scope) = scenario.testbeds.get("cluster") else {
        let known: Vec<&str> = scenario.testbeds.keys().map(String::as_str).collect();
        return Err(PlanError(vec![format!(
            "scenario {} does not run on an existing cluster; it runs on: {}",
            scenario.name,
            known.join(", ")
        )]));
    };
    let mut mistakes = Vec::new();
    let (possible, others): (Vec<&Variant>, Vec<_>) =
        variants.iter().copied().partition(|variant| on(variant, Product::Istio));
    if !others.is_empty() {
        let names = |variants: &[&Variant]| {
            let names: Vec<&str> = variants.iter().map(|it| it.name.as_str()).collect();
            names.join(",")
        };
        mistakes.push(format!(
            "{}: these need Cilium as the cluster's network, of which a cluster has one release and not two; `--testbed kind` makes a cluster for each, here say --variants {}",
            names(&others),
            names(&possible)
        ));
    }
    let named = scenario.meshes.iter().filter(|mesh| scope.meshes.contains(&mesh.id));
    let istio: Vec<&MeshVersion> = named.filter(|mesh| mesh.product == Product::Istio).collect();
    let versions = istio.iter().map(|mesh| mesh.version.parse::<Version>());
    mistakes.extend(versions.filter_map(Result::err).map(|error| format!("meshes: {error}")));
    if istio.is_empty() {
        mistakes.push(format!("scenario {}: no release of Istio is named", scenario.name));
    }
    if mistakes.is_empty() { Ok(istio) } else { Err(PlanError(mistakes)) }
}

/// A step that does nothing but ask whether another is done.
fn asks(step: &Step) -> Step {
    let command = step.done.as_ref().map(|done| done.command.clone());
    Step::new(&step.name, command.unwrap_or_default(), 60)
}

fn makes_namespace(step: &Step) -> bool {
    step.command.iter().any(|word| word == "create")
}

impl Talk {
    /// A release is there as a revision of its own name, which is how two of them stand side by side.
    fn revision(&self, version: &str) -> Step {
        let revision = named(version);
        let line = format!(
            "wait --for=condition=Available deployment --namespace {ISTIO_NAMESPACE} \
             --selector app=istiod,istio.io/rev={revision} --timeout 10s"
        );
        let name = format!("look for Istio {version} as revision {revision}");
        Step::new(name, self.kubectl(&line), 20).hint(
            "nothing is installed into this cluster; a release is looked for as the revision of its name, e.g. 1.25.5 as `1-25-5`, which `istioctl install --revision` or the chart's value `revision` makes",
        )
    }

    /// Not applied but created: what is there and not ours is refused by the API server itself.
    fn namespace(&self, name: &str) -> Step {
        let mark = format!("{}={}", MADE_BY.0, MADE_BY.1);
        let ours = format!("get namespaces --selector {mark} --output name");
        let undo = format!("delete namespace {name} --ignore-not-found");
        Step::new(format!("make the namespace {name}"), self.kubectl("create --filename=-"), 30)
            .reading(format!("namespace {name}"), namespaces([name]))
            .done(self.kubectl(&ours), Says::Line(format!("namespace/{name}")))
            .undo(self.kubectl(&undo))
            .hint(
                "a namespace of that name that loadgen has not made is never touched: give another --namespace",
            )
    }

    /// Everything in it that has our mark. The namespace itself goes with whoever made it.
    fn empty(&self, name: &str) -> Step {
        let mark = format!("{}={}", MADE_BY.0, MADE_BY.1);
        let line = format!(
            "delete deployments,services,secrets,serviceaccounts --namespace {name} \
             --selector {mark} --ignore-not-found"
        );
        Step::new(format!("empty the namespace {name}"), self.kubectl(&line), 120)
    }
}

#[cfg(test)]
mod tests;
