//! Writing a bundle: weights, gallery and manifest are written in full beside their final names, then renamed one after
//! the other.

use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};
use sha2::{Digest, Sha256};

use super::load::hex;
use super::manifest::{self, GalleryFilm, Manifest};
use super::{BundleFiles, BundleSource};
use crate::error::{Error, Result};
use crate::export::atomic::Staged;
use crate::models::weights::Weights;
use crate::radiograph::png_text;

/// Folder of the gallery inside a bundle.
const GALLERY: &str = "gallery";

/// The manifest in `folder`, if there is a bundle.
///
/// # Errors
/// When there is one that cannot be read.
pub fn existing_manifest(folder: &Path) -> Result<Option<Manifest>> {
    if !folder.join(manifest::FILE).exists() {
        return Ok(None);
    }
    super::load::manifest(&BundleFiles::open(&BundleSource::Folder(folder.to_path_buf()))?).map(Some)
}

/// Bytes of a safetensors file; the same weights always give the same bytes.
///
/// # Errors
/// When a tensor is not `f32`.
pub fn to_safetensors(weights: &Weights) -> Result<Vec<u8>> {
    let mut views = Vec::with_capacity(weights.len());
    for (name, data) in weights {
        let failed = |reason: String| Error::Invalid(format!("tensor \"{name}\" cannot be saved ({reason})"));
        data.as_slice::<f32>().map_err(|e| failed(e.to_string()))?;
        // Every machine that burn runs on keeps its numbers in the file's order, the low byte first.
        let view = TensorView::new(Dtype::F32, data.shape().to_vec(), data.as_bytes());
        views.push((name.clone(), view.map_err(|e| failed(e.to_string()))?));
    }
    serialize(views, None).map_err(|e| Error::Invalid(format!("the weights cannot be saved ({e})")))
}

/// Writes `file` with `weights` into `folder` and then the manifest that names its hash.
///
/// # Errors
/// When the folder cannot be made or written; an existing bundle is then still whole.
pub fn part(folder: &Path, manifest: &mut Manifest, file: &str, weights: &Weights) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| Error::write(folder, &e))?;
    let bytes = to_safetensors(weights)?;
    manifest.files.insert(file.to_owned(), hex(&Sha256::digest(&bytes)));
    let text = manifest_text(folder, manifest)?;
    // Both lie ready on the disk before either comes into sight: a full disk leaves the bundle as it was.
    let weights = Staged::new(folder.join(file), |out| out.write_all(&bytes))?;
    let text = Staged::new(folder.join(manifest::FILE), |out| out.write_all(text.as_bytes()))?;
    weights.finish()?;
    text.finish()
}

/// Writes the PNG files of `films`, each with its caption, as the bundle's gallery, and then the manifest that lists
/// them with their hashes. A gallery that was there before is replaced.
///
/// # Errors
/// When a film is no PNG, or the folder cannot be made or written; an existing bundle is then still whole.
pub fn gallery(folder: &Path, manifest: &mut Manifest, films: &[(String, Vec<u8>)]) -> Result<()> {
    if let Some(position) = films.iter().position(|(_, png)| !png_text::is_png(png)) {
        return Err(Error::Invalid(format!("film {} of the gallery is not a PNG file", position + 1)));
    }
    let inside = folder.join(GALLERY);
    std::fs::create_dir_all(&inside).map_err(|e| Error::write(&inside, &e))?;
    let older: Vec<String> = manifest.gallery.iter().map(|film| film.file.clone()).collect();
    let mut next = Manifest { gallery: Vec::with_capacity(films.len()), ..manifest.clone() };
    next.files.retain(|name, _| !older.contains(name));
    let mut staged = Vec::with_capacity(films.len());
    for (index, (caption, png)) in films.iter().enumerate() {
        let file = format!("{GALLERY}/{:02}.png", index + 1);
        staged.push(Staged::new(folder.join(&file), |out| out.write_all(png))?);
        next.files.insert(file.clone(), hex(&Sha256::digest(png)));
        next.gallery.push(GalleryFilm { file, caption: caption.clone() });
    }
    super::gallery::check(&next).map_err(|reason| Error::bundle(folder, reason))?;
    let text = manifest_text(folder, &next)?;
    // All of it lies ready on the disk before any of it comes into sight.
    let text = Staged::new(folder.join(manifest::FILE), |out| out.write_all(text.as_bytes()))?;
    staged.into_iter().try_for_each(Staged::finish)?;
    text.finish()?;
    for file in older.iter().filter(|file| !next.files.contains_key(*file)) {
        // No manifest names it any more: a file that stays does no harm.
        let _ = std::fs::remove_file(folder.join(file));
    }
    *manifest = next;
    Ok(())
}

fn manifest_text(folder: &Path, manifest: &Manifest) -> Result<String> {
    ron::ser::to_string_pretty(manifest, ron::ser::PrettyConfig::default().struct_names(true))
        .map_err(|e| Error::bundle(folder, format!("the manifest cannot be written ({e})")))
}

/// `weights` with `prefix.` before every name.
#[must_use]
pub fn prefixed(prefix: &str, weights: Weights) -> Weights {
    weights.into_iter().map(|(name, data)| (format!("{prefix}.{name}"), data)).collect()
}

/// A bundle that is made in a folder beside its place, and moved there when it is whole.
pub struct Beside {
    folder: tempfile::TempDir,
    output: PathBuf,
}

impl Beside {
    /// An empty folder beside `output`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(output: &Path) -> Result<Self> {
        let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".fluoro-").suffix(".part");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let folder = builder.tempdir_in(parent).map_err(|e| Error::write(output, &e))?;
        Ok(Self { folder, output: output.to_path_buf() })
    }

    /// Where the bundle is made.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes tensors, and their hash into the manifest.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn tensors(&self, manifest: &mut Manifest, file: &str, weights: Weights) -> Result<()> {
        let bytes = to_safetensors(&weights)?;
        drop(weights);
        self.file(manifest, file, &bytes)
    }

    /// Writes a file, and its hash into the manifest.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(&self, manifest: &mut Manifest, file: &str, bytes: &[u8]) -> Result<()> {
        manifest.files.insert(file.to_owned(), hex(&Sha256::digest(bytes)));
        std::fs::write(self.folder().join(file), bytes).map_err(|e| Error::write(self.output.join(file), &e))
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn manifest(&self, manifest: &Manifest) -> Result<()> {
        let text = manifest_text(&self.output, manifest)?;
        let written = std::fs::write(self.folder().join(manifest::FILE), text);
        written.map_err(|e| Error::write(self.output.join(manifest::FILE), &e))
    }

    /// Puts the bundle in place of what is there: nothing, an empty folder, or an older bundle.
    ///
    /// # Errors
    /// When it cannot be moved; what was there is then still whole.
    pub fn finish(self) -> Result<()> {
        let failed = |e: std::io::Error| Error::write(&self.output, &e);
        if !self.output.exists() || std::fs::remove_dir(&self.output).is_ok() {
            return std::fs::rename(self.folder.path(), &self.output).map_err(failed);
        }
        // The older bundle stands aside until the new one is in its place.
        let mut aside = self.folder.path().as_os_str().to_owned();
        aside.push(".old");
        let aside = PathBuf::from(aside);
        std::fs::rename(&self.output, &aside).map_err(failed)?;
        if let Err(error) = std::fs::rename(self.folder.path(), &self.output) {
            let _put_back = std::fs::rename(&aside, &self.output);
            return Err(failed(error));
        }
        // It is not needed any more; what stays does no harm.
        let _ = std::fs::remove_dir_all(&aside);
        Ok(())
    }
}
