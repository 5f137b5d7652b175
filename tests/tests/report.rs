//! Measures of reports against the packages that published them, and the labeler against Open-i's own index.
//!
//! `tests/parity/report_reference.py` makes both files of expected numbers. The tests over real reports run where the
//! folder of data is (`FLUORO_DATA`, or `shared/data` beside the repository); no text of them is kept.

use std::path::{Path, PathBuf};

use fluoro_core::dataset::{Part, PatientSplit};
use fluoro_core::label::detection::{Case, detection, holds};
use fluoro_core::label::{Limits, candidates};
use fluoro_core::report::labeler::{CHEXPERT, Label, Labeler, chexpert, phantom};
use fluoro_core::report::metrics::bleu::Bleu;
use fluoro_core::report::metrics::labels::Agreement;
use fluoro_core::report::metrics::{meteor, porter, rouge, words};
use serde::Deserialize;
use sha2::{Digest, Sha256};

const TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Reference {
    pairs: Vec<(String, String)>,
    words: Vec<Vec<String>>,
    google_words: Vec<Vec<String>>,
    stems: Vec<(String, String)>,
    bleu: Vec<f64>,
    bleu_each: Vec<Vec<f64>>,
    rouge_l_coco: Vec<f64>,
    rouge_l_google: Vec<f64>,
    meteor: Vec<f64>,
}

#[derive(Deserialize)]
struct OpenI {
    reports: usize,
    vocabulary: usize,
    stems_sha256: String,
    words_sha256: String,
    google_words_sha256: String,
    bleu: Vec<f64>,
    bleu4_each: Vec<f64>,
    rouge_l_coco: Vec<f64>,
    rouge_l_google: Vec<f64>,
    meteor: Vec<f64>,
}

fn parity(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("parity").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn near(what: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() <= TOLERANCE, "{what}: {found} is not {expected}");
}

/// Every measure of every pair.
fn check<'a>(
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
    corpus: &[f64],
    each: impl Fn(usize, [f64; 4]),
    expected: [&[f64]; 3],
) {
    let mut sum = Bleu::new();
    for (index, (reference, candidate)) in pairs.enumerate() {
        let (r, c) = (words::plain(reference), words::plain(candidate));
        let one = Bleu::of(&[&r], &c).expect("bleu");
        each(index, one.scores());
        sum.add(&one);
        near("ROUGE-L coco", rouge::coco(&[&r], &c).expect("rouge"), expected[0][index]);
        let google = rouge::google(&words::google(reference), &words::google(candidate)).expect("rouge");
        near("ROUGE-L google", google, expected[1][index]);
        near("METEOR", meteor::meteor(&r, &c).expect("meteor"), expected[2][index]);
    }
    for (found, expected) in sum.scores().iter().zip(corpus) {
        near("BLEU of the corpus", *found, *expected);
    }
}

#[test]
fn measures_agree_with_their_packages_on_made_up_reports() {
    let reference: Reference = serde_json::from_str(&parity("report_reference.json")).expect("reference");
    for (index, (report, _)) in reference.pairs.iter().take(reference.words.len()).enumerate() {
        assert_eq!(words::plain(report), reference.words[index]);
        assert_eq!(words::google(report), reference.google_words[index]);
    }
    for (word, stem) in &reference.stems {
        assert_eq!(&porter::stem(word), stem, "{word}");
    }
    let each = |index: usize, scores: [f64; 4]| {
        scores.iter().zip(&reference.bleu_each[index]).for_each(|(found, expected)| near("BLEU", *found, *expected));
    };
    let pairs = reference.pairs.iter().map(|(r, c)| (r.as_str(), c.as_str()));
    check(pairs, &reference.bleu, each, [&reference.rouge_l_coco, &reference.rouge_l_google, &reference.meteor]);
}

struct Row {
    text: String,
    mesh: Vec<String>,
}

/// Open-i's reports, where they are.
fn open_i() -> Option<Vec<Row>> {
    let folder = std::env::var_os("FLUORO_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let path = folder.join("openi/openi_reports.csv");
    let Ok(mut table) = csv::Reader::from_path(&path) else {
        eprintln!("not run: no {}; name the folder in FLUORO_DATA", path.display());
        return None;
    };
    let names = table.headers().expect("header").clone();
    let column = |name: &str| names.iter().position(|other| other == name).expect("column");
    let (findings, impression, mesh) = (column("findings"), column("impression"), column("mesh_major"));
    let row = |record: csv::StringRecord| Row {
        text: format!("{} {}", &record[findings], &record[impression]).trim().to_owned(),
        mesh: record[mesh].split(';').map(|term| term.trim().to_lowercase()).collect(),
    };
    Some(table.records().map(|record| row(record.expect("record"))).collect())
}

fn sha256(lines: impl Iterator<Item = String>) -> String {
    let digest = Sha256::digest(lines.collect::<Vec<_>>().join("\n").as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn measures_agree_with_their_packages_on_500_real_pairs() {
    let Some(rows) = open_i() else { return };
    let reference: OpenI = serde_json::from_str(&parity("report_openi.json")).expect("reference");
    let reports: Vec<String> =
        rows.into_iter().map(|row| row.text).filter(|text| words::plain(text).len() >= 3).collect();
    assert_eq!(reports.len(), reference.reports);
    assert_eq!(sha256(reports.iter().map(|report| words::plain(report).join(" "))), reference.words_sha256);
    assert_eq!(sha256(reports.iter().map(|report| words::google(report).join(" "))), reference.google_words_sha256);
    let vocabulary: std::collections::BTreeSet<String> =
        reports.iter().flat_map(|report| words::plain(report)).collect();
    assert_eq!(vocabulary.len(), reference.vocabulary);
    assert_eq!(sha256(vocabulary.iter().map(|word| porter::stem(word))), reference.stems_sha256);
    let pairs: Vec<(&str, String)> = (0..500)
        .map(|i| {
            let sentences: Vec<&str> = reports[i].split(". ").collect();
            let candidate = match i % 3 {
                0 => reports[i + 1].clone(),
                1 => [&sentences[..1], sentences.get(2..).unwrap_or_default()].concat().join(". "),
                _ => sentences.iter().rev().copied().collect::<Vec<_>>().join(". "),
            };
            (reports[i].as_str(), candidate)
        })
        .collect();
    let each = |index: usize, scores: [f64; 4]| near("BLEU-4", scores[3], reference.bleu4_each[index]);
    let expected: [&[f64]; 3] = [&reference.rouge_l_coco, &reference.rouge_l_google, &reference.meteor];
    check(pairs.iter().map(|(r, c)| (*r, c.as_str())), &reference.bleu, each, expected);
}

/// The classes that Open-i's index names for a report. The index has other habits: it codes every remark ("normal" is a film
/// without any), and not what is doubted.
fn classes(mesh: &[String]) -> Vec<&'static str> {
    let mut found = Vec::new();
    for term in mesh {
        let mut parts = term.split('/').map(str::trim);
        let (head, rest) = (parts.next().unwrap_or_default(), parts.collect::<Vec<_>>());
        let has = |word: &str| rest.contains(&word);
        let lung = ["lung", "retrocardiac", "pulmonary alveoli", "lingula", "upper lobe", "lower lobe", "middle lobe"];
        let is_lung = rest.iter().any(|part| lung.iter().any(|word| part.starts_with(word)));
        found.extend(match head {
            "normal" => Some("No Finding"),
            "cardiomegaly" => Some("Cardiomegaly"),
            "cardiac shadow" if has("enlarged") => Some("Cardiomegaly"),
            "mediastinum" if has("prominent") || has("enlarged") => Some("Enlarged Cardiomediastinum"),
            "nodule" | "mass" if !has("breast") => Some("Lung Lesion"),
            "cavitation" => Some("Lung Lesion"),
            "airspace disease" | "infiltrate" | "opacity" | "lung diseases, interstitial" => Some("Lung Opacity"),
            "consolidation" => Some("Consolidation"),
            "density" | "cicatrix" if is_lung => Some("Lung Opacity"),
            "markings" if !has("bronchovascular") => Some("Lung Opacity"),
            "lung" if has("interstitial") => Some("Lung Opacity"),
            "pulmonary edema" | "pulmonary congestion" | "heart failure" => Some("Edema"),
            "pneumonia" => Some("Pneumonia"),
            "pulmonary atelectasis" => Some("Atelectasis"),
            "pneumothorax" | "hydropneumothorax" | "hemopneumothorax" => Some("Pneumothorax"),
            "pleural effusion" | "hemothorax" => Some("Pleural Effusion"),
            "costophrenic angle" if has("blunted") => Some("Pleural Effusion"),
            "thickening" | "cicatrix" if has("pleura") => Some("Pleural Other"),
            "pulmonary fibrosis" | "fibrosis" => Some("Pleural Other"),
            "fractures, bone" => Some("Fracture"),
            "catheters, indwelling"
            | "implanted medical device"
            | "medical device"
            | "tube, inserted"
            | "stents"
            | "surgical instruments"
            | "sutures"
            | "spinal fusion"
            | "breast implants" => Some("Support Devices"),
            _ => None,
        });
        if head == "hydropneumothorax" || head == "hemopneumothorax" {
            found.push("Pleural Effusion");
        }
    }
    found
}

#[test]
fn labels_agree_with_the_index_of_3955_real_reports() {
    let Some(rows) = open_i() else { return };
    let labeler = Labeler::new(chexpert()).expect("vocabulary");
    let mut counts = vec![Agreement::default(); CHEXPERT.len()];
    let started = std::time::Instant::now();
    for row in &rows {
        let labels = labeler.label(&row.text);
        let indexed = classes(&row.mesh);
        for (class, name) in CHEXPERT.iter().enumerate() {
            counts[class].count(indexed.contains(name), labels[class].is_present(true));
        }
    }
    eprintln!("{} reports, {:?} each", rows.len(), started.elapsed() / rows.len() as u32);
    eprintln!("{:28} {:>6} {:>9} {:>7} {:>6}", "class", "n", "precision", "recall", "F1");
    for (name, count) in CHEXPERT.iter().zip(&counts) {
        let n = count.both + count.reference_only;
        eprintln!("{name:28} {n:6} {:9.3} {:7.3} {:6.3}", count.precision(), count.recall(), count.f1());
    }
    // A little below what is measured. The index does not code doubt (pneumonia) or a nodule that it calls a density, and
    // "normal" is stricter than CheXpert's "No Finding": there the recall is what counts.
    for (name, precision, recall) in [
        ("No Finding", 0.5, 0.97),
        ("Cardiomegaly", 0.94, 0.98),
        ("Lung Lesion", 0.48, 0.7),
        ("Lung Opacity", 0.93, 0.9),
        ("Edema", 0.63, 0.9),
        ("Consolidation", 0.74, 0.95),
        ("Pneumonia", 0.3, 0.95),
        ("Atelectasis", 0.82, 0.98),
        ("Pneumothorax", 0.85, 0.82),
        ("Pleural Effusion", 0.88, 0.96),
        ("Pleural Other", 0.75, 0.9),
        ("Fracture", 0.69, 0.95),
        ("Support Devices", 0.79, 0.88),
    ] {
        let count = &counts[CHEXPERT.iter().position(|other| *other == name).expect("class")];
        assert!(count.precision() >= precision && count.recall() >= recall, "{name}: {count:?}");
    }
}

/// Names of the factors, and for each phantom which it has and its report.
fn phantoms() -> (Vec<String>, Vec<(Vec<bool>, String)>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("parity/report_phantoms.csv");
    let mut table = csv::Reader::from_path(&path).expect("tests/parity/report_phantoms.csv");
    let names: Vec<String> = table.headers().expect("header").iter().map(str::to_owned).collect();
    let last = names.len() - 1;
    let row = |record: csv::StringRecord| ((0..last).map(|c| &record[c] == "1").collect(), record[last].to_owned());
    let rows = table.records().map(|record| row(record.expect("record"))).collect();
    (names[..last].to_vec(), rows)
}

#[test]
fn phantom_reports_are_labelled_as_they_were_drawn() {
    let (names, rows) = phantoms();
    let labeler = Labeler::new(phantom()).expect("vocabulary");
    assert!(labeler.names().eq(names.iter().map(String::as_str)));
    let mut counts = vec![Agreement::default(); names.len()];
    for (present, report) in &rows {
        for (class, label) in labeler.label(report).into_iter().enumerate() {
            counts[class].count(present[class], label == Label::Positive);
        }
    }
    for (name, count) in names.iter().zip(&counts) {
        assert!(count.both >= 10 && count.f1() >= 0.99, "{name}: {count:?}");
    }
}

/// A feature that is active on the phantoms with one factor is named after it, on other phantoms than those it is tried on.
#[test]
fn features_are_named_after_the_factor_they_fire_on() {
    let (names, rows) = phantoms();
    // CheXpert's vocabulary knows few of the factors: the rest has to come from the phrases.
    let labeler = Labeler::new(chexpert()).expect("vocabulary");
    let split = PatientSplit { seed: 7, held_out: 0.4 };
    let (held, chosen): (Vec<_>, Vec<_>) =
        rows.iter().enumerate().partition(|(i, _)| split.part(&i.to_string()) == Part::HeldOut);
    let all: Vec<&str> = chosen.iter().map(|(_, (_, report))| report.as_str()).collect();
    for (factor, name) in names.iter().enumerate() {
        let top: Vec<&str> =
            chosen.iter().filter(|(_, row)| row.0[factor]).map(|(_, row)| row.1.as_str()).take(16).collect();
        let best = candidates(&top, &all, &labeler, &Limits::default()).into_iter().next().expect("a label");
        let cases: Vec<Case> = held
            .iter()
            .filter_map(|(_, (present, report))| {
                let activation = f32::from(u8::from(present[factor]));
                Some(Case { holds: holds(&best.statement, report, &labeler)?, activation })
            })
            .collect();
        let score = detection(&cases, 0.5).expect("numbers");
        eprintln!("{name}: \"{}\" z {:.1}, balanced accuracy {:?}", best.text, best.weight, score.balanced_accuracy);
        assert!(score.balanced_accuracy.value.expect("both sides") >= 0.95, "{name}: {best:?} {score:?}");
    }
}
