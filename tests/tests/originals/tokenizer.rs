//! Tokenizers number by number against Hugging Face's and open_clip's, from every form of vocabulary file.
//!
//! The reference is the folder `parity/vit/tokens`, made by `vit_reference.py` beside it with small vocabularies and texts that
//! tokenizers find hard (`vit_texts.py`).

use std::path::PathBuf;

use fluoro_core::tokenizer::{BertTokenizer, ClipTokenizer, Tokenizer};
use serde_json::Value;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("parity/vit/tokens").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Compares a tokenizer with the column of this name; texts without numbers there are left out.
fn compare(what: &str, tokenizer: &dyn Tokenizer, column: &str) {
    let table: Value = serde_json::from_str(&text("tokens.json")).expect("JSON");
    let texts = table["texts"].as_array().expect("texts");
    let rows = table[column].as_array().expect("numbers");
    let mut compared = 0;
    for (sentence, row) in texts.iter().zip(rows) {
        let Some(row) = row.as_array() else { continue };
        let wanted: Vec<u32> = row.iter().map(|n| n.as_u64().expect("a number") as u32).collect();
        let sentence = sentence.as_str().expect("a text");
        assert_eq!(tokenizer.encode(sentence), wanted, "{what}: {sentence:?}");
        compared += 1;
    }
    println!("{what}: {compared} of {} texts", texts.len());
    assert!(compared >= 20, "{what}: {compared} texts are too few");
}

#[test]
fn clip_counts_as_hugging_face() {
    let from_files = ClipTokenizer::from_vocabulary(&text("vocab.json"), &text("merges.txt")).expect("a vocabulary");
    compare("vocab.json and merges.txt", &from_files, "clip");
    let from_json = ClipTokenizer::from_tokenizer_json(&text("clip_tokenizer.json")).expect("a tokenizer");
    compare("tokenizer.json", &from_json, "clip");
}

#[test]
fn clip_counts_as_open_clip() {
    let bytes = std::fs::read(file("bpe_vocab.txt.gz")).expect("the vocabulary");
    compare("OpenAI's file", &ClipTokenizer::from_openai(&bytes).expect("a vocabulary"), "open_clip");
}

#[test]
fn bert_counts_as_hugging_face() {
    let from_text = BertTokenizer::from_vocabulary(&text("vocab.txt")).expect("a vocabulary").with_context(64);
    compare("vocab.txt", &from_text, "bert");
    let from_json = BertTokenizer::from_tokenizer_json(&text("bert_tokenizer.json")).expect("a tokenizer");
    compare("tokenizer.json", &from_json.with_context(64), "bert");
}

#[test]
fn contexts_of_any_size_are_filled() {
    let clip = || ClipTokenizer::from_vocabulary(&text("vocab.json"), &text("merges.txt")).expect("a vocabulary");
    for context in [0, 1, 2, 3, 77, 200] {
        let numbers = clip().with_context(context).encode("a photo of a heart with a pacemaker");
        assert_eq!(numbers.len(), context);
    }
    assert_eq!(clip().encode("").len(), 77);
    // A long text and a long word end.
    let numbers = clip().encode(&"heart".repeat(100_000));
    assert_eq!(numbers.len(), 77);
}
