//! Bad input: each one clear line, exit code 1, nothing written.

use std::path::{Path, PathBuf};
use std::process::Command;

use fluoro_tests::{BUNDLE, Said, copy_bundle, data, fluoro_in, names_in, not_run, sample};
use sha2::{Digest, Sha256};

fn film() -> String {
    sample("drawn_large_heart_pa.png").canonicalize().unwrap().display().to_string()
}

/// Runs a command in a folder that must stay as it is, with [`BUNDLE`] unless it names another.
fn refused(folder: &Path, words: &[&str]) -> String {
    let before = names_in(folder);
    let mut words = words.to_vec();
    if !words.contains(&"--bundle") {
        words.extend(["--bundle", BUNDLE]);
    }
    let said: Said = fluoro_in(folder, &words);
    let complaint = said.complaint().to_owned();
    assert_eq!(names_in(folder), before, "{words:?}");
    println!("{complaint}");
    complaint
}

/// Every command that reads a film says the same of a bad one.
fn refused_film(name: &str, bytes: &[u8], clue: &str) {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join(name), bytes).unwrap();
    for words in [
        vec!["info", name],
        vec!["analyze", name],
        vec!["analyze", &film(), name, "--json"],
        vec!["edit", name, "--set", "0=1", "-o", "out.png"],
        vec!["shift", name, "--target", "Cardiomegaly", "-o", "out.gif", "--json"],
        vec!["shift", name, "--target", "Cardiomegaly", "-o", "frames"],
        vec!["segment", name, "--target", "Cardiomegaly", "-o", "mask.png"],
    ] {
        let complaint = refused(home.path(), &words);
        assert!(complaint.contains(clue) && complaint.contains(name), "{words:?}: {complaint}");
    }
}

#[test]
fn damaged_films() {
    refused_film("empty.png", b"", "the file is empty");
    refused_film("notes.png", b"Heart size normal. No effusion.\n", "text file");
    let mut head = vec![0_u8; 128];
    head.extend_from_slice(b"DICM\x02\0\0\0UL\x04\0");
    refused_film("cut.dcm", &head, "");
    let whole = std::fs::read(film()).unwrap();
    refused_film("cut.png", &whole[..whole.len() / 2], "");
}

#[test]
fn a_truncated_film_of_a_real_scanner() {
    let Some(data) = data("a truncated DICOM film") else { return };
    let whole = std::fs::read(data.join("dicom/canon_chest_dx_j2k_lossless_12bit_mono1.dcm")).unwrap();
    refused_film("scanner.dcm", &whole[..whole.len() / 2], "");
}

#[test]
fn a_header_of_an_unreasonable_size() {
    let mut header = b"IHDR".to_vec();
    header.extend_from_slice(&30_000_u32.to_be_bytes());
    header.extend_from_slice(&30_000_u32.to_be_bytes());
    header.extend_from_slice(&[8, 0, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    png.extend_from_slice(&header);
    png.extend_from_slice(&crc32(&header).to_be_bytes());
    png.extend_from_slice(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82");
    refused_film("huge.png", &png, "30000");
}

/// The checksum of PNG chunks.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

#[test]
fn names_that_nothing_has() {
    let home = tempfile::tempdir().unwrap();
    let film = film();
    for (words, clues) in [
        (vec!["shift", &film, "--target", "Cardiomegly", "-o", "a.gif"], ["unknown label", "Cardiomegaly"]),
        (vec!["segment", &film, "--target", "effusoin", "-o", "a.png"], ["unknown label", "Effusion"]),
        (vec!["edit", &film, "--finding", "Mas=3", "-o", "a.png"], ["unknown label", "Mass"]),
        (vec!["edit", &film, "--set", "99999999=1", "-o", "a.png"], ["99999999", "does not exist"]),
        (vec!["edit", &film, "--set", "41", "-o", "a.png"], ["FEATURE=VALUE", "41"]),
        (vec!["shift", &film, "--target", "probe:x", "-o", "a.gif"], ["nih-small", "has no probes"]),
        (vec!["analyze", &film, "--bundle", "nih-smal"], ["unknown bundle", "nih-small"]),
        (vec!["analyze", "missing.png"], ["cannot open", "missing.png"]),
        (vec!["info", "/proc"], ["not a bundle", "bundle.ron"]),
        (vec!["shift", &film, "--recipe", "missing.ron", "-o", "a.gif"], ["cannot read the recipe", "missing.ron"]),
        (vec!["shift", &film, "--recipe", &film, "-o", "a.gif"], ["recipe", ".png"]),
        (vec!["view", &film], ["no display", "DISPLAY"]),
        (vec!["bench", "--bundle", "/proc"], ["not a bundle", "/proc"]),
    ] {
        let complaint = refused(home.path(), &words);
        assert!(clues.iter().all(|clue| complaint.contains(clue)), "{words:?}: {complaint}");
    }
}

/// A copy of the shipped bundle to damage.
struct Copy(tempfile::TempDir);

impl Copy {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        copy_bundle(&home.path().join("bundle"));
        Self(home)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("bundle").join(name)
    }

    fn change_manifest(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("bundle.ron")).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(self.path("bundle.ron"), text.replacen(from, to, 1)).unwrap();
    }

    /// Replaces a file and its hash in the manifest.
    fn replace(&self, name: &str, bytes: &[u8]) {
        let hash = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect::<String>();
        self.change_manifest(&hash(&std::fs::read(self.path(name)).unwrap()), &hash(bytes));
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Every command that opens the bundle says the same of it.
    fn refused(&self, clues: &[&str]) {
        let film = film();
        for words in [
            vec!["info", "bundle"],
            vec!["analyze", &film, "--bundle", "bundle"],
            vec!["edit", &film, "--bundle", "bundle", "-o", "a.png"],
            vec!["shift", &film, "--bundle", "bundle", "--target", "Mass", "-o", "a.gif"],
            vec!["segment", &film, "--bundle", "bundle", "--target", "Mass", "-o", "a.png"],
            vec!["bench", "--bundle", "bundle"],
        ] {
            let complaint = refused(self.0.path(), &words);
            assert!(clues.iter().all(|clue| complaint.contains(clue)), "{words:?}: {complaint}");
        }
    }
}

/// Length of a safetensors file's header, and the header.
fn header(bytes: &[u8]) -> (usize, serde_json::Map<String, serde_json::Value>) {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    (length, serde_json::from_slice(&bytes[8..8 + length]).unwrap())
}

#[test]
fn a_whole_copy_of_the_bundle_opens() {
    let copy = Copy::new();
    let said = fluoro_in(copy.0.path(), ["info", "bundle", "--json"]);
    assert_eq!(said.json()["bundle"], "nih-small");
}

#[test]
fn weights_that_are_no_numbers() {
    let copy = Copy::new();
    let mut bytes = std::fs::read(copy.path("autoencoder.safetensors")).unwrap();
    let (length, tensors) = header(&bytes);
    let (name, _) = tensors.iter().find(|(name, tensor)| name != &"__metadata__" && tensor["dtype"] == "F32").unwrap();
    let start = 8 + length + tensors[name]["data_offsets"][0].as_u64().unwrap() as usize;
    bytes[start..start + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    copy.replace("autoencoder.safetensors", &bytes);
    copy.refused(&["not finite", name, "autoencoder.safetensors"]);
}

#[test]
fn a_tensor_that_is_missing() {
    let copy = Copy::new();
    let bytes = std::fs::read(copy.path("classifier.safetensors")).unwrap();
    let (length, mut tensors) = header(&bytes);
    let end = |tensor: &serde_json::Value| tensor["data_offsets"][1].as_u64().unwrap_or(0) as usize;
    let last = tensors.iter().max_by_key(|(_, tensor)| end(tensor)).map(|(name, _)| name.clone()).unwrap();
    let removed = tensors.remove(&last).unwrap();
    let start = removed["data_offsets"][0].as_u64().unwrap() as usize;
    let mut text = serde_json::to_vec(&tensors).unwrap();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut cut = (text.len() as u64).to_le_bytes().to_vec();
    cut.extend_from_slice(&text);
    cut.extend_from_slice(&bytes[8 + length..8 + length + start]);
    copy.replace("classifier.safetensors", &cut);
    copy.refused(&["missing", "classifier.safetensors"]);
}

#[test]
fn gallery_films_that_are_not_in_the_bundle() {
    let copy = Copy::new();
    for (name, clue) in [("../../film.png", "not a plain path"), ("gallery/01.png", "no hash")] {
        let listed = format!("gallery: [GalleryFilm(file: \"{name}\", caption: \"\")], films");
        let before = std::fs::read(copy.path("bundle.ron")).unwrap();
        copy.change_manifest("encoder:", &format!("{}: Patients, encoder:", listed));
        copy.refused(&[clue, name, "bundle.ron"]);
        std::fs::write(copy.path("bundle.ron"), before).unwrap();
    }
}

#[test]
fn a_bundle_of_a_newer_version() {
    let copy = Copy::new();
    copy.change_manifest("version: 1", "version: 4");
    copy.refused(&["version 4 is newer", "update Fluoro", "bundle.ron"]);
}

#[test]
fn files_that_were_changed_or_are_gone() {
    let copy = Copy::new();
    let mut bytes = std::fs::read(copy.path("sae.safetensors")).unwrap();
    // The lowest bit of a number: still finite, no longer what the manifest says.
    let last = bytes.len() - 4;
    bytes[last] ^= 1;
    std::fs::write(copy.path("sae.safetensors"), &bytes).unwrap();
    copy.refused(&["damaged or was changed", "sae.safetensors"]);
    std::fs::write(copy.path("sae.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    copy.refused(&["sae.safetensors"]);
    std::fs::remove_file(copy.path("sae.safetensors")).unwrap();
    copy.refused(&["sae.safetensors"]);
    std::fs::write(copy.path("bundle.ron"), "(version: 1, name: \"x\"").unwrap();
    copy.refused(&["not a readable manifest", "bundle.ron"]);
}

/// The commands that write, each to `place`.
fn writers(place: &str) -> Vec<Vec<String>> {
    let film = film();
    let line = |words: &str| -> Vec<String> {
        words.split(' ').map(|word| word.replace("FILM", &film).replace("PLACE", place)).collect()
    };
    vec![
        line("edit FILM --finding Mass=4 -o PLACE/a.png"),
        line("shift FILM --target Mass --range -9,9 --frames 3 -o PLACE/a.gif"),
        line("shift FILM --target Mass --range -9,9 --frames 3 -o PLACE/a.png"),
        line("shift FILM --target Mass --range -9,9 --frames 3 -o PLACE/frames"),
        line("segment FILM --target Mass --range -9,9 --frames 3 -o PLACE/a.png"),
    ]
}

fn all_refused(place: &Path, clue: &str) {
    let home = tempfile::tempdir().unwrap();
    for words in writers(&place.display().to_string()) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let complaint = refused(home.path(), &words);
        assert!(complaint.starts_with("cannot write") && complaint.contains(clue), "{words:?}: {complaint}");
    }
}

#[test]
fn outputs_that_cannot_be() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("file"), "mine").unwrap();
    all_refused(&home.path().join("missing"), "the folder does not exist");
    all_refused(&home.path().join("file"), "file");
    if Path::new("/proc/self").exists() {
        all_refused(Path::new("/proc"), "/proc");
    }
    let film = film();
    std::fs::copy(&film, home.path().join("film.png")).unwrap();
    for (words, clue) in [
        (["shift", "film.png", "--target", "Mass", "-o", "a.jpg"], ".png, .dcm, .html or a folder"),
        (["shift", "film.png", "--target", "Mass", "-o", "/dev/null"], ""),
        (["shift", "film.png", "--target", "Mass", "-o", "film.png"], "the film itself"),
        (["shift", "film.png", "--target", "Mass", "-o", "."], "did not write"),
        (["segment", "film.png", "--target", "Mass", "-o", "a.gif"], "ends in .png"),
        (["edit", "film.png", "--set", "0=1", "-o", "./film.png"], "the film itself"),
    ] {
        let complaint = refused(home.path(), &words);
        assert!(complaint.contains(clue), "{words:?}: {complaint}");
    }
    assert_eq!(std::fs::read(home.path().join("film.png")).unwrap(), std::fs::read(&film).unwrap());
    assert!(!Path::new("/dev/null").is_file());
}

/// A file system of its own, gone when dropped.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|done| done.status.success());
        mounted.then_some(Self(folder))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_read_only_folder() {
    let Some(mount) = Mount::new("ro,size=64k") else {
        return not_run("a read-only folder (mounting a tmpfs needs root)");
    };
    all_refused(mount.0.path(), "choose a folder you may write to");
}

#[test]
fn a_full_disk_leaves_nothing() {
    let Some(mount) = Mount::new("size=64k") else {
        return not_run("a full disk (mounting a tmpfs needs root)");
    };
    let filler = mount.0.path().join("filler");
    // Fails when the disk is full, which is the point.
    let _ = std::fs::write(&filler, vec![1_u8; 128 << 10]);
    for words in writers(&mount.0.path().display().to_string()) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let complaint = refused(mount.0.path(), &words);
        assert!(complaint.contains("cannot write") && complaint.contains("free some space"), "{words:?}: {complaint}");
    }
    assert_eq!(names_in(mount.0.path()), ["filler"]);
}
