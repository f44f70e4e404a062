//! A selftest as a person reads it on a terminal: the verdict first, then each part. At most 100
//! columns; knows no colour and no file.

use std::fmt::Write as _;

use crate::report::figures::{self, micros, micros_or_none, signed_estimate};
use crate::report::terminal::wrap;

use super::outcome::p_value;
use super::section::{capital, headline, state};
use super::{
    CostPart, Outcome, PacingPart, PlantedRow, Resolution, SameTwice, SelftestRecord, StallPart,
};

const WIDTH: usize = 100;

/// The text.
#[must_use]
pub fn render(record: &SelftestRecord) -> String {
    let mut text = String::new();
    let form = if record.quick { ", quick" } else { "" };
    let ended = if record.interrupted { ", INTERRUPTED" } else { "" };
    line(&mut text, &format!("Selftest of loadgen {}{form}{ended}", record.provenance.loadgen));
    line(
        &mut text,
        &format!(
            "{}, {} cores, {}",
            record.provenance.cpu, record.provenance.cores, record.provenance.kernel
        ),
    );
    line(&mut text, "");
    verdict(&mut text, &record.outcome);
    if let Some(same) = &record.same_twice {
        same_twice(&mut text, same);
    }
    planted(&mut text, &record.planted);
    if let Some(part) = &record.stall {
        stall(&mut text, part);
    }
    pacing(&mut text, &record.pacing);
    if let Some(part) = &record.cost {
        cost(&mut text, part);
    }
    resolution(&mut text, &record.resolution);
    text
}

fn line(text: &mut String, words: &str) {
    // Writing to a String can not fail.
    let _ = writeln!(text, "{}", words.trim_end());
}

/// A lead, and words beside it that are broken where they must be.
fn beside(text: &mut String, lead: &str, words: &str) {
    let indent = lead.chars().count();
    for (index, part) in wrap(words, WIDTH - indent).iter().enumerate() {
        let before = if index == 0 { lead.to_owned() } else { " ".repeat(indent) };
        line(text, &format!("{before}{part}"));
    }
}

fn heading(text: &mut String, words: &str) {
    line(text, "");
    beside(text, "", words);
}

fn verdict(text: &mut String, outcome: &Outcome) {
    beside(text, "VERDICT  ", &headline(outcome));
    for fitness in &outcome.fitness {
        if let Some(why) = &fitness.why_not {
            beside(text, "         ", &format!("{}: not fit: {why}", fitness.quantile.label()));
        }
    }
    heading(text, "Controls: what must be so if the harness tells the truth");
    for control in &outcome.controls {
        let lead = format!("  {:<10} {:<29} ", state(control.state), control.name);
        beside(text, &lead, &control.finding);
    }
    if !outcome.hindrances.is_empty() {
        heading(text, "In its way here");
    }
    for hindrance in &outcome.hindrances {
        beside(
            text,
            &format!("  {:<27}", hindrance.what),
            &format!("{}. {}.", hindrance.found, capital(&hindrance.advice)),
        );
    }
}

fn same_twice(text: &mut String, same: &SameTwice) {
    heading(text, &format!("The same twice, {} blocks: the difference is noise", same.blocks));
    line(
        text,
        &format!(
            "  {:<9}{:>10}   {:<30}{:>9}{:>8}",
            "", "level", "difference [low, high]", "spread", "blocks"
        ),
    );
    for row in &same.floor {
        let difference =
            row.difference_us.as_ref().map_or_else(|| figures::NONE.to_owned(), signed_estimate);
        line(
            text,
            &format!(
                "  {:<9}{:>10}   {difference:<30}{:>9}{:>8}",
                row.quantile.label(),
                micros_or_none(row.baseline_us, false),
                micros_or_none(row.spread_us, false),
                row.blocks
            ),
        );
        if let (None, Some(remark)) = (&row.difference_us, &row.remark) {
            beside(text, "           ", remark);
        }
    }
}

fn planted(text: &mut String, rows: &[PlantedRow]) {
    if rows.is_empty() {
        return;
    }
    heading(text, "Planted delays: what is true, and what was found");
    line(
        text,
        &format!(
            "  {:<18}{:<6}{:>9}   {:<32}{:<14}{}",
            "planted", "", "true", "found [low, high]", "verdict", "agrees"
        ),
    );
    let mut before = String::new();
    for row in rows {
        let share = if row.share_percent < 100.0 {
            format!(" on {}", figures::percent(row.share_percent))
        } else {
            String::new()
        };
        let what = format!("{}{share}", figures::tick(row.delay_us));
        let shown = if what == before { "" } else { &what };
        let found = row.found_us.as_ref().map_or_else(|| figures::NONE.to_owned(), signed_estimate);
        let agrees = match row.agrees {
            Some(true) => "yes",
            Some(false) => "NO",
            None => figures::NONE,
        };
        line(
            text,
            &format!(
                "  {shown:<18}{:<6}{:>9}   {found:<32}{:<14}{agrees}",
                row.quantile.label(),
                row.truth_us.map_or_else(|| figures::NONE.to_owned(), figures::signed),
                figures::verdict(row.verdict)
            ),
        );
        before = what;
    }
}

fn stall(text: &mut String, part: &StallPart) {
    heading(
        text,
        &format!(
            "A stall of {} every {}, {}: response time",
            figures::tick(part.length_us),
            figures::tick(part.every_us),
            figures::rate(part.rate)
        ),
    );
    line(text, &format!("  {:<9}{:>12}{:>12}{:>14}", "", "exact wait", "open loop", "closed loop"));
    for row in &part.rows {
        line(
            text,
            &format!(
                "  {:<9}{:>12}{:>12}{:>14}",
                row.quantile.label(),
                micros(row.exact_us),
                micros_or_none(row.open_us, false),
                micros_or_none(row.closed_us, false)
            ),
        );
    }
    beside(
        text,
        "  ",
        &format!(
            "The closed loop waits for each answer before it sends again, as many tools do: {} connections \
         made {} requests and met each stall once.",
            part.closed_connections, part.closed_requests
        ),
    );
}

fn pacing(text: &mut String, parts: &[PacingPart]) {
    if parts.is_empty() {
        return;
    }
    heading(text, "Pacing, by the stamps of the origin that was sent to");
    for part in parts {
        beside(
            text,
            &format!("  {:<10}", part.arrivals),
            &format!(
                "{:.1} /s arrived of {:.1} ({} %); at most {} within 1 ms, {} were due; sent late by p50 \
             {}, p99 {}, at most {}",
                part.arrived_rate,
                part.rate,
                format!("{:+.2}", part.rate_error_percent).replace('-', "−"),
                part.burst,
                part.burst_planned,
                micros_or_none(part.send_lag_us.p50, false),
                micros_or_none(part.send_lag_us.p99, false),
                micros_or_none(part.send_lag_us.max, false)
            ),
        );
        if let Some(gaps) = part.gaps {
            beside(
                text,
                "            ",
                &format!(
                    "gaps against the exponential: Kolmogorov–Smirnov D = {:.4}, {}; \
                     Anderson–Darling A² = {:.2}, {}",
                    gaps.ks_d,
                    p_value(gaps.ks_p),
                    gaps.ad_a2,
                    p_value(gaps.ad_p)
                ),
            );
        }
    }
}

fn cost(text: &mut String, part: &CostPart) {
    heading(text, "The generator's own cost");
    beside(
        text,
        "  ",
        &format!(
            "{} of CPU for a request, {:.1} % of the smallest overhead of interest, {}. Response time from \
         an origin that does nothing: p50 {}, p99 {}; it is in both sides of a difference.",
            micros(part.cpu_us_per_request),
            part.share_percent,
            micros(part.smallest_overhead_us),
            micros_or_none(part.floor_us.p50, false),
            micros_or_none(part.floor_us.p99, false)
        ),
    );
}

fn resolution(text: &mut String, rows: &[Resolution]) {
    let Some(first) = rows.first() else { return };
    heading(
        text,
        &format!(
            "What a run with one candidate resolves ({:.0} % power), and how long it takes for an interval",
            100.0 * first.power
        ),
    );
    let mut head = format!("  {:<9}", "");
    for effect in &first.effects {
        let _ = write!(head, "{:>11}", format!("in {} min", effect.minutes));
    }
    for length in &first.lengths {
        let _ = write!(head, "{:>16}", format!("± {} %", length.percent));
    }
    line(text, &head);
    for row in rows {
        let mut shown = format!("  {:<9}", row.quantile.label());
        for effect in &row.effects {
            let _ = write!(shown, "{:>11}", micros_or_none(effect.effect_us, false));
        }
        for length in &row.lengths {
            let minutes = length.minutes.map_or_else(|| "over a day".to_owned(), duration);
            let _ = write!(shown, "{minutes:>16}");
        }
        line(text, &shown);
    }
}

fn duration(minutes: f64) -> String {
    if minutes < 1.0 {
        "under 1 min".to_owned()
    } else if minutes < 90.0 {
        format!("{minutes:.0} min")
    } else if minutes < 24.0 * 60.0 {
        format!("{:.1} h", minutes / 60.0)
    } else {
        "over a day".to_owned()
    }
}
