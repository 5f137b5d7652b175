//! Column names that datasets share.

/// The fourteen findings of NIH ChestX-ray14, in the order of its publication.
pub const NIH_FINDINGS: [&str; 14] = [
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
];

/// View is antero-posterior.
pub const AP_VIEW: &str = "AP view";
/// The word PORTABLE is burned into the film.
pub const PORTABLE_MARKER: &str = "PORTABLE marker";
/// Patient's sex is male.
pub const MALE: &str = "Male";

/// Labels of the shipped classifier: the findings, then what is not a finding but is read from films all the same.
pub const TRAINED_LABELS: [&str; 17] = [
    NIH_FINDINGS[0],
    NIH_FINDINGS[1],
    NIH_FINDINGS[2],
    NIH_FINDINGS[3],
    NIH_FINDINGS[4],
    NIH_FINDINGS[5],
    NIH_FINDINGS[6],
    NIH_FINDINGS[7],
    NIH_FINDINGS[8],
    NIH_FINDINGS[9],
    NIH_FINDINGS[10],
    NIH_FINDINGS[11],
    NIH_FINDINGS[12],
    NIH_FINDINGS[13],
    AP_VIEW,
    PORTABLE_MARKER,
    MALE,
];
