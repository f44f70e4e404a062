//! What a good file is read as, and that no slip in a key goes unnoticed.

mod common;

use std::time::Duration;

use common::{COMPLETE, read};
use policy::source::{Entry, Mistakes, Node, Value, Wrong, documents};
use proptest::prelude::*;
use scenarios::load::Arrivals;
use scenarios::posture::Expected;
use scenarios::variant::{Planted, Proxies, VariantName};

#[test]
fn every_key_reaches_the_understood_form() {
    let scenario = read(COMPLETE).unwrap();
    assert_eq!((scenario.name.as_str(), scenario.version), ("complete", 3));
    let load = &scenario.load;
    assert_eq!(load.arrivals, Arrivals::Poisson);
    assert_eq!((load.connections, load.max_in_flight), (50, 1000));
    assert_eq!(load.timeout, Duration::from_secs(10));
    assert_eq!(load.rate.requests_in(load.duration), 5000);
    assert_eq!((load.request().method.as_str(), load.request().body.as_str()), ("POST", "{}"));
    assert_eq!(load.request().headers[1], ("accept".to_owned(), "text/plain".to_owned()));
    let figures = |numbers: &[f64]| format!("{numbers:?}");
    let gates = &scenario.gates;
    assert_eq!(
        figures(&[gates.late_us, gates.late_percent.percent(), gates.rate_error_percent.percent()]),
        figures(&[1000.0, 40.0, 2.0])
    );
    assert_eq!(figures(&[scenario.design.margin.at_least_us]), figures(&[25.0]));
    let stalling = scenario.variant(&VariantName("stalling#2".to_owned())).unwrap();
    assert_eq!((stalling.proxies, stalling.posture.foreign_ca), (Proxies::None, None));
    let every = Duration::from_secs(2);
    let stall = Planted::Stall { length: Duration::from_millis(200), every };
    assert_eq!(stalling.planted, Some(stall));
    assert_eq!(scenario.variants[0].posture.foreign_ca, Some(Expected::Refused));
    let names: Vec<_> = scenario.testbeds["kind"].variants.iter().map(|v| v.as_str()).collect();
    assert_eq!(names, ["plain", "delayed"], "in the scenario's order, not the testbed's");
    assert!(scenario.policies["policies/istio/disable.yaml"].contains("DISABLE"));
    assert_eq!(scenario.policy_set(&scenario.variants[0]).unwrap().peer_authentications.len(), 1);
}

#[test]
fn optional_parts_have_defaults() {
    let text = COMPLETE.split("gates:").next().unwrap().to_owned()
        + &COMPLETE[COMPLETE.find("meshes:").unwrap()..COMPLETE.find("article:").unwrap()];
    let scenario = read(&text).unwrap();
    assert_eq!(scenario.gates, scenarios::scenario::Gates::default());
    assert!(scenario.article.is_empty());
}

/// Every key of a document that the reader knows by name, with its byte offset.
fn known_keys<'n>(node: &'n Node, free: bool, found: &mut Vec<&'n Entry>) {
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                if !free {
                    found.push(entry);
                }
                // A header's name is the writer's to choose.
                known_keys(&entry.value, entry.key == "headers", found);
            }
        }
        Value::List(items) => items.iter().for_each(|item| known_keys(item, false, found)),
        Value::Scalar(_) | Value::Refused => {}
    }
}

fn keys_of_complete() -> Vec<(String, usize, policy::source::Position)> {
    let parsed = documents(COMPLETE, &mut Mistakes::new("")).expect("it is valid");
    let mut keys = Vec::new();
    known_keys(&parsed[0].root, false, &mut keys);
    let lines: Vec<&str> = COMPLETE.split_inclusive('\n').collect();
    let offset = |entry: &Entry| {
        let before: usize = lines[..entry.key_at.line - 1].iter().map(|line| line.len()).sum();
        before + entry.key_at.column - 1
    };
    keys.iter().map(|entry| (entry.key.clone(), offset(entry), entry.key_at)).collect()
}

fn assert_refused(text: &str, typo: &str, key: &str, at: policy::source::Position) {
    let mistakes = read(text).expect_err(typo);
    let reported = mistakes.list.iter().any(|mistake| {
        mistake.at == at
            && mistake.wrong == Wrong::UnknownKey { nearest: Some(key.to_owned()) }
            && (mistake.key == typo || mistake.key.ends_with(&format!(".{typo}")))
    });
    assert!(reported, "`{typo}` for `{key}` in\n{mistakes}");
}

#[test]
fn a_doubled_letter_in_any_key_is_refused_with_the_key_that_was_meant() {
    let keys = keys_of_complete();
    assert!(keys.len() > 90, "the complete scenario has {} keys", keys.len());
    for (key, offset, at) in keys {
        let typo = format!("{}{key}", &key[..1]);
        let mut text = COMPLETE.to_owned();
        text.replace_range(offset..offset + key.len(), &typo);
        assert_refused(&text, &typo, &key, at);
    }
}

proptest! {
    #[test]
    fn any_slip_in_any_key_is_refused(
        pick in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        letter in "[a-z]",
    ) {
        let keys = keys_of_complete();
        let (key, offset, at) = pick.get(&keys);
        let place = place.index(key.len() + 1);
        let typo = format!("{}{letter}{}", &key[..place], &key[place..]);
        let mut text = COMPLETE.to_owned();
        text.replace_range(*offset..offset + key.len(), &typo);
        let mistakes = read(&text).unwrap_err();
        let refused = mistakes
            .list
            .iter()
            .any(|mistake| mistake.at == *at && matches!(mistake.wrong, Wrong::UnknownKey { .. }));
        prop_assert!(refused, "`{}` for `{}` in\n{}", typo, key, mistakes);
    }

    #[test]
    fn no_text_at_all_makes_the_reader_panic(text in "[a-z{}:,&*!#@|> \\[\\]\\n\"'-]{0,80}") {
        let _ = read(&text);
    }

    #[test]
    fn no_value_in_any_place_makes_the_reader_panic(
        place in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            "", "~", "5", "-1", "0x1F", "1e400", ".nan", "true", "text", "[]", "{}", "[[a]]",
            "{a: b}", "*a", "&a b", "!!str 5", "\"\"", "'a\0'", "99999999999999999999",
        ]),
    ) {
        let keys = keys_of_complete();
        let (_, offset, _) = place.get(&keys);
        let colon = offset + COMPLETE[*offset..].find(':').expect("a key has a colon");
        let rest = &COMPLETE[colon + 1..];
        let end = colon + 1 + rest.find(['\n', ',', '}']).expect("the file ends with a line");
        for end in [colon + 1, end] {
            let _ = read(&format!("{} {value}{}", &COMPLETE[..=colon], &COMPLETE[end..]));
        }
    }

    #[test]
    fn no_cut_of_a_good_file_makes_the_reader_panic(at in 0..COMPLETE.len()) {
        // Some cuts near the end leave a whole scenario; none before the comparisons does.
        let read = read(&COMPLETE[..at]);
        prop_assert!(read.is_err() || at > COMPLETE.find("comparisons:").expect("it has them"));
    }
}
