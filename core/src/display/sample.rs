//! Bicubic sampling of a plane for a view: the weights of every screen column and row, found once.
//!
//! Enter a plane's size, its place and an upright view; leave, for each screen pixel on the plane, the samples it is made
//! of. The window's shaders take the same weights (`shaders/resample.wgsl`), so both draw the same picture.

use super::place::{Extent, ViewTransform};
use super::pyramid::Pyramid;
use crate::plane::Plane;
use crate::render::catmull_rom;

/// A plane and where it lies on the film.
#[derive(Clone, Copy)]
pub struct Placed<'a> {
    /// Samples.
    pub plane: &'a Plane,
    /// Halved copies, when there are any.
    pub pyramid: Option<&'a Pyramid>,
    /// Place.
    pub extent: Extent,
}

/// The sizes of a plane and its halved copies, and where it lies on the film: all that a view's weights rest on.
#[derive(Clone, Copy)]
pub struct Measures<'a> {
    /// Width and height of the plane.
    pub size: [usize; 2],
    /// Halved copies; empty when there are none.
    pub halves: &'a [Plane],
    /// Place.
    pub extent: Extent,
}

impl<'a> Placed<'a> {
    /// Its sizes.
    #[must_use]
    pub fn measures(&self) -> Measures<'a> {
        let halves = self.pyramid.map_or(&[][..], |pyramid| pyramid.levels());
        Measures { size: [self.plane.width(), self.plane.height()], halves, extent: self.extent }
    }
}

/// How one plane is sampled for one view.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Which copy is read: 0 is the plane itself, 1 the first of its halves.
    pub level: usize,
    /// Weights of the screen's columns.
    pub columns: Taps,
    /// Weights of the screen's rows.
    pub rows: Taps,
}

impl Sampling {
    /// Chooses the copy and finds the weights; the view is taken as upright.
    #[must_use]
    pub fn new(measures: &Measures<'_>, transform: &ViewTransform, viewport: [usize; 2]) -> Self {
        Self::at_level(measures, transform, viewport, Self::level_of(measures, transform))
    }

    /// The copy of which one to two pixels lie under a screen pixel; the plane itself where it is enlarged.
    #[must_use]
    pub fn level_of(measures: &Measures<'_>, transform: &ViewTransform) -> usize {
        let step = measures.size[0] as f32 / measures.extent.width / transform.zoom;
        (step.max(1.0).log2().floor() as usize).min(measures.halves.len())
    }

    /// The same with a copy of the caller's choice; the smallest where there are fewer.
    #[must_use]
    pub fn at_level(measures: &Measures<'_>, transform: &ViewTransform, viewport: [usize; 2], level: usize) -> Self {
        let Measures { size: [width, height], halves, extent } = *measures;
        let level = level.min(halves.len());
        let chosen = if level == 0 { [width, height] } else { [halves[level - 1].width(), halves[level - 1].height()] };
        let shrink = (1_u64 << level) as f64;
        let axis = |axis: usize, size: usize, chosen: usize, start: f32, length: f32| {
            let scale = size as f64 / f64::from(length);
            let to_plane = |screen: f64| {
                let film = f64::from(transform.center[axis])
                    + (screen - viewport[axis] as f64 / 2.0) / f64::from(transform.zoom);
                (film - f64::from(start)) * scale
            };
            Taps::new(viewport[axis], size as f64, chosen, shrink, to_plane)
        };
        Self {
            level,
            columns: axis(0, width, chosen[0], extent.x, extent.width),
            rows: axis(1, height, chosen[1], extent.y, extent.height),
        }
    }

    /// Whether the plane is not on the screen at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty() || self.rows.is_empty()
    }

    /// First column, first row, and the ones after the last, that lie on the plane.
    #[must_use]
    pub fn area(&self) -> [usize; 4] {
        let end = |taps: &Taps| taps.first + taps.spans.len();
        [self.columns.first, self.rows.first, end(&self.columns), end(&self.rows)]
    }
}

/// For each screen pixel that lies on the plane along one axis: the samples it is made of and their weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Taps {
    /// First screen pixel on the plane.
    first: usize,
    /// First sample, and where its weights start and end.
    spans: Vec<(usize, usize, usize)>,
    weights: Vec<f32>,
    /// The samples that are used at all.
    source: [usize; 2],
}

impl Taps {
    /// `to_plane` maps a screen coordinate to the plane's own; `size` is the plane's length at full size, `samples` its
    /// length at the level in use, whose pixels are `shrink` full ones long.
    fn new(screen: usize, size: f64, samples: usize, shrink: f64, to_plane: impl Fn(f64) -> f64) -> Self {
        let stretch = ((to_plane(1.0) - to_plane(0.0)) / shrink).max(1.0);
        let mut taps = Self { first: 0, spans: Vec::with_capacity(screen), weights: Vec::new(), source: [samples, 0] };
        for pixel in 0..screen {
            let place = to_plane(pixel as f64 + 0.5);
            if !(0.0..size).contains(&place) {
                if taps.spans.is_empty() {
                    taps.first = pixel + 1;
                    continue;
                }
                break;
            }
            let middle = place / shrink;
            let first = (middle - 2.0 * stretch).floor().clamp(0.0, samples as f64 - 1.0) as usize;
            let end = ((middle + 2.0 * stretch).ceil() as usize).clamp(first + 1, samples);
            let weight = |i: usize| catmull_rom((i as f64 + 0.5 - middle) / stretch);
            let total: f64 = (first..end).map(weight).sum();
            let start = taps.weights.len();
            taps.weights.extend((first..end).map(|i| (weight(i) / total) as f32));
            taps.spans.push((first, start, taps.weights.len()));
            taps.source = [taps.source[0].min(first), taps.source[1].max(end)];
        }
        taps
    }

    /// Whether no screen pixel lies on the plane.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// First sample that is used, and the one after the last.
    #[must_use]
    pub fn source(&self) -> [usize; 2] {
        self.source
    }

    /// Screen pixels on the plane, in order: the first sample of each, and the weights from there on.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (usize, &[f32])> {
        self.spans.iter().map(|&(first, start, end)| (first, &self.weights[start..end]))
    }

    fn at(&self, pixel: usize) -> Option<(usize, &[f32])> {
        let &(first, start, end) = self.spans.get(pixel.checked_sub(self.first)?)?;
        Some((first, &self.weights[start..end]))
    }
}

/// A plane sampled line by line.
pub(super) struct Sampler<'a> {
    plane: &'a Plane,
    sampling: Sampling,
}

impl<'a> Sampler<'a> {
    pub(super) fn new(placed: &Placed<'a>, transform: &ViewTransform, viewport: [usize; 2]) -> Self {
        let sampling = Sampling::new(&placed.measures(), transform, viewport);
        let levels = placed.pyramid.map_or(&[][..], |p| p.levels());
        let plane = if sampling.level == 0 { placed.plane } else { &levels[sampling.level - 1] };
        Self { plane, sampling }
    }

    /// The samples of screen row `y`, and the first screen column they belong to; `None` beyond the plane.
    pub(super) fn line(&self, y: usize, blend: &mut Vec<f32>, line: &mut Vec<f32>) -> Option<usize> {
        let Sampling { columns, rows, .. } = &self.sampling;
        let (row, weights) = rows.at(y)?;
        let [from, to] = columns.source;
        if to <= from {
            return None;
        }
        blend.clear();
        blend.resize(to - from, 0.0);
        for (offset, &weight) in weights.iter().enumerate() {
            let start = (row + offset) * self.plane.width();
            let source = &self.plane.data()[start + from..start + to];
            blend.iter_mut().zip(source).for_each(|(sum, &value)| *sum += weight * value);
        }
        line.clear();
        line.extend(columns.iter().map(|(first, weights)| {
            weights.iter().zip(&blend[first - from..]).map(|(&weight, &value)| weight * value).sum::<f32>()
        }));
        Some(columns.first)
    }

    /// Every sample on the screen.
    pub(super) fn field(&self) -> Field {
        let [left, top, right, bottom] = self.sampling.area();
        let (mut values, mut blend, mut line) = (Vec::new(), Vec::new(), Vec::new());
        for y in top..bottom {
            if self.line(y, &mut blend, &mut line).is_some() {
                values.extend_from_slice(&line);
            }
        }
        Field { top, width: right.saturating_sub(left), values }
    }
}

/// A plane sampled on the screen, where it lies on it.
pub(super) struct Field {
    pub(super) top: usize,
    width: usize,
    values: Vec<f32>,
}

impl Field {
    /// The samples of screen row `y`.
    pub(super) fn row(&self, y: usize) -> Option<&[f32]> {
        self.values.chunks_exact(self.width.max(1)).nth(y.checked_sub(self.top)?)
    }
}
