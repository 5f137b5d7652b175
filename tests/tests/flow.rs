//! Parity of optical flow with scikit-image and of its arrows with gifsplanation's notebook
//! (`tests/parity/flow_reference.py` wrote the numbers).

use fluoro_core::flow::{ARROWS_PER_SIDE, Flow, arrows, optical_flow, shift_flow};
use fluoro_core::plane::Plane;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    every: usize,
    films: Vec<Film>,
}

#[derive(Deserialize)]
struct Film {
    width: usize,
    height: usize,
    waves: f64,
    single: Stored,
    double: Option<Stored>,
    largest: Stored,
    arrows: Vec<[usize; 2]>,
}

/// A flow on a coarse grid.
#[derive(Deserialize)]
struct Stored {
    u: Vec<Vec<f32>>,
    v: Vec<Vec<f32>>,
}

/// The reference script's frame.
fn frame(film: &Film, step: usize) -> Plane {
    let (wide, high, step) = (film.width as f64, film.height as f64, step as f64);
    Plane::from_fn(film.width, film.height, |x, y| {
        let (x, y) = (x as f64 - 0.6 * step, y as f64 - 0.35 * step);
        let waves = film.waves * (3.0 * (x / 5.0).sin() * (y / 7.0).cos() + 2.0 * ((x + 2.0 * y) / 11.0).cos());
        let swell = 100.0 * (1.0 + 0.05 * step);
        let bump = 400.0 * (-((x - 0.6 * wide).powi(2) + (y - 0.4 * high).powi(2)) / swell).exp();
        (waves + bump.max(4.0) - 500.0) as f32
    })
}

/// Largest distance to a stored flow, in pixels.
fn furthest(flow: &Flow, every: usize, stored: &Stored) -> f32 {
    let away = |plane: &Plane, stored: &[Vec<f32>]| {
        assert_eq!(stored.len(), plane.height().div_ceil(every));
        let rows = stored.iter().enumerate();
        rows.flat_map(|(j, row)| row.iter().enumerate().map(move |(i, v)| (plane.get(i * every, j * every) - v).abs()))
            .fold(0.0, f32::max)
    };
    away(&flow.u, &stored.u).max(away(&flow.v, &stored.v))
}

#[test]
fn flow_is_that_of_skimage() {
    let reference: Reference =
        serde_json::from_str(include_str!("../parity/flow_reference.json")).expect("the reference reads");
    for film in &reference.films {
        let frames: Vec<Plane> = (0..4).map(|step| frame(film, step)).collect();
        let flow = optical_flow(&frames[0], &frames[1]).unwrap();
        let largest = shift_flow(&frames).unwrap();
        let away = |flow: &Flow, stored: &Stored| furthest(flow, reference.every, stored);
        let (single, all) = (away(&flow, &film.single), away(&largest, &film.largest));
        let double = film.double.as_ref().map_or(0.0, |stored| away(&flow, stored));
        assert!(single < 5e-3 && all < 5e-3 && double < 2e-5);
        let places: Vec<[usize; 2]> = arrows(&largest, ARROWS_PER_SIDE).iter().map(|a| [a.x, a.y]).collect();
        assert_eq!(places, film.arrows);
    }
}
