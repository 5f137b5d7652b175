//! Steps of undo that change the view and not the edit, in one order with the film's edits. In: the view in every frame,
//! and how many edits led to the film's. Out: what the next undo and redo take back.
//!
//! A step of the view carries the depth of the edit at which it was made. The step made last is therefore a step of the
//! view if one was made at the depth of today, else the last edit: no second list of edits is kept.

use fluoro_core::worker::FilmSource;

use crate::window::light_box::{Aspect, Kept};

/// Steps kept for each film.
const MOST_STEPS: usize = 200;
/// Changes of the same thing within this time are one step, unless a hand let go between them.
const ONE_GESTURE_SECONDS: f64 = 0.8;

/// One change of the view.
#[derive(Clone, Debug)]
struct Step {
    aspects: Vec<Aspect>,
    before: Kept,
    after: Kept,
    depth: usize,
}

/// Steps of one film.
#[derive(Debug, Default)]
struct Timeline {
    past: Vec<Step>,
    undone: Vec<Step>,
}

/// Steps of every film, and the view as it was last seen.
#[derive(Default)]
pub struct Steps {
    films: Vec<(FilmSource, Timeline)>,
    seen: Option<(u64, Kept)>,
    gesture: Option<(Vec<Aspect>, f64)>,
}

/// What a step does, for words.
pub type Aspects = Vec<Aspect>;

impl Steps {
    fn timeline(&self, film: &FilmSource) -> Option<&Timeline> {
        self.films.iter().find(|(own, _)| own == film).map(|(_, timeline)| timeline)
    }

    fn timeline_mut(&mut self, film: &FilmSource) -> &mut Timeline {
        let place = self.films.iter().position(|(own, _)| own == film).unwrap_or_else(|| {
            self.films.push((film.clone(), Timeline::default()));
            self.films.len() - 1
        });
        &mut self.films[place].1
    }

    /// Looks at the view of a film; `version` is the number of its picture. True when a step was made.
    pub fn observe(&mut self, film: &FilmSource, version: u64, view: Kept, depth: usize, now: f64, held: bool) -> bool {
        let before = match &self.seen {
            Some((seen, before)) if *seen == version => before.clone(),
            // Another film: its view is no change of this one.
            _ => {
                self.seen = Some((version, view));
                self.gesture = None;
                return false;
            }
        };
        let aspects = view.changed_from(&before);
        if aspects.is_empty() {
            return false;
        }
        self.seen = Some((version, view.clone()));
        let goes_on = aspects.iter().all(|aspect| aspect.is_gradual())
            && self
                .gesture
                .as_ref()
                .is_some_and(|(own, at)| *own == aspects && (held || now - at < ONE_GESTURE_SECONDS));
        self.gesture = Some((aspects.clone(), now));
        let timeline = self.timeline_mut(film);
        timeline.undone.clear();
        if let Some(last) = timeline.past.last_mut().filter(|last| goes_on && last.depth == depth) {
            last.after = view;
            return true;
        }
        timeline.past.push(Step { aspects, before, after: view, depth });
        if timeline.past.len() > MOST_STEPS {
            timeline.past.remove(0);
        }
        true
    }

    /// The hand let go: the next change is a new step.
    pub fn end_gesture(&mut self) {
        self.gesture = None;
    }

    /// Takes back what is known of a film's views.
    pub fn forget(&mut self, film: &FilmSource) {
        self.films.retain(|(own, _)| own != film);
    }

    /// The view is what it is: nothing of it was a step (a session was opened).
    pub fn forget_seen(&mut self) {
        (self.seen, self.gesture) = (None, None);
    }

    /// The edit was changed: steps of the view that were undone cannot be made again.
    pub fn edit_changed(&mut self, film: &FilmSource) {
        if self.timeline(film).is_some() {
            self.timeline_mut(film).undone.clear();
        }
        self.gesture = None;
    }

    /// What the next undo takes back, when that is a step of the view.
    pub fn last(&self, film: &FilmSource, depth: usize) -> Option<&Aspects> {
        self.timeline(film)?.past.last().filter(|step| step.depth >= depth).map(|step| &step.aspects)
    }

    /// What the next redo makes again, when that is a step of the view.
    pub fn undone(&self, film: &FilmSource, depth: usize) -> Option<&Aspects> {
        self.timeline(film)?.undone.last().filter(|step| step.depth <= depth).map(|step| &step.aspects)
    }

    /// Takes the last step of the view back.
    pub fn undo(&mut self, film: &FilmSource, depth: usize, view: &Kept) -> Option<Kept> {
        self.last(film, depth)?;
        let timeline = self.timeline_mut(film);
        let step = timeline.past.pop()?;
        let mut view = view.clone();
        step.aspects.iter().for_each(|aspect| view.take(&step.before, *aspect));
        timeline.undone.push(step);
        self.look_away(&view);
        Some(view)
    }

    /// Makes the last one undone again.
    pub fn redo(&mut self, film: &FilmSource, depth: usize, view: &Kept) -> Option<Kept> {
        self.undone(film, depth)?;
        let timeline = self.timeline_mut(film);
        let step = timeline.undone.pop()?;
        let mut view = view.clone();
        step.aspects.iter().for_each(|aspect| view.take(&step.after, *aspect));
        timeline.past.push(step);
        self.look_away(&view);
        Some(view)
    }

    /// What undo and redo do to the view is no step.
    fn look_away(&mut self, view: &Kept) {
        if let Some((_, seen)) = &mut self.seen {
            seen.clone_from(view);
        }
        self.gesture = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film() -> FilmSource {
        FilmSource::Sample("a")
    }

    #[test]
    fn a_gesture_is_one_step_and_two_are_two() {
        let mut steps = Steps::default();
        let mut view = Kept::default();
        let first = view.clone();
        steps.observe(&film(), 1, view.clone(), 0, 0.0, false);
        for i in 0..20 {
            view.overlay.opacity = 0.3 + i as f32 * 0.01;
            assert!(steps.observe(&film(), 1, view.clone(), 0, f64::from(i), true));
        }
        steps.end_gesture();
        view.invert = true;
        steps.observe(&film(), 1, view.clone(), 0, 20.0, false);
        view.invert = false;
        steps.observe(&film(), 1, view.clone(), 0, 20.1, false);
        let last = view.clone();
        let mut undone = 0;
        while let Some(before) = steps.undo(&film(), 0, &view) {
            view = before;
            undone += 1;
        }
        assert_eq!((undone, &view), (3, &first), "invert twice and one drag");
        while let Some(after) = steps.redo(&film(), 0, &view) {
            view = after;
        }
        assert_eq!(view, last);
    }

    #[test]
    fn steps_of_the_view_and_edits_keep_their_order() {
        let mut steps = Steps::default();
        let mut view = Kept::default();
        let look =
            |steps: &mut Steps, view: &Kept, depth, now| steps.observe(&film(), 1, view.clone(), depth, now, false);
        look(&mut steps, &view, 0, 0.0);
        view.invert = true;
        look(&mut steps, &view, 0, 1.0);
        // Here the edit changes: depth 1.
        view.arrangement = crate::window::light_box::Arrangement::One;
        look(&mut steps, &view, 1, 2.0);
        assert_eq!(steps.last(&film(), 1), Some(&vec![Aspect::Arrangement]));
        view = steps.undo(&film(), 1, &view).unwrap();
        assert_eq!(steps.last(&film(), 1), None, "the edit is next");
        assert_eq!(steps.last(&film(), 0), Some(&vec![Aspect::Invert]));
        view = steps.undo(&film(), 0, &view).unwrap();
        assert_eq!(view, Kept::default());
        assert_eq!(steps.undone(&film(), 0), Some(&vec![Aspect::Invert]));
        view = steps.redo(&film(), 0, &view).unwrap();
        assert_eq!(steps.undone(&film(), 0), None, "the edit is next");
        steps.edit_changed(&film());
        assert_eq!(steps.undone(&film(), 1), None, "another edit was made instead");
        assert!(view.invert);
    }

    #[test]
    fn another_film_starts_anew_and_keeps_its_own() {
        let (mut steps, other) = (Steps::default(), FilmSource::Sample("b"));
        let mut view = Kept::default();
        steps.observe(&film(), 1, view.clone(), 0, 0.0, false);
        view.invert = true;
        steps.observe(&film(), 1, view.clone(), 0, 0.0, false);
        view.invert = false;
        assert!(!steps.observe(&other, 2, view.clone(), 0, 0.0, false), "its view is no step");
        assert_eq!(steps.last(&other, 0), None);
        assert!(steps.last(&film(), 0).is_some());
    }
}
