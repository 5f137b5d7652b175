//! The activation store from outside: kills, shards, damage, other programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fluoro_core::engine::Progress;
use fluoro_core::store::{FeaturePage, FilmEncoding, MadeUp, Shard, Store, StoreWriter, merge};
use rand::{Rng as _, SeedableRng as _};

const CHILD: &str = "FLUORO_STORE_CHILD";

fn small() -> MadeUp {
    MadeUp { films: 5000, features: 300, active: 12, tokens: 17, latent_dim: 3, seed: 4 }
}

/// Names and content of all files.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|e| (e.file_name().to_string_lossy().into_owned(), fs::read(e.path()).unwrap())).collect()
}

fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (content(a), content(b));
    assert!(a.keys().eq(b.keys()), "{:?} {:?}", a.keys(), b.keys());
    for (name, bytes) in &a {
        assert!(*bytes == b[name], "{name} differs");
    }
}

/// Runs as a process of its own that is killed; does nothing in a plain test run.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    small().write(Path::new(&folder), None, true, &Progress::silent()).unwrap();
}

#[test]
fn killed_twenty_times_and_resumed_gives_the_same_store() {
    let home = tempfile::tempdir().unwrap();
    let whole = home.path().join("whole");
    let spawn = |folder: &Path| {
        Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--test-threads=1"])
            .env(CHILD, folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let start = Instant::now();
    assert!(spawn(&whole).wait().unwrap().success());
    let span = start.elapsed().as_secs_f64();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(11);
    let (mut kills, mut while_ending, mut rounds) = (0, 0, 0);
    while kills < 20 || while_ending < 3 {
        rounds += 1;
        assert!(rounds < 200, "{kills} kills, {while_ending} at the end");
        let folder = home.path().join(format!("round{rounds}"));
        loop {
            let mut process = spawn(&folder);
            std::thread::sleep(Duration::from_secs_f64(random.random_range(0.0..span)));
            process.kill().unwrap();
            let status = process.wait().unwrap();
            if status.success() {
                break;
            }
            kills += 1;
            while_ending += u32::from(folder.join("parts/finished").exists());
            assert!(Store::open(&folder).is_err() || folder.join("store.ron").exists());
        }
        assert_same(&whole, &folder);
        fs::remove_dir_all(&folder).unwrap();
    }
    println!("{kills} kills in {rounds} rounds, {while_ending} of them at the end");
}

#[test]
fn merged_shards_are_the_unsharded_store() {
    let home = tempfile::tempdir().unwrap();
    let (made_up, silent) = (small(), Progress::silent());
    let whole = home.path().join("whole");
    made_up.write(&whole, None, false, &silent).unwrap();
    let mut shards: Vec<PathBuf> = (1..=16).map(|index| home.path().join(format!("shard{index}"))).collect();
    for (index, folder) in (1..).zip(&shards) {
        made_up.write(folder, Some(Shard { index, count: 16 }), false, &silent).unwrap();
    }
    shards.reverse();
    let merged = home.path().join("merged");
    merge(&shards, &merged, &silent).unwrap();
    assert_same(&whole, &merged);

    let refused = |stores: &[PathBuf], word: &str| {
        let output = home.path().join("refused");
        let error = merge(stores, &output, &silent).unwrap_err().to_string();
        assert!(error.contains(word) && !error.contains('\n') && !output.exists(), "{error}");
    };
    refused(&shards[1..], "shard 16/16 is missing");
    refused(&[&shards[..], &shards[..1]].concat(), "given twice");
    refused(&[whole.clone(), whole.clone()], "same film");
    refused(&[whole.clone(), shards[0].clone()], "other shards");
    refused(&[], "nothing to merge");
    let other = home.path().join("other");
    MadeUp { seed: 5, ..made_up }.write(&other, None, false, &silent).unwrap();
    refused(&[whole.clone(), other], "bundle digest");
    assert!(merge(&shards, &merged, &silent).unwrap_err().to_string().contains("exists already"));
    let names: BTreeSet<_> = fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{names:?}");
}

#[test]
fn striped_stores_without_shards_merge_too() {
    let home = tempfile::tempdir().unwrap();
    let (made_up, silent) = (small(), Progress::silent());
    let whole = home.path().join("whole");
    made_up.write(&whole, None, false, &silent).unwrap();
    let stripes: Vec<PathBuf> = (0..3).map(|stripe| home.path().join(format!("stripe{stripe}"))).collect();
    for (stripe, folder) in (0..).zip(&stripes) {
        let mut writer = StoreWriter::create(folder, &made_up.info(None), false).unwrap();
        for film in (stripe..made_up.films).step_by(3) {
            match made_up.encode(film) {
                Ok(encoding) => writer.push(encoding).unwrap(),
                Err(reason) => writer.push_failed(film, &format!("images/{film:08}.png"), &reason).unwrap(),
            }
        }
        writer.finish(&silent).unwrap();
    }
    let merged = home.path().join("merged");
    merge(&stripes, &merged, &silent).unwrap();
    assert_same(&whole, &merged);
}

#[test]
fn the_store_says_what_was_pushed() {
    let home = tempfile::tempdir().unwrap();
    let made_up = small();
    let folder = home.path().join("store");
    made_up.write(&folder, None, false, &Progress::silent()).unwrap();
    let store = Store::open(&folder).unwrap();
    let mut by_feature: BTreeMap<u32, Vec<(u32, u32, f32)>> = BTreeMap::new();
    let mut failed = Vec::new();
    for film in 0..made_up.films {
        let Ok(encoding) = made_up.encode(film) else {
            failed.push(film);
            assert!(store.film(film).is_err() && store.film_activations(film).unwrap().is_empty());
            assert_eq!(store.latent(film).unwrap(), None);
            continue;
        };
        for &(token, feature, value) in &encoding.active {
            by_feature.entry(feature).or_default().push((film, token, value));
        }
        if film % 97 == 0 {
            let entry = store.film(film).unwrap();
            assert_eq!((entry.path, entry.patient, entry.columns), (encoding.path, encoding.patient, encoding.columns));
            assert_eq!(store.latent(film).unwrap(), encoding.latent);
            let features: BTreeSet<u32> = encoding.active.iter().map(|active| active.1).collect();
            let found = store.film_activations(film).unwrap();
            assert!(found.iter().map(|found| found.feature).eq(features));
            for found in found {
                let peak = encoding.active.iter().filter(|active| active.1 == found.feature).map(|active| active.2);
                assert_eq!(peak.fold(0.0, f32::max), found.value);
            }
        }
    }
    assert_eq!(store.failed().unwrap().iter().map(|failed| failed.film).collect::<Vec<_>>(), failed);
    assert_eq!(store.films_len(), u64::from(made_up.films) - failed.len() as u64);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    threads.install(|| {
        use rayon::prelude::*;
        (0..made_up.features).into_par_iter().for_each(|feature| {
            let mut expected = by_feature.get(&feature).cloned().unwrap_or_default();
            expected.sort_by_key(|row| (row.0, row.1));
            let rows = store.feature(feature).unwrap();
            let found = rows.films.into_iter().zip(rows.tokens).zip(rows.values);
            assert!(found.map(|((film, token), value)| (film, token, value)).eq(expected), "feature {feature}");
        });
    });
    assert!(store.feature(made_up.features).unwrap_err().to_string().contains("no feature 300"));
}

#[test]
fn a_page_shows_what_is_there() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("store");
    let made_up = small();
    made_up.write(&folder, None, false, &Progress::silent()).unwrap();
    let store = Store::open(&folder).unwrap();
    let page = FeaturePage::read(&store, 7).unwrap();
    assert_eq!(page.top.len(), 20);
    assert_eq!((page.top[0].value, page.statistics.histogram.len()), (page.statistics.max, 50));
    assert!(page.top.windows(2).all(|pair| (pair[1].value, pair[0].film) <= (pair[0].value, pair[1].film) || pair[1].value < pair[0].value));
    assert_eq!(page.groups.iter().map(|group| group.count as u64).sum::<u64>(), page.statistics.films);
    assert!(page.groups.iter().all(|group| group.films.len() == 5 && group.from <= group.to));
    let strongest = made_up.encode(page.top[0].film).unwrap();
    assert!(
        strongest.active.contains(&(page.top[0].token, 7, page.top[0].value)) && strongest.path == page.top[0].path
    );
    // Feature 7 never fires on films known to be without the finding, and feature 8 fires where 7 does.
    let finding = page.profile.iter().find(|row| row.column == "Cardiomegaly").unwrap();
    assert!(finding.top.share == 1.0 && finding.base.high < 0.15 && finding.top.low > finding.base.high, "{finding:?}");
    assert!(page.profile.iter().all(|row| row.column != "Age"), "a column that is not 0 or 1 has no share");
    let nearest = page.neighbours[0];
    assert!(nearest.feature == 8 && nearest.jaccard > 0.95, "{nearest:?}");
    serde_json::to_string(&page).unwrap();

    // Estimates and counts against all films.
    for feature in [0, 7, 40, 299] {
        let page = FeaturePage::read(&store, feature).unwrap();
        let vector = |feature| {
            let mut vector = BTreeMap::<u32, f32>::new();
            let rows = store.feature(feature).unwrap();
            for (film, value) in rows.films.into_iter().zip(rows.values) {
                let peak = vector.entry(film).or_default();
                *peak = peak.max(value);
            }
            vector
        };
        let own = vector(feature);
        for neighbour in &page.neighbours {
            let other = vector(neighbour.feature);
            let both: Vec<_> = own.iter().filter_map(|(film, a)| Some((*a, *other.get(film)?))).collect();
            let norm = |vector: &BTreeMap<u32, f32>| vector.values().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
            let product: f64 = both.iter().map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let cosine = product / norm(&own) / norm(&other);
            let jaccard = both.len() as f64 / (own.len() + other.len() - both.len()) as f64;
            let bound = if neighbour.exact { 1e-6 } else { 0.25 };
            assert!((neighbour.cosine - cosine).abs() < bound, "{neighbour:?} {cosine}");
            assert!((neighbour.jaccard - jaccard).abs() < bound, "{neighbour:?} {jaccard}");
        }
    }
}

#[test]
fn folders_of_others_and_other_runs_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let (made_up, silent) = (small(), Progress::silent());
    let folder = home.path().join("store");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("films.parquet"), "mine").unwrap();
    for resume in [false, true] {
        let error = StoreWriter::create(&folder, &made_up.info(None), resume).err().unwrap().to_string();
        assert!(error.contains("did not write, such as films.parquet"), "{error}");
    }
    assert_eq!(fs::read_to_string(folder.join("films.parquet")).unwrap(), "mine");
    assert!(Store::open(&folder).err().unwrap().to_string().contains("no activation store here"));
    fs::remove_file(folder.join("films.parquet")).unwrap();

    let mut writer = StoreWriter::create(&folder, &made_up.info(None), true).unwrap();
    for film in 0..600 {
        if let Ok(encoding) = made_up.encode(film) {
            writer.push(encoding).unwrap();
        }
    }
    let error = StoreWriter::create(&folder, &made_up.info(None), true).err().unwrap().to_string();
    assert!(error.contains("another process"), "{error}");
    drop(writer);
    let error = StoreWriter::create(&folder, &made_up.info(None), false).err().unwrap().to_string();
    assert!(error.contains("holds a store already"), "{error}");
    let shard = Some(Shard { index: 1, count: 2 });
    let error = StoreWriter::create(&folder, &made_up.info(shard), true).err().unwrap().to_string();
    assert!(error.contains("of another run (shard: 1/2, not none)"), "{error}");
    let error =
        StoreWriter::create(&folder, &MadeUp { seed: 9, ..small() }.info(None), true).err().unwrap().to_string();
    assert!(error.contains("bundle digest"), "{error}");
    let writer = StoreWriter::create(&folder, &made_up.info(None), true).unwrap();
    assert!(writer.is_done(511) && !writer.is_done(512) && !writer.is_complete());
    drop(writer);
    made_up.write(&folder, None, true, &silent).unwrap();
    let writer = StoreWriter::create(&folder, &made_up.info(None), true).unwrap();
    assert!(writer.is_complete() && writer.is_done(4999));
    let before = content(&folder);
    writer.finish(&silent).unwrap();
    assert_eq!(before, content(&folder));
}

#[test]
fn encodings_that_cannot_be_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let info = MadeUp::new(10, 5, 2, 0).info(None);
    let mut writer = StoreWriter::create(&home.path().join("store"), &info, false).unwrap();
    let film =
        |film, active: &[(u32, u32, f32)]| FilmEncoding { film, active: active.to_vec(), ..FilmEncoding::default() };
    let column = FilmEncoding { columns: [("Path".to_owned(), 1.0)].into(), ..FilmEncoding::default() };
    let wrong = [film(0, &[(197, 0, 1.0)]), film(0, &[(0, 5, 1.0)]), film(0, &[(0, 0, f32::NAN)]), column];
    for encoding in wrong.into_iter().chain([film(0, &[(3, 2, 1.0), (3, 2, 2.0)]), film(u32::MAX, &[])]) {
        assert!(writer.push(encoding).is_err());
    }
    // A latent that is not asked for is not kept, whatever its length.
    let accepted = FilmEncoding { latent: Some(vec![1.0]), ..film(3, &[(0, 0, 0.0), (1, 1, -2.0), (2, 2, 0.5)]) };
    writer.push(accepted).unwrap();
    assert!(writer.push(film(3, &[])).is_err() && writer.push_failed(2, "a", "b").is_err());
    let manifest = writer.finish(&Progress::silent()).unwrap();
    assert_eq!((manifest.films, manifest.activations), (1, 1));
    let store = Store::open(&home.path().join("store")).unwrap();
    assert_eq!(FeaturePage::read(&store, 2).unwrap().top.len(), 1);
    assert!(FeaturePage::read(&store, 0).unwrap().top.is_empty());
    let none = home.path().join("none");
    StoreWriter::create(&none, &info, false).unwrap().finish(&Progress::silent()).unwrap();
    assert!(Store::open(&none).unwrap().feature(1).unwrap().films.is_empty());
}

/// Reads all that a viewer reads.
fn read_all(folder: &Path) -> fluoro_core::Result<()> {
    let store = Store::open(folder)?;
    store.summaries()?;
    store.failed()?;
    for feature in [0, 7, 150, 299] {
        FeaturePage::read(&store, feature)?;
    }
    for film in (0..store.films_len() as u32).step_by(211) {
        store
            .film(film)
            .map(drop)
            .or_else(|e| if e.to_string().contains("not in the store") { Ok(()) } else { Err(e) })?;
        store.film_activations(film)?;
        store.latent(film)?;
    }
    Ok(())
}

#[test]
fn damaged_files_are_errors() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("store");
    MadeUp { films: 1500, ..small() }.write(&folder, None, false, &Progress::silent()).unwrap();
    read_all(&folder).unwrap();
    let files = content(&folder);
    let names: Vec<&String> = files.keys().collect();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    let mut found = 0;
    for trial in 0..1000 {
        let name = names[trial % names.len()];
        let mut bytes = files[name].clone();
        match trial / names.len() % 4 {
            0 => bytes.truncate(random.random_range(0..bytes.len())),
            1 => {
                // The last bytes are the footer, where lengths and offsets stand.
                let place = bytes.len() - 1 - random.random_range(0..bytes.len().min(400));
                bytes[place] ^= 1 << random.random_range(0..8);
            }
            2 => {
                for _ in 0..8 {
                    let place = random.random_range(0..bytes.len());
                    bytes[place] = random.random();
                }
            }
            _ => {
                let place = random.random_range(0..bytes.len());
                bytes[place] ^= 1 << random.random_range(0..8);
            }
        }
        let changed = bytes != files[name];
        fs::write(folder.join(name), &bytes).unwrap();
        let outcome = read_all(&folder);
        if let Err(error) = &outcome {
            let text = error.to_string();
            assert!(changed && !text.contains('\n') && text.len() < 400, "{text}");
            found += 1;
        }
        fs::write(folder.join(name), &files[name]).unwrap();
    }
    assert!(found > 900, "{found} of 1000 noticed");
    for name in names {
        fs::remove_file(folder.join(name)).unwrap();
        assert!(read_all(&folder).is_err());
        fs::write(folder.join(name), &files[name]).unwrap();
    }
}

/// Writes a store and what it holds for `tests/parity/store_readback.py`, where `FLUORO_STORE_READBACK` names a folder.
#[test]
fn other_programs_read_it() {
    let Some(home) = std::env::var_os("FLUORO_STORE_READBACK").map(PathBuf::from) else { return };
    let folder = home.join("store");
    let made_up = small();
    made_up.write(&folder, None, true, &Progress::silent()).unwrap();
    let store = Store::open(&folder).unwrap();
    let manifest = store.manifest();
    let (mut sum, mut latents, mut tokens) = (0.0_f64, 0.0_f64, 0_u64);
    let mut ages = 0.0;
    for encoding in (0..made_up.films).filter_map(|film| made_up.encode(film).ok()) {
        sum += encoding.active.iter().map(|active| f64::from(active.2)).sum::<f64>();
        tokens += encoding.active.iter().map(|active| u64::from(active.0)).sum::<u64>();
        latents += encoding.latent.iter().flatten().map(|value| f64::from(*value)).sum::<f64>();
        ages += f64::from(encoding.columns["Age"]);
    }
    let page = FeaturePage::read(&store, 7).unwrap();
    let known: BTreeMap<_, _> =
        manifest.columns.iter().map(|(name, column)| (name, (column.known, column.present))).collect();
    let expected = serde_json::json!({
        "films": manifest.films, "failed": manifest.failed, "activations": manifest.activations,
        "film_features": manifest.film_features, "features": made_up.features, "tokens": made_up.tokens,
        "value_sum": sum, "token_sum": tokens, "latent_sum": latents, "age_sum": ages, "known": known,
        "top": page.top.iter().map(|film| (film.film, &film.path, film.value)).collect::<Vec<_>>(),
        "statistics": page.statistics,
    });
    fs::write(home.join("expected.json"), serde_json::to_string_pretty(&expected).unwrap()).unwrap();
}
