//! `fluoro train` makes parts that the other commands use, and resumes where it stopped.

use std::path::Path;

use fluoro_tests::{fluoro_in, names_in, sample};
use serde_json::Value;

/// An NIH folder of drawn films: eight patients, one film each.
fn dataset(folder: &Path) {
    let films = ["drawn_large_heart_pa.png", "drawn_normal_pa.png", "drawn_portable_ap.png", "drawn_effusion_pa.png"];
    let mut table =
        String::from("Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position\n");
    std::fs::create_dir_all(folder.join("images")).unwrap();
    for patient in 0..8 {
        let name = format!("{patient:08}_000.png");
        std::fs::copy(sample(films[patient % 4]), folder.join("images").join(&name)).unwrap();
        let finding = ["Cardiomegaly", "No Finding", "No Finding", "Effusion"][patient % 4];
        let view = if patient % 4 == 2 { "AP" } else { "PA" };
        let sex = if patient < 4 { "M" } else { "F" };
        table += &format!("{name},{finding},0,{patient},50,{sex},{view}\n");
    }
    std::fs::write(folder.join("metadata.csv"), table).unwrap();
}

#[test]
fn an_autoencoder_is_trained_resumed_and_used() {
    let home = tempfile::tempdir().unwrap();
    dataset(&home.path().join("films"));
    let train = |more: &[&str]| {
        let words = ["train", "autoencoder", "films", "-o", "bundle", "--batch", "2", "--held-out", "0.4", "--json"];
        fluoro_in(home.path(), words.iter().chain(more))
    };
    let said = train(&["--epochs", "1"]);
    let report: Value = said.json();
    for field in ["bundle", "part", "films", "patients", "parameters", "results", "seconds"] {
        assert!(!report[field].is_null(), "no {field} in {report}");
    }
    assert!(said.err.contains("autoencoder"), "progress: {}", said.err);
    assert_eq!(report["films"][0].as_u64().unwrap() + report["films"][1].as_u64().unwrap(), 8);
    let first = std::fs::read(home.path().join("bundle/autoencoder.safetensors")).unwrap();

    // The same options again give the same weights, and a finished run resumes to the same.
    assert_eq!(train(&["--epochs", "1"]).json()["part"], "autoencoder");
    assert_eq!(std::fs::read(home.path().join("bundle/autoencoder.safetensors")).unwrap(), first);
    assert_eq!(train(&["--epochs", "1", "--resume"]).json()["part"], "autoencoder");
    assert_eq!(std::fs::read(home.path().join("bundle/autoencoder.safetensors")).unwrap(), first);
    assert!(names_in(&home.path().join("bundle")).iter().all(|name| !name.ends_with(".part")));

    let film = sample("drawn_normal_pa.png").canonicalize().unwrap().display().to_string();
    let analysis = fluoro_in(home.path(), ["analyze", &film, "--bundle", "bundle", "--json"]).json();
    let analysis = &analysis["films"][0];
    assert!(analysis["sae"].is_null() && analysis["reconstruction"]["mae"].as_f64().unwrap() > 0.0);
    assert_eq!(analysis["predictions"].as_array().map(Vec::len), Some(0));
    let info = fluoro_in(home.path(), ["info", "bundle", "--json"]).json();
    assert!(info["provenance"]["recipes"]["autoencoder"].as_str().unwrap().contains("seed"), "{info}");
    let said = fluoro_in(home.path(), ["shift", &film, "--bundle", "bundle", "--target", "Mass", "-o", "a.gif"]);
    assert!(said.complaint().contains("unknown label"), "{said:?}");
}

#[test]
fn datasets_and_outputs_are_checked_first() {
    let home = tempfile::tempdir().unwrap();
    dataset(&home.path().join("films"));
    std::fs::write(home.path().join("file"), "x").unwrap();
    let before = names_in(home.path());
    for (words, clue) in [
        (["train", "autoencoder", "missing", "-o", "bundle"], "not a folder"),
        (["train", "autoencoder", ".", "-o", "bundle"], "no known table"),
        (["train", "autoencoder", "films", "-o", "file"], "a file with this name exists"),
        (["train", "autoencoder", "films", "-o", "no/bundle"], "the folder does not exist"),
        (["train", "sae", "films", "-o", "bundle"], ""),
    ] {
        let said = fluoro_in(home.path(), words);
        let last = said.err.lines().last().unwrap_or_default().to_owned();
        assert!(said.code == 1 && last.starts_with("fluoro: ") && last.contains(clue), "{words:?}: {said:?}");
        assert_eq!(names_in(home.path()), before, "{words:?}");
    }
}

#[test]
fn a_cancelled_run_resumes_to_the_weights_of_an_uninterrupted_one() {
    use std::sync::atomic::{AtomicBool, Ordering};

    use fluoro_core::device::ComputeDevice;
    use fluoro_core::engine::{Progress, Step};
    use fluoro_core::train::{TrainJob, TrainOptions, TrainedPart};

    let home = tempfile::tempdir().unwrap();
    dataset(&home.path().join("films"));
    let options = TrainOptions { epochs: 3, batch: 2, held_out: 0.4, ..TrainOptions::of(TrainedPart::Classifier) };
    let run = |bundle: &str, resume: bool, stop_at: Option<usize>| {
        let cancelled = AtomicBool::new(false);
        let report = |step: Step<'_>| {
            if step.stage.starts_with("classifier") && Some(step.done) == stop_at {
                cancelled.store(true, Ordering::Relaxed);
            }
        };
        let job = TrainJob {
            datasets: vec![home.path().join("films")],
            output: home.path().join(bundle),
            start: None,
            redraw: None,
            resume,
            options: options.clone(),
            device: ComputeDevice::cpu(),
            progress: Progress::new(&report, &cancelled),
        };
        job.run(TrainedPart::Classifier)
    };
    let weights = |bundle: &str| std::fs::read(home.path().join(bundle).join("classifier.safetensors"));

    let whole = run("whole", false, None).unwrap();
    let steps = whole.films[0].div_ceil(2) * 3;
    let error = run("broken", false, Some(steps - 1)).unwrap_err();
    assert_eq!(error.to_string(), "cancelled");
    assert!(weights("broken").is_err(), "a cancelled run leaves no bundle");
    run("broken", true, None).unwrap();
    assert_eq!(weights("broken").unwrap(), weights("whole").unwrap());

    // A checkpoint of other films is refused, not continued.
    run("broken", false, Some(steps - 1)).unwrap_err();
    let table = home.path().join("films/metadata.csv");
    let changed = std::fs::read_to_string(&table).unwrap().replace("Effusion", "Mass");
    std::fs::write(&table, changed).unwrap();
    let error = run("broken", true, None).unwrap_err().to_string();
    assert!(error.contains("other films"), "{error}");
}
