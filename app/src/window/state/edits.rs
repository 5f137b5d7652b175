//! The edit of one film, with undo and redo, and the picture that was last made of it.

use std::sync::Arc;
use std::time::Instant;

use fluoro_core::device::DeviceFrame;
use fluoro_core::engine::{Edit, Frame};
use fluoro_core::worker::RequestId;
use serde::{Deserialize, Serialize};

use super::problem::Problem;

/// Steps that undo can go back.
const MOST_STEPS: usize = 200;
/// Changes of one slider within this time are one step.
const ONE_GESTURE_SECONDS: f64 = 1.0;

/// Which control changed the edit; changes by the same control in one gesture are one step of undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handle {
    /// A feature's slider.
    Feature(usize),
    /// A finding's slider.
    Finding(usize),
    /// A group's slider, by its place in the list.
    Group(usize),
    /// The brush on a feature's region.
    Region(usize),
    /// Something that is a step of its own.
    Single,
}

/// An edit and how it came about; a session keeps it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    current: Edit,
    past: Vec<Edit>,
    future: Vec<Edit>,
    #[serde(skip)]
    gesture: Option<(Handle, f64)>,
    /// Steps that were too many to keep.
    forgotten: usize,
}

impl History {
    /// The edit as it is now.
    pub fn current(&self) -> &Edit {
        &self.current
    }

    /// Changes the edit; `now` in seconds decides where one gesture ends.
    pub fn change(&mut self, handle: Handle, now: f64, change: impl FnOnce(&mut Edit)) -> bool {
        let mut next = self.current.clone();
        change(&mut next);
        if next == self.current {
            return false;
        }
        let same = handle != Handle::Single
            && self.gesture.is_some_and(|(last, at)| last == handle && now - at < ONE_GESTURE_SECONDS);
        if !same {
            self.past.push(self.current.clone());
            if self.past.len() > MOST_STEPS {
                self.past.remove(0);
                self.forgotten += 1;
            }
        }
        self.future.clear();
        self.gesture = Some((handle, now));
        self.current = next;
        true
    }

    /// The hand let go: the next change is a new step.
    pub fn end_gesture(&mut self) {
        self.gesture = None;
    }

    /// Whether there is something to undo.
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// Whether there is something to redo.
    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }

    /// One step back.
    pub fn undo(&mut self) -> bool {
        Self::step(&mut self.past, &mut self.current, &mut self.future, &mut self.gesture)
    }

    /// One step forward.
    pub fn redo(&mut self) -> bool {
        Self::step(&mut self.future, &mut self.current, &mut self.past, &mut self.gesture)
    }

    fn step(from: &mut Vec<Edit>, current: &mut Edit, to: &mut Vec<Edit>, gesture: &mut Option<(Handle, f64)>) -> bool {
        let Some(next) = from.pop() else { return false };
        to.push(std::mem::replace(current, next));
        *gesture = None;
        true
    }
}

/// What sessions and the general history need to know.
impl History {
    /// How many steps lead to the edit as it is now.
    pub fn depth(&self) -> usize {
        self.forgotten + self.past.len()
    }

    /// What was undone cannot be made again: something else was changed.
    pub fn forget_undone(&mut self) {
        self.future.clear();
    }

    /// The edit before the last step.
    pub fn before(&self) -> Option<&Edit> {
        self.past.last()
    }

    /// The edit that the next step forward brings back.
    pub fn undone(&self) -> Option<&Edit> {
        self.future.last()
    }

    /// The edit as it is now, those before it and those that were undone, each in order.
    pub fn parts(&self) -> (&Edit, &[Edit], &[Edit]) {
        (&self.current, &self.past, &self.future)
    }

    /// From its parts.
    pub fn from_parts(current: Edit, past: Vec<Edit>, future: Vec<Edit>) -> Self {
        Self { current, past, future, ..Self::default() }
    }
}

/// The last picture made of an edit of the current film.
#[derive(Clone)]
pub struct Made {
    /// Picture and scores.
    pub frame: Arc<Frame>,
    /// The edit that it shows.
    pub edit: Edit,
    /// Its number among pictures.
    pub version: u64,
}

/// A picture that lies on the window's own graphics device.
#[derive(Clone)]
pub struct OnDevice {
    /// Counterfactual and change.
    pub frame: Arc<DeviceFrame>,
    /// The edit that it shows.
    pub edit: Edit,
    /// The request that it answers.
    pub id: RequestId,
    /// Its number among pictures; its numbers have the same once they are read.
    pub version: u64,
}

/// Pictures of edits: the one shown, and the one asked for.
#[derive(Default)]
pub struct Pictures {
    /// The newest with its numbers.
    pub made: Option<Made>,
    /// The newest on the graphics device, where engine and window share one. It is that of `made`, or a newer one.
    pub on_device: Option<OnDevice>,
    /// The newest request and when it was sent, while its picture is not there.
    pub pending: Option<(RequestId, Instant)>,
    /// Why the newest request gave no picture.
    pub problem: Option<Problem>,
}

impl Pictures {
    /// Nothing is shown any more.
    pub fn forget(&mut self) {
        (self.made, self.on_device) = (None, None);
    }

    /// The edit of the picture on screen.
    pub fn shown_edit(&self) -> Option<&Edit> {
        let on_device = self.on_device.as_ref().map(|shown| &shown.edit);
        on_device.or_else(|| self.made.as_ref().map(|made| &made.edit))
    }

    /// Whether the picture shown is not yet that of the newest slider value.
    pub fn is_old(&self) -> bool {
        let shown = self.on_device.as_ref().map(|shown| shown.id);
        self.pending.is_some_and(|(newest, _)| shown != Some(newest))
    }

    /// Whether the numbers of the picture shown are here, so that it can be written down and measured.
    pub fn is_read(&self) -> bool {
        let made = self.made.as_ref().map(|made| made.version);
        self.on_device.as_ref().is_none_or(|shown| Some(shown.version) == made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(history: &mut History, handle: Handle, now: f64, feature: usize, value: f32) -> bool {
        history.change(handle, now, |edit| {
            edit.features.insert(feature, value);
        })
    }

    #[test]
    fn a_drag_is_one_step() {
        let mut history = History::default();
        for i in 0..30 {
            set(&mut history, Handle::Feature(4), f64::from(i) / 60.0, 4, i as f32 + 1.0);
        }
        assert!(history.undo() && history.current().is_empty() && !history.can_undo());
        assert!(history.redo());
        assert_eq!(history.current().features[&4], 30.0);
    }

    #[test]
    fn letting_go_or_waiting_or_another_slider_starts_a_new_step() {
        let mut history = History::default();
        set(&mut history, Handle::Feature(4), 0.0, 4, 1.0);
        set(&mut history, Handle::Feature(4), 5.0, 4, 2.0);
        set(&mut history, Handle::Feature(5), 5.1, 5, 2.0);
        history.end_gesture();
        set(&mut history, Handle::Feature(5), 5.2, 5, 3.0);
        let steps = std::iter::from_fn(|| history.undo().then(|| history.current().features.len())).count();
        assert_eq!(steps, 4);
    }

    #[test]
    fn a_change_after_undo_forgets_what_was_undone() {
        let mut history = History::default();
        set(&mut history, Handle::Single, 0.0, 1, 1.0);
        set(&mut history, Handle::Single, 0.0, 2, 1.0);
        history.undo();
        assert!(set(&mut history, Handle::Single, 0.0, 3, 1.0) && !history.can_redo());
        assert!(!set(&mut history, Handle::Single, 0.0, 3, 1.0), "nothing changed, no step");
    }
}
