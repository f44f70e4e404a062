use proptest::prelude::*;
use scenarios::variant::VariantName;

use super::*;

fn spec(rate: f64, nanos: [u64; 3], seed: u64, poisson: bool) -> TrialSpec {
    let [timeout, warm_up, duration] = nanos.map(Duration::from_nanos);
    TrialSpec {
        block: 3,
        position: 2,
        variant: VariantName("strict".to_owned()),
        load: LoadSpec {
            arrivals: if poisson { Arrivals::Poisson } else { Arrivals::Constant },
            rate: RatePerSecond::new(rate).expect("in range"),
            connections: 50,
            max_in_flight: 1000,
            timeout,
            warm_up,
            duration,
            requests: vec![
                RequestKind {
                    name: "charge".to_owned(),
                    weight: 7,
                    answer: Answer::Served,
                    request: RequestSpec {
                        method: "POST".to_owned(),
                        path: "/v1/charge?x=1".to_owned(),
                        headers: vec![("accept".to_owned(), "text/plain; q=0.5".to_owned())],
                        body: "a body\r\nof two lines".to_owned(),
                    },
                },
                RequestKind {
                    name: "refund".to_owned(),
                    weight: 3,
                    answer: Answer::Denied,
                    request: RequestSpec {
                        method: "GET".to_owned(),
                        path: "/v1/refund".to_owned(),
                        headers: Vec::new(),
                        body: String::new(),
                    },
                },
            ],
        },
        seed,
    }
}

fn endpoint() -> Endpoint {
    let address = "127.0.0.1:8080".parse().expect("an address");
    Endpoint { address, host: "server.prod".to_owned() }
}

proptest! {
    #[test]
    fn a_trial_that_is_read_is_the_trial_that_was_asked_for(
        rate in 0.1_f64..1e6,
        nanos in [1_u64..1 << 45, 0_u64..1 << 45, 1_u64..1 << 45],
        seed: u64,
        poisson: bool,
    ) {
        let asked = spec(rate, nanos, seed, poisson);
        let message = ToAgent::Trial(Box::new(Order::of(&asked, &endpoint(), (1, 4))));
        let line = serde_json::to_string(&message).expect("texts and numbers");
        prop_assert!(!line.contains('\n'));
        let ToAgent::Trial(read) = serde_json::from_str(&line).expect("what was written") else {
            panic!("another message");
        };
        prop_assert_eq!(read.load().expect("in range"), asked.load);
        prop_assert_eq!(read.endpoint(), endpoint());
        prop_assert_eq!((read.number, read.of, read.seed), (1, 4, seed));
    }
}

#[test]
fn everything_that_is_wrong_with_an_order_is_said_at_once() {
    let mut order = Order::of(&spec(1.0, [1; 3], 1, false), &endpoint(), (4, 4));
    order.host = "two words".to_owned();
    order.load.rate = f64::MAX;
    order.load.connections = 3;
    order.load.duration_ns = 0;
    order.load.requests[1].request = RequestOrder {
        method: "GET /".to_owned(),
        path: "charge".to_owned(),
        headers: vec![("accept".to_owned(), "a\r\nhost: b".to_owned())],
        body: String::new(),
    };
    let said = order.load().expect_err("wrong in many ways");
    for part in [
        "share 4 of 4",
        "3 connections",
        "no window",
        "rate ",
        "method ",
        "path ",
        "host ",
        "header ",
    ] {
        assert!(said.lines().any(|line| line.starts_with(part)), "{part} in: {said}");
    }
}

#[test]
fn a_message_with_a_key_too_many_is_refused() {
    for line in [
        r#"{"clock":{"now_ns":1,"more":2}}"#,
        r#"{"clocks":{"now_ns":1}}"#,
        r#"{"clock":{"now_ns":-1}}"#,
        r#"{"clock":{"now_ns":1},"ready":null}"#,
        "{}",
    ] {
        assert!(serde_json::from_str::<FromAgent>(line).is_err(), "{line}");
    }
    let known = serde_json::from_str::<FromAgent>(r#"{"clock":{"now_ns":1}}"#);
    assert_eq!(known.expect("as documented"), FromAgent::Clock { now_ns: 1 });
}

#[test]
fn a_greeting_of_another_version_is_read_and_named() {
    let later = r#"{"hello":{"protocol":9,"loadgen":"7.0.0","language":"en"},"more":[]}"#;
    let Greeting { hello } = serde_json::from_str(later).expect("it is read leniently");
    let said = hello.check("coordinator").expect_err("another version");
    assert!(said.starts_with("the coordinator is loadgen 7.0.0 and speaks protocol 9"), "{said}");
    assert_eq!(Hello::ours().check("agent"), Ok(()));
}
