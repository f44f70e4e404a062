//! Each reason to reject a trial whole, alone, and that a faultless trial has none. What spoils
//! single quantiles is in `disturbances`.

use std::collections::BTreeMap;

use bench::admit::{Admission, Rejection, kinds};
use bench::histogram::Histogram;
use bench::seams::{HopWork, WorkSeen};
use bench::trial::{LET_THROUGH, REFUSED, TrialRecord};
use scenarios::load::Arrivals;
use scenarios::scenario::Gates;

use crate::records::{histogram, record, slices, spec, work};

fn judged(record: &TrialRecord) -> Admission {
    Admission::of(&spec(), record, &work(), &Gates::default())
}

fn only_reason(record: &TrialRecord) -> String {
    let admission = judged(record);
    let reason = admission.reason().expect("it is rejected");
    assert_eq!(kinds(&reason).count(), 1, "{reason}");
    reason
}

/// A trial in which the last n of 1000 requests ended otherwise.
fn with_unanswered(n: u64, mark: impl FnOnce(&mut TrialRecord)) -> TrialRecord {
    let mut record = record();
    record.counts.completed -= n;
    record.latencies.response_time = histogram((n..1000).map(|_| 1_000_000));
    record.latencies.service_time = record.latencies.response_time.clone();
    record.latencies.censored = histogram((0..n).map(|_| 1_000_000_000));
    mark(&mut record);
    record
}

#[test]
fn a_faultless_trial_is_admitted() {
    let admission = judged(&record());
    assert!(admission.admitted(), "{:?}", admission.reason());
    assert_eq!((admission.reason(), admission.spoiled()), (None, BTreeMap::new()));
}

#[test]
fn lateness_small_beside_the_median_is_allowed() {
    let mut record = record();
    record.latencies.pacing_lag = histogram(std::iter::repeat_n(900_000, 1000));
    record.latencies.response_time = histogram(std::iter::repeat_n(2_000_000, 1000));
    assert!(judged(&record).admitted());
}

#[test]
fn waiting_for_a_free_connection_never_rejects_a_trial() {
    let mut record = record();
    record.latencies.send_lag = histogram(std::iter::repeat_n(400_000_000, 1000));
    record.latencies.response_time = histogram(std::iter::repeat_n(401_000_000, 1000));
    record.generator.window_s = 1.4;
    assert!(judged(&record).admitted(), "{:?}", judged(&record).reason());
}

#[test]
fn one_slow_answer_does_not_make_the_rate_missed() {
    let mut record = record();
    record.latencies.response_time =
        histogram((0..1000).map(|i| if i == 999 { 900_000_000 } else { 1_000_000 }));
    record.generator.window_s = 1.9;
    assert!(judged(&record).admitted(), "{:?}", judged(&record).reason());
}

#[test]
fn a_schedule_that_was_stretched_or_squeezed_missed_its_rate() {
    for (window_s, found) in [(1.2, "833"), (0.8, "1248")] {
        let mut record = record();
        record.generator.window_s = window_s;
        let reason = only_reason(&record);
        assert!(reason.starts_with(&format!("rate missed: {found}")), "{reason}");
    }
}

#[test]
fn a_schedule_with_too_few_requests_missed_its_rate_unless_arrivals_are_drawn() {
    let mut short = record();
    short.counts.offered = 950;
    short.counts.completed = 950;
    short.latencies.response_time = histogram(std::iter::repeat_n(1_000_000, 950));
    short.latencies.service_time = short.latencies.response_time.clone();
    short.latencies.pacing_lag = histogram(std::iter::repeat_n(20_000, 950));
    short.generator.window_s = 0.95;
    let mut seen = work();
    seen.requests_at_origin = 1950;
    let constant = Admission::of(&spec(), &short, &seen, &Gates::default());
    assert!(matches!(constant.rejections[..], [Rejection::RateMissed { .. }]), "{constant:?}");
    let mut poisson = spec();
    poisson.load.arrivals = Arrivals::Poisson;
    assert!(Admission::of(&poisson, &short, &seen, &Gates::default()).admitted());
}

#[test]
fn a_shed_request_rejects_the_trial() {
    let record = with_unanswered(1, |record| record.counts.shed = 1);
    // It was never sent, so the origin has seen one less.
    let work = WorkSeen { requests_at_origin: 1999, ..WorkSeen::default() };
    let admission = Admission::of(&spec(), &record, &work, &Gates::default());
    assert_eq!(
        admission.reason().as_deref(),
        Some("shed: 1 requests at the in-flight limit of 100, none is allowed")
    );
}

#[test]
fn errors_are_listed_by_kind() {
    let record = with_unanswered(5, |record| {
        record.counts.failed = 3;
        record.counts.timed_out = 2;
        record.counts.by_failure.insert("reset".to_owned(), 3);
    });
    let reason = only_reason(&record);
    assert_eq!(
        reason,
        "errors: 0.50 % of the requests failed (reset 3, timed out 2), 0.10 % is allowed"
    );
}

#[test]
fn one_error_in_a_thousand_is_allowed() {
    assert!(judged(&with_unanswered(1, |record| record.counts.timed_out = 1)).admitted());
}

#[test]
fn a_rising_median_is_drift_and_a_step_within_the_limit_is_not() {
    let mut record = record();
    record.slices = slices([900., 950., 1000., 1020., 1100., 1150., 1160., 1250., 1300., 1400.]);
    let reason = only_reason(&record);
    assert!(reason.starts_with("drifting: the median went from 950 µs to 1300 µs"), "{reason}");
    record.slices = slices([900., 901., 902., 903., 904., 905., 906., 907., 908., 909.]);
    assert!(judged(&record).admitted());
}

#[test]
fn empty_slices_are_no_sign_of_drift() {
    let mut record = record();
    record.slices = slices([0.0; 10]);
    for slice in &mut record.slices {
        slice.count = 0;
    }
    assert!(judged(&record).admitted());
}

#[test]
fn work_that_the_generator_knows_nothing_of_rejects_the_trial() {
    for (seen, fits) in [(1999, false), (2000, true), (2001, false)] {
        let work = WorkSeen { requests_at_origin: seen, ..WorkSeen::default() };
        let admission = Admission::of(&spec(), &record(), &work, &Gates::default());
        assert_eq!(admission.admitted(), fits, "{seen}");
    }
    // A request that timed out may have been seen or not.
    let record = with_unanswered(1, |record| record.counts.timed_out = 1);
    for (seen, fits) in [(1998, false), (1999, true), (2000, true), (2001, false)] {
        let work = WorkSeen { requests_at_origin: seen, ..WorkSeen::default() };
        let admission = Admission::of(&spec(), &record, &work, &Gates::default());
        assert_eq!(admission.admitted(), fits, "{seen}");
    }
    assert!(Admission::without_work(&spec(), &record, &Gates::default()).admitted());
}

#[test]
fn a_proxy_that_did_other_work_than_was_sent_rejects_the_trial() {
    let hop = |requests, sent_again| {
        let at = "client sidecar".to_owned();
        HopWork { at, requests, sent_again, ..HopWork::default() }
    };
    let judge = |record: &TrialRecord, hops| {
        let work = WorkSeen { hops, ..work() };
        Admission::of(&spec(), record, &work, &Gates::default())
    };
    for (seen, again, reason) in [
        (2000, 0, None),
        (1999, 0, Some("proxy's work mismatch")),
        (2001, 0, Some("proxy's work mismatch")),
        (2000, 1, Some("proxy's retries")),
    ] {
        let told = judge(&record(), vec![hop(2000, 0), hop(seen, again)]).reason();
        assert_eq!(told.as_deref().and_then(|told| told.split(':').next()), reason, "{seen}");
    }
    // What a proxy answers by itself fails at the generator, and reached the proxy all the same.
    let refused = with_unanswered(1, |record| record.counts.failed = 1);
    for (seen, fits) in [(1998, false), (1999, true), (2000, true), (2001, false)] {
        let judged = judge(&refused, vec![hop(seen, 0)]);
        let mismatch = |reason: &Rejection| matches!(reason, Rejection::HopMismatch { .. });
        assert_eq!(!judged.rejections.iter().any(mismatch), fits, "{seen}");
    }
}

#[test]
fn every_reason_is_told_and_none_hides_another() {
    let mut record = record();
    record.generator.stopped_early = true;
    record.generator.steal_percent = 50.0;
    record.latencies.pacing_lag = histogram(std::iter::repeat_n(900_000, 400));
    record.counts.offered = 400;
    record.counts.completed = 3;
    record.latencies.response_time = Histogram::new();
    let admission = judged(&record);
    let reason = admission.reason().unwrap();
    for part in [
        "does not add up: completed + denied + failed + timed out + shed is 3, and should be 400",
        "stopped early: after 400 requests",
        "too few: 3 requests were completed, at least 6 are needed",
        "generator late: 100.00 % of the requests by more than 500 µs, 5 % is allowed",
        "time stolen: 50.00 % by the hypervisor, 10 % is allowed",
        "rate missed: 400.0",
        "work mismatch: the origin answered 2000 requests, the generator's figures allow 1003 to 1003",
    ] {
        assert!(reason.contains(part), "{part:?} is not in {reason:?}");
    }
    assert!(reason.contains("; "));
}

/// [`record`] with 50 of its 1000 requests denied, and 50 of the warm-up's.
fn with_denials() -> TrialRecord {
    let mut record = record();
    record.counts.completed = 950;
    record.counts.denied = 50;
    record.counts.by_status = BTreeMap::from([(200, 950), (403, 50)]);
    record.latencies.response_time = histogram(std::iter::repeat_n(1_000_000, 950));
    record.latencies.service_time = histogram(std::iter::repeat_n(1_000_000, 950));
    record.latencies.denied = histogram(std::iter::repeat_n(500_000, 50));
    record.generator.warm_up_denied = 50;
    record
}

#[test]
fn denials_are_answers_that_the_origin_did_not_give() {
    let seen = |origin, denied| WorkSeen {
        requests_at_origin: origin,
        requests_denied: denied,
        ..WorkSeen::default()
    };
    let judge = |record: &TrialRecord, work| {
        Admission::of(&spec(), record, &work, &Gates::default()).reason()
    };
    let record = with_denials();
    assert_eq!(judge(&record, seen(1900, Some(100))), None);
    // Where the proxy does not count, that is not held against anything.
    assert_eq!(judge(&record, seen(1900, None)), None);
    assert_eq!(
        judge(&record, seen(1900, Some(99))).unwrap(),
        "denials mismatch: the proxy refused 99 requests, the generator's figures allow 100 to 100"
    );
    let passed_on = judge(&record, seen(2000, Some(100))).unwrap();
    assert!(
        passed_on.starts_with("work mismatch: the origin answered 2000 requests"),
        "{passed_on}"
    );
    let mut lost = record;
    lost.latencies.denied = Histogram::new();
    let why = judge(&lost, seen(1900, Some(100))).unwrap();
    assert!(why.contains("the count of denials' times is 0, and should be 50"), "{why}");
}

#[test]
fn one_request_that_a_policy_let_through_or_refused_wrongly_spoils_the_trial() {
    for (kind, said) in [
        (LET_THROUGH, "not enforced: 1 served that a policy must refuse, 0 refused"),
        (REFUSED, "not enforced: 0 served that a policy must refuse, 1 refused"),
    ] {
        let mut record = record();
        record.counts.completed = 999;
        record.counts.failed = 1;
        record.counts.by_failure = BTreeMap::from([(kind.to_owned(), 1)]);
        record.latencies.response_time = histogram(std::iter::repeat_n(1_000_000, 999));
        record.latencies.service_time = histogram(std::iter::repeat_n(1_000_000, 999));
        record.latencies.censored = histogram([1_000_000]);
        let reason = Admission::of(&spec(), &record, &work(), &Gates::default()).reason().unwrap();
        assert!(reason.starts_with(said), "{reason}");
    }
}
