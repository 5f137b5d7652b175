//! A bundle's gallery: films that come with it, for whoever has none. In: the manifest's list and the bundle's files.
//! Out: radiographs. Names are checked when the bundle is opened, a picture's hash when the picture is.

use std::collections::BTreeSet;

use super::{Bundle, BundleFiles, BundleSource, Manifest, load};
use crate::error::{Error, Result};
use crate::radiograph::Radiograph;

/// Films of a gallery at most; it is there to look at, not a dataset.
const MOST: usize = 256;
/// Longest name of a file inside a bundle, in bytes.
const LONGEST_NAME: usize = 200;

/// What is wrong with a manifest's gallery as far as the manifest itself tells.
pub(super) fn check(manifest: &Manifest) -> Result<(), String> {
    if manifest.gallery.len() > MOST {
        return Err(format!("a gallery of {} films is too large; {MOST} are the limit", manifest.gallery.len()));
    }
    let mut seen = BTreeSet::new();
    for film in &manifest.gallery {
        let name = &film.file;
        if !is_plain(name) {
            return Err(format!("gallery film {name:?} is not a plain path inside the bundle, such as gallery/01.png"));
        }
        if !manifest.files.contains_key(name) {
            return Err(format!("no hash is given for the gallery film {name:?}"));
        }
        if !seen.insert(name) {
            return Err(format!("the gallery lists {name:?} twice"));
        }
    }
    Ok(())
}

/// Whether a name means the same file inside the bundle's folder on every system: parts divided by `/`, none of them a
/// way out.
fn is_plain(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.ends_with(['.', ' ']);
    let odd = |c: char| c.is_control() || c == '\\' || c == ':';
    name.len() <= LONGEST_NAME && !name.contains(odd) && name.split('/').all(part)
}

/// Opens one film of the gallery that `manifest` lists.
///
/// # Errors
/// When the gallery does not list it, its file is missing or not what the manifest says, or it is no film.
pub fn open(files: &BundleFiles, manifest: &Manifest, file: &str) -> Result<Radiograph> {
    if !manifest.gallery.iter().any(|film| film.file == file) {
        return Err(Error::unknown("gallery film", file, manifest.gallery.iter().map(|film| film.file.as_str())));
    }
    if !is_plain(file) {
        return Err(Error::Invalid(format!("gallery film {file:?} is not a plain path inside the bundle")));
    }
    let bytes = files.read(file)?;
    load::check_hash(files, manifest, file, &bytes)?;
    Radiograph::from_bytes(&files.path(file), &bytes)
}

impl BundleSource {
    /// Opens one film of this bundle's gallery without opening the bundle's models.
    ///
    /// # Errors
    /// When the bundle's manifest cannot be read; also as [`open`].
    pub fn gallery_film(&self, file: &str) -> Result<Radiograph> {
        let files = BundleFiles::open(self)?;
        open(&files, &load::manifest(&files)?, file)
    }
}

impl Bundle {
    /// Files of the gallery's films, by their path inside the bundle, in the order in which they are shown.
    pub fn gallery(&self) -> impl Iterator<Item = &str> {
        self.manifest.gallery.iter().map(|film| film.file.as_str())
    }

    /// Opens one film of the gallery.
    ///
    /// # Errors
    /// As [`open`].
    pub fn gallery_film(&self, file: &str) -> Result<Radiograph> {
        open(&self.files, &self.manifest, file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::manifest::GalleryFilm;
    use crate::bundle::{embedded, save};
    use crate::samples;

    fn embedded_manifest() -> Manifest {
        let files = BundleFiles::open(&BundleSource::Embedded("nih-small".into())).expect("nih-small is built in");
        load::manifest(&files).expect("its manifest is readable")
    }

    /// A folder with a manifest and a gallery of two films, and no weights.
    fn with_gallery() -> (tempfile::TempDir, Manifest) {
        let folder = tempfile::tempdir().expect("folder");
        let mut manifest = embedded_manifest();
        let films: Vec<(String, Vec<u8>)> = samples::names()
            .take(2)
            .map(|name| (format!("film {name}"), samples::bytes(name).expect("it is there").to_vec()))
            .collect();
        save::gallery(folder.path(), &mut manifest, &films).expect("a gallery is written");
        (folder, manifest)
    }

    fn source(folder: &tempfile::TempDir) -> BundleSource {
        BundleSource::Folder(folder.path().to_path_buf())
    }

    #[test]
    fn a_gallery_is_written_and_opened_again() {
        let (folder, manifest) = with_gallery();
        let names: Vec<&str> = manifest.gallery.iter().map(|film| film.file.as_str()).collect();
        assert_eq!(names, ["gallery/01.png", "gallery/02.png"]);
        assert_eq!(manifest.gallery[1].caption, format!("film {}", samples::names().nth(1).expect("two samples")));
        let files = BundleFiles::open(&source(&folder)).expect("a bundle");
        assert_eq!(load::manifest(&files).expect("readable"), manifest);
        let film = source(&folder).gallery_film("gallery/02.png").expect("opens");
        let drawn = samples::open(samples::names().nth(1).expect("two samples")).expect("opens");
        assert_eq!(film.pixels, drawn.pixels);
        assert_eq!(film.path, folder.path().join("gallery/02.png"));
    }

    #[test]
    fn a_smaller_gallery_takes_the_place_of_the_older() {
        let (folder, mut manifest) = with_gallery();
        let one = [(
            "alone".to_owned(),
            samples::bytes(samples::names().next().expect("one")).expect("it is there").to_vec(),
        )];
        save::gallery(folder.path(), &mut manifest, &one).expect("written");
        assert!(!folder.path().join("gallery/02.png").exists() && !manifest.files.contains_key("gallery/02.png"));
        assert!(source(&folder).gallery_film("gallery/01.png").is_ok());
        let error = source(&folder).gallery_film("gallery/02.png").expect_err("gone").to_string();
        assert!(error.contains("unknown gallery film") && error.contains("gallery/02.png"), "{error}");
        assert!(save::gallery(folder.path(), &mut manifest, &[("x".into(), b"no PNG".to_vec())]).is_err());
    }

    #[test]
    fn pictures_that_are_missing_or_changed_are_named() {
        let (folder, _) = with_gallery();
        let path = folder.path().join("gallery/01.png");
        let mut bytes = std::fs::read(&path).expect("it is there");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        let error = source(&folder).gallery_film("gallery/01.png").expect_err("changed").to_string();
        assert!(error.contains("damaged or was changed") && error.contains("01.png"), "{error}");
        std::fs::remove_file(&path).expect("removed");
        let error = source(&folder).gallery_film("gallery/01.png").expect_err("missing").to_string();
        assert!(error.contains("cannot read") && error.contains("01.png") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn names_that_lead_out_of_the_bundle_are_refused() {
        let (_folder, good) = with_gallery();
        assert_eq!(check(&good), Ok(()));
        for name in
            ["../a.png", "/a.png", "gallery/../../a.png", "gallery//a.png", "", ".", "gallery\\a.png", "c:a.png"]
        {
            let mut manifest = good.clone();
            manifest.files.insert(name.into(), "00".into());
            manifest.gallery.push(GalleryFilm { file: name.into(), caption: String::new() });
            let reason = check(&manifest).expect_err(name);
            assert!(reason.contains("not a plain path") && reason.contains(&format!("{name:?}")), "{reason}");
        }
        let mut twice = good.clone();
        twice.gallery.push(good.gallery[0].clone());
        assert!(check(&twice).is_err_and(|reason| reason.contains("twice")));
        let mut unhashed = good;
        unhashed.files.remove("gallery/01.png");
        assert!(check(&unhashed).is_err_and(|reason| reason.contains("no hash")));
    }

    #[test]
    fn embedded_bundles_hold_the_files_that_their_manifests_name() {
        for name in embedded::names() {
            let files = BundleFiles::open(&BundleSource::Embedded(name.into())).expect("built in");
            let manifest = load::manifest(&files).expect("readable");
            for file in manifest.files.keys() {
                let bytes = files.read(file).unwrap_or_else(|error| panic!("{name}: {error}"));
                load::check_hash(&files, &manifest, file, &bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
            for film in &manifest.gallery {
                open(&files, &manifest, &film.file).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }
}
