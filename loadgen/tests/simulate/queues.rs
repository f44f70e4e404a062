//! The engine on virtual time against queueing theory: one server, Poisson arrivals, exponential or
//! constant service. Means and quantiles of the response time, as the recorder counts them.

use bench::quantile::Quantile;
use bench::trial::Bounded;
use loadgen::transport::sim::{Service, Setting};
use scenarios::load::Arrivals;

use crate::claim::{Bound, Study, claim, seed_of};
use crate::noise::Noise;
use crate::virtual_trial::Trial;

/// Mean service time in nanoseconds.
const SERVICE_NS: u64 = 100_000;

const LOADS: [f64; 2] = [0.3, 0.6];

/// Figures are claimed to so much of theory, of which the histogram's digits are a tenth.
const MISS: f64 = 0.01;

pub(crate) fn studies() -> Vec<Study> {
    LOADS.into_iter().flat_map(|load| [m_m_1(load), m_d_1(load)]).collect()
}

/// The response time is exponential with mean `1/(1 − ρ)` service times.
fn m_m_1(load: f64) -> Study {
    let mean = 1.0 / (1.0 - load);
    let quantile = move |q: f64| -(1.0 - q).ln() * mean;
    study("m-m-1", load, (mean, &quantile), |seed| Service::exponential(SERVICE_NS as f64, seed))
}

/// The mean is that of Pollaczek and Khinchine, `1 + ρ/(2(1 − ρ))`, and the distribution Erlang's.
fn m_d_1(load: f64) -> Study {
    let mean = 1.0 + load / (2.0 * (1.0 - load));
    let quantile = move |q: f64| 1.0 + waiting_quantile(load, q);
    study("m-d-1", load, (mean, &quantile), |_| Service::Fixed(SERVICE_NS))
}

/// `P(W ≤ t) = (1 − ρ) Σ (ρ(k − t))ᵏ/k! · e^(ρ(t − k))` over k = 0 … ⌊t⌋, t in service times
/// (Erlang 1909).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small time")]
fn waiting_cdf(load: f64, t: f64) -> f64 {
    let mut factorial = 1.0;
    let terms = (0..=t.floor() as u32).map(|k| {
        let late = t - f64::from(k);
        factorial *= f64::from(k.max(1));
        (-load * late).powi(k.cast_signed()) / factorial * (load * late).exp()
    });
    (1.0 - load) * terms.sum::<f64>()
}

/// The shortest waiting time that a share q does not exceed, in service times.
fn waiting_quantile(load: f64, q: f64) -> f64 {
    let (mut below, mut above) = (0.0, 40.0);
    for _ in 0..60 {
        let middle = f64::midpoint(below, above);
        if waiting_cdf(load, middle) >= q {
            above = middle;
        } else {
            below = middle;
        }
    }
    above
}

fn study(
    name: &str,
    load: f64,
    (mean, quantile): (f64, &dyn Fn(f64) -> f64),
    service: impl Fn(u64) -> Service + Sync + 'static,
) -> Study {
    const AT: [Quantile; 3] = [Quantile::P50, Quantile::P90, Quantile::P99];
    let mut claims = vec![claim("mean, in service times", Bound::Near(mean, MISS))];
    claims.extend(AT.iter().map(|at| {
        let theory = quantile(at.fraction());
        claim(format!("{}, in service times", at.label()), Bound::Near(theory, MISS))
    }));
    let run = move |noise: &mut Noise| {
        let mut trial = Trial::new(Setting::new(1, service(seed_of(noise))));
        trial.arrivals = Arrivals::Poisson;
        trial.rate = load * 1e9 / SERVICE_NS as f64;
        trial.seed = seed_of(noise);
        trial.max_in_flight = 100_000;
        trial.connections = 500;
        let (recorded, ..) = trial.run();
        let unit = SERVICE_NS as f64;
        let mut figures = vec![recorded.latencies.response_time.mean().map(|mean| mean / unit)];
        figures.extend(AT.iter().map(|at| match recorded.latencies.response_quantile(*at) {
            Some(Bounded::Exactly(nanos)) => Some(nanos as f64 / unit),
            _ => None,
        }));
        figures
    };
    Study { name: format!("{name}-{load}"), every: 50, claims, run: Box::new(run) }
}
