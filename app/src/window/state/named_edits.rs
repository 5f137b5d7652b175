//! Edits that were given a name, such as "no pacemaker", kept in the user's state folder for other films and other days.
//! In: edits in relative form. Out: the list, and a file that is always whole.

use std::path::{Path, PathBuf};

use fluoro_core::bundle::Manifest;
use fluoro_core::engine::RelativeEdit;
use fluoro_core::export::atomic::write_atomic;
use fluoro_core::export::recipe::{Action, Recipe};
use fluoro_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::recent::state_folder;

const FILE: &str = "edits.ron";

/// An edit with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedEdit {
    /// Its name.
    pub name: String,
    /// What it does to a film.
    pub edit: RelativeEdit,
}

/// The edits that were remembered, and what the panel's list of them is doing.
#[derive(Default)]
pub struct NamedEdits {
    list: Vec<NamedEdit>,
    file: Option<PathBuf>,
    /// The list is on screen.
    pub is_open: bool,
    /// The name being typed for the edit of the sliders.
    pub name: String,
    /// The field of that name asks for the keyboard.
    pub wants_focus: bool,
    /// The edit that gets another name, and what was typed of it.
    pub renaming: Option<(String, String)>,
    /// The edit that a dialog asks a place for.
    pub exporting: Option<String>,
}

impl NamedEdits {
    /// Reads the list. A missing file is an empty list; a damaged one is too, and is kept beside it at the next change.
    pub fn load() -> Self {
        state_folder().map_or_else(Self::default, |folder| Self::at(folder.join("fluoro").join(FILE)))
    }

    /// The list of a file.
    pub fn at(file: PathBuf) -> Self {
        let list = read(&file).unwrap_or_default();
        Self { list, file: Some(file), ..Self::default() }
    }

    /// By name.
    pub fn list(&self) -> &[NamedEdit] {
        &self.list
    }

    /// The edit of a name.
    pub fn get(&self, name: &str) -> Option<&RelativeEdit> {
        self.list.iter().find(|known| known.name == name).map(|known| &known.edit)
    }

    /// Remembers an edit; one of the same name is replaced.
    ///
    /// # Errors
    /// When the name is empty, the edit changes nothing, or the file cannot be written; then the list is as it was.
    pub fn remember(&mut self, name: &str, edit: RelativeEdit) -> Result<()> {
        let name = name.trim().to_owned();
        if name.is_empty() {
            return Err(Error::Invalid("give the edit a name".into()));
        }
        if edit.is_empty() {
            return Err(Error::Invalid("this edit changes nothing; move a slider first".into()));
        }
        self.change(|list| {
            list.retain(|known| known.name != name);
            list.push(NamedEdit { name, edit });
        })
    }

    /// Forgets an edit.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&mut self, name: &str) -> Result<()> {
        self.change(|list| list.retain(|known| known.name != name))
    }

    /// Gives an edit another name.
    ///
    /// # Errors
    /// When the name is empty or taken, or the file cannot be written.
    pub fn rename(&mut self, old: &str, new: &str) -> Result<()> {
        let new = new.trim();
        if new == old {
            return Ok(());
        }
        if new.is_empty() || self.get(new).is_some() {
            return Err(Error::Invalid(format!("an edit cannot be called \"{new}\": the name is empty or taken")));
        }
        self.change(|list| {
            if let Some(known) = list.iter_mut().find(|known| known.name == old) {
                new.clone_into(&mut known.name);
            }
        })
    }

    /// Writes an edit as a recipe that `fluoro edit --recipe` takes for any film.
    ///
    /// # Errors
    /// When there is no such edit, or the file cannot be written.
    pub fn export(&self, name: &str, manifest: &Manifest, device: &str, path: &Path) -> Result<()> {
        let edit = self.get(name).ok_or_else(|| Error::Invalid(format!("no edit is called \"{name}\"")))?;
        Recipe::of_relative(manifest, device, edit.clone()).write(path)
    }

    /// Takes the edit of such a recipe; its name is the file's. Returns the name.
    ///
    /// # Errors
    /// When the file is no such recipe, or the list cannot be written.
    pub fn import(&mut self, path: &Path) -> Result<String> {
        let Action::Relative(edit) = Recipe::read(path)?.action else {
            let hint = "a recipe of one picture holds the activations of its film; fluoro edit --recipe makes it again";
            return Err(Error::Invalid(format!("not a remembered edit ({hint}): {}", path.display())));
        };
        let stem = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = stem.trim_end_matches(".ron").trim_end_matches(".recipe");
        let names = std::iter::once(stem.to_owned()).chain((2..).map(|count| format!("{stem} {count}")));
        let name = names.into_iter().find(|name| self.get(name).is_none()).unwrap_or_default();
        self.remember(&name, edit)?;
        Ok(name)
    }

    /// Changes the list as the file holds it now, which another window may have changed, and writes it whole.
    fn change(&mut self, change: impl FnOnce(&mut Vec<NamedEdit>)) -> Result<()> {
        let Some(file) = &self.file else {
            change(&mut self.list);
            self.sort();
            return Ok(());
        };
        let failed = |error: std::io::Error| Error::write(file, &error);
        let mut list = match read(file) {
            Some(list) => list,
            None => {
                if file.exists() {
                    std::fs::rename(file, file.with_extension("damaged.ron")).map_err(failed)?;
                }
                Vec::new()
            }
        };
        change(&mut list);
        list.sort_by_key(|known| known.name.to_lowercase());
        let text = ron::ser::to_string_pretty(&list, ron::ser::PrettyConfig::default())
            .map_err(|error| Error::Invalid(format!("the edits cannot be written ({error})")))?;
        file.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(failed)?;
        write_atomic(file, |out| out.write_all(text.as_bytes()))?;
        self.list = list;
        Ok(())
    }

    fn sort(&mut self) {
        self.list.sort_by_key(|known| known.name.to_lowercase());
    }
}

fn read(file: &Path) -> Option<Vec<NamedEdit>> {
    ron::from_str(&std::fs::read_to_string(file).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn edit(percent: f32) -> RelativeEdit {
        RelativeEdit {
            bundle: "b".into(),
            encoding_hash: "h".into(),
            features: Vec::new(),
            findings: BTreeMap::from([("Mass".to_owned(), percent)]),
            drop_residual: false,
        }
    }

    fn names(edits: &NamedEdits) -> Vec<&str> {
        edits.list().iter().map(|known| known.name.as_str()).collect()
    }

    #[test]
    fn edits_are_remembered_renamed_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep").join(FILE);
        let mut edits = NamedEdits::at(file.clone());
        edits.remember(" no mass ", edit(-10.0)).unwrap();
        edits.remember("Big", edit(10.0)).unwrap();
        let mut other = NamedEdits::at(file.clone());
        other.remember("from another window", edit(1.0)).unwrap();
        edits.remember("no mass", edit(-12.0)).unwrap();
        assert_eq!(names(&edits), ["Big", "from another window", "no mass"], "nothing is lost");
        assert_eq!(edits.get("no mass").unwrap().findings["Mass"], -12.0);
        edits.rename("Big", "bigger").unwrap();
        edits.forget("from another window").unwrap();
        assert_eq!(names(&NamedEdits::at(file)), ["bigger", "no mass"]);
        assert!(edits.rename("bigger", "no mass").is_err() && edits.remember(" ", edit(1.0)).is_err());
        assert!(edits.remember("nothing", RelativeEdit { findings: BTreeMap::new(), ..edit(0.0) }).is_err());
    }

    #[test]
    fn a_damaged_file_is_kept_and_a_failed_write_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        std::fs::write(&file, "not ron").unwrap();
        let mut edits = NamedEdits::at(file.clone());
        assert!(edits.list().is_empty());
        edits.remember("a", edit(1.0)).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("edits.damaged.ron")).unwrap(), "not ron");
        let mut nowhere = NamedEdits::at(file.join("below a file").join(FILE));
        assert!(nowhere.remember("b", edit(1.0)).is_err() && nowhere.list().is_empty());
    }
}
