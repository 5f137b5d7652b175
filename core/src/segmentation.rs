//! Segmentation: a difference map thresholded, boxed and outlined.
//!
//! Enters a difference map (signed or absolute, grey levels); leaves a mask, its boxes and its outline, at the map's
//! size or scaled to the film's own pixels. (0, 0) is the top left pixel's corner.

use crate::difference::percentile;
use crate::plane::Plane;
use crate::preprocess::Preprocess;
use serde::{Deserialize, Serialize};

/// Changes smaller than this many grey levels (of 2048) never enter a mask: they are rounding, not change.
pub const NEAR_ZERO: f32 = 1e-2;

/// Which part of a map becomes the mask: pixels whose absolute value is strictly above.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Threshold {
    /// The given percentile (0 to 100) of the map's absolute values.
    Percentile(f32),
    /// The given number of grey levels.
    Value(f32),
    /// The value that separates the histogram of absolute values best (Otsu 1979, 256 bins as in skimage).
    Otsu,
}

/// A mask of what changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Segmentation {
    /// Row by row, true where the map is above the threshold; `width * height` long.
    pub mask: Vec<bool>,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The threshold that was applied, in the map's unit.
    pub threshold: f32,
    /// The mask's share of all pixels, 0 to 1.
    pub area_fraction: f32,
    /// x, y, width, height of each 8-connected component that is not too small, largest component first.
    pub boxes: Vec<[u32; 4]>,
}

/// Thresholds a map. Components under one pixel in two thousand (25 pixels at 224 x 224) get no box but stay in the mask.
#[must_use]
pub fn segment(map: &Plane, threshold: Threshold) -> Segmentation {
    segment_with(map, threshold, (map.data().len() / 2000).max(1))
}

/// As [`segment`], with the least number of pixels that earns a component a box.
///
/// The absolute values of `map` count. A map that is zero everywhere, or nearly so ([`NEAR_ZERO`]), gives an empty mask
/// whatever the threshold; values that are not finite are never inside.
#[must_use]
pub fn segment_with(map: &Plane, threshold: Threshold, min_area: usize) -> Segmentation {
    let absolute: Vec<f32> = map.data().iter().map(|v| v.abs()).collect();
    let threshold = match threshold {
        Threshold::Percentile(q) => percentile(&absolute, q),
        Threshold::Value(v) => v.abs(),
        Threshold::Otsu => otsu(&absolute),
    }
    .max(NEAR_ZERO);
    let mask: Vec<bool> = absolute.iter().map(|&v| v.is_finite() && v > threshold).collect();
    let area_fraction = share(&mask);
    let (width, height) = (map.width(), map.height());
    let boxes = component_boxes(&mask, width, height, min_area);
    Segmentation { mask, width, height, threshold, area_fraction, boxes }
}

impl Segmentation {
    /// The mask at another size (a film's own pixels), by nearest neighbour; the boxes go with it.
    #[must_use]
    pub fn scale_to(&self, width: usize, height: usize) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        // The source pixel under the middle of target pixel i, in whole numbers so that boxes and mask agree.
        let source = |i: usize, from: usize, to: usize| (2 * i + 1) * from / (2 * to);
        let mask: Vec<bool> = (0..height)
            .flat_map(|y| {
                let row = source(y, self.height, height) * self.width;
                (0..width).map(move |x| self.mask[row + source(x, self.width, width)])
            })
            .collect();
        // The first target pixel whose source is not before `edge`.
        let first = |edge: usize, from: usize, to: usize| (2 * to * edge).saturating_sub(from).div_ceil(2 * from);
        let span = |start: u32, length: u32, from: usize, to: usize| {
            let low = first(start as usize, from, to).min(to - 1);
            let high = first((start + length) as usize, from, to).clamp(low + 1, to);
            (low as u32, (high - low) as u32)
        };
        let boxes = self.boxes.iter().map(|&[x, y, w, h]| {
            let (x, w) = span(x, w, self.width, width);
            let (y, h) = span(y, h, self.height, height);
            [x, y, w, h]
        });
        let area_fraction = share(&mask);
        Self { boxes: boxes.collect(), mask, width, height, area_fraction, ..*self }
    }

    /// A segmentation of a model's input in the pixels of a film of `width` x `height`: what preprocessing cut off is outside.
    #[must_use]
    pub fn on_film(&self, preprocess: &Preprocess, width: usize, height: usize) -> Self {
        let area = preprocess.seen(width, height).area();
        let part = self.scale_to(area.width as usize, area.height as usize);
        let mut mask = vec![false; width * height];
        for (y, row) in part.mask.chunks_exact(part.width).enumerate() {
            let start = (area.y as usize + y) * width + area.x as usize;
            mask[start..start + part.width].copy_from_slice(row);
        }
        let boxes = part.boxes.iter().map(|&[x, y, w, h]| [x + area.x, y + area.y, w, h]).collect();
        let share = part.mask.len() as f64 / mask.len() as f64;
        let area_fraction = (f64::from(part.area_fraction) * share) as f32;
        Self { mask, width, height, area_fraction, boxes, ..part }
    }

    /// Closed lines along the pixel borders of the mask, each a list of corners in pixels; the last corner joins the
    /// first. The mask lies to the right of the way (clockwise around a region, the other way around a hole). Pixels
    /// that touch at a corner share a line, as they share a component.
    #[must_use]
    pub fn outline(&self) -> Vec<Vec<[f32; 2]>> {
        // One bit for each way out of a corner. Ways: 0 right, 1 down, 2 left, 3 up.
        let corners = self.width + 1;
        let mut ways = vec![0_u8; corners * (self.height + 1)];
        let inside = |x: isize, y: isize| {
            let within = (0..self.width as isize).contains(&x) && (0..self.height as isize).contains(&y);
            within && self.mask[y as usize * self.width + x as usize]
        };
        for y in 0..self.height {
            for x in 0..self.width {
                let (px, py) = (x as isize, y as isize);
                if !inside(px, py) {
                    continue;
                }
                let sides = [(0, -1, x, y, 0), (1, 0, x + 1, y, 1), (0, 1, x + 1, y + 1, 2), (-1, 0, x, y + 1, 3)];
                for (dx, dy, cx, cy, way) in sides {
                    if !inside(px + dx, py + dy) {
                        ways[cy * corners + cx] |= 1_u8 << way;
                    }
                }
            }
        }
        let mut lines = Vec::new();
        for start in 0..ways.len() {
            while ways[start] != 0 {
                lines.push(trace(&mut ways, start, corners));
            }
        }
        lines
    }
}

/// Follows one line from `start` until it closes, taking its edges out of `ways`.
fn trace(ways: &mut [u8], start: usize, corners: usize) -> Vec<[f32; 2]> {
    let mut line: Vec<[f32; 2]> = Vec::new();
    let first_way = ways[start].trailing_zeros() as usize;
    let (mut at, mut way) = (start, first_way);
    loop {
        ways[at] &= !(1_u8 << way);
        at = match way {
            0 => at + 1,
            1 => at + corners,
            2 => at - 1,
            _ => at - corners,
        };
        // Left first: where two regions touch at a corner, the line crosses over and joins them.
        let home = if at == start { 1_u8 << first_way } else { 0 };
        let open = ways[at] | home;
        let next = [way + 3, way, way + 1].map(|w| w % 4).into_iter().find(|w| open & (1_u8 << w) != 0);
        if next != Some(way) {
            line.push([(at % corners) as f32, (at / corners) as f32]);
        }
        match next {
            Some(next) if home != 1_u8 << next => way = next,
            _ => return line,
        }
    }
}

/// Boxes of the 8-connected components of at least `min_area` pixels, largest first, ties in reading order.
fn component_boxes(mask: &[bool], width: usize, height: usize, min_area: usize) -> Vec<[u32; 4]> {
    let mut seen = vec![false; mask.len()];
    let mut found: Vec<(usize, [u32; 4])> = Vec::new();
    let mut open = Vec::new();
    for start in 0..mask.len() {
        if !mask[start] || seen[start] {
            continue;
        }
        seen[start] = true;
        open.push(start);
        let (mut area, mut left, mut top, mut right, mut bottom) = (0, width, height, 0, 0);
        while let Some(i) = open.pop() {
            let (x, y) = (i % width, i / width);
            area += 1;
            (left, right, top, bottom) = (left.min(x), right.max(x), top.min(y), bottom.max(y));
            for ny in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for nx in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let n = ny * width + nx;
                    if mask[n] && !seen[n] {
                        seen[n] = true;
                        open.push(n);
                    }
                }
            }
        }
        if area >= min_area {
            found.push((area, [left, top, right - left + 1, bottom - top + 1].map(|v| v as u32)));
        }
    }
    found.sort_by_key(|&(area, _)| std::cmp::Reverse(area));
    found.into_iter().map(|(_, area_box)| area_box).collect()
}

/// Otsu's threshold over 256 bins between the smallest and the largest value, the middle of the best bin as in
/// `skimage.filters.threshold_otsu`. Values that are not finite are left out.
fn otsu(values: &[f32]) -> f32 {
    const BINS: usize = 256;
    let finite = || values.iter().copied().filter(|v| v.is_finite()).map(f64::from);
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low >= high {
        return if low.is_finite() { low as f32 } else { 0.0 };
    }
    let width = (high - low) / BINS as f64;
    let middle = |bin: usize| low + (bin as f64 + 0.5) * width;
    let mut counts = [0.0_f64; BINS];
    for v in finite() {
        counts[(((v - low) / width) as usize).min(BINS - 1)] += 1.0;
    }
    let total: f64 = counts.iter().sum();
    let moment: f64 = counts.iter().enumerate().map(|(i, c)| c * middle(i)).sum();
    let (mut best, mut best_bin, mut below, mut below_moment) = (-1.0, 0, 0.0, 0.0);
    for (bin, count) in counts.iter().enumerate().take(BINS - 1) {
        below += count;
        below_moment += count * middle(bin);
        let apart = below_moment / below - (moment - below_moment) / (total - below);
        let between = below * (total - below) * apart * apart;
        if between > best {
            (best, best_bin) = (between, bin);
        }
    }
    middle(best_bin) as f32
}

/// Share of true values.
fn share(mask: &[bool]) -> f32 {
    let inside = mask.iter().filter(|&&m| m).count();
    (inside as f64 / mask.len().max(1) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map from rows of digits.
    fn map(rows: &[&str]) -> Plane {
        let data = rows.iter().flat_map(|r| r.bytes()).map(|b| f32::from(b - b'0')).collect();
        Plane::new(rows[0].len(), rows.len(), data).unwrap()
    }

    /// Twice the signed area of closed lines: positive clockwise in a picture whose y goes down.
    fn enclosed(lines: &[Vec<[f32; 2]>]) -> f32 {
        let one = |l: &Vec<[f32; 2]>| {
            (0..l.len()).map(|i| (l[i], l[(i + 1) % l.len()])).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f32>()
        };
        lines.iter().map(one).sum::<f32>() / 2.0
    }

    #[test]
    fn nothing_changed_means_an_empty_mask() {
        for threshold in
            [Threshold::Percentile(0.0), Threshold::Percentile(95.0), Threshold::Value(0.0), Threshold::Otsu]
        {
            for level in [0.0, 1e-4, f32::NAN] {
                let mut plane = Plane::filled(9, 7, level);
                plane.data_mut()[3] = 0.0;
                let found = segment(&plane, threshold);
                assert_eq!(found.area_fraction, 0.0, "{threshold:?} {level}");
                assert!(found.boxes.is_empty() && found.outline().is_empty());
            }
        }
    }

    #[test]
    fn thresholds_are_strict_and_take_both_signs() {
        let plane = Plane::new(4, 1, vec![-9.0, 1.0, 5.0, 0.0]).unwrap();
        assert_eq!(segment(&plane, Threshold::Value(5.0)).mask, [true, false, false, false]);
        assert_eq!(segment(&plane, Threshold::Percentile(50.0)).mask, [true, false, true, false]);
        assert_eq!(segment(&plane, Threshold::Percentile(50.0)).threshold, 3.0);
        assert_eq!(segment(&plane, Threshold::Otsu).mask, [true, false, true, false]);
    }

    #[test]
    fn components_join_at_corners_and_come_largest_first() {
        let plane = map(&["1000000", "0100000", "0000110", "0000110", "0000111"]);
        let found = segment_with(&plane, Threshold::Value(0.5), 1);
        assert_eq!(found.boxes, [[4, 2, 3, 3], [0, 0, 2, 2]]);
        assert_eq!(segment_with(&plane, Threshold::Value(0.5), 3).boxes, [[4, 2, 3, 3]]);
        assert!((found.area_fraction - 9.0 / 35.0).abs() < 1e-6);
    }

    #[test]
    fn outline_of_one_pixel_is_its_square() {
        let found = segment(&map(&["000", "010", "000"]), Threshold::Value(0.5));
        assert_eq!(found.outline(), [[[2.0, 1.0], [2.0, 2.0], [1.0, 2.0], [1.0, 1.0]]]);
    }

    #[test]
    fn outline_encloses_the_mask_and_goes_around_holes() {
        let ring = segment(&map(&["1111", "1011", "1111"]), Threshold::Value(0.5));
        let lines = ring.outline();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4]);
        assert_eq!(enclosed(&lines), 11.0);
        let touching = segment(&map(&["110", "001"]), Threshold::Value(0.5));
        assert_eq!(touching.outline().len(), 1, "pixels that touch at a corner share a line");
        assert_eq!(enclosed(&touching.outline()), 3.0);
    }

    #[test]
    fn outline_of_noise_uses_every_border_edge_once() {
        let mut state = 7_u32;
        let noise = Plane::from_fn(37, 23, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16 & 1) as f32
        });
        let found = segment(&noise, Threshold::Value(0.5));
        let lines = found.outline();
        let inside = found.mask.iter().filter(|&&m| m).count();
        assert_eq!(enclosed(&lines), inside as f32);
        let at = |x: isize, y: isize| (0..37).contains(&x) && (0..23).contains(&y) && found.mask[(y * 37 + x) as usize];
        let edges: usize = (-1..24)
            .flat_map(|y| (-1..38).map(move |x| (x, y)))
            .map(|(x, y)| usize::from(at(x, y) != at(x + 1, y)) + usize::from(at(x, y) != at(x, y + 1)))
            .sum();
        let length: f32 = lines
            .iter()
            .flat_map(|l| (0..l.len()).map(|i| (l[i], l[(i + 1) % l.len()])))
            .map(|(a, b)| (a[0] - b[0]).abs() + (a[1] - b[1]).abs())
            .sum();
        assert_eq!(length, edges as f32);
    }

    #[test]
    fn scaling_keeps_boxes_tight_around_the_mask() {
        let plane = map(&["0000000", "0011000", "0011100", "0000000"]);
        let small = segment_with(&plane, Threshold::Value(0.5), 1);
        for (width, height) in [(14, 8), (21, 13), (1024, 1200), (7, 4), (5, 3)] {
            let scaled = small.scale_to(width, height);
            let again = component_boxes(&scaled.mask, width, height, 1);
            assert_eq!(scaled.boxes, again, "{width} x {height}");
        }
        assert_eq!(small.scale_to(14, 8).boxes, [[4, 2, 6, 4]]);
        assert_eq!(small.scale_to(14, 8).area_fraction, small.area_fraction);
        assert_eq!(small.scale_to(1, 1).boxes.len(), 1, "a box never vanishes");
    }
}
