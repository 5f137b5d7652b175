//! `fluoro import` from the outside: the authors' own files in, a bundle that reads films out, and one clear line where that
//! cannot be. Numbers against the original libraries are in `convolution`, `vit`, `sae` and `tokenizer`; full-size models in
//! `parity/import_check.py`.

mod models;
mod text_labels;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::tensor::TensorData;
use fluoro_core::bundle::save::to_safetensors;
use fluoro_core::models::weights::Weights;
use fluoro_tests::reference::Tensors;
use fluoro_tests::{fluoro_in, names_in, repository, sample};
use serde_json::{Value, json};

fn parity(name: &str) -> PathBuf {
    repository().join("tests/parity").join(name)
}

fn text(path: &Path) -> String {
    path.to_str().expect("text").to_owned()
}

fn import(folder: &Path, sources: &[PathBuf], output: &str, more: &[&str]) -> Value {
    let mut arguments = vec!["import".to_owned()];
    arguments.extend(sources.iter().map(|path| text(path)));
    arguments.extend(["-o", output, "--json"].map(str::to_owned));
    arguments.extend(more.iter().map(|&word| word.to_owned()));
    fluoro_in(folder, arguments).json()
}

fn film() -> String {
    text(&sample("drawn_portable_ap.png"))
}

/// A small DINOv2 of transformers, with the configuration of RAD-DINO's preprocessing at its size.
fn save_encoder(folder: &Path) -> PathBuf {
    let source = folder.join("encoder");
    std::fs::create_dir_all(&source).expect("a folder");
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(parity("vit/dinov2_hf").join(name), source.join(name)).expect("a copy");
    }
    let preprocessor = json!({
        "image_processor_type": "BitImageProcessor", "do_resize": true, "resample": 3, "size": {"shortest_edge": 28},
        "do_center_crop": true, "crop_size": {"height": 28, "width": 28}, "do_rescale": true,
        "do_normalize": true, "image_mean": [0.5307, 0.5307, 0.5307], "image_std": [0.2583, 0.2583, 0.2583],
    });
    std::fs::write(source.join("preprocessor_config.json"), preprocessor.to_string()).expect("a file");
    source
}

/// An SAE as SAELens saves it, of tokens of `dim` numbers, with `W_enc` of the unit vectors and their negatives.
fn save_sae(folder: &Path, dim: usize, config: &Value) {
    std::fs::create_dir_all(folder).expect("a folder");
    let features = 2 * dim;
    let mut encoder = vec![0.0_f32; dim * features];
    let mut decoder = vec![0.0_f32; dim * features];
    for i in 0..dim {
        for (feature, sign) in [(i, 1.0), (i + dim, -1.0)] {
            encoder[i * features + feature] = sign;
            decoder[feature * dim + i] = sign;
        }
    }
    let tensors = Weights::from([
        ("W_enc".to_owned(), TensorData::new(encoder, [dim, features])),
        ("W_dec".to_owned(), TensorData::new(decoder, [features, dim])),
        ("b_enc".to_owned(), TensorData::new(vec![0.0_f32; features], [features])),
        ("b_dec".to_owned(), TensorData::new(vec![0.0_f32; dim], [dim])),
    ]);
    std::fs::write(folder.join("sae_weights.safetensors"), to_safetensors(&tensors).expect("saved")).expect("a file");
    std::fs::write(folder.join("cfg.json"), config.to_string()).expect("a file");
}

#[test]
fn published_classifiers_read_films_with_their_own_labels() {
    let home = tempfile::tempdir().expect("a folder");
    let files = [
        ("pc-densenet121-small.pt", "Cardiomegaly", 15, 224),
        ("pc-nih-rsna-siim-vin-resnet50-small.pt", "Pneumothorax", 16, 512),
        ("zech.pth.tar", "Hernia", 14, 224),
        ("zech_old.pth.tar", "Hernia", 14, 224),
        ("arnoweng.pth.tar", "Hernia", 14, 256),
        ("jfhealthcare.pth", "Edema", 5, 512),
    ];
    for (file, label, count, side) in files {
        let bundle = format!("{file}.bundle");
        let made = import(home.path(), &[parity("conv_reference").join(file)], &bundle, &[]);
        let labels: Vec<&str> = made["labels"].as_array().expect("labels").iter().filter_map(Value::as_str).collect();
        assert!(labels.contains(&label) && labels.len() <= count, "{file}: {labels:?}");
        assert_eq!(
            (made["preprocess"]["size"].as_u64(), made["parts"][0]["part"].as_str()),
            (Some(side), Some("classifier"))
        );
        let read = fluoro_in(home.path(), ["analyze", &film(), "--bundle", &bundle, "--json"]).json();
        let predictions = read["films"][0]["predictions"].as_array().expect("predictions");
        assert_eq!(predictions.len(), labels.len());
        for prediction in predictions {
            let number = |name: &str| prediction[name].as_f64().expect("a number");
            let (raw, point) = (number("raw"), number("operating_point"));
            let expected = if raw < point { raw / (2.0 * point) } else { 1.0 - (1.0 - raw) / (2.0 * (1.0 - point)) };
            assert!((number("probability") - expected).abs() < 1e-5, "{file}: {prediction}");
        }
        // What it lacks is said, and how to get it.
        let shift = fluoro_in(home.path(), ["shift", &film(), "--target", label, "--bundle", &bundle, "-o", "a.gif"]);
        assert!(shift.complaint().contains("has no"), "{shift:?}");
    }
    assert!(!home.path().join("a.gif").exists());
}

#[test]
fn an_autoencoder_and_a_classifier_of_two_files_shift_together() {
    let home = tempfile::tempdir().expect("a folder");
    let sources = ["resnet_autoencoder.pt", "pc-densenet121-small.pt"].map(|name| parity("conv_reference").join(name));
    let made = import(home.path(), &sources, "both", &[]);
    assert_eq!((made["latent"]["tokens"].as_u64(), made["preprocess"]["size"].as_u64()), (Some(9), Some(224)));
    let target = made["labels"][0].as_str().expect("a label");
    let arguments = ["shift", &film(), "--target", target, "--bundle", "both", "--range", "-2,2", "--frames", "3"];
    let shift = fluoro_in(home.path(), arguments.into_iter().chain(["-o", "shift.png", "--json"])).json();
    let predictions: Vec<f64> =
        shift["predictions"].as_array().expect("predictions").iter().filter_map(Value::as_f64).collect();
    assert!(predictions.len() == 3 && predictions[0] < predictions[2], "{predictions:?}");
    let maps = ["attribute", &film(), "--target", target, "--bundle", "both", "--method", "cam", "-o", "cam.png"];
    assert_eq!(fluoro_in(home.path(), maps).code, 0);
}

#[test]
fn an_encoder_its_sae_and_an_autoencoder_come_from_three_sources() {
    let home = tempfile::tempdir().expect("a folder");
    let vit = save_encoder(home.path());
    save_sae(
        &home.path().join("sae"),
        24,
        &json!({"d_in": 24, "d_sae": 48, "architecture": "standard", "dtype": "float32"}),
    );
    let sae = home.path().join("sae");
    let made = import(home.path(), &[vit.clone(), sae.clone()], "explorer", &[]);
    assert_eq!((made["latent"]["tokens"].as_u64(), made["latent"]["dim"].as_u64()), (Some(1), Some(24)));
    // Unit vectors and their negatives lose nothing of a token.
    assert!(made["sae"]["explained_variance"].as_f64().expect("measured") > 0.9999, "{made}");
    let tensors = ["analyze", &film(), "--bundle", "explorer", "--tensors", "out.safetensors", "--json"];
    let read = fluoro_in(home.path(), tensors).json();
    assert_eq!(read["films"][0]["features"].as_array().expect("features").len(), 20);
    let tensors = Tensors::open(&std::fs::read(home.path().join("out.safetensors")).expect("tensors"));
    let (latent, restored) = (tensors.get("latent"), tensors.get("restored"));
    tensors.assert_close("restored", &latent, &restored, 1e-5);
    assert_eq!(tensors.get("encoder.input").len(), 3 * 28 * 28);
    let activations = tensors.get("activations");
    let expected: Vec<f32> = latent.iter().map(|v| v.max(0.0)).chain(latent.iter().map(|v| (-v).max(0.0))).collect();
    tensors.assert_close("activations", &expected, &activations, 1e-5);

    // Beside an autoencoder the same encoder serves the SAE alone.
    let autoencoder = parity("conv_reference/resnet_autoencoder.pt");
    let made = import(home.path(), &[vit.clone(), sae.clone(), autoencoder], "three", &[]);
    assert_eq!(made["latent"]["tokens"].as_u64(), Some(9));
    let read = fluoro_in(home.path(), ["analyze", &film(), "--bundle", "three", "--json"]).json();
    assert!(
        read["films"][0]["reconstruction"].is_object() && !read["films"][0]["features"].as_array().unwrap().is_empty()
    );
    let edit = fluoro_in(home.path(), ["edit", &film(), "--set", "0=2", "--bundle", "three", "-o", "edit.png"]);
    assert!(edit.complaint().contains("fluoro train decoder"), "{edit:?}");

    // A bundle is a source too, and stays as it was when its new parts do not fit.
    save_sae(
        &home.path().join("wide"),
        32,
        &json!({"d_in": 32, "d_sae": 64, "architecture": "standard", "dtype": "float32"}),
    );
    let clash = fluoro_in(home.path(), ["import", "tests", "-o", "x"]);
    assert!(clash.complaint().contains("tests"));
    let wide = text(&home.path().join("wide"));
    let clash = fluoro_in(home.path(), ["import", &text(&vit), &wide, "-o", "clash"]);
    let words = clash.complaint();
    assert!(words.contains("[.., 32]") && words.contains("[1, 24]"), "{words}");
    assert!(!home.path().join("clash").exists());
}

#[test]
fn a_topk_sae_is_never_read_as_another() {
    let home = tempfile::tempdir().expect("a folder");
    let vit = save_encoder(home.path());
    save_sae(&home.path().join("topk"), 24, &json!({"d_in": 24, "d_sae": 48, "architecture": "topk", "k": 3}));
    let made = import(home.path(), &[vit.clone(), home.path().join("topk")], "topk-bundle", &[]);
    assert_eq!(made["sae"]["active"].as_f64(), Some(3.0));
    for (name, config) in [
        ("odd", json!({"d_in": 24, "d_sae": 48, "architecture": "entmax"})),
        ("legacy", json!({"d_in": 24, "d_sae": 48, "activation_fn_str": "tanh-relu"})),
        ("none", json!({"d_in": 24, "d_sae": 48, "architecture": "topk"})),
    ] {
        save_sae(&home.path().join(name), 24, &config);
        let source = text(&home.path().join(name));
        let refused = fluoro_in(home.path(), ["import", &text(&vit), &source, "-o", "odd-bundle"]);
        let words = refused.complaint().to_owned();
        assert!(words.contains("entmax") || words.contains("tanh-relu") || words.contains('k'), "{words}");
        assert!(!home.path().join("odd-bundle").exists());
    }
}

#[test]
fn a_decoder_is_trained_for_an_imported_class_token_and_draws_edits() {
    let home = tempfile::tempdir().expect("a folder");
    let phantoms = ["phantom", "-o", "films", "--count", "12", "--seed", "3", "--json"];
    drop(fluoro_in(home.path(), phantoms).json());
    save_sae(&home.path().join("sae"), 24, &json!({"d_in": 24, "d_sae": 48, "architecture": "standard"}));
    import(home.path(), &[save_encoder(home.path()), home.path().join("sae")], "explorer", &[]);
    let train = ["train", "decoder", "films", "-o", "explorer", "--epochs", "1", "--json"];
    let trained = fluoro_in(home.path(), train).json();
    assert!(trained["results"]["mae"].as_f64().expect("measured") > 0.0);
    assert!(names_in(home.path()).iter().all(|name| !name.contains("checkpoint")), "{:?}", names_in(home.path()));
    let read = fluoro_in(home.path(), ["analyze", &film(), "--bundle", "explorer", "--json"]).json();
    assert!(read["films"][0]["reconstruction"]["psnr"].as_f64().is_some());
    let edit = ["edit", &film(), "--set", "0=9", "--bundle", "explorer", "-o", "edit.png", "--json"];
    assert_eq!(fluoro_in(home.path(), edit).json()["edits"][0]["to"].as_f64(), Some(9.0));
    let bench = fluoro_in(home.path(), ["info", "explorer", "--json"]).json();
    assert!(bench["parts"].as_array().expect("parts").iter().any(|part| part["part"] == "decoder"), "{bench}");
}

#[test]
fn clip_reads_films_by_words_and_walks_towards_them() {
    let home = tempfile::tempdir().expect("a folder");
    let source = home.path().join("clip");
    std::fs::create_dir(&source).expect("a folder");
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(parity("vit/clip_hf").join(name), source.join(name)).expect("a copy");
    }
    let without = import(home.path(), std::slice::from_ref(&source), "silent", &[]);
    assert!(without["notes"].to_string().contains("tokenizer"), "{without}");
    for name in ["vocab.json", "merges.txt"] {
        std::fs::copy(parity("vit/tokens").join(name), source.join(name)).expect("a copy");
    }
    let made = import(home.path(), &[source], "clip-bundle", &[]);
    assert!(made["parts"].as_array().expect("parts").iter().any(|part| part["part"] == "text tower"));
    let analyze =
        ["analyze", &film(), "--bundle", "clip-bundle", "--text", "an enlarged heart", "--text", "a chest film"];
    let read = fluoro_in(home.path(), analyze.into_iter().chain(["--json"])).json();
    let cosines: Vec<f64> =
        read["films"][0]["texts"].as_array().expect("texts").iter().filter_map(|t| t["cosine"].as_f64()).collect();
    assert!(cosines.len() == 2 && cosines.iter().all(|c| c.abs() <= 1.0) && cosines[0] != cosines[1], "{cosines:?}");
    drop(fluoro_in(home.path(), ["phantom", "-o", "films", "--count", "12", "--seed", "3", "--json"]).json());
    drop(fluoro_in(home.path(), ["train", "decoder", "films", "-o", "clip-bundle", "--epochs", "1", "--json"]).json());
    let shift = ["shift", &film(), "--target", "text:an enlarged heart", "--bundle", "clip-bundle", "-o", "shift.gif"];
    let shift = fluoro_in(home.path(), shift.into_iter().chain(["--json"])).json();
    let cosines: Vec<f64> =
        shift["predictions"].as_array().expect("cosines").iter().filter_map(Value::as_f64).collect();
    assert_eq!(shift["target"], "text:an enlarged heart");
    assert!(cosines.last() > cosines.first(), "{cosines:?}");
}

#[test]
fn what_the_model_sees_is_shown_and_what_it_does_not_see_is_said() {
    let home = tempfile::tempdir().expect("a folder");
    import(home.path(), &[save_encoder(home.path())], "vit", &[]);
    let wide = image::GrayImage::from_fn(300, 200, |x, y| image::Luma([((x * 7 + y * 3) % 251) as u8]));
    wide.save(home.path().join("wide.png")).expect("a film");
    let info = fluoro_in(home.path(), ["info", "wide.png", "--bundle", "vit", "-o", "seen.png", "--json"]).json();
    assert_eq!(info["seen"][0]["region"], json!([50.0, 0.0, 200.0, 200.0]));
    assert!(info["seen"][0]["cut_off"].as_str().expect("words").contains("50 pixels left, 50 right"));
    assert!(image::open(home.path().join("seen.png")).is_ok());
    let read = fluoro_in(home.path(), ["analyze", "wide.png", "--bundle", "vit", "--json"]).json();
    assert!(read["films"][0]["cut_off"].as_str().expect("words").contains("encoder"));
}

#[test]
fn hostile_files_are_refused_at_once_and_nothing_is_left() {
    let home = tempfile::tempdir().expect("a folder");
    let hostile = parity("torch/hostile");
    for name in names_in(&hostile) {
        let source = text(&hostile.join(&name));
        let start = Instant::now();
        let refused = fluoro_in(home.path(), ["import", &source, "-o", "bundle"]);
        assert!(start.elapsed() < Duration::from_secs(1), "{name}: {:?}", start.elapsed());
        assert!(refused.complaint().contains(&name), "{refused:?}");
        assert!(names_in(home.path()).is_empty(), "{name}: {:?}", names_in(home.path()));
    }
}

#[test]
fn an_import_replaces_no_bundle_that_it_does_not_start_from() {
    let home = tempfile::tempdir().expect("a folder");
    let classifier = text(&parity("conv_reference/pc-densenet121-small.pt"));
    let autoencoder = text(&parity("conv_reference/resnet_autoencoder.pt"));
    drop(fluoro_in(home.path(), ["import", &classifier, "-o", "bundle", "--json"]).json());
    let again = fluoro_in(home.path(), ["import", &autoencoder, "-o", "bundle"]);
    assert!(again.complaint().contains("already"), "{again:?}");
    drop(fluoro_in(home.path(), ["import", "bundle", &autoencoder, "-o", "bundle", "--json"]).json());
    let info = fluoro_in(home.path(), ["info", "bundle", "--json"]).json();
    let parts: Vec<&str> = info["parts"].as_array().expect("parts").iter().filter_map(|p| p["part"].as_str()).collect();
    assert!(["encoder", "decoder", "classifier"].iter().all(|part| parts.contains(part)), "{parts:?}");
    std::fs::create_dir(home.path().join("mine")).expect("a folder");
    std::fs::write(home.path().join("mine/notes.txt"), "notes").expect("a file");
    let full = fluoro_in(home.path(), ["import", &classifier, "-o", "mine"]);
    assert!(full.complaint().contains("not empty"), "{full:?}");
    let twice = fluoro_in(home.path(), ["import", &classifier, &classifier, "-o", "twice"]);
    assert!(twice.complaint().contains("two sources give a bundle's classifier"), "{twice:?}");
    let missing = fluoro_in(home.path(), ["import", "nowhere.pt", "-o", "x"]);
    assert!(missing.complaint().contains("nowhere.pt"), "{missing:?}");
}
