//! Against files that PyTorch wrote, hostile files, and damaged ones (`tests/parity/torch_reference.py`).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::*;

/// What every refusal takes less than; a build without optimisation is given more.
const QUICK: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });

/// Where `torch_reference.py` wrote.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/parity/torch");

fn file(name: impl AsRef<Path>) -> Vec<u8> {
    std::fs::read(Path::new(SAMPLES).join(name)).unwrap()
}

fn expected() -> Json {
    serde_json::from_slice(&file("expected.json")).unwrap()
}

fn samples() -> BTreeMap<String, Vec<u8>> {
    let expected = expected();
    let names = expected["samples"].as_object().unwrap().keys();
    names.map(|name| (name.clone(), file(name))).collect()
}

fn refusal(bytes: &[u8]) -> String {
    let start = Instant::now();
    let error = TorchFile::read(bytes).expect_err("refused").to_string();
    assert!(start.elapsed() < QUICK, "{:?} for {error}", start.elapsed());
    assert!(!error.contains('\n') && error.len() < 500, "{error}");
    error
}

#[test]
fn tensors_are_those_of_pytorch() {
    let expected = expected();
    for (file, bytes) in samples() {
        let read = TorchFile::read(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        let tensors = named_tensors(&read.root).unwrap();
        let rows = expected["samples"][&file].as_array().unwrap();
        let names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
        let wanted: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!(names, wanted, "{file}");
        for ((name, tensor), row) in tensors.iter().zip(rows) {
            let dtype = match tensor.dtype {
                Dtype::F64 => "float64",
                Dtype::F32 => "float32",
                Dtype::F16 => "float16",
                Dtype::Bf16 => "bfloat16",
                Dtype::I64 => "int64",
                Dtype::I32 => "int32",
                Dtype::I16 => "int16",
                Dtype::I8 => "int8",
                Dtype::U8 => "uint8",
                Dtype::Bool => "bool",
            };
            assert_eq!(row["dtype"], dtype, "{file} {name}");
            assert_eq!(row["shape"], serde_json::json!(tensor.shape), "{file} {name}");
            let values = read.to_f32(tensor).unwrap();
            if let Some(all) = row["values"].as_array() {
                let all: Vec<f32> = all.iter().map(|value| value.as_f64().unwrap() as f32).collect();
                assert_eq!(values, all, "{file} {name}");
            }
            let sum: f64 = values.iter().zip(1..).map(|(&value, place)| f64::from(value) * f64::from(place)).sum();
            let wanted = row["sum"].as_f64().unwrap();
            assert!((sum - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{file} {name}: {sum} for {wanted}");
        }
    }
}

#[test]
fn plain_values_are_kept() {
    for name in ["checkpoint.zip", "checkpoint.legacy"] {
        let bytes = file(name);
        let root = TorchFile::read(&bytes).unwrap().root;
        let config = root.get("config").unwrap();
        assert_eq!(root.get("epoch").and_then(Value::as_i64), Some(3));
        assert_eq!(config.get("act").and_then(Value::as_str), Some("topk"));
        assert_eq!(config.get("lr").and_then(Value::as_f64), Some(2.5e-4));
        assert_eq!(config.get("bias").and_then(Value::as_bool), Some(true));
        assert!(matches!(config.get("none"), Some(Value::None)));
        let sizes: Vec<i64> = config.get("sizes").unwrap().as_items().unwrap().iter().flat_map(Value::as_i64).collect();
        assert_eq!(sizes, [768, 3072]);
        let args = root.get("args").unwrap();
        assert_eq!(args.as_object().unwrap().class.as_ref(), "argparse.Namespace");
        assert_eq!(args.get("model").and_then(Value::as_str), Some("vit"));
        assert_eq!(root.get("best").unwrap().as_object().unwrap().class.as_ref(), "numpy._core.multiarray.scalar");
        assert!(matches!(root.get("dtype"), Some(Value::Name(name)) if name.as_ref() == "torch.float32"));
        assert_eq!(root.get("tags").unwrap().as_items().unwrap()[0].as_str(), Some("one"));
        assert!(matches!(root.get("raw"), Some(Value::Bytes(raw)) if raw.as_ref() == [0, 255]));
        assert!(matches!(root.get("seed"), Some(Value::Int(seed)) if *seed == (1 << 63) + 5));
        assert_eq!(root.get("huge").unwrap().as_object().unwrap().class.as_ref(), "int");
        assert_eq!(root.get("counts").and_then(|counts| counts.get("a")?.as_i64()), Some(2));
        assert_eq!(root.get("milestones").and_then(|all| all.get("a")?.as_items()).map(<[Value]>::len), Some(1));
        let groups = root.get("optimizer").unwrap().get("param_groups").unwrap().as_items().unwrap();
        assert_eq!(groups[0].get("lr").and_then(Value::as_f64), Some(0.1));
    }
    let bytes = file("densenet.legacy");
    let root = TorchFile::read(&bytes).unwrap().root;
    assert_eq!(root.as_object().unwrap().class.as_ref(), "torchxrayvision.models.DenseNet");
    let labels = root.get("pathologies").unwrap().as_items().unwrap();
    assert_eq!(labels.iter().flat_map(Value::as_str).collect::<Vec<_>>(), ["Atelectasis", "Mass", "Hernia"]);
}

#[test]
fn zip64_archives_are_read() {
    let mut bytes = file("views.zip");
    let end = bytes.split_off(bytes.len() - 22);
    let (count, start) =
        (u16::from_le_bytes([end[10], end[11]]), u32::from_le_bytes(*end[16..].first_chunk().unwrap()));
    let place = bytes.len() as u64;
    // Version, then the sizes in 8 bytes each, APPNOTE 4.3.14.
    bytes.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
    for number in [count.into(), count.into(), 0, u64::from(start)] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(place.to_le_bytes());
    bytes.extend(b"\x01\0\0\0PK\x05\x06\0\0\0\0\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\0\0");
    let read = TorchFile::read(&bytes).unwrap();
    assert_eq!(named_tensors(&read.root).unwrap().len(), 7);
}

#[test]
fn hostile_files_are_refused_by_name() {
    for (name, words) in expected()["refused"].as_object().unwrap() {
        let error = refusal(&file(Path::new("hostile").join(name)));
        assert!(error.contains(words.as_str().unwrap()), "{name}: {error}");
    }
    assert!(!Path::new("/tmp/fluoro_was_here").exists());
}

/// A legacy file whose main pickle is `start`, then `repeated` until it has `length` bytes.
fn long(start: &[u8], repeated: &[u8], length: usize) -> Vec<u8> {
    let head = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";
    let mut file = [head, start].concat();
    file.extend(repeated.iter().cycle().take(length));
    file
}

#[test]
fn long_pickles_end_in_time() {
    let text: Vec<u8> = [b"X\0\0\x10\0".as_slice(), &[b'a'; 1 << 20]].concat();
    let list: Vec<u8> = [b"(".as_slice(), &[b'N'; 1 << 20], b"l0"].concat();
    let encode = [b"\x80\x02c_codecs\nencode\nq\x00".as_slice(), &text, b"\x85q\x01"].concat();
    let set = [b"\x80\x02cbuiltins\nset\nq\x00(".as_slice(), &[b'N'; 1 << 20], b"l\x85q\x01"].concat();
    let class = [b"\x80\x02ca\nB\nq\x00(".as_slice(), &[b'N'; 1 << 20], b"tq\x01"].concat();
    let named = [b"\x80\x02ca\n".as_slice(), &[b'B'; 1 << 20], b"\n"].concat();
    for (start, repeated) in [
        (b"\x80\x02".as_slice(), b"N".as_slice()),
        (b"\x80\x02", b"]"),
        (b"\x80\x02", b"("),
        (b"\x80\x02N", b"2"),
        (b"\x80\x02N", b"20"),
        (b"\x80\x04N", b"\x94"),
        (b"\x80\x02]", b"\x85"),
        (b"\x80\x02]", b"Na"),
        (b"\x80\x02}", b"NNs"),
        (b"\x80\x02}", b"K\x01Ns"),
        (b"\x80\x02", b"ca\nB\n)\x81"),
        (b"\x80\x02", b"U\x01a"),
        (b"\x80\x02", b"G\0\0\0\0\0\0\0\0"),
        (b"\x80\x02", &text),
        (b"\x80\x02", &list),
        (&encode, b"h\0h\x01R0"),
        (&set, b"h\0h\x01R0"),
        (&class, b"h\0h\x01\x81"),
        (&named, b")\x81"),
    ] {
        let file = long(start, repeated, 100_000_000);
        refusal(&file);
    }
}

#[test]
fn other_files_are_told_apart() {
    for (bytes, words) in [
        (b"".as_slice(), "it is empty"),
        (b"<!DOCTYPE html>", "web page"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\x10\0\0\0\0\0\0\0{\"a\":1}", "safetensors"),
        (b"hello", "torch.save"),
        (b"\x80\x02N.", "a pickle that torch.save did not write"),
        (b"PK\x03\x04", "it has no end"),
    ] {
        let error = refusal(bytes);
        assert!(error.contains(words), "{error}");
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
    }
}

#[test]
fn damaged_files_never_panic() {
    let hostile = expected();
    let hostile = hostile["refused"].as_object().unwrap().keys();
    let hostile = hostile.map(|name| file(Path::new("hostile").join(name)));
    let mut random = Random(5);
    let mut slowest = Duration::ZERO;
    for original in samples().into_values().chain(hostile) {
        for round in 0..2000 {
            let mut bytes = original.clone();
            // Every second time a single change, which gets further.
            for _ in 0..=random.below(round % 2 * 4) {
                let at = random.below(bytes.len());
                match random.below(6) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, random.below(256) as u8),
                    2 => drop(bytes.drain(at..(at + random.below(16)).min(original.len()).min(bytes.len()).max(at))),
                    3 => bytes[at..].iter_mut().take(8).for_each(|byte| *byte = 0xFF),
                    4 => bytes[at..].iter_mut().take(1).for_each(|byte| *byte = random.below(256) as u8),
                    _ => bytes[at..].iter_mut().take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
                }
            }
            let begin = Instant::now();
            if let Ok(read) = TorchFile::read(&bytes) {
                for (_, tensor) in named_tensors(&read.root).unwrap_or_default() {
                    read.to_f32(&tensor).unwrap();
                }
            }
            slowest = slowest.max(begin.elapsed());
        }
    }
    assert!(slowest < QUICK, "{slowest:?}");
}
