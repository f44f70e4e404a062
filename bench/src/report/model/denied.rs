//! The requests that policies had to refuse: how many, and how long their refusal took. Reads the
//! record; judges nothing itself.

use super::evidence::median_of;
use super::{Section, Table, VariantLabel, admitted};
use crate::analysis::counting;
use crate::quantile::Quantile;
use crate::record::{RunRecord, Summary};
use crate::report::figures;

/// Nothing where no request of the load is to be refused.
pub(super) fn section(record: &RunRecord, variants: &[VariantLabel]) -> Option<Section> {
    if record.plan.load.requests.iter().all(|kind| kind.expected != "denied") {
        return None;
    }
    let mut table = Table::new(
        "Response time of denied requests (refused − intended)",
        &["Variant", "#Denied", "#Of all", "#p50", "#p90", "#p99", "#Refused by the proxy"],
    );
    for label in variants {
        let name = &label.name;
        let sum = |count: fn(&crate::record::TrialRow) -> u64| {
            admitted(record, name).map(count).fold(0, u64::saturating_add)
        };
        let (denied, offered) = (sum(|trial| trial.denied), sum(|trial| trial.offered));
        let mut row = vec![name.clone(), denied.to_string()];
        row.push(figures::percent(100.0 * denied as f64 / offered.max(1) as f64));
        for quantile in [Quantile::P50, Quantile::P90, Quantile::P99] {
            let trials = counting(&record.trials, name, quantile).into_values();
            let of = |summary: &Summary| summary.quantile(quantile).map(|us| (us, false));
            let values = trials.filter_map(|trial| of(trial.denied_time_us.as_ref()?));
            row.push(median_of(values.collect()));
        }
        let at_proxy: Vec<u64> =
            admitted(record, name).filter_map(|trial| trial.work.requests_denied).collect();
        row.push(match at_proxy[..] {
            [] => figures::NONE.to_owned(),
            _ => at_proxy.iter().fold(0, |all: u64, one| all.saturating_add(*one)).to_string(),
        });
        table.rows.push(row);
    }
    Some(Section {
        title: "Denied requests".to_owned(),
        text: vec![
            "Requests that a policy had to refuse, and did, with 403. They are in no other table of \
             times. Each figure is the median over blocks of the trial's own quantile. Where a \
             variant's policies do not refuse them they are served, and count like the rest. The \
             proxy's own count has the warm-up in it."
                .to_owned(),
        ],
        tables: vec![table],
    })
}
