//! The engine when descriptors run out. In a program of its own, with one test: the limit is the
//! whole process's. The server is another process, so that it keeps its own.

#[path = "support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bench::seams::StopFlag;
use loadgen::engine::{self, Crew, Done, Job, Offer, Refused};
use loadgen::machine::open_files;
use loadgen::pace::SpinWindow;
use loadgen::requests::Mix;
use loadgen::schedule::Profile;
use loadgen::transport::target::{Addresses, Keeping, Protocol, Route, Target};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use scenarios::load::{Arrivals, RequestSpec};
use scenarios::units::RatePerSecond;

use support::{signal, start, wait_for};

const PLANNED: u64 = 200;

fn job(address: SocketAddr, keeping: Keeping) -> Job {
    let rate = RatePerSecond::new(1000.0).expect("a valid rate");
    let duration = Duration::from_millis(200);
    Job {
        target: Target {
            route: Route::Tcp(Addresses::new(vec![address])),
            authority: "localhost".to_owned(),
            tunnel: None,
            tls: None,
            protocol: Protocol::Http1,
            keeping,
        },
        mix: Arc::new(Mix::of_scenario(&RequestSpec {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: Vec::new(),
            body: String::new(),
        })),
        offer: Offer::Along {
            arrivals: Arrivals::Constant,
            profile: Profile::steady(rate, duration),
            seed: 1,
        },
        warm_up: Duration::ZERO,
        duration,
        connections: 200,
        max_in_flight: 1000,
        timeout: Duration::from_secs(60),
    }
}

fn run(job: &Job) -> Result<Done, Refused> {
    let stop = StopFlag::default();
    let stopper = std::thread::spawn({
        let (stop, keeping) = (stop.clone(), job.target.keeping);
        move || {
            // Set-up is tried again and again; a run that began ends by itself.
            std::thread::sleep(Duration::from_millis(500));
            if keeping == Keeping::Alive {
                stop.raise();
            }
        }
    });
    let crew = Crew { cores: Vec::new(), spin: SpinWindow::NONE, stop, live: None };
    let done = engine::run(job, &crew);
    stopper.join().expect("the stopper ends");
    done
}

fn limit(descriptors: u64) {
    let maximum = Some(open_files().hard);
    setrlimit(Resource::Nofile, Rlimit { current: Some(descriptors), maximum })
        .expect("below the hard limit");
}

/// The lowest limit that leaves that many descriptors.
fn leave(descriptors: u64) {
    let open = std::fs::read_dir("/proc/self/fd").expect("this is Linux").count();
    limit(u64::try_from(open).expect("few") - 1 + descriptors);
}

#[test]
fn what_finds_no_descriptor_fails_by_that_name_and_the_rest_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    // Slow enough that requests meet.
    let arguments = ["serve", "--port-file=port", "--delay=100ms"];
    let mut server = start(folder.path(), &arguments);
    let port = folder.path().join("port");
    let text = wait_for("the port file", || std::fs::read_to_string(&port).ok());
    let address: SocketAddr = text.trim().parse().expect("an address");
    let before = open_files().soft;

    // Connections that are kept are wanted all, or it does not begin and says why.
    leave(40);
    let refused = run(&job(address, Keeping::Alive)).expect_err("there are not enough");
    limit(before);
    let Refused::SetUp { failed, words } = &refused else { panic!("{refused}") };
    assert!(failed.opened > 0 && failed.opened < 200, "{failed:?}");
    assert!(words.contains("Too many open files"), "{words}");

    // Those that are opened for each request are missed by some of them.
    leave(40);
    let done = run(&job(address, Keeping::EachRequest)).expect("it begins");
    limit(before);
    let counts = &done.recorded.counts;
    assert!(counts.add_up(), "{counts:?}");
    let missed = counts.by_failure.get("no-descriptor-left").copied().unwrap_or_default();
    assert!(missed > 0, "{counts:?}");
    assert_eq!((counts.offered, counts.completed + missed), (PLANNED, PLANNED), "{counts:?}");
    assert!(counts.completed >= 30, "{counts:?}");
    assert_eq!(done.recorded.latencies.censored.count(), missed);

    // And once there are enough again nothing is missed.
    let done = run(&job(address, Keeping::EachRequest)).expect("it begins");
    assert_eq!(done.recorded.counts.completed, PLANNED, "{:?}", done.recorded.counts);
    signal(i32::try_from(server.id()).expect("a pid"), Signal::TERM);
    server.wait().expect("it ends");
}
