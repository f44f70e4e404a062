//! Runs studies over seeds, on all cores, and gathers what they came to in the order of the seeds, so
//! that the number of cores changes no figure. Knows no study.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::claim::{Study, Tally};

/// Runs that are held in memory at once.
const AT_ONCE: u64 = 4096;

/// Seeds that a core takes at once.
const TAKEN: usize = 4;

/// Runs a study on every seed of the range and returns a tally for each claim.
pub(crate) fn tally(study: &Study, seeds: Range<u64>) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); study.claims.len()];
    let mut from = seeds.start;
    while from < seeds.end {
        let chunk: Vec<u64> = (from..seeds.end.min(from + AT_ONCE)).collect();
        for (seed, figures) in chunk.iter().zip(runs(study, &chunk)) {
            for (tally, figure) in tallies.iter_mut().zip(figures) {
                if let Some(figure) = figure {
                    tally.add(*seed, figure);
                }
            }
        }
        from += AT_ONCE;
    }
    tallies
}

/// The figures of each seed, in order.
fn runs(study: &Study, seeds: &[u64]) -> Vec<Vec<Option<f64>>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, Vec<Option<f64>>)> = std::thread::scope(|scope| {
        let work = || {
            let mut mine = Vec::new();
            loop {
                let from = next.fetch_add(TAKEN, Ordering::Relaxed);
                if from >= seeds.len() {
                    return mine;
                }
                let to = seeds.len().min(from + TAKEN);
                mine.extend((from..to).map(|index| (index, study.run(seeds[index]))));
            }
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| match thread.join() {
                Ok(mine) => mine,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, figures)| figures).collect()
}
