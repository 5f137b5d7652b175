//! Burned-in words: found before the film's pixels leave, and painted over on request. In: a film. Out: boxes round what
//! looks like letters and markers, and a plane on which boxes are filled from what is around them.
//!
//! Letters are brighter than what surrounds them, have thin strokes and steep edges, are about as tall as letters on films
//! are (1 to 13 % of the longer side) and lie near a border. Anything like that is pointed out: a human decides. The film is
//! looked at with its longer side at 512 pixels or fewer, which is enough for letters and hides grain.

use crate::audit::injection::{PixelBox, Texture, inpaint};
use crate::difference::percentile;
use crate::display::Extent;
use crate::error::Result;
use crate::plane::Plane;
use crate::radiograph::Radiograph;
use crate::render::{Resample, resize};

/// Longer side of the picture that is looked at.
const SIDE: usize = 512;
/// Lengths below are shares of the longer side. Strokes are thinner than this.
const STROKE: f32 = 0.06;
/// How far the steepness of an edge is felt.
const RIM: f32 = 0.006;
/// Gaps between letters of a word.
const GAP: f32 = 0.008;
/// Heights of letters and markers.
const HEIGHTS: [f32; 2] = [0.012, 0.13];
/// Widths of letters and words.
const WIDTHS: [f32; 2] = [0.008, 0.45];
/// Middles of words are not farther from the nearest border, as a share of that side.
const BORDER: f32 = 0.22;
/// Levels below are shares of the film's brightest. A letter rises above its surroundings by this.
const RISE: f32 = 0.2;
/// A letter is at least this bright.
const BRIGHT: f32 = 0.45;
/// A letter's pixels are nearer than [`RIM`] to one that is darker by this, which parts letters from the soft edges beside
/// them.
const STEEP: f32 = 0.25;
/// Two in five of them are nearer than that to one that is darker by this.
const STEEPEST: f32 = 0.32;
/// Room left round what was found when it is painted over.
const MARGIN: f32 = 0.006;
/// Shorter side of a box above which it is filled at a smaller scale: the fill is smooth.
const FINE: usize = 40;

/// Boxes round what looks like burned-in words or markers, in the film's own pixels, from the top down.
#[must_use]
pub fn find(film: &Radiograph) -> Vec<PixelBox> {
    let (width, height) = (film.pixels.width(), film.pixels.height());
    let longer = width.max(height);
    let side = |length: usize| (length * SIDE).div_ceil(longer).max(1);
    let window = film.default_window();
    // A large film is made small before anything else, so that it costs one pass.
    let small = if longer > SIDE {
        window.to_unit(&resize_mean(&film.pixels, side(width), side(height)))
    } else {
        window.to_unit(&film.pixels)
    };
    let scale = [width as f32 / small.width() as f32, height as f32 / small.height() as f32];
    let margin = MARGIN * longer as f32;
    let mut boxes: Vec<PixelBox> = find_small(&small)
        .into_iter()
        .map(|[left, top, right, bottom]| {
            let span = |from: usize, to: usize, scale: f32, most: usize| {
                let start = (from as f32 * scale - margin).floor().max(0.0) as usize;
                let end = ((to as f32 * scale + margin).ceil() as usize).min(most);
                (start, end.saturating_sub(start).max(1))
            };
            let (x, wide) = span(left, right, scale[0], width);
            let (y, tall) = span(top, bottom, scale[1], height);
            PixelBox { x, y, width: wide, height: tall }
        })
        .collect();
    boxes.sort_by_key(|found| (found.y, found.x));
    join(boxes)
}

/// Boxes that overlap become one, so that each is painted over once.
fn join(mut boxes: Vec<PixelBox>) -> Vec<PixelBox> {
    let mut joined: Vec<PixelBox> = Vec::new();
    while let Some(mut one) = boxes.pop() {
        let meets = |a: &PixelBox, b: &PixelBox| {
            a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
        };
        while let Some(at) = joined.iter().position(|other| meets(&one, other)) {
            let other = joined.swap_remove(at);
            let (right, bottom) =
                ((one.x + one.width).max(other.x + other.width), (one.y + one.height).max(other.y + other.height));
            let (x, y) = (one.x.min(other.x), one.y.min(other.y));
            one = PixelBox { x, y, width: right - x, height: bottom - y };
        }
        joined.push(one);
    }
    joined.sort_by_key(|found| (found.y, found.x));
    joined
}

/// Left, top, right and bottom of each find.
fn find_small(plane: &Plane) -> Vec<[usize; 4]> {
    let (width, height) = (plane.width(), plane.height());
    let longer = width.max(height) as f32;
    let reach = |share: f32| ((share * longer).round() as usize).max(1);
    let bright = percentile(plane.data(), 99.8);
    if bright <= 0.0 {
        return Vec::new();
    }
    let stroke = reach(STROKE) / 2;
    let opened = spread(&spread(plane, stroke, f32::min), stroke, f32::max);
    let darkest = spread(plane, reach(RIM), f32::min);
    let is_letter = |i: usize| {
        let value = plane.data()[i];
        value - opened.data()[i] > RISE * bright
            && value > BRIGHT * bright
            && value - darkest.data()[i] > STEEP * bright
    };
    let mask: Vec<bool> = (0..plane.data().len()).map(is_letter).collect();
    let gap = reach(GAP);
    let words = components(&mask, [width, height], [gap, gap / 3]);
    let near_border = |from: usize, to: usize, side: usize| {
        let middle = (from + to) as f32 / 2.0 / side as f32;
        middle.min(1.0 - middle)
    };
    words
        .into_iter()
        .filter_map(|pixels| {
            let (mut left, mut top, mut right, mut bottom) = (width, height, 0, 0);
            for &i in &pixels {
                let (x, y) = (i % width, i / width);
                (left, top, right, bottom) = (left.min(x), top.min(y), right.max(x + 1), bottom.max(y + 1));
            }
            let (wide, tall) = ((right - left) as f32, (bottom - top) as f32);
            let within = |value: f32, [low, high]: [f32; 2]| (low..=high).contains(&value);
            let fill = pixels.len() as f32 / (wide * tall);
            let steepness: Vec<f32> = pixels.iter().map(|&i| plane.data()[i] - darkest.data()[i]).collect();
            let border = near_border(left, right, width).min(near_border(top, bottom, height));
            let fits = pixels.len() >= 6
                && within(tall / longer, HEIGHTS)
                && within(wide / longer, WIDTHS)
                && border < BORDER
                && within(fill, [0.15, 0.92])
                && wide < 12.0 * tall
                && tall < 3.2 * wide
                && percentile(&steepness, 60.0) > STEEPEST * bright;
            fits.then_some([left, top, right, bottom])
        })
        .collect()
}

/// The smallest or largest value within `reach` pixels in both directions.
fn spread(plane: &Plane, reach: usize, pick: fn(f32, f32) -> f32) -> Plane {
    let (width, height) = (plane.width(), plane.height());
    let along = |x: usize, most: usize| x.saturating_sub(reach)..(x + reach + 1).min(most);
    let wide = Plane::from_fn(width, height, |x, y| {
        let row = &plane.data()[y * width..][..width];
        row[along(x, width)].iter().copied().reduce(pick).unwrap_or_default()
    });
    Plane::from_fn(width, height, |x, y| {
        along(y, height).map(|y| wide.data()[y * width + x]).reduce(pick).unwrap_or_default()
    })
}

/// Pixels of the mask that belong together: within `gap` (across, down) of each other, or touching.
fn components(mask: &[bool], [width, height]: [usize; 2], gap: [usize; 2]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; mask.len()];
    let mut found = Vec::new();
    for start in (0..mask.len()).filter(|&i| mask[i]) {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        let (mut open, mut pixels) = (vec![start], Vec::new());
        while let Some(i) = open.pop() {
            pixels.push(i);
            let (x, y) = (i % width, i / width);
            // Twice the gap: as if each pixel were widened by it on its own side.
            let [across, down] = gap.map(|gap| 2 * gap + 1);
            for ny in y.saturating_sub(down)..(y + down + 1).min(height) {
                for nx in x.saturating_sub(across)..(x + across + 1).min(width) {
                    let n = ny * width + nx;
                    if mask[n] && !std::mem::replace(&mut seen[n], true) {
                        open.push(n);
                    }
                }
            }
        }
        found.push(pixels);
    }
    found
}

/// A smaller plane whose pixels are means: faster than bicubic weights, and letters stay letters.
fn resize_mean(plane: &Plane, width: usize, height: usize) -> Plane {
    let span = |i: usize, from: usize, to: usize| {
        let start = i * from / to;
        start..((i + 1) * from / to).max(start + 1).min(from)
    };
    Plane::from_fn(width, height, |x, y| {
        let (columns, rows) = (span(x, plane.width(), width), span(y, plane.height(), height));
        let count = (columns.len() * rows.len()).max(1) as f32;
        rows.map(|row| plane.data()[row * plane.width()..][columns.clone()].iter().sum::<f32>()).sum::<f32>() / count
    })
}

/// The plane with boxes filled from what is around them; nothing of what was inside is left.
///
/// # Errors
/// When a box is empty or not on the plane, or the boxes leave nothing to fill from.
pub fn paint_over(plane: &Plane, boxes: &[PixelBox]) -> Result<Plane> {
    let mut painted = plane.clone();
    let small: Vec<PixelBox> = boxes.iter().copied().filter(|area| area.width.min(area.height) <= FINE).collect();
    if !small.is_empty() {
        painted = inpaint(&painted, &small, Texture::Smooth)?;
    }
    for area in boxes.iter().filter(|area| area.width.min(area.height) > FINE) {
        painted = painted_coarsely(painted, area)?;
    }
    Ok(painted)
}

/// Fills a large box: the region round it is made smaller, filled there, and its inside put back larger.
fn painted_coarsely(mut plane: Plane, area: &PixelBox) -> Result<Plane> {
    let factor = area.width.min(area.height).div_ceil(FINE / 2);
    let ring = 4 * factor;
    let (left, top) = (area.x.saturating_sub(ring), area.y.saturating_sub(ring));
    let (right, bottom) =
        ((area.x + area.width + ring).min(plane.width()), (area.y + area.height + ring).min(plane.height()));
    if right <= left || bottom <= top {
        return inpaint(&plane, std::slice::from_ref(area), Texture::Smooth);
    }
    let cut = Plane::from_fn(right - left, bottom - top, |x, y| plane.get(left + x, top + y));
    let (width, height) = (cut.width().div_ceil(factor), cut.height().div_ceil(factor));
    let coarse = resize_mean(&cut, width, height);
    // Outwards, so that no small pixel that holds some of the box is kept.
    let across = |from: usize, length: usize, whole: usize, small: usize| {
        let start = from * small / whole;
        (start.min(small - 1), ((from + length) * small).div_ceil(whole).min(small).saturating_sub(start).max(1))
    };
    let (x, wide) = across(area.x - left, area.width, cut.width(), width);
    let (y, tall) = across(area.y - top, area.height, cut.height(), height);
    let filled = inpaint(&coarse, &[PixelBox { x, y, width: wide, height: tall }], Texture::Smooth)?;
    let large = resize(&filled, cut.width(), cut.height(), Resample::Smooth);
    let row_length = plane.width();
    for row in 0..area.height {
        let source = (area.y - top + row) * large.width() + (area.x - left);
        let target = (area.y + row) * row_length + area.x;
        let line = large.data()[source..source + area.width].to_vec();
        plane.data_mut()[target..target + area.width].copy_from_slice(&line);
    }
    Ok(plane)
}

/// A picture of a model that lies at `extent` of the film, with the same places painted over: a model gives burned-in words
/// back.
///
/// # Errors
/// When a place cannot be filled.
pub fn paint_over_frame(frame: &Plane, extent: &Extent, boxes: &[PixelBox]) -> Result<Plane> {
    let [across, down] = [frame.width() as f32 / extent.width, frame.height() as f32 / extent.height];
    let span = |from: usize, length: usize, start: f32, scale: f32, most: usize| {
        let low = ((from as f32 - start) * scale).floor().clamp(0.0, most as f32);
        let high = (((from + length) as f32 - start) * scale).ceil().clamp(0.0, most as f32);
        (low as usize, (high - low) as usize)
    };
    let place = |find: &PixelBox| {
        let (x, width) = span(find.x, find.width, extent.x, across, frame.width());
        let (y, height) = span(find.y, find.height, extent.y, down, frame.height());
        PixelBox { x, y, width, height }
    };
    let own: Vec<PixelBox> = boxes.iter().map(place).filter(|find| find.width > 0 && find.height > 0).collect();
    if own.is_empty() { Ok(frame.clone()) } else { paint_over(frame, &own) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::audit::injection::Marker;
    use crate::samples;

    fn sample(name: &str) -> Radiograph {
        samples::open(name).expect("a sample")
    }

    fn holds(found: &[PixelBox], inner: &PixelBox) -> bool {
        let middle = [inner.x + inner.width / 2, inner.y + inner.height / 2];
        found.iter().any(|outer| {
            (outer.x..outer.x + outer.width).contains(&middle[0])
                && (outer.y..outer.y + outer.height).contains(&middle[1])
        })
    }

    #[test]
    fn a_drawn_word_is_found_and_leaves_nothing_when_painted_over() {
        let film = sample("drawn_normal_pa.png");
        for marker in ["PORTABLE", "SUPINE"].map(Marker::word) {
            let drawn = marker.draw(&film).expect("drawn");
            let found = find(&drawn.film);
            let word = drawn.boxes.first().expect("a box");
            assert!(holds(&found, word), "{word:?} in {found:?}");
            let painted = paint_over(&drawn.film.pixels, &found).expect("painted");
            let again = Radiograph { pixels: painted, ..drawn.film.clone() };
            assert!(!holds(&find(&again), word));
            // Nothing outside the boxes changed.
            for y in 0..again.pixels.height() {
                for x in 0..again.pixels.width() {
                    let pixel = PixelBox { x, y, width: 1, height: 1 };
                    assert!(holds(&found, &pixel) || again.pixels.get(x, y) == drawn.film.pixels.get(x, y));
                }
            }
        }
    }

    #[test]
    fn what_was_inside_a_box_does_not_show_through() {
        let ground = Plane::from_fn(300, 260, |x, y| (x + y) as f32);
        let area = PixelBox { x: 30, y: 40, width: 120, height: 90 };
        let with = |value: f32| {
            Plane::from_fn(300, 260, |x, y| {
                let inside = (30..150).contains(&x) && (40..130).contains(&y);
                if inside { value * ((x * 7 + y * 3) % 5) as f32 } else { ground.get(x, y) }
            })
        };
        let (one, other) = (paint_over(&with(0.0), &[area]).unwrap(), paint_over(&with(900.0), &[area]).unwrap());
        assert_eq!(one, other, "the fill does not depend on what was there");
        let worst = one.data().iter().zip(ground.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 25.0, "a ramp goes on: {worst}");
        assert!(paint_over(&ground, &[PixelBox { x: 299, y: 0, width: 9, height: 9 }]).is_err());
    }

    #[test]
    fn a_blank_film_has_no_words() {
        for value in [0.0, 255.0] {
            let pixels = Plane::filled(64, 64, value);
            let blank =
                Radiograph { path: Path::new("a").into(), pixels, range: [0.0, 255.0], metadata: Default::default() };
            assert!(find(&blank).is_empty());
        }
    }
}
