//! Parity of difference maps, segmentations and metrics with numpy, scipy, skimage and sklearn
//! (`tests/parity/maps_reference.py` wrote the numbers), and one export from map to files.

use fluoro_core::difference::{MapMethod, gaussian_blur, percentile, shift_map};
use fluoro_core::export::{atomic::write_atomic, frames, gif, sheet::Sheet};
use fluoro_core::metrics::{GREY_RANGE, auc, auc_delong, average_precision, explained_variance, mae, psnr, ssim};
use fluoro_core::plane::Plane;
use fluoro_core::segmentation::{Threshold, segment, segment_with};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    mae: f64,
    psnr: f64,
    ssim: f64,
    gaussian: Vec<Blurred>,
    percentile: Vec<[f32; 2]>,
    otsu: Otsu,
    boxes: Vec<[u32; 4]>,
    auc: f64,
    average_precision: f64,
    positives: usize,
    delong_95: [f64; 3],
    delong_80: [f64; 3],
    explained_variance: f64,
}

#[derive(Deserialize)]
struct Blurred {
    sigma: f32,
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct Otsu {
    threshold: f32,
    inside: usize,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../parity/maps_reference.json")).expect("the reference is JSON of this shape")
}

/// The reference script's numbers in [0, 1).
fn draws(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    (0..count).map(|_| draw()).collect()
}

/// The reference script's picture.
fn picture(seed: u32, width: usize, height: usize) -> Plane {
    let noise = draws(seed, width * height);
    Plane::from_fn(width, height, |x, y| {
        x as f32 * 20.0 + y as f32 * 15.0 - 1024.0 + (noise[y * width + x] * 2400.0).floor() / 4.0
    })
}

#[track_caller]
fn near(found: f64, wanted: f64, tolerance: f64) {
    assert!((found - wanted).abs() <= tolerance, "found {found}, wanted {wanted}");
}

#[test]
fn picture_metrics_match_skimage() {
    let (wanted, a, b) = (reference(), picture(1, 48, 40), picture(2, 48, 40));
    near(mae(&a, &b).unwrap(), wanted.mae, 1e-9);
    near(psnr(&a, &b, GREY_RANGE).unwrap(), wanted.psnr, 1e-9);
    near(ssim(&a, &b).unwrap(), wanted.ssim, 1e-9);
}

#[test]
fn blur_and_percentiles_match_skimage_and_numpy() {
    let (wanted, small) = (reference(), picture(3, 18, 13));
    for blurred in wanted.gaussian {
        let found = gaussian_blur(&small, blurred.sigma);
        for (&f, &w) in found.data().iter().zip(&blurred.values) {
            near(f.into(), w.into(), 2e-3);
        }
    }
    for [q, value] in wanted.percentile {
        near(percentile(small.data(), q).into(), value.into(), 1e-3);
    }
}

#[test]
fn otsu_and_components_match_skimage() {
    let wanted = reference();
    let found = segment(&picture(3, 18, 13), Threshold::Otsu);
    near(found.threshold.into(), wanted.otsu.threshold.into(), 1e-3);
    assert_eq!(found.mask.iter().filter(|&&m| m).count(), wanted.otsu.inside);
    let noise = Plane::new(64, 50, draws(5, 64 * 50)).unwrap();
    assert_eq!(segment_with(&noise, Threshold::Value(0.62), 4).boxes, wanted.boxes);
}

#[test]
fn rankings_match_sklearn_and_delongs_definition() {
    let wanted = reference();
    let scores: Vec<f32> = draws(6, 120).into_iter().map(|v| (v * 40.0).floor()).collect();
    let labels: Vec<bool> = draws(7, 120).iter().zip(&scores).map(|(v, s)| v + s / 80.0 > 0.75).collect();
    assert_eq!(labels.iter().filter(|&&l| l).count(), wanted.positives);
    near(auc(&scores, &labels).unwrap(), wanted.auc, 1e-12);
    near(average_precision(&scores, &labels).unwrap(), wanted.average_precision, 1e-12);
    for (level, [value, low, high]) in [(0.95, wanted.delong_95), (0.80, wanted.delong_80)] {
        let found = auc_delong(&scores, &labels, level).unwrap();
        near(found.value, value, 1e-12);
        near(found.low, low, 1e-9);
        near(found.high, high, 1e-9);
    }
}

#[test]
fn explained_variance_matches_numpy() {
    let rows: Vec<f32> = draws(8, 60 * 7).into_iter().map(|v| v * 10.0).collect();
    let guess: Vec<f32> = rows.iter().zip(draws(9, 60 * 7)).map(|(r, e)| r + (e - 0.5)).collect();
    near(explained_variance(&rows, &guess, 7).unwrap(), reference().explained_variance, 1e-7);
}

#[test]
fn a_shift_becomes_files_that_open() {
    let home = tempfile::tempdir().unwrap();
    let film = picture(1, 64, 64);
    let part = |i: usize| i as f32 / 6.0;
    let brighter =
        |i: usize| Plane::from_fn(64, 64, |x, y| film.get(x, y) + if x > 40 && y > 30 { part(i) * 300.0 } else { 0.0 });
    let steps: Vec<Plane> = (0..7).map(brighter).collect();
    let (lambdas, predictions): (Vec<f32>, Vec<f32>) = (0..7).map(|i| (part(i) * 60.0, part(i))).unzip();
    let map = shift_map(&film, &steps, MapMethod::Max).unwrap();
    let found = segment(&map, Threshold::Otsu);
    assert_eq!(found.boxes, [[41, 31, 23, 33]]);
    assert_eq!(found.scale_to(1024, 1024).boxes, [[656, 496, 368, 528]]);

    let moving =
        gif::encode_gif(&steps, &predictions, &lambdas, Some(&film), "Mass", &gif::GifOptions::default()).unwrap();
    let page = Sheet::new([&film, &steps[0], &steps[0], &steps[6]], &map, &found, "Mass").png().unwrap();
    for (name, bytes) in
        [("shift.gif", &moving), ("sheet.png", &page), ("mask.png", &frames::mask_png(&found).unwrap())]
    {
        write_atomic(home.path().join(name), |w| w.write_all(bytes)).unwrap();
    }
    frames::write_frames(home.path().join("frames"), &steps, &lambdas, &predictions).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["frames", "mask.png", "sheet.png", "shift.gif"]);
    assert_eq!(std::fs::read_dir(home.path().join("frames")).unwrap().count(), 7 + 2, "frames, table, list");
}
