//! The tokenizer of a text tower: the files beside the weights that say how words become tokens.

use super::compose::Found;
use super::source::Source;
use super::text::ImportedText;
use crate::bundle::manifest::{TextKind, TextPart, TokenizerKind};
use crate::bundle::words::{self, TokenizerFile};

/// Sets of files that hold CLIP's tokenizer, and BERT's; the first set that is whole is taken.
const CLIP_FILES: [&[&str]; 3] =
    [&["tokenizer.json"], &["vocab.json", "merges.txt"], &["bpe_simple_vocab_16e6.txt.gz"]];
const BERT_FILES: [&[&str]; 2] = [&["tokenizer.json"], &["vocab.txt"]];

/// Largest file of a tokenizer, in bytes; CLIP's tokenizer.json has 2.2 MB.
const MOST_BYTES: u64 = 64 << 20;

/// The tokenizer that lies beside a tower, with its files; none where there is none.
///
/// # Errors
/// When a file is there that cannot be read, or is of another tokenizer.
pub fn tokenizer(source: &Source, tower: &TextKind) -> Result<Option<(TokenizerKind, Vec<TokenizerFile>)>, String> {
    let (kind, sets): (_, &[&[&str]]) = match tower {
        TextKind::Clip(_) => (TokenizerKind::Clip, &CLIP_FILES),
        TextKind::Bert(_) => (TokenizerKind::Bert, &BERT_FILES),
    };
    let Some(set) = sets.iter().find(|set| set.iter().all(|name| source.beside(name).is_some())) else {
        return Ok(None);
    };
    let mut files = Vec::with_capacity(set.len());
    for name in *set {
        let path = source.beside(name).ok_or("a file of the tokenizer went away")?;
        let length = std::fs::metadata(&path).map_err(|e| format!("cannot read {name} ({e})"))?.len();
        if length > MOST_BYTES {
            return Err(format!("{name} is larger than any tokenizer; check that it is the right file"));
        }
        files.push(((*name).to_owned(), std::fs::read(&path).map_err(|e| format!("cannot read {name} ({e})"))?));
    }
    words::tokenizer(kind, &files, 77)?;
    Ok(Some((kind, files)))
}

/// A text tower as a part of a bundle.
pub fn part(text: ImportedText, tokenizer: TokenizerKind, files: Vec<TokenizerFile>) -> Found {
    let names = files.iter().map(|(name, _)| name.clone()).collect();
    Found::Text(TextPart { architecture: text.config, tokenizer, files: names }, text.weights, files)
}
