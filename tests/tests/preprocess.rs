//! Resizing agrees with PIL and torch on the arrays of `parity/resize_reference.json`.

use fluoro_core::plane::Plane;
use fluoro_core::preprocess::{Resize, resize};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    width: usize,
    height: usize,
    to_width: usize,
    to_height: usize,
    input: Vec<f32>,
    pil: Vec<f32>,
    torch: Vec<f32>,
}

#[test]
fn resize_agrees_with_pil_and_torch() {
    let reference: Reference =
        serde_json::from_str(include_str!("../parity/resize_reference.json")).expect("the reference reads");
    assert!(!reference.cases.is_empty());
    let mut worst = 0.0_f32;
    for case in reference.cases {
        let plane = Plane::new(case.width, case.height, case.input).expect("a picture");
        let resized = resize(&plane, case.to_width, case.to_height, Resize::BilinearAntialias);
        for (who, expected) in [("PIL", case.pil), ("torch", case.torch)] {
            assert_eq!(resized.data().len(), expected.len());
            for (found, wanted) in resized.data().iter().zip(&expected) {
                let error = (found - wanted).abs() / wanted.abs().max(1.0);
                worst = worst.max(error);
                assert!(error <= 1e-4, "{who}, {} x {}: {found} instead of {wanted}", case.width, case.height);
            }
        }
    }
    println!("largest relative difference {worst:e}");
}
