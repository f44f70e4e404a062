use proptest::prelude::*;
use rand::SeedableRng;

use super::*;

const MS: u64 = 1_000_000;

fn draws(text: &str, count: usize) -> Vec<f64> {
    let delay: Delay = text.parse().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    (0..count).map(|_| delay.draw(&mut rng).as_secs_f64() * 1e3).collect()
}

/// Shares of draws up to each bound, beside the distribution's own.
fn agree(text: &str, expected: &[(f64, f64)]) {
    const DRAWS: usize = 40_000;
    let draws = draws(text, DRAWS);
    for (bound_ms, share) in expected {
        let below = draws.iter().filter(|draw| *draw <= bound_ms).count();
        #[expect(clippy::cast_precision_loss, reason = "few")]
        let found = below as f64 / DRAWS as f64;
        // Five standard errors at most, with the seed fixed.
        assert!((found - share).abs() < 0.0125, "{text}: {found} up to {bound_ms} ms, not {share}");
    }
}

#[test]
fn draws_follow_the_distribution_that_was_asked_for() {
    agree("5ms", &[(4.999, 0.0), (5.0, 1.0)]);
    agree("exp:5ms", &[(0.0, 0.0), (5.0, 1.0 - (-1.0_f64).exp()), (15.0, 1.0 - (-3.0_f64).exp())]);
    agree("uniform:1ms..5ms", &[(0.999, 0.0), (2.0, 0.25), (5.0, 1.0)]);
    agree("pareto:1ms,1.5", &[(0.999, 0.0), (2.0, 1.0 - 0.5_f64.powf(1.5)), (10.0, 0.968_377)]);
    agree("lognormal:5ms,0.5", &[(5.0, 0.5), (5.0 * 0.5_f64.exp(), 0.841_345)]);
}

#[test]
fn the_same_seed_gives_the_same_delays() {
    assert_eq!(draws("exp:1ms", 100), draws("exp:1ms", 100));
}

#[test]
fn a_heavy_tail_ends_at_a_day() {
    assert_eq!(times(LONGEST, f64::INFINITY), LONGEST);
    assert_eq!(times(LONGEST, 1e300), LONGEST);
}

#[test]
fn what_is_no_delay_is_refused_with_the_forms() {
    for text in
        ["", "5", "exp:", "exp:5", "uniform:5ms..1ms", "uniform:5ms", "pareto:1ms", "pareto:1ms,0"]
    {
        let error = text.parse::<Delay>().unwrap_err();
        assert!(error.contains("uniform:1ms..5ms") && error.contains(text), "{error}");
    }
    for text in ["pareto:1ms,NaN", "lognormal:1ms,-1", "gauss:1ms", "lognormal:1ms,inf"] {
        assert!(text.parse::<Delay>().is_err(), "{text}");
    }
}

#[test]
fn every_fiftieth_is_the_fiftieth_and_the_hundredth() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let every = Held::Every(NonZeroU64::new(50).unwrap());
    let held: Vec<u64> = (1..=120).filter(|number| every.holds(*number, &mut rng)).collect();
    assert_eq!(held, [50, 100]);
    let share = (1..=10_000).filter(|number| Held::Share(0.02).holds(*number, &mut rng)).count();
    assert!((130..=270).contains(&share), "{share} of about 200");
    assert!((1..=100).all(|number| !Held::Share(0.0).holds(number, &mut rng)));
    assert!((1..=100).all(|number| Held::Share(1.0).holds(number, &mut rng)));
}

#[test]
fn a_trace_holds_from_each_line_to_the_next() {
    let trace =
        Trace::parse("seconds,milliseconds\n# quiet first\n1, 5\n\n2.5,0\n4,0.25\n").unwrap();
    let at = |ms: u64| trace.at(ms * MS).as_secs_f64() * 1e3;
    let found = [0, 999, 1000, 2499, 2500, 3999, 4000, 1_000_000].map(at);
    assert_eq!(found, [0.0, 0.0, 5.0, 5.0, 0.0, 0.0, 0.25, 0.25]);
}

#[test]
fn all_mistakes_of_a_trace_are_told_with_their_lines() {
    let error = Trace::parse("0,1\nx,y\n0,2\n-1,2\n3\n4,NaN\n").unwrap_err();
    let lines: Vec<&str> = error.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["line 2", "line 3", "line 4", "line 5", "line 6"]);
    assert!(Trace::parse("# nothing\n").is_err());
}

#[test]
fn an_answer_that_would_leave_in_a_stall_leaves_at_its_end() {
    let stall: Stall = "200ms/2s".parse().unwrap();
    let first = Nanos(777);
    let release = |ms: u64| stall.release(Nanos(first.0 + ms * MS), first).since(first) / MS;
    assert_eq!(
        [0, 100, 200, 1999, 2000, 2199, 2200].map(release),
        [200, 200, 200, 1999, 2200, 2200, 2200]
    );
    let later = stall.after(Duration::from_secs(1));
    let release = |ms: u64| later.release(Nanos(first.0 + ms * MS), first).since(first) / MS;
    assert_eq!([0, 999, 1000, 1200, 3100].map(release), [0, 999, 1200, 1200, 3200]);
    for wrong in ["200ms", "2s/2s", "0s/1s", "1/2"] {
        assert!(wrong.parse::<Stall>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_readers_panic(text in any::<String>()) {
        let _ = text.parse::<Delay>();
        let _ = text.parse::<Stall>();
        let _ = Trace::parse(&text);
    }
}
