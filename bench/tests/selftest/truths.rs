//! What is true by arithmetic, against counting it out.

use std::time::Duration;

use bench::plan::Seed;
use bench::quantile::Quantile;
use bench::selftest::{delayed_quantile, exact_wait_us, pacing, resolution};
use scenarios::load::Arrivals;

use crate::made::{HONEST, histogram, response_times, selftest, stamped, us};

#[test]
fn the_quantile_of_a_delayed_share_is_that_of_the_mixture() {
    let mut rng = Seed(9).rng("mixture");
    let nanos = response_times(&mut rng);
    let before = histogram(nanos.iter().copied());
    for (delay_us, every) in [(50, 1), (1000, 1), (50, 50), (200, 50), (1000, 50)] {
        // Each value stands for fifty requests, of which one (or all) is held back.
        let delayed = nanos.iter().flat_map(|nanos| {
            (0..50).map(move |i| nanos + if i % every == 0 { delay_us * 1000 } else { 0 })
        });
        let counted = histogram(delayed);
        for quantile in [Quantile::P50, Quantile::P90, Quantile::P99] {
            let expected = us(counted.at_quantile(quantile.fraction()).unwrap());
            let share = 1.0 / f64::from(every);
            let found = us(delayed_quantile(&before, delay_us * 1000, share, quantile).unwrap());
            assert!(
                (found / expected - 1.0).abs() < 0.003,
                "{delay_us} {every}: {found} {expected}"
            );
        }
    }
    assert_eq!(delayed_quantile(&histogram([]), 1, 1.0, Quantile::P50), None);
}

#[test]
fn the_exact_wait_is_that_of_evenly_spaced_requests() {
    let [length, every] = [200, 2000].map(Duration::from_millis);
    let mut waits: Vec<u64> =
        (0..200_000).map(|i| 200_000_u64.saturating_sub(i % 200_000 * 10)).collect();
    waits.sort_unstable();
    for quantile in Quantile::ALL {
        let rank = (quantile.fraction() * waits.len() as f64).ceil() as usize - 1;
        let exact = exact_wait_us(length, every, quantile);
        assert!((exact - waits[rank] as f64).abs() < 50.0, "{quantile:?} {exact} {}", waits[rank]);
    }
    assert!((exact_wait_us(length, every, Quantile::P99) - 180_000.0).abs() < 1e-6);
    assert!(exact_wait_us(length, every, Quantile::P50).abs() < 1e-9);
}

#[test]
fn arrivals_are_read_from_the_stamps() {
    let even: Vec<u64> = (0..1001).map(|i| i * 1_000_000).collect();
    let part = pacing(&stamped(Arrivals::Constant, even.clone(), 1)).unwrap();
    assert!((part.arrived_rate - 1000.0).abs() < 1e-6);
    assert!(part.rate_error_percent.abs() < 1e-6);
    assert_eq!((part.burst, part.requests), (1, 1001));
    assert!(part.gaps.is_none(), "only Poisson arrivals have gaps to test");
    let mut bunched = even;
    bunched[500..510].fill(500_000_000);
    assert_eq!(pacing(&stamped(Arrivals::Constant, bunched, 1)).unwrap().burst, 10);
    for few in [vec![], vec![5], vec![5, 5]] {
        assert_eq!(pacing(&stamped(Arrivals::Constant, few, 1)), None);
    }
}

#[test]
fn longer_runs_resolve_less_and_narrower_intervals_take_longer() {
    let same = selftest(HONEST).same_twice.unwrap();
    let rows = resolution(&same, 4.4);
    assert_eq!(rows.len(), 3);
    for row in &rows {
        let effects: Vec<f64> = row.effects.iter().filter_map(|effect| effect.effect_us).collect();
        assert!(effects.len() >= 2, "a minute has 13 blocks: {row:?}");
        assert!(effects.windows(2).all(|two| two[1] < two[0]), "{effects:?}");
        let minutes: Vec<f64> = row.lengths.iter().filter_map(|length| length.minutes).collect();
        assert!(minutes.windows(2).all(|two| two[1] >= two[0]), "{minutes:?}");
    }
}
