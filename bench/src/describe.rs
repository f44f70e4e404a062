//! The plan in the words of `run.json`: complete enough to analyse and render the run without the
//! scenario it came from. Decides nothing.

use scenarios::load::{Answer, Arrivals, LoadSpec, RequestKind, RequestSpec};
use scenarios::scenario::{ArticleClaim, Gates, Scenario};
use scenarios::variant::{ComparisonSpec, Planted, VariantName};

use crate::plan::Plan;
use crate::quantile::Quantile;
use crate::record::{
    ArticleClaimRecord, ComparisonSpecRecord, GatesRecord, LoadRecord, MarginRecord,
    MemoryFigureRecord, PlanRecord, RequestRecord, VariantRecord,
};

/// The name of the comparison of the control with its twin.
pub const A_A: &str = "a-a";

/// What was asked. Comparisons that need a variant which the plan leaves out are left out too; the
/// A/A pair comes last. The length is the scenario's; whoever wants a precision says so afterwards.
#[must_use]
pub fn plan_record(scenario: &Scenario, plan: &Plan) -> PlanRecord {
    let planned = |name: &VariantName| plan.variants.contains(name);
    let mut comparisons: Vec<ComparisonSpecRecord> = scenario
        .comparisons
        .iter()
        .filter(|spec| planned(&spec.candidate) && planned(&spec.baseline))
        .map(comparison)
        .collect();
    comparisons.push(ComparisonSpecRecord {
        name: A_A.to_owned(),
        title: "The same twice".to_owned(),
        candidate: plan.control.twin().0,
        baseline: plan.control.0.clone(),
    });
    PlanRecord {
        title: scenario.title.clone(),
        question: scenario.question.clone(),
        scenario_version: scenario.version,
        load: load(&scenario.load),
        blocks: scenario.design.blocks,
        precision: None,
        control: plan.control.0.clone(),
        margin: MarginRecord {
            percent: scenario.design.margin.percent.percent(),
            at_least_us: scenario.design.margin.at_least_us,
        },
        gates: gates(&scenario.gates),
        variants: plan.variants.iter().map(|name| variant(scenario, name)).collect(),
        comparisons,
        article: scenario.article.iter().map(claim).collect(),
    }
}

fn comparison(spec: &ComparisonSpec) -> ComparisonSpecRecord {
    ComparisonSpecRecord {
        name: spec.name.clone(),
        title: spec.title.clone(),
        candidate: spec.candidate.0.clone(),
        baseline: spec.baseline.0.clone(),
    }
}

fn load(load: &LoadSpec) -> LoadRecord {
    LoadRecord {
        arrivals: match load.arrivals {
            Arrivals::Constant => "constant",
            Arrivals::Poisson => "poisson",
        }
        .to_owned(),
        rate: load.rate.per_second(),
        connections: load.connections,
        max_in_flight: load.max_in_flight,
        timeout_s: load.timeout.as_secs_f64(),
        warm_up_s: load.warm_up.as_secs_f64(),
        duration_s: load.duration.as_secs_f64(),
        request: line(load.request()),
        body_bytes: load.request().body.len(),
        requests: if load.requests.len() > 1 { kinds(load) } else { Vec::new() },
    }
}

fn line(request: &RequestSpec) -> String {
    format!("{} {}", request.method, request.path)
}

fn kinds(load: &LoadSpec) -> Vec<RequestRecord> {
    let kind = |kind: &RequestKind| RequestRecord {
        name: kind.name.clone(),
        request: line(&kind.request),
        share_percent: 100.0 * load.share(kind),
        expected: match kind.answer {
            Answer::Served => "served",
            Answer::Denied => "denied",
        }
        .to_owned(),
    };
    load.requests.iter().map(kind).collect()
}

fn gates(gates: &Gates) -> GatesRecord {
    GatesRecord {
        late_us: gates.late_us,
        late_percent: gates.late_percent.percent(),
        rate_error_percent: gates.rate_error_percent.percent(),
        errors_percent: gates.errors_percent.percent(),
        steal_percent: gates.steal_percent.percent(),
        drift_percent: gates.drift_percent.percent(),
    }
}

fn variant(scenario: &Scenario, name: &VariantName) -> VariantRecord {
    let variant = scenario.variant(name).expect("a plan names only variants of its scenario");
    let again = if variant.name == *name { "" } else { " (again)" };
    VariantRecord {
        name: name.0.clone(),
        title: format!("{}{again}", variant.title),
        proxies: variant.proxies.word().to_owned(),
        policies: variant.policies.clone(),
        planted: variant.planted.as_ref().map(planted),
    }
}

fn planted(planted: &Planted) -> String {
    match planted {
        Planted::Delay { delay, share } => format!(
            "a delay of {} µs on {} % of the requests, in the server sidecar",
            delay.as_secs_f64() * 1e6,
            share.percent()
        ),
        Planted::Stall { length, every } => format!(
            "the origin stalls for {} ms every {} ms",
            length.as_secs_f64() * 1e3,
            every.as_secs_f64() * 1e3
        ),
    }
}

fn claim(claim: &ArticleClaim) -> ArticleClaimRecord {
    let measure = claim.measured_by.as_ref();
    ArticleClaimRecord {
        row: claim.row.clone(),
        column: claim.column.clone(),
        claimed: claim.claimed.clone(),
        comparison: measure.map(|measure| measure.comparison.clone()),
        quantile: measure.and_then(|measure| {
            Quantile::ALL.into_iter().find(|quantile| quantile.key() == measure.quantile)
        }),
        mesh: measure.map(|measure| measure.mesh.clone()),
        why_not: claim.why_not.clone(),
        beside: claim.beside.as_ref().map(|beside| MemoryFigureRecord {
            variant: beside.variant.clone(),
            state: beside.state.clone(),
            sidecar: beside.sidecar.name().to_owned(),
        }),
    }
}
