use super::*;

fn ramp(width: usize, height: usize) -> Plane {
    Plane::from_fn(width, height, |x, y| (x + 3 * y) as f32)
}

const EVERY: [Resize; 7] = [
    Resize::BilinearAntialias,
    Resize::Bilinear,
    Resize::PillowBilinear,
    Resize::PillowBicubic,
    Resize::TorchvisionBilinear,
    Resize::TorchvisionBicubic,
    Resize::Skimage,
];

#[test]
fn same_size_is_untouched_and_a_constant_stays_constant() {
    assert_eq!(resize(&ramp(7, 5), 7, 5, Resize::BilinearAntialias), ramp(7, 5));
    for how in EVERY.into_iter().filter(|&how| how != Resize::Skimage) {
        // 51 of 255, which 8 bits hold.
        let flat = resize(&Plane::filled(301, 77, 0.2), 64, 224, how);
        assert!(flat.data().iter().all(|v| (v - 0.2).abs() < 1e-6), "{how:?}");
    }
}

#[test]
fn halving_is_the_triangle_average() {
    // PIL: Image.fromarray([[0, 4, 8, 12]], "F").resize((2, 1), BILINEAR) = 2.857143, 9.142858
    let plane = Plane::from_fn(4, 1, |x, _| 4.0 * x as f32);
    let half = resize(&plane, 2, 1, Resize::BilinearAntialias);
    assert!((half.get(0, 0) - 2.857_143).abs() < 1e-5 && (half.get(1, 0) - 9.142_857).abs() < 1e-5, "{half:?}");
}

#[test]
fn enlarging_repeats_the_border() {
    let plane = Plane::from_fn(2, 1, |x, _| x as f32);
    for how in [Resize::BilinearAntialias, Resize::Bilinear] {
        assert_eq!(resize(&plane, 4, 1, how).data(), [0.0, 0.25, 0.75, 1.0]);
    }
}

#[test]
fn range_and_unit_are_inverse() {
    let preprocess = Preprocess::default();
    assert_eq!((preprocess.to_unit(-1024.0), preprocess.to_unit(0.0), preprocess.to_unit(1024.0)), (0.0, 0.5, 1.0));
}

#[test]
fn zero_sized_targets_become_one_pixel() {
    for how in EVERY {
        assert_eq!(resize(&ramp(9, 9), 0, 0, how).data().len(), 1);
        assert_eq!(resize_matrix(0, 0, how).len(), 1);
    }
}

#[test]
fn a_crop_is_part_of_the_whole_resize() {
    let film = Plane::from_fn(93, 61, |x, y| ((x * 37 + y * 101) % 256) as f32 / 255.0);
    for how in EVERY.into_iter().filter(|&how| how != Resize::Skimage) {
        let preprocess = Preprocess::shortest_edge(50, 40, CropStart::Down, how);
        let whole = resize(&film, 76, 50, how);
        let cut = Plane::from_fn(40, 40, |x, y| whole.get(18 + x, 5 + y));
        let input = preprocess.apply_unit(&film);
        for (found, wanted) in input.data().iter().zip(cut.data()) {
            assert!((preprocess.to_unit(*found) - wanted).abs() < 1e-6, "{how:?}");
        }
    }
}

#[test]
fn a_resize_is_its_two_matrices() {
    let plane = Plane::from_fn(37, 23, |x, y| ((x * 37 + y * 101) % 97) as f32 / 96.0 - 0.5);
    for how in [Resize::BilinearAntialias, Resize::Bilinear, Resize::Skimage] {
        for (width, height) in [(16, 11), (50, 23), (5, 64)] {
            let (across, down) = (resize_matrix(37, width, how), resize_matrix(23, height, how));
            let resized = resize(&plane, width, height, how);
            for y in 0..height {
                for x in 0..width {
                    let sum: f32 = (0..23)
                        .map(|j| {
                            let row: f32 = (0..37).map(|i| across[x * 37 + i] * plane.get(i, j)).sum();
                            down[y * 23 + j] * row
                        })
                        .sum();
                    assert!((sum - resized.get(x, y)).abs() < 1e-5, "{how:?} {width} x {height}");
                }
            }
        }
    }
}

#[test]
fn bundles_written_before_still_read() {
    let old = "(size: 224, fit: Stretch, resize: BilinearAntialias, range: (-1024.0, 1024.0))";
    assert_eq!(ron::from_str::<Preprocess>(&format!("Preprocess{old}")).unwrap(), Preprocess::default());
    assert_eq!(ron::from_str::<Preprocess>(old).unwrap(), Preprocess::default());
    for preprocess in [Preprocess::rad_dino(), Preprocess::torchxrayvision(512), Preprocess::arnoweng_chexnet()] {
        let text = ron::to_string(&preprocess).unwrap();
        assert_eq!(ron::from_str::<Preprocess>(&text).unwrap(), preprocess, "{text}");
    }
}

#[test]
fn recipes_are_sound_and_senseless_numbers_are_refused() {
    for preprocess in [
        Preprocess::torchxrayvision(224),
        Preprocess::jfhealthcare(),
        Preprocess::reproduce_chexnet(),
        Preprocess::arnoweng_chexnet(),
        Preprocess::clip(224),
        Preprocess::rad_dino(),
        Preprocess::open_clip(224),
    ] {
        preprocess.check().unwrap();
    }
    let shortest = |edge, size| Preprocess::shortest_edge(edge, size, CropStart::Down, Resize::default()).check();
    assert!(shortest(223, 224).unwrap_err().contains("223"));
    assert!(shortest(usize::MAX, 224).is_err());
    assert!(shortest(8, 8).unwrap_err().contains("16"));
    let nan = Preprocess { range: [f32::NAN, 1.0], ..Preprocess::default() };
    assert!(nan.check().unwrap_err().contains("range"));
}

#[test]
fn unchecked_numbers_and_films_of_one_pixel_do_not_panic() {
    let films = [Plane::filled(1, 1, 0.5), Plane::filled(1, 9000, 1.0), Plane::filled(70, 2, f32::NAN)];
    for film in &films {
        for how in EVERY {
            for (edge, size) in [(0, 0), (3, 40), (usize::MAX, 1), (40, 40)] {
                let preprocess = Preprocess::shortest_edge(edge, size, CropStart::HalfEven, how);
                assert_eq!(preprocess.apply_unit(film).data().len(), size.max(1) * size.max(1));
                let seen = preprocess.seen(film.width(), film.height());
                assert!(seen.width > 0.0 && seen.x >= 0.0 && seen.height > 0.0);
            }
        }
    }
}

#[test]
fn what_is_missing_is_black() {
    let input = Preprocess::shortest_edge(20, 40, CropStart::Down, Resize::PillowBicubic)
        .apply_unit(&Plane::filled(60, 60, 1.0));
    assert_eq!(
        [input.get(9, 9), input.get(10, 10), input.get(29, 29), input.get(30, 30)],
        [-1024.0, 1024.0, 1024.0, -1024.0]
    );
}

#[test]
fn masks_keep_the_part_that_is_seen() {
    let mask = Preprocess::torchxrayvision(224).for_masks();
    assert_eq!((mask.fit, mask.resize), (Fit::CentreCrop, Resize::BilinearAntialias));
}
