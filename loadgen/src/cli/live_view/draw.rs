//! A snapshot as rows of cells. A pure function: knows no terminal, no clock and no engine.

use std::time::Duration;

use bench::report::figures;
use bench::summary::micros;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Style};
use ratatui_core::text::{Line, Span};
use ratatui_core::widgets::Widget;
use ratatui_widgets::gauge::LineGauge;
use ratatui_widgets::sparkline::Sparkline;

use super::snapshot::{Phase, Snapshot, Spell};
use crate::cli::plan_text::minutes;
use crate::live::LiveCounts;

/// Rows of a frame.
pub(super) const HEIGHT: u16 = 15;

/// Columns, at most: more only draws the figures apart.
const WIDEST: u16 = 160;

/// From so many columns on there is room for two plots.
const TWO_PLOTS: u16 = 99;

/// Columns of the names at the left.
const NAME: u16 = 15;

/// Columns of a figure.
const FIGURE: usize = 11;

/// Rows of a plot's bars, and where they begin.
const BARS: u16 = 4;
const PLOT: u16 = HEIGHT - BARS - 2;

/// Columns of a plot of a minute, one for each second.
const MINUTE: u16 = 60;

/// Columns of a bar, at most, and from one mark of an axis to the next.
const WIDEST_BAR: usize = 6;
const MARKS: usize = 12;

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];

const QUIET: Style = Style::new().dim();
const TITLE: Style = Style::new().bold();
const GOOD: Style = Style::new().fg(Color::Cyan);
const BAD: Style = Style::new().fg(Color::Red);

/// A frame for a terminal of so many columns.
pub(super) fn draw(snapshot: &Snapshot, columns: u16) -> Buffer {
    let width = columns.min(WIDEST);
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, HEIGHT));
    let title = cut(&snapshot.title, usize::from(width));
    buffer.set_string(0, 0, title, TITLE);
    gauge(&mut buffer, snapshot.phase);
    named(&mut buffer, 2, "rate", rates(snapshot));
    minute_of_rates(&mut buffer, &snapshot.last_minute);
    named(&mut buffer, 4, "requests", requests(snapshot));
    named(&mut buffer, 5, "no answer", lost(&snapshot.so_far));
    let names = QUANTILES.map(|(name, _)| name.to_owned());
    named(&mut buffer, 6, "response time", Span::styled(figures_in_columns(&names), QUIET));
    let so_far = figures_in_columns(&times(Some(&snapshot.so_far)));
    named(&mut buffer, 7, "  so far", Span::raw(so_far));
    let latest = snapshot.last_second.as_ref().map(|spell| &spell.counts);
    named(&mut buffer, 8, "  last second", Span::raw(figures_in_columns(&times(latest))));
    if width < TWO_PLOTS {
        histogram(&mut buffer, (0, width), &snapshot.so_far);
    } else {
        let right = width - MINUTE;
        histogram(&mut buffer, (0, right - 3), &snapshot.so_far);
        minute_of_p99(&mut buffer, right, &snapshot.last_minute);
    }
    buffer
}

/// A row with a name at its left.
fn named<'t>(buffer: &mut Buffer, y: u16, name: &str, text: impl Into<Line<'t>>) {
    buffer.set_string(0, y, name, QUIET);
    let room = buffer.area.width.saturating_sub(NAME);
    if room > 0 {
        buffer.set_line(NAME, y, &text.into(), room);
    }
}

fn gauge(buffer: &mut Buffer, phase: Phase) {
    let (label, ratio) = match phase {
        Phase::Waiting => ("waiting for the first request".to_owned(), 0.0),
        Phase::WarmingUp { elapsed, of } => {
            (progress("warming up", elapsed, of), part(elapsed, of))
        }
        Phase::Measuring { elapsed, of } => (progress("measuring", elapsed, of), part(elapsed, of)),
        Phase::Draining => ("waiting for the last answers".to_owned(), 1.0),
    };
    // So wide that the bar stays where it is while the label changes.
    LineGauge::default()
        .label(Span::raw(format!("{label:<34}")))
        .ratio(ratio)
        .filled_symbol("━")
        .unfilled_symbol("╌")
        .filled_style(GOOD)
        .unfilled_style(QUIET)
        .render(Rect::new(0, 1, buffer.area.width, 1), buffer);
}

fn progress(doing: &str, elapsed: Duration, of: Duration) -> String {
    // Whole seconds, so that the two add up.
    let left = of.saturating_sub(Duration::from_secs(elapsed.as_secs()));
    format!("{doing} {}, {} left", minutes(elapsed), minutes(left))
}

fn part(elapsed: Duration, of: Duration) -> f64 {
    if of.is_zero() { 1.0 } else { (elapsed.as_secs_f64() / of.as_secs_f64()).clamp(0.0, 1.0) }
}

fn rates(snapshot: &Snapshot) -> String {
    let asked = match snapshot.asked_rate {
        Some(rate) => format!("{} asked", figures::rate(rate)),
        None => "as fast as answers come".to_owned(),
    };
    match &snapshot.last_second {
        Some(spell) => {
            let (due, answered) = (spell.due_rate(), spell.answered_rate());
            format!("{asked} · {} due · {} answered", figures::rate(due), figures::rate(answered))
        }
        None => asked,
    }
}

fn requests(snapshot: &Snapshot) -> String {
    format!("{} answered · {} in flight", snapshot.so_far.answered(), snapshot.in_flight)
}

/// Red as soon as there is one.
fn lost(counts: &LiveCounts) -> Line<'static> {
    let parts = [
        (counts.failed, "failed"),
        (counts.timed_out, "timed out"),
        (counts.shed, "not sent, too many in flight"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if parts.is_empty() { Line::raw("none") } else { Line::styled(parts.join(" · "), BAD) }
}

fn times(counts: Option<&LiveCounts>) -> [String; 4] {
    QUANTILES.map(|(_, quantile)| {
        let nanos = counts.and_then(|counts| counts.quantile(quantile));
        figures::micros_or_none(nanos.map(micros), false)
    })
}

fn figures_in_columns(figures: &[String; 4]) -> String {
    figures.iter().map(|figure| format!("{figure:>FIGURE$}")).collect()
}

/// The rate of answers, a column for each second, the latest at the right.
fn minute_of_rates(buffer: &mut Buffer, spells: &[Spell]) {
    let room = buffer.area.width.saturating_sub(NAME);
    named(buffer, 3, "answers / s", "");
    let rates: Vec<f64> = spells.iter().map(Spell::answered_rate).collect();
    let area = Rect::new(NAME.min(buffer.area.width), 3, room.min(MINUTE), 1);
    bars(buffer, area, &latest(&rates, area.width), GOOD);
}

/// The p99 of each second.
fn minute_of_p99(buffer: &mut Buffer, x: u16, spells: &[Spell]) {
    let p99s: Vec<f64> =
        spells.iter().map(|spell| spell.counts.quantile(0.99).map_or(0.0, micros)).collect();
    let highest = p99s.iter().copied().fold(0.0, f64::max);
    let title = match highest {
        0.0 => "p99 of each second".to_owned(),
        _ => format!("p99 of each second, up to {}", figures::micros(highest)),
    };
    buffer.set_string(x, PLOT, title, QUIET);
    let area = Rect::new(x, PLOT + 1, MINUTE, BARS);
    bars(buffer, area, &latest(&p99s, MINUTE), Style::new().fg(Color::Yellow));
    buffer.set_string(x, HEIGHT - 1, format!("{:<30}{:>30}", "└60 s ago", "now┘"), QUIET);
}

/// So many columns' worth, the last at the right end.
fn latest(values: &[f64], columns: u16) -> Vec<f64> {
    let columns = usize::from(columns);
    let shown = &values[values.len().saturating_sub(columns)..];
    let mut padded = vec![0.0; columns - shown.len()];
    padded.extend_from_slice(shown);
    padded
}

/// Answers by response time, in columns that grow by the same factor.
fn histogram(buffer: &mut Buffer, (x, width): (u16, u16), counts: &LiveCounts) {
    let filled = counts.filled();
    buffer.set_string(x, PLOT, "answers by response time", QUIET);
    if filled.is_empty() || width == 0 {
        return;
    }
    let columns = usize::from(width);
    let together = filled.len().div_ceil(columns);
    let each = (columns / filled.len()).clamp(1, WIDEST_BAR);
    let heights: Vec<f64> = filled
        .chunks(together)
        .map(|buckets| buckets.iter().map(|(_, count)| *count).sum::<u64>() as f64)
        .flat_map(|count| std::iter::repeat_n(count, each))
        .collect();
    bars(buffer, Rect::new(x, PLOT + 1, width, BARS), &heights, GOOD);
    let mut free = 0;
    for (number, buckets) in filled.chunks(together).enumerate() {
        let column = number * each;
        let mark = format!("└{}", figures::micros(micros(buckets[0].0)));
        let room = columns.saturating_sub(column);
        if column >= free && mark.chars().count() <= room {
            let at = x + u16::try_from(column).expect("within the width");
            buffer.set_string(at, HEIGHT - 1, mark, QUIET);
            free = column + MARKS;
        }
    }
}

/// A bar in each column; what is more than nothing has at least an eighth of a row.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "eighths of the rows of a plot"
)]
fn bars(buffer: &mut Buffer, area: Rect, values: &[f64], style: Style) {
    let most = values.iter().copied().fold(0.0, f64::max);
    let full = 8 * u64::from(area.height);
    let eighths =
        |value: &f64| if most > 0.0 { (value / most * full as f64).ceil() as u64 } else { 0 };
    let data: Vec<u64> = values.iter().map(eighths).collect();
    Sparkline::default().data(data).max(full).style(style).render(area, buffer);
}

/// At most so many columns, with an ellipsis where there is more.
fn cut(text: &str, columns: usize) -> String {
    let mut short = String::new();
    for c in text.chars() {
        let width =
            textwrap::core::display_width(&short) + textwrap::core::display_width(&c.to_string());
        if width >= columns && textwrap::core::display_width(text) > columns {
            short.push('…');
            break;
        }
        short.push(c);
    }
    short
}
