//! `fluoro encode` and `fluoro merge` from the outside: parts make the whole, a kill loses nothing, a broken film stops
//! nobody, and what cannot be done is said in one line.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use fluoro_core::bundle::BundleSource;
use fluoro_core::device::ComputeDevice;
use fluoro_core::engine::Engine;
use fluoro_core::radiograph::Radiograph;
use fluoro_core::store::Store;
use fluoro_tests::{fluoro_in, names_in, program};

/// Films drawn for a test; small ones, since the encoder resizes them anyway.
fn films(home: &Path, count: usize) {
    let count = count.to_string();
    let said = fluoro_in(home, ["phantom", "-o", "films", "--count", &count, "--seed", "5", "--size", "64"]);
    assert_eq!(said.code, 0, "{said:?}");
}

fn encode(home: &Path, words: &[&str]) -> serde_json::Value {
    fluoro_in(home, [&["encode", "films", "--bundle", "phantom", "--json"], words].concat()).json()
}

/// Every file of a store by name.
fn content(store: &Path) -> BTreeMap<String, Vec<u8>> {
    names_in(store).into_iter().map(|name| (name.clone(), std::fs::read(store.join(&name)).unwrap())).collect()
}

#[test]
fn a_store_holds_what_analyze_computes() {
    let home = tempfile::tempdir().unwrap();
    films(home.path(), 20);
    let said = encode(home.path(), &["-o", "store"]);
    assert_eq!((said["films"].as_u64(), said["failed"].as_array().map(Vec::len)), (Some(20), Some(0)), "{said}");
    assert!(said["films_per_second"].as_f64().unwrap() > 0.0 && said["nonzero"].as_u64().unwrap() > 20);

    let store = Store::open(&home.path().join("store")).unwrap();
    let engine = Engine::open(&BundleSource::parse("phantom").unwrap(), ComputeDevice::cpu()).unwrap();
    assert_eq!(u64::from(store.info().features), engine.feature_count() as u64);
    for film in [0_u32, 7, 19] {
        let entry = store.film(film).unwrap();
        let path = home.path().join("films").join(&entry.path);
        let analysis = engine.analyze(&Radiograph::open(&path).unwrap()).unwrap();
        let stored = store.film_activations(film).unwrap();
        let firing = analysis.activations.iter().filter(|value| **value > 0.0).count();
        // A value near zero may round to either side of it in another batch.
        assert!(stored.len().abs_diff(firing) <= 1, "film {film}: {} stored, {firing} computed", stored.len());
        for feature in &stored {
            let own = analysis.activations[feature.feature as usize];
            assert!((own - feature.value).abs() <= 1e-4 * own.abs().max(1.0), "film {film}: {feature:?}, {own}");
        }
        assert!(entry.columns.iter().any(|(name, value)| name == "AP view" && [0.0, 1.0].contains(value)), "{entry:?}");
    }
}

#[test]
fn parts_make_the_whole_and_a_broken_film_stops_nobody() {
    let home = tempfile::tempdir().unwrap();
    films(home.path(), 50);
    let images = names_in(&home.path().join("films/images"));
    std::fs::write(home.path().join("films/images").join(&images[20]), b"no film").unwrap();
    std::fs::remove_file(home.path().join("films/images").join(&images[40])).unwrap();
    let whole = encode(home.path(), &["-o", "whole"]);
    assert_eq!(whole["films"].as_u64(), Some(48));
    let failed = whole["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 2, "{whole}");
    for (film, name) in failed.iter().zip([&images[20], &images[40]]) {
        assert!(film["file"].as_str().unwrap().ends_with(name.as_str()), "{film}");
        assert!(!film["error"].as_str().unwrap().is_empty());
    }
    for part in ["1/3", "2/3", "3/3"] {
        encode(home.path(), &["-o", &format!("part{}", &part[..1]), "--shard", part]);
    }
    let merged = fluoro_in(home.path(), ["merge", "part1", "part2", "part3", "-o", "merged", "--json"]).json();
    for key in ["films", "features", "nonzero", "failed"] {
        assert_eq!(merged[key], whole[key], "{key}");
    }
    let (merged, whole) = (content(&home.path().join("merged")), content(&home.path().join("whole")));
    assert_eq!(merged.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
    for (name, bytes) in &whole {
        assert!(merged[name] == *bytes, "{name} differs");
    }

    let complaint = fluoro_in(home.path(), ["merge", "part1", "part3", "-o", "half"]);
    assert!(complaint.complaint().contains("2/3"), "{complaint:?}");
    assert!(!home.path().join("half").exists());
}

#[test]
fn a_killed_run_goes_on_and_gives_the_same_store() {
    let home = tempfile::tempdir().unwrap();
    films(home.path(), 600);
    encode(home.path(), &["-o", "whole"]);
    let mut killed = 0;
    for wait in [1500, 2500, 4000, 6000] {
        let mut run = Command::new(program())
            .args(["encode", "films", "-o", "cut", "--bundle", "phantom", "--device", "cpu", "--resume"])
            .current_dir(home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        if run.try_wait().unwrap().is_none() {
            run.kill().unwrap();
            killed += 1;
        }
        run.wait().unwrap();
    }
    assert!(killed > 0, "every run ended before it was killed");
    encode(home.path(), &["-o", "cut", "--resume"]);
    let (cut, whole) = (content(&home.path().join("cut")), content(&home.path().join("whole")));
    assert_eq!(cut.keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
    for (name, bytes) in &whole {
        assert!(cut[name] == *bytes, "{name} differs");
    }
}

#[test]
fn what_cannot_be_encoded_is_said() {
    let home = tempfile::tempdir().unwrap();
    films(home.path(), 3);
    encode(home.path(), &["-o", "store"]);
    let refused = |words: &[&str]| fluoro_in(home.path(), [&["encode"], words].concat()).complaint().to_owned();
    assert!(refused(&["nowhere", "-o", "a"]).contains("nowhere"));
    assert!(refused(&["films", "-o", "store", "--bundle", "phantom"]).contains("store"));
    std::fs::create_dir(home.path().join("taken")).unwrap();
    std::fs::write(home.path().join("taken/letter.txt"), "dear").unwrap();
    assert!(refused(&["films", "-o", "taken", "--bundle", "phantom"]).contains("taken"));
    assert_eq!(std::fs::read(home.path().join("taken/letter.txt")).unwrap(), b"dear");
    let other = refused(&["films", "-o", "store", "--bundle", "nih-small", "--resume"]);
    assert!(other.contains("bundle"), "{other}");
    assert_eq!(fluoro_in(home.path(), ["encode", "films", "-o", "b", "--shard", "5/4"]).code, 2);
    let folder = home.path().join("plain");
    std::fs::create_dir(&folder).unwrap();
    assert!(refused(&["plain", "-o", "c", "--bundle", "phantom"]).contains("no films"));
}
