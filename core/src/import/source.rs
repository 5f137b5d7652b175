//! What an import starts from: a file of weights, or the folder that its authors publish, read into tensors by name and
//! the configuration files beside them. Nothing in a file is executed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::TensorData;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::sae::config_of_torch_file;
use crate::bundle::load::{hex, weights_from_bytes};
use crate::error::{Error, Result};
use crate::models::weights::Weights;
use crate::torch::{self, TorchFile};

/// Files of weights by the names under which libraries save them, the surest first. A folder with several is read from
/// the first of them.
const WEIGHTS_FILES: [&str; 11] = [
    "sae_weights.safetensors",
    "sae.safetensors",
    "model.safetensors",
    "open_clip_model.safetensors",
    "ae.pt",
    "state_dict.pth",
    "weights.pt",
    "pytorch_model.bin",
    "open_clip_pytorch_model.bin",
    "model.pt",
    "model.pth.tar",
];
/// Lists of the files that one set of weights is spread over.
const INDEX_FILES: [&str; 2] = ["model.safetensors.index.json", "pytorch_model.bin.index.json"];
/// Extensions that weights are saved under.
const EXTENSIONS: [&str; 8] = ["safetensors", "pt", "pth", "bin", "ckpt", "tar", "pkl", "checkpoint"];
/// Statistics of tokens that OpenAI's SAEs come with, each a file of one tensor.
const STATISTICS: [&str; 2] = ["mean", "std"];
/// Largest file that is read into memory, in bytes; ViT-L with its text tower has 1.7 GB.
const MOST_BYTES: u64 = 16 << 30;
/// Largest configuration file, in bytes.
const MOST_JSON: u64 = 4 << 20;

/// A source, read.
pub struct Source {
    /// What was named: a file or a folder.
    pub path: PathBuf,
    /// The file that the tensors came from, the first of several.
    pub weights_file: PathBuf,
    /// Tensors under their authors' names.
    pub tensors: Weights,
    /// What a PyTorch file says besides tensors: hyper-parameters, epoch, configuration.
    pub plain: Option<Json>,
    /// Class of the module that a PyTorch file holds whole.
    pub class: Option<String>,
    /// SHA-256 of every file of weights that was read, in hex, by file name.
    pub hashes: BTreeMap<String, String>,
    folder: PathBuf,
}

impl Source {
    /// Reads a file, or the weights of a folder.
    ///
    /// # Errors
    /// When there are no weights, or they are damaged, or a file asks for more than plain data.
    pub fn open(path: &Path) -> Result<Self> {
        let is_folder = path.is_dir();
        let folder = if is_folder { path } else { path.parent().unwrap_or(Path::new("")) };
        let mut source = Self {
            path: path.to_path_buf(),
            weights_file: PathBuf::new(),
            tensors: Weights::new(),
            plain: None,
            class: None,
            hashes: BTreeMap::new(),
            folder: folder.to_path_buf(),
        };
        let files = if is_folder { weights_in(path)? } else { vec![path.to_path_buf()] };
        for file in &files {
            source.read(file)?;
        }
        source.weights_file = files.into_iter().next().unwrap_or_default();
        if source.tensors.is_empty() {
            return Err(Error::bundle(path, "the file holds no tensors; name the file with the model's weights"));
        }
        if is_folder {
            source.read_statistics()?;
        }
        Ok(source)
    }

    /// The first of the configuration files `names` that lies beside the weights.
    ///
    /// # Errors
    /// When it is there and is not JSON.
    pub fn config(&self, names: &[&str]) -> Result<Option<Json>> {
        let Some(path) = names.iter().map(|name| self.folder.join(name)).find(|path| path.is_file()) else {
            return Ok(None);
        };
        let failed = |reason: String| Error::bundle(&path, reason);
        let length = std::fs::metadata(&path).map_err(|e| failed(format!("cannot read ({e})")))?.len();
        if length > MOST_JSON {
            return Err(failed("larger than any configuration; check that it is the right file".into()));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| failed(format!("cannot read ({e})")))?;
        serde_json::from_str(&text).map(Some).map_err(|e| failed(format!("not a readable configuration ({e})")))
    }

    /// A file beside the weights, if it is there.
    #[must_use]
    pub fn beside(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.join(name)).filter(|path| path.is_file())
    }

    /// Name of the file of weights without its folder, in lower case.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.weights_file.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
    }

    fn read(&mut self, path: &Path) -> Result<()> {
        let bytes = read_file(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.hashes.insert(name, hex(&Sha256::digest(&bytes)));
        let failed = |reason: String| Error::bundle(path, reason);
        if is_safetensors(path, &bytes) {
            self.tensors.extend(weights_from_bytes(&bytes).map_err(failed)?);
            return Ok(());
        }
        let in_file = |error: Error| failed(error.to_string());
        let file = TorchFile::read(&bytes).map_err(in_file)?;
        for (name, tensor) in torch::named_tensors(&file.root).map_err(in_file)? {
            let values = file.to_f32(&tensor).map_err(in_file)?;
            self.tensors.insert(name, TensorData::new(values, tensor.shape.clone()));
        }
        self.plain = config_of_torch_file(&file);
        self.class = file.root.as_object().map(|object| object.class.to_string());
        Ok(())
    }

    /// `mean.pt` and `std.pt`, as tensors of these names.
    fn read_statistics(&mut self) -> Result<()> {
        for name in STATISTICS {
            let Some(path) = self.beside(&format!("{name}.pt")) else { continue };
            let bytes = read_file(&path)?;
            let in_file = |error: Error| Error::bundle(&path, error.to_string());
            let file = TorchFile::read(&bytes).map_err(in_file)?;
            if let Some(tensor) = file.root.as_tensor() {
                let values = file.to_f32(tensor).map_err(in_file)?;
                self.tensors.insert(name.to_owned(), TensorData::new(values, tensor.shape.clone()));
            }
        }
        Ok(())
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let cannot = |e: std::io::Error| Error::bundle(path, format!("cannot open ({e}); check the path"));
    let about = std::fs::metadata(path).map_err(cannot)?;
    if about.len() > MOST_BYTES {
        return Err(Error::bundle(path, "the file is larger than any model that runs here"));
    }
    std::fs::read(path).map_err(cannot)
}

/// A safetensors file begins with the length of its header, which begins with a brace.
fn is_safetensors(path: &Path, bytes: &[u8]) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors")) || bytes.get(8) == Some(&b'{')
}

/// The files of weights of a folder.
fn weights_in(folder: &Path) -> Result<Vec<PathBuf>> {
    for index in INDEX_FILES {
        if folder.join(index).is_file() {
            return shards(folder, index);
        }
    }
    let entries = std::fs::read_dir(folder).map_err(|e| Error::bundle(folder, format!("cannot open ({e})")))?;
    let mut names: Vec<String> =
        entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect();
    names.sort();
    if let Some(known) = WEIGHTS_FILES.iter().find(|known| names.iter().any(|name| name == *known)) {
        return Ok(vec![folder.join(known)]);
    }
    let is_weights = |name: &&String| {
        let path = Path::new(name.as_str());
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let statistics = path.file_stem().is_some_and(|stem| STATISTICS.iter().any(|known| stem == *known));
        EXTENSIONS.contains(&extension.as_str()) && !statistics
    };
    let weights: Vec<&String> = names.iter().filter(is_weights).collect();
    match weights[..] {
        [one] => Ok(vec![folder.join(one)]),
        [] => Err(Error::bundle(folder, "the folder holds no weights (.safetensors, .pt, .pth, .bin, .ckpt)")),
        _ => {
            let some: Vec<&str> = weights.iter().take(4).map(|name| name.as_str()).collect();
            Err(Error::bundle(folder, format!("the folder holds several weights ({}); name the file", some.join(", "))))
        }
    }
}

/// The files that an index names. Only plain names are followed: nothing outside the folder is read.
fn shards(folder: &Path, index: &str) -> Result<Vec<PathBuf>> {
    let path = folder.join(index);
    let failed = |reason: &str| Error::bundle(&path, reason);
    let text = std::fs::read_to_string(&path).map_err(|e| failed(&format!("cannot read ({e})")))?;
    let index: Json = serde_json::from_str(&text).map_err(|e| failed(&format!("not a readable index ({e})")))?;
    let map = index.get("weight_map").and_then(Json::as_object);
    let map = map.ok_or_else(|| failed("the index has no weight_map"))?;
    let mut names: Vec<&str> = map.values().filter_map(Json::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() || names.iter().any(|name| Path::new(name).components().count() != 1 || name.contains("..")) {
        return Err(failed("the index names no files, or files outside its folder"));
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}
