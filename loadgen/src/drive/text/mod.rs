//! A drive as text for people: what was asked, what came of it, how long it took, and whether that
//! can be believed. Whether there is colour is decided elsewhere; judges nothing.

mod page;
mod plot;

use anstyle::{AnsiColor, Style as Paint};
use bench::histogram::Histogram;
use bench::report::figures;
use bench::report::terminal::Style;

use super::document::{Document, Kind, Times, Tls};
use super::gate::Outcome as GateOutcome;
use super::sample::{Level, Sample};
use super::save::Outcome;
use super::validity::{Finding, Verdict, Weight};
use super::words;
use page::{NAME, Page, left, right};

/// Columns of a time: `≥ 0.812 µs`.
const TIME: usize = 11;

const HEADING: Paint = Paint::new().bold();
const DIM: Paint = Paint::new().dimmed();
const GOOD: Paint = AnsiColor::Green.on_default().bold();
const DOUBTFUL: Paint = AnsiColor::Yellow.on_default().bold();
const BAD: Paint = AnsiColor::Red.on_default().bold();
const BAR: Paint = AnsiColor::Cyan.on_default();

/// The text, no line longer than 100 columns.
#[must_use]
pub fn render(outcome: &Outcome<'_>, style: Style) -> String {
    let Outcome { measured, validity, gates } = *outcome;
    let document = Document::of(measured, validity, gates);
    let mut page = Page::new(style);
    asked(&mut page, &document);
    page.blank();
    counts(&mut page, &document);
    page.blank();
    times(&mut page, &document);
    page.blank();
    distribution(&mut page, outcome);
    if document.kinds.len() > 1 {
        kinds(&mut page, &document.kinds);
        page.blank();
    }
    connections(&mut page, &document);
    generator(&mut page, &document);
    page.blank();
    verdict(&mut page, outcome);
    page.finish()
}

fn asked(page: &mut Page, document: &Document) {
    page.wrapped("", &format!("{} {}", document.method, document.url), HEADING);
    let rate = match document.asked_rate {
        Some(rate) => format!("{} arrivals at {}", document.arrivals, figures::rate(rate)),
        None => "closed loop".to_owned(),
    };
    let streams = match document.streams {
        1 => String::new(),
        streams => format!(" of {streams} streams"),
    };
    let warm_up = match document.warm_up_s {
        0.0 => String::new(),
        warm_up_s => format!(" after {} of warm-up", figures::seconds(warm_up_s)),
    };
    let text = format!(
        "{rate} for {}{warm_up}, over {} {}{streams} ({}); {}; seed {}",
        figures::seconds(document.duration_s),
        document.connections,
        words::plural(u64::from(document.connections), "connection"),
        document.connection_mode,
        document.protocol,
        document.seed,
    );
    page.wrapped("", &text, Paint::new());
}

fn counts(page: &mut Page, document: &Document) {
    let counts = &document.counts;
    let row = |page: &mut Page, name: &str, count: u64, rest: &str| {
        page.line(&format!("{name:<NAME$}{} {rest}", right(&count.to_string(), TIME - 1)));
    };
    row(page, "offered", counts.offered, &right(&figures::rate(document.offered_rate), TIME));
    row(page, "completed", counts.completed, &right(&figures::rate(document.achieved_rate), TIME));
    for (name, count) in
        [("failed", counts.failed), ("timed out", counts.timed_out), ("shed", counts.shed)]
    {
        if count > 0 {
            let share = words::share(words::part(count, counts.offered));
            row(page, name, count, &right(&share, TIME));
        }
    }
    if !counts.by_status.is_empty() {
        let answers: Vec<String> =
            counts.by_status.iter().map(|(status, count)| format!("{status}: {count}")).collect();
        page.named("by status", &answers.join(", "));
    }
    if !counts.by_failure.is_empty() {
        let failures: Vec<String> =
            counts.by_failure.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
        page.named("by error", &failures.join(", "));
    }
}

fn times(page: &mut Page, document: &Document) {
    let mut heading = " ".repeat(NAME);
    for level in Level::REPORTED {
        heading.push_str(&right(&level.to_string(), TIME));
    }
    heading.push_str(&right("max", TIME));
    heading.push_str(&right("mean", TIME));
    let heading = page.paint(&heading, DIM);
    page.line(&heading);
    row_of_times(page, "response time", &document.response_time_us, HEADING);
    intervals(page, &document.response_time_us);
    row_of_times(page, "service time", &document.service_time_us, Paint::new());
    row_of_times(page, "send lag", &document.send_lag_us, Paint::new());
    row_of_times(page, "  pacing lag", &document.pacing_lag_us, DIM);
    row_of_times(page, "first byte", &document.first_byte_us, Paint::new());
}

fn row_of_times(page: &mut Page, name: &str, times: &Times, paint: Paint) {
    let mut row = format!("{name:<NAME$}");
    for level in Level::REPORTED {
        let bound = times.is_bound(&level.key());
        row.push_str(&right(&figures::micros_or_none(times.quantile(level), bound), TIME));
    }
    for (name, figure) in [("max", times.max), ("mean", times.mean)] {
        row.push_str(&right(&figures::micros_or_none(figure, times.is_bound(name)), TIME));
    }
    let row = page.paint(&row, paint);
    page.line(&row);
}

/// The 95 % intervals below their quantiles, where there is one.
fn intervals(page: &mut Page, times: &Times) {
    if times.intervals.is_empty() {
        return;
    }
    let interval = |level: &Level| times.intervals.get(&level.key());
    let mut low = format!("{:<NAME$}", "  95 % from");
    let mut high = format!("{:<NAME$}", "         to");
    for level in &Level::REPORTED {
        let found = interval(level);
        let from = found.map_or(String::new(), |found| figures::micros(found.low));
        let to = found.map_or(String::new(), |found| match found.high {
            Some(us) => figures::micros(us),
            None => "∞".to_owned(),
        });
        low.push_str(&right(&from, TIME));
        high.push_str(&right(&to, TIME));
    }
    for row in [low, high] {
        let row = page.paint(row.trim_end(), DIM);
        page.line(&row);
    }
}

fn distribution(page: &mut Page, outcome: &Outcome<'_>) {
    let responses = Sample::of_responses(&outcome.measured.latencies);
    let known: &Histogram = &outcome.measured.latencies.response_time;
    if known.count() == 0 {
        return;
    }
    let title = match responses.unanswered() {
        0 => "response time of the requests".to_owned(),
        unanswered => format!(
            "response time of the {} requests that were completed; {unanswered} were not",
            known.count()
        ),
    };
    page.wrapped("", &title, DIM);
    plot::bars(page, known, BAR);
    page.blank();
}

fn kinds(page: &mut Page, kinds: &[Kind]) {
    const TEXT: usize = 18;
    const COUNT: usize = 10;
    let mut heading = format!("{}{}", left("kind", TEXT), left("expected", TEXT - 6));
    for name in ["offered", "completed", "failed"] {
        heading.push_str(&right(name, COUNT));
    }
    for name in ["p50", "p99", "max"] {
        heading.push_str(&right(name, TIME));
    }
    let heading = page.paint(&heading, DIM);
    page.line(&heading);
    for kind in kinds {
        let (counts, times) = (&kind.counts, &kind.response_time_us);
        let mut row = format!("{}{}", left(&kind.name, TEXT), left(&kind.expected, TEXT - 6));
        for count in [counts.offered, counts.completed, counts.censored()] {
            row.push_str(&right(&count.to_string(), COUNT));
        }
        for (name, us) in [("p50", times.p50), ("p99", times.p99), ("max", times.max)] {
            row.push_str(&right(&figures::micros_or_none(us, times.is_bound(name)), TIME));
        }
        page.line(&row);
    }
}

fn connections(page: &mut Page, document: &Document) {
    let opened = document.connections_opened;
    let mut text = format!("{opened} opened");
    if document.connect_us.count > 0 {
        text.push_str(&format!(", set up in {}", spread(&document.connect_us)));
    }
    if !document.addresses.is_empty() {
        text.push_str(&format!("; {}", document.addresses.join(", ")));
    }
    page.named("connections", &text);
    if let Some(tls) = &document.tls {
        tls_lines(page, tls);
    }
    let bytes = |count: u64| {
        let per_second = rounded(count as f64 / document.duration_s.max(f64::MIN_POSITIVE));
        format!("{} ({}/s)", figures::bytes(count), figures::bytes(per_second))
    };
    let text =
        format!("{} received, {} sent", bytes(document.bytes_received), bytes(document.bytes_sent));
    page.named("bytes", &text);
}

fn tls_lines(page: &mut Page, tls: &Tls) {
    let mut parts = vec![tls.version.clone(), tls.cipher.clone()];
    parts.extend((!tls.key_exchange.is_empty()).then(|| tls.key_exchange.clone()));
    parts.extend((!tls.alpn.is_empty()).then(|| format!("ALPN {}", tls.alpn)));
    let peer = tls.peer.as_ref().map(|peer| format!(" as {peer}")).unwrap_or_default();
    parts.push(match tls.verified {
        true => format!("server verified{peer}"),
        false => format!("server NOT verified{peer}"),
    });
    parts.extend(tls.client_certificate.then(|| "client certificate offered".to_owned()));
    page.named("TLS", &parts.join(", "));
    let some = |count: u64, how: &str, times: &Times| {
        let spread = if count > 0 { format!(" in {}", spread(times)) } else { String::new() };
        format!("{count} {how}{spread}")
    };
    let text = format!(
        "{}; {}",
        some(tls.handshakes_full, "full", &tls.handshake_full_us),
        some(tls.handshakes_resumed, "resumed", &tls.handshake_resumed_us)
    );
    page.named("handshakes", &text);
}

/// The median where it can be told, and the longest.
fn spread(times: &Times) -> String {
    let longest = figures::micros_or_none(times.max, false);
    match times.p50 {
        Some(median) => format!("{} (median), {longest} at most", figures::micros(median)),
        None => format!("{longest} at most"),
    }
}

fn generator(page: &mut Page, document: &Document) {
    let client = &document.client;
    let text = format!(
        "{} {} on {} {}, {} of a core at most, {} s of CPU, {}; {}",
        document.workers,
        words::plural(u64::from(document.workers), "worker"),
        client.cores,
        words::plural(u64::from(client.cores), "core"),
        figures::percent(client.busiest_worker_percent.round()),
        short(client.cpu_s),
        figures::bytes(client.max_rss_bytes),
        document.pacing,
    );
    page.named("generator", &text);
    if document.asked_rate.is_some() {
        let text = format!(
            "{} {} within a millisecond at most, {} in the schedule; {} in flight at most",
            client.burst_max,
            words::plural(client.burst_max, "send"),
            client.burst_planned,
            document.in_flight_max
        );
        page.named("", &text);
    }
    for remark in &client.remarks {
        page.named("", remark);
    }
}

fn verdict(page: &mut Page, outcome: &Outcome<'_>) {
    let validity = outcome.validity;
    let (paint, says) = match validity.verdict() {
        Verdict::Valid => (GOOD, "the figures stand for what was asked"),
        Verdict::Suspect => (DOUBTFUL, "the figures do not stand for all that was asked"),
        Verdict::Invalid => (BAD, "the figures are not to be used"),
    };
    let word = page.paint(&format!("{:<NAME$}", validity.verdict().word().to_uppercase()), paint);
    page.line(&format!("{word}{says}"));
    for reason in validity.reasons() {
        let mark = match reason.weight() {
            Weight::Invalid => "  invalid",
            Weight::Suspect | Weight::Note => "  suspect",
        };
        finding(page, mark, reason);
    }
    for note in validity.notes() {
        finding(page, "  note", note);
    }
    for gate in outcome.gates {
        let (mark, paint) = match gate.outcome {
            GateOutcome::Passed => ("  ✓ passed", GOOD),
            GateOutcome::Failed => ("  ✗ failed", BAD),
            GateOutcome::Undecided => ("  ? undecided", DOUBTFUL),
        };
        page.wrapped(
            &format!("{mark:<NAME$}"),
            &format!("{}: {}", gate.threshold, gate.found),
            if gate.passed() { Paint::new() } else { paint },
        );
    }
}

fn finding(page: &mut Page, mark: &str, finding: &Finding) {
    page.named(mark, &finding.to_string());
    page.wrapped(&" ".repeat(NAME), &format!("→ {}", finding.hint()), DIM);
}

/// Seconds of CPU, with the digits that a short drive needs.
fn short(seconds: f64) -> String {
    if seconds < 10.0 { format!("{seconds:.2}") } else { format!("{seconds:.0}") }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate of bytes, and the cast saturates"
)]
fn rounded(value: f64) -> u64 {
    value.round() as u64
}
