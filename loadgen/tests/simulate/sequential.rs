//! Runs that stop when they have seen enough: that their intervals hold although the data decided
//! when, that nothing is told apart more often than stated, and what it costs in blocks.

use std::time::Duration;

use bench::analysis::{CONFIDENCE, analyse_with};
use bench::quantile::Quantile::{P50, P99};
use bench::record::{ComparisonRow, PlanRecord, TrialRow, Verdict};
use bench::stats::order::{MedianInterval, median, median_interval};
use bench::stats::sequential::Sequential;
use bench::stopping::{Ending, Look, Precision, Reach, Stopping, Target};

use crate::claim::{Bound, Claim, Study, claim, yes};
use crate::intervals::{LAWS, Law};
use crate::machine::{Course, Machine, NO_BOOTSTRAP, block, covers, overhead_and_a_a, told_apart};
use crate::noise::Noise;
use crate::support::{comparison, plan};
use crate::verdicts::busy_block;

/// Blocks at most, as `--precision` allows without `--blocks`.
const MOST: u32 = 60;

/// The level that every verdict keeps.
const LEVEL: f64 = 0.05;

pub(crate) fn studies() -> Vec<Study> {
    let mut studies: Vec<Study> = LAWS
        .into_iter()
        .zip([0.6, 0.8, 0.9])
        .map(|((name, law), reach)| stopped_by_width(name, law, reach))
        .collect();
    studies.extend([12, MOST, 200].map(stopped_by_significance));
    studies.extend([a_a(MOST), a_a(12), many(), planted(), restless(), busy(), foreseen()]);
    studies
}

/// From the median to the farther end.
fn reach(values: &[f64], interval: &MedianInterval) -> f64 {
    let point = median(values).unwrap_or(f64::NAN);
    (interval.high - point).max(point - interval.low)
}

/// The first interval that reaches no further than asked, and after how many values; the last one
/// where none does.
fn first_narrow(
    values: &[f64],
    wanted: f64,
    interval: impl Fn(&[f64]) -> Option<MedianInterval>,
) -> (usize, Option<MedianInterval>) {
    let narrow = |n: &usize| {
        interval(&values[..*n]).is_some_and(|found| reach(&values[..*n], &found) <= wanted)
    };
    let stopped = (1..=values.len()).find(narrow).unwrap_or(values.len());
    (stopped, interval(&values[..stopped]))
}

fn holds(interval: Option<MedianInterval>) -> Option<f64> {
    interval.and_then(|interval| yes(interval.low <= 0.0 && 0.0 <= interval.high))
}

/// The rule alone, beside the one that forgets that it looked.
fn stopped_by_width(name: &str, law: Law, wanted: f64) -> Study {
    let rule = Sequential::new(MOST as usize, CONFIDENCE).expect("enough values");
    let claims = vec![
        claim(format!("{name}, stopped when narrow: covered"), Bound::AtLeast(CONFIDENCE)),
        claim("stopped before the most blocks", Bound::ToldShare),
        claim("blocks", Bound::ToldMean),
        claim("by intervals for a number set beforehand: covered", Bound::ToldShare),
        claim("blocks", Bound::ToldMean),
    ];
    let run = move |noise: &mut Noise| {
        let values: Vec<f64> = (0..MOST).map(|_| law(noise)).collect();
        let (stopped, interval) = first_narrow(&values, wanted, |values| rule.interval(values));
        let (forgot, forgetful) =
            first_narrow(&values, wanted, |values| median_interval(values, CONFIDENCE));
        vec![
            holds(interval),
            yes(stopped < values.len()),
            Some(stopped as f64),
            holds(forgetful),
            Some(forgot as f64),
        ]
    };
    let name = format!("stopped-{}", name.to_lowercase());
    Study { name, every: 1, claims, run: Box::new(run) }
}

/// The worst way to stop: as soon as an interval misses the truth.
fn stopped_by_significance(most: u32) -> Study {
    let rule = Sequential::new(most as usize, CONFIDENCE).expect("enough values");
    let error = 1.0 - rule.confidence();
    let within = Bound::Within((error - 0.01).max(0.0), error + 0.002);
    let says = format!("{most} looks: any interval misses, {:.2} % stated", 100.0 * error);
    let claims = vec![
        claim(says, within),
        claim("by intervals for a number set beforehand", Bound::ToldShare),
    ];
    let run = move |noise: &mut Noise| {
        let values: Vec<f64> = (0..most).map(|_| noise.normal()).collect();
        let missed = |interval: &dyn Fn(&[f64]) -> Option<MedianInterval>| {
            (1..=values.len())
                .any(|n| interval(&values[..n]).is_some_and(|i| i.low > 0.0 || i.high < 0.0))
        };
        vec![
            yes(missed(&|values| rule.interval(values))),
            yes(missed(&|values| median_interval(values, CONFIDENCE))),
        ]
    };
    Study { name: format!("looks-{most}"), every: 2, claims, run: Box::new(run) }
}

/// What a whole run came to.
struct Ran {
    rows: Vec<ComparisonRow>,
    looks: Vec<Look>,
}

impl Ran {
    fn blocks(&self) -> f64 {
        self.looks.len() as f64
    }

    fn reached(&self) -> bool {
        self.looks.last().is_some_and(|look| look.ending == Some(Ending::Reached))
    }
}

/// Makes blocks until the tool says that it is enough, and analyses them as the tool does.
fn ran(
    mut plan: PlanRecord,
    (most, targets): (u32, [Target; 2]),
    mut block: impl FnMut(u32) -> Vec<TrialRow>,
) -> Ran {
    plan.blocks = most;
    plan.precision = Some(Precision { targets: targets.to_vec(), within_s: None });
    let mut stopping = Stopping::new(&plan, Duration::default).expect("a precision");
    let (mut trials, mut looks) = (Vec::new(), Vec::new());
    for number in 1..=most {
        for row in block(number) {
            stopping.row(row.clone());
            trials.push(row);
        }
        looks.push(stopping.look(number));
        if looks.last().is_some_and(|look| look.ending.is_some()) {
            break;
        }
    }
    let rows = analyse_with(&plan, &trials, "embedded", &NO_BOOTSTRAP).comparisons;
    Ran { rows, looks }
}

/// With trials that vary by 5 % at the median and 10 % at p99, about a third of the most blocks.
fn targets(p50: f64, p99: f64) -> [Target; 2] {
    [(P50, p50), (P99, p99)]
        .map(|(quantile, percent)| Target { quantile, reach: Reach::Percent(percent) })
}

fn quiet(
    variants: &'static [(&'static str, f64)],
    noise: &mut Noise,
) -> impl FnMut(u32) -> Vec<TrialRow> {
    let mut course = Course::new(Machine::QUIET, 1, noise);
    move |number| block(number, variants, 0.05, (&mut course, &mut *noise))
}

fn covers_0(row: &ComparisonRow) -> Option<f64> {
    row.overhead_us.and_then(|overhead| yes(overhead.low <= 0.0 && 0.0 <= overhead.high))
}

fn a_a(most: u32) -> Study {
    let claims = vec![
        claim("A/A, stopped when narrow: told apart at any quantile", Bound::AtMost(LEVEL)),
        claim("p50: covered", Bound::AtLeast(CONFIDENCE)),
        claim("p99: covered", Bound::AtLeast(CONFIDENCE)),
        claim("p99.9, which nobody asked for: covered", Bound::AtLeast(CONFIDENCE)),
        claim("precision reached", Bound::ToldShare),
        claim(format!("blocks, of at most {most}"), Bound::ToldMean),
    ];
    let run = move |noise: &mut Noise| {
        let ran =
            ran(plan("x"), (most, targets(5.0, 10.0)), quiet(&[("x", 1.0), ("x#2", 1.0)], noise));
        vec![
            yes(ran.rows.iter().any(told_apart)),
            covers_0(&ran.rows[0]),
            covers_0(&ran.rows[2]),
            covers_0(&ran.rows[3]),
            yes(ran.reached()),
            Some(ran.blocks()),
        ]
    };
    Study { name: format!("stopped-a-a-{most}"), every: 4, claims, run: Box::new(run) }
}

/// Several comparisons that all end when the slowest of them is known.
fn many() -> Study {
    const SAME: [(&str, f64); 4] = [("x", 1.0), ("a", 1.0), ("b", 1.0), ("x#2", 1.0)];
    let claims = vec![
        claim("one of 3 comparisons of the same: told apart", Bound::AtMost(LEVEL)),
        claim("any of them after correction over the run", Bound::AtMost(LEVEL)),
        claim("any of them at its own level", Bound::ToldShare),
    ];
    let run = |noise: &mut Noise| {
        let mut plan = plan("x");
        plan.comparisons.splice(0..0, ["a", "b"].map(|name| comparison(name, name, "x")));
        let ran = ran(plan, (MOST, targets(6.0, 12.0)), quiet(&SAME, noise));
        let over_the_run = |row: &ComparisonRow| row.p_run.is_some_and(|p_run| p_run <= LEVEL);
        vec![
            yes(ran.rows[..4].iter().any(told_apart)),
            yes(ran.rows.iter().any(|row| told_apart(row) && over_the_run(row))),
            yes(ran.rows.iter().any(told_apart)),
        ]
    };
    Study { name: "stopped-many".to_owned(), every: 8, claims, run: Box::new(run) }
}

/// A difference that is there, and how many blocks it takes.
fn planted() -> Study {
    let claims = vec![
        claim("×1.2, stopped when narrow: p50 covered", Bound::AtLeast(CONFIDENCE)),
        claim("p99 covered", Bound::AtLeast(CONFIDENCE)),
        claim("p50 called slower", Bound::AtLeast(0.95)),
        claim("p99 called slower", Bound::AtLeast(0.8)),
        claim("blocks", Bound::ToldMean),
    ];
    let run = |noise: &mut Noise| {
        let ran = ran(
            overhead_and_a_a(),
            (MOST, targets(6.0, 12.0)),
            quiet(&[("x", 1.0), ("y", 1.2), ("x#2", 1.0)], noise),
        );
        let slower = |row: &ComparisonRow| yes(row.verdict == Verdict::Slower);
        vec![
            covers(&ran.rows[0], 1.2),
            covers(&ran.rows[2], 1.2),
            slower(&ran.rows[0]),
            slower(&ran.rows[2]),
            Some(ran.blocks()),
        ]
    };
    Study { name: "stopped-planted".to_owned(), every: 4, claims, run: Box::new(run) }
}

/// On a machine that wanders, drifts and steps.
fn restless() -> Study {
    let machine = Machine { carried: 0.9, wander: 0.15, drift: 0.4, step: 0.3 };
    let claims: Vec<Claim> = vec![
        claim("restless machine, stopped when narrow: p50 covered", Bound::AtLeast(0.93)),
        claim("p99 covered", Bound::AtLeast(0.93)),
        claim("A/A told apart at any quantile", Bound::AtMost(LEVEL)),
        claim("blocks", Bound::ToldMean),
    ];
    let run = move |noise: &mut Noise| {
        let variants = [("x", 1.0), ("y", 1.1), ("x#2", 1.0)];
        let mut course = Course::new(machine, 3 * MOST as usize, noise);
        let ran = ran(overhead_and_a_a(), (MOST, targets(10.0, 15.0)), |number| {
            block(number, &variants, 0.05, (&mut course, &mut *noise))
        });
        vec![
            covers(&ran.rows[0], 1.1),
            covers(&ran.rows[2], 1.1),
            yes(ran.rows[4..].iter().any(told_apart)),
            Some(ran.blocks()),
        ]
    };
    Study { name: "stopped-restless".to_owned(), every: 8, claims, run: Box::new(run) }
}

/// On a machine that spoils quantiles, so that each has its own number of blocks.
fn busy() -> Study {
    let claims: Vec<Claim> = vec![
        claim("spoilt and repeated, stopped when narrow: p50 covered", Bound::AtLeast(CONFIDENCE)),
        claim("p99 covered", Bound::AtLeast(CONFIDENCE)),
        claim("told apart at any quantile", Bound::AtMost(LEVEL)),
        claim("blocks with p99, of those made", Bound::ToldMean),
    ];
    let run = |noise: &mut Noise| {
        let variants = [("x", 1.0), ("x#2", 1.0)];
        let ran = ran(plan("x"), (MOST, targets(15.0, 20.0)), |number| {
            busy_block(noise, number, &variants)
        });
        vec![
            covers_0(&ran.rows[0]),
            covers_0(&ran.rows[2]),
            yes(ran.rows.iter().any(told_apart)),
            Some(f64::from(ran.rows[2].blocks) / ran.blocks()),
        ]
    };
    Study { name: "stopped-busy".to_owned(), every: 8, claims, run: Box::new(run) }
}

/// How far the first plan is from what it takes, from the look after twelve blocks.
fn foreseen() -> Study {
    let claims = vec![
        claim("blocks foreseen after 12, over those it takes", Bound::ToldMean),
        claim("foreseen within a third of those it takes", Bound::ToldShare),
    ];
    let run = |noise: &mut Noise| {
        let ran =
            ran(plan("x"), (200, targets(4.0, 8.0)), quiet(&[("x", 1.0), ("x#2", 1.0)], noise));
        let early = ran.looks.get(11).and_then(|look| look.blocks_foreseen);
        let ratio = early.map(|early| f64::from(early) / ran.blocks());
        vec![ratio, ratio.and_then(|ratio| yes((ratio - 1.0).abs() <= 1.0 / 3.0))]
    };
    Study { name: "foreseen".to_owned(), every: 16, claims, run: Box::new(run) }
}
