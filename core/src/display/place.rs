//! Where things lie: a plane on the film, the film on the screen.
//!
//! Enter sizes and the gestures of a hand; leave places. Film coordinates are the film's own pixels, (0, 0) at the top
//! left pixel's corner; screen coordinates are the viewport's physical pixels, counted the same way.

use serde::{Deserialize, Serialize};

use crate::preprocess::SeenRegion;

/// Where a plane lies in film coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Extent {
    /// The extent of the film itself.
    #[must_use]
    pub fn whole(width: usize, height: usize) -> Self {
        Self { x: 0.0, y: 0.0, width: width as f32, height: height as f32 }
    }

    /// The part of a film that a model sees.
    #[must_use]
    pub fn seen(seen: &SeenRegion) -> Self {
        let [x, y, width, height] = [seen.x, seen.y, seen.width, seen.height].map(|v| v as f32);
        Self { x, y, width, height }
    }
}

/// How a film is turned on the screen: mirrored left to right first, or not, then turned clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Turn {
    quarters: u8,
    mirrored: bool,
}

impl Turn {
    /// As the film is stored.
    pub const NONE: Self = Self { quarters: 0, mirrored: false };

    /// Turned further by quarters of a circle, clockwise; negative ones turn back.
    #[must_use]
    pub fn rotated(self, quarters: i8) -> Self {
        Self { quarters: (i16::from(self.quarters) + i16::from(quarters)).rem_euclid(4) as u8, ..self }
    }

    /// Left and right swapped, as seen on the screen.
    #[must_use]
    pub fn flipped_horizontally(self) -> Self {
        Self { quarters: (4 - self.quarters) % 4, mirrored: !self.mirrored }
    }

    /// Top and bottom swapped, as seen on the screen.
    #[must_use]
    pub fn flipped_vertically(self) -> Self {
        self.flipped_horizontally().rotated(2)
    }

    /// Quarters of a circle clockwise, 0 to 3, after the mirror.
    #[must_use]
    pub fn quarters(self) -> u8 {
        self.quarters
    }

    /// Whether left and right of the patient are swapped.
    #[must_use]
    pub fn is_mirrored(self) -> bool {
        self.mirrored
    }

    /// The size of a picture before it is turned, from that after; the same the other way.
    #[must_use]
    pub fn upright<T>(self, [width, height]: [T; 2]) -> [T; 2] {
        if self.quarters % 2 == 1 { [height, width] } else { [width, height] }
    }

    /// A step on the film as a step on the screen.
    #[must_use]
    pub fn to_screen(self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [[a, b], [c, d]] = self.rows().map(|row| row.map(f32::from));
        [a * x + b * y, c * x + d * y]
    }

    /// A step on the screen as a step on the film.
    #[must_use]
    pub fn to_film(self, [x, y]: [f32; 2]) -> [f32; 2] {
        // The inverse of a turn is its transpose.
        let [[a, b], [c, d]] = self.rows().map(|row| row.map(f32::from));
        [a * x + c * y, b * x + d * y]
    }

    /// The rows of the matrix that turns the film: every number is -1, 0 or 1.
    #[must_use]
    pub fn rows(self) -> [[i8; 2]; 2] {
        let m = if self.mirrored { -1 } else { 1 };
        match self.quarters {
            0 => [[m, 0], [0, 1]],
            1 => [[0, -1], [m, 0]],
            2 => [[-m, 0], [0, -1]],
            _ => [[0, 1], [-m, 0]],
        }
    }

    /// The pixel of the upright picture that lands on a screen pixel; both pictures have whole pixels, so none is lost.
    pub(super) fn source(self, [x, y]: [usize; 2], screen: [usize; 2]) -> [usize; 2] {
        let upright = self.upright(screen);
        let twice = |at: usize, size: usize| 2 * at as i64 + 1 - size as i64;
        let step = [twice(x, screen[0]), twice(y, screen[1])];
        let [[a, b], [c, d]] = self.rows().map(|row| row.map(i64::from));
        let film = [a * step[0] + c * step[1], b * step[0] + d * step[1]];
        [0, 1].map(|axis| ((film[axis] + upright[axis] as i64 - 1) / 2) as usize)
    }

    /// What a reader is told, such as "mirrored, turned 90° right"; nothing when the film is as stored.
    #[must_use]
    pub fn words(self) -> Option<&'static str> {
        match (self.mirrored, self.quarters) {
            (false, 0) => None,
            (false, 1) => Some("turned 90° right"),
            (false, 2) => Some("turned 180°"),
            (false, _) => Some("turned 90° left"),
            (true, 0) => Some("mirrored left to right"),
            (true, 1) => Some("mirrored, turned 90° right"),
            (true, 2) => Some("mirrored top to bottom"),
            (true, _) => Some("mirrored, turned 90° left"),
        }
    }
}

/// Which part of the film a viewport shows, how large, and how it is turned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewTransform {
    /// The film point in the middle of the viewport.
    pub center: [f32; 2],
    /// Screen pixels for each film pixel.
    pub zoom: f32,
    /// Flips and quarter turns.
    #[serde(default)]
    pub turn: Turn,
}

impl ViewTransform {
    /// Smallest and largest zoom that a hand can reach.
    pub const ZOOM: [f32; 2] = [0.01, 64.0];

    /// The whole film as it is stored, as large as the viewport allows.
    #[must_use]
    pub fn fit(film: [usize; 2], viewport: [usize; 2]) -> Self {
        Self::fit_turned(film, viewport, Turn::NONE)
    }

    /// The whole film, turned, as large as the viewport allows.
    #[must_use]
    pub fn fit_turned(film: [usize; 2], viewport: [usize; 2], turn: Turn) -> Self {
        let room = turn.upright(viewport);
        let ratio = |axis: usize| room[axis].max(1) as f32 / film[axis].max(1) as f32;
        Self { center: [film[0] as f32 / 2.0, film[1] as f32 / 2.0], zoom: ratio(0).min(ratio(1)), turn }
    }

    /// The same without the turn, for the upright picture.
    #[must_use]
    pub fn upright(&self) -> Self {
        Self { turn: Turn::NONE, ..*self }
    }

    /// The film point under a screen point.
    #[must_use]
    pub fn to_film(&self, screen: [f32; 2], viewport: [usize; 2]) -> [f32; 2] {
        let step = self.turn.to_film([0, 1].map(|axis| screen[axis] - viewport[axis] as f32 / 2.0));
        [0, 1].map(|axis| self.center[axis] + step[axis] / self.zoom)
    }

    /// The screen point of a film point.
    #[must_use]
    pub fn to_screen(&self, film: [f32; 2], viewport: [usize; 2]) -> [f32; 2] {
        let step = self.turn.to_screen([0, 1].map(|axis| (film[axis] - self.center[axis]) * self.zoom));
        [0, 1].map(|axis| step[axis] + viewport[axis] as f32 / 2.0)
    }

    /// Zoomed by `factor`, the film point under `screen` staying where it is.
    #[must_use]
    pub fn zoomed_at(&self, screen: [f32; 2], factor: f32, viewport: [usize; 2]) -> Self {
        let fixed = self.to_film(screen, viewport);
        let zoom = (self.zoom * factor).clamp(Self::ZOOM[0], Self::ZOOM[1]);
        let step = self.turn.to_film([0, 1].map(|axis| screen[axis] - viewport[axis] as f32 / 2.0));
        Self { center: [0, 1].map(|axis| fixed[axis] - step[axis] / zoom), zoom, ..*self }
    }

    /// Moved with the hand by `delta` screen pixels; the middle of the viewport never leaves the film.
    #[must_use]
    pub fn panned(&self, delta: [f32; 2], film: [usize; 2]) -> Self {
        let delta = self.turn.to_film(delta);
        let center = [0, 1].map(|axis| (self.center[axis] - delta[axis] / self.zoom).clamp(0.0, film[axis] as f32));
        Self { center, ..*self }
    }
}
