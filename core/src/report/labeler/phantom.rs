//! The factors of a phantom that its report tells, as a vocabulary: the proof that a set of labels is data.
//!
//! The classes carry the names of the columns of a phantom set's `factors.csv`. What a report leaves out (sex, inversion,
//! burned-in letters, site) is no class.

use super::vocabulary::{Class, Part, Vocabulary};

/// Column, phrases, contrary phrases.
const CLASSES: [(&str, &[&str], &[&str]); 14] = [
    ("Cardiomegaly", &["cardiomegaly", "enlarged heart|cardiac"], &[]),
    ("Effusion", &["effusion", "pleural fluid"], &[]),
    ("Pneumothorax", &["pneumothora*"], &[]),
    ("Nodule", &["nodule", "mass"], &[]),
    ("Consolidation", &["consolidation"], &[]),
    ("Atelectasis", &["atelectasis"], &[]),
    ("Edema", &["edema|oedema"], &[]),
    ("Pacemaker", &["pacemaker|pacer"], &[]),
    ("Sternotomy wires", &["sternotomy|sternal wire"], &[]),
    ("Jugular line", &["jugular .. line|catheter", "central venous line|catheter"], &[]),
    ("Spinal rods", &["spinal .. rod|rods", "rods"], &[]),
    ("Piercing", &["jewellery|jewelry", "piercing"], &[]),
    (
        "AP view",
        &["ap view|film|projection|radiograph", "anteroposterior view|film|projection|radiograph"],
        &["pa view|film|projection|radiograph", "posteroanterior view|film|projection|radiograph"],
    ),
    ("Rotated", &["rotated|rotation"], &[]),
];

/// What a phantom's report tells, under the names of `factors.csv`.
#[must_use]
pub fn phantom() -> Vocabulary {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let class = |&(name, phrases, contrary): &(&str, &[&str], &[&str])| Class {
        name: name.to_owned(),
        phrases: texts(phrases),
        contrary: texts(contrary),
        part: (name == "Cardiomegaly").then(|| Part {
            names: texts(&["heart", "heart size", "cardiac silhouette"]),
            abnormal: texts(&["enlarged", "enlargement"]),
            normal: texts(&["normal"]),
        }),
        ..Class::default()
    };
    Vocabulary {
        name: "Phantom factors by Fluoro's trigger rules".to_owned(),
        classes: CLASSES.iter().map(class).collect(),
        nothing: None,
        anatomy_words: texts(&["heart", "cardiac", "size", "silhouette"]),
    }
}
