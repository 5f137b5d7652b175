//! Labels from a text tower: the score against numpy (`parity/label_text_reference.py`), and the whole way from films to
//! `labels.ron` with a small random CLIP, recomputed from what `fluoro analyze --text` says of each film.

use std::collections::BTreeMap;
use std::path::Path;

use fluoro_core::label::Statement;
use fluoro_core::label::stored::Labels;
use fluoro_core::label::words::{margins, scores};
use fluoro_core::store::Store;
use fluoro_tests::fluoro_in;
use serde::Deserialize;
use serde_json::json;

use super::{import, parity, save_sae};

const FILMS: usize = 60;
const CONCEPTS: usize = 7;
const LENGTH: usize = 12;

#[derive(Deserialize)]
struct Reference {
    silent: Vec<usize>,
    margins: Vec<Vec<f64>>,
    scores: Vec<Vec<f64>>,
}

/// The generator of the script.
struct Generator(u64);

impl Generator {
    fn draw(&mut self, count: usize) -> Vec<f64> {
        let mut next = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f64 / f64::from(1 << 23) - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn units(&mut self, count: usize) -> Vec<Vec<f32>> {
        let unit = |row: &[f64]| {
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.iter().map(|x| (x / length) as f32).collect()
        };
        self.draw(count * LENGTH).chunks(LENGTH).map(unit).collect()
    }
}

#[test]
fn scores_of_concepts_agree_with_numpy() {
    let text = std::fs::read_to_string(parity("label_text_reference.json")).expect("the reference");
    let reference: Reference = serde_json::from_str(&text).expect("JSON");
    let mut generator = Generator(7);
    let (films, texts) = (generator.units(FILMS), generator.units(CONCEPTS));
    let neutral = generator.units(1).remove(0);
    let drawn = generator.draw(FILMS * reference.scores.len());
    let found: Vec<Vec<f32>> = films.iter().map(|film| margins(film, &texts, &neutral)).collect();
    for (found, expected) in found.iter().flatten().zip(reference.margins.iter().flatten()) {
        assert!((f64::from(*found) - expected).abs() < 1e-6, "{found} is not {expected}");
    }
    let rows: Vec<&[f32]> = found.iter().map(Vec::as_slice).collect();
    for (feature, expected) in reference.scores.iter().enumerate() {
        let activation = |(film, value): (usize, &f64)| match feature {
            3 if film < 4 => 0.0,
            3 => value.abs() + 0.1,
            _ => value.max(0.0),
        };
        let own = &drawn[feature * FILMS..(feature + 1) * FILMS];
        let activations: Vec<f32> = own.iter().enumerate().map(|case| activation(case) as f32).collect();
        assert_eq!(activations.iter().filter(|&&a| a == 0.0).count(), reference.silent[feature]);
        for (found, expected) in scores(&rows, &activations).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "feature {feature}: {found} is not {expected}");
        }
    }
}

/// A random CLIP with its tokenizer and an SAE of unit vectors on its class token, as the bundle `name`.
fn clip_with_sae(home: &Path, name: &str, more: &[&str]) {
    let source = home.join("clip");
    std::fs::create_dir_all(&source).expect("a folder");
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(parity("vit/clip_hf").join(file), source.join(file)).expect("a copy");
    }
    for file in ["vocab.json", "merges.txt"] {
        std::fs::copy(parity("vit/tokens").join(file), source.join(file)).expect("a copy");
    }
    let config = json!({"architecture": "standard", "d_in": 24, "d_sae": 48, "dtype": "float32"});
    save_sae(&home.join("sae"), 24, &config);
    import(home, &[source, home.join("sae")], name, more);
}

#[test]
fn a_text_tower_names_features_and_its_score_is_kept() {
    let home = tempfile::tempdir().expect("a folder");
    let run = |words: &str| fluoro_in(home.path(), words.split(' ')).json();
    clip_with_sae(home.path(), "clip-bundle", &[]);
    drop(run("phantom -o films --count 120 --seed 5 --size 112 --json"));
    // Without reports and without a table of factors, nothing but the text tower has words.
    std::fs::create_dir(home.path().join("plain")).expect("a folder");
    for entry in std::fs::read_dir(home.path().join("films/images")).expect("films").map(Result::unwrap) {
        std::fs::copy(entry.path(), home.path().join("plain").join(entry.file_name())).expect("a copy");
    }
    drop(run("encode plain -o store --bundle clip-bundle --json"));
    let none = run("label store -o none.ron --json");
    assert_eq!(none["labels"].as_array().map(Vec::len), Some(0), "{none}");
    let said = run("label store --text --bundle clip-bundle --json");
    let labels = Labels::read(&home.path().join("store/labels.ron")).expect("labels");
    assert_eq!(said["labels"].as_array().map(Vec::len), Some(labels.iter().count()));
    assert!(labels.iter().count() >= 5, "{} labels", labels.iter().count());
    assert!(labels.method.contains("text tower: of clip-bundle"), "{}", labels.method);

    // The same from the films themselves, for one feature.
    let label = labels.iter().next().expect("a label");
    let kept = label.resemblance.as_ref().expect("what the text tower saw");
    let Statement::Resembles { sentence, limit, .. } = &label.statement else { panic!("{label:?}") };
    assert_eq!((sentence, kept.neutral.as_str()), (&kept.sentence, "chest x-ray"));
    assert!(label.source.contains("text tower") && limit.is_finite() && label.detection.auc.n > 10, "{label:?}");
    let store = Store::open(&home.path().join("store")).expect("a store");
    let strongest: BTreeMap<u32, f32> = store.strongest(label.feature).expect("films").into_iter().collect();
    let words = ["analyze", "plain", "--bundle", "clip-bundle", "--json", "--text", sentence, "--text", "chest x-ray"];
    let films = fluoro_in(home.path(), words).json();
    let films = films["films"].as_array().expect("films").clone();
    let choosing = |patient: &str| {
        let split = fluoro_core::dataset::PatientSplit { seed: 1, held_out: 0.3 };
        split.part(patient) == fluoro_core::dataset::Part::Training
    };
    let mut rows = Vec::new();
    let mut activations = Vec::new();
    for film in 0..store.films_len() as u32 {
        let entry = store.film(film).expect("a film");
        if !choosing(&entry.patient) {
            continue;
        }
        let named = |value: &serde_json::Value| value["file"].as_str().is_some_and(|file| file.ends_with(&entry.path));
        let read = films.iter().find(|value| named(value)).expect("the film");
        let cosine = |index: usize| read["texts"][index]["cosine"].as_f64().expect("a cosine") as f32;
        rows.push(vec![cosine(0) - cosine(1)]);
        activations.push(strongest.get(&film).copied().unwrap_or(0.0));
    }
    let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let again = scores(&rows, &activations)[0];
    // Margins of a random tower are a few ten-thousandths apart, and their cosines are printed in single precision.
    assert!((again - kept.score).abs() < 0.02, "{again} from films, {} from the store", kept.score);
    assert_eq!(activations.iter().filter(|a| **a > 0.0).count(), kept.films);
}

#[test]
fn what_is_missing_for_labels_by_words_is_said() {
    let home = tempfile::tempdir().expect("a folder");
    let run = |words: &str| fluoro_in(home.path(), words.split(' '));
    assert_eq!(run("phantom -o films --count 12 --seed 5 --size 112").code, 0);
    clip_with_sae(home.path(), "class", &[]);
    assert_eq!(run("encode films -o lean --bundle class --no-latents").code, 0);
    let refused = run("label lean --text --bundle class");
    assert!(refused.complaint().contains("--no-latents"), "{refused:?}");
    let refused = run("label lean --text --bundle phantom");
    assert!(refused.complaint().contains("\"class\"") && refused.complaint().contains("--bundle"), "{refused:?}");
    assert_eq!(run("encode films -o other --bundle phantom").code, 0);
    let refused = run("label other --text --bundle phantom");
    assert!(refused.complaint().contains("text tower"), "{refused:?}");
    clip_with_sae(home.path(), "patches", &["--tokens", "patches"]);
    assert_eq!(run("encode films -o grid --bundle patches").code, 0);
    let refused = run("label grid --text --bundle patches");
    assert!(refused.complaint().contains("--tokens class"), "{refused:?}");
    assert!(!home.path().join("grid/labels.ron").exists());
}
