//! The document of `--output json`: the contract's keys, the three laws, and its schema.

use std::fs;
use std::path::{Path, PathBuf};

use loadgen::drive::document::{Document, schema};
use loadgen::drive::gate::Gate;
use loadgen::drive::measured::Measured;
use loadgen::drive::search::{self, Bracket, Decision, Ending, Found, Step};
use loadgen::drive::validity::Validity;
use serde_json::{Value, json};

use crate::made;

fn document(measured: &Measured) -> Document {
    let gates = [Gate::parse("p99>3ms").unwrap().judge(measured)];
    Document::of(measured, &Validity::of(measured), &gates)
}

fn value(measured: &Measured) -> Value {
    serde_json::from_str(&document(measured).to_json()).unwrap()
}

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schema/{name}.schema.json"))
}

/// Both documents that `drive` prints.
fn schemas() -> [(&'static str, String); 2] {
    [("drive", schema()), ("find-max", search::schema())]
}

fn validator(name: &str) -> jsonschema::Validator {
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(committed(name)).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn drives_of_every_kind_are_documents_that_read_back() {
    for (name, measured) in made::all() {
        let written = document(&measured);
        let read: Document = serde_json::from_str(&written.to_json()).unwrap();
        assert_eq!(read, written, "{name}");
    }
    insta::assert_snapshot!("document_normal", document(&made::normal()).to_json());
    insta::assert_snapshot!("document_tls_censored", {
        let mut measured = made::tls();
        let censored = made::censored();
        (measured.counts, measured.latencies) = (censored.counts, censored.latencies);
        document(&measured).to_json()
    });
}

#[test]
fn the_contracts_keys_are_there() {
    let document = value(&made::tls());
    for key in
        ["schema_version", "url", "offered_rate", "achieved_rate", "duration_s", "connections"]
    {
        assert!(document[key].is_number() || document[key].is_string(), "{key}");
    }
    for key in ["offered", "completed", "failed", "timed_out", "shed"] {
        assert!(document["counts"][key].is_u64(), "{key}");
    }
    assert_eq!(document["counts"]["by_status"]["200"], 30_000);
    for times in ["response_time_us", "service_time_us", "send_lag_us"] {
        for key in ["min", "mean", "p50", "p90", "p99", "p999", "max", "count"] {
            assert!(document[times][key].is_number(), "{times} {key}");
        }
        assert_eq!(document[times]["p9999"], Value::Null, "36 887 requests are needed");
    }
    assert!(value(&made::of(36_887))["response_time_us"]["p9999"].is_number());
    assert_eq!(document["validity"]["verdict"], "valid");
    assert_eq!(document["validity"]["reasons"], json!([]));
    assert_eq!(document["tls"]["version"], "TLS 1.3");
    assert_eq!(document["tls"]["cipher"], "TLS13_AES_128_GCM_SHA256");
    assert_eq!(document["tls"]["handshakes_full"], 5);
    assert_eq!(document["tls"]["handshakes_resumed"], 0);
    assert!(document["client"]["cpu_s"].is_number());
    assert_eq!(document["client"]["max_rss_bytes"], 14 << 20);
    assert_eq!(value(&made::normal())["tls"], Value::Null);
}

#[test]
fn the_laws_hold_in_every_document() {
    for (name, measured) in made::all() {
        let document = document(&measured);
        let counts = &document.counts;
        assert!(counts.add_up(), "{name}");
        assert_eq!(document.response_time_us.count, counts.offered, "{name}");
        assert_eq!(document.service_time_us.count, counts.completed, "{name}");
        assert_eq!(document.to_json(), self::document(&measured).to_json(), "{name}");
    }
}

#[test]
fn what_unanswered_requests_could_change_is_listed_as_a_bound() {
    let times = document(&made::censored()).response_time_us;
    assert_eq!(times.at_least, ["p99", "p999", "max", "mean"]);
    assert_eq!(times.intervals["p99"].high, None);
    assert!(document(&made::normal()).response_time_us.at_least.is_empty());
    let closed = value(&made::closed_loop());
    assert_eq!(closed["asked_rate"], Value::Null);
    assert_eq!(closed["offered_rate"], json!(10_000.0));
}

#[test]
fn the_committed_schemas_are_current() {
    for (name, schema) in schemas() {
        let text = fs::read_to_string(committed(name)).unwrap_or_default();
        assert!(text == schema, "schema/{name}.schema.json is not current; see main.rs's head");
    }
}

#[test]
fn a_search_is_valid_by_its_schema_and_by_no_other() {
    let bracket = Bracket::new(100.0, 1e6, 0.05);
    let step = Step {
        rate: 100.0,
        batch_s: 1.0,
        batches: 3,
        spoilt: 1,
        shares: vec![Some(0.25), None],
        decision: Some(Decision::Fails),
    };
    let found = Found {
        schema_version: 1,
        objectives: vec!["p99 < 5 ms".to_owned()],
        error: 0.05,
        bracket,
        steps: vec![step],
        ending: Ending::Generator { rate: 2e5, why: "generator late".to_owned() },
        took_s: 3.5,
    };
    let document: Value = serde_json::from_str(&found.to_json()).unwrap();
    let errors: Vec<String> =
        validator("find-max").iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    assert!(!validator("drive").is_valid(&document));
    let read: Found = serde_json::from_str(&found.to_json()).unwrap();
    assert_eq!(read, found);
}

#[test]
fn every_document_is_valid_by_the_schema_and_broken_ones_are_not() {
    let validator = validator("drive");
    for (name, measured) in made::all() {
        let document = value(&measured);
        let errors: Vec<String> =
            validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}");
    }
    let breaks: [fn(&mut Value); 6] = [
        |document| drop(document.as_object_mut().unwrap().remove("seed")),
        |document| document["extra"] = json!(1),
        |document| document["counts"]["offered"] = json!(-1),
        |document| document["validity"]["verdict"] = json!("fine"),
        |document| document["response_time_us"]["p95"] = json!(1.0),
        |document| document["client"]["cpu_s"] = json!("much"),
    ];
    for (index, change) in breaks.into_iter().enumerate() {
        let mut document = value(&made::tls());
        change(&mut document);
        assert!(!validator.is_valid(&document), "break {index} is accepted");
    }
}

#[test]
#[ignore = "rewrites the committed schema"]
fn regenerate() {
    for (name, schema) in schemas() {
        fs::write(committed(name), schema).unwrap();
    }
}
