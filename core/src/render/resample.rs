//! Planes at another size, for exports. Enter a plane and a size; leaves a plane. What networks see is prepared elsewhere
//! (`preprocess`), as their authors did it.

use crate::plane::Plane;

/// How a plane gets another size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resample {
    /// Each pixel takes the value under its middle.
    Nearest,
    /// Bicubic (Catmull-Rom), widened when shrinking so that nothing is skipped.
    Smooth,
}

/// A plane at another size. A side of zero becomes one.
#[must_use]
pub fn resize(plane: &Plane, width: usize, height: usize, how: Resample) -> Plane {
    let (width, height) = (width.max(1), height.max(1));
    if (plane.width(), plane.height()) == (width, height) {
        return plane.clone();
    }
    let (columns, rows) = (taps(plane.width(), width, how), taps(plane.height(), height, how));
    let pick = |taps: &[(usize, f32)], value: &dyn Fn(usize) -> f32| taps.iter().map(|&(i, w)| w * value(i)).sum();
    let data = plane.data();
    let mut wide: Vec<f32> = Vec::with_capacity(width * plane.height());
    for line in data.chunks_exact(plane.width()) {
        wide.extend(columns.iter().map(|t| -> f32 { pick(t, &|i| line[i]) }));
    }
    let mut out = Plane::filled(width, height, 0.0);
    for (line, taps) in out.data_mut().chunks_exact_mut(width).zip(&rows) {
        for &(row, weight) in taps {
            let source = &wide[row * width..(row + 1) * width];
            line.iter_mut().zip(source).for_each(|(o, s)| *o += weight * s);
        }
    }
    out
}

/// For each target sample, the source samples it is made of and their weights (which sum to 1).
fn taps(from: usize, to: usize, how: Resample) -> Vec<Vec<(usize, f32)>> {
    let ratio = from as f64 / to as f64;
    let stretch = ratio.max(1.0);
    let tap = |i: usize| {
        let middle = (i as f64 + 0.5) * ratio;
        if how == Resample::Nearest {
            return vec![((middle as usize).min(from - 1), 1.0)];
        }
        let first = (middle - 2.0 * stretch).floor().max(0.0) as usize;
        let last = ((middle + 2.0 * stretch).ceil() as usize).min(from - 1);
        let weight = |s: usize| catmull_rom((s as f64 + 0.5 - middle) / stretch);
        let total: f64 = (first..=last).map(weight).sum();
        (first..=last).map(|s| (s, (weight(s) / total) as f32)).filter(|&(_, w)| w != 0.0).collect()
    };
    (0..to).map(tap).collect()
}

/// The cubic convolution kernel with a = -0.5 (Keys 1981).
pub(crate) fn catmull_rom(distance: f64) -> f64 {
    let d = distance.abs();
    match d {
        _ if d < 1.0 => (1.5 * d - 2.5) * d * d + 1.0,
        _ if d < 2.0 => ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0,
        _ => 0.0,
    }
}
