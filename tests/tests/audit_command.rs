//! `fluoro audit` from the outside: phantoms whose PORTABLE marker goes with a large heart, from films to report, and a bundle
//! with suppressed features.

use std::path::Path;

use fluoro_tests::{fluoro_in, names_in};

/// A classifier's trunk with an SAE on the latents of phantoms, and a store of them.
fn store(home: &Path) {
    let run = |words: &[&str]| {
        let said = fluoro_in(home, words);
        assert_eq!(said.code, 0, "{words:?}: {said:?}");
    };
    let planted = ["-p", "portable|cardiomegaly=0.9", "-p", "portable|!cardiomegaly=0.1"];
    run(&[&["phantom", "-o", "films", "--count", "120", "--seed", "8", "--size", "96"][..], &planted].concat());
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/phantom");
    run(&["import", models, "--trunk", "-o", "trunk"]);
    run(&["encode", "films", "-o", "latents", "--bundle", "trunk"]);
    let sae = ["train", "sae", "latents", "-o", "trunk", "--kind", "topk", "--features", "48", "--active", "6"];
    run(&[&sae[..], &["--epochs", "1", "--batch", "64"]].concat());
    run(&["encode", "films", "-o", "store", "--bundle", "trunk"]);
}

#[test]
fn a_planted_marker_is_found_and_its_features_can_be_suppressed() {
    let home = tempfile::tempdir().unwrap();
    store(home.path());
    let audit = ["audit", "store", "--bundle", "trunk", "--column", "PORTABLE marker", "--json"];
    let rest = ["--finding", "Cardiomegaly", "--marker", "portable", "-o", "report.html", "--films", "80"];
    let said = fluoro_in(home.path(), [&audit[..], &rest].concat()).json();
    assert_eq!((said["column"].as_str(), said["films"].as_u64()), (Some("PORTABLE marker"), Some(120)));
    assert_eq!(said["groups"].as_array().map(Vec::len), Some(2));
    let first = &said["rows"][0];
    let (auc, low) = (first["auc"].as_f64().unwrap(), first["ci"][0].as_f64().unwrap());
    assert!((auc - 0.5).abs() > 0.2 && low < auc && first["q"].as_f64().unwrap() < 0.05, "{first}");
    let effects = first["effects"].as_array().unwrap();
    let heart = effects.iter().find(|effect| effect["label"] == "Cardiomegaly").expect("an effect on the heart");
    assert!(heart["delta"].as_f64().unwrap().is_finite() && heart["control"].as_f64().is_some(), "{heart}");
    assert!(effects.iter().all(|effect| effect["label"] != "PORTABLE marker"), "its own label is no confounding");
    let column = &said["audit"]["columns"][0];
    assert_eq!(column["detection"]["finding"]["name"], "Cardiomegaly");
    assert!(column["pixels"].as_array().is_some_and(|probes| probes.len() == 3), "{}", column["not_done"]);
    assert!(column["usage"]["rows"].as_array().is_some_and(|rows| !rows.is_empty()));
    assert_eq!(said["audit"]["injection"]["markers"].as_array().map(Vec::len), Some(1));

    // The page stands alone, shows no file names of films, and nothing is left behind.
    let page = std::fs::read_to_string(home.path().join("report.html")).unwrap();
    assert!(page.contains("PORTABLE marker") && page.contains("data:image/png;base64,") && page.contains("<svg"));
    assert!(!page.contains("src=\"http") && !page.contains("href="), "the page needs no network");
    assert!(!page.contains("00000001_000"), "films are shown without name");
    let files = names_in(home.path());
    for name in ["report.html", "report.json", "report.detection.csv", "report.usage.csv"] {
        assert!(files.iter().any(|file| file == name), "{files:?}");
    }
    assert!(!files.iter().any(|file| file.contains("checkpoint")), "{files:?}");
    let again = fluoro_in(home.path(), [&audit[..], &rest].concat()).json();
    assert_eq!(again["rows"], said["rows"], "the same audit gives the same numbers");

    // A bundle without these features gives other scores, and can be audited on the same store.
    let feature = first["index"].as_u64().unwrap().to_string();
    let suppress = ["--suppress", feature.as_str(), "--into", "without"];
    let done = fluoro_in(home.path(), [&audit[..], &suppress, &["--films", "40"]].concat());
    assert_eq!(done.code, 0, "{done:?}");
    let film = format!("films/images/{}", names_in(&home.path().join("films/images"))[0]);
    let scores = |bundle: &str| {
        let said = fluoro_in(home.path(), ["analyze", &film, "--bundle", bundle, "--json"]).json();
        said["films"][0]["predictions"].clone()
    };
    assert_ne!(scores("trunk"), scores("without"));
    // What carries the use is found among all features that follow the column, and there are more of them than named above.
    let swept = ["--marker", "portable", "--sweep", "2", "-o", "swept.html", "--suppress", "used", "--into", "unused"];
    let done = fluoro_in(home.path(), [&audit[..], &swept, &["--films", "40"]].concat());
    assert_eq!(done.code, 0, "{done:?}");
    let manifest = std::fs::read_to_string(home.path().join("unused/bundle.ron")).unwrap();
    assert!(manifest.contains("suppressed: [") && scores("unused") != scores("trunk"));
    let drawn = done.json()["audit"]["injection"].clone();
    assert_eq!(drawn["sweeps"][0]["places"].as_array().map(Vec::len), Some(4 + 6), "a grid and the usual places");
    let recovery = &drawn["recoveries"][0];
    assert_eq!(recovery["oracle_recovery"].as_f64(), Some(1.0), "{recovery}");
    assert_ne!(recovery["label"], "PORTABLE marker", "its own label says nothing");
    assert!(std::fs::read_to_string(home.path().join("swept.html")).unwrap().contains("moved over the film"));
    let again = ["audit", "store", "--bundle", "without", "--column", "PORTABLE marker", "--films", "40", "--json"];
    let said = fluoro_in(home.path(), again).json();
    assert_eq!(said["rows"][0]["index"], first["index"], "the store's features are what they were");
}

#[test]
fn what_cannot_be_audited_is_said() {
    let home = tempfile::tempdir().unwrap();
    let said = fluoro_in(home.path(), ["phantom", "-o", "films", "--count", "12", "--seed", "3", "--size", "64"]);
    assert_eq!(said.code, 0, "{said:?}");
    let said = fluoro_in(home.path(), ["encode", "films", "-o", "store", "--bundle", "phantom", "--no-latents"]);
    assert_eq!(said.code, 0, "{said:?}");
    let images = names_in(&home.path().join("films/images"));
    let table = |name: &str, rows: &dyn Fn(usize, &str) -> String| {
        let rows: String = images.iter().enumerate().map(|(at, image)| rows(at, image)).collect();
        std::fs::write(home.path().join(name), format!("Image Index,Site,Serial\n{rows}")).unwrap();
    };
    table("one.csv", &|at, image| format!("{image},here,serial {at}\n"));
    table("others.csv", &|at, _| format!("other{at}.png,here,{at}\n"));
    for (words, part) in [
        (&["--column", "Sitte", "--metadata", "one.csv"][..], "nearest: Site"),
        (&["--column", "Site", "--metadata", "one.csv"], "has one value only (\"here\")"),
        (
            &["--column", "Site", "--metadata", "others.csv"],
            "none of the films in column \"Image Index\" is in the store",
        ),
        (&["--column", "AP view", "-o", "report.txt"], "an audit is written as .html"),
        (&["--column", "AP view", "--marker", "sticker@2,2"], "marker"),
        (&["--column", "AP view", "--metadata", "none.csv"], "none.csv"),
    ] {
        let said = fluoro_in(home.path(), [&["audit", "store"][..], words].concat());
        assert!(said.code != 0 && said.err.contains(part), "{words:?}: {said:?}");
    }
    let said = fluoro_in(home.path(), ["audit", "store", "--column", "AP view", "--suppress", "1"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert_eq!(names_in(home.path()), ["films", "one.csv", "others.csv", "store"]);
}
