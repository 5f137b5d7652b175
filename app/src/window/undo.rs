//! Undo and redo of everything that changes the picture: the film's edit and the view, in the order in which they were
//! made, with words for what comes next.

use fluoro_core::engine::Edit;
use fluoro_core::worker::FilmSource;

use super::app::App;
use super::light_box::Aspect;
use super::state::edits::History;

impl App {
    /// Looks at the view once a frame: what changed in it is a step.
    pub(super) fn observe_view(&mut self) {
        let (Some(source), Some(film)) = (self.shown_source(), &self.film) else { return };
        if self.study.pending.is_some() || self.session.is_opening() {
            return self.steps.forget_seen();
        }
        let version = film.version;
        let depth = self.study.history().map_or(0, History::depth);
        let (held, released) = self.ctx.input(|input| (input.pointer.any_down(), input.pointer.any_released()));
        let view = self.light_box.kept.clone();
        if self.steps.observe(&source, version, view, depth, self.now, held)
            && let Some(history) = self.study.history_mut()
        {
            history.forget_undone();
        }
        if released {
            self.steps.end_gesture();
        }
    }

    /// The film on the light box.
    fn shown_source(&self) -> Option<FilmSource> {
        Some(self.study.films.get(self.study.shown?)?.source.clone())
    }

    /// Whether the view can change: a film is shown, and no other is on its way.
    fn history_of_shown(&self) -> Option<(FilmSource, &History)> {
        let source = self.shown_source().filter(|_| self.study.pending.is_none())?;
        Some((source, self.study.history()?))
    }

    /// What Undo takes back, in words.
    pub fn undo_words(&self) -> Option<String> {
        let (source, history) = self.history_of_shown()?;
        if let Some(aspects) = self.steps.last(&source, history.depth()) {
            return Some(view_words(aspects));
        }
        let before = history.before().filter(|_| history.can_undo())?;
        Some(self.edit_words(before, history.current()))
    }

    /// What Redo makes again, in words.
    pub fn redo_words(&self) -> Option<String> {
        let (source, history) = self.history_of_shown()?;
        if let Some(aspects) = self.steps.undone(&source, history.depth()) {
            return Some(view_words(aspects));
        }
        let undone = history.undone().filter(|_| history.can_redo())?;
        Some(self.edit_words(history.current(), undone))
    }

    /// One step back.
    pub fn undo_step(&mut self) {
        let Some((source, history)) = self.history_of_shown() else { return };
        let depth = history.depth();
        match self.steps.undo(&source, depth, &self.light_box.kept.clone()) {
            Some(view) => self.light_box.restore(&view),
            None => self.undo(),
        }
    }

    /// One step forward.
    pub fn redo_step(&mut self) {
        let Some((source, history)) = self.history_of_shown() else { return };
        let depth = history.depth();
        match self.steps.redo(&source, depth, &self.light_box.kept.clone()) {
            Some(view) => self.light_box.restore(&view),
            None => self.redo(),
        }
    }

    /// The edit of the film on the light box changed: nothing that was undone can be made again.
    pub(super) fn edit_changed(&mut self) {
        if let Some(source) = self.shown_source() {
            self.steps.edit_changed(&source);
        }
    }

    /// What differs between two edits.
    fn edit_words(&self, before: &Edit, after: &Edit) -> String {
        let features: Vec<usize> = differing(&before.features, &after.features);
        let findings: Vec<usize> = differing(&before.findings, &after.findings);
        match (&features[..], &findings[..]) {
            ([feature], []) => self.feature_name(*feature),
            ([], [label]) => self.labels().get(*label).cloned().unwrap_or_else(|| format!("finding {label}")),
            ([], []) => "edit".to_owned(),
            (features, findings) => format!("{} sliders", features.len() + findings.len()),
        }
    }
}

/// Keys whose values differ.
fn differing(
    before: &std::collections::BTreeMap<usize, f32>,
    after: &std::collections::BTreeMap<usize, f32>,
) -> Vec<usize> {
    let mut keys: Vec<usize> = before.keys().chain(after.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|key| before.get(key) != after.get(key));
    keys
}

fn view_words(aspects: &[Aspect]) -> String {
    match aspects {
        [only] => only.name().to_owned(),
        _ => "view".to_owned(),
    }
}
