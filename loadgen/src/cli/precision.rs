//! The text of `--precision`: how well the overheads are to be known, for two quantiles at once or
//! one by one. Knows no scenario.

use bench::quantile::Quantile;
use bench::stopping::{Reach, Target};

/// What `--precision 5%` is wanted at: the usual request and the rare one.
const USUAL: [Quantile; 2] = [Quantile::P50, Quantile::P99];

/// What was typed, one for each quantile, in order of the quantiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets(pub Vec<Target>);

impl Targets {
    /// Reads `5%`, `50us`, `p99=5%` or `p50=2%,p99=50us`. All mistakes are told at once.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.contains('=') && !text.contains(',') {
            let reach = reach(text)?;
            return Ok(Self(USUAL.map(|quantile| Target { quantile, reach }).to_vec()));
        }
        let (mut targets, mut mistakes) = (Vec::<Target>::new(), Vec::new());
        for part in text.split(',') {
            match target(part) {
                Ok(target) if targets.iter().any(|known| known.quantile == target.quantile) => {
                    mistakes.push(format!("{} is given twice", target.quantile.label()));
                }
                Ok(target) => targets.push(target),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        targets.sort_by_key(|target| target.quantile);
        if mistakes.is_empty() { Ok(Self(targets)) } else { Err(mistakes.join("; ")) }
    }
}

fn target(part: &str) -> Result<Target, String> {
    let Some((name, size)) = part.split_once('=') else {
        return Err(format!("expected a quantile and a size such as `p99=5%`, found `{part}`"));
    };
    let known = Quantile::ALL.into_iter().find(|q| [q.key(), q.label()].contains(&name.trim()));
    let reach = reach(size);
    let Some(quantile) = known else {
        let mistake = format!("expected p50, p90, p99 or p99.9, found `{}`", name.trim());
        return Err(reach.err().into_iter().fold(mistake, |all, next| format!("{all}; {next}")));
    };
    Ok(Target { quantile, reach: reach? })
}

fn reach(text: &str) -> Result<Reach, String> {
    let text = text.trim();
    let expected = || {
        format!(
            "expected a percentage such as `5%` or a time such as `50us`, above 0, found `{text}`"
        )
    };
    if let Some(number) = text.strip_suffix('%') {
        let percent: f64 = number.trim().parse().map_err(|_| expected())?;
        let sensible = percent > 0.0 && percent <= 1000.0;
        return if sensible { Ok(Reach::Percent(percent)) } else { Err(expected()) };
    }
    let time = scenarios::units::duration(text).map_err(|_| expected())?;
    if time.is_zero() { Err(expected()) } else { Ok(Reach::Us(time.as_secs_f64() * 1e6)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(&'static str, Reach)> {
        let targets = Targets::parse(text).expect(text);
        targets.0.iter().map(|target| (target.quantile.key(), target.reach)).collect()
    }

    #[test]
    fn one_size_is_for_the_median_and_the_99th_percentile() {
        assert_eq!(read("5%"), [("p50", Reach::Percent(5.0)), ("p99", Reach::Percent(5.0))]);
        assert_eq!(read("50us"), [("p50", Reach::Us(50.0)), ("p99", Reach::Us(50.0))]);
        assert_eq!(read("0.5 %"), [("p50", Reach::Percent(0.5)), ("p99", Reach::Percent(0.5))]);
    }

    #[test]
    fn each_quantile_may_have_a_size_of_its_own() {
        assert_eq!(read("p99.9=10%"), [("p999", Reach::Percent(10.0))]);
        assert_eq!(
            read("p99=1ms,p50=2%"),
            [("p50", Reach::Percent(2.0)), ("p99", Reach::Us(1000.0))]
        );
    }

    #[test]
    fn mistakes_are_told_together() {
        for (text, parts) in [
            ("", &["found ``"][..]),
            ("5", &["found `5`"]),
            ("-5%", &["found `-5%`"]),
            ("0%", &["above 0"]),
            ("0us", &["above 0"]),
            ("nan%", &["found `nan%`"]),
            ("p98=5%", &["expected p50, p90, p99 or p99.9, found `p98`"]),
            ("p50=x,p99=5%,p99=6%,7%", &["found `x`", "p99 is given twice", "found `7%`"]),
            ("p98=x", &["found `p98`", "found `x`"]),
        ] {
            let said = Targets::parse(text).expect_err(text);
            for part in parts {
                assert!(said.contains(part), "{text}: {said}");
            }
        }
    }
}
