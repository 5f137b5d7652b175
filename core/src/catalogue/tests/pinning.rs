//! The first download is trusted, every later one must be the same.

use super::super::fetch::How;
use super::super::pins::{FILE, Pin, Pins};
use super::*;

fn accepting(server: &Server) -> Options {
    Options { accepts_changed: true, ..options(&server.url()) }
}

#[test]
fn another_file_under_the_same_name_is_refused_and_can_be_accepted() {
    let home = tempfile::tempdir().unwrap();
    let entry = model(&["w.bin"]);
    let (old, new) = (b"old weights", b"new weights");
    let first = get(&entry, home.path(), &Server::of(old, "\"a\"")).unwrap();
    let pin = Pin { sha256: sha256(old), bytes: 11, url: "https://authors.example/models/w.bin".to_owned() };
    assert_eq!(Pins::read(home.path()).unwrap().get("some-model", "w.bin"), Some(&pin));
    std::fs::remove_file(&first[0].path).unwrap();

    let server = Server::of(new, "\"b\"");
    let error = get(&entry, home.path(), &server).unwrap_err().to_string();
    let words = format!(
        "this is not the file pinned when it first came: its SHA-256 is {}, not {}; nothing was kept; if its authors \
         announced a new version, --accept-changed takes it",
        sha256(new),
        sha256(old)
    );
    assert!(error.contains(&words), "{error}");
    assert!(names(home.path()).is_empty(), "{:?}", names(home.path()));
    assert_eq!(Pins::read(home.path()).unwrap().get("some-model", "w.bin"), Some(&pin));

    let fetched = fetch(&entry, home.path(), &accepting(&server), &Progress::silent()).unwrap();
    assert_eq!(fetched[0].sha256, sha256(new));
    assert_eq!(Pins::read(home.path()).unwrap().get("some-model", "w.bin").unwrap().sha256, sha256(new));
    get(&entry, home.path(), &server).unwrap();
}

#[test]
fn a_file_of_another_size_than_its_pin_does_not_even_come() {
    let home = tempfile::tempdir().unwrap();
    let entry = model(&["w.bin"]);
    let first = get(&entry, home.path(), &Server::of(b"old weights", "\"a\"")).unwrap();
    std::fs::remove_file(&first[0].path).unwrap();
    let error = get(&entry, home.path(), &Server::of(b"longer weights", "\"b\"")).unwrap_err().to_string();
    assert!(error.contains("offers 14 bytes, but the file has 11"), "{error}");
}

#[test]
fn what_the_list_knows_is_the_pin_before_there_is_one() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::of(b"weights", "\"a\"");
    let wrong = known(model(&["w.bin"]), Some(7), Some(&sha256(b"others!")));
    let error = get(&wrong, home.path(), &server).unwrap_err().to_string();
    assert!(error.contains("this is not the file that Fluoro's list knows: its SHA-256 is"), "{error}");
    let right = known(model(&["w.bin"]), Some(7), Some(&sha256(b"weights")));
    assert_eq!(get(&right, home.path(), &server).unwrap()[0].how, How::Downloaded);
}

#[test]
fn a_file_that_was_changed_here_is_not_used() {
    let home = tempfile::tempdir().unwrap();
    let entry = model(&["w.bin"]);
    let server = Server::of(b"weights", "\"a\"");
    let path = get(&entry, home.path(), &server).unwrap().remove(0).path;
    std::fs::write(&path, "damaged").unwrap();
    let error = get(&entry, home.path(), &server).unwrap_err().to_string();
    let words = format!("its SHA-256 is {}, not {}; delete the file", sha256(b"damaged"), sha256(b"weights"));
    assert!(error.contains(&words) && error.ends_with(&path.display().to_string()), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"damaged");
    assert_eq!(server.asked().len(), 1);
    let kept = fetch(&entry, home.path(), &accepting(&server), &Progress::silent()).unwrap();
    assert_eq!((kept[0].how, &kept[0].sha256), (How::AlreadyHere, &sha256(b"damaged")));
}

#[test]
fn a_file_laid_here_by_hand_is_pinned() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::of(b"weights", "\"a\"");
    std::fs::create_dir(home.path().join("some-model")).unwrap();
    std::fs::write(home.path().join("some-model/w.bin"), "by hand").unwrap();
    let fetched = get(&model(&["w.bin"]), home.path(), &server).unwrap();
    assert_eq!(fetched[0].how, How::AlreadyHere);
    assert!(server.asked().is_empty());
    assert_eq!(Pins::read(home.path()).unwrap().get("some-model", "w.bin").unwrap().sha256, sha256(b"by hand"));
}

#[test]
fn pins_of_others_stay_and_damaged_pins_are_not_replaced() {
    let home = tempfile::tempdir().unwrap();
    let pin = |text: &str| Pin { sha256: sha256(text.as_bytes()), bytes: 1, url: "https://x".to_owned() };
    Pins::set(home.path(), "a", "x", pin("1")).unwrap();
    Pins::set(home.path(), "b", "x", pin("2")).unwrap();
    let pins = Pins::read(home.path()).unwrap();
    assert_eq!((pins.get("a", "x"), pins.get("b", "x")), (Some(&pin("1")), Some(&pin("2"))));
    assert_eq!(pins.get("a", "y"), None);

    let file = home.path().join(FILE);
    std::fs::write(&file, "(pins: {").unwrap();
    let server = Server::of(b"weights", "\"a\"");
    let error = get(&model(&["w.bin"]), home.path(), &server).unwrap_err().to_string();
    assert!(error.contains("the pins are damaged") && error.contains("mend it, or delete it"), "{error}");
    assert!(Pins::set(home.path(), "a", "x", pin("3")).is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "(pins: {");
    assert!(server.asked().is_empty());
    std::fs::write(&file, vec![b' '; (1 << 22) + 1]).unwrap();
    assert!(Pins::read(home.path()).unwrap_err().to_string().contains("too large"));
}

#[test]
fn pins_set_at_the_same_time_are_all_kept() {
    let home = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let folder = home.path();
            std::thread::Builder::new()
                .name(format!("writer-{writer}"))
                .spawn_scoped(scope, move || {
                    for number in 0..10 {
                        let pin = Pin { sha256: sha256(&[writer]), bytes: 1, url: String::new() };
                        Pins::set(folder, &format!("m{writer}"), &number.to_string(), pin).unwrap();
                    }
                })
                .unwrap();
        }
    });
    let pins = Pins::read(home.path()).unwrap();
    assert!((0..4).all(|w| (0..10).all(|n| pins.get(&format!("m{w}"), &format!("{n}")).is_some())));
}
