//! A shift as an animated PNG: every grey as it is, where a GIF has 256 colours for all.
//!
//! Enter the frames of a shift with their lambdas and predictions; leaves the bytes of an APNG (PNG specification, third
//! edition, 11.3.4) that runs for ever, or of one still picture. What they show is that of every
//! [`moving`](super::moving) picture. A viewer that knows no APNG shows the first frame.

use super::moving::{Moving, MovingOptions, changed_area, cut};
use super::{Made, canvas_png, with_texts};
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::render::Canvas;
use png::{BitDepth, BlendOp, ColorType, DisposeOp, Encoder, EncodingError};

/// Bytes of a pixel: red, green, blue.
const DEPTH: usize = 3;

/// Encodes a shift. `frames` (-1024 to 1024, ascending lambda) play there and back, each turning point once, so `n` frames
/// become `2 n - 2` pictures, or one way ([`MovingOptions::ping_pong`]). `label`
/// names what `predictions` (0 to 1) predict; the bar's tick stands at the prediction of the frame nearest to lambda 0.
///
/// # Errors
/// When there is no frame, sizes or counts differ, or the picture is too large (65535 pixels a side).
pub fn encode_apng(
    frames: &[Plane],
    predictions: &[f32],
    lambdas: &[f32],
    original: Option<&Plane>,
    label: &str,
    options: &MovingOptions,
) -> Result<Vec<u8>> {
    let moving = Moving::new(frames, predictions, lambdas, original, label, options)?;
    let pictures = moving.pictures(0..frames.len(), Canvas::rgb);
    let png = assemble(&pictures, &moving.order(), moving.size(), options.delay_ms())
        .map_err(|e| Error::Invalid(format!("the shift cannot become an animated PNG ({e})")))?;
    Ok(with_texts(png, Made::ByModel))
}

/// The picture of the frame furthest from lambda 0, which differs most from the film, as a PNG: what stands for the
/// animation where nothing may move.
///
/// # Errors
/// As [`encode_apng`].
pub fn encode_still(
    frames: &[Plane],
    predictions: &[f32],
    lambdas: &[f32],
    original: Option<&Plane>,
    label: &str,
    options: &MovingOptions,
) -> Result<Vec<u8>> {
    let moving = Moving::new(frames, predictions, lambdas, original, label, options)?;
    let furthest = (0..frames.len()).max_by(|&a, &b| lambdas[a].abs().total_cmp(&lambdas[b].abs())).unwrap_or(0);
    match moving.pictures(furthest..furthest + 1, Canvas::clone).first() {
        Some(canvas) => canvas_png(canvas, Made::ByModel),
        None => Err(Error::Invalid("a still picture needs a frame".into())),
    }
}

/// The file: the first picture whole, then what differs from one picture to the next.
fn assemble(pictures: &[Vec<u8>], order: &[usize], size: (u16, u16), delay_ms: u16) -> Result<Vec<u8>, EncodingError> {
    let mut png = Vec::new();
    let mut encoder = Encoder::new(&mut png, size.0.into(), size.1.into());
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_animated(order.len() as u32, 0)?;
    encoder.set_frame_delay(delay_ms, 1000)?;
    encoder.set_dispose_op(DisposeOp::None)?;
    encoder.set_blend_op(BlendOp::Source)?;
    let mut writer = encoder.write_header()?;
    let mut before: Option<&[u8]> = None;
    for &at in order {
        let now = pictures[at].as_slice();
        let area = changed_area(before, now, size, DEPTH);
        // Back to the corner first: the writer checks each step against the part before.
        writer.set_frame_position(0, 0)?;
        writer.set_frame_dimension(area.width, area.height)?;
        writer.set_frame_position(area.x, area.y)?;
        writer.write_image_data(&cut(now, size.0, area, DEPTH))?;
        before = Some(now);
    }
    writer.finish()?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::COMMENT;
    use crate::render::{GREY_LEVELS, colour, grey_level};
    use crate::segmentation::{Threshold, segment};
    use image::codecs::png::PngDecoder;
    use image::{AnimationDecoder as _, RgbaImage};
    use std::io::Cursor;

    /// Frames whose right half shows every grey, each frame other ones in other places.
    fn shift(count: usize, side: usize) -> (Vec<Plane>, Vec<f32>, Vec<f32>) {
        let level = |x: usize, y: usize, i: usize| ((x + y * 16 + i * 37) % 256) as f32 / 255.0 * 2048.0 - 1024.0;
        let frame = |i: usize| Plane::from_fn(side, side, |x, y| if x >= side / 2 { level(x, y, i) } else { -300.0 });
        let part = |i: usize| i as f32 / (count.max(2) - 1) as f32;
        (
            (0..count).map(frame).collect(),
            (0..count).map(part).collect(),
            (0..count).map(|i| part(i) * 80.0 - 60.0).collect(),
        )
    }

    /// Whole pictures, and the time of each in milliseconds.
    fn play(png: &[u8]) -> (Vec<RgbaImage>, Vec<u32>) {
        let decoder = PngDecoder::new(Cursor::new(png)).unwrap();
        assert!(decoder.is_apng().unwrap());
        let frames = decoder.apng().unwrap().into_frames().collect_frames().unwrap();
        let time = |(ms, parts): (u32, u32)| ms / parts;
        let delays = frames.iter().map(|f| time(f.delay().numer_denom_ms())).collect();
        (frames.into_iter().map(image::Frame::into_buffer).collect(), delays)
    }

    #[test]
    fn plays_there_and_back_with_every_grey_as_it_is() {
        let (frames, predictions, lambdas) = shift(5, 32);
        let options = MovingOptions { delay_ms: 83, ..MovingOptions::default() };
        let png = encode_apng(&frames, &predictions, &lambdas, None, "Effusion", &options).unwrap();
        let (pictures, delays) = play(&png);
        assert_eq!((pictures.len(), delays), (8, vec![83; 8]));
        for (at, picture) in [0, 1, 2, 3, 4, 3, 2, 1].into_iter().zip(&pictures) {
            for (x, y) in (0..32).flat_map(|y| (0..32).map(move |x| (x, y))) {
                let wanted = grey_level(frames[at].get(x, y), GREY_LEVELS);
                assert_eq!(picture.get_pixel(x as u32, y as u32).0, [wanted, wanted, wanted, 255]);
            }
        }
        assert_eq!(png, encode_apng(&frames, &predictions, &lambdas, None, "Effusion", &options).unwrap());
        let holds = |text: &str| png.windows(text.len()).any(|w| w == text.as_bytes());
        assert!(holds("tEXtSoftware\0Fluoro") && holds(COMMENT));
        let info = png::Decoder::new(Cursor::new(&png)).read_info().unwrap();
        assert_eq!(info.info().animation_control().map(|a| a.num_plays), Some(0), "for ever");
    }

    #[test]
    fn one_way_with_original_and_outline() {
        let (frames, predictions, lambdas) = shift(3, 40);
        let original = Plane::filled(40, 40, 1024.0);
        let map = Plane::from_fn(40, 40, |x, y| if (8..32).contains(&x) && (8..32).contains(&y) { 9.0 } else { 0.0 });
        let outline = Some(segment(&map, Threshold::Value(5.0)));
        let options = MovingOptions { scale: 2, ping_pong: false, outline, ..MovingOptions::default() };
        let png = encode_apng(&frames, &predictions, &lambdas, Some(&original), "x", &options).unwrap();
        let (pictures, _) = play(&png);
        assert_eq!((pictures.len(), pictures[0].width()), (3, 2 * (40 + 4 + 40)));
        let middle =
            |p: &RgbaImage, x: u32| [p.get_pixel(x, 80).0[0], p.get_pixel(x, 80).0[1], p.get_pixel(x, 80).0[2]];
        assert!(pictures.iter().all(|p| middle(p, 16) == [255; 3]), "the original stays clean");
        assert!(pictures.iter().all(|p| middle(p, 88 + 16) == colour::OUTLINE));
    }

    #[test]
    fn odd_input_is_refused_and_one_frame_is_enough() {
        let (frames, predictions, lambdas) = shift(3, 16);
        let options = MovingOptions::default();
        let encode = |f: &[Plane], p: &[f32], o: &MovingOptions| encode_apng(f, p, &lambdas[..f.len()], None, "x", o);
        assert!(encode(&[], &[], &options).is_err());
        assert!(encode(&frames, &predictions[1..], &options).is_err());
        assert!(encode(&frames, &predictions, &MovingOptions { scale: u32::MAX, ..options.clone() }).is_err());
        let still = [frames[0].clone(), frames[0].clone()];
        assert_eq!(play(&encode(&still, &[0.5; 2], &options).unwrap()).0.len(), 2, "equal frames");
        assert_eq!(play(&encode(&frames[..1], &[f32::NAN], &options).unwrap()).0.len(), 1);
    }

    #[test]
    fn the_still_is_the_frame_that_went_furthest() {
        let (frames, predictions, lambdas) = shift(5, 24);
        let options = MovingOptions { ping_pong: false, ..MovingOptions::default() };
        let png = encode_still(&frames, &predictions, &lambdas, None, "x", &options).unwrap();
        let moving = encode_apng(&frames, &predictions, &lambdas, None, "x", &options).unwrap();
        let still = image::load_from_memory(&png).unwrap().to_rgba8();
        assert!(still == play(&moving).0[0], "lambda -60 to 20: the first, its bar's tick as in the animation");
        assert!(encode_still(&frames, &predictions[1..], &lambdas, None, "x", &options).is_err());
        assert!(encode_still(&[], &[], &[], None, "x", &options).is_err());
    }
}
