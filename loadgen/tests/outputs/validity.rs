//! Each rule of the verdict: found where it should be, and nowhere else.

use bench::admit::Admission;
use bench::trial::{GeneratorReport, TrialRecord, TrialSpec};
use loadgen::drive::measured::Measured;
use loadgen::drive::validity::{Validity, Verdict};
use scenarios::load::{Arrivals, LoadSpec, RequestKind, RequestSpec};
use scenarios::scenario::Gates;
use scenarios::units::RatePerSecond;
use scenarios::variant::VariantName;

use crate::made::{self, MS, US, histogram};

/// What is done to a good drive.
type Spoil = fn(&mut Measured);

fn keys(measured: &Measured) -> (Verdict, Vec<&'static str>, Vec<&'static str>) {
    let validity = Validity::of(measured);
    let reasons = validity.reasons().map(|finding| finding.key()).collect();
    let notes = validity.notes().map(|finding| finding.key()).collect();
    (validity.verdict(), reasons, notes)
}

#[test]
fn a_drive_in_order_is_valid_and_says_what_it_can_not_tell() {
    assert_eq!(keys(&made::normal()), (Verdict::Valid, vec![], vec!["too-few-for"]));
    assert_eq!(keys(&made::of(40_000)), (Verdict::Valid, vec![], vec![]));
}

/// Replaces the lag of the generator for one in so many requests.
fn late(measured: &mut Measured, one_in: u64, lag: u64) {
    let count = measured.counts.offered;
    let of = |index: u64| if index.is_multiple_of(one_in) { lag } else { 3 * US };
    measured.latencies.pacing_lag = histogram((0..count).map(of));
}

#[test]
fn every_rule_finds_what_it_is_for() {
    let cases: [(Verdict, &str, Spoil); 24] = [
        (Verdict::Invalid, "does-not-add-up", |m| m.counts.offered += 1),
        (Verdict::Invalid, "does-not-add-up", |m| m.kinds[0].counts.completed -= 1),
        (Verdict::Invalid, "does-not-add-up", |m| {
            m.latencies.service_time.record(1);
        }),
        (Verdict::Invalid, "generator-late", |m| late(m, 50, MS)),
        (Verdict::Suspect, "generator-noticeable", |m| late(m, 50, 200 * US)),
        (Verdict::Suspect, "generator-noticeable", |m| late(m, 1, 60 * US)),
        (Verdict::Invalid, "rate-missed", |m| m.asked.rate = Some(1020.0)),
        (Verdict::Invalid, "rate-missed", |m| m.window_s = 31.0),
        (Verdict::Invalid, "shed", |m| *m = made::shed(400)),
        (Verdict::Suspect, "shed", |m| *m = made::shed(10)),
        (Verdict::Suspect, "errors", |m| *m = made::censored()),
        (Verdict::Suspect, "local-failures", |m| {
            m.client.local_failures.insert("too many open files".to_owned(), 3);
        }),
        (Verdict::Invalid, "local-failures", |m| {
            m.client.local_failures.insert("no free port".to_owned(), 300);
        }),
        (Verdict::Suspect, "file-limit", |m| m.client.open_files_limit = 64),
        (Verdict::Suspect, "too-few-connections", |m| m.connections.opened = 49),
        (Verdict::Suspect, "steal", |m| m.client.steal_percent = 10.1),
        (Verdict::Suspect, "shared-core", |m| m.client.shares_core = true),
        (Verdict::Suspect, "unoptimised-build", |m| m.client.unoptimised_build = true),
        (Verdict::Suspect, "stopped-early", |m| m.stopped_early = true),
        (Verdict::Suspect, "clamped", |m| {
            m.connections.connect.record(700_000 * MS);
        }),
        (Verdict::Suspect, "busy-worker", |m| {
            m.asked.spins = false;
            m.client.busiest_worker_percent = 91.0;
        }),
        (Verdict::Suspect, "bursts", |m| {
            m.client.burst_max = 40;
            late(m, 400, 2 * MS);
        }),
        (Verdict::Suspect, "resumed", |m| {
            *m = made::tls();
            m.connections.tls_resumed.record(MS);
        }),
        (Verdict::Suspect, "not-resumed", |m| {
            *m = made::tls();
            (m.asked.keep_alive, m.asked.resumption) = (false, true);
            m.connections.tls_full = histogram((0..100).map(|_| MS));
        }),
    ];
    for (index, (verdict, key, spoil)) in cases.into_iter().enumerate() {
        let mut measured = made::normal();
        spoil(&mut measured);
        let (found, reasons, _) = keys(&measured);
        assert!(found == verdict && reasons.contains(&key), "{index} {key}: {found:?} {reasons:?}");
        if key != "does-not-add-up" && index != 0 {
            assert_eq!(reasons.len(), 1, "{key} alone: {reasons:?}");
        }
    }
}

#[test]
fn so_many_failures_that_not_even_the_median_is_known_make_it_invalid() {
    let mut measured = made::of(100);
    let lost = 150;
    measured.counts.offered += lost;
    measured.counts.timed_out = lost;
    measured.latencies.censored = histogram((0..lost).map(|_| 5_000 * MS));
    measured.latencies.pacing_lag.merge(&histogram((0..lost).map(|_| US)));
    measured.kinds[0].counts = measured.counts.clone();
    measured.asked.rate = Some(2500.0);
    assert_eq!(keys(&measured).1, ["errors"]);
    assert_eq!(keys(&measured).0, Verdict::Invalid);
}

#[test]
fn nothing_is_said_from_five_requests() {
    let (verdict, reasons, _) = keys(&made::of(5));
    assert_eq!((verdict, reasons), (Verdict::Invalid, vec!["too-few-samples"]));
}

#[test]
fn what_is_no_fault_of_the_drive_is_noted_and_no_more() {
    let cases: [(&str, Spoil); 6] = [
        ("closed-loop", |m| *m = made::closed_loop()),
        ("bounds", |m| *m = made::with_errors()),
        ("too-few-for", |m| *m = made::few()),
        ("reopened", |m| m.connections.opened = 60),
        // Requests that waited for a connection go out together: the server's doing.
        ("bursts", |m| m.client.burst_max = 40),
        ("queued", |m| m.latencies.send_lag = histogram((0..30_000).map(|_| 2 * MS))),
    ];
    for (key, spoil) in cases {
        let mut measured = made::normal();
        spoil(&mut measured);
        let (verdict, reasons, notes) = keys(&measured);
        assert!(verdict == Verdict::Valid && notes.contains(&key), "{key}: {reasons:?} {notes:?}");
    }
}

#[test]
fn a_closed_loop_is_not_judged_by_a_rate_or_by_its_pacing() {
    let mut measured = made::closed_loop();
    late(&mut measured, 2, 10 * MS);
    measured.client.burst_max = 5000;
    assert_eq!(keys(&measured).0, Verdict::Valid);
    measured.client.busiest_worker_percent = 97.0;
    assert_eq!(keys(&measured).1, ["busy-worker"]);
}

#[test]
fn a_worker_that_spins_may_be_busy_and_slack_grows_with_chance() {
    let mut measured = made::normal();
    measured.client.busiest_worker_percent = 99.0;
    assert_eq!(keys(&measured).0, Verdict::Valid);
    measured.asked.arrivals = "poisson".to_owned();
    // 2 % more than planned are 3.4 standard errors.
    measured.asked.rate = Some(980.0);
    assert_eq!(keys(&measured).0, Verdict::Valid);
    measured.asked.rate = Some(900.0);
    assert_eq!(keys(&measured).1, ["rate-missed"]);
}

/// What a run would make of the same figures.
fn admission(measured: &Measured) -> Admission {
    let request = RequestSpec {
        method: "GET".to_owned(),
        path: "/".to_owned(),
        headers: Vec::new(),
        body: String::new(),
    };
    let spec = TrialSpec {
        block: 1,
        position: 1,
        variant: VariantName("drive".to_owned()),
        load: LoadSpec {
            arrivals: Arrivals::Constant,
            rate: RatePerSecond::new(measured.asked.rate.unwrap()).unwrap(),
            connections: measured.asked.connections,
            max_in_flight: measured.asked.max_in_flight,
            timeout: measured.asked.timeout,
            warm_up: measured.asked.warm_up,
            duration: measured.asked.duration,
            requests: vec![RequestKind::only(request)],
        },
        seed: 1,
    };
    let record = TrialRecord {
        block: 1,
        position: 1,
        variant: spec.variant.clone(),
        counts: measured.counts.clone(),
        latencies: measured.latencies.clone(),
        slices: Vec::new(),
        generator: GeneratorReport {
            steal_percent: measured.client.steal_percent,
            stopped_early: measured.stopped_early,
            window_s: measured.window_s,
            ..GeneratorReport::default()
        },
    };
    Admission::without_work(&spec, &record, &Gates::default())
}

#[test]
fn what_a_run_would_reject_is_never_valid() {
    let spoils: [Spoil; 10] = [
        |_| {},
        |m| m.counts.offered += 1,
        |m| late(m, 50, MS),
        |m| m.asked.rate = Some(1020.0),
        |m| m.window_s = 31.0,
        |m| *m = made::shed(1),
        |m| *m = made::censored(),
        |m| m.client.steal_percent = 10.1,
        |m| m.stopped_early = true,
        |m| *m = made::of(5),
    ];
    for (index, spoil) in spoils.into_iter().enumerate() {
        let mut measured = made::normal();
        spoil(&mut measured);
        let admitted = admission(&measured).admitted();
        let valid = keys(&measured).0 == Verdict::Valid;
        assert!(admitted || !valid, "case {index}");
        // A run may keep some quantiles where a drive has one verdict for all.
        assert_eq!(valid, index == 0, "case {index}");
    }
}

#[test]
fn every_finding_says_what_to_do_in_words() {
    for (_, mut measured) in made::all() {
        measured.client.shares_core = true;
        for finding in &Validity::of(&measured).findings {
            assert!(!finding.hint().is_empty() && !finding.to_string().contains("  "));
        }
    }
}
