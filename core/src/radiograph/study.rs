//! Films opened together. In: files and folders. Out: the films among them, in order. Decides by name and first bytes;
//! does not decode.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::order::natural;
use super::{dicom, raster};
use crate::error::{Error, Result};

/// Extensions that are taken for films without a look inside.
const EXTENSIONS: &[&str] = &["dcm", "dicom", "dic", "png", "jpg", "jpeg", "tif", "tiff", "bmp"];
/// Extensions that are never films, so that no file is opened for them.
const OTHER: &[&str] =
    &["csv", "json", "txt", "md", "html", "pdf", "zip", "gz", "tar", "py", "rs", "toml", "ron", "safetensors"];
/// Bytes that tell a DICOM file: preamble, magic, and the first element.
const HEAD: u64 = 160;

/// Films opened together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Study {
    /// The films, files in the order given and those of a folder by path; each once.
    pub films: Vec<PathBuf>,
}

impl Study {
    /// The films of files and folders. Files are taken as they are; folders are walked with all below them, without
    /// hidden files and links to folders, and give what looks like a film.
    ///
    /// # Errors
    /// When a path does not exist or cannot be read, or nothing is found.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let mut films = Vec::new();
        for path in paths {
            let kind =
                std::fs::metadata(path).map_err(|e| Error::film(path, format!("cannot open ({e}); check the path")))?;
            if kind.is_dir() {
                walk(path, &mut films)?;
            } else {
                films.push(path.clone());
            }
        }
        let mut seen = std::collections::HashSet::new();
        films.retain(|film| seen.insert(film.clone()));
        match (films.is_empty(), paths.first()) {
            (false, _) => Ok(Self { films }),
            (true, Some(path)) => {
                Err(Error::film(path, "no films found; choose a folder with DICOM, PNG, JPEG, TIFF or BMP files"))
            }
            (true, None) => Err(Error::Invalid("no films given; name a file or a folder".into())),
        }
    }
}

fn walk(folder: &Path, films: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable = |e: std::io::Error| Error::film(folder, format!("cannot read the folder ({e})"));
    let mut entries =
        std::fs::read_dir(folder).map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    entries.sort_by(|a, b| natural(&a.file_name().to_string_lossy(), &b.file_name().to_string_lossy()));
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            walk(&path, films)?;
        } else if path.is_file() && looks_like_a_film(&path) {
            films.push(path);
        }
    }
    Ok(())
}

fn looks_like_a_film(path: &Path) -> bool {
    if path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("DICOMDIR")) {
        return false;
    }
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("") | None => {}
        Some(known) if EXTENSIONS.contains(&known) => return true,
        Some(other) if OTHER.contains(&other) => return false,
        Some(_) => {}
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.is_ok() && (dicom::looks_like(&head) || raster::looks_like(&head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path, bytes: &[u8]) {
        std::fs::create_dir_all(path.parent().expect("has a folder")).expect("folder");
        std::fs::write(path, bytes).expect("file");
    }

    #[test]
    fn a_folder_gives_its_films_in_order() {
        let folder = tempfile::tempdir().expect("folder");
        let at = |name: &str| folder.path().join(name);
        let mut dicom = vec![0; 128];
        dicom.extend_from_slice(b"DICM");
        touch(&at("b.png"), b"");
        touch(&at("a/IM0001"), &dicom);
        touch(&at("a/headless.8"), &[8, 0, 5, 0, 10, 0, 0, 0, b'I', b'S', b'O', b'_']);
        touch(&at(".hidden.png"), b"");
        touch(&at(".trash/c.png"), b"");
        touch(&at("notes"), b"the quick brown fox");
        touch(&at("table.csv"), b"a,b");
        let study = Study::open(&[folder.path().to_path_buf()]).expect("films");
        assert_eq!(study.films, [at("a/IM0001"), at("a/headless.8"), at("b.png")]);
        let twice = Study::open(&[at("b.png"), folder.path().to_path_buf()]).expect("films");
        assert_eq!(twice.films, [at("b.png"), at("a/IM0001"), at("a/headless.8")]);
    }

    #[test]
    fn nothing_found_and_nothing_there_are_errors() {
        let folder = tempfile::tempdir().expect("folder");
        let nothing = Study::open(&[folder.path().to_path_buf()]).expect_err("empty").to_string();
        assert!(nothing.contains("no films found"), "{nothing}");
        assert!(Study::open(&[folder.path().join("missing")]).is_err() && Study::open(&[]).is_err());
    }
}
