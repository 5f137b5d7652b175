//! Injection of markers and maps of datasets: box filling against scikit-image (`parity/injection_reference.py`), markers on
//! drawn films read by a trained bundle, and real films where they are there.

use std::path::Path;

use fluoro_core::Result;
use fluoro_core::attribution::{AttributionRequest, cells_of_labels};
use fluoro_core::audit::injection::{
    Ablation, EngineReader, InjectionReport, LabelResponse, Marker, PixelBox, Quantity, Reader, Reading,
    RecoveryRequest, SweepRequest, Texture, inpaint, recovery, respond, sweep, without_boxes,
};
use fluoro_core::audit::maps::{Border, Grouping, Lungs, MapsRequest, PhantomLungs, RankedFilm, maps, maps_png};
use fluoro_core::bundle::BundleSource;
use fluoro_core::dataset::columns::{AP_VIEW, PORTABLE_MARKER};
use fluoro_core::dataset::{Dataset, FilmRecord};
use fluoro_core::device::ComputeDevice;
use fluoro_core::engine::{Engine, Progress};
use fluoro_core::phantom::{self, PhantomRequest, Prevalence};
use fluoro_core::plane::Plane;
use fluoro_core::radiograph::Radiograph;
use fluoro_tests::{BUNDLE, data, repository};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    size: [usize; 2],
    seed: u32,
    boxes: Vec<[usize; 4]>,
    step: usize,
    values: Vec<f64>,
}

/// The reference script's plane.
fn plane(case: &Case) -> Plane {
    let mut state = case.seed;
    Plane::from_fn(case.size[0], case.size[1], |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (x, y) = (x as i64, y as i64);
        let ramp = 900 + 11 * x + 7 * y + ((x - 20) * (y - 12)).div_euclid(3);
        (ramp + i64::from(state >> 24)).clamp(0, 4095) as f32
    })
}

#[test]
fn filled_boxes_are_those_of_scikit_image() {
    let reference: Reference =
        serde_json::from_str(include_str!("../parity/injection_reference.json")).expect("the reference is readable");
    for case in &reference.cases {
        let image = plane(case);
        let boxes: Vec<PixelBox> =
            case.boxes.iter().map(|&[x, y, width, height]| PixelBox { x, y, width, height }).collect();
        let filled = inpaint(&image, &boxes, Texture::Smooth).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let inside = boxes.iter().flat_map(|area| {
            (area.y..area.y + area.height).flat_map(move |y| (area.x..area.x + area.width).map(move |x| (x, y)))
        });
        let found: Vec<f64> = inside.step_by(case.step).map(|(x, y)| f64::from(filled.get(x, y))).collect();
        assert_eq!(found.len(), case.values.len(), "{}", case.name);
        let off = found.iter().zip(&case.values).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
        // Values up to 4095 in f32: half a step is 1.2e-4.
        println!("{}: {} values, off by at most {off:.1e}", case.name, found.len());
        assert!(off < 2e-4, "{}: off by {off}", case.name);
        let outside = |i: usize| {
            let (x, y) = (i % case.size[0], i / case.size[0]);
            !case.boxes.iter().any(|&[bx, by, w, h]| (bx..bx + w).contains(&x) && (by..by + h).contains(&y))
        };
        assert!((0..image.data().len()).all(|i| !outside(i) || image.data()[i] == filled.data()[i]), "{}", case.name);
    }
}

/// The sample films that are drawn, as records of four patients.
fn samples() -> Vec<FilmRecord> {
    let names = ["drawn_large_heart_pa.png", "drawn_normal_pa.png", "drawn_portable_ap.png", "drawn_effusion_pa.png"];
    let record = |name: &&str| FilmRecord {
        path: fluoro_tests::sample(name),
        patient: (*name).to_owned(),
        columns: std::iter::once(("bright".to_owned(), 0.0)).collect(),
        teacher: std::collections::BTreeMap::new(),
    };
    names.iter().map(record).collect()
}

/// Mean brightness of a part of a film, 0 to 1.
fn mean_of(film: &Radiograph, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> f32 {
    let unit = film.to_unit();
    let count = (columns.len() * rows.len()) as f32;
    rows.flat_map(|y| columns.clone().map(move |x| (x, y))).map(|(x, y)| unit.get(x, y)).sum::<f32>() / count
}

/// A model whose logits are known: a hundred times the brightness of the upper left quarter, and of the rest's lower half.
struct Quarter;

impl Quarter {
    fn logits(film: &Radiograph) -> Vec<f32> {
        let (w, h) = (film.pixels.width(), film.pixels.height());
        vec![100.0 * mean_of(film, 0..w / 2, 0..h / 2), 100.0 * mean_of(film, 0..w, h / 2..h)]
    }
}

impl Reader for Quarter {
    fn labels(&self) -> Vec<String> {
        vec!["upper left".into(), "lower half".into()]
    }

    fn read(&self, films: &[&Radiograph]) -> Result<Vec<Reading>> {
        let reading = |film: &&Radiograph| {
            let logits = Self::logits(film);
            let scores = logits.iter().map(|v| 1.0 / (1.0 + (-v).exp())).collect();
            Reading { logits, scores, tokens: Vec::new() }
        };
        Ok(films.iter().map(reading).collect())
    }
}

#[test]
fn a_sweep_finds_where_a_model_looks() {
    let marker: Marker = "portable:0.03/bold".parse().expect("a marker");
    let request = SweepRequest { grid: [4, 4], seed: 3 };
    let films = samples();
    let found = sweep(&films, &marker, &Quarter, request, &Progress::silent()).expect("a sweep");
    assert_eq!((found.films, found.patients, found.places.len(), found.usual().len()), (4, 4, 22, 6));
    let effect = found.plane(0, Quantity::Logit, |effect| effect.marker.value).expect("a plane");
    for y in 0..4 {
        for x in 0..4 {
            let seen = x < 2 && y < 2;
            assert_eq!(effect.get(x, y).abs() > 0.05, seen, "{x} {y}: {}", effect.get(x, y));
        }
    }
    // Neutral words have as much ink: for this model they are the same.
    let difference = found.plane(0, Quantity::Logit, |effect| effect.difference.value).expect("a plane");
    let (low, high) = difference.min_max();
    assert!(low.abs().max(high) < 0.25 * effect.min_max().1, "{low} {high}");
    assert_eq!(found, sweep(&films, &marker, &Quarter, request, &Progress::silent()).expect("again"));
    assert!(found.plane(2, Quantity::Score, |effect| effect.marker.value).is_err());
    let error = sweep(&films, &Marker::Inversion, &Quarter, request, &Progress::silent()).expect_err("no place");
    assert!(error.to_string().contains("whole film"), "{error}");
}

#[test]
fn recovery_is_one_for_the_clean_film_and_nothing_for_no_edit() {
    let marker: Marker = "portable@0.2,0.2:0.05/bold".parse().expect("a marker");
    let films = samples();
    let labels = Quarter.labels();
    let request = RecoveryRequest { labels, target: 0, least: 0.01, threshold: 50.0 };
    let plain = |film: &Radiograph| Ok(Quarter::logits(film));
    let marked_of = |film: &Radiograph| film.metadata.warnings.iter().any(|w| w.contains("drew a marker"));
    // An edit that halves what the marker did to the first label and moves the second by a tenth of that.
    let clean_of = |film: &Radiograph| Radiograph::open(&film.path).expect("the clean film");
    let halves = |film: &Radiograph| {
        let (own, clean) = (Quarter::logits(film), Quarter::logits(&clean_of(film)));
        let step = (own[0] - clean[0]) / 2.0;
        Ok(if marked_of(film) { vec![own[0] - step, own[1] + step / 10.0] } else { own })
    };
    let run = |edited: &dyn Fn(&Radiograph) -> Result<Vec<f32>>, request: &RecoveryRequest| {
        let ablation = Ablation { plain: &plain, edited };
        recovery(&films, &marker, &ablation, request, &Progress::silent()).expect("a recovery")
    };
    let near = |a: f64, b: f64| (a - b).abs() < 1e-3;
    let half = run(&halves, &request);
    assert_eq!((half.films, half.patients, half.left_out, half.oracle_recovery), (4, 4, 0, Some(1.0)));
    assert!(near(half.recovery.expect("films").value, 0.5) && near(half.pooled_recovery.expect("films").value, 0.5));
    assert!(near(half.median_recovery.expect("films"), 0.5) && half.effect.value > 0.1, "{half:?}");
    assert!(near(half.selectivity.expect("an effect").value, 1.0 / 1.1), "{half:?}");
    assert!(near(half.cause.value / half.isolation.value, 10.0));
    assert!(half.off_target.iter().all(|label| label.distance.value == 0.0 && label.known == 0));
    // Filling the box brings most of it back; these films are smooth there.
    assert!(half.inpainted_recovery.expect("a box").value > 0.9, "{half:?}");
    let none = run(&plain, &request);
    assert!(near(none.recovery.expect("films").value, 0.0) && none.selectivity.is_none(), "{none:?}");
    let full = run(&|film: &Radiograph| Ok(Quarter::logits(&clean_of(film))), &request);
    assert!(near(full.recovery.expect("films").value, 1.0), "{full:?}");
    let strict = run(&plain, &RecoveryRequest { least: 1e6, ..request });
    assert_eq!((strict.left_out, strict.recovery), (4, None));
}

#[test]
fn films_that_cannot_be_read_are_left_out_and_told() {
    let mut films = samples();
    films[1].path = "nowhere.png".into();
    let marker: Marker = "L".parse().expect("a marker");
    let found = respond(&films, std::slice::from_ref(&marker), &Quarter, 0, &Progress::silent()).expect("three films");
    assert_eq!((found.films, found.broken.len()), (3, 1));
    assert!(found.broken[0].reason.contains("nowhere.png"), "{:?}", found.broken);
    let error = respond(&films[1..2], &[marker], &Quarter, 0, &Progress::silent()).expect_err("no film").to_string();
    assert!(error.contains("none of 1 films"), "{error}");
}

fn open(bundle: &str) -> Engine {
    Engine::open(&BundleSource::Folder(repository().join("models").join(bundle)), ComputeDevice::cpu())
        .expect("a bundle")
}

/// Phantoms without any marker, and as many films with AP view as without.
fn phantoms(folder: &Path, count: usize) -> Vec<FilmRecord> {
    let prevalence = Prevalence::parse(["portable=0", "laterality=0", "site=0", "inversion=0", "ap=0.5"]);
    let prevalence = prevalence.unwrap_or_else(|e| panic!("{e}"));
    let request = PhantomRequest { count, seed: 21, side: 224, prevalence, truth: false };
    phantom::folder::write(folder, &request, false, &Progress::silent()).expect("phantoms");
    Dataset::open(&[folder.to_path_buf()]).expect("a dataset").films
}

fn label<'a>(report: &'a InjectionReport, marker: usize, name: &str) -> &'a LabelResponse {
    report.markers[marker].labels.iter().find(|label| label.label == name).expect("the label")
}

#[test]
fn a_drawn_word_moves_a_model_that_learned_it_and_readings_are_the_engines() {
    let folder = tempfile::tempdir().expect("a folder");
    let films = phantoms(&folder.path().join("films"), 16);
    let engine = open("phantom");
    let features: Vec<usize> = (0..8).collect();
    let reader = EngineReader::new(&engine, &features).expect("a reader");
    // The phantoms' own words are twice as high as those of real films.
    let marker: Marker = "portable@0.2,0.07:0.05/bold".parse().expect("a marker");
    let report = respond(&films, std::slice::from_ref(&marker), &reader, 5, &Progress::silent()).expect("a report");
    assert_eq!((report.films, report.patients, report.broken.len()), (16, 16, 0));
    let word = label(&report, 0, PORTABLE_MARKER);
    println!("{:?}\n{:?}", word.logit, word.flips);
    assert!(word.logit.marker.low > 1.0 && word.flips.flips.up > 8, "{word:?}");
    assert_eq!(report.markers[0].features.len(), 8);
    let feature = &report.markers[0].features[0];
    assert!(feature.at_marker.is_some() && feature.fires_clean <= 16);
    // Against the same readings taken one film at a time.
    let film = Radiograph::open(&films[0].path).expect("a film");
    let drawn = marker.draw(&film).expect("drawn").film;
    let one = reader.read(&[&drawn]).expect("a reading");
    let many = reader.read(&[&film, &drawn, &film]).expect("readings");
    let off = one[0].logits.iter().zip(&many[1].logits).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(off < 1e-3, "{off}");
    let analysis = engine.analyze(&drawn).expect("an analysis");
    let off = one[0].scores.iter().zip(&analysis.predictions).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(off < 1e-4, "{off}");
    for (index, &feature) in features.iter().enumerate() {
        let most = one[0].feature(index, features.len()).iter().copied().fold(0.0_f32, f32::max);
        assert!((most - analysis.activations[feature]).abs() < 1e-3 * most.max(1.0), "feature {feature}");
    }
    assert!(EngineReader::new(&engine, &[usize::MAX]).is_err());
}

#[test]
fn maps_of_phantoms_know_their_lungs() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("films");
    let films = phantoms(&folder, 24);
    let engine = open("phantom");
    let grouping = Grouping::of_column(&films, "ap view").expect("two groups");
    let known = PhantomLungs::read(&folder).expect("phantoms");
    let mask = |record: &FilmRecord, film: &Radiograph| known.mask(record, film);
    let lungs = Lungs::Masks { source: "drawn with the phantom".into(), mask: &mask };
    let request = MapsRequest { grouping: &grouping, border: Border::OuterCells, lungs, top: 5 };
    let found = maps(&engine, &films, &request, &Progress::silent()).expect("maps");
    assert_eq!(found.groups.iter().map(|g| g.films).sum::<usize>() + found.ungrouped, 24);
    let [rows, columns] = found.grid;
    assert_eq!(found.border_area, 1.0 - ((rows - 2) * (columns - 2)) as f64 / (rows * columns) as f64);
    let edema = found.labels.iter().find(|label| label.label == "Edema").expect("a label");
    for (label, name) in found.labels.iter().zip(engine.bundle().labels()) {
        assert_eq!(label.label, name);
        assert_eq!(label.difference.as_ref().map(Vec::len), Some(rows * columns));
        for (group, map) in found.groups.iter().zip(&label.groups) {
            assert_eq!(map.in_border.films + map.in_border.without, group.films);
            assert_eq!(map.log_ratios.len(), rows * columns);
            assert!(map.outside_lungs.is_some());
        }
        assert!(label.ranked.len() <= 5);
        let sinks = |a: &RankedFilm, b: &RankedFilm| (a.is_present, a.in_border) >= (b.is_present, b.in_border);
        assert!(label.ranked.windows(2).all(|pair| sinks(&pair[0], &pair[1])), "{:?}", label.ranked);
    }
    let area = edema.groups[0].outside_lungs.and_then(|share| share.area).expect("masks");
    assert!((0.3..0.8).contains(&area), "lungs cover {}", 1.0 - area);
    // One film's cells are those of the attribution, and their mean is the film's logit.
    let film = Radiograph::open(&films[0].path).expect("a film");
    let analysis = engine.analyze(&film).expect("an analysis");
    let cells = cells_of_labels(&engine, &analysis.input).expect("cells");
    let reading = EngineReader::new(&engine, &[]).and_then(|reader| reader.read(&[&film])).expect("a reading");
    for label in [0, 6, 15] {
        let request = AttributionRequest { method: "log-ratio".into(), label };
        let own = engine.attribute(&analysis, &request, &Progress::silent()).expect("a map").cells.expect("cells");
        assert_eq!(cells[label], own);
        let mean = own.logits.iter().sum::<f32>() / own.logits.len() as f32;
        assert!((mean - reading[0].logits[label]).abs() < 1e-3, "{mean} {}", reading[0].logits[label]);
    }
    let png = maps_png(&found, 0).expect("a picture");
    assert!(image::load_from_memory(&png).is_ok() && maps_png(&found, 999).is_err());
    let unknown = Grouping::of_column(&films, "AP veiw").expect_err("no such column").to_string();
    assert!(unknown.contains("nearest: AP view"), "{unknown}");
    let plain = MapsRequest { grouping: &grouping, border: Border::Share(0.1), lungs: Lungs::Unknown, top: 0 };
    let plain = maps(&engine, &films, &plain, &Progress::silent()).expect("maps");
    assert!((plain.border_area - 0.36).abs() < 1e-9, "{}", plain.border_area);
    assert!(plain.labels.iter().all(|label| label.groups.iter().all(|group| group.outside_lungs.is_none())));
}

#[test]
fn markers_are_white_on_films_stored_either_way() {
    let Some(data) = data("markers on DICOM films") else { return };
    let marker: Marker = "portable@0.5,0.3:0.03/bold".parse().expect("a marker");
    let unit = |name: &str| {
        let film = Radiograph::open(&data.join("dicom_derived").join(name)).expect("a film");
        let drawn = marker.draw(&film).expect("drawn");
        (film.to_unit(), drawn.film.to_unit(), drawn.boxes[0])
    };
    let (_, eight, area) = unit("nih_implicitLE_8bit.dcm");
    for name in ["nih_explicitLE_12bit_mono1.dcm", "nih_explicitBE_16bit.dcm", "nih_rle_12bit.dcm"] {
        let (clean, marked, own) = unit(name);
        assert_eq!(own, area, "{name}");
        let inside = || (area.y..area.y + area.height).flat_map(|y| (area.x..area.x + area.width).map(move |x| (x, y)));
        let most = inside().map(|(x, y)| marked.get(x, y)).fold(0.0_f32, f32::max);
        assert!(most > 0.99, "{name}: {most}");
        let off = inside().map(|(x, y)| (marked.get(x, y) - eight.get(x, y)).abs()).fold(0.0_f32, f32::max);
        assert!(off < 0.06, "{name}: {off} from the 8-bit film");
        assert!(clean.data().iter().zip(marked.data()).filter(|(a, b)| a != b).count() <= area.width * area.height);
    }
}

/// Films of nih by what `markers.csv` and the table say.
fn nih(data: &Path, wanted: impl Fn(&FilmRecord) -> bool, count: usize) -> Vec<FilmRecord> {
    let all = Dataset::open(&[data.join("nih")]).expect("a dataset");
    all.films.into_iter().filter(wanted).take(count).collect()
}

fn known(film: &FilmRecord, column: &str, value: f32) -> bool {
    film.columns.get(column) == Some(&value)
}

#[test]
fn a_word_on_real_films_is_answered_as_its_nonsense_is_and_can_be_filled() {
    let Some(data) = data("markers on films of patients") else { return };
    let films = nih(&data, |film| known(film, AP_VIEW, 0.0), 12);
    let engine = open(BUNDLE);
    let reader = EngineReader::new(&engine, &[]).expect("a reader");
    let marker = Marker::word("PORTABLE");
    let report = respond(&films, std::slice::from_ref(&marker), &reader, 1, &Progress::silent()).expect("a report");
    let word = label(&report, 0, PORTABLE_MARKER);
    println!("{:?}", word.logit);
    assert_eq!((report.films, report.patients), (12, 12));
    // The small bundle sees that something white is there, not what it says: without the control this would look like reading.
    let over = word.logit.over_neutral.expect("words");
    assert!(word.logit.marker.low > 0.0 && over.low < 0.0 && over.high > 0.0, "{word:?}");
    assert!(word.logit.over_bar.is_some() && word.flips.films == 12);
    let film = Radiograph::open(&films[0].path).expect("a film");
    let drawn = marker.draw(&film).expect("drawn");
    let undone = without_boxes(&drawn, Texture::Grain(1)).expect("filled");
    let off = |other: &Radiograph| {
        other.pixels.data().iter().zip(film.pixels.data()).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>()
    };
    assert!(off(&undone) < 0.25 * off(&drawn.film), "{} of {}", off(&undone), off(&drawn.film));
}
