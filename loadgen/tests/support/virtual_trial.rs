//! One trial of the open loop on virtual time, without warm-up, for tests of what it records.

use std::time::Duration;

use bench::seams::StopFlag;
use loadgen::recorder::{Recorded, Recorder};
use loadgen::requests::Mix;
use loadgen::schedule::Schedule;
use loadgen::start_line::StartLine;
use loadgen::transport::Transport;
use loadgen::transport::sim::{Setting, SimTransport};
use loadgen::worker::{self, Demand, Limits, LoopReport, SetUpFailed};
use scenarios::load::{Arrivals, RequestSpec};
use scenarios::units::RatePerSecond;

/// A second on the virtual clock.
const S: u64 = 1_000_000_000;

/// One simulated trial without warm-up.
#[derive(Clone)]
pub(crate) struct Trial {
    pub(crate) arrivals: Arrivals,
    pub(crate) rate: f64,
    pub(crate) seconds: u64,
    pub(crate) seed: u64,
    pub(crate) connections: u32,
    pub(crate) max_in_flight: u32,
    pub(crate) timeout: Duration,
    pub(crate) setting: Setting,
}

impl Trial {
    pub(crate) fn new(setting: Setting) -> Self {
        Self {
            arrivals: Arrivals::Constant,
            rate: 1000.0,
            seconds: 10,
            seed: 1,
            connections: 1000,
            max_in_flight: 10_000,
            timeout: Duration::from_secs(10),
            setting,
        }
    }

    /// When its requests are due.
    pub(crate) fn schedule(&self) -> Schedule {
        let rate = RatePerSecond::new(self.rate).expect("a valid rate");
        Schedule::new(self.arrivals, rate, Duration::from_secs(self.seconds), self.seed)
    }

    /// Sends on any transport.
    pub(crate) fn run_on(
        &self,
        transport: &mut impl Transport,
    ) -> Result<(Recorded, LoopReport), SetUpFailed> {
        let mut recorder = Recorder::new(0..self.seconds * S, 1, None);
        let limits = Limits {
            slots: self.connections,
            max_in_flight: self.max_in_flight,
            timeout: self.timeout,
            set_up_within: Duration::from_secs(10),
        };
        let mix = get();
        let work = (Demand::Open(self.schedule()), &mix);
        let around = (&StopFlag::default(), &StartLine::new(1));
        let report = worker::run(transport, work, &mut recorder, limits, around)?;
        Ok((recorder.finish(), report))
    }

    pub(crate) fn try_run(&self) -> Result<(Recorded, LoopReport, SimTransport), SetUpFailed> {
        let mut transport = SimTransport::new(self.setting.clone());
        let (recorded, report) = self.run_on(&mut transport)?;
        Ok((recorded, report, transport))
    }

    /// Runs it, and holds the books to the second law.
    pub(crate) fn run(&self) -> (Recorded, LoopReport, SimTransport) {
        let (recorded, report, transport) = self.try_run().expect("connections open");
        let counts = &recorded.counts;
        assert!(counts.add_up(), "{counts:?}");
        assert_eq!(recorded.latencies.response_time.count(), counts.completed);
        assert_eq!(recorded.latencies.service_time.count(), counts.completed);
        assert_eq!(recorded.latencies.censored.count(), counts.censored());
        assert_eq!(recorded.latencies.pacing_lag.count(), counts.offered);
        (recorded, report, transport)
    }
}

/// The one request that is sent.
pub(crate) fn get() -> Mix {
    Mix::of_scenario(&RequestSpec {
        method: "GET".to_owned(),
        path: "/".to_owned(),
        headers: Vec::new(),
        body: String::new(),
    })
}
