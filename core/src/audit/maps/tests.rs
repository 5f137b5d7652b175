use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::prelude::*;

use super::*;
use crate::bundle::BundleSource;
use crate::device::ComputeDevice;
use crate::models::Classifier;

/// A classifier that pools in a way that leaves no cells.
struct NoCells;

impl Classifier for NoCells {
    fn logits(&self, frame: Tensor<4>) -> Tensor<2> {
        frame.mean_dims(&[2, 3]).squeeze_dims(&[2, 3])
    }
}

fn films() -> Vec<FilmRecord> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/films");
    let film = |(name, value): (&str, f32)| FilmRecord {
        path: folder.join(name),
        patient: name.to_owned(),
        columns: BTreeMap::from([("AP view".to_owned(), value)]),
        teacher: BTreeMap::new(),
    };
    [("drawn_portable_ap.png", 1.0), ("drawn_normal_pa.png", 0.0)].into_iter().map(film).collect()
}

fn engine() -> Engine {
    Engine::open(&BundleSource::Embedded("nih-small".into()), ComputeDevice::cpu()).expect("the embedded bundle opens")
}

#[test]
fn a_classifier_without_cells_is_refused_by_name() {
    let mut engine = engine();
    engine.bundle.classifier = Some(Arc::new(NoCells));
    let films = films();
    let grouping = Grouping::of_column(&films, "AP view").expect("two groups");
    let request = MapsRequest { grouping: &grouping, border: Border::OuterCells, lungs: Lungs::Unknown, top: 1 };
    let error = maps(&engine, &films, &request, &Progress::silent()).expect_err("no cells").to_string();
    assert!(error.contains("\"nih-small\" has no class activation maps"), "{error}");
    engine.bundle.classifier = None;
    let error = maps(&engine, &films, &request, &Progress::silent()).expect_err("no classifier").to_string();
    assert!(error.contains("has no classifier"), "{error}");
}

#[test]
fn evidence_inside_and_outside_a_mask_adds_up() {
    let (engine, films) = (engine(), films());
    let grouping = Grouping::of_column(&films, "AP view").expect("two groups");
    let half = |_: &FilmRecord, film: &Radiograph| {
        let (width, height) = (film.pixels.width(), film.pixels.height());
        Ok(Some(Plane::from_fn(width, height, |x, _| f32::from(u8::from(2 * x < width)))))
    };
    let other = |record: &FilmRecord, film: &Radiograph| Ok(half(record, film)?.map(|mask| mask.map(|v| 1.0 - v)));
    let run = |mask: &Mask<'_>| {
        let lungs = Lungs::Masks { source: "half of the film".into(), mask };
        let request = MapsRequest { grouping: &grouping, border: Border::OuterCells, lungs, top: 3 };
        maps(&engine, &films, &request, &Progress::silent())
    };
    let (left, right) = (run(&half).expect("maps"), run(&other).expect("maps"));
    assert_eq!(left.lungs, LungSource::Masks { source: "half of the film".into() });
    for (a, b) in left.labels.iter().zip(&right.labels) {
        for (a, b) in a.groups.iter().zip(&b.groups) {
            let share = |map: &GroupMap| map.outside_lungs.and_then(|share| share.share).map(|share| share.value);
            if let (Some(a), Some(b)) = (share(a), share(b)) {
                assert!((a + b - 1.0).abs() < 1e-4, "{a} and {b}");
            }
        }
    }
    let small = |_: &FilmRecord, _: &Radiograph| Ok(Some(Plane::filled(3, 3, 1.0)));
    assert!(run(&small).expect_err("a mask of another size").to_string().contains("lung mask"));
}

#[test]
fn border_cells_count_by_their_part() {
    let ring = border_cells([7, 7], Border::OuterCells);
    assert_eq!(ring.iter().filter(|v| **v == 1.0).count(), 24);
    let tenth = border_cells([10, 10], Border::Share(0.1));
    assert!((0..100).all(|i| (tenth[i] - f64::from(u8::from(i % 10 % 9 == 0 || i / 10 % 9 == 0))).abs() < 1e-9));
    let total = border_cells([7, 5], Border::Share(0.1)).iter().sum::<f64>() / 35.0;
    assert!((total - 0.36).abs() < 1e-9, "{total}");
}
