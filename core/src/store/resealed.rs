//! Damage that somebody sealed anew: what the digests let through must still end in an error or an answer.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use rand::{Rng as _, SeedableRng as _};

use super::blocks::SealingWriter;
use super::info::Manifest;
use super::{BLOCKS, FeaturePage, MadeUp, Store};
use crate::engine::Progress;

/// Seals the files of a store as they are.
fn reseal(folder: &Path) {
    let mut manifest = Manifest::read(folder).unwrap();
    let mut blocks = Vec::new();
    for (name, seal) in &mut manifest.files {
        let path = folder.join(name);
        let content = fs::read(&path).unwrap();
        let mut writer = SealingWriter::create(&path).unwrap();
        writer.write_all(&content).unwrap();
        let sealed = writer.finish().unwrap();
        blocks.extend(sealed.digests);
        *seal = sealed.seal;
    }
    fs::write(folder.join(BLOCKS), blocks).unwrap();
    manifest.write(folder).unwrap();
}

fn read_all(folder: &Path) -> crate::Result<()> {
    let store = Store::open(folder)?;
    store.summaries()?;
    store.failed()?;
    for feature in [0, 7, 59] {
        FeaturePage::read(&store, feature)?;
    }
    for film in [0, 100, 299] {
        store.film(film)?;
        store.film_activations(film)?;
        store.latent(film)?;
    }
    Ok(())
}

#[test]
fn sealed_damage_never_panics() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("store");
    let made_up = MadeUp { films: 300, features: 60, active: 5, tokens: 4, latent_dim: 2, seed: 1 };
    let manifest = made_up.write(&folder, None, false, &Progress::silent()).unwrap();
    read_all(&folder).unwrap();
    let names: Vec<&String> = manifest.files.keys().collect();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let mut errors = 0;
    for trial in 0..150 {
        let path = folder.join(names[trial % names.len()]);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        for _ in 0..random.random_range(1..4) {
            let place = random.random_range(0..bytes.len());
            // Half of the damage to the footer and the page index, where counts and offsets stand.
            let place = if random.random() { place } else { bytes.len() - 1 - place % bytes.len().min(1500) };
            bytes[place] = random.random();
        }
        fs::write(&path, &bytes).unwrap();
        reseal(&folder);
        if let Err(error) = read_all(&folder) {
            let text = error.to_string();
            assert!(!text.contains('\n'), "{text}");
            errors += 1;
        }
        let merged = home.path().join("merged");
        if super::merge(std::slice::from_ref(&folder), &merged, &Progress::silent()).is_ok() {
            fs::remove_dir_all(&merged).unwrap();
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(errors > 50, "{errors}");
}
