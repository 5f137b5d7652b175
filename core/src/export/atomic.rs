//! Outputs that appear whole or not at all.
//!
//! Enters a target and a function that writes; leaves the finished target, or nothing and an [`Error::Write`] that says
//! why. The work happens beside the target, on the same disk, and a rename makes it visible.

use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// The list of its files that every written folder holds. It tells a folder of ours from somebody else's: only a folder
/// that holds nothing but the files on its list is replaced.
pub const LIST: &str = ".fluoro";
/// Around the random part of a temporary name.
const PREFIX: &str = ".fluoro-";
const SUFFIX: &str = ".part";

/// Writes a file through `content`, which gets a buffered writer. An existing file is replaced.
///
/// # Errors
/// When the folder is missing or read-only, the disk is full, the target is a folder, or `content` fails: then nothing
/// is left behind, and an older file at the target is untouched.
pub fn write_atomic(path: impl AsRef<Path>, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    Staged::new(path, content)?.finish()
}

/// A file that is written in full but not yet in sight; dropped, it is gone. Outputs that belong together are all
/// staged before the first is finished, so that a full disk leaves none of them.
pub struct Staged {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl Staged {
    /// Writes the file beside its target.
    ///
    /// # Errors
    /// As [`write_atomic`].
    pub fn new(path: impl AsRef<Path>, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |e: &io::Error| Error::write(path, e);
        let mut writer = BufWriter::with_capacity(1 << 16, beside(path)?);
        content(&mut writer).map_err(|e| failed(&e))?;
        writer.flush().map_err(|e| failed(&e))?;
        let temporary = writer.into_inner().map_err(|e| failed(e.error()))?;
        temporary.as_file().sync_all().map_err(|e| failed(&e))?;
        Ok(Self { temporary, path: path.to_path_buf() })
    }

    /// Puts the file at its target.
    ///
    /// # Errors
    /// When it cannot be renamed; an older file is then untouched.
    pub fn finish(self) -> Result<()> {
        self.temporary.persist(&self.path).map_err(|e| Error::write(&self.path, &e.error))?;
        sync_folder(parent(&self.path));
        Ok(())
    }
}

/// Whether [`write_atomic`] could write here, without leaving a trace: asked before long work.
///
/// # Errors
/// When the folder is missing or read-only, or the target is a folder or a device.
pub fn check_file(path: &Path) -> Result<()> {
    beside(path).map(drop)
}

/// Whether [`write_folder_atomic`] could write here, without leaving a trace: asked before long work.
///
/// # Errors
/// When the folder around it is missing or read-only, or the target is a file or holds anything that Fluoro did not
/// write.
pub fn check_folder(path: &Path) -> Result<()> {
    check_replaceable(path)?;
    Builder::new().prefix(PREFIX).suffix(SUFFIX).tempdir_in(parent(path)).map(drop).map_err(|e| Error::write(path, &e))
}

/// An empty file beside a target that may be replaced. Only plain files may: a rename onto `/dev/null` would replace
/// the device.
fn beside(path: &Path) -> Result<NamedTempFile> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            return Err(refused(path, "a folder with this name exists; choose another name"));
        }
        Ok(there) if !there.is_file() => {
            return Err(refused(path, "this is a device, not a file; choose another name"));
        }
        _ => {}
    }
    if path.file_name().is_none() {
        return Err(refused(path, "this is not a file name"));
    }
    let mut builder = Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // The rights that a plain file would get; tempfile's own would keep others from reading an export.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(parent(path)).map_err(|e| Error::write(path, &e))
}

/// Writes a folder through `content`, which gets an empty folder to fill. An empty folder at the target is used; a
/// folder that this function wrote before is replaced.
///
/// # Errors
/// As [`write_atomic`]; also when the target is a file, or a folder that holds anything else. `content`'s own error is
/// passed on. In each case nothing is left behind, and what was there is untouched.
pub fn write_folder_atomic(path: impl AsRef<Path>, content: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let path = path.as_ref();
    let failed = |e: io::Error| Error::write(path, &e);
    check_replaceable(path)?;
    let mut builder = Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let temporary = builder.tempdir_in(parent(path)).map_err(failed)?;
    content(temporary.path())?;
    let names = names_in(temporary.path()).map_err(failed)?;
    let list: String = names.iter().map(|n| format!("{n}\n")).collect();
    fs::write(temporary.path().join(LIST), list).map_err(failed)?;
    for name in names.iter().map(String::as_str).chain([LIST]) {
        File::open(temporary.path().join(name)).and_then(|f| f.sync_all()).map_err(failed)?;
    }
    sync_folder(temporary.path());
    // An older folder steps aside until the new one is in place, and comes back if that fails.
    let aside = if path.exists() {
        let aside = builder.tempdir_in(parent(path)).map_err(failed)?;
        fs::rename(path, aside.path().join("old")).map_err(failed)?;
        Some(aside)
    } else {
        None
    };
    if let Err(e) = fs::rename(temporary.path(), path) {
        if let Some(aside) = aside
            && let Err(back) = fs::rename(aside.path().join("old"), path)
        {
            let kept = aside.keep();
            return Err(refused(path, &format!("{e}; its older content is kept in {} ({back})", kept.display())));
        }
        return Err(failed(e));
    }
    // The temporary folder now has its final name: there is nothing of it to remove.
    let _ = temporary.keep();
    sync_folder(parent(path));
    Ok(())
}

/// Refuses targets whose content would be lost.
fn check_replaceable(path: &Path) -> Result<()> {
    let failed = |e: io::Error| Error::write(path, &e);
    if !path.exists() {
        return Ok(());
    }
    if !path.is_dir() {
        return Err(refused(path, "a file with this name exists; choose another name"));
    }
    let listed = match fs::read_to_string(path.join(LIST)) {
        Ok(list) => list.lines().map(str::to_owned).collect(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
        Err(e) => return Err(failed(e)),
    };
    let foreign = names_in(path).map_err(failed)?.into_iter().find(|n| !listed.contains(n));
    match foreign {
        None => Ok(()),
        Some(name) => Err(refused(
            path,
            &format!("the folder holds files that Fluoro did not write, such as {name}; choose a new or empty folder"),
        )),
    }
}

/// Every file below a folder, by its path inside it, except the list itself. Links are named, never followed.
fn names_in(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut open = vec![PathBuf::new()];
    while let Some(inner) = open.pop() {
        for entry in fs::read_dir(folder.join(&inner))? {
            let entry = entry?;
            let name = inner.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                open.push(name);
            } else if name != Path::new(LIST) {
                names.insert(name.to_string_lossy().into_owned());
            }
        }
    }
    Ok(names)
}

/// The folder that holds a path.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a rename lasting. Some file systems cannot sync a folder; the rename holds there all the same.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

fn refused(path: &Path, reason: &str) -> Error {
    Error::Write { path: path.to_path_buf(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_whole_and_replaces_the_older() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.txt");
        for text in ["first and longer", "second"] {
            write_atomic(&path, |w| w.write_all(text.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(entries(home.path()), ["a.txt"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let plain = home.path().join("plain");
            fs::write(&plain, "").unwrap();
            let rights = |p: &Path| fs::metadata(p).unwrap().permissions().mode();
            assert_eq!(rights(&path), rights(&plain));
        }
    }

    #[test]
    fn a_failing_writer_leaves_nothing_and_keeps_the_older() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.txt");
        let full = |w: &mut dyn Write| {
            w.write_all(&[7; 100_000])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        let error = write_atomic(&path, full).unwrap_err();
        assert!(error.to_string().contains("free some space"), "{error}");
        assert!(entries(home.path()).is_empty());
        fs::write(&path, "older").unwrap();
        assert!(write_atomic(&path, full).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "older");
        assert_eq!(entries(home.path()), ["a.txt"]);
    }

    #[test]
    fn a_staged_file_is_out_of_sight_and_goes_when_dropped() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.txt");
        let staged = Staged::new(&path, |w| w.write_all(b"new")).unwrap();
        assert!(!path.exists());
        drop(staged);
        assert!(entries(home.path()).is_empty());
        Staged::new(&path, |w| w.write_all(b"new")).unwrap().finish().unwrap();
        check_file(&path).unwrap();
        check_folder(&home.path().join("frames")).unwrap();
        assert!(
            check_file(home.path()).is_err() && check_folder(&path).is_err() && check_file(Path::new("/")).is_err()
        );
        assert_eq!(entries(home.path()), ["a.txt"]);
        #[cfg(unix)]
        assert!(check_file(Path::new("/dev/null")).unwrap_err().to_string().contains("a device"));
    }

    #[test]
    fn a_missing_folder_or_a_folder_as_target_is_named() {
        let home = tempfile::tempdir().unwrap();
        let error = write_atomic(home.path().join("no/a.txt"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("the folder does not exist"), "{error}");
        let error = write_atomic(home.path(), |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("a folder with this name exists"), "{error}");
        let error = write_folder_atomic(home.path().join("no/frames"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("the folder does not exist"), "{error}");
    }

    #[test]
    fn a_folder_appears_whole_and_replaces_only_its_own_kind() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("frames");
        let fill = |names: &'static [&'static str]| {
            move |folder: &Path| {
                fs::create_dir(folder.join("inner")).unwrap();
                names.iter().for_each(|n| fs::write(folder.join(n), n).unwrap());
                Ok(())
            }
        };
        write_folder_atomic(&path, fill(&["a", "b", "inner/c"])).unwrap();
        assert_eq!(entries(&path), [LIST, "a", "b", "inner"]);
        write_folder_atomic(&path, fill(&["d"])).unwrap();
        assert_eq!(entries(&path), [LIST, "d", "inner"]);
        fs::write(path.join("inner/notes.txt"), "mine").unwrap();
        let error = write_folder_atomic(&path, fill(&["e"])).unwrap_err();
        assert!(error.to_string().contains("such as inner/notes.txt"), "{error}");
        assert_eq!(fs::read_to_string(path.join("inner/notes.txt")).unwrap(), "mine");
        assert_eq!(entries(home.path()), ["frames"]);
    }

    #[test]
    fn a_failing_folder_leaves_nothing_and_keeps_the_older() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("frames");
        let fail = |folder: &Path| {
            fs::write(folder.join("half"), "half").unwrap();
            Err(Error::Cancelled)
        };
        assert!(matches!(write_folder_atomic(&path, fail), Err(Error::Cancelled)));
        assert!(entries(home.path()).is_empty());
        write_folder_atomic(&path, |f| fs::write(f.join("whole"), "").map_err(|e| Error::write(f, &e))).unwrap();
        assert!(write_folder_atomic(&path, fail).is_err());
        assert_eq!(entries(&path), [LIST, "whole"]);
        fs::write(home.path().join("file"), "").unwrap();
        assert!(write_folder_atomic(home.path().join("file"), |_| Ok(())).is_err());
    }

    #[test]
    fn an_empty_folder_is_used() {
        let home = tempfile::tempdir().unwrap();
        write_folder_atomic(home.path().join("x"), |_| Ok(())).unwrap();
        fs::create_dir(home.path().join("y")).unwrap();
        write_folder_atomic(home.path().join("y"), |f| fs::write(f.join("a"), "").map_err(|e| Error::write(f, &e)))
            .unwrap();
        assert_eq!(entries(&home.path().join("y")), [LIST, "a"]);
    }
}
