//! The 14 classes of CheXpert (Irvin et al. 2019), with phrases for this labeler's rules.
//!
//! What counts for Lung Lesion, Lung Opacity, Pleural Other and the hints of Edema follows the phrase lists of
//! stanfordmlgroup/chexpert-labeler (MIT, copyright 2018 Stanford Machine Learning Group); the rest was written against the
//! wording of Open-i.

use super::vocabulary::{Class, Nothing, Part, Vocabulary};

/// The classes, in the order of CheXpert's files.
pub const CHEXPERT: [&str; 14] = [
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Lung Opacity",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
];

const NORMAL: &[&str] = &[
    "normal",
    "normally",
    "unremarkable",
    "within limits",
    "within normal|norm limits|limit",
    "clear",
    "intact",
    "negative",
    "nonenlarged",
    "top|upper normal",
    "upper limit|limits",
];

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

/// CheXpert's classes. The name says that these are not CheXpert's own labels.
#[must_use]
pub fn chexpert() -> Vocabulary {
    let classes = CHEXPERT.iter().map(|&name| class(name)).collect();
    Vocabulary {
        name: "CheXpert classes by Fluoro's trigger rules".to_owned(),
        classes,
        nothing: Some(Nothing { class: "No Finding".into(), ignoring: vec!["Support Devices".into()] }),
        anatomy_words: texts(&[
            "heart",
            "cardiac",
            "cardio",
            "cardiomediastin*",
            "mediastin*",
            "size|sized",
            "contour",
            "silhouette",
            "shadow",
            "pulmonary",
            "vascular*",
            "vasculature",
            "hilar|hila|hilum",
            "appearance",
            "aorta|aortic",
            "configuration",
            "lung",
            "shape",
            "borders|border",
            "structures|structure",
            "caliber",
        ]),
    }
}

fn class(name: &str) -> Class {
    let mut class = Class { name: name.to_owned(), ..Class::default() };
    match name {
        "Enlarged Cardiomediastinum" => mediastinum(&mut class),
        "Cardiomegaly" => heart(&mut class),
        "Lung Lesion" => lesion(&mut class),
        "Lung Opacity" => opacity(&mut class),
        "Edema" => {
            class.phrases = texts(&[
                "edema|oedema|edematous",
                "congestive heart|cardiac failure",
                "heart failure",
                "chf",
                "fluid overload",
                "volume overload",
                "kerley",
                "cardiac decompensation",
            ]);
            class.excluded = texts(&["soft tissue edema", "subcutaneous edema", "bone marrow edema"]);
            class.hints = texts(&[
                "vascular|pulmonary|venous|central|interstitial congestion",
                "congestion",
                "prominen*|engorged|increased .. vascularity|vasculature",
                "vascularity|vasculature .. prominent|increased|engorged|indistinct",
                "vascular prominence|engorgement|redistribution|cephalization",
                "cephalization",
                "indistinctness",
            ]);
        }
        "Consolidation" => class.phrases = texts(&["consolidat*"]),
        "Pneumonia" => {
            class.excluded = texts(&[
                "granulomatous|fungal|prior|old|remote|previous|healed|tuberculous .. infection",
                "histoplasmosis infection",
                "sequela|sequelae of|from .. infection",
            ]);
            class.phrases =
                texts(&["pneumonia*", "bronchopneumonia", "pneumonic", "infection", "infectious", "pneumonitis"]);
        }
        "Atelectasis" => {
            class.phrases = texts(&[
                "atelecta*",
                "atelectesis|atelectatic|atelectases|atlectasis",
                "collapse",
                "collapsed lung|lobe",
            ]);
            class.excluded = texts(&[
                "vertebral|compression|body collapse",
                "collapse of .. vertebra*",
                "vertebral .. collapse",
                "collapsed vertebra*",
            ]);
        }
        "Pneumothorax" => {
            class.phrases = texts(&["pneumothora*", "hydropneumothora*", "hemopneumothora*", "ptx", "pneumothroax"])
        }
        "Pleural Effusion" => {
            class.phrases = texts(&[
                "effusion",
                "pleural|pleura|subpulmonic|fissural|loculated fluid",
                "fluid in|along|within|tracking the| right|left|minor|major|horizontal|oblique| fissure",
                "pleural .. effusion",
                "hydrothorax",
                "hemothorax",
                "empyema",
                "hydropneumothora*",
                "hemopneumothora*",
                "pleural collection",
            ]);
            class.excluded = texts(&["pericardial effusion", "joint effusion"]);
            class.hints = texts(&[
                "blunting|blunted .. angle|sulcus|costophrenic|costodiaphragmatic|sulci|recess",
                "costophrenic|costodiaphragmatic .. blunted|blunting",
            ]);
        }
        "Pleural Other" => {
            class.phrases = texts(&[
                "pleural .. thickening",
                "thickening of the| pleura",
                "pleural plaque|scar*|calcification|disease",
                "pleural and parenchymal scar*",
                "pleural parenchymal scar*",
                "pleuroparenchymal scar*",
                "pleural .. scarring",
                "fibrothorax",
                "pulmonary|interstitial|lung|parenchymal|apical|basilar fibrosis",
                "fibrosis|fibrotic",
                "pleurodiaphragmatic adhesion",
                "pleural adhesion",
                "apical|biapical|fissural capping|cap",
                "pleural capping|cap",
                "fissural|fissure thickening",
            ]);
            class.excluded = texts(&["cystic fibrosis"]);
        }
        "Fracture" => {
            class.phrases = texts(&[
                "fracture",
                "fractured",
                "fx",
                "compression deformity|deformities",
                "wedge deformity|compression",
            ]);
            class.excluded =
                texts(&["fracture of the| wire", "fractured sternal| wire|lead", "sternotomy wires .. fractured"]);
        }
        "Support Devices" => devices(&mut class),
        _ => {}
    }
    class
}

fn mediastinum(class: &mut Class) {
    class.phrases = texts(&[
        "mediastinal|cardiomediastinal widening|enlargement|prominence|fullness",
        "widening|enlargement|prominence|fullness of the| upper|superior| mediastin*|cardiomediastin*",
        "mediastinal .. widening|prominence",
        "widened|enlarged|prominent upper|superior| mediastin*|cardiomediastin*",
    ]);
    class.part = Some(Part {
        names: texts(&[
            "mediastin*",
            "cardiomediastin*",
            "cardio mediastin*",
            "mediastinal silhouette|contour|structures",
        ]),
        abnormal: texts(&[
            "enlarged",
            "widened",
            "wide",
            "prominent",
            "widening",
            "enlargement",
            "prominence",
            "fullness",
        ]),
        normal: texts(NORMAL),
    });
}

fn heart(class: &mut Class) {
    class.phrases = texts(&[
        "cardiomegaly",
        "cardiac|heart enlargement",
        "enlargement|prominence of the| cardi*|heart",
        "enlarged|large heart|cardiac",
        "cardiomyopathy",
        "increased heart|cardiac size",
        "ventricular|atrial enlargement",
        "globular heart|cardiac",
        "cardiac|heart decompensation",
    ]);
    class.hints = texts(&["heart|cardiac failure", "chf", "borderline heart|cardiac", "heart|cardiac .. borderline"]);
    class.part = Some(Part {
        names: texts(&[
            "heart",
            "heart size",
            "cardiac silhouette|size|contour|shadow|outline|structures",
            "cardiac and mediastinal|pulmonary|hilar",
            "cardiac",
            "cardiopericardial|cardiothymic silhouette",
            "cardiovascular silhouette",
            "cardiomediastinal silhouette|contour|shadow|structures",
            "cardio mediastinal silhouette",
        ]),
        abnormal: texts(&[
            "enlarged",
            "enlargement",
            "large",
            "larger",
            "prominent",
            "prominence",
            "increased",
            "magnified",
        ]),
        normal: texts(NORMAL),
    });
}

fn lesion(class: &mut Class) {
    class.phrases = texts(&[
        "mass",
        "nodule",
        "nodular density|densities|opacity|opacities|opacification|lesion|focus|foci|infiltrate",
        "nodularity",
        "lump",
        "cavitary|cavitating|cavity lesion|mass|opacity|process",
        "lung|pulmonary|parenchymal lesion",
        "carcinoma*",
        "neoplas*",
        "tumor|tumour",
        "metasta*",
        "malignan*",
        "lung cancer",
        "cavitation",
        "cavity|cavities",
    ]);
    class.excluded = texts(&[
        "calcified .. nodule|nodules|mass",
        "nodule .. calcified",
        "body mass",
        "mass effect",
        "bone|osseous|bony|breast|soft lesion|metasta*|mass",
        "granulomatous nodule",
        "pleural|chest|thoracic|abdominal|body cavity",
    ]);
}

fn opacity(class: &mut Class) {
    class.phrases = texts(&[
        "opaci*",
        "decreased translucency",
        "increased density",
        "airspace|alveolar disease|process|opacity|infiltrate|density|densities|consolidation",
        "air space disease|process|density",
        "infiltrat*",
        "interstitial marking|pattern|lung|disease|prominence|thickening|changes|process|opacity|abnormality|infiltrate",
        "prominent|increased|coarse|coarsened .. markings",
        "markings .. prominent|increased|coarse|coarsened|accentuated",
        "bronchovascular|interstitial|lung prominence",
        "reticular pattern|marking|density|densities|opacity",
        "reticula*",
        "reticulonodular",
        "parenchymal scarring|disease|density",
        "scar|scars|scarring|scarred",
        "peribronchial thickening|cuffing",
        "bronchial|wall thickening",
        "hazy|patchy|streaky|focal|basilar|bibasilar|retrocardiac|linear|vague|lung|airspace|lobe density|densities",
        "density|densities .. lung|lobe|base",
        "haziness",
        "ground glass",
    ]);
    class.excluded = texts(&[
        "pleural|apical|biapical pleural| scar*",
        "pleural .. scarring|scar",
        "surgical|cutaneous|skin scar",
        "opacified by",
        "bone|bony density|densities",
        "metallic|calcific|radiopaque density|densities|opacity|opacities",
        "normal .. markings",
    ]);
}

fn devices(class: &mut Class) {
    class.phrases = texts(&[
        "pacer|pacemaker|pacemakers|aicd|icd|defibrillator|generator",
        "pacing lead|wire|device",
        "line|lines in|at|overlying|ends|terminates|with|tip|is|are|and",
        "central|venous|arterial|picc|jugular|subclavian|ij|dialysis|femoral .. line|lines|catheter|access",
        "picc|picc line",
        "catheter|catheters|cath",
        "tube|tubes|tubing",
        "endotracheal|tracheostomy|nasogastric|enteric|feeding|orogastric|chest tube|cannula",
        "tracheostomy",
        "ett|ngt",
        "valve prosthesis|replacement",
        "prosthetic|mechanical|artificial|metallic .. valve",
        "prosthetic|prosthesis",
        "valve|valvular repair|ring|replacement|prosthesis",
        "hardware",
        "arthroplast*",
        "drain|drains",
        "plate|plates|screw|screws|rod|rods",
        "spinal|anterior|cervical|lumbar|thoracic|posterior fusion",
        "coil|coils",
        "mediport|portacath|infusaport|chemoport",
        "port|ports",
        "port a cath",
        "stent|stents",
        "device|devices",
        "support|monitoring device|apparatus|equipment|lines|leads",
        "leads|electrodes|electrode",
        "tip in|at|is|projects|overlies|overlying|terminates .. svc|cavoatrial|cava|atrium|carina",
        "lead in|over|overlying|tip|tips|projecting|terminating|within",
        "stimulator",
        "sternotomy .. wires|xxxx|sutures|hardware|clips",
        "sternal|cerclage wire|wires|sutures",
        "sternotomy",
        "clip|clips",
        "surgical .. clips|staples|material|suture|sutures",
        "suture|sutures|staple|staples",
        "cabg",
        "bypass",
        "vagal|nerve stimulator",
        "balloon pump",
        "shunt",
        "filter",
        "vascular graft|stent",
        "swan ganz",
        "implant|implants",
        "band|banding .. gastric|lap",
        "gastric|lap band|banding",
        "anchor|anchors",
    ]);
    class.excluded = texts(&["portable", "pleural line", "midline", "no .. previous device", "port site"]);
}
