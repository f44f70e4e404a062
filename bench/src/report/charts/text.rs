//! How wide a text in DejaVu Sans is, so that labels fit without a font at hand. Knows no chart.

/// Advance widths of the characters from space to `~`, in thousandths of the font size, from the
/// `hmtx` table of DejaVu Sans 2.37.
const REGULAR: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];

/// No character of the bold face is wider than this in relation to the regular one, on average over
/// a word.
const BOLD: f64 = 1.11;

/// Width in pixels at a font size in pixels. Characters outside ASCII are taken as one em wide, or
/// as wide as they are where the charts use them.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let units: f64 = text.chars().map(advance).sum();
    let face = if bold { BOLD } else { 1.0 };
    units * size * face / 1000.0
}

fn advance(c: char) -> f64 {
    let ascii = u32::from(c).checked_sub(32).and_then(|index| usize::try_from(index).ok());
    match ascii.and_then(|index| REGULAR.get(index)) {
        Some(units) => f64::from(*units),
        None => match c {
            'µ' => 636.0,
            '–' => 500.0,
            '·' => 318.0,
            '−' | '±' | '×' | '≥' => 838.0,
            _ => 1000.0,
        },
    }
}

/// The text, or as much of it as fits with an ellipsis.
pub(super) fn fit(text: &str, size: f64, room: f64, bold: bool) -> String {
    if width(text, size, bold) <= room {
        return text.to_owned();
    }
    let room = room - width("…", size, bold);
    let mut kept = String::new();
    let mut used = 0.0;
    for c in text.chars() {
        used += width(c.encode_utf8(&mut [0; 4]), size, bold);
        if used > room {
            break;
        }
        kept.push(c);
    }
    format!("{}…", kept.trim_end())
}

/// Like [`fit`], but what is left out is in the middle: names of variants differ at their ends.
pub(super) fn fit_name(name: &str, size: f64, room: f64, bold: bool) -> String {
    if width(name, size, bold) <= room {
        return name.to_owned();
    }
    let letters: Vec<char> = name.chars().collect();
    for kept in (0..letters.len()).rev() {
        // A little more of the start than of the end.
        let (head, tail) = (kept.div_ceil(2), kept / 2);
        let start: String = letters[..head].iter().collect();
        let end: String = letters[letters.len() - tail..].iter().collect();
        let cut = format!("{start}…{end}");
        if width(&cut, size, bold) <= room {
            return cut;
        }
    }
    "…".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_both_ends() {
        let cut = fit_name("sidecar-plaintext@istio-1.25#2", 12.0, 130.0, false);
        assert!(cut.starts_with("sidecar") && cut.ends_with("1.25#2"), "{cut}");
    }

    #[test]
    fn a_text_that_fits_is_left_alone_and_another_is_cut_to_fit() {
        assert_eq!(fit("strict", 12.0, 100.0, false), "strict");
        let cut = fit("a variant with a very long name", 12.0, 80.0, false);
        assert!(cut.ends_with('…'), "{cut}");
        assert!(width(&cut, 12.0, false) <= 80.0);
    }
}
