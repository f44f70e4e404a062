//! A drawn frame as text that a terminal shows in place of the frame before it. The cursor rests
//! where a frame begins, so that nothing need be known of where on the screen that is.

use std::fmt::Write;

use anstyle::{AnsiColor, Effects, Style as Paint};
use bench::report::terminal::Style;
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::style::Modifier;

/// To the end of the line.
const ERASE_LINE: &str = "\x1b[K";

/// To the end of the screen: what is left of a frame that a narrower window broke into more lines.
const ERASE_BELOW: &str = "\x1b[J";

/// The first so many rows, and the cursor back at their beginning.
pub(super) fn frame(buffer: &Buffer, rows: u16, style: Style) -> String {
    let rows = rows.min(buffer.area.height);
    let mut text = String::from("\r");
    for y in 0..rows {
        if y > 0 {
            text.push_str("\r\n");
        }
        row(&mut text, buffer, y, style);
        text.push_str(ERASE_LINE);
    }
    text.push_str(ERASE_BELOW);
    if rows > 1 {
        let _ = write!(text, "\x1b[{}A", rows - 1);
    }
    text.push('\r');
    text
}

/// Takes the last frame away.
pub(super) fn clear() -> &'static str {
    "\r\x1b[J"
}

fn row(text: &mut String, buffer: &Buffer, y: u16, style: Style) {
    let cells: Vec<&Cell> = (0..buffer.area.width).map(|x| &buffer[(x, y)]).collect();
    let end = cells.iter().rposition(|cell| cell.symbol() != " ").map_or(0, |last| last + 1);
    let mut current = Paint::new();
    let mut x = 0;
    while x < end {
        let cell = cells[x];
        let wanted = if style == Style::Ansi { paint_of(cell) } else { Paint::new() };
        if wanted != current {
            let _ = write!(text, "{current:#}{wanted}");
            current = wanted;
        }
        text.push_str(cell.symbol());
        // The cell behind a wide character is a part of it.
        x += textwrap::core::display_width(cell.symbol()).max(1);
    }
    let _ = write!(text, "{current:#}");
}

fn paint_of(cell: &Cell) -> Paint {
    let colour = AnsiColor::try_from(cell.fg).ok().map(Into::into);
    Paint::new().fg_color(colour).effects(Effects::from(cell.modifier & Modifier::all()))
}

#[cfg(test)]
mod tests {
    use ratatui_core::layout::Rect;
    use ratatui_core::style::{Color, Style as CellStyle};

    use super::*;

    fn buffer() -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 3));
        buffer.set_string(0, 0, "ab", CellStyle::new());
        buffer.set_string(2, 0, "cd", CellStyle::new().fg(Color::Red));
        buffer.set_string(0, 1, "漢字", CellStyle::new());
        buffer
    }

    #[test]
    fn a_frame_ends_where_it_began() {
        let text = frame(&buffer(), 3, Style::Plain);
        assert_eq!(text, "\rabcd\x1b[K\r\n漢字\x1b[K\r\n\x1b[K\x1b[J\x1b[2A\r");
    }

    #[test]
    fn a_low_window_gets_the_first_rows() {
        assert_eq!(frame(&buffer(), 1, Style::Plain), "\rabcd\x1b[K\x1b[J\r");
    }

    #[test]
    fn colour_ends_with_the_row() {
        let text = frame(&buffer(), 1, Style::Ansi);
        assert_eq!(text, "\rab\x1b[31mcd\x1b[0m\x1b[K\x1b[J\r");
    }
}
