//! The light box's pictures, checked against what can be worked out by hand.

use super::*;
use crate::radiograph::VoiFunction;

const BACKGROUND: [u8; 3] = [8, 9, 11];

fn view(plane: &Plane) -> View<'_> {
    let (width, height) = (plane.width(), plane.height());
    View {
        film: Placed { plane, pyramid: None, extent: Extent::whole(width, height) },
        window: Window::covering(0.0, 255.0),
        invert: false,
        transform: ViewTransform::fit([width, height], [width, height]),
        overlay: None,
        background: BACKGROUND,
    }
}

fn grey(pixels: &[u8]) -> Vec<u8> {
    pixels.chunks_exact(4).map(|p| p[0]).collect()
}

fn ramp(width: usize, height: usize) -> Plane {
    Plane::from_fn(width, height, |x, y| ((7 * x + 13 * y) % 256) as f32)
}

#[test]
fn at_its_own_size_every_sample_is_itself() {
    let film = ramp(37, 21);
    let drawn = view(&film).draw(37, 21);
    assert_eq!(grey(&drawn), film.data().iter().map(|&v| v as u8).collect::<Vec<_>>());
    assert!(drawn.chunks_exact(4).all(|p| p[3] == 255));
}

#[test]
fn the_window_decides_black_and_white() {
    let film = Plane::new(4, 1, vec![99.0, 100.0, 150.0, 200.0]).unwrap();
    let mut view = view(&film);
    view.window = Window { center: 150.0, width: 100.0, function: VoiFunction::LinearExact };
    assert_eq!(grey(&view.draw(4, 1)), [0, 0, 128, 255]);
    view.invert = true;
    assert_eq!(grey(&view.draw(4, 1)), [255, 255, 127, 0]);
}

#[test]
fn beyond_the_film_is_background() {
    let film = Plane::filled(10, 10, 255.0);
    let mut view = view(&film);
    view.transform = ViewTransform::fit([10, 10], [40, 20]);
    let drawn = view.draw(40, 20);
    let pixel = |x: usize, y: usize| &drawn[(y * 40 + x) * 4..][..3];
    assert_eq!((pixel(9, 10), pixel(10, 10)), (&BACKGROUND[..], &[255; 3][..]));
    assert_eq!((pixel(29, 0), pixel(30, 0)), (&[255; 3][..], &BACKGROUND[..]));
    view.transform.center = [900.0, 900.0];
    assert!(view.draw(40, 20).chunks_exact(4).all(|p| p[..3] == BACKGROUND));
}

#[test]
fn overlay_is_transparent_at_zero_and_below_its_threshold() {
    let film = Plane::filled(4, 1, 100.0);
    let map = Plane::new(4, 1, vec![0.0, -50.0, 50.0, 4.0]).unwrap();
    let mut view = view(&film);
    view.overlay = Some(Overlay {
        map: Placed { plane: &map, pyramid: None, extent: Extent::whole(4, 1) },
        limit: 50.0,
        threshold: 5.0,
        opacity: 1.0,
        added: [255, 138, 61],
        removed: [77, 163, 255],
    });
    let drawn = view.draw(4, 1);
    let pixels: Vec<&[u8]> = drawn.chunks_exact(4).map(|p| &p[..3]).collect();
    assert_eq!(pixels, [&[100; 3][..], &[77, 163, 255], &[255, 138, 61], &[100; 3]]);
}

#[test]
fn overlay_lies_where_the_model_looked() {
    let film = Plane::filled(40, 20, 0.0);
    let map = Plane::filled(5, 5, 1.0);
    let mut view = view(&film);
    let extent = Extent::seen(&crate::preprocess::Preprocess::torchxrayvision(224).seen(40, 20));
    view.overlay = Some(Overlay {
        map: Placed { plane: &map, pyramid: None, extent },
        limit: 1.0,
        threshold: 0.0,
        opacity: 1.0,
        added: [255; 3],
        removed: [0; 3],
    });
    let drawn = grey(&view.draw(40, 20));
    assert_eq!([9, 10, 29, 30].map(|x| drawn[5 * 40 + x]), [0, 255, 255, 0]);
}

#[test]
fn what_is_not_a_number_is_black_and_transparent() {
    let film = Plane::filled(3, 1, f32::NAN);
    let mut view = view(&film);
    view.overlay =
        Some(Overlay { map: view.film, limit: 1.0, threshold: 0.0, opacity: 1.0, added: [255; 3], removed: [255; 3] });
    assert_eq!(grey(&view.draw(3, 1)), [0, 0, 0]);
}

#[test]
fn a_pyramid_shows_the_same_picture() {
    let film =
        Plane::from_fn(2051, 1533, |x, y| 120.0 + 60.0 * (x as f32 / 90.0).sin() + 40.0 * (y as f32 / 70.0).cos());
    let pyramid = Pyramid::new(&film);
    assert_eq!(pyramid.levels.len(), 3);
    let mut view = view(&film);
    view.transform = ViewTransform::fit([2051, 1533], [300, 220]);
    let plain = grey(&view.draw(300, 220));
    view.film.pyramid = Some(&pyramid);
    let fast = grey(&view.draw(300, 220));
    let worst = plain.iter().zip(&fast).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst <= Some(3), "{worst:?}");
}

#[test]
fn fine_stripes_become_grey_not_moire() {
    let film = Plane::from_fn(1024, 1024, |x, _| if x % 2 == 0 { 0.0 } else { 255.0 });
    let pyramid = Pyramid::new(&film);
    let mut view = view(&film);
    view.film.pyramid = Some(&pyramid);
    view.transform = ViewTransform::fit([1024, 1024], [150, 150]);
    let drawn = grey(&view.draw(150, 150));
    assert!(drawn.iter().all(|v| v.abs_diff(128) < 8), "{:?}", &drawn[..20]);
}

#[test]
fn zoom_keeps_the_point_under_the_hand() {
    let viewport = [400, 300];
    let start = ViewTransform::fit([1000, 800], viewport);
    let hand = [120.0, 40.0];
    let near = start.zoomed_at(hand, 3.0, viewport);
    let (before, after) = (start.to_film(hand, viewport), near.to_film(hand, viewport));
    assert!((before[0] - after[0]).abs() < 1e-3 && (before[1] - after[1]).abs() < 1e-3);
    assert!((near.zoom / start.zoom - 3.0).abs() < 1e-5);
    let back = near.to_screen(after, viewport);
    assert!((back[0] - hand[0]).abs() < 1e-3 && (back[1] - hand[1]).abs() < 1e-3);
    assert_eq!(start.zoomed_at(hand, 1e9, viewport).zoom, ViewTransform::ZOOM[1]);
}

#[test]
fn pan_stops_at_the_border() {
    let start = ViewTransform::fit([100, 100], [100, 100]);
    assert_eq!(start.panned([10.0, -5.0], [100, 100]).center, [40.0, 55.0]);
    assert_eq!(start.panned([1e6, -1e6], [100, 100]).center, [0.0, 100.0]);
}

#[test]
fn empty_viewports_are_no_error() {
    let film = ramp(8, 8);
    assert!(view(&film).draw(0, 10).is_empty() && view(&film).draw(10, 0).is_empty());
}

/// Not a check of correctness: `cargo test --release -- --ignored --nocapture viewport_time`.
#[test]
#[ignore = "a measurement"]
fn viewport_time() {
    let film = Plane::from_fn(8192, 8192, |x, y| ((x ^ y) % 4096) as f32);
    let start = std::time::Instant::now();
    let pyramid = Pyramid::new(&film);
    println!("pyramid of 8192 x 8192: {:?}", start.elapsed());
    let mut view = view(&film);
    view.film.pyramid = Some(&pyramid);
    for (name, zoom) in [("fit", 800.0 / 8192.0), ("half", 0.5), ("1:1", 1.0), ("4x", 4.0)] {
        view.transform = ViewTransform { center: [4096.0, 4096.0], zoom };
        let times: Vec<_> = (0..20)
            .map(|_| {
                let start = std::time::Instant::now();
                std::hint::black_box(view.draw(800, 800));
                start.elapsed()
            })
            .collect();
        println!("800 x 800 at {name}: {:?}", times.iter().min());
    }
}
