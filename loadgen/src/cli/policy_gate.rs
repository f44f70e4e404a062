//! What a scenario's resources are held against before anything is started: a finding that says that
//! a policy is not what it seems ends the run. What is checked, and how much it matters, is decided
//! in `policy`.

use policy::finding::{Finding, Severity};
use policy::validate::Settings;
use scenarios::scenario::Scenario;
use scenarios::variant::{Variant, VariantName};

use super::exit::Failure;
use super::variant_policies;

/// Checks the files of every variant that is run, each variant's together, and with those of each
/// rung that it is given.
pub(super) fn check(scenario: &Scenario, variants: &[VariantName]) -> Result<(), Failure> {
    let mut lines = Vec::new();
    let rungs = scenario.memory.iter().flat_map(|memory| &memory.rungs);
    let plain = variants.iter().filter_map(|name| scenario.variant(name));
    let on_rungs = rungs.flat_map(|rung| plain.clone().map(|variant| rung.on(variant)));
    for variant in &plain.clone().cloned().chain(on_rungs).collect::<Vec<_>>() {
        for finding in severe(scenario, variant) {
            let Finding { check, severity, path, span, object, message, .. } = finding;
            let (line, column) = (span.at.line, span.at.column);
            let line = format!(
                "{path}:{line}:{column}: {} {}: {object}: {message} (variant {})\n    help: {}",
                severity.word(),
                check.id,
                variant.name,
                check.fix
            );
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    Err(Failure::Findings(format!(
        "the policies of `{}` are not what they seem; nothing was started\n{}",
        scenario.name,
        lines.join("\n")
    )))
}

fn severe(scenario: &Scenario, variant: &Variant) -> Vec<Finding> {
    let paths = variant.policies.iter();
    let files: Vec<(&String, &String)> =
        paths.filter_map(|path| Some((path, scenario.policies.get(path)?))).collect();
    let report = variant_policies::check(&files, &Settings::default());
    report.findings.into_iter().filter(|finding| finding.severity >= Severity::High).collect()
}

#[cfg(test)]
mod tests {
    use scenarios::library;

    use super::*;

    fn names(scenario: &Scenario) -> Vec<VariantName> {
        scenario.variants.iter().map(|variant| variant.name.clone()).collect()
    }

    #[test]
    fn nothing_is_wrong_in_the_scenarios_of_the_repository() {
        for (_, read) in library::list() {
            let scenario = read.expect("readable");
            let found = check(&scenario, &names(&scenario));
            assert!(found.is_ok(), "{found:?}");
        }
    }

    #[test]
    fn a_policy_that_enforces_nothing_ends_the_run_with_its_place_and_what_to_do() {
        let mut scenario = library::built_in("l7-policy").expect("there").expect("readable");
        let served = scenario.policies.get_mut("policies/istio/served.yaml").expect("there");
        *served = served.replace("spec:\n", "spec:\n  action: AUDIT\n");
        let failure = check(&scenario, &names(&scenario)).expect_err("AUDIT denies nothing");
        assert_eq!(failure.code(), 3);
        let text = failure.to_string();
        assert!(text.contains("policies/istio/served.yaml:"), "{text}");
        assert!(text.contains("high AP022: AuthorizationPolicy loadgen-bench/served"), "{text}");
        assert!(text.contains("(variant l7-1)") && text.contains("help: "), "{text}");
        // The variants that do not name the file are not spoken of.
        assert!(check(&scenario, &[VariantName("strict".to_owned())]).is_ok());
    }
}
