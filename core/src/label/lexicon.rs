//! The words of reports that make no label: what joins statements, what only qualifies, what every report has.

/// Words that no phrase contains: they join statements, or say only that something was seen.
#[rustfmt::skip]
pub(super) const JOINTS: &[&str] = &[
    "is", "are", "was", "were", "be", "been", "being", "has", "have", "had", "with", "and", "or", "to", "from", "by",
    "which", "that", "this", "these", "there", "in", "at", "on", "for", "as", "it", "its", "seen", "noted",
    "identified", "present", "demonstrated", "visualized", "visualised", "shown", "shows", "show", "demonstrates",
    "ends", "end", "projects", "projecting", "overlies", "overlying", "terminates", "remain", "remains", "appears",
    "appear", "again", "also", "consistent", "compatible", "keeping", "suggesting", "represents", "representing",
    "likely", "about", "within", "into", "over", "through", "than", "compared", "prior", "previous", "since",
    "unchanged", "stable", "evidence", "otherwise", "given", "because", "but", "no", "not", "without", "any", "other",
    "per", "mm", "cm", "can", "may", "could",
];

/// Words that a phrase may contain, but not begin or end with.
#[rustfmt::skip]
pub(super) const INNER: &[&str] = &[
    "of", "the", "a", "an",
];

/// Words that say how or which, but not what: no phrase ends with one.
#[rustfmt::skip]
pub(super) const QUALIFIERS: &[&str] = &[
    "small", "moderate", "large", "mild", "mildly", "moderately", "severe", "severely", "minimal", "single", "acute",
    "new", "old", "upper", "lower", "middle", "low", "high", "visible", "focal", "patchy", "round", "median",
    "superior", "inferior", "lateral", "sided", "bilateral", "both", "left", "right", "intact", "enlarged",
    "prominent", "calcified", "normal", "clear", "definite", "above", "below", "pleural", "pulmonary",
    "cardiopulmonary", "cardiac", "thoracic", "vascular", "interstitial", "mediastinal", "hilar", "apical", "basilar",
    "basal", "osseous", "bony", "atherosclerotic", "thoracolumbar", "degenerative", "increased", "decreased",
    "chronic", "scattered", "multiple", "several", "some", "many", "few", "more", "less", "good", "stable", "central",
    "venous", "ap", "pa", "significant", "suspicious", "frontal", "anterior", "posterior",
];

/// Words that are on every report: a phrase needs one that is not among them.
#[rustfmt::skip]
pub(super) const EMPTY: &[&str] = &[
    "left", "right", "bilateral", "both", "small", "moderate", "large", "mild", "mildly", "moderately", "severe",
    "severely", "minimal", "single", "acute", "new", "old", "upper", "lower", "middle", "mid", "superior", "inferior",
    "lateral", "side", "sided", "heart", "lung", "lungs", "chest", "lobe", "lobes", "base", "bases", "apex",
    "hemidiaphragm", "diaphragm", "aorta", "ventricle", "atrium", "svc", "vena", "cava", "spine", "hilum",
    "mediastinum", "rib", "ribs", "silhouette", "cardiac", "pulmonary", "thoracic", "pleural", "wall", "thorax",
    "zone", "region", "area", "view", "views", "film", "films", "radiograph", "radiographs", "examination", "exam",
    "study", "patient", "size", "position", "place", "change", "changes", "finding", "findings", "tip", "tips",
    "contour", "contours", "appearance", "line", "lines", "visible", "definite", "of", "the", "a", "an", "stable",
    "vascular", "structures", "structure", "tissue", "tissues", "cardiopulmonary", "bony", "osseous", "normal",
    "abnormality", "abnormalities", "intact", "some", "more", "multiple", "central", "anterior", "posterior",
    "frontal",
];
