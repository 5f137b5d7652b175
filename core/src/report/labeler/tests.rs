use super::*;

fn value(class: &str, report: &str) -> Label {
    let labeler = Labeler::new(chexpert()).expect("vocabulary");
    let index = labeler.names().position(|name| name == class).expect("class");
    labeler.label(report)[index]
}

#[test]
fn findings_are_affirmed_doubted_and_denied() {
    use Label::{Negative, NotMentioned, Positive, Uncertain};
    for (class, report, expected) in [
        ("Pleural Effusion", "Small left pleural effusion.", Positive),
        ("Pleural Effusion", "No pneumothorax or large pleural effusion.", Negative),
        ("Pleural Effusion", "Possible small effusion.", Uncertain),
        ("Pleural Effusion", "Pericardial effusion.", NotMentioned),
        ("Pleural Effusion", "Blunting of the left costophrenic angle.", Uncertain),
        ("Pneumothorax", "There is no pneumothorax. A small pneumothorax is seen on the lateral film.", Positive),
        ("Lung Lesion", "Calcified nodule in the left apex.", NotMentioned),
        ("Lung Lesion", "Calcified nodule, and a noncalcified mass.", Positive),
        ("Lung Opacity", "Patchy right basilar airspace disease.", Positive),
        ("Atelectasis", "Opacity that may represent atelectasis versus infiltrate.", Uncertain),
        ("Pneumonia", "No evidence of pneumonia.", Negative),
        ("Fracture", "No acute rib fractures.", Negative),
        ("Support Devices", "Left subclavian pacemaker with leads in place.", Positive),
        ("Edema", "Pulmonary vascular congestion.", Uncertain),
        ("Cardiomegaly", "Congestive heart failure.", Uncertain),
    ] {
        assert_eq!(value(class, report), expected, "{class}: {report}");
    }
}

#[test]
fn a_part_counts_by_what_is_said_of_it() {
    use Label::{Negative, NotMentioned, Positive, Uncertain};
    for (class, report, expected) in [
        ("Cardiomegaly", "The heart is normal in size.", Negative),
        (
            "Cardiomegaly",
            "Heart size, mediastinal contour, and pulmonary vascularity are within normal limits.",
            Negative,
        ),
        ("Enlarged Cardiomediastinum", "Heart size and mediastinal contour are within normal limits.", Negative),
        ("Cardiomegaly", "The heart is mildly enlarged and the mediastinum is normal.", Positive),
        ("Enlarged Cardiomediastinum", "The heart is enlarged and the mediastinum is normal.", Negative),
        ("Enlarged Cardiomediastinum", "Normal heart size and mediastinal contours.", Negative),
        ("Enlarged Cardiomediastinum", "Widened mediastinum.", Positive),
        ("Cardiomegaly", "The heart is not enlarged.", Negative),
        ("Cardiomegaly", "Borderline enlarged heart.", Uncertain),
        ("Cardiomegaly", "The heart is stable.", NotMentioned),
        ("Cardiomegaly", "The heart is unchanged and the lungs are normal.", NotMentioned),
    ] {
        assert_eq!(value(class, report), expected, "{class}: {report}");
    }
}

#[test]
fn nothing_is_found_only_where_nothing_else_is() {
    use Label::{NotMentioned, Positive};
    assert_eq!(value("No Finding", "The lungs are clear. No effusion. Pacemaker in place."), Positive);
    assert_eq!(value("No Finding", "Possible effusion."), NotMentioned);
    assert_eq!(value("No Finding", ""), Positive);
}

#[test]
fn mentions_point_into_the_report() {
    let report = "\u{1F4A9} No edema.\nLEFT Effusion.";
    let labeler = Labeler::new(chexpert()).expect("vocabulary");
    let mentions = labeler.mentions(report);
    let of = |class| mentions.iter().find(|m| labeler.vocabulary().classes[m.class].name == class).expect(class);
    assert_eq!(&report[of("Edema").bytes.clone()], "edema");
    assert_eq!((&report[of("Pleural Effusion").bytes.clone()], of("Pleural Effusion").sentence), ("Effusion", 1));
}

#[test]
fn phantom_factors_are_read() {
    let labeler = Labeler::new(phantom()).expect("vocabulary");
    let labels =
        labeler.label("Single PA view of the chest. The heart size is normal. A left chest wall pacemaker with leads.");
    let of = |name: &str| labels[labeler.names().position(|other| other == name).expect("class")];
    assert_eq!((of("AP view"), of("Pacemaker")), (Label::Negative, Label::Positive));
    assert_eq!((of("Cardiomegaly"), of("Rotated")), (Label::Negative, Label::NotMentioned));
}

#[test]
fn a_vocabulary_travels_as_ron_and_bad_ones_are_named() {
    let text = ron::ser::to_string_pretty(&chexpert(), ron::ser::PrettyConfig::default()).expect("written");
    assert_eq!(ron::from_str::<Vocabulary>(&text).expect("read"), chexpert());
    let mut twice = phantom();
    twice.classes.push(twice.classes[0].clone());
    assert!(Labeler::new(twice).expect_err("twice").to_string().contains("twice"));
    let mut bad = phantom();
    bad.classes[0].phrases.push("..".into());
    assert!(Labeler::new(bad).expect_err("bad phrase").to_string().contains("Phantom factors"));
    let mut unknown = chexpert();
    unknown.nothing = Some(Nothing { class: "No Findin".into(), ignoring: Vec::new() });
    assert!(Labeler::new(unknown).expect_err("unknown").to_string().contains("No Finding"));
}

#[test]
fn hostile_reports_end() {
    let labeler = Labeler::new(chexpert()).expect("vocabulary");
    for piece in ["heart normal ", "calcified nodule ", "no mass or ", "\u{0}\u{1F4A9}", "effusion", "line in "] {
        let report = piece.repeat((2 << 20) / piece.len());
        let started = std::time::Instant::now();
        assert_eq!(labeler.label(&report).len(), CHEXPERT.len());
        assert!(started.elapsed().as_secs() < 20, "{piece} {:?}", started.elapsed());
    }
    assert_eq!(labeler.label(&"No effusion or mass. ".repeat(500_000))[3], Label::Negative);
}
