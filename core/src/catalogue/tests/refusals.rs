//! What goes wrong: statuses, sizes, web pages, no network, a full disk. Each is one line.

use std::net::TcpListener;

use super::super::lock::Lock;
use super::server::Reply;
use super::*;

/// The one line of a download that must fail, and the number of requests.
fn failure(entry: &Entry, answer: impl Fn(usize) -> Reply + Send + 'static) -> (String, usize) {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(move |number, _| answer(number));
    let error = get(entry, home.path(), &server).unwrap_err();
    assert!(matches!(error, Error::Download { .. }), "{error:?}");
    let line = error.to_string();
    assert!(!line.contains('\n') && line.starts_with("cannot download ("), "{line}");
    assert!(line.ends_with(&format!("{}/authors.example/models/w.bin", server.url())), "{line}");
    assert!(!home.path().join("some-model/w.bin").exists());
    (line, server.asked().len())
}

#[test]
fn statuses_that_stay_are_asked_once_and_others_again() {
    let entry = model(&["w.bin"]);
    for (status, words, requests) in [
        (404, "has no such file (404): its authors may have moved it", 1),
        (403, "refuses (403): the file needs its authors' permission", 1),
        (401, "refuses (401)", 1),
        (400, "answers 400", 1),
        (204, "answers 204", 1),
        (206, "answers 206", 1),
        (416, "answers 416", 1),
        (500, "has a problem (500); tried 4 times; run it again later", 4),
        (503, "has a problem (503)", 4),
        (429, "asks for patience (429)", 4),
    ] {
        let (line, asked) = failure(&entry, move |_| Reply::status(status).header("Content-Length: 0"));
        assert!(line.contains(words), "{line}");
        assert_eq!(asked, requests, "{line}");
    }
}

#[test]
fn a_host_that_recovers_is_enough() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(|number, _| if number < 3 { Reply::status(503) } else { Reply::whole(b"weights") });
    assert_eq!(get(&model(&["w.bin"]), home.path(), &server).unwrap()[0].bytes, 7);
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn a_web_page_is_not_a_file() {
    for kind in ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"] {
        let (line, asked) = failure(&model(&["w.bin"]), move |_| {
            Reply::whole(b"<html>sign in</html>").header(&format!("Content-Type: {kind}"))
        });
        assert!(line.contains("sent a web page instead of the file"), "{line}");
        assert_eq!(asked, 1);
    }
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    let (line, _) = failure(&model(&["w.bin"]), move |_| Reply::whole(pointer).header("Content-Type: text/plain"));
    assert!(line.contains("a note of Git came instead of the file"), "{line}");
    let (line, _) = failure(&model(&["w.bin"]), |_| Reply::whole(b"x").header("Content-Encoding: gzip"));
    assert!(line.contains("compressed"), "{line}");
    let (line, _) = failure(&model(&["w.bin"]), |_| Reply::whole(b""));
    assert!(line.contains("the file is empty"), "{line}");
}

#[test]
fn a_file_of_another_size_is_refused_before_it_comes() {
    let entry = known(model(&["w.bin"]), Some(9), None);
    let (line, asked) = failure(&entry, |_| Reply::whole(b"seven.."));
    assert!(line.contains("offers 7 bytes, but the file has 9;") && line.contains("--accept-changed"), "{line}");
    assert_eq!(asked, 1);
    // Without an announced length it is seen as soon as there is too much, or at the end.
    let chunked = |body: &'static [u8]| move |_| Reply::status(200).header("Transfer-Encoding: chunked").body(body);
    let (line, _) = failure(&entry, chunked(b"a\r\n0123456789\r\n0\r\n\r\n"));
    assert!(line.contains("more than the 9 bytes"), "{line}");
    let (line, _) = failure(&entry, chunked(b"4\r\nfour\r\n0\r\n\r\n"));
    assert!(line.contains("it has 4 bytes, not 9"), "{line}");
    // A body shorter than announced is a dropped connection.
    let (line, asked) = failure(&model(&["w.bin"]), |_| Reply::whole(b"seven..").cut(3));
    assert!(line.contains("was dropped; tried 4 times"), "{line}");
    assert_eq!(asked, 4);
}

#[test]
fn without_a_network_there_is_one_clear_line() {
    let home = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut options = options(&format!("http://{address}"));
    // A minute's pause would be felt.
    options.patience.pauses = vec![Duration::from_secs(60)];
    let error = fetch(&model(&["w.bin"]), home.path(), &options, &Progress::silent()).unwrap_err().to_string();
    let expected = format!(
        "cannot download ({address} cannot be reached, the connection was refused; check the network and the proxy \
         settings): http://{address}/authors.example/models/w.bin"
    );
    assert_eq!(error, expected);
}

#[test]
fn a_wrong_mirror_is_said_before_anything_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let error = fetch(&model(&["w.bin"]), home.path(), &options("near:80"), &Progress::silent()).unwrap_err();
    assert!(error.to_string().contains("FLUORO_MODELS_MIRROR is \"near:80\", not an address"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let server = Server::of(b"weights", "\"a\"");
    let error = get(&model(&["w.bin"]), &file, &server).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
    assert!(server.asked().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_with_advice() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("some-model")).unwrap();
    // The device that is always full stands in for the disk.
    std::os::unix::fs::symlink("/dev/full", home.path().join("some-model/w.bin.part")).unwrap();
    let server = Server::of(b"weights", "\"a\"");
    let error = get(&model(&["w.bin"]), home.path(), &server).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
    assert!(error.to_string().contains("free some space or choose another disk"), "{error}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn two_at_once_do_not_write_over_each_other() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("some-model")).unwrap();
    let server = Server::of(b"weights", "\"a\"");
    let held = Lock::try_take(&home.path().join("some-model")).unwrap();
    let error = get(&model(&["w.bin"]), home.path(), &server).unwrap_err().to_string();
    assert!(error.contains("another Fluoro is downloading this model"), "{error}");
    drop(held);
    get(&model(&["w.bin"]), home.path(), &server).unwrap();
}
