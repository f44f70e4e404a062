//! Whether two runs can be held against each other: everything that must be the same and is not, and
//! everything that may differ and should be known. Looks at no figure that was measured.

use crate::describe::A_A;
use crate::record::{ComparisonSpecRecord, PlanRecord, RunRecord, VariantRecord};

/// Memory that a kernel keeps to itself differs from boot to boot by less than this share.
const SAME_MEMORY_PERCENT: f64 = 2.0;

/// Why two runs are not compared: all reasons.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("these two runs can not be compared:\n{}\n  help: run the older side again under the conditions of the newer one, and compare with that", .reasons.iter().map(|reason| format!("  - {reason}")).collect::<Vec<_>>().join("\n"))]
pub struct NotComparable {
    /// One sentence each, with both sides.
    pub reasons: Vec<String>,
}

/// What both runs compare, in the newer plan's order.
pub(super) fn common<'a>(old: &RunRecord, new: &'a RunRecord) -> Vec<&'a ComparisonSpecRecord> {
    let both = |spec: &&ComparisonSpecRecord| old.plan.comparisons.iter().any(|it| same(it, spec));
    new.plan.comparisons.iter().filter(both).collect()
}

fn same(one: &ComparisonSpecRecord, other: &ComparisonSpecRecord) -> bool {
    (&one.name, &one.candidate, &one.baseline) == (&other.name, &other.candidate, &other.baseline)
}

/// Refuses with all reasons at once.
pub(super) fn check(old: &RunRecord, new: &RunRecord) -> Result<(), NotComparable> {
    let mut reasons = Vec::new();
    scenario(old, new, &mut reasons);
    machine(old, new, &mut reasons);
    load(&old.plan, &new.plan, &mut reasons);
    // Without a common scenario it says nothing that one plan lacks what the other has.
    if old.scenario == new.scenario {
        variants(old, new, &mut reasons);
        if !common(old, new).iter().any(|spec| spec.name != A_A) {
            reasons.push("the two have no comparison in common".to_owned());
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(NotComparable { reasons }) }
}

/// A reason where two things that must be the same are not.
fn must<T: PartialEq + std::fmt::Display>(
    reasons: &mut Vec<String>,
    what: &str,
    (old, new): (T, T),
) {
    if old != new {
        reasons.push(format!("other {what}: `{old}` in the older run, `{new}` in the newer"));
    }
}

fn scenario(old: &RunRecord, new: &RunRecord, reasons: &mut Vec<String>) {
    must(reasons, "scenario", (&old.scenario, &new.scenario));
    if old.scenario == new.scenario {
        let versions = (old.plan.scenario_version, new.plan.scenario_version);
        must(reasons, "version of the scenario", versions);
    }
    must(reasons, "testbed", (&old.testbed, &new.testbed));
    let subjects = (&old.provenance.subject.name, &new.provenance.subject.name);
    must(reasons, "subject", subjects);
    let form = |quick| if quick { "a smoke run" } else { "a whole run" };
    must(reasons, "form", (form(old.quick), form(new.quick)));
}

fn machine(old: &RunRecord, new: &RunRecord, reasons: &mut Vec<String>) {
    let (old, new) = (&old.provenance, &new.provenance);
    must(reasons, "machine, by its processor", (&old.cpu, &new.cpu));
    must(reasons, "machine, by the cores it may use", (old.cores, new.cores));
    let (least, most) =
        (old.memory_bytes.min(new.memory_bytes) as f64, old.memory_bytes.max(new.memory_bytes));
    if least < most as f64 * (1.0 - SAME_MEMORY_PERCENT / 100.0) {
        let sizes = (old.memory_bytes, new.memory_bytes);
        must(reasons, "machine, by its bytes of memory", sizes);
    }
    let kind = |virtual_machine| if virtual_machine { "a virtual machine" } else { "hardware" };
    must(reasons, "kind of machine", (kind(old.virtual_machine), kind(new.virtual_machine)));
    must(reasons, "frequency governor", (&old.governor, &new.governor));
    let cores = |provenance: &crate::record::Provenance| {
        let placement = &provenance.placement;
        format!("generator {:?}, subject {:?}", placement.generator, placement.subject)
    };
    must(reasons, "placement on cores", (cores(old), cores(new)));
    must(reasons, "level of optimisation", (&old.opt_level, &new.opt_level));
}

fn load(old: &PlanRecord, new: &PlanRecord, reasons: &mut Vec<String>) {
    let (one, other) = (&old.load, &new.load);
    must(reasons, "load: arrivals", (&one.arrivals, &other.arrivals));
    must(reasons, "load: requests a second", (one.rate, other.rate));
    must(reasons, "load: connections", (one.connections, other.connections));
    must(reasons, "load: most in flight", (one.max_in_flight, other.max_in_flight));
    must(reasons, "load: timeout in seconds", (one.timeout_s, other.timeout_s));
    must(reasons, "load: warm-up in seconds", (one.warm_up_s, other.warm_up_s));
    must(reasons, "load: window in seconds", (one.duration_s, other.duration_s));
    must(reasons, "load: request", (&one.request, &other.request));
    must(reasons, "load: bytes of the body", (one.body_bytes, other.body_bytes));
    let gates = |plan: &PlanRecord| {
        let gates = &plan.gates;
        format!(
            "late {} µs or {} %, rate {} %, errors {} %, steal {} %, drift {} %",
            gates.late_us,
            gates.late_percent,
            gates.rate_error_percent,
            gates.errors_percent,
            gates.steal_percent,
            gates.drift_percent
        )
    };
    must(reasons, "rule for what is a measurement", (gates(old), gates(new)));
    let margin =
        |plan: &PlanRecord| format!("{} % or {} µs", plan.margin.percent, plan.margin.at_least_us);
    must(reasons, "margin", (margin(old), margin(new)));
}

/// A variant of the same name that is another thing.
fn variants(old: &RunRecord, new: &RunRecord, reasons: &mut Vec<String>) {
    let made_of = |variant: &VariantRecord| {
        let planted = variant.planted.as_deref().unwrap_or("nothing planted");
        format!("{}, [{}], {planted}", variant.proxies, variant.policies.join(", "))
    };
    for variant in &new.plan.variants {
        let before = old.plan.variants.iter().find(|before| before.name == variant.name);
        if let Some(before) = before {
            let what = format!("variant under the name {}", variant.name);
            must(reasons, &what, (made_of(before), made_of(variant)));
        }
    }
}

/// What differs and may be why the figures do, and what limits them. One sentence each.
pub(super) fn remarks(old: &RunRecord, new: &RunRecord) -> Vec<String> {
    let mut remarks = Vec::new();
    let (before, after) = (&old.provenance, &new.provenance);
    let subject = |run: &RunRecord| {
        let subject = &run.provenance.subject;
        let tls = subject.tls.as_ref().map_or(String::new(), |tls| format!(", {tls}"));
        format!("{}{tls}", subject.version)
    };
    let mut told = |what: &str, (old, new): (&str, &str)| {
        if old != new {
            remarks.push(format!("{what}: `{old}` in the older run, `{new}` in the newer"));
        }
    };
    told("the subject's version", (&subject(old), &subject(new)));
    told("kernel", (&before.kernel, &after.kernel));
    told("loadgen", (&before.loadgen, &after.loadgen));
    told("commit of loadgen", (&before.git, &after.git));
    let names = before.notes.keys().chain(after.notes.keys());
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        let note = |notes: &std::collections::BTreeMap<String, String>| {
            notes.get(name).cloned().unwrap_or_else(|| "not noted".to_owned())
        };
        told(&name.replace('_', " "), (&note(&before.notes), &note(&after.notes)));
    }
    for (which, run) in [("older", old), ("newer", new)] {
        if let Some(why) = &run.ended_early {
            remarks.push(format!("the {which} run ended early: {why}"));
        } else if run.interrupted {
            remarks.push(format!("the {which} run was interrupted"));
        }
        if run.plan.precision.is_some() {
            remarks.push(format!(
                "the {which} run ended when it was precise enough, which the intervals here do not \
                 take into account"
            ));
        }
    }
    only_one(old, new, &mut remarks);
    if (&old.started_at, old.seed) == (&new.started_at, new.seed) {
        remarks.push("these are one and the same run".to_owned());
    }
    remarks
}

/// Comparisons that only one of the two has.
fn only_one(old: &RunRecord, new: &RunRecord, remarks: &mut Vec<String>) {
    for (which, run, other) in [("older", old, new), ("newer", new, old)] {
        let specs = run.plan.comparisons.iter();
        let alone: Vec<&str> = specs
            .filter(|spec| !other.plan.comparisons.iter().any(|it| same(it, spec)))
            .map(|spec| spec.name.as_str())
            .collect();
        if !alone.is_empty() {
            remarks.push(format!("only in the {which} run: {}", alone.join(", ")));
        }
    }
}
