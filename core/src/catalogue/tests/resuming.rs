//! Connections that break: in one call, across calls, with and without the host's help.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::super::fetch::How;
use super::server::Reply;
use super::*;

/// Cancels once `after` bytes are there.
fn get_until(entry: &Entry, folder: &Path, server: &Server, after: usize) -> Result<Vec<Fetched>> {
    let cancelled = AtomicBool::new(false);
    let report = |step: crate::engine::Step<'_>| {
        if step.stage.starts_with("downloading") && step.done >= after {
            cancelled.store(true, Ordering::Relaxed);
        }
    };
    fetch(entry, folder, &options(&server.url()), &Progress::new(&report, &cancelled))
}

fn part(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("some-model/weights.bin.part")).unwrap()
}

#[test]
fn a_dropped_connection_is_taken_up_where_it_ended() {
    let home = tempfile::tempdir().unwrap();
    let body = bytes(500_000);
    let whole = body.clone();
    // Every answer breaks off; new bytes start the tries anew, so five breaks are no more than one.
    let server = Server::start(move |_, asked| match asked.first() {
        None => Reply::whole(&whole).etag("\"a\"").cut(90_000),
        Some(first) => Reply::rest(&whole, first).etag("\"a\"").cut(90_000),
    });
    let fetched = get(&model(&["weights.bin"]), home.path(), &server).unwrap();
    assert_eq!(std::fs::read(&fetched[0].path).unwrap(), body);
    assert_eq!(fetched[0].sha256, sha256(&body));
    let firsts: Vec<_> = server.asked().iter().map(|asked| asked.first()).collect();
    assert_eq!(firsts, [None, Some(90_000), Some(180_000), Some(270_000), Some(360_000), Some(450_000)]);
    assert!(server.asked()[1..].iter().all(|asked| asked.if_range.as_deref() == Some("\"a\"")));
    assert_eq!(names(home.path()), ["weights.bin"]);
}

#[test]
fn a_cancelled_download_keeps_its_part_and_goes_on_in_the_next_call() {
    let home = tempfile::tempdir().unwrap();
    let body = bytes(1_000_000);
    let server = Server::of(&body, "\"a\"");
    let entry = model(&["weights.bin"]);
    assert!(matches!(get_until(&entry, home.path(), &server, 200_000), Err(Error::Cancelled)));
    assert_eq!(names(home.path()), ["weights.bin.part", "weights.bin.part.ron"]);
    let kept = part(home.path());
    assert!((200_000..1_000_000).contains(&kept.len()) && kept == body[..kept.len()], "{}", kept.len());

    let fetched = get(&entry, home.path(), &server).unwrap();
    assert_eq!((fetched[0].how, &fetched[0].sha256), (How::Resumed, &sha256(&body)));
    assert_eq!(std::fs::read(&fetched[0].path).unwrap(), body);
    assert_eq!(server.asked()[1].first(), Some(kept.len()));
    assert_eq!(names(home.path()), ["weights.bin"]);
}

#[test]
fn a_wish_to_stop_is_heard_while_the_host_is_silent() {
    let home = tempfile::tempdir().unwrap();
    let body = bytes(100_000);
    let server = Server::start(move |_, _| Reply::whole(&body).etag("\"a\"").hang(40_000));
    let start = Instant::now();
    let stopped = get_until(&model(&["weights.bin"]), home.path(), &server, 40_000);
    assert!(matches!(stopped, Err(Error::Cancelled)));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(part(home.path()).len(), 40_000);
}

#[test]
fn a_silent_host_counts_as_a_dropped_connection() {
    let home = tempfile::tempdir().unwrap();
    let body = bytes(100_000);
    let whole = body.clone();
    let server = Server::start(move |_, asked| match asked.first() {
        None => Reply::whole(&whole).etag("\"a\"").hang(40_000),
        Some(first) => Reply::rest(&whole, first).etag("\"a\""),
    });
    let mut options = options(&server.url());
    options.patience.silence = Duration::from_millis(300);
    let fetched = fetch(&model(&["weights.bin"]), home.path(), &options, &Progress::silent()).unwrap();
    assert_eq!(fetched[0].sha256, sha256(&body));
    assert_eq!(server.asked()[1].first(), Some(40_000));
}

#[test]
fn a_host_without_ranges_starts_over() {
    let home = tempfile::tempdir().unwrap();
    let body = bytes(200_000);
    let whole = body.clone();
    let server = Server::start(move |number, _| {
        let reply = Reply::whole(&whole).etag("\"a\"");
        if number == 0 { reply.cut(90_000) } else { reply }
    });
    let fetched = get(&model(&["weights.bin"]), home.path(), &server).unwrap();
    assert_eq!(std::fs::read(&fetched[0].path).unwrap(), body);
    assert_eq!(fetched[0].sha256, sha256(&body));
    assert_eq!(server.asked()[1].first(), Some(90_000));

    // One that always breaks at the same place is given up: no byte is new.
    let whole = body.clone();
    let hopeless = Server::start(move |_, _| Reply::whole(&whole).etag("\"a\"").cut(90_000));
    let other = tempfile::tempdir().unwrap();
    let error = get(&model(&["weights.bin"]), other.path(), &hopeless).unwrap_err().to_string();
    assert!(error.contains("tried 4 times, what has come is kept; run it again later"), "{error}");
    assert_eq!(hopeless.asked().len(), 4);
}

#[test]
fn without_a_validator_nothing_is_taken_up() {
    let home = tempfile::tempdir().unwrap();
    let body = bytes(200_000);
    let whole = body.clone();
    let server = Server::start(move |number, _| match number {
        0 => Reply::whole(&whole).cut(90_000),
        1 => Reply::whole(&whole).etag("W/\"weak\"").cut(80_000),
        _ => Reply::whole(&whole),
    });
    let fetched = get(&model(&["weights.bin"]), home.path(), &server).unwrap();
    assert_eq!(std::fs::read(&fetched[0].path).unwrap(), body);
    assert!(server.asked().iter().all(|asked| asked.range.is_none()));
}

#[test]
fn a_date_serves_where_there_is_no_tag() {
    let home = tempfile::tempdir().unwrap();
    let body = bytes(200_000);
    let whole = body.clone();
    let date = "Wed, 21 Oct 2015 07:28:00 GMT";
    let server = Server::start(move |_, asked| match asked.first() {
        None => Reply::whole(&whole).header(&format!("Last-Modified: {date}")).cut(90_000),
        Some(first) => Reply::rest(&whole, first).header(&format!("Last-Modified: {date}")),
    });
    let fetched = get(&model(&["weights.bin"]), home.path(), &server).unwrap();
    assert_eq!(fetched[0].sha256, sha256(&body));
    assert_eq!(server.asked()[1].if_range.as_deref(), Some(date));
}

#[test]
fn a_file_that_changes_between_two_parts_starts_over() {
    // As long as before: only the tag tells.
    let (old, new) = (bytes(200_000), vec![7; 200_000]);
    // A host that honours If-Range answers with the whole; one that does not answers with a rest under another tag.
    for is_honoured in [true, false] {
        let home = tempfile::tempdir().unwrap();
        let entry = model(&["weights.bin"]);
        let server = Server::of(&old, "\"old\"");
        assert!(matches!(get_until(&entry, home.path(), &server, 60_000), Err(Error::Cancelled)));
        let whole = new.clone();
        let server = Server::start(move |_, asked| match asked.first() {
            Some(first) if !is_honoured => Reply::rest(&whole, first).etag("\"new\""),
            _ => Reply::whole(&whole).etag("\"new\""),
        });
        let fetched = get(&entry, home.path(), &server).unwrap();
        assert_eq!(std::fs::read(&fetched[0].path).unwrap(), new);
        assert_eq!((fetched[0].how, &fetched[0].sha256), (How::Downloaded, &sha256(&new)));
        assert_eq!(server.asked()[0].if_range.as_deref(), Some("\"old\""));
        assert_eq!(server.asked().len(), if is_honoured { 1 } else { 2 });
    }
}

#[test]
fn a_rest_that_does_not_fit_starts_over() {
    let body = bytes(200_000);
    for wrong in ["bytes 5-199999/200000", "bytes 90000-199998/199999", "nonsense", ""] {
        let home = tempfile::tempdir().unwrap();
        let whole = body.clone();
        let server = Server::start(move |_, asked| match asked.first() {
            None if asked.range.is_none() && wrong.is_empty() => Reply::whole(&whole).etag("\"a\"").cut(90_000),
            None => Reply::whole(&whole).etag("\"a\""),
            Some(first) => {
                let reply = Reply::status(206).etag("\"a\"").body(&whole[first..]);
                let reply = reply.header(&format!("Content-Length: {}", whole.len() - first));
                if wrong.is_empty() { reply } else { reply.header(&format!("Content-Range: {wrong}")) }
            }
        });
        let entry = model(&["weights.bin"]);
        if wrong.is_empty() {
            // A host that never says which bytes it sends is given up.
            let error = get(&entry, home.path(), &server).unwrap_err().to_string();
            assert!(error.contains("the file changed at"), "{error}");
            continue;
        }
        let cut = Server::start({
            let whole = body.clone();
            move |_, _| Reply::whole(&whole).etag("\"a\"").hang(90_000)
        });
        assert!(matches!(get_until(&entry, home.path(), &cut, 90_000), Err(Error::Cancelled)));
        let fetched = get(&entry, home.path(), &server).unwrap();
        assert_eq!(fetched[0].sha256, sha256(&body), "{wrong}");
    }
}

#[test]
fn nothing_behind_the_part_completes_it_or_starts_over() {
    let body = bytes(100_000);
    // Whether the host says that the file is as long as the part.
    for is_whole in [true, false] {
        let home = tempfile::tempdir().unwrap();
        let entry = model(&["weights.bin"]);
        // The whole comes without its length, and the call ends before the body does.
        let whole = body.clone();
        let endless = Server::start(move |_, _| {
            let mut chunk = format!("{:x}\r\n", whole.len()).into_bytes();
            chunk.extend_from_slice(&whole);
            let length = chunk.len();
            Reply::status(200).etag("\"a\"").header("Transfer-Encoding: chunked").body(&chunk).hang(length)
        });
        assert!(matches!(get_until(&entry, home.path(), &endless, 100_000), Err(Error::Cancelled)));
        let whole = body.clone();
        let server = Server::start(move |_, asked| match asked.first() {
            None => Reply::whole(&whole).etag("\"a\""),
            Some(first) => {
                let total = if is_whole { first } else { first - 1 };
                Reply::status(416).etag("\"a\"").header(&format!("Content-Range: bytes */{total}"))
            }
        });
        let fetched = get(&entry, home.path(), &server).unwrap();
        assert_eq!(fetched[0].sha256, sha256(&body));
        assert_eq!(server.asked().len(), if is_whole { 1 } else { 2 });
    }
}

#[test]
fn a_part_without_its_note_or_of_another_address_starts_over() {
    let body = bytes(100_000);
    let entry = model(&["weights.bin"]);
    for spoil in 0..4 {
        let home = tempfile::tempdir().unwrap();
        let server = Server::of(&body, "\"a\"");
        assert!(matches!(get_until(&entry, home.path(), &server, 10_000), Err(Error::Cancelled)));
        let note = home.path().join("some-model/weights.bin.part.ron");
        let text = std::fs::read_to_string(&note).unwrap();
        match spoil {
            0 => std::fs::remove_file(&note).unwrap(),
            1 => std::fs::write(&note, "not RON").unwrap(),
            2 => std::fs::write(&note, text.replace("authors.example", "others.example")).unwrap(),
            _ => std::fs::write(home.path().join("some-model/weights.bin.part"), bytes(100_001)).unwrap(),
        }
        let server = Server::of(&body, "\"a\"");
        let fetched = get(&entry, home.path(), &server).unwrap();
        assert_eq!((fetched[0].how, &fetched[0].sha256), (How::Downloaded, &sha256(&body)), "{spoil}");
        assert_eq!(server.asked()[0].range, None);
    }
}

#[test]
fn a_rest_that_comes_in_pieces_is_asked_for_to_its_end() {
    let home = tempfile::tempdir().unwrap();
    let body = bytes(200_000);
    let whole = body.clone();
    // Each answer ends in order, with a part of the rest only (RFC 9110, 15.3.7).
    let server = Server::start(move |_, asked| match asked.first() {
        None => Reply::whole(&whole).etag("\"a\"").cut(50_000),
        Some(first) => {
            let end = (first + 60_000).min(whole.len());
            Reply::status(206)
                .etag("\"a\"")
                .header(&format!("Content-Length: {}", end - first))
                .header(&format!("Content-Range: bytes {first}-{}/{}", end - 1, whole.len()))
                .body(&whole[first..end])
        }
    });
    let fetched = get(&model(&["weights.bin"]), home.path(), &server).unwrap();
    assert_eq!((fetched[0].bytes, &fetched[0].sha256), (200_000, &sha256(&body)));
    let firsts: Vec<_> = server.asked().iter().map(|asked| asked.first()).collect();
    assert_eq!(firsts, [None, Some(50_000), Some(110_000), Some(170_000)]);
}
