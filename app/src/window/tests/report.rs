//! The Report panel and the page of a store's feature in the window.

use fluoro_core::bundle::{Manifest, save};
use fluoro_core::device::ComputeDevice;
use fluoro_core::encode::{EncodeRequest, encode};
use fluoro_core::engine::{Engine, Progress};
use fluoro_core::label::detection::{Detection, Share};
use fluoro_core::label::{Evidence, FeatureLabel, Labels, Statement};
use fluoro_core::radiograph::Radiograph;
use fluoro_core::report::compose::LabelKind;
use fluoro_core::report::labeler::chexpert;
use fluoro_core::samples;

use super::*;
use crate::window::app::Tab;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn label(feature: u32, text: &str, threshold: f32) -> FeatureLabel {
    let share = Share { value: Some(0.9), n: 50 };
    FeatureLabel {
        feature,
        text: text.to_owned(),
        kind: LabelKind::Finding,
        statement: Statement::HasClass(text.to_owned()),
        sentence: None,
        threshold,
        sure: threshold,
        detection: Detection { balanced_accuracy: share, precision: share, recall: share, auc: share },
        evidence: Evidence::default(),
        source: "affirmed in reports".to_owned(),
        interpretation: None,
        resemblance: None,
    }
}

/// nih-small with labels: the feature that is strongest on the first sample film tells of cardiomegaly, and another, which
/// never fires so hard, of edema.
pub(super) fn labelled_bundle(folder: &Path) -> (BundleSource, usize) {
    for entry in std::fs::read_dir(Path::new(REPOSITORY).join("models/nih-small")).expect("the bundle") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, folder.join(path.file_name().expect("a name"))).expect("a copy");
    }
    let manifest: Manifest = save::existing_manifest(folder).expect("readable").expect("a bundle");
    let source = BundleSource::Folder(folder.to_path_buf());
    let engine = Engine::open(&source, ComputeDevice::cpu()).expect("a bundle");
    let film = samples::open(samples::names().next().expect("a sample")).expect("a film");
    let activations = engine.analyze(&film).expect("analysed").activations;
    let strongest =
        (0..activations.len()).max_by(|&a, &b| activations[a].total_cmp(&activations[b])).expect("features");
    let other = if strongest == 0 { 1 } else { 0 };
    let found =
        [label(strongest as u32, "cardiomegaly", activations[strongest] / 2.0), label(other, "pulmonary edema", 1e6)];
    let labels = Labels::new(&manifest.encoding_hash(), "by hand".into(), chexpert(), found);
    labels.write(&folder.join("labels.ron")).expect("written");
    (source, strongest)
}

/// A store of the sample films.
pub(super) fn store(folder: &Path, bundle: &BundleSource) -> PathBuf {
    let films = folder.join("films");
    std::fs::create_dir(&films).expect("a folder");
    for name in samples::names() {
        std::fs::write(films.join(format!("{name}.png")), samples::bytes(name).expect("a sample")).expect("a film");
    }
    std::fs::write(films.join("broken.png"), b"no film").expect("a file");
    let output = folder.join("store");
    let request = EncodeRequest { dataset: films, output: output.clone(), shard: None, resume: false, latents: false };
    let engine = Engine::open(bundle, ComputeDevice::cpu()).expect("a bundle");
    encode(&engine, &request, &Progress::silent()).expect("encoded");
    output
}

fn show_report(window: &mut Harness<'_, App>) {
    press(window, Modifiers::NONE, Key::F7);
    settle(window);
    assert_eq!(window.state().layout.tab, Tab::Report);
}

#[test]
fn a_film_is_worded_and_a_sentence_outlined() {
    let folder = tempfile::tempdir().expect("folder");
    let (bundle, strongest) = labelled_bundle(folder.path());
    let mut window = open(WindowOptions { bundle, ..options(Vec::new()) });
    assert_eq!(window.state().feature_name(strongest), "cardiomegaly");
    show_report(&mut window);
    assert!(window.state().report.outline().is_none());
    let sentence = window.get_all_by_label("Cardiomegaly.").next().expect("the finding");
    sentence.hover();
    window.run_steps(3);
    let lines = window.state().report.outline().expect("a region is outlined").to_vec();
    assert!(lines.iter().flatten().flatten().all(|part| (0.0..=1.0).contains(part)), "within the film");
    window.get_by_label("No edema.");
    window.get_all_by_label("Cardiomegaly.").next().expect("the finding").click();
    window.run_steps(2);
    assert!(window.state().report.chosen.is_some() && window.state().features.pins.contains(&strongest));

    // Another film, another report.
    press(&mut window, Modifiers::NONE, Key::PageDown);
    settle(&mut window);
    assert_eq!((window.state().report.chosen, window.state().report.job.value.is_some()), (None, true));

    let path = folder.path().join("out.dcm.txt");
    window.state_mut().export_report(path.clone());
    settle(&mut window);
    let text = std::fs::read_to_string(&path).expect("written");
    assert!(text.contains("FINDINGS") && text.contains("diagnosis or treatment"), "{text}");
    window.state_mut().export_report(folder.path().join("out.pdf"));
    settle(&mut window);
    window.get_by_label_contains("a report is written as .txt, .json or .dcm.txt");
}

#[test]
fn a_bundle_without_labels_says_how_to_get_them() {
    let mut window = window(Vec::new());
    show_report(&mut window);
    window.get_by_label_contains("nobody has labelled this bundle's");
    assert!(!window.state().can(crate::window::command::Command::ExportReport));
}

#[test]
fn a_store_opens_on_a_feature_and_its_films_open() {
    let folder = tempfile::tempdir().expect("folder");
    let (bundle, strongest) = labelled_bundle(folder.path());
    let store = store(folder.path(), &bundle);
    // The labels were given to the bundle, not to the store: the bundle's own serve the list.
    let mut window =
        open(WindowOptions { bundle, store: Some((store.clone(), Some(strongest as u32))), ..options(Vec::new()) });
    assert_eq!((window.state().layout.tab, window.state().store.feature), (Tab::Gallery, strongest as u32));
    let page = window.state().store.page.as_ref().expect("a page");
    assert_eq!(page.page.statistics.feature, strongest as u32);
    assert!(!page.page.top.is_empty() && page.pictures.iter().all(Option::is_some));
    let path = page.page.top[0].path.clone();

    let before = window.state().study.films.len();
    window.get_by_label(&format!("film 1 of the feature: {path}")).click();
    window.run_steps(2);
    settle(&mut window);
    let app = window.state();
    assert_eq!(app.study.films.len(), before + 1);
    assert!(app.features.pins.contains(&strongest) && app.analysis().is_some());

    // A note is kept once the field is left, and is there for whoever opens the store next.
    window.get_by_label("note on this feature").focus();
    window.run_steps(2);
    type_text(&mut window, "fires on the sticker");
    window.get_by_label("search the store's features").focus();
    window.run_steps(3);
    let notes = std::fs::read_to_string(store.join("notes.ron")).expect("kept");
    assert!(notes.contains("fires on the sticker"), "{notes}");

    // Another feature by its number.
    type_text(&mut window, "7");
    let name = window
        .get_all_by_role(Role::Button)
        .filter_map(|node| node.accesskit_node().label())
        .find(|name| name.starts_with("feature 7"))
        .expect("feature 7 is listed");
    window.get_by_label(&name).click();
    window.run_steps(2);
    settle(&mut window);
    assert!(window.state().store.feature.to_string().starts_with('7'));
    let sheet = folder.path().join("sheet.png");
    window.state_mut().export_feature_sheet(sheet.clone());
    settle(&mut window);
    assert!(Radiograph::open(&sheet).is_ok());
    for size in [[960.0, 640.0], [1280.0, 720.0], [1600.0, 1000.0]] {
        window.set_size(size.into());
        window.run_steps(2);
        settle(&mut window);
    }
}

#[test]
fn a_store_that_cannot_be_opened_leaves_the_window_as_it_is() {
    let folder = tempfile::tempdir().expect("folder");
    let mut window = window(Vec::new());
    window.state_mut().open_store(folder.path().join("nothing"));
    settle(&mut window);
    window.get_by_label_contains("The store could not be opened");
    window.get_by_label("Close").click();
    window.run_steps(2);
    settle(&mut window);
    window.get_by_label_contains("brings no films of its own");
    assert!(window.state().analysis().is_some());
}

#[test]
fn an_audit_is_asked_for_and_says_what_it_cannot_do() {
    let folder = tempfile::tempdir().expect("folder");
    let (bundle, _) = labelled_bundle(folder.path());
    let store = store(folder.path(), &bundle);
    let table = folder.path().join("metadata.csv");
    let rows: String = samples::names().enumerate().map(|(at, name)| format!("{name}.png,{}\n", at % 2)).collect();
    std::fs::write(&table, format!("file,Portable\n{rows}")).expect("a table");

    let mut window = open(WindowOptions { bundle, ..options(Vec::new()) });
    press(&mut window, Modifiers::NONE, Key::F8);
    settle(&mut window);
    assert_eq!(window.state().layout.tab, Tab::Audit);
    window.get_by_label_contains("anatomy or the sticker");
    window.state_mut().open_store(store);
    settle(&mut window);
    press(&mut window, Modifiers::NONE, Key::F8);
    window.state_mut().audit.metadata = Some(table);
    for (column, answer) in [("Portble", "nearest: Portable"), ("Portable", "")] {
        window.state_mut().audit.column = column.to_owned();
        window.run_steps(2);
        window.get_by_label("Audit the column").click();
        window.run_steps(2);
        settle(&mut window);
        if !answer.is_empty() {
            window.get_by_label_contains("The audit could not be done");
            window.get_by_label_contains(answer);
            window.get_by_label("Close").click();
            window.run_steps(2);
            settle(&mut window);
        }
    }
    let audit = window.state().audit.job.value.clone().expect("an audit");
    assert_eq!((audit.films, audit.columns[0].detection.films), (4, 4));
    window.get_by_label_contains(&audit.columns[0].verdict.headline);
    let page = folder.path().join("audit.html");
    window.state_mut().export_audit(page.clone());
    settle(&mut window);
    assert!(std::fs::read_to_string(&page).expect("written").contains("Portable"));
    assert!(page.with_extension("usage.csv").is_file());
    let feature = audit.columns[0].detection.rows[0].feature;
    let name = window
        .get_all_by_role(Role::Button)
        .filter_map(|node| node.accesskit_node().label())
        .find(|name| name.starts_with(&format!("feature {feature}:")))
        .expect("the first feature is listed");
    window.get_by_label(&name).click();
    window.run_steps(2);
    settle(&mut window);
    assert_eq!((window.state().layout.tab, window.state().store.feature), (Tab::Gallery, feature));
}
