//! Trouble: the engine is gone, a model computes nonsense, a folder vanishes, nothing can be written. Each leaves the
//! window usable and the session safe.

use fluoro_core::bundle::save;
use fluoro_core::fingerprint;

use super::*;
use crate::window::command::Command;
use crate::window::session::keeper::Keeper;

fn film_file(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/films/drawn_normal_pa.png"), &path)
        .expect("a film");
    path
}

/// nih-small, with this value in a row of one tensor of its SAE.
fn bundle_with(folder: &Path, tensor: &str, row: usize, value: f32) -> BundleSource {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/nih-small");
    for entry in std::fs::read_dir(from).expect("the bundle") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, folder.join(path.file_name().expect("a name"))).expect("a copy");
    }
    let path = folder.join("sae.safetensors");
    let mut bytes = std::fs::read(&path).expect("weights");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).expect("a header");
    let number = |value: &serde_json::Value| value.as_u64().expect("a number") as usize;
    let (about, columns) = (&header[tensor], number(&header[tensor]["shape"][1]));
    let start = 8 + length + number(&about["data_offsets"][0]) + row * columns * 4;
    for place in bytes[start..start + columns * 4].chunks_exact_mut(4) {
        place.copy_from_slice(&value.to_le_bytes());
    }
    std::fs::write(&path, bytes).expect("written");
    let mut manifest = save::existing_manifest(folder).expect("readable").expect("a bundle");
    manifest.name = "damaged".to_owned();
    let old = manifest.files["sae.safetensors"].clone();
    let new = fingerprint::of_file(&path).expect("a hash");
    let text = std::fs::read_to_string(folder.join("bundle.ron")).expect("a manifest");
    std::fs::write(folder.join("bundle.ron"), text.replace(&old, &new)).expect("a manifest");
    BundleSource::Folder(folder.to_path_buf())
}

#[test]
fn an_engine_that_ended_leaves_the_film_and_the_session_can_be_saved() {
    let folder = tempfile::tempdir().expect("folder");
    let mut window = window(vec![film_file(folder.path(), "a.png")]);
    window.state_mut().set_finding(0, 8.0);
    settle(&mut window);
    let made = window.state().pictures.made.clone().expect("a picture");
    let app = window.state_mut();
    app.worker = None;
    app.dead =
        Some(Problem { what: "The engine stopped".into(), why: "it ended".into(), todo: "Restart Fluoro.".into() });
    window.run_steps(2);
    for key in [Key::I, Key::Num2, Key::Num4, Key::F4, Key::F5, Key::PageDown] {
        press(&mut window, Modifiers::NONE, key);
    }
    assert!(window.state().film.is_some() && window.state().light_box.kept.invert, "the light box still works");
    press(&mut window, Modifiers::COMMAND, Key::Z);
    let path = folder.path().join("s.fluoro.ron");
    window.state_mut().save_session_to(path.clone());
    settle(&mut window);
    let again = open(options(vec![path]));
    assert_eq!(again.state().pictures.made.as_ref().map(|again| &again.frame), Some(&made.frame));
}

/// A safetensors file without the tensors of one part.
fn without(bytes: &[u8], prefix: &str) -> Vec<u8> {
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let mut header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&bytes[8..8 + length]).expect("a header");
    let (data, mut kept) = (&bytes[8 + length..], Vec::new());
    header.retain(|name, _| !name.starts_with(prefix) && name != "__metadata__");
    for about in header.values_mut() {
        let [from, to] = [0, 1].map(|end| about["data_offsets"][end].as_u64().expect("a number") as usize);
        about["data_offsets"] = serde_json::json!([kept.len(), kept.len() + to - from]);
        kept.extend_from_slice(&data[from..to]);
    }
    let header = serde_json::to_vec(&header).expect("a header");
    [&(header.len() as u64).to_le_bytes()[..], &header, &kept].concat()
}

#[test]
fn a_bundle_without_a_decoder_says_so_once() {
    let home = tempfile::tempdir().expect("folder");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/nih-small");
    let folder = home.path().join("reader");
    let beside = save::Beside::new(&folder).expect("a folder");
    for entry in std::fs::read_dir(&from).expect("the bundle") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, beside.folder().join(path.file_name().expect("a name"))).expect("a copy");
    }
    let mut manifest = save::existing_manifest(&from).expect("readable").expect("a bundle");
    manifest.decoder = None;
    let weights = without(&std::fs::read(from.join("autoencoder.safetensors")).expect("weights"), "decoder.");
    beside.file(&mut manifest, "autoencoder.safetensors", &weights).expect("written");
    beside.manifest(&manifest).expect("written");
    beside.finish().expect("in its place");
    let window = open(WindowOptions { bundle: BundleSource::Folder(folder), ..options(Vec::new()) });
    assert!(window.state().analysis().is_some(), "{:?}", window.state().model.problem);
    window.get_by_label("viewport: original");
    window.get_by_label_contains("fluoro train decoder");
    for pane in ["viewport: reconstruction", "viewport: difference"] {
        assert!(window.query_by_label(pane).is_none(), "{pane} would be empty");
    }
}

#[test]
fn a_lost_device_hands_the_session_to_the_window_that_opens_next() {
    let folder = tempfile::tempdir().expect("folder");
    let mut window = window(Vec::new());
    window.state_mut().session.keeper = Keeper::start(folder.path());
    window.state_mut().set_finding(0, 7.0);
    settle(&mut window);
    window.state_mut().light_box.kept.invert = true;
    window.state_mut().end_for_lost_device();
    drop(window);

    let mut next = open(options(Vec::new()));
    next.state_mut().session.keeper = Keeper::start(folder.path());
    next.state_mut().restore_left_session();
    settle(&mut next);
    let app = next.state();
    assert_eq!((app.edit().findings.get(&0), app.light_box.kept.invert), (Some(&7.0), true));
    assert!(app.pictures.made.is_some(), "and its picture");
}

#[test]
fn a_model_that_computes_nonsense_is_told_and_undo_works() {
    let folder = tempfile::tempdir().expect("folder");
    // A feature that is silent on the film, so that only raising it goes wrong.
    let sound = window(Vec::new());
    let activations = sound.state().analysis().expect("analysis").activations.clone();
    let silent = activations.iter().position(|a| *a == 0.0).expect("a silent feature");
    let strongest = (0..activations.len()).max_by(|&a, &b| activations[a].total_cmp(&activations[b])).expect("one");
    drop(sound);
    let bundle = bundle_with(folder.path(), "sae.w_dec", silent, 3.0e38);
    let mut window = open(WindowOptions { bundle, ..options(Vec::new()) });
    assert!(window.state().analysis().is_some(), "{:?}", window.state().study.films[0].problem);
    window.state_mut().set_feature(strongest, 0.0);
    settle(&mut window);
    let good = window.state().pictures.made.clone().expect("a picture");
    window.state_mut().set_feature(silent, 50.0);
    settle(&mut window);
    let app = window.state();
    assert!(app.pictures.made.is_none(), "the picture of the older edit is not left standing");
    assert!(app.pictures.problem.is_some() && app.pictures.pending.is_none());
    window.get_by_label_contains("The edit could not be computed");
    window.get_by_label_contains("outside what the model can compute");
    press(&mut window, Modifiers::COMMAND, Key::Z);
    settle(&mut window);
    let app = window.state();
    assert_eq!(app.pictures.made.as_ref().map(|made| &made.frame), Some(&good.frame));
    assert!(app.pictures.problem.is_none());
}

#[test]
fn weights_that_are_no_numbers_are_refused_and_the_open_bundle_stays() {
    let folder = tempfile::tempdir().expect("folder");
    let bundle = bundle_with(folder.path(), "sae.w_dec", 0, f32::NAN);
    let mut window = window(Vec::new());
    window.state_mut().open_bundle(bundle);
    settle(&mut window);
    window.get_by_label_contains("The bundle could not be opened");
    window.get_by_label_contains("not finite");
    window.state_mut().set_finding(0, 5.0);
    settle(&mut window);
    assert!(window.state().pictures.made.is_some(), "the bundle that was open still answers");
}

#[test]
fn a_folder_that_vanishes_leaves_the_film_on_screen_and_the_session_safe() {
    let folder = tempfile::tempdir().expect("folder");
    let films = folder.path().join("films");
    std::fs::create_dir(&films).expect("folder");
    let (a, b) = (film_file(&films, "a.png"), film_file(&films, "b.png"));
    let session = folder.path().join("s.fluoro.ron");
    let mut window = window(vec![a, b]);
    window.state_mut().set_finding(0, 5.0);
    settle(&mut window);
    window.state_mut().save_session_to(session.clone());
    settle(&mut window);
    std::fs::remove_dir_all(&films).expect("gone");
    window.state_mut().set_finding(0, 6.0);
    settle(&mut window);
    assert!(window.state().pictures.made.is_some(), "the film that is open can still be changed");
    press(&mut window, Modifiers::NONE, Key::PageDown);
    settle(&mut window);
    window.get_by_label_contains("This film could not be opened");
    window.state_mut().save_session();
    settle(&mut window);
    let text = std::fs::read_to_string(&session).expect("the session");
    assert!(text.contains("a.png") && text.contains("b.png") && text.matches("sha256: Some(").count() == 2, "{text}");
    let again = open(options(vec![session]));
    assert_eq!((again.state().study.films.len(), again.state().session.missing.len()), (2, 2));
    assert_eq!(again.state().study.films[0].history.current().findings.get(&0), Some(&6.0));
}

#[test]
fn a_place_that_cannot_be_written_is_told_and_the_old_session_stays() {
    let folder = tempfile::tempdir().expect("folder");
    let mut window = window(Vec::new());
    let good = folder.path().join("good.fluoro.ron");
    window.state_mut().save_session_to(good.clone());
    settle(&mut window);
    let old = std::fs::read(&good).expect("saved");
    window.state_mut().set_finding(0, 5.0);
    settle(&mut window);

    let file = folder.path().join("a file");
    std::fs::write(&file, "").expect("file");
    let taken = folder.path().join("taken.fluoro.ron");
    std::fs::create_dir(&taken).expect("folder");
    let mut places = vec![folder.path().join("no/such/s.fluoro.ron"), file.join("s.fluoro.ron"), taken];
    // The disk that is always full.
    places.extend(Path::new("/dev/full").exists().then(|| PathBuf::from("/dev/full/s.fluoro.ron")));
    for place in places {
        window.state_mut().save_session_to(place.clone());
        settle(&mut window);
        window.get_by_label_contains("The session was not saved");
        window.get_by_label_contains("Save it in another place");
        let ids: Vec<u64> = window.state_mut().toasts.current(0.0).0.iter().map(|toast| toast.id).collect();
        ids.into_iter().for_each(|id| window.state_mut().toasts.close(id));
        assert_eq!(window.state().session.file, Some(good.clone()), "{}", place.display());
    }
    assert_eq!(std::fs::read(&good).expect("still there"), old);
    let left = std::fs::read_dir(folder.path()).expect("folder").flatten();
    assert!(left.into_iter().all(|entry| !entry.file_name().to_string_lossy().contains(".part")), "nothing is left");
    window.state_mut().run(Command::SaveSession);
    settle(&mut window);
    assert_ne!(std::fs::read(&good).expect("saved again"), old);
}
