//! Damaged and hostile files of every format that an import reads: none of them may panic, hang or take all memory.
//!
//! Each target damages small real files by a seeded generator: bits flipped, bytes changed, cut, doubled, pieces of one file
//! in another. A few seconds each here; `FLUORO_FUZZ_SECONDS=600 tests/run --test fuzz -- --nocapture` for the long run. A
//! file that once broke something becomes a test of its own where it broke.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fluoro_core::bundle::{BundleFiles, BundleSource, check, load};
use fluoro_core::import::source::Source;
use fluoro_core::import::{ImportOptions, recognise};
use fluoro_core::tokenizer::{BertTokenizer, ClipTokenizer, Tokenizer};
use fluoro_tests::repository;

/// Longest time that one file may take, and largest files that are damaged, in bytes.
const LONGEST: Duration = Duration::from_secs(5);
const LARGEST: u64 = 300_000;

/// xorshift64*: the same damage on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }
}

/// A file as damage leaves it.
fn damaged(file: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..=random.below(4) {
        let length = bytes.len();
        if length == 0 {
            break;
        }
        // Headers decide most: half of the damage goes there.
        let at = if random.below(2) == 0 { random.below(length.min(512)) } else { random.below(length) };
        match random.below(7) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => bytes[at] = [0, 0xff, 0x7f, 0x80, b'9', b'{'][random.below(6)],
            4 => {
                let end = (at + random.below(64)).min(length);
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let end = (at + 8).min(length);
                let number = [0, u64::MAX, 1 << 32, 1 << 62, random.next()][random.below(5)].to_le_bytes();
                bytes.splice(at..end, number[..end - at].iter().copied());
            }
            _ if !other.is_empty() => {
                let from = random.below(other.len());
                let piece = other[from..(from + random.below(256)).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.clear(),
        }
    }
    bytes
}

/// Small files of the corpus by extension, with the configuration beside each.
fn corpus(extensions: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![repository().join("tests/parity")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the corpus") {
            let path = entry.expect("an entry").path();
            let small = path.metadata().is_ok_and(|about| about.len() < LARGEST);
            let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if small && extensions.contains(&extension.as_str()) {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "no file of {extensions:?}");
    files
}

/// Damages files of the corpus and hands each to `target` until the time is over.
fn fuzz(name: &str, files: &[PathBuf], seed: u64, mut target: impl FnMut(&Path, &[u8])) {
    let seconds = std::env::var("FLUORO_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let until = Instant::now() + Duration::from_secs(seconds);
    let contents: Vec<Vec<u8>> = files.iter().map(|path| std::fs::read(path).expect("a file")).collect();
    let mut random = Random(seed);
    let mut runs = 0_u64;
    while Instant::now() < until {
        let (index, other) = (random.below(files.len()), random.below(files.len()));
        let bytes = damaged(&contents[index], &contents[other], &mut random);
        let start = Instant::now();
        target(&files[index], &bytes);
        assert!(start.elapsed() < LONGEST, "{name}: run {runs} on {} took too long", files[index].display());
        runs += 1;
    }
    println!("{name}: {runs} damaged files of {} in {seconds} s", files.len());
    assert!(runs > 0);
}

/// Reads and recognises a source whose file `bytes` stands for, beside the other files of its folder.
fn import(home: &Path, original: &Path, bytes: &[u8]) {
    let name = original.file_name().expect("a name");
    let own = original.parent().expect("a folder");
    for entry in std::fs::read_dir(own).expect("a folder").flatten() {
        if entry.path().extension().is_some_and(|e| e == "json") && entry.file_name() != name {
            std::fs::copy(entry.path(), home.join(entry.file_name())).expect("a copy");
        }
    }
    let path = home.join(name);
    std::fs::write(&path, bytes).expect("a file");
    if let Ok(source) = Source::open(&path) {
        let _ = recognise::parts(source, &ImportOptions::default(), &mut recognise::Hint::default());
    }
    for entry in std::fs::read_dir(home).expect("a folder").flatten() {
        std::fs::remove_file(entry.path()).expect("removed");
    }
}

fn fuzz_import(name: &str, extensions: &[&str], seed: u64) {
    let home = tempfile::tempdir().expect("a folder");
    fuzz(name, &corpus(extensions), seed, |original, bytes| import(home.path(), original, bytes));
}

#[test]
fn damaged_pytorch_zip_files() {
    fuzz_import("PyTorch zip", &["zip", "pt"], 1);
}

#[test]
fn damaged_pytorch_legacy_files() {
    fuzz_import("PyTorch legacy", &["legacy", "pth"], 2);
}

#[test]
fn damaged_tar_files() {
    fuzz_import("tar", &["tar"], 3);
}

#[test]
fn damaged_safetensors_files() {
    fuzz_import("safetensors", &["safetensors"], 4);
}

/// The weights stay whole, and what describes them is damaged.
#[test]
fn damaged_configurations() {
    let home = tempfile::tempdir().expect("a folder");
    let weights = corpus(&["safetensors", "pt", "pth"]);
    let described: Vec<PathBuf> = weights
        .iter()
        .flat_map(|path| {
            let folder = path.parent().expect("a folder");
            ["cfg.json", "config.json", "open_clip_config.json", "preprocessor_config.json"]
                .map(|name| folder.join(name))
        })
        .filter(|path| path.is_file())
        .collect();
    assert!(described.len() > 20, "{}", described.len());
    fuzz("configurations", &described, 5, |original, bytes| {
        let folder = original.parent().expect("a folder");
        for path in weights.iter().filter(|path| path.parent() == Some(folder)) {
            std::fs::copy(path, home.path().join(path.file_name().expect("a name"))).expect("a copy");
        }
        std::fs::write(home.path().join(original.file_name().expect("a name")), bytes).expect("a file");
        if let Ok(source) = Source::open(home.path()) {
            let _ = recognise::parts(source, &ImportOptions::default(), &mut recognise::Hint::default());
        }
        for entry in std::fs::read_dir(home.path()).expect("a folder").flatten() {
            std::fs::remove_file(entry.path()).expect("removed");
        }
    });
}

#[test]
fn damaged_vocabularies() {
    let folder = repository().join("tests/parity/vit/tokens");
    let file = |name: &str| folder.join(name);
    let files =
        ["vocab.json", "merges.txt", "vocab.txt", "clip_tokenizer.json", "bert_tokenizer.json", "bpe_vocab.txt.gz"];
    let files: Vec<PathBuf> = files.iter().map(|name| file(name)).collect();
    let (vocab, merges) = (std::fs::read_to_string(file("vocab.json")), std::fs::read_to_string(file("merges.txt")));
    let (vocab, merges) = (vocab.expect("a vocabulary"), merges.expect("merges"));
    fuzz("vocabularies", &files, 6, |original, bytes| {
        let text = String::from_utf8_lossy(bytes);
        let used = |tokenizer: Result<Box<dyn Tokenizer>, String>| {
            if let Ok(tokenizer) = tokenizer {
                tokenizer.encode("an enlarged heart, 1,5 cm; naïve \u{1F9EC} 文");
            }
        };
        fn boxed<T: Tokenizer + 'static>(made: Result<T, String>) -> Result<Box<dyn Tokenizer>, String> {
            made.map(|tokenizer| Box::new(tokenizer) as Box<dyn Tokenizer>)
        }
        match original.file_name().and_then(|name| name.to_str()).unwrap_or_default() {
            "vocab.json" => used(boxed(ClipTokenizer::from_vocabulary(&text, &merges))),
            "merges.txt" => used(boxed(ClipTokenizer::from_vocabulary(&vocab, &text))),
            "vocab.txt" => used(boxed(BertTokenizer::from_vocabulary(&text))),
            "clip_tokenizer.json" => used(boxed(ClipTokenizer::from_tokenizer_json(&text))),
            "bert_tokenizer.json" => used(boxed(BertTokenizer::from_tokenizer_json(&text))),
            _ => used(boxed(ClipTokenizer::from_openai(bytes))),
        }
    });
}

#[test]
fn damaged_manifests() {
    let home = tempfile::tempdir().expect("a folder");
    let files: Vec<PathBuf> = ["nih-small", "phantom-confounded"]
        .iter()
        .map(|name| repository().join("models").join(name).join("bundle.ron"))
        .collect();
    fuzz("manifests", &files, 7, |_, bytes| {
        std::fs::write(home.path().join("bundle.ron"), bytes).expect("a file");
        let files = BundleFiles::open(&BundleSource::Folder(home.path().to_path_buf())).expect("a folder");
        if let Ok(manifest) = load::manifest(&files) {
            let _ = check::parts(&manifest);
        }
    });
}
