//! DICOM Secondary Captures against another reader: pydicom read and checked the files that these tests write
//! (`parity/secondary_capture_reference.py`), and what it found in them is compared with what is written now.

use std::path::Path;
use std::process::Command;

use fluoro_core::display::Extent;
use fluoro_core::export::Recipe;
use fluoro_core::export::burned_in;
use fluoro_core::export::capture::{BurnedIn, Capture, MadeFrame, derivation};
use fluoro_core::plane::Plane;
use fluoro_core::radiograph::{Radiograph, tags, tags_of};
use fluoro_core::samples;
use fluoro_tests::{BUNDLE, data, program, repository, sample};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A capture in which nothing comes from a model, so that it is the same everywhere.
fn capture(frames: usize, film: &Radiograph, keeps_patient: bool) -> Capture {
    let reference = Plane::from_fn(64, 64, |x, y| (x * y) as f32 / 4.0 - 800.0);
    let frame = |index: usize| {
        let changed = |x: usize, y: usize| (20..40).contains(&x) && (24..44).contains(&y);
        let by = 60.0 * (index as f32 - 1.0);
        let sample = |x, y| reference.get(x, y) + if changed(x, y) { by } else { 0.0 };
        MadeFrame { pixels: Plane::from_fn(64, 64, sample), words: format!("Effusion: λ {index}") }
    };
    let [width, height] = [film.pixels.width(), film.pixels.height()];
    Capture {
        film: film.to_unit(),
        extent: Extent::whole(width, height),
        reference: reference.clone(),
        frames: (2..frames + 2).map(frame).collect(),
        delay_ms: 80,
        derivation: derivation("a bundle", "edit: Effusion −10 %", BurnedIn { found: 2, painted: 1 }),
        origin: film.metadata.origin.clone().filter(|_| keeps_patient),
        is_lossy: film.metadata.is_lossy(),
        keeps_words: false,
    }
}

fn files(folder: &Path) -> Vec<&'static str> {
    let write = |name: &str, capture: &Capture| {
        std::fs::write(folder.join(name), capture.dicom().expect("a file")).expect("written");
    };
    let film = samples::open("drawn_portable_ap.png").expect("a sample");
    write("edit.dcm", &capture(1, &film, true));
    write("shift.dcm", &capture(3, &film, false));
    let mut names = vec!["edit.dcm", "shift.dcm"];
    if let Some(data) = data("a capture that names its patient") {
        let film = Radiograph::open(&data.join("dicom/canon_chest_dx_j2k_lossless_12bit_mono1.dcm")).expect("a film");
        write("named.dcm", &capture(1, &film, true));
        write("nameless.dcm", &capture(1, &film, false));
        names.extend(["named.dcm", "nameless.dcm"]);
    }
    names
}

#[test]
fn pydicom_reads_what_was_written() {
    let home = tempfile::tempdir().expect("folder");
    let kept = std::env::var_os("FLUORO_CAPTURES");
    let folder = kept.as_deref().map_or(home.path(), Path::new);
    let names = files(folder);
    if kept.is_some() {
        // The reference is about to be made from these files.
        return;
    }
    let text = std::fs::read(repository().join("tests/parity/secondary_capture.json")).expect("the reference");
    let reference: Value = serde_json::from_slice(&text).expect("the reference");
    for name in names {
        let (expected, path) = (&reference["files"][name], folder.join(name));
        let rows = tags(&path).expect("tags");
        for (keyword, value) in expected["values"].as_object().expect("values") {
            let row = rows.iter().find(|row| row.keyword == *keyword && row.depth == 0);
            let own = row.unwrap_or_else(|| panic!("{name}: {keyword} is not there")).value.as_str();
            let wanted = value.as_str().expect("text");
            // The table of tags shortens.
            let same =
                if own.ends_with('…') { wanted.starts_with(own.trim_end_matches('…')) } else { own == wanted };
            assert!(same, "{name}: {keyword} is {own:?}, pydicom has {wanted:?}");
        }
        let pixels = Radiograph::stored(&path).expect("pixels");
        if expected["frames"] == 1 {
            let hash: String = Sha256::digest(&pixels.data).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hash, expected["pixels_sha256"], "{name}");
        }
    }
}

#[test]
fn a_capture_names_nobody_unless_asked() {
    let Some(data) = data("whose name a capture has") else { return };
    for file in ["dicom/canon_chest_dx_j2k_lossless_12bit_mono1.dcm", "dicom/rg1_chest_j2k_lossy_15bit_mono1.dcm"] {
        let film = Radiograph::open(&data.join(file)).expect("a film");
        let own = tags(&data.join(file)).expect("tags");
        let made = tags_of(Path::new("a"), &capture(1, &film, false).dicom().expect("a file")).expect("tags");
        // No value that identifies somebody in the source is anywhere in the object.
        let told: Vec<&str> = own
            .iter()
            .filter(|row| row.is_identifying && row.value.len() > 3 && row.kind != "SQ")
            .map(|row| row.value.as_str())
            .collect();
        assert!(told.len() > 3, "the source names somebody or something: {}", told.len());
        for row in &made {
            assert!(!told.contains(&row.value.as_str()), "{file}: {row:?}");
        }
        let named = tags_of(Path::new("a"), &capture(1, &film, true).dicom().expect("a file")).expect("tags");
        let study = |rows: &[fluoro_core::radiograph::TagRow]| {
            rows.iter().find(|row| row.keyword == "StudyInstanceUID" && row.depth == 0).map(|row| row.value.clone())
        };
        assert_eq!(study(&named), study(&own), "with the patient it joins the study");
        assert_ne!(study(&made), study(&own));
    }
}

/// Words on real films, read by eye: `markers.csv` of the data. The middle that was read may lie this far from a box.
const TOLERANCE: f32 = 0.02;

#[test]
fn burned_in_words_are_found_on_real_films() {
    let Some(data) = data("burned-in words on real films") else { return };
    let text = std::fs::read_to_string(data.join("nih/markers.csv")).expect("the table");
    let (mut words, mut hits, mut films, mut boxes) = (0, 0, 0, 0);
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let film = Radiograph::open(&data.join("nih/images").join(fields[0])).expect("a film");
        let found = burned_in::find(&film);
        let side = [film.pixels.width() as f32, film.pixels.height() as f32];
        (films, boxes) = (films + 1, boxes + found.len());
        if fields[2] == "1" {
            let middle = [fields[3], fields[4]].map(|share| share.parse::<f32>().expect("a share"));
            let near = |from: usize, length: usize, axis: usize| {
                let (low, high) = (from as f32 / side[axis], (from + length) as f32 / side[axis]);
                (low - TOLERANCE..=high + TOLERANCE).contains(&middle[axis])
            };
            words += 1;
            hits += usize::from(found.iter().any(|it| near(it.x, it.width, 0) && near(it.y, it.height, 1)));
        }
    }
    assert_eq!((films, words), (111, 41));
    assert!(hits >= 39, "{hits} of {words} words PORTABLE are in a box");
    assert!(boxes <= 4 * films, "{boxes} boxes on {films} films, which have one to three markers each");
}

#[test]
fn the_command_line_writes_captures_with_their_recipes() {
    let home = tempfile::tempdir().expect("folder");
    let film = sample("drawn_portable_ap.png");
    let run = |arguments: &[&str], out: &str| {
        let path = home.path().join(out);
        let output = Command::new(program())
            .arg(arguments[0])
            .arg(&film)
            .args(&arguments[1..])
            .args(["--bundle", BUNDLE, "--device", "cpu", "-o"])
            .arg(&path)
            .output()
            .expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        (path, errors)
    };
    let value = |path: &Path, keyword: &str| {
        let rows = tags(path).expect("tags");
        rows.iter().find(|row| row.keyword == keyword).map(|row| row.value.clone()).unwrap_or_default()
    };
    let (path, errors) = run(&["edit", "--finding", "Cardiomegaly=-10"], "edit.dcm");
    assert!(errors.contains("burned-in"), "the sticker is pointed out: {errors}");
    assert!(home.path().join("edit.dcm.recipe.ron").exists());
    assert!(
        value(&path, "DerivationDescription").contains("Cardiomegaly -10 %"),
        "{}",
        value(&path, "DerivationDescription")
    );
    let (painted, errors) = run(&["edit", "--finding", "Cardiomegaly=-10", "--paint-over"], "painted.dcm");
    assert!(!errors.contains("burned-in"), "{errors}");
    assert!(value(&painted, "DerivationDescription").contains("painted over"));
    let shift = ["shift", "--target", "Cardiomegaly", "--range=-10,10", "--frames", "3"];
    let (path, _) = run(&shift, "shift.dcm");
    assert_eq!(value(&path, "NumberOfFrames"), "3");
    assert_eq!(value(&path, "SOPClassUID"), "1.2.840.10008.5.1.4.1.1.7.4");
    let recipe = Recipe::read(&home.path().join("shift.dcm.recipe.ron")).expect("a recipe");
    assert_eq!(recipe.film, "", "beside an object that names nobody, the file's name does not either");
}

#[test]
fn what_only_a_capture_can_do_is_refused_for_other_outputs() {
    let home = tempfile::tempdir().expect("folder");
    for (command, option, out) in [
        (["edit", "--finding", "Cardiomegaly=-10"], "--paint-over", "edit.png"),
        (["shift", "--target", "Cardiomegaly"], "--keep-patient", "shift.gif"),
    ] {
        let path = home.path().join(out);
        let output = Command::new(program())
            .arg(command[0])
            .arg(sample("drawn_portable_ap.png"))
            .args(&command[1..])
            .args([option, "--bundle", BUNDLE, "--device", "cpu", "-o"])
            .arg(&path)
            .output()
            .expect("it runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && errors.contains(option) && errors.contains(".dcm"), "{errors}");
        assert!(!path.exists());
    }
}
