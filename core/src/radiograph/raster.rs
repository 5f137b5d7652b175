//! PNG, JPEG, TIFF and BMP films. In: the file's bytes. Out: grey samples in the file's own levels. Colour becomes
//! luminance, alpha is ignored.

use crate::fence::fenced;
use std::io::Cursor;
use std::path::Path;

use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::guard::{self, MAX_FILE, MAX_SIDE, Reason};
use super::metadata::Metadata;
use super::{Radiograph, StoredSamples, png_text};
use crate::error::{Error, Result};
use crate::plane::Plane;

/// Whether these first bytes are those of a picture read here.
pub(super) fn looks_like(head: &[u8]) -> bool {
    format(head).is_some()
}

/// Reads a film; see [`Radiograph::from_bytes`].
pub(super) fn open(path: &Path, bytes: &[u8]) -> Result<Radiograph> {
    let (picture, mut metadata) = decode(bytes).map_err(|reason| Error::film(path, reason))?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let deep = picture.color().bytes_per_pixel() / picture.color().channel_count() > 1;
    let samples = match &picture {
        DynamicImage::ImageLuma8(grey) => grey.as_raw().iter().map(|&v| f32::from(v)).collect(),
        DynamicImage::ImageLuma16(grey) => grey.as_raw().iter().map(|&v| f32::from(v)).collect(),
        DynamicImage::ImageLumaA8(pair) => pair.pixels().map(|p| f32::from(p.0[0])).collect(),
        DynamicImage::ImageLumaA16(pair) => pair.pixels().map(|p| f32::from(p.0[0])).collect(),
        DynamicImage::ImageRgb8(rgb) => rgb.pixels().map(|p| luminance(p.0.map(u16::from))).collect(),
        DynamicImage::ImageRgba8(rgba) => {
            rgba.pixels().map(|p| luminance([p.0[0], p.0[1], p.0[2]].map(u16::from))).collect()
        }
        DynamicImage::ImageRgb16(rgb) => rgb.pixels().map(|p| luminance(p.0)).collect(),
        DynamicImage::ImageRgba16(rgba) => rgba.pixels().map(|p| luminance([p.0[0], p.0[1], p.0[2]])).collect(),
        _ => {
            return Err(Error::film(
                path,
                "pictures of floating-point samples are not supported; save it as 16-bit PNG",
            ));
        }
    };
    metadata.photometric = None;
    let range = [0.0, if deep { 65535.0 } else { 255.0 }];
    Ok(Radiograph { path: path.to_path_buf(), pixels: Plane::new(width, height, samples)?, range, metadata })
}

/// The decoded samples; see [`Radiograph::stored`].
pub(super) fn stored(path: &Path, bytes: &[u8]) -> Result<StoredSamples> {
    let (picture, _) = decode(bytes).map_err(|reason| Error::film(path, reason))?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let bits_allocated = 8 * u16::from(picture.color().bytes_per_pixel() / picture.color().channel_count());
    let data = match picture.as_bytes() {
        native if bits_allocated == 16 => {
            native.chunks_exact(2).flat_map(|b| u16::from_ne_bytes([b[0], b[1]]).to_le_bytes()).collect()
        }
        native => native.to_vec(),
    };
    Ok(StoredSamples { width, height, bits_allocated, data })
}

/// Brightness of a colour by the weights of ITU-R BT.601, as JPEG and DICOM's YBR use; exact where the three are equal.
pub(super) fn luminance([red, green, blue]: [u16; 3]) -> f32 {
    let sum = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if sum.is_multiple_of(1000) { (sum / 1000) as f32 } else { sum as f32 / 1000.0 }
}

fn format(head: &[u8]) -> Option<(ImageFormat, &'static str)> {
    match image::guess_format(head).ok()? {
        f @ ImageFormat::Png => Some((f, "PNG")),
        f @ ImageFormat::Jpeg => Some((f, "JPEG")),
        f @ ImageFormat::Tiff => Some((f, "TIFF")),
        f @ ImageFormat::Bmp => Some((f, "BMP")),
        _ => None,
    }
}

fn decode(bytes: &[u8]) -> Result<(DynamicImage, Metadata), Reason> {
    let (format, name) = format(bytes).ok_or("not a picture Fluoro reads; open DICOM, PNG, JPEG, TIFF or BMP")?;
    if format == ImageFormat::Png
        && let Some([a, b, c, d, e, f, g, h]) = bytes.get(16..24)
    {
        guard::check_size(u32::from_be_bytes([*a, *b, *c, *d]).into(), u32::from_be_bytes([*e, *f, *g, *h]).into())?;
    }
    let explain = |error: image::ImageError| match error {
        image::ImageError::Limits(_) => {
            format!(
                "the {name} declares more pixels than the limit of {MAX_SIDE} a side; the file is damaged or not a film"
            )
        }
        image::ImageError::Unsupported(_) => {
            format!("this kind of {name} is not supported; save it as 8- or 16-bit grey PNG")
        }
        _ => format!("the {name} is damaged or truncated; copy or export it again"),
    };
    let picture = fenced(|| {
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE as u32);
        limits.max_image_height = Some(MAX_SIDE as u32);
        limits.max_alloc = Some(MAX_FILE);
        reader.limits(limits);
        let decoder = reader.into_decoder().map_err(explain)?;
        let (width, height) = decoder.dimensions();
        guard::check_size(width.into(), height.into())?;
        guard::check_ratio(decoder.total_bytes(), bytes.len())?;
        DynamicImage::from_decoder(decoder).map_err(explain)
    })??;
    let color = picture.color();
    let kind = match color {
        ColorType::L8 | ColorType::L16 | ColorType::La8 | ColorType::La16 => "grey",
        ColorType::Rgba8 | ColorType::Rgba16 => "RGBA",
        _ => "RGB",
    };
    let bits = 8 * (color.bytes_per_pixel() / color.channel_count());
    let mut metadata = Metadata { format: format!("{name}, {bits}-bit {kind}"), ..Metadata::default() };
    if format == ImageFormat::Png {
        metadata.software = png_text::text(bytes, "Software");
    }
    // The JPEG decoder fills what is missing with grey.
    if format == ImageFormat::Jpeg && !bytes.windows(2).rev().any(|pair| pair == [0xFF, 0xD9]) {
        metadata.warnings.push("The JPEG ends early; its lower part may be missing.".into());
    }
    Ok((picture, metadata))
}
