//! Preprocessing agrees with the original code of every published recipe on the films of
//! `parity/preprocess_reference.json`, which are drawn here, and of `parity/preprocess_films_reference.json`, which are
//! in the data folder.

use std::collections::BTreeMap;
use std::path::Path;

use fluoro_core::plane::Plane;
use fluoro_core::preprocess::recipes::{IMAGENET_MEAN, IMAGENET_STD};
use fluoro_core::preprocess::{
    CropStart, Fit, Preprocess, Resize, TransformersBackend, from_open_clip, from_transformers, from_transformers_as,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Largest difference from the original, in its tensor's units.
const TOLERANCE: f32 = 1e-3;

#[derive(Deserialize)]
struct Reference<F> {
    films: Vec<F>,
    recipes: Vec<Recipe>,
}

#[derive(Deserialize)]
struct Recipe {
    name: String,
    reader: Option<String>,
    backend: Option<String>,
    config: Option<serde_json::Value>,
    /// One for each film.
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    samples: Vec<f32>,
    sha256: Option<String>,
}

#[derive(Deserialize)]
struct Drawn {
    width: usize,
    height: usize,
    seed: u64,
}

#[derive(Deserialize)]
struct Taken {
    file: String,
}

/// The film of `drawn` in the reference script: waves, noise, white and black blocks.
fn draw(film: &Drawn) -> Plane {
    Plane::from_fn(film.width, film.height, |x, y| {
        let (x, y) = (x as u64, y as u64);
        let noise = ((x * 73_856_093) ^ (y * 19_349_663) ^ (film.seed * 83_492_791)) & 0xFFFF_FFFF;
        let noise = ((noise ^ (noise >> 13)) * 1_540_483_477) & 0xFFFF_FFFF;
        let noise = ((noise ^ (noise >> 15)) % 64) as i64;
        let wave = (((3 * x + 2 * y) % 512) as i64 - 256).abs();
        let block = x / 9 + y / 7;
        let level = match (block % 11, block % 13) {
            (0, _) => 255,
            (_, 5) => 0,
            _ => (wave - 32 + noise).clamp(0, 255),
        };
        level as f32 / 255.0
    })
}

/// Brightness of an 8-bit picture, of its first channel where it has several.
fn read(path: &Path) -> Plane {
    let picture = image::open(path).expect("a picture").to_rgba8();
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let levels = picture.pixels().map(|pixel| f32::from(pixel.0[0]) / 255.0).collect();
    Plane::new(width, height, levels).expect("a film")
}

/// What the network is fed: channels of `(value - mean) / deviation`.
struct Input {
    preprocess: Preprocess,
    /// Whether the means are of brightness rather than of model grey levels.
    of_brightness: bool,
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Input {
    fn greys(preprocess: Preprocess, divisor: f32, channels: usize) -> Self {
        Self { preprocess, of_brightness: false, mean: vec![0.0; channels], std: vec![divisor; channels] }
    }

    fn imagenet(preprocess: Preprocess) -> Self {
        Self { preprocess, of_brightness: true, mean: IMAGENET_MEAN.to_vec(), std: IMAGENET_STD.to_vec() }
    }

    /// From the configuration file of the recipe, or from its name.
    fn of(recipe: &Recipe) -> Self {
        let crop = CropStart::HalfEven;
        if let Some(config) = &recipe.config {
            let read = match (recipe.reader.as_deref(), recipe.backend.as_deref()) {
                (Some("transformers"), Some("pil")) => from_transformers_as(config, TransformersBackend::Pil),
                (Some("transformers"), Some("torchvision")) => from_transformers(config),
                (Some("open_clip"), None) => from_open_clip(config),
                other => panic!("{}: no reader {other:?}", recipe.name),
            };
            let (preprocess, mean, std) = read.expect("a configuration");
            let named = match recipe.name.as_str() {
                "clip" => Some(Preprocess::clip(224)),
                "rad_dino" => Some(Preprocess::rad_dino()),
                "open_clip" => Some(Preprocess::open_clip(224)),
                _ => None,
            };
            named.iter().for_each(|named| assert_eq!(named, &preprocess, "{}", recipe.name));
            return Self { preprocess, of_brightness: true, mean, std };
        }
        match recipe.name.as_str() {
            "torchxrayvision_224" => Self::greys(Preprocess::torchxrayvision(224), 1.0, 1),
            "torchxrayvision_512" => Self::greys(Preprocess::torchxrayvision(512), 1.0, 1),
            "torchxrayvision_before_2025" => {
                let (fit, resize) = (Fit::CentreCrop, Resize::Bilinear);
                Self::greys(Preprocess { fit, resize, ..Preprocess::default() }, 1.0, 1)
            }
            "jfhealthcare" => Self::greys(Preprocess::jfhealthcare(), 512.0, 3),
            "reproduce_chexnet" => Self::imagenet(Preprocess::reproduce_chexnet()),
            "arnoweng_chexnet" => Self::imagenet(Preprocess::arnoweng_chexnet()),
            "torchvision_257_224" => {
                let (fit, resize) = (Fit::ShortestEdge { edge: 257, crop }, Resize::PillowBilinear);
                Self::imagenet(Preprocess { fit, resize, ..Preprocess::default() })
            }
            other => panic!("no recipe {other}"),
        }
    }

    /// Value of the tensor `[channels, size, size]` at a place in it.
    fn at(&self, plane: &Plane, index: usize) -> f32 {
        let pixels = plane.data().len();
        let (channel, pixel) = (index / pixels, index % pixels);
        let grey = plane.data()[pixel];
        let value = if self.of_brightness { self.preprocess.to_unit(grey) } else { grey };
        (value - self.mean[channel]) / self.std[channel]
    }
}

/// SHA-256 of a plane's 8-bit levels in row order.
fn digest(preprocess: &Preprocess, plane: &Plane) -> String {
    let levels: Vec<u8> = plane.data().iter().map(|&v| (preprocess.to_unit(v) * 255.0).round() as u8).collect();
    Sha256::digest(levels).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares every recipe on every film and returns the largest difference of each.
fn compare(recipes: &[Recipe], films: &[(String, Plane)]) -> BTreeMap<String, f32> {
    let mut worst = BTreeMap::new();
    for recipe in recipes {
        let input = Input::of(recipe);
        input.preprocess.check().expect("a sound recipe");
        assert_eq!(recipe.results.len(), films.len());
        for ((film, unit), expected) in films.iter().zip(&recipe.results) {
            let plane = input.preprocess.apply_unit(unit);
            let values = plane.data().len() * input.mean.len();
            assert_eq!(plane.data().len(), input.preprocess.size.pow(2));
            assert!(expected.samples.len() >= 24, "too few samples to tell");
            if let Some(sha256) = &expected.sha256 {
                assert_eq!(&digest(&input.preprocess, &plane), sha256, "{} on {film}: not every level", recipe.name);
            }
            for (k, wanted) in expected.samples.iter().enumerate() {
                let found = input.at(&plane, k * 104_729 % values);
                let error = (found - wanted).abs();
                assert!(error <= TOLERANCE, "{} on {film}, sample {k}: {found}, not {wanted}", recipe.name);
                let largest = worst.entry(recipe.name.clone()).or_insert(0.0_f32);
                *largest = largest.max(error);
            }
        }
    }
    worst
}

fn report(worst: &BTreeMap<String, f32>) {
    worst.iter().for_each(|(recipe, error)| println!("{recipe}: largest difference {error:.2e}"));
}

#[test]
fn drawn_films_come_out_as_from_the_original_code() {
    let reference: Reference<Drawn> =
        serde_json::from_str(include_str!("../../parity/preprocess_reference.json")).expect("the reference reads");
    let name = |film: &Drawn| format!("{} x {}", film.width, film.height);
    let films: Vec<_> = reference.films.iter().map(|film| (name(film), draw(film))).collect();
    assert!(films.len() >= 9 && reference.recipes.len() >= 23);
    report(&compare(&reference.recipes, &films));
}

#[test]
fn real_films_come_out_as_from_the_original_code() {
    let Some(data) = fluoro_tests::data("preprocessing of real films") else { return };
    let folder = data.join("nih_1024");
    let reference: Reference<Taken> =
        serde_json::from_str(include_str!("../../parity/preprocess_films_reference.json"))
            .expect("the reference reads");
    let films: Vec<_> =
        reference.films.iter().map(|film| (film.file.clone(), read(&folder.join(&film.file)))).collect();
    assert_eq!(films.len(), 10);
    report(&compare(&reference.recipes, &films));
}
