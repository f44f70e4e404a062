//! Saved files, read as the tools that they are for read them.

use std::collections::BTreeMap;

use bench::histogram::Histogram;
use bench::results::read_interval_log;
use loadgen::drive::measured::Measured;
use loadgen::drive::sample::Sample;
use loadgen::drive::save::{Format, Outcome, render};
use loadgen::drive::validity::Validity;
use serde_json::Value;

use crate::made;

fn bytes(measured: &Measured, format: Format) -> Vec<u8> {
    let validity = Validity::of(measured);
    render(&Outcome { measured, validity: &validity, gates: &[] }, format)
}

fn text(measured: &Measured, format: Format) -> String {
    String::from_utf8(bytes(measured, format)).unwrap()
}

fn json(measured: &Measured, format: Format) -> Value {
    serde_json::from_str(&text(measured, format)).unwrap()
}

#[test]
fn every_format_is_as_it_was_looked_at() {
    for format in [
        Format::Hgrm,
        Format::Csv,
        Format::Fortio,
        Format::Vegeta,
        Format::K6,
        Format::Prometheus,
        Format::Bencher,
        Format::GithubActionBenchmark,
    ] {
        insta::assert_snapshot!(format!("save_{}", format.name()), text(&made::tls(), format));
    }
    insta::assert_snapshot!("save_fortio_censored", text(&made::censored(), Format::Fortio));
    insta::assert_snapshot!("save_csv_kinds", text(&made::kinds(), Format::Csv));
    insta::assert_snapshot!("save_prometheus_kinds", text(&made::kinds(), Format::Prometheus));
    insta::assert_snapshot!("save_vegeta_few", text(&made::few(), Format::Vegeta));
}

#[test]
fn the_same_drive_gives_the_same_bytes_in_every_format() {
    for (name, measured) in made::all() {
        for format in Format::ALL {
            let once = bytes(&measured, format);
            assert_eq!(once, bytes(&measured, format), "{name} {}", format.name());
            assert!(once.ends_with(b"\n"), "{name} {}", format.name());
        }
    }
}

/// The row that istio/tools makes of a Fortio result, by the rules of its reader.
fn istio_row(result: &Value) -> BTreeMap<String, i64> {
    let micros = |value: &Value| (value.as_f64().unwrap() * 1e6) as i64;
    let mut row = BTreeMap::new();
    for key in ["Labels", "StartTime", "RunType"] {
        assert!(result[key].is_string(), "{key}");
    }
    let asked = result["RequestedQPS"].as_str().unwrap();
    let asked = if asked == "max" { 99_999_999.0 } else { asked.parse::<f64>().unwrap() };
    row.insert("RequestedQPS".to_owned(), asked.round() as i64);
    row.insert("ActualQPS".to_owned(), result["ActualQPS"].as_f64().unwrap().round() as i64);
    row.insert("NumThreads".to_owned(), result["NumThreads"].as_i64().unwrap());
    row.insert(
        "ActualDuration".to_owned(),
        result["ActualDuration"].as_i64().unwrap() / 1_000_000_000,
    );
    let histogram = &result["DurationHistogram"];
    row.insert("min".to_owned(), micros(&histogram["Min"]));
    row.insert("max".to_owned(), micros(&histogram["Max"]));
    for entry in histogram["Percentiles"].as_array().unwrap() {
        // Python prints 50 as `50` and 50.0 as `50.0`; serde_json prints both alike.
        let key = format!("p{}", entry["Percentile"].to_string().replace('.', ""));
        row.insert(key, micros(&entry["Value"]));
    }
    let success = result["RetCodes"].get("200").map_or(0, |count| count.as_i64().unwrap());
    assert_eq!(result["RunType"], "HTTP");
    let count = result["Sizes"]["Count"].as_i64().unwrap();
    row.insert("errorPermille".to_owned(), 1000 * (count - success) / count);
    row.insert("Payload".to_owned(), result["Sizes"]["Avg"].as_f64().unwrap() as i64);
    row
}

#[test]
fn istio_tools_reads_the_fortio_result() {
    let measured = made::normal();
    let row = istio_row(&json(&measured, Format::Fortio));
    let response = &measured.latencies.response_time;
    let us = |quantile| i64::try_from(response.at_quantile(quantile).unwrap() / 1000).unwrap();
    assert_eq!(row["p50"], us(0.5));
    assert_eq!(row["p75"], us(0.75));
    assert_eq!(row["p90"], us(0.9));
    assert_eq!(row["p99"], us(0.99));
    assert_eq!(row["p999"], us(0.999));
    assert_eq!(row["min"], i64::try_from(response.min().unwrap() / 1000).unwrap());
    assert_eq!(row["max"], i64::try_from(response.max().unwrap() / 1000).unwrap());
    assert_eq!((row["RequestedQPS"], row["ActualQPS"], row["NumThreads"]), (1000, 1000, 50));
    assert_eq!((row["ActualDuration"], row["errorPermille"], row["Payload"]), (30, 0, 1184));
    assert!(!row.contains_key("p500"), "whole percentiles are integers");

    let row = istio_row(&json(&made::censored(), Format::Fortio));
    assert_eq!(row["errorPermille"], 20);
    assert_eq!(istio_row(&json(&made::closed_loop(), Format::Fortio))["RequestedQPS"], 99_999_999);
    // What can not be told is not there, and the reader prints a dash for it.
    assert!(!istio_row(&json(&made::few(), Format::Fortio)).contains_key("p99"));
}

#[test]
fn fortios_buckets_cover_the_histogram_without_a_gap() {
    for (name, measured) in made::all() {
        let result = json(&measured, Format::Fortio);
        for key in ["DurationHistogram", "ErrorsDurationHistogram", "Sizes", "ConnectionStats"] {
            let histogram = &result[key];
            let number = |value: &Value| value.as_f64().unwrap();
            let Some(data) = histogram["Data"].as_array() else {
                assert_eq!(histogram["Count"], 0, "{name} {key}");
                continue;
            };
            assert_eq!(data[0]["Start"], histogram["Min"], "{name} {key}");
            assert_eq!(data.last().unwrap()["End"], histogram["Max"], "{name} {key}");
            let total: u64 = data.iter().map(|bucket| bucket["Count"].as_u64().unwrap()).sum();
            assert_eq!(total, histogram["Count"].as_u64().unwrap(), "{name} {key}");
            for pair in data.windows(2) {
                assert!(number(&pair[0]["End"]) <= number(&pair[1]["Start"]), "{name} {key}");
                assert!(number(&pair[0]["Percent"]) < number(&pair[1]["Percent"]));
            }
            assert!((number(&data.last().unwrap()["Percent"]) - 100.0).abs() < 1e-9);
        }
    }
}

#[test]
fn the_percentile_table_reads_back_as_the_histograms_quantiles() {
    for (name, measured) in made::all() {
        let table = text(&measured, Format::Hgrm);
        let sample = Sample::of_responses(&measured.latencies);
        let histogram = sample.at_ages();
        let mut lines = table.lines();
        assert_eq!(
            lines.next().unwrap(),
            "       Value     Percentile TotalCount 1/(1-Percentile)"
        );
        assert_eq!(lines.next(), Some(""));
        let rows: Vec<Vec<f64>> = lines
            .by_ref()
            .take_while(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(|cell| cell.parse().unwrap()).collect())
            .collect();
        for row in &rows {
            let nanos = histogram.at_quantile(row[1].max(1e-12)).unwrap();
            assert!((row[0] - nanos as f64 / 1e6).abs() < 0.0006, "{name}: {row:?} {nanos}");
            assert_eq!(row[2] as u64, histogram.count_up_to(nanos), "{name}: {row:?}");
            if let Some(inverse) = row.get(3) {
                assert!((inverse * (1.0 - row[1]) - 1.0).abs() < 0.01, "{name}: {row:?}");
            }
        }
        let last = rows.last().unwrap();
        assert_eq!((last.len(), last[1], last[2] as u64), (3, 1.0, histogram.count()), "{name}");
        assert!(table.lines().nth_back(0).unwrap().ends_with("SubBuckets     =         2048]"));
    }
}

#[test]
fn the_log_decodes_to_the_histograms_that_were_written() {
    for (name, measured) in made::all() {
        let log = read_interval_log(&bytes(&measured, Format::Hlog)).unwrap();
        let (latencies, connections) = (&measured.latencies, &measured.connections);
        let expected: [(&str, &Histogram); 9] = [
            ("response_time", &latencies.response_time),
            ("service_time", &latencies.service_time),
            ("send_lag", &latencies.send_lag),
            ("pacing_lag", &latencies.pacing_lag),
            ("censored", &latencies.censored),
            ("first_byte", &measured.first_byte),
            ("connect", &connections.connect),
            ("tls_handshake_full", &connections.tls_full),
            ("tls_handshake_resumed", &connections.tls_resumed),
        ];
        for (tag, histogram) in expected {
            assert_eq!(log[tag], *histogram, "{name} {tag}");
        }
        if name == "kinds" {
            assert_eq!(log["response_time.denied"], measured.kinds[1].response_time);
        }
    }
}

#[test]
fn a_kinds_name_is_no_trouble_for_the_log() {
    let mut measured = made::kinds();
    measured.kinds[0].name = "with space, comma\nand line".to_owned();
    let log = read_interval_log(&bytes(&measured, Format::Hlog)).unwrap();
    assert!(log.contains_key("response_time.with_space__comma_and_line"));
}

/// One sample of an exposition: name, labels, value.
type Line = (String, BTreeMap<String, String>, f64);

/// Reads the text format by its rules: families announced before their samples, once each.
fn exposition(text: &str) -> (BTreeMap<String, String>, Vec<Line>) {
    let (mut types, mut lines) = (BTreeMap::new(), Vec::new());
    let mut help = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, words) = rest.split_once(' ').unwrap();
            assert!(!words.is_empty());
            name.clone_into(&mut help);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, help);
            assert!(["counter", "gauge", "histogram"].contains(&kind));
            assert_eq!(types.insert(name.to_owned(), kind.to_owned()), None, "{name} twice");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let labels = labels.strip_suffix('}').unwrap();
            let labels = labels.split("\",").filter(|label| !label.is_empty()).map(|label| {
                let (key, value) = label.split_once("=\"").unwrap();
                (key.to_owned(), value.trim_end_matches('"').to_owned())
            });
            lines.push((name.to_owned(), labels.collect(), value.parse().unwrap()));
            let belongs = [
                help.clone(),
                format!("{help}_bucket"),
                format!("{help}_sum"),
                format!("{help}_count"),
            ];
            assert!(belongs.contains(&name.to_owned()), "{name} is not of {help}");
        }
    }
    (types, lines)
}

#[test]
fn the_exposition_keeps_the_rules_of_its_format() {
    for (name, measured) in made::all() {
        let text = text(&measured, Format::Prometheus);
        let (types, lines) = exposition(&text);
        for (metric, kind) in &types {
            assert!(metric.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            assert_eq!(kind == "counter", metric.ends_with("_total"), "{name} {metric}");
            if kind == "histogram" {
                assert!(metric.ends_with("_seconds"), "{name} {metric}");
                histogram_rules(metric, &lines);
            }
        }
        let value = |metric: &str, key: &str, wanted: &str| {
            let found = lines.iter().find(|(name, labels, _)| {
                name == metric && labels.get(key).is_some_and(|value| value == wanted)
            });
            found.map_or(0.0, |(_, _, value)| *value)
        };
        let counts = &measured.counts;
        let requests = |outcome| value("loadgen_drive_requests_total", "outcome", outcome) as u64;
        assert_eq!(requests("completed"), counts.completed, "{name}");
        assert_eq!(requests("timed_out"), counts.timed_out, "{name}");
        assert_eq!(requests("shed"), counts.shed, "{name}");
        let bucket = "loadgen_drive_response_time_seconds_bucket";
        assert_eq!(value(bucket, "le", "+Inf") as u64, counts.offered, "{name}");
        assert_eq!(value(bucket, "le", "50") as u64, counts.completed, "{name}");
        assert_eq!(
            value(bucket, "le", "0.0005") as u64,
            measured.latencies.response_time.count_up_to(500_000),
            "{name}"
        );
    }
}

fn histogram_rules(metric: &str, lines: &[Line]) {
    let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    for (_, labels, count) in lines.iter().filter(|line| line.0 == format!("{metric}_bucket")) {
        let mut labels = labels.clone();
        let edge = labels.remove("le").unwrap().replace("+Inf", "inf").parse().unwrap();
        series.entry(labels).or_default().push((edge, *count));
    }
    assert!(!series.is_empty(), "{metric}");
    for (labels, buckets) in series {
        assert!(buckets.is_sorted(), "{metric}: edges and counts grow");
        assert_eq!(buckets.last().unwrap().0, f64::INFINITY);
        let count =
            lines.iter().find(|line| line.0 == format!("{metric}_count") && line.1 == labels);
        assert_eq!(count.unwrap().2, buckets.last().unwrap().1, "{metric}");
        assert!(lines.iter().any(|line| line.0 == format!("{metric}_sum") && line.1 == labels));
    }
}

#[test]
fn labels_are_escaped() {
    let mut measured = made::few();
    measured.asked.url = "http://h/\"\\\n".to_owned();
    let text = text(&measured, Format::Prometheus);
    assert!(text.contains(r#"url="http://h/\"\\\n""#), "{text}");
}

#[test]
fn vegeta_and_k6_hold_the_same_figures_in_their_own_units() {
    let measured = made::with_errors();
    let (vegeta, k6) = (json(&measured, Format::Vegeta), json(&measured, Format::K6));
    let p99 = measured.latencies.response_time.at_quantile(0.99).unwrap() as f64;
    let near = |value: &Value, wanted: f64| (value.as_f64().unwrap() / wanted - 1.0).abs() < 0.01;
    assert!(near(&vegeta["latencies"]["99th"], p99));
    assert!(near(&k6["metrics"]["http_req_duration"]["p(99)"], p99 / 1e6));
    assert_eq!(vegeta["requests"], 40_000);
    assert_eq!(vegeta["status_codes"]["0"], 14, "neither 200 nor 503");
    assert_eq!(vegeta["errors"], serde_json::json!(["reset", "status", "timed out"]));
    let failed = &k6["metrics"]["http_req_failed"];
    assert_eq!((&failed["passes"], &failed["fails"]), (&Value::from(20), &Value::from(39_980)));
    assert_eq!(k6["metrics"]["http_reqs"]["count"], 40_000);
    assert_eq!(
        json(&made::few(), Format::K6)["metrics"]["http_req_duration"]["p(99)"],
        Value::Null
    );
}

#[test]
fn trackers_get_no_figure_that_is_only_a_bound() {
    let measured = made::censored();
    let bencher = json(&measured, Format::Bencher);
    let measures = &bencher["GET http://127.0.0.1:8080/echo?size=1k"];
    assert!(measures["response-time-p90"]["upper_value"].is_number());
    assert_eq!(measures["response-time-p99"], Value::Null);
    let github = json(&measured, Format::GithubActionBenchmark);
    assert_eq!(github.as_array().unwrap().len(), 2);
}

#[test]
fn the_table_has_a_row_for_each_measure_and_one_length() {
    let table = text(&made::kinds(), Format::Csv);
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let column = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let measures: Vec<&str> = rows.iter().map(|row| &row[column("measure")]).collect();
    assert_eq!(
        measures,
        [
            "response_time",
            "service_time",
            "send_lag",
            "pacing_lag",
            "first_byte",
            "connect",
            "response_time.allowed",
            "response_time.denied"
        ]
    );
    assert_eq!(&rows[0][column("count")], "30000");
    assert_eq!(&rows[0][column("unanswered")], "10");
}
