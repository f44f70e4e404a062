//! Agents over loopback: what they send together is the single schedule, whatever their clocks say.

use std::time::Duration;

use bench::quantile::Quantile;
use bench::seams::Generator;
use loadgen::agent::limits::AgentLimits;
use loadgen::pace::MonotonicClock;
use scenarios::load::Arrivals;

use crate::rig::{Local, authority, coordinator, endpoint, origin, trial, with_agents};

/// Requests of a trial, warm-up included, by its own schedule.
fn planned(spec: &bench::trial::TrialSpec) -> Vec<u64> {
    let load = &spec.load;
    let span = load.warm_up + load.duration;
    let schedule = loadgen::schedule::Schedule::new(load.arrivals, load.rate, span, spec.seed);
    schedule.map(|due| due.at.offset()).collect()
}

#[test]
fn what_one_two_and_four_agents_send_is_the_single_schedule() {
    for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
        let spec = trial(arrivals, 500);
        let due = planned(&spec);
        let warm_up = u64::try_from(spec.load.warm_up.as_nanos()).expect("short");
        let in_window = due.iter().filter(|at| **at >= warm_up).count() as u64;
        for of in [1, 2, 4] {
            let (server, address) = origin(10_000);
            let (mut generator, agents) = with_agents(of);
            let record = generator.run(&spec, &endpoint(address)).expect("a trial");
            drop(agents);
            let served = server.stop().expect("it served");

            let counts = &record.counts;
            assert_eq!(record.generator.agents_lost, Vec::<String>::new());
            assert!(counts.add_up(), "{counts:?}");
            assert_eq!((counts.offered, counts.completed), (in_window, in_window), "{of} agents");
            assert_eq!(record.generator.warm_up_requests, due.len() as u64 - in_window);
            // The origin saw each request of the schedule once, and nothing else.
            assert_eq!(served.stamps.len(), due.len(), "{of} agents");
            assert_eq!(served.stamps_lost, 0);
            let shares: Vec<u64> =
                record.generator.agents.iter().map(|agent| agent.requests).collect();
            assert_eq!(shares.iter().sum::<u64>(), in_window);
            assert_eq!(shares.len(), of);
            let spread = shares.iter().max().zip(shares.iter().min()).map(|(a, b)| a - b);
            assert!(spread.is_some_and(|spread| spread <= 1), "{shares:?}");
            print_distance(&served.stamps, &due, &record.generator.agents, arrivals);
        }
    }
}

/// How far the arrivals are from the schedule, for people: a machine that is busy with tests is no
/// place to judge it.
fn print_distance(
    stamps: &[u64],
    due: &[u64],
    agents: &[bench::trial::AgentReport],
    arrivals: Arrivals,
) {
    let mut stamps = stamps.to_vec();
    stamps.sort_unstable();
    let mut off: Vec<i128> =
        stamps.iter().zip(due).map(|(stamp, due)| i128::from(*stamp) - i128::from(*due)).collect();
    // The origin's clock has a start of its own: what is left is the spread about the median.
    off.sort_unstable();
    let median = off[off.len() / 2];
    let mut apart: Vec<u128> = off.iter().map(|off| (off - median).unsigned_abs()).collect();
    apart.sort_unstable();
    let at = |quantile: Quantile| {
        let rank = bench::histogram::rank_of(quantile.fraction(), apart.len() as u64);
        apart[usize::try_from(rank).expect("small") - 1] as f64 / 1e3
    };
    let within = agents.iter().map(|agent| agent.clock_uncertainty_us).fold(0.0, f64::max);
    println!(
        "{arrivals:?}, {} agents: arrivals off the schedule by {:.0} µs at p50, {:.0} µs at p99; \
         clocks known to ± {within:.0} µs",
        agents.len(),
        at(Quantile::P50),
        at(Quantile::P99)
    );
}

#[test]
fn on_one_machine_the_clocks_agree_within_the_bound() {
    let (_server, address) = origin(0);
    let (mut generator, _agents) = with_agents(2);
    let record = generator.run(&trial(Arrivals::Constant, 100), &endpoint(address));
    for agent in record.expect("a trial").generator.agents {
        // Clocks of one machine differ by what it takes to read two of them.
        let off_by_us = agent.clock_offset_us.abs();
        assert!(off_by_us <= agent.clock_uncertainty_us + 2_000.0, "{agent:?}");
        assert!(agent.start_lead_us > 0.0, "{agent:?}");
        assert!(agent.clock_drift_us.is_some(), "{agent:?}");
    }
}

#[test]
fn an_agent_whose_clock_is_ahead_starts_with_the_others_all_the_same() {
    let hour = Duration::from_secs(3600);
    let authority = authority();
    let clock = MonotonicClock::since_boot();
    let limits = AgentLimits::default();
    let agents = [
        Local::start(&authority, "agent-1", (clock, limits)),
        Local::start(&authority, "agent-2", (clock.ahead_by(hour), limits)),
    ];
    let (server, address) = origin(10_000);
    let mut generator = coordinator(&authority, &agents);
    let spec = trial(Arrivals::Constant, 300);
    let record = generator.run(&spec, &endpoint(address)).expect("a trial");
    assert_eq!(record.generator.agents_lost, Vec::<String>::new());
    let [on_time, ahead] = record.generator.agents.as_slice() else { panic!("two agents") };
    assert!(on_time.clock_offset_us.abs() < 1e6, "{on_time:?}");
    // Found where it was put, within what was said of it; reading two clocks takes a moment.
    let error_us = (ahead.clock_offset_us - 3600e6).abs();
    assert!(error_us <= ahead.clock_uncertainty_us + 2_000.0, "{ahead:?}");
    // Were the offset not reckoned with, its start would be an hour away or long past.
    assert!(ahead.start_lead_us > 0.0 && ahead.start_lead_us < 60e6, "{ahead:?}");
    assert_eq!(record.counts.completed, 120);
    assert_eq!(server.stop().expect("it served").stamps.len(), 160);
}

#[test]
fn what_was_brought_back_is_put_together_in_the_form_of_any_other_record() {
    let (_server, address) = origin(0);
    let (mut generator, _agents) = with_agents(2);
    let spec = trial(Arrivals::Constant, 500);
    let record = generator.run(&spec, &endpoint(address)).expect("a trial");
    assert_eq!((record.block, record.position, record.variant), (1, 1, spec.variant));
    assert_eq!(record.latencies.pacing_lag.count(), record.counts.offered);
    assert_eq!(record.latencies.response_time.count(), record.counts.completed);
    assert_eq!(record.slices.len(), 10);
    assert_eq!(record.slices.iter().map(|slice| slice.count).sum::<u64>(), record.counts.completed);
    assert_eq!(record.generator.connections_opened, 8);
    let seen: Vec<&str> = generator.agents().iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(seen, ["agent-1", "agent-2"]);
}
