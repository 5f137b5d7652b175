//! What goes right: whole files, several files, redirects, mirrors, progress.

use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;

use super::super::fetch::How;
use super::server::Reply;
use super::*;

#[test]
fn a_whole_file_comes_and_comes_only_once() {
    let home = tempfile::tempdir().unwrap();
    let body = bytes(300_000);
    let server = Server::of(&body, "\"a\"");
    let entry = model(&["weights.bin"]);
    let fetched = get(&entry, home.path(), &server).unwrap();
    let path = home.path().join("some-model/weights.bin");
    let expected = Fetched { path: path.clone(), bytes: 300_000, sha256: sha256(&body), how: How::Downloaded };
    assert_eq!(fetched, [expected]);
    assert_eq!(std::fs::read(&path).unwrap(), body);
    assert_eq!(names(home.path()), ["weights.bin"]);
    assert!(folder::is_here(home.path(), &entry));
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].path.as_str(), &asked[0].range), ("/authors.example/models/weights.bin", &None));
    assert!(asked[0].headers.contains(&"accept-encoding: identity".to_owned()), "{asked:?}");

    let again = get(&entry, home.path(), &server).unwrap();
    assert_eq!((again[0].how, &again[0].sha256), (How::AlreadyHere, &sha256(&body)));
    assert_eq!(server.asked().len(), 1, "a file that is here is not asked for");
    let said = text::fetched(&entry, &again);
    assert!(said.starts_with(&format!("was here, 300 kB, SHA-256 {}\n", sha256(&body))), "{said}");
}

#[test]
fn every_file_of_an_entry_comes() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(|_, asked| Reply::whole(asked.path.as_bytes()));
    let entry = model(&["config.json", "weights.bin"]);
    let fetched = get(&entry, home.path(), &server).unwrap();
    assert_eq!(names(home.path()), ["config.json", "weights.bin"]);
    for (file, name) in fetched.iter().zip(["config.json", "weights.bin"]) {
        let expected = format!("/authors.example/models/{name}");
        assert_eq!(std::fs::read_to_string(&file.path).unwrap(), expected);
    }
    assert!(folder::is_here(home.path(), &entry));
    std::fs::remove_file(&fetched[0].path).unwrap();
    assert!(!folder::is_here(home.path(), &entry));
    let again = get(&entry, home.path(), &server).unwrap();
    assert_eq!([again[0].how, again[1].how], [How::Downloaded, How::AlreadyHere]);
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn redirects_are_followed_and_keep_the_range() {
    let home = tempfile::tempdir().unwrap();
    let body = bytes(200_000);
    let whole = body.clone();
    let server = Server::start(move |number, asked| match (asked.path.as_str(), asked.first()) {
        ("/elsewhere/x?token=1", Some(first)) => Reply::rest(&whole, first).etag("\"a\""),
        ("/elsewhere/x?token=1", None) => Reply::whole(&whole).etag("\"a\"").cut(70_000),
        _ if number < 8 => Reply::status(302).header("Location: /elsewhere/x?token=1").header("Content-Length: 0"),
        _ => Reply::status(500),
    });
    let entry = model(&["weights.bin"]);
    let fetched = get(&entry, home.path(), &server).unwrap();
    assert_eq!(std::fs::read(&fetched[0].path).unwrap(), body);
    let asked = server.asked();
    let paths: Vec<&str> = asked.iter().map(|asked| asked.path.as_str()).collect();
    let (first, second) = ("/authors.example/models/weights.bin", "/elsewhere/x?token=1");
    assert_eq!(paths, [first, second, first, second]);
    assert_eq!(asked[3].first(), Some(70_000));
    // The server chose a path; the name here is the list's.
    assert_eq!(names(home.path()), ["weights.bin"]);
}

#[test]
fn redirects_without_end_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| Reply::status(302).header("Location: /again").header("Content-Length: 0"));
    let error = get(&model(&["weights.bin"]), home.path(), &server).unwrap_err().to_string();
    assert!(error.contains("redirects without end"), "{error}");
    assert_eq!(server.asked().len(), 9);
}

#[test]
fn without_a_mirror_the_authors_host_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::of(b"weights", "\"a\"");
    let file = RemoteFile { url: format!("{}/direct/w.bin", server.url()).leak(), ..model(&["w.bin"]).files[0] };
    let entry = Entry { files: vec![file].leak(), ..model(&["w.bin"]) };
    let direct = Options { mirror: None, ..options("http://unused") };
    fetch(&entry, home.path(), &direct, &Progress::silent()).unwrap();
    assert_eq!(server.asked()[0].path, "/direct/w.bin");
}

#[test]
fn a_body_without_a_length_is_complete_when_it_ends_in_order() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| {
        Reply::status(200).header("Transfer-Encoding: chunked").body(b"5\r\nhello\r\n7\r\n weight\r\n0\r\n\r\n")
    });
    let fetched = get(&model(&["w.bin"]), home.path(), &server).unwrap();
    assert_eq!(std::fs::read(&fetched[0].path).unwrap(), b"hello weight");

    let short = Server::start(|_, _| Reply::status(200).header("Transfer-Encoding: chunked").body(b"5\r\nhel"));
    let other = tempfile::tempdir().unwrap();
    let error = get(&model(&["w.bin"]), other.path(), &short).unwrap_err().to_string();
    assert!(error.contains("was dropped; tried 4 times"), "{error}");
}

#[test]
fn progress_counts_bytes_of_each_file() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::of(&bytes(200_000), "\"a\"");
    let steps = Mutex::new(Vec::new());
    let report = |step: crate::engine::Step<'_>| steps.lock().push((step.stage.to_owned(), step.done, step.total));
    let never = AtomicBool::new(false);
    fetch(&model(&["a.bin", "b.bin"]), home.path(), &options(&server.url()), &Progress::new(&report, &never)).unwrap();
    let steps = steps.into_inner();
    for (file, stage) in ["downloading some-model (1 of 2)", "downloading some-model (2 of 2)"].iter().enumerate() {
        let of: Vec<_> = steps.iter().filter(|(s, _, total)| s == stage && *total > 0).collect();
        assert!(of.iter().all(|(_, _, total)| *total == 200_000), "{steps:?}");
        assert!(of.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{steps:?}");
        assert_eq!(of.last().unwrap().1, 200_000, "file {file}");
    }
}
