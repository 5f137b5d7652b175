//! What a user asks of edits as a whole: several features at once, edits with a name, edits under a brush. One slider's
//! own wishes are in [`wishes`](super::wishes).

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use fluoro_core::Result;
use fluoro_core::engine::{Edit, EditRegion, RelativeEdit};

use super::app::App;
use super::dialogs::Purpose;
use super::state::edits::Handle;
use super::state::problem::Problem;

impl App {
    /// Multiplies the film's own activation of every one of these features; 1 takes their edits away.
    pub fn scale_features(&mut self, handle: Handle, features: &[usize], factor: f32) {
        let Some(analysis) = self.analysis().cloned() else { return };
        self.change_edit(handle, |edit| {
            for &index in features {
                let own = analysis.activations.get(index).copied().unwrap_or(0.0);
                // A feature that does not fire has nothing to multiply.
                match (own > 0.0, factor == 1.0) {
                    (true, false) => drop(edit.features.insert(index, (own * factor).max(0.0))),
                    (true, true) => drop(edit.features.remove(&index)),
                    (false, _) => {}
                }
            }
        });
    }

    /// The factor of [`Self::scale_features`] that all of these features have now; none where they differ.
    pub fn scale_of(&self, edit: &Edit, features: &[usize]) -> Option<f32> {
        let activations = &self.analysis()?.activations;
        let mut factors = features.iter().filter_map(|index| {
            let own = activations.get(*index).copied().filter(|own| *own > 0.0)?;
            Some(edit.features.get(index).map_or(1.0, |value| value / own))
        });
        let first = factors.next()?;
        factors.all(|factor| (factor - first).abs() < 1e-3).then_some(first)
    }

    /// Takes the edits of these features away, with their regions.
    pub fn reset_features(&mut self, features: &[usize]) {
        self.change_edit(Handle::Single, |edit| {
            for index in features {
                edit.features.remove(index);
                edit.regions.remove(index);
            }
        });
    }

    /// Features that are edited now.
    pub fn edited_features(&self) -> BTreeSet<usize> {
        let history = self.study.history();
        history.map(|history| history.current().features.keys().copied().collect()).unwrap_or_default()
    }

    /// The sliders' edit in relative form; none while nothing is changed.
    pub fn relative_edit(&self) -> Option<RelativeEdit> {
        let (manifest, analysis) = (self.manifest()?, self.analysis()?);
        let mut relative = RelativeEdit::of(manifest, &analysis.activations, &self.edit());
        for feature in &mut relative.features {
            // Labels that were found for a store are what the user saw.
            feature.label = self.named.get(feature.index).and_then(|named| named.label.clone());
        }
        Some(relative).filter(|relative| !relative.is_empty())
    }

    /// Remembers the sliders' edit under the name that was typed.
    pub fn remember_edit(&mut self) {
        let Some(edit) = self.relative_edit() else { return };
        let name = std::mem::take(&mut self.named_edits.name);
        let kept = self.named_edits.remember(&name, edit);
        if kept.is_err() {
            self.named_edits.name = name;
        }
        self.tell(kept, "The edit was not remembered");
    }

    /// Applies a remembered edit to the film on the light box, over what the sliders say: features that it does not name
    /// keep their edit.
    pub fn apply_named(&mut self, name: &str) {
        if let Some(edit) = self.named_edits.get(name).cloned() {
            self.apply_relative(&edit);
        }
    }

    /// Applies an edit in relative form to the film on the light box. Returns whether it could be.
    pub fn apply_relative(&mut self, relative: &RelativeEdit) -> bool {
        if !self.can_edit() {
            return false;
        }
        let (Some(manifest), Some(analysis)) = (self.manifest().cloned(), self.analysis().cloned()) else {
            return false;
        };
        let resolved = match relative.resolve(&manifest, &analysis.activations) {
            Ok(resolved) => resolved,
            Err(error) => {
                self.toasts.problem(&Problem::new("The edit could not be applied", &error));
                return false;
            }
        };
        self.change_edit(Handle::Single, |edit| {
            for feature in &relative.features {
                edit.features.remove(&feature.index);
                edit.regions.remove(&feature.index);
            }
            edit.features.extend(resolved.features);
            edit.regions.extend(resolved.regions);
            edit.findings.extend(resolved.findings);
            edit.drop_residual |= resolved.drop_residual;
        });
        true
    }

    /// Applies an edit in relative form to every film of the study: here now, to the others once they are opened, because
    /// only then their own activations are known.
    pub fn apply_to_all(&mut self, relative: &RelativeEdit) {
        if !self.apply_relative(relative) {
            return;
        }
        let (shared, shown) = (Arc::new(relative.clone()), self.study.shown);
        let others = self.study.films.iter_mut().enumerate().filter(|(index, _)| Some(*index) != shown);
        let count = others.map(|(_, film)| film.waiting.push(Arc::clone(&shared))).count();
        let words =
            format!("{}\n{count} other films follow as they are opened; undo takes it back on each.", relative.words());
        self.toasts.news(self.now, "The edit is applied to all films", words);
    }

    /// A film was opened: edits that were asked for on all films are applied.
    pub(super) fn apply_waiting(&mut self) {
        if self.analysis().is_none() || !self.can_edit() {
            return;
        }
        let waiting = self.study.film_mut().map(|film| std::mem::take(&mut film.waiting)).unwrap_or_default();
        for relative in waiting {
            self.apply_relative(&relative);
        }
    }

    /// Asks where a remembered edit is written to.
    pub fn ask_export_edit(&mut self, name: &str) {
        self.named_edits.exporting = Some(name.to_owned());
        self.ask(Purpose::ExportEdit);
    }

    /// Writes the remembered edit that was chosen as a recipe.
    pub fn export_edit(&mut self, path: &Path) {
        let (Some(name), Some(view)) = (self.named_edits.exporting.take(), &self.model.view) else { return };
        let written = self.named_edits.export(&name, &view.manifest, &view.device, path);
        if self.tell(written, "The edit was not written") {
            self.toasts.news(self.now, format!("\"{name}\" written"), path.display().to_string());
        }
    }

    /// Takes a remembered edit from a recipe.
    pub fn import_edit(&mut self, path: &Path) {
        let taken = self.named_edits.import(path);
        match taken {
            Ok(name) => {
                self.toasts.news(self.now, format!("\"{name}\" is remembered"), path.display().to_string());
                self.named_edits.is_open = true;
            }
            Err(error) => self.toasts.problem(&Problem::new("No edit was imported", &error)),
        }
    }

    /// Renames a remembered edit.
    pub fn rename_edit(&mut self, old: &str, new: &str) {
        let renamed = self.named_edits.rename(old, new);
        self.tell(renamed, "The edit keeps its name");
    }

    /// Forgets a remembered edit.
    pub fn forget_edit(&mut self, name: &str) {
        let forgotten = self.named_edits.forget(name);
        self.tell(forgotten, "The edit was not forgotten");
    }

    /// Says what went wrong, if something did.
    fn tell(&mut self, result: Result<()>, what: &str) -> bool {
        if let Err(error) = &result {
            self.toasts.problem(&Problem::new(what, error));
        }
        result.is_ok()
    }

    /// Takes the brush for a feature, or puts it away with none.
    pub fn take_brush(&mut self, feature: Option<usize>) {
        let Some(index) = feature else {
            self.brush.feature = None;
            return;
        };
        let positions = self.manifest().map(|manifest| manifest.latent.positions(&manifest.name));
        match positions {
            Some(Ok(_)) => {
                self.brush.feature = Some(index);
                self.region.is_drawing = false;
            }
            Some(Err(error)) => self.toasts.problem(&Problem::new("The brush cannot be used", &error)),
            None => {}
        }
    }

    /// The feature that the brush command is about: the one chosen, or the one edited last by number, or the strongest.
    pub fn brush_candidate(&self) -> Option<usize> {
        let activations = &self.analysis()?.activations;
        let strongest = || (0..activations.len()).max_by(|&a, &b| activations[a].total_cmp(&activations[b]));
        let edited = || self.edited_features().last().copied();
        self.features.anchor.filter(|&index| index < activations.len()).or_else(edited).or_else(strongest)
    }

    /// Paints where a hand is, `place` in film pixels; or takes paint away.
    pub fn paint(&mut self, place: [f32; 2], erases: bool) {
        let (Some(index), Some(manifest), Some(film)) = (self.brush.feature, self.manifest().cloned(), &self.film)
        else {
            return;
        };
        let cell = manifest.latent_place(film.size(), place.map(f64::from));
        let radius = self.brush.radius;
        self.change_edit(Handle::Region(index), |edit| {
            let known = edit.regions.remove(&index);
            let Some(mut region) = known.or_else(|| EditRegion::of_latent(&manifest).ok()) else { return };
            region.paint(cell, radius, !erases);
            // A feature without a cell is edited everywhere again.
            if !region.is_empty() {
                edit.regions.insert(index, region);
            }
        });
    }

    /// Lets a feature's edit apply everywhere again.
    pub fn clear_region(&mut self, index: usize) {
        self.change_edit(Handle::Single, |edit| drop(edit.regions.remove(&index)));
    }
}
