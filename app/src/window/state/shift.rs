//! The shift of the current film: what is asked for, the answer, and which of its frames is on the light box.

use std::sync::Arc;

use fluoro_core::difference::{self, MapMethod};
use fluoro_core::shift::{Preset, Shift, ShiftRequest, Target};
use serde::{Deserialize, Serialize};

use super::job::Job;

/// Frames per second of a GIF at speed 1.
pub const FRAMES_PER_SECOND: f32 = 8.0;
/// Speeds to choose from.
pub const SPEEDS: [f32; 4] = [0.25, 0.5, 1.0, 2.0];

/// What the panel asks for; a session keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What changes; the first label at first.
    pub target: Target,
    /// Whose rules.
    pub preset: Preset,
    /// A range of the user's own, instead of the preset's search.
    pub fixed: bool,
    /// That range.
    pub range: [f32; 2],
    /// A number of frames of the user's own.
    pub counted: bool,
    /// That number.
    pub frames: usize,
    /// How the difference map is made; as the preset does when none.
    pub map: Option<MapMethod>,
    /// Whether the map keeps its sign.
    pub signed: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            target: Target::Label(0),
            preset: Preset::Fluoro,
            fixed: false,
            range: [-2.0, 2.0],
            counted: false,
            frames: 11,
            map: None,
            signed: false,
        }
    }
}

impl Settings {
    /// The request for the worker.
    pub fn request(&self) -> ShiftRequest {
        ShiftRequest {
            preset: self.preset,
            range: self.fixed.then_some(self.range),
            frames: self.counted.then_some(self.frames),
            map: self.map,
            signed: self.signed,
            ..ShiftRequest::of(self.target)
        }
    }
}

/// A finished shift and what the window derives from it once.
#[derive(Clone)]
pub struct Done {
    /// The shift.
    pub shift: Arc<Shift>,
    /// What was asked for.
    pub request: ShiftRequest,
    /// The number of its first frame's picture; frame `i` has `version + i`.
    pub version: u64,
    /// Largest change of any frame from the reconstruction, so that all frames share one colour scale.
    pub limit: f32,
}

impl Done {
    /// Looks at every frame once.
    pub fn new(shift: Arc<Shift>, request: ShiftRequest, version: u64) -> Self {
        let change = |frame| difference::signed(&shift.reference, frame).map(|map| map.min_max());
        let limit = shift
            .frames
            .iter()
            .filter_map(|frame| change(frame).ok())
            .fold(0.0_f32, |most, (lo, hi)| most.max(hi).max(-lo));
        Self { shift, request, version, limit }
    }
}

/// The panel's state.
#[derive(Default)]
pub struct ShiftState {
    /// What the panel asks for.
    pub settings: Settings,
    /// The request in progress.
    pub asked: Option<ShiftRequest>,
    /// The answer.
    pub job: Job<Done>,
    /// Whether the film moves.
    pub playing: bool,
    /// How fast.
    pub speed: Speed,
    /// Place on the timeline, in frames.
    pub position: f32,
    /// Whether it moves towards the end.
    pub backwards: bool,
    /// Whether the difference shows the whole shift instead of the frame.
    pub whole: bool,
}

/// A playing speed.
#[derive(Clone, Copy, PartialEq)]
pub struct Speed(pub f32);

impl Default for Speed {
    fn default() -> Self {
        Self(1.0)
    }
}

impl ShiftState {
    /// The frame on the light box.
    pub fn frame(&self) -> usize {
        let last = self.job.value.as_ref().map_or(0, |done| done.shift.frames.len().saturating_sub(1));
        (self.position.round().max(0.0) as usize).min(last)
    }

    /// Goes to a frame and stops there.
    pub fn go_to(&mut self, frame: f32) {
        let last = self.job.value.as_ref().map_or(0, |done| done.shift.frames.len().saturating_sub(1));
        self.position = frame.clamp(0.0, last as f32);
        self.playing = false;
    }

    /// Lets time pass while playing: forth and back, as the paper's figures move.
    pub fn advance(&mut self, seconds: f32) {
        let last = self.job.value.as_ref().map_or(0, |done| done.shift.frames.len().saturating_sub(1)) as f32;
        if !self.playing || last <= 0.0 {
            return;
        }
        let step = seconds * FRAMES_PER_SECOND * self.speed.0;
        let next = if self.backwards { self.position - step } else { self.position + step };
        if !(0.0..=last).contains(&next) {
            self.backwards = !self.backwards;
        }
        self.position = next.clamp(0.0, last);
    }

    /// Milliseconds of one frame at the speed chosen, for a GIF.
    pub fn delay_ms(&self) -> u32 {
        (1000.0 / (FRAMES_PER_SECOND * self.speed.0)).round() as u32
    }
}
