//! The list is sound; downloads are tested against a host on this machine.

mod downloads;
mod pinning;
mod refusals;
mod resuming;
mod server;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::fetch::{Fetched, fetch};
use super::options::{Options, Patience};
use super::{Citation, Entry, Part, RemoteFile, entries, find, folder, text};
use crate::engine::Progress;
use crate::error::{Error, Result};
use server::Server;

/// A model whose files lie at `https://authors.example/models/`.
fn model(files: &[&str]) -> Entry {
    let files: Vec<RemoteFile> = files
        .iter()
        .map(|name| RemoteFile {
            name: name.to_string().leak(),
            url: format!("https://authors.example/models/{name}").leak(),
            bytes: None,
            about_bytes: None,
            sha256: None,
        })
        .collect();
    Entry {
        name: "some-model",
        what: "A model for tests",
        gives: &[Part::Encoder],
        files: files.leak(),
        labels: None,
        encoder: None,
        licence: None,
        citation: Citation { authors: "A", title: "T", venue: "V", year: None },
        notes: &[],
    }
}

/// The same with what the list knows of its first file.
fn known(entry: Entry, bytes: Option<u64>, sha256: Option<&str>) -> Entry {
    let sha256 = sha256.map(|text| &*text.to_owned().leak());
    let files = entry.files.iter().map(|file| RemoteFile { bytes, sha256, ..*file }).collect::<Vec<_>>();
    Entry { files: files.leak(), ..entry }
}

/// Three new tries without a pause.
fn options(mirror: &str) -> Options {
    Options {
        mirror: Some(mirror.to_owned()),
        is_proxied: false,
        accepts_changed: false,
        patience: Patience {
            connect: Duration::from_secs(5),
            silence: Duration::from_secs(5),
            pauses: vec![Duration::ZERO; 3],
        },
    }
}

fn get(entry: &Entry, folder: &Path, server: &Server) -> Result<Vec<Fetched>> {
    fetch(entry, folder, &options(&server.url()), &Progress::silent())
}

/// Bytes that differ everywhere.
fn bytes(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Names in a model's folder but for the lock.
fn names(folder: &Path) -> Vec<String> {
    let there = std::fs::read_dir(folder.join("some-model")).unwrap();
    let mut names: Vec<String> = there.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != ".lock");
    names.sort();
    names
}

#[test]
fn every_entry_is_sound() {
    let mut seen = BTreeSet::new();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    for entry in entries() {
        let name = entry.name;
        assert!(seen.insert(name), "{name} twice");
        assert!(name.chars().all(|c| is_plain(c) || c == '-') && name.starts_with(is_plain), "{name}");
        assert!(!entry.files.is_empty() && !entry.gives.is_empty(), "{name}");
        for words in [entry.what, entry.citation.authors, entry.citation.title, entry.citation.venue] {
            assert!(!words.is_empty() && !words.contains("  ") && !words.ends_with('.'), "{name}: {words}");
        }
        for note in entry.notes {
            assert!(!note.contains("  ") && !note.ends_with('.'), "{name}: {note}");
        }
        let mut files = BTreeSet::new();
        for file in entry.files {
            assert!(files.insert(file.name), "{name}: {} twice", file.name);
            let is_safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            assert!(file.name.chars().all(is_safe) && file.name.starts_with(is_safe), "{name}: {}", file.name);
            assert!(!file.name.starts_with('.') && Path::new(file.name).components().count() == 1, "{}", file.name);
            for ours in [".part", ".part.ron", ".lock"] {
                assert!(!file.name.ends_with(ours), "{name}: {} is a name of ours", file.name);
            }
            let host = file.url.strip_prefix("https://").expect(file.url).split('/').next().unwrap();
            assert!(["github.com", "huggingface.co"].contains(&host), "{name}: {host}");
            assert!(!file.url.contains(char::is_whitespace) && !file.url.contains("..") && file.url.is_ascii());
            assert!(file.url.ends_with(file.name), "{name}: {} from {}", file.name, file.url);
            assert!(file.bytes.is_none() || file.about_bytes.is_none(), "{name}: {} has two sizes", file.name);
            if let Some(digest) = file.sha256 {
                let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
                assert!(digest.len() == 64 && digest.chars().all(is_digit), "{name}: {digest}");
            }
        }
        if let Some(encoder) = entry.encoder {
            assert_eq!(entry.gives, [Part::Sae], "{name}");
            assert!(find(encoder).unwrap().gives.contains(&Part::Encoder), "{name} reads {encoder}");
        }
        let gives_scores = entry.gives.contains(&Part::Classifier);
        assert_eq!(entry.labels.is_some(), gives_scores, "{name}: labels belong to classifiers");
    }
    assert_eq!(seen.len(), 26);
}

#[test]
fn an_unknown_name_names_the_nearest() {
    assert_eq!(find("rad-dino").unwrap().name, "rad-dino");
    let error = find("raddino").unwrap_err().to_string();
    assert!(error.starts_with("unknown model \"raddino\"; nearest: rad-dino"), "{error}");
}

#[test]
fn the_list_fits_its_columns_and_json_keeps_the_fields() {
    let list = text::list(entries(), |entry| entry.name == "rad-dino");
    assert!(list.lines().all(|line| line.chars().count() <= text::WIDTH), "{list}");
    assert!(list.contains("* rad-dino") && list.ends_with("* its files are on this machine\n"), "{list}");
    assert!(!text::list(entries(), |_| false).contains('*'));
    for entry in entries() {
        let start = format!("{}  ", entry.name);
        let row =
            list.lines().find(|line| line[2..].starts_with(&start) || line[2..].trim_end() == entry.name).unwrap();
        assert!(row.contains(entry.licence.unwrap_or("not stated")), "{row}");
        let words = text::describe(entry);
        let urls: Vec<&str> = entry.files.iter().map(|file| file.url).collect();
        for line in words.lines() {
            assert!(line.chars().count() <= text::WIDTH || urls.contains(&line.trim()), "{line}");
        }
        assert!(urls.iter().all(|url| words.contains(url)), "{words}");
        for note in entry.notes {
            assert!(words.split_whitespace().collect::<Vec<_>>().join(" ").contains(note), "{words}");
        }
    }
    let json = serde_json::to_value(find("rad-dino").unwrap()).unwrap();
    assert_eq!(json["gives"], serde_json::json!(["encoder"]));
    assert_eq!(json["files"][2]["bytes"], 346_345_912);
    assert_eq!(json["labels"], serde_json::Value::Null);
}

#[test]
fn sizes_are_read_at_a_glance() {
    let read = |size| text::bytes(size);
    assert_eq!(read(0), "0 B");
    assert_eq!(read(999), "999 B");
    assert_eq!(read(1000), "1.00 kB");
    assert_eq!(read(28_382_008), "28.4 MB");
    assert_eq!(read(346_345_912), "346 MB");
    assert_eq!(read(999_999_999), "1.00 GB");
    assert_eq!(read(1_710_540_580), "1.71 GB");
    assert_eq!(find("xrv-densenet121-all").unwrap().bytes(), Some((28_382_008, true)));
    assert_eq!(find("xrv-densenet121-nih").unwrap().bytes(), Some((28_400_000, false)));
    assert_eq!(find("zech-chexnet").unwrap().bytes(), None);
}

#[test]
fn the_folder_follows_the_environment() {
    let home = |pairs: &'static [(&'static str, &'static str)]| {
        folder::folder_from(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v)))
    };
    assert_eq!(home(&[("FLUORO_MODELS", "/data"), ("HOME", "/me")]).unwrap(), Path::new("/data"));
    assert!(home(&[]).unwrap_err().to_string().contains("FLUORO_MODELS"));
    if cfg!(target_os = "linux") {
        let usual = PathBuf::from("/me/.local/share/fluoro/models");
        assert_eq!(home(&[("HOME", "/me"), ("FLUORO_MODELS", "")]).unwrap(), usual);
        assert_eq!(home(&[("HOME", "/me"), ("XDG_DATA_HOME", "relative")]).unwrap(), usual);
        assert_eq!(home(&[("XDG_DATA_HOME", "/x")]).unwrap(), Path::new("/x/fluoro/models"));
    }
}

#[test]
fn a_mirror_keeps_host_and_path() {
    let url = "https://github.com/mlmed/file.pt";
    assert_eq!(folder::address(url, None), url);
    assert_eq!(folder::address(url, Some("http://near:8080")), "http://near:8080/github.com/mlmed/file.pt");
    assert_eq!(folder::checked_mirror("http://near:8080//").unwrap(), "http://near:8080");
    for wrong in ["near:8080", "ftp://near", "http://", "http:///x"] {
        assert!(matches!(folder::checked_mirror(wrong), Err(Error::Invalid(_))), "{wrong}");
    }
}
