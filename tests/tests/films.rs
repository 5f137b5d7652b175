//! The DICOM films of the data folder decode to the samples of other decoders and look as they should.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use fluoro_core::radiograph::{Radiograph, StoredSamples, View};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The data folder, or `None` after saying that the test did not run.
fn data() -> Option<PathBuf> {
    fluoro_tests::data("real films")
}

/// Rows of both manifests: folder and columns by name.
fn manifests(data: &Path) -> Vec<(&'static str, HashMap<String, String>)> {
    let mut rows = Vec::new();
    for folder in ["dicom", "dicom_derived"] {
        let mut table = csv::Reader::from_path(data.join(folder).join("manifest.csv")).expect("a manifest");
        rows.extend(table.deserialize().map(|row| (folder, row.expect("a row"))));
    }
    assert!(rows.len() >= 20, "{} films in the manifests", rows.len());
    rows
}

fn samples(stored: &StoredSamples) -> Vec<i32> {
    match stored.bits_allocated {
        8 => stored.data.iter().map(|&v| i32::from(v)).collect(),
        _ => stored.data.chunks_exact(2).map(|b| i32::from(u16::from_le_bytes([b[0], b[1]]))).collect(),
    }
}

#[test]
fn lossless_films_decode_to_the_manifests_samples() {
    let Some(data) = data() else { return };
    let mut checked = 0;
    for (folder, row) in manifests(&data) {
        let expected = row.get("decoded_sha256_le").or_else(|| row.get("stored_sha256_le")).expect("a checksum column");
        if expected == "lossy" {
            continue;
        }
        let stored = Radiograph::stored(&data.join(folder).join(&row["file"])).expect("decodes");
        assert_eq!(
            (stored.width.to_string(), stored.height.to_string()),
            (row["columns"].clone(), row["rows"].clone())
        );
        let found: String = Sha256::digest(&stored.data).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(&found, expected, "{}", row["file"]);
        checked += 1;
    }
    assert_eq!(checked, 15);
}

#[derive(Deserialize)]
struct Reference {
    grid: usize,
    films: Vec<ReferenceFilm>,
}

#[derive(Deserialize)]
struct ReferenceFilm {
    file: String,
    width: usize,
    height: usize,
    min: i32,
    max: i32,
    mean: f64,
    samples: Vec<i32>,
}

#[test]
fn lossy_films_decode_as_pydicom_does() {
    let Some(data) = data() else { return };
    let reference: Reference =
        serde_json::from_str(include_str!("../parity/dicom_reference.json")).expect("the reference reads");
    assert_eq!(reference.films.len(), 5);
    for film in reference.films {
        let stored = Radiograph::stored(&data.join(&film.file)).expect("decodes");
        assert_eq!((stored.width, stored.height), (film.width, film.height));
        let samples = samples(&stored);
        let at = |part: usize, length: usize| (2 * part + 1) * length / (2 * reference.grid);
        let mut worst = 0;
        for (i, wanted) in film.samples.iter().enumerate() {
            let (x, y) = (at(i % reference.grid, film.width), at(i / reference.grid, film.height));
            worst = worst.max((samples[y * film.width + x] - wanted).abs());
        }
        let ends = (samples.iter().min().copied(), samples.iter().max().copied());
        let mean = samples.iter().map(|&v| f64::from(v)).sum::<f64>() / samples.len() as f64;
        println!("{}: largest difference {worst}, mean {mean:.4} against {}, ends {ends:?}", film.file, film.mean);
        assert!(worst <= 2, "{}: a sample differs by {worst}", film.file);
        assert!((mean - film.mean).abs() < 0.5, "{}: mean {mean} instead of {}", film.file, film.mean);
        assert!(ends.0.is_some_and(|v| (v - film.min).abs() <= 2) && ends.1.is_some_and(|v| (v - film.max).abs() <= 2));
    }
}

#[test]
fn derived_films_look_like_their_original() {
    let Some(data) = data() else { return };
    let mut checked = 0;
    for (folder, row) in manifests(&data).into_iter().filter(|(folder, _)| *folder == "dicom_derived") {
        let film = Radiograph::open(&data.join(folder).join(&row["file"])).expect("opens");
        let original =
            Radiograph::open(&data.join(folder).join(format!("expected_{}", row["nih_image"]))).expect("opens");
        let difference = film.to_unit().zip(&original.to_unit(), |a, b| (a - b).abs()).expect("same size").min_max().1;
        // pydicom's decoding of the lossy film, too, is 12 levels off its original at the worst pixel; ours may differ by 1.
        let allowed = if row["stored_sha256_le"] == "lossy" { 13.0 / 255.0 } else { 1.0 / 255.0 };
        println!("{}: largest difference {:.3} of 255 levels", row["file"], difference * 255.0);
        assert!(difference <= allowed, "{}: {difference}", row["file"]);
        assert_eq!(film.metadata.view, Some(if row["file"].contains("_ap_") { View::Ap } else { View::Pa }));
        checked += 1;
    }
    assert_eq!(checked, 8);
}

#[test]
fn polarity_windows_and_spacing_of_real_films() {
    let Some(data) = data() else { return };
    let open = |name: &str| Radiograph::open(&data.join("dicom").join(name)).expect(name);
    let (plain, tagged) = (open("nih_siim_pa_jpegbaseline8.dcm"), open("nih_siim_pa_fake_monochrome1.dcm"));
    let negative = plain.to_unit().zip(&tagged.to_unit(), |a, b| (a + b - 1.0).abs()).expect("same size");
    assert!(negative.min_max().1 < 1e-6, "a MONOCHROME1 tag is honoured, even a wrong one");
    assert_eq!((plain.metadata.age_years, plain.metadata.spacing_mm), (Some(62.0), Some([0.168, 0.168])));

    let dx = open("canon_chest_dx_j2k_lossless_12bit_mono1.dcm");
    assert_eq!((dx.range, dx.default_window().center, dx.default_window().width), ([0.0, 4095.0], 2048.0, 4096.0));
    assert_eq!(dx.metadata.format, "DICOM DX, JPEG 2000 lossless, 12-bit");
    let computed = open("rg1_chest_j2k_lossy_15bit_mono1.dcm");
    assert_eq!((computed.range, computed.metadata.spacing_mm), ([0.0, 32767.0], None));
    assert_eq!((computed.default_window().center, computed.metadata.warnings.len()), (17768.0, 1));
    let headless = open("fuji_chest_headless_implicitLE_10bit_mono1.dcm");
    assert_eq!(
        (headless.pixels.width(), headless.range, headless.metadata.view.clone()),
        (440, [0.0, 1023.0], Some(View::Pa))
    );
    // The lung is darker than the mediastinum, whatever the polarity the film was stored in.
    for film in [&dx, &computed, &headless] {
        let unit = film.to_unit();
        let mean = |x: f32, y: f32| {
            let (left, top) = ((x * unit.width() as f32) as usize, (y * unit.height() as f32) as usize);
            (0..400).map(|i| unit.get(left + i % 20, top + i / 20)).sum::<f32>() / 400.0
        };
        let (lung, middle) = (mean(0.27, 0.4), mean(0.52, 0.65));
        assert!(lung < middle, "{}: lung {lung}, mediastinum {middle}", film.path.display());
    }
    let lut = open("offis_voi_lut_sequence_8bit_mono2.dcm");
    assert_eq!((lut.range, lut.metadata.windows.len()), ([0.0, 65535.0], 0));
}

#[test]
fn films_open_in_time() {
    let Some(data) = data() else { return };
    for (folder, row) in manifests(&data) {
        let path = data.join(folder).join(&row["file"]);
        let start = Instant::now();
        let film = Radiograph::open(&path).expect("opens");
        println!("{:>5} ms  {}  {}", start.elapsed().as_millis(), row["file"], film.metadata.format);
        assert!(start.elapsed().as_secs() < 20, "{} took {:?}", row["file"], start.elapsed());
    }
}

#[test]
fn every_truncation_of_a_real_film_is_one_line() {
    let Some(data) = data() else { return };
    for (folder, row) in manifests(&data) {
        let bytes = std::fs::read(data.join(folder).join(&row["file"])).expect("reads");
        for part in [0.02, 0.3, 0.7, 0.97] {
            let cut = &bytes[..(bytes.len() as f64 * part) as usize];
            let message = Radiograph::from_bytes(Path::new("cut.dcm"), cut).expect_err(&row["file"]).to_string();
            assert!(!message.contains('\n') && message.len() < 300, "{}: {message}", row["file"]);
        }
    }
}
