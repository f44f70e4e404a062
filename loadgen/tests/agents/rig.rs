//! Agents of this process, an origin that stamps, and a trial for them.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;

use bench::seams::{Endpoint, GeneratorError, StopFlag};
use bench::trial::TrialSpec;
use loadgen::agent::coordinator::RemoteGenerator;
use loadgen::agent::credentials::{AgentCredentials, RunAuthority};
use loadgen::agent::fleet::{AgentAt, Fleet};
use loadgen::agent::limits::AgentLimits;
use loadgen::agent::message::{About, Hello};
use loadgen::agent::session::Agent;
use loadgen::pace::{MonotonicClock, SpinWindow};
use loadgen::serve::answer::AnswerSpec;
use loadgen::serve::listen::Address;
use loadgen::serve::{Running, Server, ServerSpec};
use scenarios::load::{Arrivals, LoadSpec, RequestKind, RequestSpec};
use scenarios::units::RatePerSecond;
use scenarios::variant::VariantName;

/// An agent on a thread of this process. Dropped, it ends.
pub(crate) struct Local {
    pub(crate) at: AgentAt,
    stop: StopFlag,
    thread: Option<JoinHandle<()>>,
}

impl Local {
    /// With the credentials of that run, on that clock.
    pub(crate) fn start(
        authority: &RunAuthority,
        name: &str,
        (clock, limits): (MonotonicClock, AgentLimits),
    ) -> Self {
        let document = authority.agent(name).expect("a plain name");
        let agent = Agent {
            credentials: AgentCredentials::read(&document).expect("as it was made"),
            limits,
            about: about(),
            cores: Vec::new(),
            spin: SpinWindow::NONE,
            clock,
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let stop = StopFlag::over(Arc::new(AtomicBool::new(false)));
        let flag = stop.clone();
        let thread = std::thread::spawn(move || {
            agent.serve(&listener, false, &flag, |_| {}).expect("it can wait");
        });
        let at = AgentAt { name: name.to_owned(), address };
        Self { at, stop, thread: Some(thread) }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.stop.raise();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(std::thread::panicking() || ended.is_ok(), "the agent panicked");
        }
    }
}

pub(crate) fn about() -> About {
    About {
        hello: Hello::ours(),
        git: "unknown".to_owned(),
        opt_level: "3".to_owned(),
        kernel: "unknown".to_owned(),
        cpu: "unknown".to_owned(),
        cores: Vec::new(),
    }
}

/// Agents that are where they are.
struct Fixed(Vec<AgentAt>);

impl Fleet for Fixed {
    fn ready(&mut self) -> Result<Vec<AgentAt>, GeneratorError> {
        Ok(self.0.clone())
    }

    fn fate(&mut self, _name: &str) -> Option<String> {
        None
    }
}

pub(crate) fn authority() -> RunAuthority {
    RunAuthority::fresh(testbed::deadline::today()).expect("a CA")
}

/// A coordinator of agents on the machine's clock, and they.
pub(crate) fn with_agents(of: usize) -> (RemoteGenerator, Vec<Local>) {
    let authority = authority();
    let setting = (MonotonicClock::since_boot(), AgentLimits::default());
    let agents: Vec<Local> = (1..=of)
        .map(|number| Local::start(&authority, &format!("agent-{number}"), setting))
        .collect();
    (coordinator(&authority, &agents), agents)
}

pub(crate) fn coordinator(authority: &RunAuthority, agents: &[Local]) -> RemoteGenerator {
    let places = agents.iter().map(|agent| agent.at.clone()).collect();
    generator(places, authority)
}

/// With so much time to hear of a start that a machine busy with tests is not late for it.
pub(crate) fn generator(places: Vec<AgentAt>, authority: &RunAuthority) -> RemoteGenerator {
    let fleet = Box::new(Fixed(places));
    let generator = RemoteGenerator::new(fleet, authority.coordinator(), StopFlag::default());
    generator.with_lead(Duration::from_secs(2))
}

/// An origin that stamps so many arrivals.
pub(crate) fn origin(most_stamps: usize) -> (Running, SocketAddr) {
    let answer = AnswerSpec { body_bytes: 2, ..AnswerSpec::default() };
    let spec = ServerSpec { answer, most_stamps, ..ServerSpec::default() };
    let any = "127.0.0.1:0".parse::<Address>().expect("an address");
    let server = Server::bind(&any, spec).expect("a port").start().expect("a thread");
    let Address::Tcp(address) = server.address().clone() else { panic!("a TCP address") };
    (server, address)
}

pub(crate) fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint { address, host: address.to_string() }
}

/// A short trial, 400 requests a second behind 100 ms of warm-up.
pub(crate) fn trial(arrivals: Arrivals, duration_ms: u64) -> TrialSpec {
    TrialSpec {
        block: 1,
        position: 1,
        variant: VariantName("plain".to_owned()),
        load: LoadSpec {
            arrivals,
            rate: RatePerSecond::new(400.0).expect("in range"),
            connections: 8,
            max_in_flight: 1000,
            timeout: Duration::from_secs(20),
            warm_up: Duration::from_millis(100),
            duration: Duration::from_millis(duration_ms),
            requests: vec![RequestKind::only(RequestSpec {
                method: "GET".to_owned(),
                path: "/".to_owned(),
                headers: Vec::new(),
                body: String::new(),
            })],
        },
        seed: 42,
    }
}
