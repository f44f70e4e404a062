//! What a busy machine spoils: a late generator and stolen time, quantile by quantile; and that the
//! rule keeps what it promises, whatever the lateness did.

use bench::admit::Admission;
use bench::histogram::rank_of;
use bench::quantile::Quantile::{self, P50, P90, P99, P999};
use bench::seams::WorkSeen;
use bench::trial::TrialRecord;
use proptest::collection::vec;
use proptest::prelude::*;
use scenarios::scenario::Gates;

use crate::records::{histogram, record, spec};

/// A faultless trial of this many requests, of which some were sent 900 µs late.
fn trial(requests: u64, late: u64) -> TrialRecord {
    let mut record = record();
    let spans = || histogram((0..requests).map(|_| 1_000_000));
    record.latencies.response_time = spans();
    record.latencies.service_time = spans();
    record.latencies.pacing_lag =
        histogram((0..requests).map(|i| if i < late { 900_000 } else { 9_000 }));
    record.counts.offered = requests;
    record.counts.completed = requests;
    record.generator.window_s = requests as f64 / 1000.0;
    record
}

fn judged(record: &TrialRecord) -> Admission {
    let requests = record.counts.offered;
    let mut spec = spec();
    spec.load.duration = std::time::Duration::from_millis(requests);
    let work = WorkSeen { requests_at_origin: requests + 1000, ..WorkSeen::default() };
    Admission::of(&spec, record, &work, &Gates::default())
}

fn spoiled(record: &TrialRecord) -> Vec<Quantile> {
    let admission = judged(record);
    assert!(admission.rejections.is_empty(), "{:?}", admission.reason());
    admission.spoiled().into_keys().collect()
}

#[test]
fn lateness_spoils_from_the_rarest_quantile_downwards() {
    // The last count that each quantile bears, of 20 000 requests.
    for (late, expected) in [
        (0, vec![]),
        (5, vec![]),
        (6, vec![P999]),
        (50, vec![P999]),
        (51, vec![P99, P999]),
        (500, vec![P99, P999]),
        (501, vec![P90, P99, P999]),
        (1000, vec![P90, P99, P999]),
        (1001, vec![P50, P90, P99, P999]),
    ] {
        let record = trial(20_000, late);
        assert_eq!(spoiled(&record), expected, "{late} late");
        assert_eq!(judged(&record).admitted(), late <= 1000, "{late} late");
    }
}

#[test]
fn what_spoils_the_median_rejects_the_trial_and_what_does_not_leaves_it() {
    assert_eq!(
        judged(&trial(1000, 60)).reason().as_deref(),
        Some("generator late: 6.00 % of the requests by more than 500 µs, 5 % is allowed")
    );
    let partial = judged(&trial(1000, 12));
    assert_eq!((partial.admitted(), partial.reason()), (true, None));
    // Of 1000 requests there is no p99.9, so nothing of it can be spoilt.
    let spoiled: Vec<(Quantile, String)> = partial.spoiled().into_iter().collect();
    let why = "generator late: 1.20 % of the requests by more than 500 µs, 0.25 % is allowed";
    assert_eq!(spoiled, [(P99, why.to_owned())]);
    assert_eq!(partial.verdict(), Some(format!("p99 left out: {why}")));
}

#[test]
fn lateness_small_beside_the_median_is_none() {
    let mut record = record();
    record.latencies.pacing_lag = histogram(std::iter::repeat_n(900_000, 1000));
    record.latencies.response_time = histogram(std::iter::repeat_n(2_000_000, 1000));
    assert_eq!(spoiled(&record), []);
}

#[test]
fn stolen_time_spoils_the_quantiles_that_it_could_be() {
    for (percent, expected) in [
        (0.1, vec![]),
        (0.2, vec![P999]),
        (1.0, vec![P999]),
        (1.01, vec![P99, P999]),
        (6.0, vec![P99, P999]),
        (10.0, vec![P99, P999]),
        (10.1, vec![P50, P90, P99, P999]),
    ] {
        let mut record = trial(5000, 0);
        record.generator.steal_percent = percent;
        assert_eq!(spoiled(&record), expected, "{percent} %");
    }
}

#[test]
fn a_quantile_that_two_things_spoil_has_both_reasons() {
    let mut record = trial(1000, 12);
    record.generator.steal_percent = 7.25;
    let spoiled = judged(&record).spoiled();
    assert_eq!(
        spoiled[&P99],
        "generator late: 1.20 % of the requests by more than 500 µs, 0.25 % is allowed; \
         time stolen: 7.25 % by the hypervisor, 1 % is allowed"
    );
}

#[test]
fn what_the_machine_spoilt_is_told_of_a_trial_that_is_rejected_for_something_else() {
    let mut record = trial(1000, 12);
    record.generator.stopped_early = true;
    let admission = judged(&record);
    assert!(!admission.admitted());
    assert_eq!(admission.spoiled().into_keys().collect::<Vec<_>>(), [P99]);
}

/// The value of a rank, from 1, of values in any order.
fn at_rank(values: &[u64], rank: usize) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    rank.checked_sub(1).and_then(|index| sorted.get(index)).copied()
}

fn rank(quantile: Quantile, count: usize) -> usize {
    usize::try_from(rank_of(quantile.fraction(), count as u64)).expect("small")
}

proptest! {
    #[test]
    fn a_quantile_moves_by_no_more_ranks_than_values_were_changed(
        punctual in vec(1_u64..1000, 1..200),
        changed in vec((any::<prop::sample::Index>(), 1_u64..2000), 0..60),
    ) {
        let mut measured = punctual.clone();
        let mut touched = std::collections::BTreeSet::new();
        for (index, value) in changed {
            let index = index.index(measured.len());
            measured[index] = value;
            touched.insert(index);
        }
        for quantile in Quantile::ALL {
            let rank = rank(quantile, punctual.len());
            let found = at_rank(&measured, rank).unwrap();
            if let Some(low) = at_rank(&punctual, rank.saturating_sub(touched.len())) {
                prop_assert!(low <= found);
            }
            if let Some(high) = at_rank(&punctual, rank + touched.len()) {
                prop_assert!(found <= high);
            }
        }
    }

    // Lateness that only adds, twice as many touched as were sent late, no more late than admitted:
    // the figure is the punctual one's at a quantile between q and half of the way to the end.
    #[test]
    fn an_admitted_quantile_is_one_of_a_punctual_generator_not_far_beyond(
        punctual in vec(1_u64..1000, 400..1200),
        late in 0_u64..40,
        delays in vec(1_u64..5000, 80),
        first in any::<prop::sample::Index>(),
    ) {
        let admission = judged(&trial(punctual.len() as u64, late));
        let mut measured = punctual.clone();
        let first = first.index(punctual.len());
        for (touched, delay) in (0..2 * late).zip(&delays) {
            let at = (first + usize::try_from(touched).unwrap()) % punctual.len();
            measured[at] += delay;
        }
        prop_assert!(admission.admitted() || late * 20 > punctual.len() as u64);
        let spoiled = admission.spoiled();
        for quantile in admission.measured.into_iter().filter(|q| !spoiled.contains_key(q)) {
            let n = punctual.len();
            let found = at_rank(&measured, rank(quantile, n)).unwrap();
            let beyond = quantile.beyond_percent() / 100.0 * n as f64 / 2.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let furthest = rank(quantile, n) + beyond.floor() as usize;
            prop_assert!(at_rank(&punctual, rank(quantile, n)).unwrap() <= found);
            prop_assert!(found <= at_rank(&punctual, furthest).unwrap(), "{:?}", quantile);
        }
    }

    #[test]
    fn no_quantile_passes_with_more_late_than_it_bears_and_none_fails_without(
        requests in 6_u64..6000,
        late in 0_u64..600,
        steal in 0.0..12.0_f64,
    ) {
        let late = late.min(requests);
        let mut record = trial(requests, late);
        record.generator.steal_percent = steal;
        let admission = judged(&record);
        let spoiled = admission.spoiled();
        for quantile in Quantile::ALL {
            let measured = requests >= quantile.samples_needed();
            // Late, per hundred thousand: whole numbers, so that no rounding hides a request.
            let bears = match quantile { P50 => 5000, P90 => 2500, P99 => 250, P999 => 25 };
            let too_late = late * 100_000 > bears * requests;
            let stolen = steal > quantile.beyond_percent().min(10.0);
            prop_assert_eq!(
                spoiled.contains_key(&quantile),
                measured && (too_late || stolen),
                "{:?}: {} late of {}, {} stolen", quantile, late, requests, steal
            );
        }
    }
}
