//! From films to sentences, from the outside: encode, train an SAE on the store, label it, report a film, score the reports.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::OnceLock;

use fluoro_core::bundle::{BundleFiles, BundleSource};
use fluoro_core::label::Labels;
use fluoro_core::store::Store;
use fluoro_tests::{fluoro_in, repository};
use serde_json::Value;

/// A folder with phantoms, their store by the built-in bundle, and its labels; made once for all tests.
fn place() -> &'static Path {
    static PLACE: OnceLock<tempfile::TempDir> = OnceLock::new();
    PLACE
        .get_or_init(|| {
            let home = tempfile::tempdir().unwrap();
            for words in [
                "phantom -o films --count 400 --seed 11 --size 112",
                "phantom -o fresh --count 40 --seed 12 --size 112 --truth",
                "encode films -o store --bundle phantom",
                "label store --reports films/reports.csv",
            ] {
                let said = fluoro_in(home.path(), words.split(' '));
                assert_eq!(said.code, 0, "{words}: {said:?}");
            }
            home
        })
        .path()
}

fn run(words: &str) -> Value {
    fluoro_in(place(), words.split(' ').chain(["--json"])).json()
}

fn refused(words: &str) -> String {
    fluoro_in(place(), words.split(' ')).complaint().to_owned()
}

#[test]
fn features_are_named_after_what_their_films_have_in_common() {
    let said = run("label store --reports films/reports.csv -o again.ron");
    let labels = said["labels"].as_array().unwrap();
    assert!(labels.len() > 50, "{} labels", labels.len());
    // Best first, and the bundle's PORTABLE feature is known by its column.
    let best = &labels[0];
    assert!(best["detection"]["auc"]["value"].as_f64().unwrap() > 0.95, "{best}");
    let texts: Vec<&str> = labels.iter().map(|label| label["text"].as_str().unwrap()).collect();
    assert!(texts.iter().any(|text| text.contains("PORTABLE")), "{texts:?}");
    assert!(texts.iter().any(|text| text.to_lowercase().contains("effusion")), "{texts:?}");
    // The same films and options, the same labels.
    let [first, second] = ["store/labels.ron", "again.ron"].map(|name| std::fs::read(place().join(name)).unwrap());
    assert!(first == second);
    // Without reports the columns speak.
    let alone = run("label store -o columns.ron");
    let sources = alone["labels"].as_array().unwrap().iter().map(|label| label["source"].as_str().unwrap());
    assert!(sources.clone().count() > 0 && sources.clone().all(|source| source.contains("column")), "{alone}");
}

#[test]
fn the_labels_that_ship_are_of_the_bundle_that_ships() {
    let source = BundleSource::Embedded("phantom".into());
    let labels = Labels::of_bundle(&source).unwrap().expect("it brings labels");
    let manifest = fluoro_core::bundle::load::manifest(&BundleFiles::open(&source).unwrap()).unwrap();
    assert_eq!(labels.bundle_hash, manifest.encoding_hash());
    let features = manifest.sae.as_ref().unwrap().architecture.features();
    assert!(labels.iter().count() > features / 2 && labels.iter().all(|label| (label.feature as usize) < features));
    assert_eq!(Labels::read(&repository().join("models/phantom/labels.ron")).unwrap(), labels);
}

#[test]
fn a_sheet_shows_a_feature_by_its_label() {
    let said = run("gallery store --feature 355 -o sheet.png");
    assert_eq!(said["statistics"]["feature"], 355);
    let top = said["top"].as_array().unwrap();
    assert!(top.len() == 20 && top.windows(2).all(|pair| pair[0]["value"].as_f64() >= pair[1]["value"].as_f64()));
    let png = image::open(place().join("sheet.png")).unwrap().to_luma8();
    assert!(png.width() > 1000 && png.pixels().map(|pixel| u64::from(pixel[0])).sum::<u64>() > 1_000_000);
    let label = said["label"].as_str().unwrap();
    let again = fluoro_in(place(), ["gallery", "store", "--feature", label, "-o", "by-label.png", "--json"]).json();
    assert_eq!(again["label"], label);
    assert!(refused("gallery store --feature 512 -o no.png").contains("512"));
    assert!(refused("gallery store --feature cardiomegly-ish -o no.png").contains("unknown feature"));
    assert!(refused("gallery films --feature 1 -o no.png").contains("store"));
}

#[test]
fn sentences_name_their_features_and_lie_on_the_film() {
    let film = std::fs::read_dir(place().join("fresh/images")).unwrap().next().unwrap().unwrap().path();
    let film = film.to_str().unwrap();
    let said = run(&format!("report {film} --labels store --bundle phantom -o report.json"));
    let sentences: Vec<&Value> =
        ["acquisition", "findings", "impression"].iter().flat_map(|part| said[part].as_array().unwrap()).collect();
    assert!(!sentences.is_empty(), "{said}");
    for sentence in &sentences {
        let features = sentence["features"].as_array().unwrap();
        assert!(!features.is_empty() || sentence["certainty"] == "negative", "{sentence}");
        for side in sentence["boxes"].as_array().unwrap() {
            let numbers: Vec<u64> = side.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
            assert!(numbers[0] + numbers[2] <= 112 && numbers[1] + numbers[3] <= 112, "{sentence}");
        }
    }
    assert!(sentences.iter().any(|sentence| !sentence["boxes"].as_array().unwrap().is_empty()), "{said}");
    assert_eq!(
        fluoro_in(place(), ["report", film, "--labels", "store", "--bundle", "phantom", "-o", "r.dcm.txt"]).code,
        0
    );
    let text = std::fs::read_to_string(place().join("r.dcm.txt")).unwrap();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 72) && words.contains("not for diagnosis"));

    // The built-in bundle of phantoms brings its own labels, the other one none.
    let own = run(&format!("report {film} --bundle phantom"));
    assert!(own["findings"].as_array().is_some_and(|said| !said.is_empty()), "{own}");
    assert!(refused(&format!("report {film} --bundle nih-small")).contains("--labels"));
    assert!(refused(&format!("report {film} --labels store --bundle nih-small")).contains("another bundle"));
}

/// A server on this machine that answers one request with `answer` of its prompt, as an OpenAI-compatible one does; its
/// address, and what it was sent.
fn endpoint(answer: impl FnOnce(&str) -> String + Send + 'static) -> (String, std::thread::JoinHandle<Value>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = std::thread::Builder::new().name("endpoint".to_owned());
    let served = server.spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut byte = [0; 1];
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        let head = String::from_utf8(request).unwrap().to_lowercase();
        assert!(head.starts_with("post /v1/chat/completions "), "{head}");
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap().trim().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let text = answer(body["messages"][0]["content"].as_str().unwrap());
        let said = serde_json::json!({"choices": [{"message": {"content": text}}]}).to_string();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}", said.len()).unwrap();
        body
    });
    (address, served.unwrap())
}

#[test]
fn a_report_is_rewritten_where_asked_and_what_differs_is_told() {
    let film = std::fs::read_dir(place().join("fresh/images")).unwrap().next().unwrap().unwrap().path();
    let film = film.to_str().unwrap();
    let ask = |address: &str, more: &[&str]| {
        let words =
            ["report", film, "--labels", "store", "--bundle", "phantom", "--rewrite", address, "--model", "writer"];
        fluoro_in(place(), words.iter().chain(more))
    };
    let plain = run(&format!("report {film} --labels store --bundle phantom"));
    assert!(plain["rewritten"].is_null());

    // A model that only repeats the report changes no finding.
    let repeat = |prompt: &str| {
        let report = prompt.split_once("Report:\n").unwrap().1;
        report.split_once("\n\nAnswer with").unwrap().0.to_owned()
    };
    let (address, served) = endpoint(repeat);
    let said = ask(&address, &["--json"]);
    let sent = served.join().unwrap();
    assert_eq!((sent["model"].as_str(), sent["max_tokens"].as_u64()), (Some("writer"), Some(2048)));
    let prompt = sent["messages"][0]["content"].as_str().unwrap();
    assert!(!prompt.contains(film) && !prompt.contains("[feature"), "only the report's words are sent: {prompt}");
    assert!(!said.err.contains("warning: the rewriting"), "{said:?}");
    let said = said.json();
    let rewritten = &said["rewritten"];
    assert_eq!(
        (rewritten["differences"].as_array().map(Vec::len), rewritten["prompt"].as_str()),
        (Some(0), Some(prompt))
    );
    assert_eq!(
        (rewritten["model"].as_str(), rewritten["place"].as_str()),
        (Some("writer"), Some(&*format!("{address}/chat/completions")))
    );
    for part in ["acquisition", "findings", "impression"] {
        assert_eq!(said[part], plain[part], "the original stays beside it");
    }

    // One that leaves everything out and adds a finding is told of, and both texts are written.
    let new = |prompt: &str| {
        let classes = ["Pneumothorax", "Nodule", "Pacemaker", "Piercing", "Sternotomy wires"];
        let unnamed = classes.into_iter().find(|class| !prompt.to_lowercase().contains(&class.to_lowercase()));
        unnamed.expect("no film has everything")
    };
    let added = new(prompt);
    let (address, served) = endpoint(move |prompt| format!("There is {}.", new(prompt).to_lowercase()));
    let said = ask(&address, &["-o", "rewritten.txt"]);
    served.join().unwrap();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains(&format!("warning: the rewriting changes a finding: {added} is not named")), "{said:?}");
    let text = std::fs::read_to_string(place().join("rewritten.txt")).unwrap();
    let (above, below) = text.split_once("ORIGINAL, WITHOUT REWRITING").unwrap();
    assert!(above.starts_with("There is ") && above.contains(&format!("Differs: {added} is not named")), "{text}");
    assert!(
        above.contains("Rewritten by writer at http://127.0.0.1") && below.to_lowercase().contains("not for diagnosis")
    );

    // A server that does not answer, and half an instruction, write nothing.
    let refused = ask("http://127.0.0.1:9/v1", &["-o", "none.txt"]);
    assert!(
        refused.code == 1 && refused.err.contains("did not answer") && !place().join("none.txt").exists(),
        "{refused:?}"
    );
    let half = ["report", film, "--labels", "store", "--bundle", "phantom", "--rewrite", "http://localhost:9/v1"];
    assert_eq!(fluoro_in(place(), half).code, 2);
}

#[test]
fn reports_are_scored_against_those_that_were_written() {
    let said = run("evaluate report fresh --labels store --bundle phantom --films 30");
    let scores = &said["scores"];
    assert_eq!(scores["reports"], 30);
    let micro = scores["all"]["micro"].as_f64().unwrap();
    assert!((0.2..=1.0).contains(&micro), "{micro}");
    assert!(
        said["grounding"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| (0.0..=1.0).contains(&row["iou"]["mean"].as_f64().unwrap()))
    );
    assert!(!said["grounding"].as_array().unwrap().is_empty(), "{said}");
}

#[test]
fn an_sae_is_trained_on_a_store_of_its_bundle() {
    let from = repository().join("models/phantom");
    let bundle = place().join("mine");
    std::fs::create_dir(&bundle).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), bundle.join(entry.file_name())).unwrap();
    }
    let mut manifest = fluoro_core::bundle::save::existing_manifest(&bundle).unwrap().unwrap();
    manifest.gallery.clear();
    manifest.files.retain(|name, _| !name.starts_with("gallery/"));
    std::fs::write(bundle.join("bundle.ron"), ron_of(&manifest)).unwrap();
    let said =
        run("train sae store -o mine --kind topk --features 128 --active 8 --epochs 1 --batch 256 --sae-lens lens");
    assert!(said["quality"]["explained_variance"].as_f64().unwrap() > 0.5, "{said}");
    assert!((said["quality"]["active"].as_f64().unwrap() - 8.0).abs() < 0.5, "{said}");
    assert!(place().join("lens/cfg.json").is_file() && place().join("lens/sae_weights.safetensors").is_file());
    assert!(!place().join("mine.stored-sae.checkpoint").exists());
    // The bundle opens with it, and encodes films by it.
    let encoded = run("encode fresh -o own-store --bundle mine");
    assert_eq!((encoded["features"].as_u64(), encoded["films"].as_u64()), (Some(128), Some(40)));
    assert_eq!(Store::open(&place().join("own-store")).unwrap().info().features, 128);
    assert!(refused("train sae store -o nowhere").contains("bundle"));
}

fn ron_of(manifest: &fluoro_core::bundle::Manifest) -> String {
    ron::ser::to_string_pretty(manifest, ron::ser::PrettyConfig::default()).unwrap()
}
