//! `fluoro models`: the list, and fetching from a host on this machine. How downloads survive every kind of trouble is
//! tested beside the downloader.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use fluoro_tests::{fluoro_in, names_in, program, repository};
use serde_json::Value;

/// A host that answers every request with `body` until the test ends.
fn host(body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
            let asked: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            if asked.is_empty() {
                continue;
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    };
    std::thread::Builder::new().name("host".into()).spawn(serve).expect("a thread");
    format!("http://{address}")
}

fn get(home: &Path, mirror: &str, arguments: &[&str]) -> std::process::Output {
    Command::new(program())
        .args(["models", "get"])
        .args(arguments)
        .args(["--json", "--device", "cpu"])
        .current_dir(home)
        .env("FLUORO_MODELS", home.join("models"))
        .env("FLUORO_MODELS_MIRROR", mirror)
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .expect("the program starts")
}

#[test]
fn the_list_says_where_weights_are_and_what_they_may_be_used_for() {
    let home = tempfile::tempdir().expect("a folder");
    let list = fluoro_in(home.path(), ["models", "--json"]).json();
    let models = list["models"].as_array().expect("models");
    assert!(models.len() >= 20);
    for model in models {
        assert!(model["name"].is_string() && model["citation"]["title"].is_string(), "{model}");
        for file in model["files"].as_array().expect("files") {
            assert!(file["url"].as_str().expect("an address").starts_with("https://"), "{file}");
        }
    }
    let words = fluoro_in(home.path(), ["models"]);
    assert!(
        words.out.lines().all(|line| line.chars().count() <= 100) && words.out.contains("rad-dino"),
        "{}",
        words.out
    );
    let about = fluoro_in(home.path(), ["models", "about", "rad-dino"]);
    assert!(about.out.contains("https://") && about.out.contains("licence"), "{}", about.out);
    let unknown = fluoro_in(home.path(), ["models", "about", "rad-dina"]);
    assert!(unknown.complaint().contains("nearest: rad-dino"), "{unknown:?}");
}

#[test]
fn fetched_weights_become_a_bundle_and_are_pinned() {
    let home = tempfile::tempdir().expect("a folder");
    let weights = std::fs::read(repository().join("tests/parity/conv_reference/zech.pth.tar")).expect("weights");
    let first = get(home.path(), &host(weights.clone()), &["zech-chexnet", "-o", "chexnet"]);
    assert!(first.status.success(), "{first:?}");
    let said: Value = serde_json::from_slice(&first.stdout).expect("JSON");
    assert_eq!(
        (said["files"][0]["how"].as_str(), said["files"][0]["bytes"].as_u64()),
        (Some("downloaded"), Some(weights.len() as u64))
    );
    assert!(said["imported"]["labels"].to_string().contains("Hernia"));
    assert!(home.path().join("chexnet/bundle.ron").is_file());

    // It is here now: no host is asked, and nothing is fetched twice.
    let again = get(home.path(), "http://127.0.0.1:9", &["zech-chexnet", "--download-only"]);
    assert!(again.status.success() && String::from_utf8_lossy(&again.stdout).contains("already-here"), "{again:?}");

    // Another file under the same name is refused until it is accepted, and the first stays.
    let kept = home.path().join("models/zech-chexnet");
    let name = names_in(&kept).into_iter().find(|name| !name.contains('.') || name.ends_with("tar")).expect("the file");
    std::fs::remove_file(kept.join(&name)).expect("removed");
    let mut other = weights;
    other.push(0);
    let changed = get(home.path(), &host(other), &["zech-chexnet", "--download-only"]);
    let words = String::from_utf8_lossy(&changed.stderr).into_owned();
    assert_eq!(changed.status.code(), Some(1));
    assert!(words.contains("--accept-changed") && !kept.join(&name).exists(), "{words}");
}
