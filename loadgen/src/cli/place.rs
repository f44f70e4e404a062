//! Where a run happens: which testbed was chosen and why, and that testbed with what it needs. What
//! is run there is not known here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bench::conduct::Fault;
use bench::plan::Plan;
use bench::record::Placement;
use bench::seams::MemoryTestbed;
use scenarios::scenario::Scenario;
use testbed::child::Program;
use testbed::embedded::{self, Embedded};
use testbed::envoy::found::{Build, Found, Places};
use testbed::envoy::{self, Envoy, Layout, Programs};

use super::args::{SUBJECT, TETHER, TestbedChoice};
use super::exit::Failure;

/// What was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// loadgen's own sidecars.
    Embedded,
    /// Envoys: those that were found, the first for variants that name no version; and where they
    /// are to stand.
    Envoy(Vec<Build>, Layout),
}

/// A choice, and why it was made where that was left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Where.
    pub place: Place,
    /// In words; `None` where the user said it.
    pub why: Option<String>,
}

/// A testbed, with nothing started yet.
pub struct SetUp {
    /// It.
    pub testbed: Box<dyn MemoryTestbed>,
    /// How it is set up, for the provenance, by name.
    pub facts: BTreeMap<String, String>,
}

impl Place {
    /// As on the command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Envoy(..) => "envoy",
        }
    }

    /// The same, with its layout where that is not the usual one.
    #[must_use]
    pub fn with_layout(&self) -> String {
        let layout = match self {
            Self::Envoy(_, Layout::Pods) => ", in pods where they are possible",
            Self::Embedded | Self::Envoy(_, Layout::Ports) => "",
        };
        format!("{}{layout}", self.name())
    }

    /// What its figures do and do not stand for.
    #[must_use]
    pub fn note(&self) -> String {
        match self {
            Self::Embedded => embedded::testbed_note(),
            Self::Envoy(builds, layout) => envoy::testbed_note(builds, *layout),
        }
    }

    /// The Envoys that variants may name.
    #[must_use]
    pub fn builds(&self) -> &[Build] {
        match self {
            Self::Embedded => &[],
            Self::Envoy(builds, _) => builds,
        }
    }

    /// The testbed.
    pub fn set_up(
        &self,
        program: &Path,
        (scenario, plan): (&Scenario, &Plan),
        placement: Placement,
        logs: PathBuf,
    ) -> Result<SetUp, Fault> {
        let called =
            |command: &str| Program { path: program.to_owned(), args: vec![command.to_owned()] };
        let variants = &plan.variants;
        match self {
            Self::Embedded => {
                let subject = called(SUBJECT);
                let testbed = Embedded::new(subject, scenario, variants, placement, logs)?;
                Ok(SetUp { testbed: Box::new(testbed), facts: BTreeMap::new() })
            }
            Self::Envoy(builds, layout) => {
                let programs = Programs { subject: called(SUBJECT), tether: called(TETHER) };
                let what = (scenario, &variants[..]);
                let around = (placement, logs);
                let testbed = Envoy::in_layout(*layout, programs, what, builds.clone(), around)?;
                let facts = testbed.notes();
                Ok(SetUp { testbed: Box::new(testbed), facts })
            }
        }
    }
}

/// The testbed that was asked for; where that was left open, the most real one that is ready and
/// that the scenario runs on. Envoys are looked for only where one may be used.
pub fn choose(
    choice: TestbedChoice,
    layout: Layout,
    scenario: &Scenario,
    envoys: &Places,
) -> Result<Chosen, Failure> {
    let chosen = |place, why| Ok(Chosen { place, why });
    let missing = |name: &str| {
        Err(Failure::Testbed(format!(
            "testbed {name}: this version of loadgen does not have it\n  help: `loadgen list` shows the testbeds there are; `--testbed embedded` needs nothing"
        )))
    };
    match choice {
        TestbedChoice::Embedded => chosen(Place::Embedded, None),
        TestbedChoice::Envoy => {
            let found = envoys.search();
            if found.builds.is_empty() {
                return Err(Failure::Testbed(format!("testbed envoy: {}", found.missing())));
            }
            chosen(Place::Envoy(found.builds, layout), None)
        }
        TestbedChoice::Kind => missing("kind"),
        TestbedChoice::Cluster => missing("cluster"),
        TestbedChoice::Auto => Ok(most_real(scenario, layout, || envoys.search())),
    }
}

fn most_real(scenario: &Scenario, layout: Layout, search: impl FnOnce() -> Found) -> Chosen {
    let embedded = |why: String| Chosen { place: Place::Embedded, why: Some(why) };
    if !scenario.testbeds.contains_key("envoy") {
        return embedded(format!("scenario {} runs on no other that is here", scenario.name));
    }
    let Found { builds, problems } = search();
    match builds.first() {
        Some(first) => {
            let why = format!("an Envoy was found: {first}; `--testbed embedded` needs none");
            Chosen { place: Place::Envoy(builds, layout), why: Some(why) }
        }
        None if problems.is_empty() => {
            embedded("no Envoy was found; `scripts/get-envoy 1.40.0` installs one".to_owned())
        }
        None => embedded(format!("no Envoy can be used: {}", problems.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use scenarios::library;

    use super::*;

    fn scenario(name: &str) -> Scenario {
        library::find(name, Path::new("/")).expect("built in").scenario
    }

    fn build() -> Build {
        Build {
            path: "/opt/envoy".into(),
            version: "1.40.0".to_owned(),
            commit: "0123456789abcdef".to_owned(),
            clean: true,
            kind: "RELEASE".to_owned(),
            tls: "BoringSSL".to_owned(),
        }
    }

    #[test]
    fn the_most_real_testbed_that_is_ready_is_taken_and_the_reason_is_told() {
        let strict = scenario("strict-mtls");
        let found = Found { builds: vec![build()], problems: Vec::new() };
        let chosen = most_real(&strict, Layout::Ports, || found);
        assert_eq!(chosen.place, Place::Envoy(vec![build()], Layout::Ports));
        assert!(chosen.why.is_some_and(|why| why.contains("Envoy 1.40.0") && why.contains("/opt")));
        let chosen = most_real(&strict, Layout::Ports, Found::default);
        assert_eq!(chosen.place, Place::Embedded);
        assert!(chosen.why.is_some_and(|why| why.contains("scripts/get-envoy")));
        let broken = Found { builds: Vec::new(), problems: vec!["/x: broken".to_owned()] };
        assert!(
            most_real(&strict, Layout::Ports, || broken)
                .why
                .is_some_and(|why| why.contains("/x: broken"))
        );
    }

    #[test]
    fn nobody_looks_for_an_envoy_that_the_scenario_has_no_use_for() {
        let chosen =
            most_real(&scenario("planted-delay"), Layout::Ports, || panic!("not asked for"));
        assert_eq!(chosen.place, Place::Embedded);
    }

    #[test]
    fn a_testbed_that_was_asked_for_and_is_not_there_is_an_error_with_what_to_do() {
        let strict = scenario("strict-mtls");
        let nowhere = Places::default();
        let error = choose(TestbedChoice::Envoy, Layout::Ports, &strict, &nowhere).unwrap_err();
        assert_eq!(error.code(), 4);
        assert!(error.to_string().contains("scripts/get-envoy 1.40.0"), "{error}");
        assert_eq!(
            choose(TestbedChoice::Kind, Layout::Ports, &strict, &nowhere).unwrap_err().code(),
            4
        );
    }
}
