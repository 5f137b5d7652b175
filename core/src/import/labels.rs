//! What the outputs of published classifiers mean: names, operating points and base rates, none of which their files hold.
//!
//! The numbers are those of torchxrayvision's `models.py` and `datasets.py` (1.5.7), of its `baseline_models/jfhealthcare`,
//! and of reproduce-chexnet's `visualize_prediction.py`; `tests/parity/conv_reference.py` reads the first two back from
//! the installed package.

use super::classifier::ImportedLabel;

/// Outputs of torchxrayvision's own models, in their order (`datasets.default_pathologies`).
pub const XRV_LABELS: [&str; 18] = [
    "Atelectasis",
    "Consolidation",
    "Infiltration",
    "Pneumothorax",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Effusion",
    "Pneumonia",
    "Pleural_Thickening",
    "Cardiomegaly",
    "Nodule",
    "Mass",
    "Hernia",
    "Lung Lesion",
    "Fracture",
    "Lung Opacity",
    "Enlarged Cardiomediastinum",
];

/// Outputs of Zech's and arnoweng's CheXNet, in their order, with the shares of NIH ChestX-ray14's films that Zech's
/// notebook divides by.
pub const NIH_LABELS: [(&str, f32); 14] = [
    ("Atelectasis", 0.103),
    ("Cardiomegaly", 0.025),
    ("Effusion", 0.119),
    ("Infiltration", 0.177),
    ("Mass", 0.051),
    ("Nodule", 0.056),
    ("Pneumonia", 0.012),
    ("Pneumothorax", 0.047),
    ("Consolidation", 0.042),
    ("Edema", 0.021),
    ("Emphysema", 0.022),
    ("Fibrosis", 0.015),
    ("Pleural_Thickening", 0.03),
    ("Hernia", 0.002),
];

/// Outputs of jfhealthcare's classifier, in the order of its code (its description has another).
pub const JFHEALTHCARE_LABELS: [&str; 5] = ["Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Effusion"];

/// One of torchxrayvision's own models.
#[derive(Debug)]
pub struct XrvModel {
    /// Its name in `torchxrayvision.models.model_urls`.
    pub name: &'static str,
    /// How its file's name begins.
    pub file: &'static str,
    /// Operating point of each of [`XRV_LABELS`], probabilities; not a number where the output was never trained, for
    /// which torchxrayvision answers 0.5 whatever the film.
    pub points: [f32; 18],
}

const NONE: f32 = f32::NAN;

/// torchxrayvision's own models. The operating points of the ResNet-50 lie between 0.502 and 0.538 and look like the
/// sigmoid of a probability: its calibration took a sigmoid twice. A score of 0.5 is then not its operating point.
pub const XRV_MODELS: [XrvModel; 8] = [
    XrvModel {
        name: "densenet121-res224-all",
        file: "nih-pc-chex-mimic_ch-google-openi-kaggle-densenet121",
        #[rustfmt::skip]
        points: [
            0.07422872, 0.038290843, 0.09814756, 0.0098118475, 0.023601074, 0.0022490358, 0.010060724, 0.103246614,
            0.056810737, 0.026791653, 0.050318155, 0.023985857, 0.01939503, 0.042889766, 0.053369623, 0.035975814,
            0.20204692, 0.05015312,
        ],
    },
    XrvModel {
        name: "densenet121-res224-nih",
        file: "nih-densenet121",
        #[rustfmt::skip]
        points: [
            0.039117552, 0.0034529066, 0.11396341, 0.0057298196, 0.00045666535, 0.0018880932, 0.012037827, 0.038744126,
            0.0037213727, 0.014730946, 0.016149804, 0.054241467, 0.037198864, 0.0004403434, NONE, NONE, NONE, NONE,
        ],
    },
    XrvModel {
        name: "densenet121-res224-pc",
        file: "pc-densenet121",
        #[rustfmt::skip]
        points: [
            0.031012505, 0.013347598, 0.081435576, 0.001262615, 0.002587246, 0.0035944257, 0.0023071, 0.055412333,
            0.044385884, 0.042766232, 0.043258056, 0.037629247, 0.005658899, 0.0091741895, NONE, 0.026507627, NONE, NONE,
        ],
    },
    XrvModel {
        name: "densenet121-res224-chex",
        file: "chex-densenet121",
        #[rustfmt::skip]
        points: [
            0.1988969, 0.05710573, NONE, 0.0531293, 0.1435217, NONE, NONE, 0.27212676, 0.07749717, NONE, 0.19712369,
            NONE, NONE, NONE, 0.09932402, 0.09273402, 0.3270967, 0.10888247,
        ],
    },
    XrvModel {
        name: "densenet121-res224-rsna",
        file: "kaggle-densenet121",
        #[rustfmt::skip]
        points: [
            NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, 0.13486601, NONE, NONE, NONE, NONE, NONE, NONE, NONE,
            0.13511065, NONE,
        ],
    },
    XrvModel {
        name: "densenet121-res224-mimic_nb",
        file: "mimic_nb-densenet121",
        #[rustfmt::skip]
        points: [
            0.08558747, 0.011884617, NONE, 0.0040595434, 0.010733786, NONE, NONE, 0.118761964, 0.022924708, NONE,
            0.06358637, NONE, NONE, NONE, 0.022143636, 0.017476924, 0.1258702, 0.014020768,
        ],
    },
    XrvModel {
        name: "densenet121-res224-mimic_ch",
        file: "mimic_ch-densenet121",
        #[rustfmt::skip]
        points: [
            0.09121389, 0.010573786, NONE, 0.005023008, 0.003698257, NONE, NONE, 0.08001232, 0.037242252, NONE,
            0.05006329, NONE, NONE, NONE, 0.019866971, 0.03823637, 0.11303808, 0.0069147074,
        ],
    },
    XrvModel {
        name: "resnet50-res512-all",
        file: "pc-nih-rsna-siim-vin-resnet50",
        #[rustfmt::skip]
        points: [
            0.51570356, 0.50444704, 0.53787947, 0.50723547, 0.5025118, 0.5035252, 0.5038076, 0.51862943, 0.5078151,
            0.50724894, 0.5056339, 0.510706, 0.5053923, 0.5020846, NONE, 0.5080557, 0.5138526, NONE,
        ],
    },
];

impl XrvModel {
    /// The model whose name this is, or whose file has this name, in whatever folder; also torchxrayvision's short names
    /// ("all", "nih", ..).
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let is_short = |model: &Self| model.name.strip_prefix("densenet121-res224-") == Some(last);
        XRV_MODELS.iter().find(|model| model.name == last || is_short(model) || last.starts_with(model.file))
    }

    /// The outputs that were trained, by index and label.
    #[must_use]
    pub fn trained(&self) -> Vec<(usize, ImportedLabel)> {
        let label = |(index, (&name, &point)): (usize, (&&str, &f32))| {
            let label = ImportedLabel { operating_point: Some(point), ..ImportedLabel::named(name) };
            (!point.is_nan()).then_some((index, label))
        };
        XRV_LABELS.iter().zip(&self.points).enumerate().filter_map(label).collect()
    }
}

/// Labels of outputs of which nothing is known but their number.
pub(super) fn numbered(outputs: usize) -> Vec<ImportedLabel> {
    (1..=outputs).map(|number| ImportedLabel::named(format!("Output {number}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_by_its_name_its_file_and_its_short_name() {
        let of = |name: &str| XrvModel::by_name(name).map(|model| model.name);
        let suffix = "d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt";
        assert_eq!(of("densenet121-res224-all"), Some("densenet121-res224-all"));
        assert_eq!(of("rsna"), Some("densenet121-res224-rsna"));
        let all = format!("/models/nih-pc-chex-mimic_ch-google-openi-kaggle-densenet121-{suffix}");
        assert_eq!(of(&all), Some("densenet121-res224-all"));
        assert_eq!(of(&format!("nih-densenet121-{suffix}")), Some("densenet121-res224-nih"));
        assert_eq!(of(&format!("kaggle-densenet121-{suffix}")), Some("densenet121-res224-rsna"));
        let resnet = "pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt";
        assert_eq!(of(resnet), Some("resnet50-res512-all"));
        assert_eq!(of("model.pt"), None);
    }

    #[test]
    fn untrained_outputs_are_left_out() {
        let trained = |name| XrvModel::by_name(name).expect("a known model").trained();
        assert_eq!(trained("all").len(), 18);
        let rsna = trained("rsna");
        assert_eq!(rsna.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [8, 16]);
        assert_eq!(rsna[1].1.name, "Lung Opacity");
        assert_eq!(rsna[1].1.operating_point, Some(0.13511065));
    }
}
