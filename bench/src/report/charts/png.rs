//! SVG to PNG with the embedded DejaVu font: no fonts of the machine, no network, no files.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// Pixels of the PNG for each of the SVG, for screens with fine pixels.
const SCALE: f32 = 2.0;
/// Larger pictures than this are not drawn; a chart's height grows with the comparisons.
const MOST_PIXELS: f32 = 16_000.0;

/// An SVG that can not be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the chart can not be drawn: {0}")]
pub struct ChartError(String);

/// Draws an SVG at twice its size.
pub fn png(svg: &str) -> Result<Vec<u8>, ChartError> {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.load_font_data(dejavu::sans::bold().to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    let options = Options {
        fontdb: Arc::new(fonts),
        font_family: "DejaVu Sans".to_owned(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(|error| ChartError(error.to_string()))?;
    let size = tree.size();
    let pixels = pixels(size.width()).zip(pixels(size.height()));
    let mut map = pixels
        .and_then(|(width, height)| Pixmap::new(width, height))
        .ok_or_else(|| ChartError(format!("its size is {} × {}", size.width(), size.height())))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut map.as_mut());
    map.encode_png().map_err(|error| ChartError(error.to_string()))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to lie between 1 and MOST_PIXELS"
)]
fn pixels(size: f32) -> Option<u32> {
    let pixels = (size * SCALE).round();
    (1.0..=MOST_PIXELS).contains(&pixels).then_some(pixels as u32)
}
