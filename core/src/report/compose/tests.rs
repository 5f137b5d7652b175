use super::*;
use crate::report::labeler::chexpert;

fn labeler() -> Labeler {
    Labeler::new(chexpert()).expect("vocabulary")
}

fn feature(index: usize, text: &str, kind: LabelKind, quantile: f32, detection: Option<f64>) -> ActiveFeature {
    ActiveFeature {
        index,
        text: text.to_owned(),
        kind,
        statement: None,
        activation: quantile,
        quantile,
        detection,
        region: None,
    }
}

fn texts(sentences: &[Sentence]) -> Vec<&str> {
    sentences.iter().map(|sentence| sentence.text.as_str()).collect()
}

#[test]
fn one_sentence_for_each_thing_strongest_first_and_negatives_last() {
    use LabelKind::{Acquisition, Device, Finding, Normal};
    let mut effusion = feature(4, "right pleural effusion", Finding, 0.8, Some(0.9));
    effusion.statement = Some("There is fluid in the right pleural space".into());
    effusion.region = Some("right base".into());
    let features = [
        feature(9, "sternotomy wires", Device, 0.99, Some(0.9)),
        feature(3, "pleural effusion", Finding, 0.95, Some(0.9)),
        effusion,
        feature(5, "Left pleural effusion", Finding, 0.5, Some(0.9)),
        feature(6, "cardiomegaly", Finding, 0.9, None),
        feature(7, "portable AP view", Acquisition, 0.9, Some(0.9)),
        feature(8, "noise", Finding, 0.9, Some(0.5)),
        feature(1, "no pneumothorax", Normal, 0.9, Some(0.8)),
        feature(2, "no pleural effusion", Normal, 0.9, Some(0.8)),
    ];
    let expected = ["Pneumothorax", "Consolidation", "Pleural Effusion", "Consolidation"];
    let report = compose(&features, &expected, &labeler()).expect("report");
    assert_eq!(
        texts(&report.findings),
        [
            "There is fluid in the right pleural space.",
            "Possible cardiomegaly.",
            "Possible left pleural effusion.",
            "Sternotomy wires.",
            "No pneumothorax.",
            "No consolidation.",
        ]
    );
    assert_eq!(report.findings[0].features, [3, 4]);
    assert_eq!(report.findings[0].region.as_deref(), Some("right base"));
    assert_eq!((report.findings[4].features.as_slice(), report.findings[5].features.len()), (&[1][..], 0));
    assert_eq!(texts(&report.acquisition), ["Portable AP view."]);
    assert_eq!(
        texts(&report.impression),
        ["Right pleural effusion.", "Possible cardiomegaly.", "Possible left pleural effusion."]
    );
    assert_eq!(report.left_out, [8]);
}

#[test]
fn a_film_without_findings_says_only_that() {
    let report = compose(&[], &["Edema"], &labeler()).expect("report");
    assert_eq!(texts(&report.findings), ["No edema."]);
    assert_eq!(texts(&report.impression), ["No active feature names a finding."]);
}

#[test]
fn odd_requests_are_refused() {
    let bad = feature(1, "a", LabelKind::Finding, f32::NAN, None);
    assert!(compose(&[bad], &[], &labeler()).expect_err("no number").to_string().contains("feature 1"));
    assert!(compose(&[], &["Edma"], &labeler()).expect_err("unknown").to_string().contains("Edema"));
    let endless = vec![feature(1, "a", LabelKind::Finding, 0.5, None); MOST_FEATURES + 1];
    assert!(compose(&endless, &[], &labeler()).is_err());
}

#[test]
fn labels_say_what_they_are_about() {
    for (text, kind) in [
        ("right pleural effusion", LabelKind::Finding),
        ("Support Devices", LabelKind::Device),
        ("median sternotomy wires", LabelKind::Device),
        ("PORTABLE marker", LabelKind::Acquisition),
        ("no pneumothorax", LabelKind::Normal),
        ("clear lungs", LabelKind::Normal),
        ("normal heart size", LabelKind::Normal),
        ("bowel obstruction", LabelKind::Finding),
    ] {
        assert_eq!(kind_of(text, &labeler()), kind, "{text}");
    }
}

#[test]
fn dicom_text_keeps_to_its_repertoire_and_its_lines() {
    let mut features: Vec<ActiveFeature> = (0..400)
        .map(|i| {
            feature(
                i,
                &format!("Caf\u{e9} \u{1F4A9}\u{7}\\ number {i} {}", "w".repeat(90)),
                LabelKind::Finding,
                0.9,
                Some(0.9),
            )
        })
        .collect();
    features[0].region = Some("a\nb".into());
    let report = compose(&features, &[], &labeler()).expect("report");
    let text = report.to_dicom_text();
    assert!(text.len() <= MOST_CHARACTERS && text.contains("left out"), "{}", text.len());
    assert!(text.ends_with("treatment.\r\n"));
    assert!(text.chars().all(|letter| matches!(letter, ' '..='~' | '\r' | '\n')));
    assert!(text.split("\r\n").all(|line| line.len() <= LONGEST_LINE && !line.contains(['\r', '\n'])));
    let short = compose(&[], &["Edema"], &labeler()).expect("report");
    let expected =
        format!("FINDINGS:\nNo edema.\n\nIMPRESSION:\nNo active feature names a finding.\n\n{NOT_FOR_DIAGNOSIS}\n");
    assert_eq!(short.to_text(), expected);
    let json: serde_json::Value = serde_json::from_str(&short.to_json().expect("JSON")).expect("JSON");
    assert_eq!(json["findings"][0]["certainty"], "negative");
    assert_eq!(json["note"], NOT_FOR_DIAGNOSIS);
}
