//! Exports: finished pictures, moving pictures and folders, written whole or not at all.
//!
//! Enter frames, maps, segmentations and their numbers; leave bytes, or files through [`atomic`]. Nothing here knows of
//! models or windows. Same input, same bytes: no dates, no random names inside. Everything that a model made says so,
//! in the picture ([`MARK`]) and in the file's own text fields ([`COMMENT`]).

pub mod animation;
pub mod atomic;
pub mod attribution;
pub mod burned_in;
pub mod capture;
pub mod feature_sheet;
pub mod frames;
pub mod gif;
pub mod job;
pub mod look;
pub mod moving;
pub mod page;
pub mod recipe;
pub mod report;
pub mod secondary_capture;
pub mod seen;
pub mod sheet;

pub use job::{ExportJob, ExportKind, recipe_path};
pub use look::{Format, Look};
pub use recipe::{Action, Recipe};

use crate::error::{Error, Result};
use crate::radiograph::png_text::with_png_text;
use crate::render::Canvas;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};

/// The mark in every picture that a model made.
pub const MARK: &str = "counterfactual: made by a model, not for diagnosis";
/// The comment inside every file that holds a counterfactual.
pub const COMMENT: &str = "counterfactual made by a model; not for diagnosis";
/// The program's name inside files.
pub const SOFTWARE: &str = "Fluoro";

/// What a PNG shows, which decides what its text fields say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// A model made it, or part of it: "Software" and "Comment".
    ByModel,
    /// A film as it was: only "Software".
    ByXray,
}

/// A PNG of a canvas, 8-bit RGB.
///
/// # Errors
/// When the canvas is too large for a PNG.
pub fn canvas_png(canvas: &Canvas, made: Made) -> Result<Vec<u8>> {
    encode_png(&canvas.rgb(), canvas.width(), canvas.height(), ExtendedColorType::Rgb8, made)
}

/// A PNG of a picture of Fluoro's own window, four bytes a pixel; it may show counterfactuals.
///
/// # Errors
/// When the sizes do not fit, or the picture is too large for a PNG.
pub fn picture_png(rgba: &[u8], width: u32, height: u32) -> Result<Vec<u8>> {
    if rgba.len() as u64 != u64::from(width) * u64::from(height) * 4 {
        let expected = format!("{width} x {height} pixels of four bytes");
        return Err(Error::Shape { what: "picture".into(), expected, found: format!("{} bytes", rgba.len()) });
    }
    let rgb: Vec<u8> = rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    encode_png(&rgb, width, height, ExtendedColorType::Rgb8, Made::ByModel)
}

/// A PNG of a small picture, four bytes a pixel.
///
/// # Errors
/// When the sizes do not fit.
pub(crate) fn encode_rgba(rgba: &[u8], width: u32, height: u32, made: Made) -> Result<Vec<u8>> {
    encode_png(rgba, width, height, ExtendedColorType::Rgba8, made)
}

/// A PNG with its text fields.
fn encode_png(pixels: &[u8], width: u32, height: u32, kind: ExtendedColorType, made: Made) -> Result<Vec<u8>> {
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive)
        .write_image(pixels, width, height, kind)
        .map_err(|e| Error::Invalid(format!("the picture cannot become a PNG ({e})")))?;
    Ok(with_texts(png, made))
}

/// A finished PNG with its text fields.
fn with_texts(mut png: Vec<u8>, made: Made) -> Vec<u8> {
    if made == Made::ByModel {
        png = with_png_text(&png, "Comment", COMMENT);
    }
    with_png_text(&png, "Software", SOFTWARE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::colour;

    #[test]
    fn pngs_decode_and_say_who_made_them() {
        let canvas = Canvas::new(5, 4, colour::ACCENT);
        let holds = |png: &[u8], text: &str| png.windows(text.len()).any(|w| w == text.as_bytes());
        let made = canvas_png(&canvas, Made::ByModel).unwrap();
        assert!(holds(&made, "tEXtSoftware\0Fluoro") && holds(&made, COMMENT));
        let back = image::load_from_memory(&made).unwrap().to_rgb8();
        assert_eq!((back.dimensions(), back.into_raw()), ((5, 4), canvas.rgb()));
        let film = canvas_png(&canvas, Made::ByXray).unwrap();
        assert!(holds(&film, "Fluoro") && !holds(&film, "tEXtComment"));
        assert_eq!(made, canvas_png(&canvas, Made::ByModel).unwrap());
    }
}
