//! The server that generators are judged against: it answers at once or exactly when it is told to,
//! says when each request arrived, and costs less than any generator can ask of it. One thread, one
//! epoll loop, one read and one write for a request. It shares no code with the subject, which has
//! an origin of its own. Must not know who asks, or the command line.
//!
//! ```text
//! listen ─► event_loop ─► connection ─► wire (plain, TLS)
//!                              └─► talk ─► http1 ─► request (in), answer (out)
//!                                       └► http2
//!                                 └─► script (when, which fault) ─► delay, fault
//!                                 └─► tally (what came)
//! ```

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;

use bench::seams::StopFlag;
use rustls::ServerConfig;

use crate::awake::Awake;
use crate::machine::pin;
use crate::pace::{MonotonicClock, SpinWindow, Wait, calibrate, sharpen_timers};

pub mod answer;
mod connection;
pub mod delay;
mod event_loop;
pub mod fault;
pub mod http;
mod http1;
mod http2;
pub mod listen;
pub mod request;
pub mod script;
mod shared;
mod talk;
pub mod tally;
pub mod tls;
mod wire;

use answer::{AnswerSpec, Answers};
use event_loop::EventLoop;
use http::Http;
use listen::{Address, Listener};
use script::{Planted, Script};
use shared::{Alarms, Shared};
use tally::{Served, Tally};
use tls::{TlsError, TlsSpec};

/// What a server is to be.
#[derive(Debug, Clone, Default)]
pub struct ServerSpec {
    /// What every request is answered with.
    pub answer: AnswerSpec,
    /// Delays, stalls and faults.
    pub planted: Planted,
    /// Which HTTP.
    pub http: Http,
    /// TLS, if any.
    pub tls: Option<TlsSpec>,
    /// The core that its thread stays on, if any.
    pub core: Option<usize>,
    /// Never let the core sleep, so that arrivals are stamped to the microsecond: it is at 100 %, by
    /// a thread of the idle class where the server stays on a core, else by asking the kernel all
    /// the time.
    pub spin: bool,
    /// Arrivals that are stamped, at most.
    pub most_stamps: usize,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can not be listened at.
    #[error("can not listen at {address}: {source}")]
    Listen {
        /// Where.
        address: Address,
        /// Why.
        source: io::Error,
    },
    /// What can not be answered; a line each.
    #[error("{0}")]
    Answer(String),
    /// TLS can not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The thread can not be placed.
    #[error("can not stay on core {0}; it is not there, or not allowed to this process")]
    Core(usize),
    /// The kernel lacks what the loop needs.
    #[error("can not wait for connections, for which Linux 5.11 or later is needed: {0}")]
    Epoll(io::Error),
    /// No thread.
    #[error("can not start a thread: {0}")]
    Thread(io::Error),
}

/// A server that is bound and does not answer yet; connections queue in the kernel.
#[derive(Debug)]
pub struct Server {
    spec: ServerSpec,
    listener: Listener,
    tls: Option<Arc<ServerConfig>>,
    clock: MonotonicClock,
}

impl Server {
    /// Binds. The stamps' clock starts here.
    pub fn bind(address: &Address, spec: ServerSpec) -> Result<Self, ServeError> {
        let mistakes = spec.answer.mistakes(spec.http);
        if !mistakes.is_empty() {
            return Err(ServeError::Answer(mistakes.join("\n")));
        }
        let tls = spec.tls.as_ref().map(|tls| tls::server_config(tls, spec.http)).transpose()?;
        let listener = Listener::bind(address)
            .map_err(|source| ServeError::Listen { address: address.clone(), source })?;
        Ok(Self { spec, listener, tls, clock: MonotonicClock::start() })
    }

    /// Where it listens; port 0 has become a port.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.listener.address
    }

    /// The clock of the stamps.
    #[must_use]
    pub fn clock(&self) -> MonotonicClock {
        self.clock
    }

    /// Serves on this thread until the flag is raised, which is noticed within 50 ms.
    pub fn run(self, stop: &StopFlag) -> Result<Served, ServeError> {
        let Self { spec, listener, tls, clock } = self;
        if let Some(core) = spec.core
            && !pin(&[core])
        {
            return Err(ServeError::Core(core));
        }
        sharpen_timers();
        // Where the core is its own, a thread of the idle class spins in its stead: then the server
        // sleeps, and may go before what else the machine runs there.
        let _awake = spec.core.filter(|_| spec.spin).map(|core| Awake::keep(&[core]));
        let window = match (spec.spin && spec.core.is_none(), spec.planted.waits()) {
            (true, _) => SpinWindow::ALWAYS,
            (false, true) => calibrate(&clock),
            (false, false) => SpinWindow::NONE,
        };
        let wait = match spec.core {
            Some(_) => Wait::before_others(window, clock.now()),
            None => Wait::among_others(window),
        };
        let shared = Shared {
            http: spec.http,
            answers: Answers::new(&spec.answer, spec.http),
            script: Script::new(spec.planted),
            tally: Tally::new(spec.most_stamps),
            alarms: Alarms::default(),
        };
        let event_loop = EventLoop::new(listener, tls, clock, wait, shared);
        Ok(event_loop.map_err(ServeError::Epoll)?.run(stop))
    }

    /// Serves on a thread of its own.
    pub fn start(self) -> Result<Running, ServeError> {
        let address = self.address().clone();
        let stop = StopFlag::over(Arc::new(AtomicBool::new(false)));
        let flag = stop.clone();
        let thread = std::thread::Builder::new()
            .name("serve".to_owned())
            .spawn(move || self.run(&flag))
            .map_err(ServeError::Thread)?;
        Ok(Running { address, stop, thread: Some(thread) })
    }
}

/// A server on its thread. Dropped, it stops.
#[derive(Debug)]
pub struct Running {
    address: Address,
    stop: StopFlag,
    thread: Option<JoinHandle<Result<Served, ServeError>>>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Stops it, and returns its account.
    pub fn stop(mut self) -> Result<Served, ServeError> {
        self.stop.raise();
        let thread = self.thread.take().expect("it is taken here only");
        match thread.join() {
            Ok(served) => served,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.raise();
        if let Some(thread) = self.thread.take() {
            // A panic of its own was printed by it; this one may be on its way out of another.
            let _ = thread.join();
        }
    }
}
