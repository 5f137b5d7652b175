//! Markers taken away: a box's pixels from those around it. In: a plane and boxes. Out: the plane with the boxes filled
//! smoothly by the biharmonic equation, and with the film's own grain on request.
//!
//! The equation and its borders are those of `skimage.restoration.inpaint_biharmonic` (Chui and Mhaskar 2010; Damelin and
//! Hoang 2018): the discrete Laplacian applied twice is zero at every missing pixel; at the film's border it is cut off and
//! reflected; the result is kept within the range of the known pixels.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::draw::{Drawn, PixelBox};
use super::system::Banded;
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::radiograph::Radiograph;

/// How far the equation reaches.
const REACH: usize = 2;
/// Most numbers of one linear system, 256 MiB.
const LARGEST: usize = 1 << 25;
/// Width of the ring round a box whose grain is taken.
const RING: usize = 6;

/// What a filled box looks like close by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Texture {
    /// Smooth.
    #[default]
    Smooth,
    /// With noise drawn from the pixels in a ring around the box, less their local mean; the seed chooses which.
    Grain(u64),
}

/// Fills boxes from what is around them.
///
/// # Errors
/// When a box is empty or lies outside the plane, the boxes leave nothing to fill from, or they are too large: the limit is a
/// shorter side of about 300 pixels.
pub fn inpaint(plane: &Plane, boxes: &[PixelBox], texture: Texture) -> Result<Plane> {
    for area in boxes {
        let fits = |from: usize, length: usize, whole: usize| {
            length > 0 && from.checked_add(length).is_some_and(|end| end <= whole)
        };
        if !fits(area.x, area.width, plane.width()) || !fits(area.y, area.height, plane.height()) {
            let film = format!("{} x {}", plane.width(), plane.height());
            return Err(Error::Invalid(format!("the box {area:?} is empty or not on the film of {film} pixels")));
        }
    }
    let mut missing = vec![false; plane.data().len()];
    for &area in boxes {
        for y in area.y..area.y + area.height {
            missing[y * plane.width() + area.x..][..area.width].fill(true);
        }
    }
    let known = || plane.data().iter().zip(&missing).filter(|(_, gone)| !**gone).map(|(&v, _)| f64::from(v));
    let (low, high) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return Err(Error::Invalid("the boxes cover the whole film and leave nothing to fill them from".into()));
    }
    let mut filled = plane.clone();
    for group in groups(boxes) {
        fill(&mut filled, plane, &missing, &group, [low, high])?;
    }
    if let Texture::Grain(seed) = texture {
        for (index, area) in boxes.iter().enumerate() {
            grain(&mut filled, plane, &missing, area, seed.wrapping_add(index as u64), [low, high]);
        }
    }
    Ok(filled)
}

/// A marked film with the marker's boxes filled: what somebody who has only the marked film can do.
///
/// # Errors
/// As [`inpaint`]; also when the marker changed the whole film.
pub fn without_boxes(drawn: &Drawn, texture: Texture) -> Result<Radiograph> {
    if drawn.boxes.is_empty() {
        return Err(Error::Invalid("this marker changes the whole film; no box can be filled to undo it".into()));
    }
    let pixels = inpaint(&drawn.film.pixels, &drawn.boxes, texture)?;
    Ok(Radiograph { pixels, ..drawn.film.clone() })
}

/// Boxes that are so near that one equation holds pixels of both, together.
fn groups(boxes: &[PixelBox]) -> Vec<Vec<PixelBox>> {
    let near = |a: &PixelBox, b: &PixelBox| {
        let meet = |a: usize, al: usize, b: usize, bl: usize| a < b + bl + REACH && b < a + al + REACH;
        meet(a.x, a.width, b.x, b.width) && meet(a.y, a.height, b.y, b.height)
    };
    let mut groups: Vec<Vec<PixelBox>> = Vec::new();
    for area in boxes {
        let mut joined = vec![*area];
        groups.retain_mut(|group| {
            let touches = group.iter().any(|other| near(area, other));
            if touches {
                joined.append(group);
            }
            !touches
        });
        groups.push(joined);
    }
    groups
}

/// Solves the equation for one group of boxes.
fn fill(out: &mut Plane, plane: &Plane, missing: &[bool], group: &[PixelBox], [low, high]: [f64; 2]) -> Result<()> {
    let (width, height) = (plane.width(), plane.height());
    let mut pixels: Vec<[usize; 2]> = Vec::new();
    for area in group {
        for y in area.y..area.y + area.height {
            pixels.extend((area.x..area.x + area.width).map(|x| [x, y]));
        }
    }
    // Along the longer side, so that neighbours are near in the list and the band is narrow.
    let span = |axis: usize| {
        let (low, high) = pixels.iter().fold((usize::MAX, 0), |(a, b), p| (a.min(p[axis]), b.max(p[axis])));
        high.saturating_sub(low)
    };
    let major = usize::from(span(1) > span(0));
    pixels.sort_unstable_by_key(|p| (p[major], p[1 - major]));
    pixels.dedup();
    let key = |x: usize, y: usize| [x, y];
    let number = |x: usize, y: usize| {
        let p = key(x, y);
        pixels.binary_search_by_key(&(p[major], p[1 - major]), |q| (q[major], q[1 - major])).ok()
    };
    let mut band = 0;
    let mut entries = Vec::new();
    for (row, &[x, y]) in pixels.iter().enumerate() {
        for (column, line, weight) in stencil(x, y, width, height) {
            if missing[line * width + column] {
                let unknown = number(column, line)
                    .ok_or_else(|| Error::Invalid("two boxes to fill depend on each other; join them".into()))?;
                band = band.max(unknown.abs_diff(row));
                entries.push((row, Some(unknown), weight));
            } else {
                entries.push((row, None, -weight * f64::from(plane.get(column, line))));
            }
        }
    }
    if Banded::numbers(pixels.len(), band).is_none_or(|numbers| numbers > LARGEST) {
        return Err(Error::Invalid(format!(
            "{} pixels are too many to fill at once; mark a smaller box, with a shorter side below 300 pixels",
            pixels.len()
        )));
    }
    let mut system = Banded::new(pixels.len(), band);
    for (row, unknown, value) in entries {
        match unknown {
            Some(unknown) => system.add(row, unknown, value),
            None => system.add_right(row, value),
        }
    }
    let solved =
        system.solve().ok_or_else(|| Error::Invalid("the box cannot be filled from what is around it".into()))?;
    for (&[x, y], value) in pixels.iter().zip(solved) {
        out.data_mut()[y * width + x] = value.clamp(low, high) as f32;
    }
    Ok(())
}

/// Columns, rows and weights of the biharmonic operator at a pixel: the Laplacian of the Laplacian of a unit there, each with
/// the pixels beyond its neighbourhood reflected (scipy.ndimage's mode `reflect`).
fn stencil(x: usize, y: usize, width: usize, height: usize) -> Vec<(usize, usize, f64)> {
    let around = |at: usize, length: usize| (at.saturating_sub(REACH), (at + REACH + 1).min(length));
    let ((left, right), (top, bottom)) = (around(x, width), around(y, height));
    let (w, h) = (right - left, bottom - top);
    let laplace = |values: &[f64]| -> Vec<f64> {
        let get = |x: usize, y: usize| values[y * w + x];
        let mut out = Vec::with_capacity(values.len());
        for y in 0..h {
            for x in 0..w {
                let sides = get(x.saturating_sub(1), y) + get((x + 1).min(w - 1), y);
                let ends = get(x, y.saturating_sub(1)) + get(x, (y + 1).min(h - 1));
                out.push(sides + ends - 4.0 * get(x, y));
            }
        }
        out
    };
    let mut unit = vec![0.0; w * h];
    unit[(y - top) * w + x - left] = 1.0;
    let weights = laplace(&laplace(&unit));
    let place = |(i, weight): (usize, f64)| (weight != 0.0).then_some((left + i % w, top + i / w, weight));
    weights.into_iter().enumerate().filter_map(place).collect()
}

/// Adds grain to a filled box: what known pixels in a ring around it have beyond the mean of their neighbours.
fn grain(out: &mut Plane, plane: &Plane, missing: &[bool], area: &PixelBox, seed: u64, [low, high]: [f64; 2]) {
    let (width, height) = (plane.width(), plane.height());
    let mut found = Vec::new();
    for y in area.y.saturating_sub(RING)..(area.y + area.height + RING).min(height) {
        for x in area.x.saturating_sub(RING)..(area.x + area.width + RING).min(width) {
            let rows = y.saturating_sub(1)..(y + 2).min(height);
            let patch: Vec<usize> =
                rows.flat_map(|y| (x.saturating_sub(1)..(x + 2).min(width)).map(move |x| y * width + x)).collect();
            if patch.len() == 9 && patch.iter().all(|&i| !missing[i]) {
                let mean = patch.iter().map(|&i| plane.data()[i]).sum::<f32>() / 9.0;
                // A pixel is a ninth of its own mean: its noise shows by the root of eight ninths.
                found.push((plane.get(x, y) - mean) * (9.0_f32 / 8.0).sqrt());
            }
        }
    }
    if found.is_empty() {
        return;
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for y in area.y..area.y + area.height {
        for cell in &mut out.data_mut()[y * width + area.x..][..area.width] {
            let noisy = *cell + found[random.random_range(0..found.len())];
            *cell = noisy.clamp(low as f32, high as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(x: usize, y: usize, width: usize, height: usize) -> PixelBox {
        PixelBox { x, y, width, height }
    }

    #[test]
    fn a_smooth_surface_is_restored() {
        // Polynomials whose second Laplacian is zero come back exactly.
        let surface = |x: usize, y: usize| {
            let (x, y) = (x as f32 / 10.0, y as f32 / 10.0);
            3.0 + 2.0 * x - y + x * y + 0.5 * x * x * x
        };
        let plane = Plane::from_fn(60, 50, surface);
        let mut holed = plane.clone();
        let hole = area(20, 15, 18, 9);
        for y in 15..24 {
            holed.data_mut()[y * 60 + 20..y * 60 + 38].fill(99.0);
        }
        let filled = inpaint(&holed, &[hole], Texture::Smooth).expect("a box inside");
        let off = filled.data().iter().zip(plane.data()).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(off < 1e-4, "{off}");
    }

    #[test]
    fn grain_is_as_strong_as_around_and_the_same_again() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let plane = Plane::from_fn(80, 60, |_, _| 100.0 + random.random_range(-5.0..5.0));
        let hole = area(25, 20, 24, 14);
        let smooth = inpaint(&plane, &[hole], Texture::Smooth).expect("a box inside");
        let grainy = inpaint(&plane, &[hole], Texture::Grain(7)).expect("a box inside");
        assert_eq!(grainy, inpaint(&plane, &[hole], Texture::Grain(7)).expect("again"));
        let inside = |p: &Plane, q: &Plane| {
            let values: Vec<f32> =
                (20..34).flat_map(|y| (25..49).map(move |x| (x, y))).map(|(x, y)| p.get(x, y) - q.get(x, y)).collect();
            (values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32).sqrt()
        };
        let (added, own) = (inside(&grainy, &smooth), 10.0 / 12.0_f32.sqrt());
        assert!((0.8..1.2).contains(&(added / own)), "{added} of {own}");
        assert_eq!(grainy.get(24, 25), plane.get(24, 25));
    }

    #[test]
    fn boxes_that_cannot_be_filled_are_refused() {
        let plane = Plane::filled(40, 30, 1.0);
        for (hole, words) in [
            (area(0, 0, 0, 3), "empty"),
            (area(39, 0, 2, 3), "not on the film"),
            (area(usize::MAX, 0, 2, 3), "not on the film"),
            (area(0, 0, 40, 30), "whole film"),
        ] {
            let error = inpaint(&plane, &[hole], Texture::Smooth).expect_err("a bad box").to_string();
            assert!(error.contains(words), "{error}");
        }
        let large = Plane::filled(1000, 1000, 1.0);
        let error = inpaint(&large, &[area(10, 10, 900, 900)], Texture::Smooth).expect_err("too large").to_string();
        assert!(error.contains("smaller box"), "{error}");
    }
}
