//! Thresholds: what they read, what they decide, and what they say of mistakes.

use clap::Parser;
use loadgen::drive::gate::{Gate, Outcome, Slo};
use loadgen::drive::measured::Measured;
use loadgen::drive::save::Target;

use crate::made;

fn outcome(text: &str, measured: &Measured) -> Outcome {
    Gate::parse(text).unwrap().judge(measured).outcome
}

#[test]
fn conditions_are_read_and_printed_as_people_write_them() {
    for (text, printed) in [
        ("p99>3ms", "p99 > 3 ms"),
        ("p999 >= 1.5s", "p99.9 >= 1.5 s"),
        (" p99.9 > 500us ", "p99.9 > 500 µs"),
        ("p95>500µs", "p95 > 500 µs"),
        ("max<1m", "max < 60 s"),
        ("mean<=2ms", "mean <= 2 ms"),
        ("errors>0.1%", "errors > 0.1 %"),
        ("errors>10", "errors > 10"),
        ("timeouts>0", "timeouts > 0"),
        ("shed>0", "shed > 0"),
        ("rate<990", "rate < 990 /s"),
        ("rate<990/s", "rate < 990 /s"),
        ("send-lag.p99>1ms", "send-lag.p99 > 1 ms"),
        ("service.max>1ms", "service.max > 1 ms"),
        ("ttfb.p50>1ms", "ttfb.p50 > 1 ms"),
        ("tls.p50>1ms", "tls.p50 > 1 ms"),
        ("connect.mean>1ms", "connect.mean > 1 ms"),
        ("denied.p99.9>1ms", "denied.p99.9 > 1 ms"),
        ("api.v2.p99>1ms", "api.v2.p99 > 1 ms"),
        ("denied.errors>1%", "denied.errors > 1 %"),
    ] {
        assert_eq!(Gate::parse(text).unwrap().condition().to_string(), printed, "{text}");
    }
}

#[test]
fn mistakes_are_shown_where_they_stand() {
    let texts = [
        "",
        "p99",
        "p9x>3ms",
        "p100>3ms",
        "eror>1%",
        "p99>3",
        "p99>",
        ">3ms",
        "errors>101%",
        "errors>3ms",
        "rate<fast",
        "service.latency>3ms",
        "denied.p99=3ms",
        "p99>3ms\n",
        "p99>-3ms",
        "µµµ.p9q>1ms",
    ];
    let all: Vec<String> = texts
        .into_iter()
        .map(|text| match Gate::parse(text) {
            Ok(gate) => format!("{text:?}\nis read as {}", gate.condition()),
            Err(error) => format!("{text:?}\n{error}"),
        })
        .collect();
    insta::assert_snapshot!("gate_mistakes", all.join("\n\n"));
}

#[test]
fn what_is_known_passes_or_fails() {
    let measured = made::with_errors();
    for (text, expected) in [
        ("p99>3ms", Outcome::Passed),
        ("p99>300us", Outcome::Failed),
        ("p50<300us", Outcome::Passed),
        ("p99.99>5ms", Outcome::Failed),
        ("errors>0.1%", Outcome::Passed),
        ("errors>0.04%", Outcome::Failed),
        ("errors>=20", Outcome::Failed),
        ("errors>20", Outcome::Passed),
        ("timeouts>7", Outcome::Failed),
        ("shed>0", Outcome::Passed),
        ("rate<990", Outcome::Passed),
        ("rate<1000", Outcome::Failed),
        ("send-lag.p99>1ms", Outcome::Passed),
        ("service.p99>100us", Outcome::Failed),
        ("ttfb.p99>100ms", Outcome::Passed),
        ("connect.p50>1us", Outcome::Failed),
    ] {
        assert_eq!(outcome(text, &measured), expected, "{text}");
    }
}

#[test]
fn a_bound_decides_what_it_can_and_nothing_else() {
    // p99 is at least 5 s, the time-out.
    let measured = made::censored();
    for (text, expected) in [
        ("p99>3ms", Outcome::Failed),
        ("p99>6s", Outcome::Undecided),
        ("p99<3ms", Outcome::Passed),
        ("p99<6s", Outcome::Undecided),
        ("max>6s", Outcome::Undecided),
        ("p50>3ms", Outcome::Passed),
    ] {
        let judged = Gate::parse(text).unwrap().judge(&measured);
        assert_eq!(judged.outcome, expected, "{judged}");
        assert_eq!(judged.passed(), expected == Outcome::Passed);
    }
    let judged = Gate::parse("p99>6s").unwrap().judge(&measured);
    assert_eq!(
        judged.to_string(),
        "fail if p99 > 6 s: undecided (≥ 5.00 s, which can not be told apart)"
    );
}

#[test]
fn too_few_samples_decide_nothing() {
    let judged = Gate::parse("p99>1h").unwrap().judge(&made::few());
    assert_eq!(
        judged.to_string(),
        "fail if p99 > 3600 s: undecided (can not be told: p99 needs 368 samples, there are 100)"
    );
    assert_eq!(outcome("tls.p50>1ms", &made::few()), Outcome::Undecided);
}

#[test]
fn kinds_are_held_to_their_own_thresholds() {
    let measured = made::kinds();
    assert_eq!(outcome("denied.p50>1ms", &measured), Outcome::Passed);
    assert_eq!(outcome("denied.errors>0.1%", &measured), Outcome::Failed);
    assert_eq!(outcome("allowed.errors>0", &measured), Outcome::Passed);
    // Ten requests of unknown age move the median by ten ranks at most, and could be the longest.
    assert_eq!(outcome("denied.max>1s", &measured), Outcome::Undecided);
    let gate = Gate::parse("denyed.p99>1ms").unwrap();
    let names: Vec<&str> = measured.kinds.iter().map(|kind| kind.name.as_str()).collect();
    assert_eq!(
        gate.condition().check_kind(&names).unwrap_err(),
        "`denyed.p99 > 1 ms`: no kind of request is named `denyed`; did you mean `denied`?"
    );
    assert_eq!(gate.judge(&measured).outcome, Outcome::Undecided);
    assert_eq!(Gate::parse("p99>1ms").unwrap().condition().check_kind(&[]), Ok(()));
}

#[test]
fn an_objective_must_hold_where_a_gate_must_not() {
    for (measured, expected) in [
        (made::normal(), Outcome::Passed),
        (made::censored(), Outcome::Failed),
        (made::few(), Outcome::Undecided),
    ] {
        assert_eq!(Slo::parse("p99<5ms").unwrap().judge(&measured).outcome, expected);
        assert_eq!(outcome("p99>=5ms", &measured), expected);
    }
}

/// The options as a command line has them.
#[derive(Debug, clap::Parser)]
struct Options {
    #[arg(long, value_parser = Gate::parse)]
    fail_if: Vec<Gate>,
    #[arg(long, value_parser = Slo::parse)]
    slo: Option<Slo>,
    #[arg(long, value_parser = Target::parse)]
    save: Vec<Target>,
}

#[test]
fn a_command_line_takes_them_and_shows_their_mistakes() {
    let line = |arguments: &[&str]| Options::try_parse_from(["drive"].iter().chain(arguments));
    let options = line(&[
        "--fail-if=p99>3ms",
        "--fail-if=errors>1%",
        "--slo=p99<5ms",
        "--save=a.hlog",
        "--save=k6=a.json",
    ])
    .unwrap();
    assert_eq!((options.fail_if.len(), options.save.len()), (2, 2));
    assert_eq!(options.slo.unwrap().condition().to_string(), "p99 < 5 ms");
    let error = line(&["--fail-if=p9x>3ms"]).unwrap_err().to_string();
    assert!(error.contains("did you mean `p90`?") && error.contains("--fail-if"), "{error}");
    let error = line(&["--save=fotrio=a"]).unwrap_err().to_string();
    assert!(error.contains("did you mean `fortio=a`?"), "{error}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,20}[<>]?=?\\PC{0,10}") {
        if let Err(error) = Gate::parse(&text) {
            proptest::prop_assert!(error.to_string().contains("expected"));
        }
    }

    #[test]
    fn a_printed_condition_is_read_as_itself(
        level in 1_u32..100, limit in 1_u32..100_000, sign in "[<>]=?"
    ) {
        let gate = Gate::parse(&format!("p{level}{sign}{limit}us")).unwrap();
        let again = Gate::parse(&gate.condition().to_string()).unwrap();
        proptest::prop_assert_eq!(gate.condition().to_string(), again.condition().to_string());
    }
}
