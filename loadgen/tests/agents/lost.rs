//! An agent that dies, or brings something else than what was asked: the trial is kept and
//! rejected, with the reason. What fails here follows the protocol up to where it fails.

use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use bench::admit::{Admission, Rejection};
use bench::part::TrialPart;
use bench::seams::Generator;
use bench::trial::{TrialRecord, TrialSpec};
use loadgen::agent::channel::Channel;
use loadgen::agent::credentials::{AgentCredentials, RunAuthority};
use loadgen::agent::fleet::AgentAt;
use loadgen::agent::limits::AgentLimits;
use loadgen::agent::message::{Brought, FromAgent, Greeting, LONGEST_TO_AGENT, ToAgent};
use loadgen::pace::MonotonicClock;
use scenarios::load::Arrivals;
use scenarios::scenario::Gates;

use crate::rig::{Local, about, authority, endpoint, generator, origin, trial};

const PATIENCE: Duration = Duration::from_secs(20);

/// Follows the protocol until the trial is started, and does then what it is given.
fn failing(
    authority: &RunAuthority,
    name: &str,
    then: impl FnOnce(Channel) + Send + 'static,
) -> (AgentAt, JoinHandle<()>) {
    let document = authority.agent(name).expect("a plain name");
    let credentials = AgentCredentials::read(&document).expect("as it was made");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("somebody");
        let accepted = Channel::accept(stream, credentials.tls, LONGEST_TO_AGENT);
        let mut channel = accepted.expect("of this run");
        let _: Greeting = channel.hear(PATIENCE).expect("a greeting");
        channel.say(&FromAgent::Hello(Box::new(about()))).expect("it listens");
        let clock = MonotonicClock::since_boot();
        loop {
            let now_ns = clock.now().0;
            let answer = match channel.hear(PATIENCE).expect("a message") {
                ToAgent::Trial(_) => FromAgent::Ready,
                ToAgent::Clock => FromAgent::Clock { now_ns },
                ToAgent::Start { at_ns } => FromAgent::Started { lead_ns: at_ns - now_ns },
                ToAgent::Stop => panic!("nothing was started"),
                ToAgent::Probe(_) => panic!("nothing is asked"),
            };
            channel.say(&answer).expect("it listens");
            if matches!(answer, FromAgent::Started { .. }) {
                return then(channel);
            }
        }
    });
    (AgentAt { name: name.to_owned(), address }, thread)
}

/// A trial by one agent that works and one that fails like that; how many arrived.
fn with_a_failing_agent(
    spec: &TrialSpec,
    then: impl FnOnce(Channel) + Send + 'static,
) -> (TrialRecord, u64) {
    let authority = authority();
    let setting = (MonotonicClock::since_boot(), AgentLimits::default());
    let works = Local::start(&authority, "agent-1", setting);
    let (fails, thread) = failing(&authority, "agent-2", then);
    let (server, address) = origin(0);
    let mut generator = generator(vec![works.at.clone(), fails], &authority);
    let record = generator.run(spec, &endpoint(address)).expect("it was sent");
    thread.join().expect("no panic");
    (record, server.stop().expect("it served").requests)
}

/// Why the record is no measurement, whatever the origin says.
fn lost(spec: &TrialSpec, record: &TrialRecord) -> Vec<String> {
    let admission = Admission::without_work(spec, record, &Gates::default());
    assert!(!admission.admitted());
    let lost = |rejection: &Rejection| match rejection {
        Rejection::AgentLost { problem } => Some(problem.clone()),
        _ => None,
    };
    admission.rejections.iter().filter_map(lost).collect()
}

#[test]
fn an_agent_that_dies_costs_the_trial_and_the_others_end_it_early() {
    // Far longer than the test has patience: the other agent must be told.
    let spec = trial(Arrivals::Constant, 300_000);
    let (record, arrived) = with_a_failing_agent(&spec, drop);
    assert_eq!(lost(&spec, &record), ["agent-2: the connection was closed"]);
    assert!(record.generator.stopped_early);
    let [left] = record.generator.agents.as_slice() else { panic!("one agent is left") };
    assert_eq!((left.name.as_str(), left.requests), ("agent-1", record.counts.offered));
    assert!(record.counts.add_up());
    let sent = record.generator.warm_up_requests + record.counts.offered;
    assert!(arrived <= sent, "{arrived} of {sent}");
}

#[test]
fn an_agent_that_sent_less_than_its_share_costs_the_trial() {
    let spec = trial(Arrivals::Constant, 300);
    let (record, _) = with_a_failing_agent(&spec, |mut channel| {
        let part = TrialPart::default();
        let brought = Brought { part, first_late_ns: None, pacing: String::new() };
        channel.say(&FromAgent::Record(Box::new(brought))).expect("it listens");
    });
    assert_eq!(
        lost(&spec, &record),
        ["agent-2: it offered 0 + 0 requests in warm-up and window, its share is 20 + 60"]
    );
    assert_eq!(record.counts.offered, 60);
}

#[test]
fn an_agent_that_brings_no_record_but_something_else_costs_the_trial() {
    let spec = trial(Arrivals::Constant, 300);
    let (record, _) = with_a_failing_agent(&spec, |mut channel| {
        channel.say(&serde_json::json!({ "record": { "part": "good" } })).expect("it listens");
    });
    let [why] = lost(&spec, &record).try_into().expect("one reason");
    assert!(why.starts_with("agent-2: a message that can not be understood: "), "{why}");
    let (record, _) = with_a_failing_agent(&spec, |mut channel| {
        let (problem, hint) = ("no room".to_owned(), String::new());
        channel.say(&FromAgent::Refused { problem, hint }).expect("it listens");
    });
    assert_eq!(lost(&spec, &record), ["agent-2: it refused: no room"]);
}

#[test]
fn an_agent_that_is_late_with_its_record_costs_the_trial() {
    let mut spec = trial(Arrivals::Constant, 300);
    spec.load.timeout = Duration::from_millis(1);
    let authority = authority();
    // It says nothing for as long as somebody listens: whatever the machine does, it is the later.
    let silent = |mut channel: Channel| while channel.listen::<ToAgent>(PATIENCE).is_ok() {};
    let (late, thread) = failing(&authority, "agent-1", silent);
    let (server, address) = origin(0);
    let generator = generator(vec![late], &authority);
    let record = generator.with_patience(Duration::ZERO).run(&spec, &endpoint(address));
    let record = record.expect("it was started");
    thread.join().expect("no panic");
    let [why] = lost(&spec, &record).try_into().expect("one reason");
    assert!(why.starts_with("agent-1: no record of it came within "), "{why}");
    assert!(why.ends_with(" of the start"), "{why}");
    assert_eq!((record.counts.offered, record.generator.agents.len()), (0, 0));
    assert!(record.counts.add_up());
    assert_eq!(server.stop().expect("it served").requests, 0);
}
