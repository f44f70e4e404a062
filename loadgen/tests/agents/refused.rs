//! Who is not served, and what is not sent.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use bench::seams::{Generator, GeneratorError};
use loadgen::agent::channel::Channel;
use loadgen::agent::credentials::AgentCredentials;
use loadgen::agent::fleet::AgentAt;
use loadgen::agent::limits::AgentLimits;
use loadgen::agent::message::{FromAgent, Greeting, Hello, LONGEST_FROM_AGENT, ToAgent};
use loadgen::pace::MonotonicClock;
use scenarios::load::Arrivals;

use crate::rig::{Local, authority, coordinator, endpoint, generator, origin, trial, with_agents};

const PATIENCE: Duration = Duration::from_secs(20);

fn machine() -> (MonotonicClock, AgentLimits) {
    (MonotonicClock::since_boot(), AgentLimits::default())
}

fn refused(result: Result<bench::trial::TrialRecord, GeneratorError>) -> String {
    result.expect_err("nothing can be sent").to_string()
}

#[test]
fn an_agent_answers_the_coordinator_of_its_run_and_nobody_else() {
    let (server, address) = origin(10);
    let (ours, theirs) = (authority(), authority());
    let agents = [Local::start(&ours, "agent-1", machine())];
    // Another run's coordinator, with the same names by another CA.
    let mut stranger = coordinator(&theirs, &agents);
    let said = refused(stranger.run(&trial(Arrivals::Constant, 100), &endpoint(address)));
    assert!(said.contains("agent-1 at ") && said.contains("TLS: "), "{said}");
    // An agent of the same run under another name.
    let places = vec![AgentAt { name: "agent-2".to_owned(), ..agents[0].at.clone() }];
    let mut other = generator(places, &ours);
    let said = refused(other.run(&trial(Arrivals::Constant, 100), &endpoint(address)));
    assert!(said.contains("sa/agent-1, expected ") && said.contains("sa/agent-2"), "{said}");
    assert_eq!(server.stop().expect("it served").requests, 0);
}

#[test]
fn an_agent_does_not_serve_another_agent_of_its_run() {
    let authority = authority();
    let agent = Local::start(&authority, "agent-1", machine());
    // The second agent's own certificate, used to call the first.
    let material: identity::TlsMaterial =
        serde_json::from_str(&authority.agent("agent-2").expect("a plain name")).expect("JSON");
    let expected = "spiffe://agents.loadgen/ns/run/sa/agent-1".parse().expect("an id");
    let config = identity::client_config(&material, &expected).expect("a configuration");
    let mut config = std::sync::Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![b"loadgen-agent".to_vec()];
    let mut channel = Channel::connect(agent.at.address, config.into(), LONGEST_FROM_AGENT)
        .expect("both are of this run");
    let answer: FromAgent = channel.hear(PATIENCE).expect("an answer");
    let FromAgent::Refused { problem, .. } = answer else { panic!("{answer:?}") };
    assert!(problem.ends_with("sa/agent-2 is not the coordinator"), "{problem}");
}

#[test]
fn a_coordinator_of_another_version_is_told_so() {
    let authority = authority();
    let agent = Local::start(&authority, "agent-1", machine());
    let config = authority.coordinator().towards("agent-1").expect("a configuration");
    let mut channel =
        Channel::connect(agent.at.address, config, LONGEST_FROM_AGENT).expect("it listens");
    let hello = Hello { protocol: 999, loadgen: "9.9.9".to_owned() };
    channel.say(&Greeting { hello }).expect("it listens");
    let answer: FromAgent = channel.hear(PATIENCE).expect("an answer");
    let FromAgent::Refused { problem, .. } = answer else { panic!("{answer:?}") };
    assert!(problem.starts_with("the coordinator is loadgen 9.9.9"), "{problem}");
    assert!(problem.contains("start the same version on both sides"), "{problem}");
}

#[test]
fn an_agent_of_another_version_is_refused_by_name() {
    let authority = authority();
    let document = authority.agent("agent-1").expect("a plain name");
    let credentials = AgentCredentials::read(&document).expect("as it was made");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let old = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("somebody");
        let mut channel = Channel::accept(stream, credentials.tls, 1 << 20).expect("of this run");
        let _: Greeting = channel.hear(PATIENCE).expect("a greeting");
        let mut about = crate::rig::about();
        about.hello.loadgen = "0.0.1".to_owned();
        channel.say(&FromAgent::Hello(Box::new(about))).expect("it listens");
    });
    let places = vec![AgentAt { name: "agent-1".to_owned(), address }];
    let mut generator = generator(places, &authority);
    let (_server, origin) = origin(0);
    let said = refused(generator.run(&trial(Arrivals::Constant, 100), &endpoint(origin)));
    assert!(said.contains("the agent is loadgen 0.0.1"), "{said}");
    old.join().expect("no panic");
}

#[test]
fn what_is_beyond_an_agents_limits_is_refused_and_nothing_is_sent() {
    let (server, address) = origin(10);
    let authority = authority();
    let limits = AgentLimits { rate: 100.0, ..AgentLimits::default() };
    let agents = [Local::start(&authority, "agent-1", (MonotonicClock::since_boot(), limits))];
    let mut generator = coordinator(&authority, &agents);
    let said = refused(generator.run(&trial(Arrivals::Constant, 100), &endpoint(address)));
    assert!(said.contains("it refused: 400 requests/s are more than its --max-rate"), "{said}");
    let far = "192.0.2.1:9".parse().expect("an address");
    let mut slow = trial(Arrivals::Constant, 100);
    slow.load.rate = scenarios::units::RatePerSecond::new(50.0).expect("in range");
    let said = refused(generator.run(&slow, &endpoint(far)));
    assert!(said.contains("192.0.2.1:9 is not a loopback address"), "{said}");
    assert_eq!(server.stop().expect("it served").requests, 0);
}

#[test]
fn where_nobody_listens_all_are_called_off_and_the_agents_serve_again() {
    let (mut generator, _agents) = with_agents(2);
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nowhere = closed.local_addr().expect("it is bound");
    drop(closed);
    let spec = trial(Arrivals::Constant, 100);
    let said = refused(generator.run(&spec, &endpoint(nowhere)));
    assert!(said.contains("connections opened within"), "{said}");
    let (_server, address) = origin(0);
    let record = generator.run(&spec, &endpoint(address)).expect("both serve the next trial");
    assert_eq!(record.generator.agents_lost, Vec::<String>::new());
}

#[test]
fn a_coordinator_that_goes_away_leaves_an_agent_that_serves_the_next() {
    let (_server, address) = origin(0);
    let authority = authority();
    let agent = Local::start(&authority, "agent-1", machine());
    let config = || authority.coordinator().towards("agent-1").expect("a configuration");
    let connect = || {
        let mut channel =
            Channel::connect(agent.at.address, config(), LONGEST_FROM_AGENT).expect("it listens");
        channel.say(&Greeting { hello: Hello::ours() }).expect("it listens");
        let answer: FromAgent = channel.hear(PATIENCE).expect("an answer");
        assert!(matches!(answer, FromAgent::Hello(_)), "{answer:?}");
        channel
    };
    // After the greeting, with the connections open, and in mid-trial.
    drop(connect());
    let spec = trial(Arrivals::Constant, 20_000);
    let order = || {
        let order = loadgen::agent::message::Order::of(&spec, &endpoint(address), (0, 1));
        ToAgent::Trial(Box::new(order))
    };
    let ready = || {
        let mut channel = connect();
        channel.say(&order()).expect("it listens");
        let answer: FromAgent = channel.hear(PATIENCE).expect("an answer");
        assert_eq!(answer, FromAgent::Ready);
        channel
    };
    drop(ready());
    let mut started = ready();
    let at_ns = MonotonicClock::since_boot().now().0 + 1_000_000_000;
    started.say(&ToAgent::Start { at_ns }).expect("it listens");
    let answer: FromAgent = started.hear(PATIENCE).expect("an answer");
    assert!(matches!(answer, FromAgent::Started { .. }), "{answer:?}");
    drop(started);
    // And who speaks no TLS at all, or something else inside it.
    let mut stranger = TcpStream::connect(agent.at.address).expect("it listens");
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("written");
    // It is sent away before the next is looked at: an alert, and the end.
    let _ = stranger.read_to_end(&mut Vec::new());
    let mut confused = connect();
    confused.say(&serde_json::json!({ "trial": {}, "more": 1 })).expect("it listens");
    let answer: FromAgent = confused.hear(PATIENCE).expect("an answer");
    assert!(matches!(answer, FromAgent::Refused { .. }), "{answer:?}");
    let mut late = ready();
    late.say(&ToAgent::Start { at_ns: 1 }).expect("it listens");
    let answer: FromAgent = late.hear(PATIENCE).expect("an answer");
    let FromAgent::Refused { problem, .. } = answer else { panic!("{answer:?}") };
    assert!(problem.contains("ms ago when it was told"), "{problem}");
}
