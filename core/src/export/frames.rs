//! Single pictures and folders of them: frames, masks, and the table that goes with a shift.
//!
//! Enter planes in torchxrayvision grey levels and their numbers; leaves 8-bit grey PNGs and `frames.csv`.

use super::atomic::write_folder_atomic;
use super::{Made, encode_png};
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::render::{GREY_LEVELS, grey_level};
use crate::segmentation::Segmentation;
use image::ExtendedColorType;
use rayon::prelude::*;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A counterfactual as an 8-bit grey PNG that says in its text fields what it is; `range` is black and white.
///
/// # Errors
/// When the plane is too large for a PNG.
pub fn grey_png(plane: &Plane, range: [f32; 2]) -> Result<Vec<u8>> {
    plane_png(plane, range, Made::ByModel)
}

/// A plane as an 8-bit grey PNG; `range` is black and white, `made` decides what the text fields say.
///
/// # Errors
/// When the plane is too large for a PNG.
pub fn plane_png(plane: &Plane, range: [f32; 2], made: Made) -> Result<Vec<u8>> {
    let pixels: Vec<u8> = plane.data().iter().map(|&v| grey_level(v, range)).collect();
    encode_png(&pixels, plane.width() as u32, plane.height() as u32, ExtendedColorType::L8, made)
}

/// A mask as an 8-bit grey PNG: 255 inside, 0 outside.
///
/// # Errors
/// When the mask is too large for a PNG.
pub fn mask_png(segmentation: &Segmentation) -> Result<Vec<u8>> {
    let pixels: Vec<u8> = segmentation.mask.iter().map(|&m| if m { 255 } else { 0 }).collect();
    let (width, height) = (segmentation.width as u32, segmentation.height as u32);
    encode_png(&pixels, width, height, ExtendedColorType::L8, Made::ByModel)
}

/// The table of a shift: `index,lambda,prediction`, one row for each frame, numbers in their shortest exact form; a
/// prediction that is not a number stays empty.
///
/// # Errors
/// When the two lists differ in length.
pub fn frames_csv(lambdas: &[f32], predictions: &[f32]) -> Result<String> {
    check_counts(lambdas.len(), lambdas, predictions)?;
    let mut csv = String::from("index,lambda,prediction\n");
    for (index, (lambda, prediction)) in lambdas.iter().zip(predictions).enumerate() {
        let prediction = if prediction.is_finite() { prediction.to_string() } else { String::new() };
        // Writing to a string cannot fail.
        let _ = writeln!(csv, "{index},{lambda},{prediction}");
    }
    Ok(csv)
}

/// Writes `frame_000.png` ... (one grey range for all, -1024 to 1024) and `frames.csv` into a folder, whole or not at
/// all, and returns their paths. Enough digits are used for all numbers to have the same length.
///
/// # Errors
/// When there is no frame, the lists differ in length, or the folder cannot be written (see [`write_folder_atomic`]).
pub fn write_frames(
    folder: impl AsRef<Path>,
    frames: &[Plane],
    lambdas: &[f32],
    predictions: &[f32],
) -> Result<Vec<PathBuf>> {
    if frames.is_empty() {
        return Err(Error::Invalid("a folder of frames needs at least one frame".into()));
    }
    check_counts(frames.len(), lambdas, predictions)?;
    let csv = frames_csv(lambdas, predictions)?;
    let digits = (frames.len() - 1).to_string().len().max(3);
    let pngs: Vec<Vec<u8>> = frames.par_iter().map(|f| grey_png(f, GREY_LEVELS)).collect::<Result<_>>()?;
    let mut files: Vec<(String, Vec<u8>)> =
        pngs.into_iter().enumerate().map(|(i, png)| (format!("frame_{i:0digits$}.png"), png)).collect();
    files.push(("frames.csv".into(), csv.into_bytes()));
    let folder = folder.as_ref();
    write_folder_atomic(folder, |inside| {
        files.iter().try_for_each(|(name, bytes)| {
            fs::write(inside.join(name), bytes).map_err(|e| Error::write(folder.join(name), &e))
        })
    })?;
    Ok(files.into_iter().map(|(name, _)| folder.join(name)).collect())
}

/// Refuses numbers that do not go with the frames.
pub(super) fn check_counts(frames: usize, lambdas: &[f32], predictions: &[f32]) -> Result<()> {
    for (what, found) in [("list of lambdas", lambdas.len()), ("list of predictions", predictions.len())] {
        if found != frames {
            let expected = format!("{frames} values, one for each frame");
            return Err(Error::Shape { what: what.into(), expected, found: format!("{found}") });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segmentation::{Threshold, segment};

    #[test]
    fn grey_pngs_hold_the_mapped_levels() {
        let plane = Plane::new(3, 2, vec![-2000.0, -1024.0, 0.0, 512.0, 1024.0, 3000.0]).unwrap();
        let png = grey_png(&plane, GREY_LEVELS).unwrap();
        let back = image::load_from_memory(&png).unwrap();
        assert_eq!(back.color(), image::ColorType::L8);
        assert_eq!(back.to_luma8().into_raw(), [0, 0, 128, 191, 255, 255]);
        assert!(png.windows(7).any(|w| w == b"Comment"));
        assert!(!plane_png(&plane, GREY_LEVELS, Made::ByXray).unwrap().windows(7).any(|w| w == b"Comment"));
    }

    #[test]
    fn masks_are_black_and_white() {
        let map = Plane::new(3, 1, vec![0.0, 9.0, 1.0]).unwrap();
        let png = mask_png(&segment(&map, Threshold::Value(5.0))).unwrap();
        assert_eq!(image::load_from_memory(&png).unwrap().to_luma8().into_raw(), [0, 255, 0]);
    }

    #[test]
    fn a_folder_of_frames_with_its_table() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("shift");
        let frames: Vec<Plane> = (0..3).map(|i| Plane::filled(4, 4, i as f32 * 512.0)).collect();
        let paths = write_frames(&folder, &frames, &[-10.5, 0.0, 10.0], &[0.25, f32::NAN, 0.75]).unwrap();
        let names: Vec<_> = paths.iter().filter_map(|p| p.file_name()).collect();
        assert_eq!(names, ["frame_000.png", "frame_001.png", "frame_002.png", "frames.csv"]);
        let table = fs::read_to_string(&paths[3]).unwrap();
        assert_eq!(table, "index,lambda,prediction\n0,-10.5,0.25\n1,0,\n2,10,0.75\n");
        assert_eq!(image::open(&paths[2]).unwrap().to_luma8().into_raw(), [255; 16]);
        assert!(write_frames(&folder, &frames, &[0.0], &[0.0; 3]).is_err());
        assert!(write_frames(&folder, &[], &[], &[]).is_err());
        assert_eq!(paths.iter().filter(|p| p.exists()).count(), 4, "an error leaves the older folder");
    }
}
