//! Admission, on the engine and virtual time: that no late generator's figure is let through, by the
//! server's own stamps and not by the generator's word, and how often a good trial is rejected.

use std::time::Duration;

use bench::admit::Admission;
use bench::clock::Nanos;
use bench::quantile::Quantile;
use bench::seams::WorkSeen;
use bench::trial::{Bounded, GeneratorReport, Slice, TrialRecord, TrialSpec};
use loadgen::recorder::Recorded;
use loadgen::requests::RequestId;
use loadgen::transport::sim::{Service, Setting, SimTransport};
use loadgen::transport::{Event, Slot, Transport};
use scenarios::load::Arrivals;
use scenarios::scenario::Gates;

use crate::claim::{Bound, Claim, Study, claim, seed_of, yes};
use crate::noise::Noise;
use crate::records;
use crate::virtual_trial::Trial;

const US: f64 = 1000.0;

/// A trial's window on the virtual clock.
const SECONDS: u64 = 4;

/// A spoilt share is counted in a histogram of three digits, the truth exactly.
const DIGITS: f64 = 1.001;

pub(crate) fn studies() -> Vec<Study> {
    let mut studies = vec![always_late(), robbed()];
    studies.extend(good());
    studies.push(slices());
    studies
}

/// A generator whose core is taken away now and then: what is due falls due and answers come, and it
/// sees none of it until it is back.
struct Robbed {
    inner: SimTransport,
    /// When the core is taken next, and for how long each time, in nanoseconds.
    next: f64,
    noise: Noise,
    every_ns: f64,
    away_ns: f64,
}

impl Robbed {
    fn exponential(&mut self, mean: f64) -> f64 {
        -self.noise.uniform().ln() * mean
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time, above 0")]
impl Transport for Robbed {
    fn now(&mut self) -> Nanos {
        self.inner.now()
    }
    fn open(&mut self, slot: Slot) {
        self.inner.open(slot);
    }
    fn send(&mut self, slot: Slot, request: RequestId) -> (Nanos, u64) {
        self.inner.send(slot, request)
    }
    fn close(&mut self, slot: Slot) {
        self.inner.close(slot);
    }
    fn wait(&mut self, until: Nanos, happened: &mut Vec<Event>) {
        self.inner.wait(until, happened);
        if (self.inner.now().0 as f64) < self.next {
            return;
        }
        let back = Nanos(self.inner.now().0 + self.exponential(self.away_ns) as u64);
        let mut unseen = Vec::new();
        while self.inner.now() < back {
            self.inner.wait(back, &mut unseen);
        }
        happened.extend(unseen.into_iter().map(|event| Event { at: back, ..event }));
        self.next = back.0 as f64 + self.exponential(self.every_ns);
    }
}

/// What a trial was, as admission sees it, and what the server saw.
struct Judged {
    admission: Admission,
    recorded: Recorded,
    /// How late each request arrived, in nanoseconds.
    late_ns: Vec<u64>,
}

fn spec(trial: &Trial) -> TrialSpec {
    let mut spec = records::spec();
    spec.load.arrivals = trial.arrivals;
    spec.load.duration = Duration::from_secs(trial.seconds);
    spec.load.max_in_flight = trial.max_in_flight;
    spec
}

fn judged(trial: &Trial, robbed: Option<(Noise, f64, f64)>) -> Judged {
    let inner = SimTransport::new(trial.setting.clone());
    let (noise, every_ns, away_ns) = robbed.unwrap_or_else(|| (Noise::new(0), f64::INFINITY, 0.0));
    let mut transport = Robbed { inner, next: f64::INFINITY, noise, every_ns, away_ns };
    if every_ns.is_finite() {
        transport.next = transport.exponential(every_ns);
    }
    let (recorded, report) = trial.run_on(&mut transport).expect("connections open");
    let arrivals = &transport.inner.arrivals;
    let due = trial.schedule().map(|due| report.start.0 + due.at.offset());
    let late_ns = arrivals.iter().zip(due).map(|(at, due)| at.saturating_sub(due)).collect();
    let spec = spec(trial);
    let record = TrialRecord {
        block: 1,
        position: 1,
        variant: spec.variant.clone(),
        counts: recorded.counts.clone(),
        latencies: recorded.latencies.clone(),
        slices: recorded.slices.iter().map(Slice::of).collect(),
        generator: GeneratorReport { window_s: recorded.window_s, ..GeneratorReport::default() },
    };
    let work = WorkSeen { requests_at_origin: arrivals.len() as u64, ..WorkSeen::default() };
    let admission = Admission::of(&spec, &record, &work, &Gates::default());
    Judged { admission, recorded, late_ns }
}

impl Judged {
    fn admits(&self, quantile: Quantile) -> bool {
        self.admission.admitted()
            && self.admission.measured.contains(&quantile)
            && !self.admission.spoiled().contains_key(&quantile)
    }

    fn us(&self, quantile: f64) -> Option<f64> {
        self.recorded.latencies.response_time.at_quantile(quantile).map(|ns| ns as f64 / US)
    }

    /// Requests that arrived later than METHOD.md allows, of those offered.
    fn share_late(&self) -> f64 {
        let median_us = match self.recorded.latencies.response_quantile(Quantile::P50) {
            Some(Bounded::Exactly(ns) | Bounded::AtLeast(ns)) => ns as f64 / US,
            None => 0.0,
        };
        let allowed_ns = US * DIGITS * Gates::default().late_us.max(0.5 * median_us);
        let late = self.late_ns.iter().filter(|&&ns| ns as f64 > allowed_ns).count();
        late as f64 / self.late_ns.len() as f64
    }
}

/// What METHOD.md says that a quantile bears.
fn bears(quantile: Quantile) -> f64 {
    (quantile.beyond_percent() / 400.0).min(0.05)
}

fn exponential_trial(noise: &mut Noise) -> Trial {
    let service = Service::exponential(200_000.0, seed_of(noise));
    let mut trial = Trial::new(Setting::new(usize::MAX, service));
    trial.seconds = SECONDS;
    trial.seed = seed_of(noise);
    trial.connections = 300;
    trial
}

/// A clock that is always late: nothing of such a trial counts.
fn always_late() -> Study {
    let claims = vec![claim("every wait 700 µs late: anything admitted", Bound::Never)];
    let run = |noise: &mut Noise| {
        let mut trial = exponential_trial(noise);
        trial.setting.late = 700_000;
        let judged = judged(&trial, None);
        vec![yes(Quantile::ALL.into_iter().any(|quantile| judged.admits(quantile)))]
    };
    Study { name: "late-always".to_owned(), every: 40, claims, run: Box::new(run) }
}

/// A core that is taken for 1 to 3 ms, from every few seconds to every few milliseconds. Beside each
/// trial stands the same one with a punctual generator.
fn robbed() -> Study {
    let mut claims: Vec<Claim> = Quantile::ALL
        .iter()
        .map(|quantile| {
            let says = format!("{} admitted, more late than it bears", quantile.label());
            claim(says, Bound::Never)
        })
        .collect();
    claims.extend(Quantile::ALL.iter().map(|quantile| {
        let says = format!("{} admitted: between a punctual q and q + (1 − q)/2", quantile.label());
        claim(says, Bound::AtLeast(0.95))
    }));
    claims.push(claim("anything admitted", Bound::ToldShare));
    claims.push(claim("p99 admitted", Bound::ToldShare));
    let run = |noise: &mut Noise| {
        let trial = exponential_trial(noise);
        let every_ns = 5e6 * (1000.0_f64).powf(noise.uniform());
        let away_ns = 1e6 * (1.0 + 2.0 * noise.uniform());
        let seed = seed_of(noise);
        let late = judged(&trial, Some((Noise::new(seed), every_ns, away_ns)));
        let punctual = judged(&trial, None);
        let admitted = Quantile::ALL.map(|quantile| late.admits(quantile));
        let mut figures: Vec<Option<f64>> = Vec::new();
        for (quantile, admitted) in Quantile::ALL.into_iter().zip(admitted) {
            figures.push(yes(admitted && late.share_late() > bears(quantile)));
        }
        for (quantile, admitted) in Quantile::ALL.into_iter().zip(admitted) {
            let q = quantile.fraction();
            let between = || {
                let (low, high) = (punctual.us(q)?, punctual.us(q + (1.0 - q) / 2.0)?);
                let found = late.us(q)?;
                // Lateness that the gate bears, and the histogram's digits.
                yes(low / DIGITS <= found && found <= high * DIGITS + Gates::default().late_us)
            };
            figures.push(if admitted { between() } else { None });
        }
        figures.extend([yes(admitted.contains(&true)), yes(admitted[2])]);
        figures
    };
    Study { name: "late-now-and-then".to_owned(), every: 8, claims, run: Box::new(run) }
}

/// Punctual generators and steady servers: how often is such a trial rejected, or a quantile of it
/// left out?
fn good() -> Vec<Study> {
    let cases: [(&str, Arrivals, f64); 4] = [
        ("good-constant", Arrivals::Constant, 0.0),
        ("good-poisson", Arrivals::Poisson, 0.0),
        ("good-queue-0.3", Arrivals::Poisson, 0.3),
        ("good-queue-0.6", Arrivals::Poisson, 0.6),
    ];
    cases.map(|(name, arrivals, load)| good_trials(name, arrivals, load)).into_iter().collect()
}

/// With a load, one server behind a queue.
fn good_trials(name: &str, arrivals: Arrivals, load: f64) -> Study {
    let claims = vec![
        claim("good trial rejected", Bound::AtMost(0.01)),
        claim("a quantile of a good trial left out", Bound::Never),
    ];
    let run = move |noise: &mut Noise| {
        let mut trial = exponential_trial(noise);
        trial.arrivals = arrivals;
        if load > 0.0 {
            let mean_ns = load * 1e9 / trial.rate;
            trial.setting = Setting::new(1, Service::exponential(mean_ns, seed_of(noise)));
        }
        let judged = judged(&trial, None);
        vec![yes(!judged.admission.admitted()), yes(!judged.admission.spoiled().is_empty())]
    };
    Study { name: name.to_owned(), every: 8, claims, run: Box::new(run) }
}

/// The test for drift alone, on slices whose medians vary so much more than those above that its
/// level is all that holds it back.
fn slices() -> Study {
    /// Noise of a slice in log units, what it keeps of the last one, and what is rejected at most.
    const CASES: [(f64, f64, f64); 5] = [
        (0.05, 0.0, 0.0091),
        (0.25, 0.0, 0.0091),
        (0.6, 0.0, 0.0091),
        (0.05, 0.5, 0.001),
        (0.25, 0.5, 0.08),
    ];
    let claims = CASES.map(|(sigma, carried, most)| {
        let says = format!("slices vary by {sigma}, keep {carried}: called drifting");
        claim(says, Bound::AtMost(most))
    });
    let run = |noise: &mut Noise| {
        let mut called = |sigma: f64, carried: f64| {
            let mut record = records::record();
            let mut state = noise.normal();
            record.slices = records::slices([(); 10].map(|()| {
                let fresh = (1.0 - carried * carried).sqrt() * noise.normal();
                state = carried * state + fresh;
                1000.0 * (sigma * state).exp()
            }));
            let (spec, work) = (records::spec(), records::work());
            yes(!Admission::of(&spec, &record, &work, &Gates::default()).admitted())
        };
        CASES.iter().map(|(sigma, carried, _)| called(*sigma, *carried)).collect()
    };
    Study { name: "drift-gate".to_owned(), every: 1, claims: claims.to_vec(), run: Box::new(run) }
}
