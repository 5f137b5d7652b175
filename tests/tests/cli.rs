//! The command line does what `product.md` says: every field of its JSON, every file it writes. What it says about bad
//! input is in `bad_input.rs`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use fluoro_core::radiograph::Radiograph;
use fluoro_tests::{BUNDLE, Said, data, fluoro_in, fluoro_to, names_in, not_run, repository, sample};
use serde_json::Value;

const FILM: &str = "drawn_large_heart_pa.png";
/// Pixels of a sample film's side.
const SIDE: u64 = 512;

/// A folder of its own for each test, and the arguments' words with `FILM` put in. The labels are those of [`BUNDLE`],
/// whichever bundle is the default.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn run(&self, line: &str) -> Said {
        let film = sample(FILM).canonicalize().unwrap().display().to_string();
        let words = line.split(' ').map(|word| if word == "FILM" { film.clone() } else { word.replace('_', " ") });
        let bundle = if line.contains("--bundle") { [None; 2] } else { [Some("--bundle"), Some(BUNDLE)] };
        fluoro_in(self.0.path(), words.chain(bundle.into_iter().flatten().map(str::to_owned)))
    }

    fn json(&self, line: &str) -> Value {
        let said = self.run(&format!("{line} --json"));
        let value = said.json();
        assert_eq!(said.err, "", "{line}");
        value
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        names_in(self.0.path())
    }
}

fn has_fields(value: &Value, fields: &[&str]) {
    let found: BTreeSet<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    for field in fields {
        assert!(found.contains(field), "no field {field} in {found:?}");
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|v| v.as_f64().unwrap()).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).iter().map(|v| v.as_str().unwrap()).collect()
}

/// Labels of a list of predictions, each checked for its fields.
fn labels(predictions: &Value) -> Vec<&str> {
    let one = |p: &'static str| move |v: &Value| v[p].as_f64().unwrap();
    for prediction in list(predictions) {
        assert!((0.0..=1.0).contains(&one("probability")(prediction)));
        assert_eq!(one("threshold")(prediction), 0.5);
    }
    list(predictions).iter().map(|p| p["label"].as_str().unwrap()).collect()
}

#[test]
fn analyze_has_the_fields_of_the_contract() {
    let place = Place::new();
    let report = place.json("analyze FILM");
    has_fields(&report, &["bundle", "device", "films"]);
    assert_eq!(report["bundle"], BUNDLE);
    assert!(report["device"].as_str().unwrap().starts_with("CPU"));
    let film = &report["films"][0];
    has_fields(film, &["file", "predictions", "features", "sae", "reconstruction", "milliseconds"]);
    assert!(film["file"].as_str().unwrap().ends_with(FILM));
    let names = labels(&film["predictions"]);
    assert_eq!(names.len(), 17);
    assert!(["Cardiomegaly", "AP view", "PORTABLE marker", "Male"].iter().all(|name| names.contains(name)));
    assert!(list(&film["features"]).len() <= 20);
    for feature in list(&film["features"]) {
        has_fields(feature, &["index", "label", "activation", "quantile"]);
        assert!(feature["index"].is_u64() && feature["activation"].as_f64().unwrap() > 0.0);
        assert!((0.0..=1.0).contains(&feature["quantile"].as_f64().unwrap()));
    }
    let activations: Vec<f64> =
        list(&film["features"]).iter().map(|feature| feature["activation"].as_f64().unwrap()).collect();
    assert!(activations.is_sorted_by(|a, b| a >= b), "strongest first");
    has_fields(&film["sae"], &["active", "explained_variance"]);
    has_fields(&film["reconstruction"], &["mae", "psnr", "ssim"]);
    assert!(film["milliseconds"].as_f64().unwrap() > 0.0);
    assert!(place.names().is_empty());
}

#[test]
fn analyze_takes_several_films_and_a_number_of_features() {
    let place = Place::new();
    let folder = sample("").display().to_string();
    let said = fluoro_in(place.0.path(), ["analyze", &folder, "--features", "3", "--json"]);
    let report = said.json();
    assert_eq!(list(&report["films"]).len(), 8);
    assert!(list(&report["films"]).iter().all(|film| list(&film["features"]).len() <= 3));
    let words = place.run("analyze FILM");
    assert!(words.code == 0 && words.out.contains("Cardiomegaly") && words.out.contains("Not for diagnosis"));
}

#[test]
fn an_unedited_film_is_its_reconstruction_bit_for_bit() {
    let place = Place::new();
    let report = place.json("edit FILM -o plain.png");
    has_fields(&report, &["film", "edits", "predictions_before", "predictions_after", "outputs"]);
    assert_eq!(report["predictions_before"], report["predictions_after"]);
    assert_eq!(texts(&report["outputs"]), ["plain.png", "plain.png.recipe.ron"]);
    let top = strongest(&place, 1)[0];
    let same = place.json(&format!("edit FILM --set {top}=x1 -o same.png"));
    assert_eq!(same["edits"][0]["from"], same["edits"][0]["to"]);
    assert_eq!(place.bytes("plain.png"), place.bytes("same.png"));
    place.json(&format!("edit FILM --set {top}=x0 -o off.png"));
    assert_ne!(place.bytes("plain.png"), place.bytes("off.png"));
    assert_eq!(place.json("edit FILM --drop-residual -o bare.png")["drop_residual"], true);
}

/// The features that are most active on the film; an untrained bundle has none, then the first ones.
fn strongest(place: &Place, count: usize) -> Vec<u64> {
    let report = place.json(&format!("analyze FILM --features {count}"));
    let found: Vec<u64> =
        list(&report["films"][0]["features"]).iter().map(|feature| feature["index"].as_u64().unwrap()).collect();
    (0..count).map(|i| found.get(i).copied().unwrap_or(i as u64)).collect()
}

#[test]
fn edits_have_the_fields_of_the_contract_and_commute() {
    let place = Place::new();
    let [a, b] = strongest(&place, 2)[..] else { panic!("two features") };
    let one = place.json(&format!("edit FILM --set {a}=+2 {b}=x0 -o ab.png"));
    let other = place.json(&format!("edit FILM --set {b}=x0 --set {a}=+2 -o ba.png"));
    assert_eq!(one["edits"], other["edits"]);
    assert_eq!(place.bytes("ab.png"), place.bytes("ba.png"));
    for edit in list(&one["edits"]) {
        has_fields(edit, &["index", "label", "from", "to"]);
        let (from, to) = (edit["from"].as_f64().unwrap(), edit["to"].as_f64().unwrap());
        let wanted = if edit["index"] == a { from + 2.0 } else { 0.0 };
        assert!((to - wanted).abs() < 1e-5, "{edit}");
    }
    assert_eq!(labels(&one["predictions_before"]), labels(&one["predictions_after"]));
    let picture = Radiograph::open(&place.path("ab.png")).unwrap();
    assert_eq!((picture.pixels.width(), picture.pixels.height()), (224, 224));
}

#[test]
fn edits_move_findings_and_repeat_from_their_recipe() {
    let place = Place::new();
    let report = place.json("edit FILM --finding cardiomegaly=-10 AP_view=4 -o less.png");
    assert_eq!(report["findings"][0]["label"], "Cardiomegaly");
    assert_eq!(numbers(&serde_json::json!([report["findings"][0]["percent"]])), [-10.0]);
    place.json("edit FILM --recipe less.png.recipe.ron -o again.png");
    assert_eq!(place.bytes("less.png"), place.bytes("again.png"));
    assert_eq!(place.bytes("less.png.recipe.ron"), place.bytes("again.png.recipe.ron"));
    let other = sample("drawn_normal_pa.png").display().to_string();
    let words = ["edit", &other, "--recipe", "less.png.recipe.ron", "-o", "other.png"];
    let said = fluoro_in(place.0.path(), words);
    assert!(said.code == 0 && said.err.contains("warning: film pixels differs from the recipe"), "{said:?}");
    assert!(!String::from_utf8(place.bytes("less.png.recipe.ron")).unwrap().contains(place.0.path().to_str().unwrap()));
}

#[test]
fn shift_has_the_fields_of_the_contract() {
    let place = Place::new();
    let report = place.json("shift FILM --target Cardiomegaly --preset paper -o out.gif");
    has_fields(&report, &["film", "target", "preset", "lambdas", "predictions", "others", "stopped", "map", "outputs"]);
    assert_eq!((&report["target"], &report["preset"]), (&"Cardiomegaly".into(), &"paper".into()));
    let lambdas = numbers(&report["lambdas"]);
    assert!(lambdas.len() >= 2 && lambdas.is_sorted(), "{lambdas:?}");
    assert_eq!(numbers(&report["predictions"]).len(), lambdas.len());
    assert_eq!(list(&report["others"]).len(), 16);
    for other in list(&report["others"]) {
        assert_ne!(other["label"], "Cardiomegaly");
        assert_eq!(numbers(&other["predictions"]).len(), lambdas.len());
    }
    for side in ["low", "high"] {
        let rule = report["stopped"][side].as_str().unwrap();
        assert!(["drop", "rise", "bound", "pixels", "floor"].contains(&rule), "{rule}");
    }
    assert!(report["map"]["method"] == "max" && report["map"]["max"].as_f64().unwrap() >= 0.0);
    assert_eq!(texts(&report["outputs"]), ["out.gif", "out.gif.recipe.ron"]);
    assert_eq!(place.names(), ["out.gif", "out.gif.recipe.ron"]);
    let gif = place.bytes("out.gif");
    assert!(gif.starts_with(b"GIF89a") && gif.windows(11).any(|w| w == b"NETSCAPE2.0"), "a GIF that loops");
}

#[test]
fn shifts_repeat_from_their_recipe() {
    let place = Place::new();
    place.json(
        "shift FILM --target AP_view --range -20,10.5 --frames 5 --map interval --no-bar --alone --delay 120 -o a.gif",
    );
    let again = place.json("shift FILM --recipe a.gif.recipe.ron -o b.gif");
    assert_eq!(place.bytes("a.gif"), place.bytes("b.gif"));
    assert_eq!(place.bytes("a.gif.recipe.ron"), place.bytes("b.gif.recipe.ron"));
    assert_eq!(numbers(&again["lambdas"]).len(), 5);
    assert_eq!((&again["map"]["method"], &again["stopped"]["low"]), (&"interval".into(), &"fixed".into()));
    place.json("shift FILM --target AP_view --range -20,10.5 --frames 5 -o wide.gif");
    assert_ne!(place.bytes("a.gif"), place.bytes("wide.gif"));
}

#[test]
fn shifts_become_sheets_and_folders_of_frames() {
    let place = Place::new();
    let feature = strongest(&place, 1)[0];
    place.json(&format!("shift FILM --target feature:{feature} --frames 4 -o sheet.png"));
    let sheet = Radiograph::open(&place.path("sheet.png")).unwrap();
    assert!(sheet.pixels.width() > 4 * 224, "five panels");
    let report = place.json(&format!("shift FILM --target feature:{feature} --range 0,4 --frames 3 -o frames"));
    assert_eq!(numbers(&report["predictions"]), [0.0, 2.0, 4.0]);
    let wanted = [".fluoro", "frame_000.png", "frame_001.png", "frame_002.png", "frames.csv"];
    assert_eq!(names_in(&place.path("frames")), wanted);
    place.json("shift FILM --recipe frames.recipe.ron -o frames");
    assert_eq!(names_in(&place.path("frames")), wanted);
    assert_eq!(place.names(), ["frames", "frames.recipe.ron", "sheet.png", "sheet.png.recipe.ron"]);
}

#[test]
fn segment_has_the_fields_of_the_contract_in_film_pixels() {
    let place = Place::new();
    let report = place.json("segment FILM --target Cardiomegaly --range -30,30 -o mask.png --outline line.png");
    has_fields(&report, &["film", "target", "threshold", "area_fraction", "boxes", "outputs"]);
    assert_eq!(texts(&report["outputs"]), ["mask.png", "line.png", "mask.png.recipe.ron"]);
    let mask = Radiograph::stored(&place.path("mask.png")).unwrap();
    assert_eq!((mask.width as u64, mask.height as u64), (SIDE, SIDE));
    assert!(mask.data.iter().all(|&v| v == 0 || v == 255));
    let share = mask.data.iter().filter(|&&v| v == 255).count() as f64 / (SIDE * SIDE) as f64;
    assert!((share - report["area_fraction"].as_f64().unwrap()).abs() < 1e-6);
    assert!(share <= 0.06, "the 95th percentile leaves a twentieth: {share}");
    for area in list(&report["boxes"]) {
        let [x, y, w, h] = numbers(area)[..] else { panic!("four numbers: {area}") };
        assert!(w > 0.0 && h > 0.0 && x + w <= SIDE as f64 && y + h <= SIDE as f64, "{area}");
    }
    let line = Radiograph::open(&place.path("line.png")).unwrap();
    assert_eq!(line.pixels.width() as u64, SIDE);
    place.json("segment FILM --recipe mask.png.recipe.ron -o again.png");
    assert_eq!(place.bytes("mask.png"), place.bytes("again.png"));
    let coarse =
        place.json("segment FILM --target Cardiomegaly --preset paper --range -30,30 --threshold 2000 -o none.png");
    assert!(list(&coarse["boxes"]).is_empty() && coarse["area_fraction"] == 0.0 && coarse["threshold"] == 2000.0);
    place.json("segment FILM --target Cardiomegaly --range -30,30 --otsu -o otsu.png");
}

#[test]
fn info_describes_films_and_bundles() {
    let place = Place::new();
    let film = place.json("info FILM");
    has_fields(
        &film,
        &["format", "width", "height", "view", "laterality", "age", "sex", "spacing_mm", "windows", "warnings"],
    );
    assert_eq!((film["width"].as_u64(), film["height"].as_u64()), (Some(SIDE), Some(SIDE)));
    let bundle = place.json("info");
    has_fields(&bundle, &["bundle", "parts", "labels", "sae", "films", "gallery", "provenance", "latent"]);
    assert_eq!((&bundle["films"], list(&bundle["gallery"]).len()), (&"patients".into(), 0));
    assert_eq!(bundle, place.json("info nih-small"));
    let parts: Vec<&str> = list(&bundle["parts"]).iter().map(|part| part["part"].as_str().unwrap()).collect();
    assert!(["encoder", "decoder", "classifier", "sae"].iter().all(|part| parts.contains(part)), "{parts:?}");
    let words = place.run("info");
    assert!(words.code == 0 && words.out.contains("Cardiomegaly") && words.out.contains("95 % interval"), "{words:?}");
}

#[test]
fn info_never_prints_a_patients_name() {
    let Some(data) = data("no patient's name in info") else { return };
    let mut named = 0;
    for folder in ["dicom", "dicom_derived"] {
        for name in names_in(&data.join(folder)).iter().filter(|name| name.ends_with(".dcm")) {
            let path = data.join(folder).join(name);
            let film = Radiograph::open(&path).unwrap();
            let path = path.canonicalize().unwrap().display().to_string();
            let said = [fluoro_in(&data, ["info", &path]), fluoro_in(&data, ["info", &path, "--json"])];
            assert!(said.iter().all(|said| said.code == 0), "{said:?}");
            let Some(patient) = film.metadata.patient else { continue };
            named += 1;
            for word in patient.show().split([' ', '^']).filter(|word| word.len() > 3) {
                let tells = |said: &Said| said.out.replace(&path, "").contains(word) || said.err.contains(word);
                assert!(!said.iter().any(tells), "{name} tells {word}");
            }
        }
    }
    assert!(named > 0, "no film names its patient");
}

#[test]
fn bench_has_the_fields_of_the_contract() {
    let report = Place::new().json("bench");
    has_fields(&report, &["device", "threads", "bundle", "open_ms", "shift_ms", "encode_films_per_second", "start_ms"]);
    assert!(report["slider_ms"]["p50"].as_f64().unwrap() <= report["slider_ms"]["p95"].as_f64().unwrap());
    println!("{report}");
}

#[test]
fn a_newcomer_without_a_display_gets_the_demo() {
    let place = Place::new();
    let said = fluoro_in(place.0.path(), ["--json"]);
    let report = said.json();
    assert!(said.err.starts_with("fluoro: no display"), "{said:?}");
    assert_eq!(place.names(), ["fluoro-demo"]);
    let names = names_in(&place.path("fluoro-demo"));
    assert!(
        ["shift.gif", "shift.gif.recipe.ron", "sheet.png"].iter().all(|n| names.iter().any(|m| m == n)),
        "{names:?}"
    );
    for output in texts(&report["outputs"]) {
        assert!(place.path(output).metadata().unwrap().len() > 100, "{output}");
    }
    if !names.iter().any(|name| name == "window.png") {
        assert!(said.err.contains("no picture of the window"), "{said:?}");
        not_run("picture of the window in the demo (nothing that can draw it)");
    }
    // The recipe makes the same GIF through the command, with the bundle that the demo takes.
    let bundle = fluoro_core::bundle::embedded::SHOWCASE;
    let film = match report["film"].as_str().unwrap() {
        of_gallery if of_gallery.contains('/') => repository().join("models").join(bundle).join(of_gallery),
        drawn => sample(drawn),
    };
    std::fs::copy(film, place.path("film.png")).unwrap();
    let line = format!("shift film.png --bundle {bundle} --recipe fluoro-demo/shift.gif.recipe.ron -o again.gif");
    let shift = place.json(&line);
    let scores: Vec<f64> = list(&shift["predictions"]).iter().map(|score| score.as_f64().unwrap()).collect();
    let (low, high) = (scores.iter().copied().fold(1.0, f64::min), scores.iter().copied().fold(0.0, f64::max));
    assert!(high - low > 0.3, "the demo shows a change: {scores:?}");
    // The published search hardly finds any on this film, and says so.
    let stuck =
        place.run(&format!("shift film.png --bundle {bundle} --target Cardiomegaly --preset paper -o stuck.gif"));
    assert!(stuck.code == 0 && stuck.err.contains("at its limit"), "{stuck:?}");
    assert_eq!(place.bytes("again.gif"), place.bytes("fluoro-demo/shift.gif"));
    assert_eq!(fluoro_in(place.0.path(), ["--json"]).code, 0, "an older demo is replaced");
}

#[test]
fn usage_errors_exit_with_two() {
    let place = Place::new();
    for line in [
        "frobnicate",
        "analyze",
        "shift FILM -o a.gif",
        "edit FILM",
        "analyze FILM --features many",
        "train all x -o y",
    ] {
        let said = place.run(line);
        assert!(said.code == 2 && said.out.is_empty() && !said.err.is_empty(), "{line}: {said:?}");
    }
    assert!(place.names().is_empty());
    for line in ["--help", "--version", "shift --help"] {
        assert_eq!(place.run(line).code, 0, "{line}");
    }
}

#[test]
fn a_full_standard_output_is_one_line() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        return not_run("a full standard output (no /dev/full)");
    };
    let said = fluoro_to(Path::new("."), ["info"], Stdio::from(full));
    assert!(said.complaint().starts_with("cannot write to standard output"), "{said:?}");
}

#[test]
fn an_edit_is_kept_to_a_region_of_the_film() {
    let place = Place::new();
    let top = strongest(&place, 1)[0];
    let whole = place.json(&format!("edit FILM --set {top}=x0 -o whole.png"));
    assert!(whole["edits"][0].get("region").is_none());
    let part = place.json(&format!("edit FILM --set {top}=x0 --region 0,0,{SIDE},128 -o part.png"));
    let rows = texts(&part["edits"][0]["region"]);
    assert!(
        rows[0].chars().all(|cell| cell == '#') && rows.last().unwrap().chars().all(|cell| cell == '.'),
        "{rows:?}"
    );
    let all = place.json(&format!("edit FILM --set {top}=x0 --region 0,0,{SIDE},{SIDE} -o all.png"));
    assert_eq!(all["predictions_after"], whole["predictions_after"], "a region that is everywhere is none");
    assert_eq!(place.bytes("all.png"), place.bytes("whole.png"));
    assert_ne!(place.bytes("part.png"), place.bytes("whole.png"));
    place.json("edit FILM --recipe part.png.recipe.ron -o again.png");
    assert_eq!(place.bytes("part.png"), place.bytes("again.png"));
    for (region, words) in [("900,900,9,9", "sees nothing"), ("0,0,0,9", "is empty"), ("1,2", "X,Y,W,H")] {
        let said = place.run(&format!("edit FILM --set {top}=x0 --region {region} -o bad.png"));
        assert!(said.code != 0 && said.err.contains(words), "{region}: {}", said.err);
    }
    assert!(place.run("edit FILM --region 0,0,9,9 -o bad.png").code != 0, "a region needs a feature");
}

#[test]
fn a_remembered_edit_is_a_recipe_for_any_film() {
    let place = Place::new();
    let recipe = |edit: &str| {
        format!(
            "(fluoro:\"0.1.0\",film:\"\",input_sha256:\"\",bundle:\"{BUNDLE}\",bundle_sha256:\"\",device:\"\",target:\"\",\
             action:Relative({edit}),notice:\"\")"
        )
    };
    let finding = "(bundle:\"other\",encoding_hash:\"h\",findings:{\"cardiomegaly\":-8.0})";
    std::fs::write(place.path("finding.ron"), recipe(finding)).unwrap();
    let said = place.run("edit FILM --recipe finding.ron -o remembered.png");
    assert_eq!(said.code, 0, "{}", said.err);
    place.json("edit FILM --finding Cardiomegaly=-8 -o finding.png");
    assert_eq!(place.bytes("remembered.png"), place.bytes("finding.png"));
    let feature = "(bundle:\"other\",encoding_hash:\"h\",features:[(index:3,setting:Times(0.0))])";
    std::fs::write(place.path("feature.ron"), recipe(feature)).unwrap();
    let said = place.run("edit FILM --recipe feature.ron -o bad.png");
    assert!(said.code == 1 && said.err.contains("other features"), "{}", said.err);
}
