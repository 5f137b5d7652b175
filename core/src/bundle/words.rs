//! The text side of a bundle: words through its tokenizer and its text tower to a place in the space of films.

use std::sync::Arc;

use burn::prelude::*;

use super::BundleFiles;
use super::load::check_hash;
use super::manifest::{Manifest, TextPart, TokenizerKind};
use super::tensors::Opened;
use crate::error::{Error, Result};
use crate::models::TextEmbedder;
use crate::models::text::TextEncoder;
use crate::tokenizer::{BertTokenizer, ClipTokenizer, Tokenizer};

/// A file of a tokenizer: its name, and its bytes.
pub type TokenizerFile = (String, Vec<u8>);

/// The tokenizer that files hold, for sentences of `context` tokens.
///
/// # Errors
/// In words, when they are not the files of such a tokenizer.
pub fn tokenizer(
    kind: TokenizerKind,
    files: &[TokenizerFile],
    context: usize,
) -> std::result::Result<Box<dyn Tokenizer>, String> {
    let text = |index: usize| {
        let (name, bytes) = files.get(index).ok_or("the tokenizer's files are missing")?;
        std::str::from_utf8(bytes).map_err(|_| format!("{name} is not text in UTF-8"))
    };
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    Ok(match (kind, &names[..]) {
        (TokenizerKind::Clip, ["tokenizer.json"]) => {
            Box::new(ClipTokenizer::from_tokenizer_json(text(0)?)?.with_context(context))
        }
        (TokenizerKind::Clip, ["vocab.json", "merges.txt"]) => {
            Box::new(ClipTokenizer::from_vocabulary(text(0)?, text(1)?)?.with_context(context))
        }
        (TokenizerKind::Clip, [name]) if name.ends_with(".gz") => {
            let bytes = files.first().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
            Box::new(ClipTokenizer::from_openai(bytes)?.with_context(context))
        }
        (TokenizerKind::Bert, ["tokenizer.json"]) => {
            Box::new(BertTokenizer::from_tokenizer_json(text(0)?)?.with_context(context))
        }
        (TokenizerKind::Bert, ["vocab.txt"]) => {
            Box::new(BertTokenizer::from_vocabulary(text(0)?)?.with_context(context))
        }
        _ => return Err(format!("{} are not the files of a {kind:?} tokenizer", names.join(", "))),
    })
}

/// Opens the text side.
pub(super) fn open(
    part: &TextPart,
    files: &BundleFiles,
    manifest: &Manifest,
    opened: &mut Opened<'_>,
) -> Result<Arc<dyn TextEmbedder>> {
    let tower = part.architecture.open(opened)?;
    let mut own = Vec::with_capacity(part.files.len());
    for name in &part.files {
        let bytes = files.read(name)?.into_owned();
        check_hash(files, manifest, name, &bytes)?;
        own.push((name.clone(), bytes));
    }
    let first = part.files.first().map(String::as_str).unwrap_or_default();
    let tokenizer = tokenizer(part.tokenizer, &own, tower.context());
    let tokenizer = tokenizer.map_err(|reason| Error::bundle(files.path(first), reason))?;
    Ok(Arc::new(Reader { tower, tokenizer }))
}

struct Reader {
    tower: Arc<dyn TextEncoder>,
    tokenizer: Box<dyn Tokenizer>,
}

impl TextEmbedder for Reader {
    fn embed(&self, words: &str) -> std::result::Result<Tensor<2>, String> {
        self.tower.embed(&[self.tokenizer.encode(words)])
    }
}
