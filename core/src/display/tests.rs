//! The light box's pictures, checked against what can be worked out by hand.

use super::*;
use crate::radiograph::VoiFunction;

const BACKGROUND: [u8; 3] = [8, 9, 11];

fn view(plane: &Plane) -> View<'_> {
    let (width, height) = (plane.width(), plane.height());
    let film = Placed { plane, pyramid: None, extent: Extent::whole(width, height) };
    let transform = ViewTransform::fit([width, height], [width, height]);
    View::new(film, Window::covering(0.0, 255.0), transform, BACKGROUND)
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
        look: OverlayLook {
            limit: 50.0,
            threshold: 5.0,
            opacity: 1.0,
            added: [255, 138, 61],
            removed: [77, 163, 255],
            outline: None,
        },
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
        look: OverlayLook { limit: 1.0, threshold: 0.0, opacity: 1.0, added: [255; 3], removed: [0; 3], outline: None },
    });
    let drawn = grey(&view.draw(40, 20));
    assert_eq!([9, 10, 29, 30].map(|x| drawn[5 * 40 + x]), [0, 255, 255, 0]);
}

#[test]
fn what_is_not_a_number_is_black_and_transparent() {
    let film = Plane::filled(3, 1, f32::NAN);
    let mut view = view(&film);
    let outline = Some(Outline { width: 1.5, line: [255; 3], halo: [255; 3] });
    let (added, removed) = ([255; 3], [255; 3]);
    view.overlay = Some(Overlay {
        map: view.film,
        look: OverlayLook { limit: 1.0, threshold: 0.0, opacity: 1.0, added, removed, outline },
    });
    assert_eq!(grey(&view.draw(3, 1)), [0, 0, 0]);
}

#[test]
fn a_pyramid_shows_the_same_picture() {
    let film =
        Plane::from_fn(2051, 1533, |x, y| 120.0 + 60.0 * (x as f32 / 90.0).sin() + 40.0 * (y as f32 / 70.0).cos());
    let pyramid = Pyramid::new(&film);
    assert_eq!(pyramid.levels().len(), 3);
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

/// Every way to turn a film.
fn turns() -> impl Iterator<Item = Turn> {
    [Turn::NONE, Turn::NONE.flipped_horizontally()].into_iter().flat_map(|turn| (0..4).map(move |q| turn.rotated(q)))
}

#[test]
fn a_turned_film_is_the_same_picture_turned() {
    // Two by three, by hand: 0 1 / 2 3 / 4 5.
    let film = Plane::from_fn(2, 3, |x, y| (10 * (2 * y + x)) as f32);
    let turned = |turn: Turn, size: [usize; 2]| {
        let mut view = view(&film);
        view.transform = ViewTransform::fit_turned([2, 3], size, turn);
        grey(&view.draw(size[0], size[1])).iter().map(|v| v / 10).collect::<Vec<_>>()
    };
    assert_eq!(turned(Turn::NONE.rotated(1), [3, 2]), [4, 2, 0, 5, 3, 1]);
    assert_eq!(turned(Turn::NONE.rotated(-1), [3, 2]), [1, 3, 5, 0, 2, 4]);
    assert_eq!(turned(Turn::NONE.rotated(2), [2, 3]), [5, 4, 3, 2, 1, 0]);
    assert_eq!(turned(Turn::NONE.flipped_horizontally(), [2, 3]), [1, 0, 3, 2, 5, 4]);
    assert_eq!(turned(Turn::NONE.flipped_vertically(), [2, 3]), [4, 5, 2, 3, 0, 1]);
    // A flip after a turn is one of what is seen.
    assert_eq!(turned(Turn::NONE.rotated(1).flipped_horizontally(), [3, 2]), [0, 2, 4, 1, 3, 5]);
    assert_eq!(turned(Turn::NONE.rotated(1).flipped_vertically(), [3, 2]), [5, 3, 1, 4, 2, 0]);
}

#[test]
fn turns_go_back_and_keep_the_hand_on_its_point() {
    for turn in turns() {
        assert_eq!(turn.rotated(1).rotated(-1), turn);
        assert_eq!(turn.flipped_horizontally().flipped_horizontally(), turn);
        assert_eq!(turn.flipped_vertically().flipped_vertically(), turn);
        assert_eq!(turn.words().is_none(), turn == Turn::NONE);
        let (film, viewport) = ([1000, 700], [401, 300]);
        let view = ViewTransform::fit_turned(film, viewport, turn);
        let near = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).abs() < 1e-2 && (a[1] - b[1]).abs() < 1e-2;
        let hand = [120.0, 40.0];
        let point = view.to_film(hand, viewport);
        assert!(near(view.to_screen(point, viewport), hand), "{turn:?}");
        assert!(near(view.zoomed_at(hand, 3.0, viewport).to_film(hand, viewport), point), "{turn:?}");
        let moved = view.zoomed_at(hand, 8.0, viewport).panned([7.0, -5.0], film);
        assert!(near(moved.to_screen(point, viewport), [127.0, 35.0]), "{turn:?}");
    }
}

#[test]
fn a_change_is_added_where_it_lies_and_nowhere_else() {
    let film = ramp(40, 20);
    let map = Plane::filled(5, 5, 2.0);
    let mut view = view(&film);
    view.window = Window::covering(0.0, 510.0);
    let before = grey(&view.draw(40, 20));
    let extent = Extent { x: 10.0, y: 0.0, width: 20.0, height: 20.0 };
    view.change = Some(Change { map: Placed { plane: &map, pyramid: None, extent }, gain: 50.0 });
    let after = grey(&view.draw(40, 20));
    for (i, (a, b)) in before.iter().zip(&after).enumerate() {
        let inside = (10..30).contains(&(i % 40));
        let added = i16::from(*b) - i16::from(*a);
        // Half levels may round either way.
        let is_right = if inside { (49..=51).contains(&added) } else { added == 0 };
        assert!(is_right, "pixel {i}: {added}");
    }
}

#[test]
fn an_outline_runs_where_the_map_crosses_its_threshold() {
    let film = Plane::filled(60, 40, 100.0);
    // Falls by one per pixel from 30 at the middle: the threshold 10 is crossed at x = 10 and x = 50.
    let map = Plane::from_fn(60, 40, |x, _| 30.0 - (x as f32 + 0.5 - 30.0).abs());
    let mut view = view(&film);
    view.overlay = Some(Overlay {
        map: Placed { plane: &map, pyramid: None, extent: Extent::whole(60, 40) },
        look: OverlayLook {
            limit: 50.0,
            threshold: 10.0,
            opacity: 0.0,
            added: [255; 3],
            removed: [255; 3],
            outline: Some(Outline { width: 2.0, line: [0, 255, 0], halo: [0; 3] }),
        },
    });
    let drawn = view.draw(60, 40);
    let pixel = |x: usize, y: usize| [0, 1, 2].map(|c| drawn[(y * 60 + x) * 4 + c]);
    for y in [0, 20, 39] {
        assert_eq!(
            (pixel(9, y), pixel(10, y), pixel(49, y), pixel(50, y)),
            ([0, 255, 0], [0, 255, 0], [0, 255, 0], [0, 255, 0])
        );
        assert_eq!((pixel(8, y), pixel(11, y)), ([0; 3], [0; 3]), "the halo");
        assert_eq!((pixel(5, y), pixel(30, y), pixel(55, y)), ([100; 3], [100; 3], [100; 3]));
    }
}

#[test]
fn a_wipe_shows_one_picture_on_each_side() {
    let (dark, bright) = (Plane::filled(10, 10, 0.0), Plane::filled(10, 10, 255.0));
    let mut left = view(&dark);
    let mut right = view(&bright);
    let columns = |pixels: &[u8]| grey(pixels)[..10].to_vec();
    assert_eq!(columns(&wipe(&left, &right, 0.3, 10, 10)), [0, 0, 0, 255, 255, 255, 255, 255, 255, 255]);
    assert_eq!(columns(&wipe(&left, &right, 7.0, 10, 10)), [0; 10]);
    assert_eq!(columns(&wipe(&left, &right, -1.0, 10, 10)), [255; 10]);
    // The line stays upright however the film is turned.
    (left.transform.turn, right.transform.turn) = (Turn::NONE.rotated(1), Turn::NONE.rotated(1));
    let turned = grey(&wipe(&left, &right, 0.3, 10, 10));
    assert!(turned.chunks(10).all(|row| row[2] == 0 && row[3] == 255));
    assert!(wipe(&left, &right, 0.5, 0, 10).is_empty());
}

/// Lightness L* of CIE 1976 of an sRGB colour.
fn lightness([r, g, b]: [u8; 3]) -> f64 {
    let linear = |v: u8| {
        let v = f64::from(v) / 255.0;
        if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    };
    let y = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    if y > 0.008_856 { 116.0 * y.cbrt() - 16.0 } else { 903.3 * y }
}

#[test]
fn colour_maps_are_the_published_ones() {
    // First, middle and last colour of matplotlib 3 (0x440154, 0x21918c, 0xfde725; 0x000004, 0xb73779, 0xfcfdbf).
    let ends = |map: ColourMap| [0, 128, 255].map(|i| map.table()[i]);
    let near = |found: [[u8; 3]; 3], wanted: [[u8; 3]; 3]| {
        found.iter().flatten().zip(wanted.iter().flatten()).all(|(a, b)| a.abs_diff(*b) <= 1)
    };
    assert!(near(ends(ColourMap::Viridis), [[0x44, 0x01, 0x54], [0x21, 0x91, 0x8c], [0xfd, 0xe7, 0x25]]));
    assert!(near(ends(ColourMap::Magma), [[0x00, 0x00, 0x04], [0xb7, 0x37, 0x79], [0xfc, 0xfd, 0xbf]]));
    for map in [ColourMap::Grey, ColourMap::Viridis, ColourMap::Magma] {
        let table = map.table();
        assert!(table.windows(2).all(|pair| lightness(pair[0]) < lightness(pair[1]) + 0.2), "{}", map.name());
    }
    let diverging = ColourMap::BlueRed.table();
    assert!(diverging[10][2] > diverging[10][0] && diverging[245][0] > diverging[245][2]);
    assert!(lightness(diverging[128]) > 93.0, "white in the middle: {:?}", diverging[128]);
}

#[test]
fn a_colour_map_colours_the_picture() {
    let film = ramp(16, 16);
    let mut view = view(&film);
    view.colours = ColourMap::Magma;
    let table = ColourMap::Magma.table();
    let drawn = view.draw(16, 16);
    for (pixel, &value) in drawn.chunks_exact(4).zip(film.data()) {
        assert_eq!(pixel[..3], table[value as usize]);
    }
}

#[test]
fn the_value_under_a_point_is_that_of_its_pixel() {
    let film = ramp(20, 10);
    let whole = Extent::whole(20, 10);
    assert_eq!(value_at(&film, whole, [3.9, 2.1]), Some(film.get(3, 2)));
    assert_eq!(value_at(&film, whole, [20.0, 2.0]), None);
    assert_eq!(value_at(&film, whole, [-0.1, 2.0]), None);
    let part = Extent { x: 100.0, y: 50.0, width: 40.0, height: 20.0 };
    assert_eq!(value_at(&film, part, [139.9, 50.0]), Some(film.get(19, 0)));
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
        view.transform = ViewTransform { center: [4096.0, 4096.0], zoom, turn: Turn::NONE };
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
