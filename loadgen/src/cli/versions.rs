//! Version against version: variants that name a version of their proxies, such as
//! `strict@envoy-1.40.0`, become variants of the scenario, with what compares them. Pure; which
//! versions there are is handed over.

use scenarios::scenario::Scenario;
use scenarios::variant::{ComparisonSpec, Proxies, Variant, VariantName};

/// Adds the variants with a version that are asked for to the scenario and to what the testbed runs
/// of it. Two versions of one variant are compared with each other, the first that was asked for
/// being the baseline; within each version the scenario's own comparisons are made where both sides
/// are asked for. Mistakes are reported together.
pub fn add(
    scenario: &mut Scenario,
    testbed: &str,
    asked: &[String],
    there: &[String],
) -> Result<(), String> {
    let names: Vec<VariantName> = asked
        .iter()
        .filter(|name| name.contains('@'))
        .map(|name| VariantName(name.clone()))
        .collect();
    let mut mistakes = Vec::new();
    let mut added = Vec::new();
    for name in &names {
        match in_version(scenario, testbed, name, there) {
            Ok(variant) => added.push(variant),
            Err(mistake) => mistakes.push(format!("--variants: {mistake}")),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes.join("\n"));
    }
    let all: Vec<VariantName> = asked.iter().map(|name| VariantName(name.clone())).collect();
    let comparisons = comparisons(scenario, &names, &all);
    // Before the scenario's own: who asks for versions asks for what they differ by.
    scenario.comparisons.splice(0..0, comparisons);
    for variant in added {
        if scenario.variant(&variant.name).is_none() {
            if let Some(scope) = scenario.testbeds.get_mut(testbed) {
                scope.variants.push(variant.name.clone());
            }
            scenario.variants.push(variant);
        }
    }
    Ok(())
}

/// The variant in that version; the error says why it is none.
fn in_version(
    scenario: &Scenario,
    testbed: &str,
    name: &VariantName,
    there: &[String],
) -> Result<Variant, String> {
    let id = name.version().unwrap_or_default();
    let plain = VariantName(name.plain().to_owned());
    let scope = scenario.testbeds.get(testbed).map(|scope| &scope.variants[..]).unwrap_or_default();
    let Some(variant) = scenario.variant(&plain).filter(|_| scope.contains(&plain)) else {
        let known: Vec<&str> = scope.iter().map(VariantName::as_str).collect();
        let known = known.join(", ");
        return Err(format!(
            "no variant named `{plain}` on testbed `{testbed}`; there are: {known}"
        ));
    };
    if variant.proxies == Proxies::None {
        return Err(format!(
            "`{name}`: {plain} has no proxies, so none in any version; write `{plain}`"
        ));
    }
    if !there.iter().any(|known| known == id) {
        let help = if there.is_empty() {
            format!("testbed `{testbed}` has no versions to choose from")
        } else {
            let there = there.join(", ");
            format!("here are: {there}; `scripts/get-envoy VERSION` installs another")
        };
        return Err(format!("`{name}`: no {id} is here; {help}"));
    }
    Ok(Variant {
        name: name.clone(),
        title: format!("{} ({})", variant.title, in_words(id)),
        ..variant.clone()
    })
}

/// `envoy-1.40.0` → `Envoy 1.40.0`.
fn in_words(id: &str) -> String {
    match id.split_once('-') {
        Some((product, version)) => {
            let mut letters = product.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            format!("{}{} {version}", first.map(String::from).unwrap_or_default(), letters.as_str())
        }
        None => id.to_owned(),
    }
}

fn comparisons(
    scenario: &Scenario,
    names: &[VariantName],
    all: &[VariantName],
) -> Vec<ComparisonSpec> {
    let mut made: Vec<ComparisonSpec> = Vec::new();
    for (index, candidate) in names.iter().enumerate() {
        let same = |other: &&VariantName| other.plain() == candidate.plain() && *other != candidate;
        let (Some(baseline), Some(id)) = (names[..index].iter().find(same), candidate.version())
        else {
            continue;
        };
        let (plain, before) = (candidate.plain(), baseline.version().unwrap_or_default());
        let variant = scenario.variant(&VariantName(plain.to_owned()));
        let title = variant.map_or(plain, |variant| variant.title.as_str());
        made.push(ComparisonSpec {
            name: format!("{plain}@{id}-over-{before}"),
            title: format!("{title}: {} over {}", in_words(id), in_words(before)),
            candidate: candidate.clone(),
            baseline: baseline.clone(),
        });
    }
    let mut versions: Vec<&str> = Vec::new();
    for id in names.iter().filter_map(VariantName::version) {
        if !versions.contains(&id) {
            versions.push(id);
        }
    }
    for id in versions {
        for spec in &scenario.comparisons {
            let [candidate, baseline] = [&spec.candidate, &spec.baseline].map(|plain| {
                let direct = scenario.variant(plain).is_some_and(|of| of.proxies == Proxies::None);
                if direct { plain.clone() } else { plain.in_version(id) }
            });
            let both = all.contains(&candidate) && all.contains(&baseline);
            if both && candidate.version().is_some() {
                made.push(ComparisonSpec {
                    name: format!("{}@{id}", spec.name),
                    title: format!("{} ({})", spec.title, in_words(id)),
                    candidate,
                    baseline,
                });
            }
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use scenarios::library;

    use super::*;

    const HERE: [&str; 2] = ["envoy-1.36.2", "envoy-1.40.0"];

    fn with(asked: &[&str]) -> Result<Scenario, String> {
        let mut scenario = library::find("strict-mtls", Path::new("/")).expect("built in").scenario;
        let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
        let here: Vec<String> = HERE.iter().map(|id| (*id).to_owned()).collect();
        add(&mut scenario, "envoy", &asked, &here)?;
        Ok(scenario)
    }

    fn new_names(scenario: &Scenario) -> Vec<&str> {
        let names = scenario.comparisons.iter().map(|spec| spec.name.as_str());
        names.filter(|name| name.contains('@')).collect()
    }

    #[test]
    fn two_versions_of_one_variant_are_compared() {
        let scenario = with(&["strict@envoy-1.36.2", "strict@envoy-1.40.0"]).unwrap();
        assert_eq!(new_names(&scenario), ["strict@envoy-1.40.0-over-envoy-1.36.2"]);
        let spec = &scenario.comparisons[0];
        assert_eq!(spec.baseline.as_str(), "strict@envoy-1.36.2");
        assert_eq!(spec.title, "Sidecars, strict mTLS: Envoy 1.40.0 over Envoy 1.36.2");
        let added = scenario.variant(&spec.candidate).unwrap();
        assert_eq!(added.policies, ["policies/istio/strict.yaml"]);
        assert!(scenario.testbeds["envoy"].variants.contains(&spec.candidate));
    }

    #[test]
    fn within_a_version_the_scenarios_own_comparisons_are_made() {
        let asked = ["no-mesh", "sidecar-plaintext@envoy-1.40.0", "strict@envoy-1.40.0"];
        let scenario = with(&asked).unwrap();
        let expected = ["mtls-overhead@envoy-1.40.0", "sidecar-overhead@envoy-1.40.0"];
        assert_eq!(new_names(&scenario), expected);
        assert_eq!(scenario.comparisons[1].baseline.as_str(), "no-mesh");
    }

    #[test]
    fn every_mistake_is_told_with_what_there_is() {
        let asked = ["strict@envoy-9.9.9", "no-mesh@envoy-1.40.0", "strikt@envoy-1.40.0"];
        let mistakes = with(&asked).unwrap_err();
        assert_eq!(mistakes.lines().count(), 3, "{mistakes}");
        for part in ["here are: envoy-1.36.2, envoy-1.40.0", "no proxies", "`strikt`"] {
            assert!(mistakes.contains(part), "{mistakes}");
        }
    }

    #[test]
    fn without_versions_nothing_changes() {
        let asked = ["strict", "sidecar-plaintext"];
        let scenario = with(&asked).unwrap();
        assert_eq!(scenario, library::find("strict-mtls", Path::new("/")).unwrap().scenario);
    }
}
