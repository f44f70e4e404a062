//! Questions as people type them: what is understood, and what they are told when it is not.

use policy::endpoint::Protocol;
use policy::question::{Destination, Question, Source, Subject};
use proptest::prelude::*;

fn read(text: &str) -> Question {
    Question::read(text).expect(text)
}

#[test]
fn who_calls_what_with_which_request() {
    let question = read("from front/web, POST /v1/charge?x=1 to shop/pay:8080");
    let Source::Account { namespace, account, labels: None, trust_domain: None } = question.source
    else {
        panic!("an account")
    };
    assert_eq!((namespace.as_str(), account.as_str()), ("front", "web"));
    assert_eq!(question.request, Some(("POST".to_owned(), "/v1/charge?x=1".to_owned())));
    let Destination::Workload(subject) = question.destination else { panic!("a workload") };
    assert_eq!((subject.namespace.as_str(), subject.name.as_str()), ("shop", "pay"));
    assert_eq!((subject.port, subject.labels), (8080, None));
    assert_eq!((question.protocol, question.plaintext), (None, false));
}

#[test]
fn every_part_is_understood() {
    let question = read(
        "from front/web{app=web, tier=a}, GET /, host pay.shop:80, header X-Token: a b, \
         header X-List: \"a, b\", token https://issuer me, claim aud=x, claim aud=y, plaintext, \
         address 10.1.2.3, client 203.0.113.9 to shop/pay{app=pay}:8080",
    );
    let Source::Account { labels: Some(labels), .. } = &question.source else { panic!("labels") };
    assert_eq!((labels["app"].as_str(), labels["tier"].as_str()), ("web", "a"));
    assert_eq!(question.host.as_deref(), Some("pay.shop:80"));
    assert_eq!(question.headers["x-token"], "a b");
    assert_eq!(question.headers["x-list"], "a, b");
    assert_eq!(question.token, Some(("https://issuer".to_owned(), "me".to_owned())));
    assert_eq!(question.claims["aud"], ["x", "y"]);
    assert!(question.plaintext);
    assert_eq!(question.address.map(|address| address.to_string()).as_deref(), Some("10.1.2.3"));
    assert_eq!(question.client.map(|address| address.to_string()).as_deref(), Some("203.0.113.9"));
    let Destination::Workload(subject) = question.destination else { panic!("a workload") };
    assert_eq!(subject.labels.expect("given")["app"], "pay");
}

#[test]
fn other_callers_protocols_and_places() {
    assert_eq!(read("from world to a/b:1").source, Source::World);
    assert_eq!(read("from remote-node to a/b:1").source, Source::Entity("remote-node"));
    assert_eq!(read("from 10.1.2.3 to a/b:1").source, Source::Address([10, 1, 2, 3].into()));
    let spiffe = read("from spiffe://td.example/ns/front/sa/web to a/b:1").source;
    assert!(
        matches!(spiffe, Source::Account { trust_domain: Some(domain), .. } if domain == "td.example")
    );
    let dns = read("from a/b, udp, dns api.example.com to kube-system/coredns:53");
    assert_eq!((dns.protocol, dns.dns.as_deref()), (Some(Protocol::Udp), Some("api.example.com")));
    let echo = read("from a/b, icmp 8 to 1.2.3.4");
    assert_eq!(echo.destination, Destination::Address([1, 2, 3, 4].into(), 0));
    let tls = read("from a/b, sni api.example.com to api.example.com:443");
    assert!(tls.tls && tls.sni.as_deref() == Some("api.example.com"));
    assert_eq!(tls.destination, Destination::Name("api.example.com".to_owned(), 443));
    let v6 = read("from a/b to [2001:db8::1]:443").destination;
    assert!(matches!(v6, Destination::Address(address, 443) if address.is_ipv6()));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let mut all = String::new();
    for question in [
        "",
        "can front/web call shop/pay",
        "from front/web",
        "from front/web POST /v1 to shop/pay:8080",
        "from Front/web, post /v1 to shop/pay:0",
        "from front, POSTT to shop:8080",
        "from front/web, plaintex to shop/pay:8080",
        "from front/web, GET /a, GET /b to shop/pay:8080",
        "from front/web, host a to shop/pay:8080",
        "from front/web, udp, GET / to shop/pay:8080",
        "from front/web, tls, GET / to shop/pay:8080",
        "from front/web, address a, client, icmp x, dns to shop/pay",
        "from front/web{app} to shop/pay{app=a:80",
        "from spiffe://a/web to shop/pay:80",
        "from wrld to shop/pay:80",
        "from a/b, header x, token y, claim z, GET / to shop/pay:80",
    ] {
        let unreadable = Question::read(question).expect_err(question);
        all.push_str(&format!("{unreadable}\n\n"));
    }
    for subject in ["", "shop", "shop/pay", "shop/pay:http", "shop/pay:80 and more"] {
        let unreadable = Subject::read(subject).expect_err(subject);
        all.push_str(&format!("{unreadable}\n\n"));
    }
    insta::assert_snapshot!(all);
}

fn any_piece() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "from ",
        " to ",
        "front/web",
        "shop/pay:80",
        ", ",
        "GET /",
        "{",
        "}",
        "\"",
        "=",
        ":",
        "host a",
        "header a: b",
        "token",
        "icmp",
        "[",
        "]",
        "spiffe://a/ns/b/sa/c",
        "1.2.3.4",
        "ä",
        "\u{0}",
        "\t",
        "{app=a}",
        "dns a",
        "world",
    ]);
    prop_oneof![4 => words.prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(pieces in prop::collection::vec(any_piece(), 0..12)) {
        let text = pieces.concat();
        for error in [Question::read(&text).err(), Subject::read(&text).err()].into_iter().flatten() {
            prop_assert!(!error.mistakes.is_empty());
            for mistake in &error.mistakes {
                prop_assert!(mistake.column <= text.chars().count() + 1);
            }
        }
    }
}
