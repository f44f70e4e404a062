//! No run, however odd, makes a renderer fail: names of any characters, figures of any size, counts
//! that do not add up.

mod html_support;

use std::collections::BTreeMap;

use bench::quantile::Quantile;
use bench::record::{
    ArticleRow, ClaimVerdict, ComparisonRow, ComparisonSpecRecord, Estimate, GatesRecord,
    LoadRecord, MarginRecord, Placement, PlanRecord, Provenance, RunRecord, SCHEMA_VERSION,
    Subject, Summary, TrialRow, VariantRecord, Verdict,
};
use bench::report::model::Report;
use bench::report::terminal::Style;
use bench::report::{charts, markdown, page, terminal};
use bench::seams::{Probe, Proof};
use bench::stopping::{Ending, Look, Precision, Reach, Seen, Stopped, Target};
use bench::trial::{Latencies, OutcomeCounts};
use html_support::read;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

/// Few names, so that records refer to one another, and odd ones among them.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => select(vec!["plain", "plain#2", "strict", "a-a", "#2", ""]).prop_map(str::to_owned),
        2 => "\\PC{0,60}",
        1 => select(vec!["a|b<c>&\"'", "x\ny\u{1b}[1m\0", "`](http://e)", "\u{5d0}\u{1f600}é"])
            .prop_map(str::to_owned),
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => 20.0..1e7,
        2 => -1e7..1e7,
        1 => any::<f64>(),
        1 => select(vec![0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 1e-320]),
    ]
}

fn quantile() -> impl Strategy<Value = Quantile> {
    select(Quantile::ALL.to_vec())
}

fn estimate() -> impl Strategy<Value = Estimate> {
    (number(), number(), number(), number()).prop_map(|(point, low, high, confidence)| Estimate {
        point,
        low,
        high,
        confidence,
    })
}

prop_compose! {
    fn summary()(
        figures in prop::array::uniform6(of(number())),
        count in any::<u64>(),
        at_least in prop::collection::vec(quantile(), 0..3),
    ) -> Summary {
        let [p50, p90, p99, p999, max, mean] = figures;
        Summary { p50, p90, p99, p999, max, mean, count, at_least }
    }
}

prop_compose! {
    fn trial()(
        place in (any::<u32>(), any::<u32>()),
        variant in name(),
        admitted in any::<bool>(),
        rejected in of(name()),
        spoiled in prop::collection::btree_map(quantile(), name(), 0..4),
        counts in prop::array::uniform5(any::<u64>()),
        summaries in prop::array::uniform4(summary()),
        rate in number(),
    ) -> TrialRow {
        let [offered, completed, failed, timed_out, shed] = counts;
        let [response_time_us, service_time_us, send_lag_us, pacing_lag_us] = summaries;
        TrialRow {
            block: place.0 % 20, position: place.1, variant, admitted, rejected, spoiled,
            offered, completed, failed, timed_out, shed,
            offered_rps: rate, achieved_rps: rate,
            response_time_us, service_time_us, send_lag_us, pacing_lag_us,
            denied: 0,
            denied_time_us: None,
            outcomes: OutcomeCounts { by_status: BTreeMap::from([(200, completed)]),
                ..OutcomeCounts::default() },
            slices: Vec::new(), generator: Default::default(), work: Default::default(),
            histograms: String::new(),
        }
    }
}

prop_compose! {
    fn comparison()(
        names in prop::array::uniform3(name()),
        quantile in quantile(),
        estimates in (of(estimate()), of(estimate())),
        figures in prop::array::uniform3(of(number())),
        verdict in select(vec![
            Verdict::Slower, Verdict::Faster, Verdict::Equivalent, Verdict::Inconclusive,
        ]),
        blocks in any::<u32>(),
        remark in of(name()),
    ) -> ComparisonRow {
        let [name, candidate, baseline] = names;
        let [candidate_us, baseline_us, margin_us] = figures;
        ComparisonRow {
            name, candidate, baseline, measure: "response_time".to_owned(), quantile,
            candidate_us, baseline_us, overhead_us: estimates.0, ratio: estimates.1,
            bootstrap_us: None, p_value: None, p_holm: None, p_run: None, margin_us, verdict, blocks, remark,
        }
    }
}

prop_compose! {
    fn article()(
        texts in (name(), name(), of(name()), of(name())),
        measured in of(estimate()),
        verdict in select(vec![
            ClaimVerdict::WithinInterval, ClaimVerdict::MeasuredHigher,
            ClaimVerdict::MeasuredLower, ClaimVerdict::NotMeasured, ClaimVerdict::NoClaim,
        ]),
    ) -> ArticleRow {
        let (row, column, claimed, why_not) = texts;
        ArticleRow {
            row, column, claimed, measured, measured_memory: None, measure: None,
            testbed: String::new(), why_not, verdict,
        }
    }
}

prop_compose! {
    fn precision()(
        targets in prop::collection::vec((quantile(), number(), any::<bool>()), 0..4),
        within_s in of(number()),
    ) -> Precision {
        let target = |(quantile, size, percent): (Quantile, f64, bool)| Target {
            quantile, reach: if percent { Reach::Percent(size) } else { Reach::Us(size) },
        };
        Precision { targets: targets.into_iter().map(target).collect(), within_s }
    }
}

fn ending() -> impl Strategy<Value = Option<Ending>> {
    of(select(vec![Ending::Reached, Ending::Blocks, Ending::Time]))
}

prop_compose! {
    fn seen()(
        comparison in name(),
        quantile in quantile(),
        blocks in any::<u32>(),
        figures in (of(number()), of(number()), number()),
    ) -> Seen {
        let (reach_us, wanted_us, spent) = figures;
        Seen { comparison, quantile, blocks, reach_us, wanted_us, spent }
    }
}

prop_compose! {
    fn stopped()(
        looks in prop::collection::vec(
            (any::<u32>(), number(), of(any::<u32>()), prop::collection::vec(seen(), 0..3), ending()),
            0..4,
        ),
        figures in (number(), number()),
        ending in ending(),
    ) -> Stopped {
        let look = |(block, elapsed_s, blocks_foreseen, seen, ending)| Look {
            block, elapsed_s, blocks_foreseen, seen, ending,
        };
        Stopped {
            look_level: figures.0, error: figures.1, ending,
            looks: looks.into_iter().map(look).collect(),
        }
    }
}

prop_compose! {
    fn plan()(
        texts in (name(), name(), name()),
        variants in prop::collection::vec((name(), name(), of(name())), 0..9),
        comparisons in prop::collection::vec((name(), name(), name(), name()), 0..5),
        figures in prop::array::uniform9(number()),
        blocks in any::<u32>(),
        precision in of(precision()),
    ) -> PlanRecord {
        let [a, b, c, d, e, f, g, h, i] = figures;
        PlanRecord {
            title: texts.0, question: texts.1, scenario_version: blocks,
            load: LoadRecord {
                arrivals: texts.2.clone(), rate: a, connections: blocks, max_in_flight: blocks,
                timeout_s: b, warm_up_s: c, duration_s: d, request: texts.2.clone(),
                body_bytes: usize::MAX,
                requests: Vec::new(),
            },
            blocks, precision, control: texts.2,
            margin: MarginRecord { percent: e, at_least_us: f },
            gates: GatesRecord {
                late_us: g, late_percent: h, rate_error_percent: i, errors_percent: a,
                steal_percent: b, drift_percent: c,
            },
            variants: variants.into_iter().map(|(name, title, planted)| VariantRecord {
                name, title, proxies: String::new(), policies: Vec::new(), planted,
            }).collect(),
            comparisons: comparisons.into_iter().map(|(name, title, candidate, baseline)|
                ComparisonSpecRecord { name, title, candidate, baseline }).collect(),
            article: Vec::new(),
        }
    }
}

fn provenance(text: String, shared: bool) -> Provenance {
    Provenance {
        loadgen: text.clone(),
        git: text.clone(),
        profile: text.clone(),
        opt_level: (if shared { "0" } else { "3" }).to_owned(),
        command: vec![text.clone(), text.clone()],
        kernel: text.clone(),
        cpu: text.clone(),
        cores: 2,
        memory_bytes: u64::MAX,
        governor: text.clone(),
        virtual_machine: shared,
        placement: Placement { generator: vec![0, 1], subject: Vec::new(), shared },
        subject: Subject { name: text.clone(), version: text.clone(), tls: None },
        notes: BTreeMap::from([(text.clone(), text)]),
    }
}

prop_compose! {
    fn record()(
        text in name(),
        flags in prop::array::uniform3(any::<bool>()),
        ended_early in of(name()),
        plan in plan(),
        proofs in prop::collection::vec((name(), any::<u32>(), name(), any::<bool>()), 0..6),
        trials in prop::collection::vec(trial(), 0..40),
        comparisons in prop::collection::vec(comparison(), 0..24),
        article in prop::collection::vec(article(), 0..8),
        stopping in of(stopped()),
    ) -> RunRecord {
        RunRecord {
            schema_version: SCHEMA_VERSION, scenario: text.clone(), testbed: text.clone(),
            testbed_note: text.clone(), seed: u64::MAX, quick: flags[0], interrupted: flags[1],
            ended_early, started_at: text.clone(), provenance: provenance(text, flags[2]),
            agents: Vec::new(), selftest: None, plan,
            proofs: proofs.into_iter().map(|(variant, block, claim, holds)| Proof {
                variant, block,
                probes: vec![Probe { claim: claim.clone(), observed: claim, holds }],
                peer_identity: None,
            }).collect(),
            stopping, trials, comparisons, article, memory: None,
        }
    }
}

prop_compose! {
    fn latencies()(
        all in prop::collection::btree_map(
            name(),
            (prop::collection::vec(any::<u64>(), 0..400), prop::collection::vec(any::<u64>(), 0..4)),
            0..4,
        ),
    ) -> BTreeMap<String, Latencies> {
        let of = |(answered, censored): (Vec<u64>, Vec<u64>)| {
            let mut latencies = Latencies::default();
            for value in answered { latencies.response_time.record(value >> 20); }
            for value in censored { latencies.censored.record(value >> 20); }
            latencies
        };
        all.into_iter().map(|(name, values)| (name, of(values))).collect()
    }
}

/// Everything but the pictures, which take longest.
fn every_text(record: &RunRecord, latencies: &BTreeMap<String, Latencies>) -> Vec<String> {
    let report = Report::of(record, latencies);
    let mut texts = vec![
        terminal::render(&report, Style::Plain, &[]),
        markdown::render(&report),
        page::render(&report),
    ];
    texts.extend(charts::all(&report).into_iter().map(|chart| chart.svg));
    texts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_run_makes_a_renderer_fail(record in record(), latencies in latencies()) {
        let texts = every_text(&record, &latencies);
        for line in texts[0].lines() {
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            prop_assert!(line.chars().count() <= 100, "{line}");
        }
        let page = read(&texts[2]);
        prop_assert!(page.mistakes.is_empty(), "{:?}", page.mistakes);
        for data in &page.data {
            prop_assert!(serde_json::from_str::<serde_json::Value>(data).is_ok(), "{data}");
        }
        for svg in &texts[3..] {
            let parsed = resvg::usvg::roxmltree::Document::parse(svg);
            prop_assert!(parsed.is_ok(), "{parsed:?}");
        }
        prop_assert!(texts == every_text(&record, &latencies), "another text at the second time");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn every_chart_of_any_run_can_be_drawn(record in record(), latencies in latencies()) {
        for chart in charts::all(&Report::of(&record, &latencies)) {
            prop_assert!(charts::png(&chart.svg).is_ok(), "{}", chart.name);
        }
    }
}
