//! What a film says about itself. In: a DICOM data set, or nothing. Out: [`Metadata`], in which a missing or senseless
//! attribute is `None` and, where it matters, a warning.

use std::fmt;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use serde::{Deserialize, Serialize};

use super::origin::Origin;
use super::voi::{VoiFunction, Window};

/// How the Software text of a phantom begins: `fluoro phantom 0.1.0; seed 7; film 12`.
pub const PHANTOM_MARK: &str = "fluoro phantom";

/// Everything about a film besides its pixels. Not serialisable as a whole, because it may name the patient.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// File format in words: `PNG, 8-bit grey`, `DICOM DX, JPEG 2000 lossless, 12-bit`.
    pub format: String,
    /// Projection; View Position (0018,5101).
    pub view: Option<View>,
    /// Side of the body; Image Laterality (0020,0062) or Laterality (0020,0060).
    pub laterality: Option<Laterality>,
    /// Age in years; Patient's Age (0010,1010), else from birth and study date.
    pub age_years: Option<f32>,
    /// Sex; Patient's Sex (0010,0040).
    pub sex: Option<Sex>,
    /// Distance of pixels in millimetres between rows and between columns, PS3.3 10.7.1.3; at the patient where known,
    /// else at the detector.
    pub spacing_mm: Option<[f32; 2]>,
    /// VOI windows in the file's order, in the units and polarity of the film's pixels.
    pub windows: Vec<Window>,
    /// Modality (0008,0060): `DX`, `CR`.
    pub modality: Option<String>,
    /// Body Part Examined (0018,0015).
    pub body_part: Option<String>,
    /// Photometric Interpretation (0028,0004) as stored; the pixels have it resolved.
    pub photometric: Option<String>,
    /// Patient's Name (0010,0010).
    pub patient: Option<PatientName>,
    /// Study Instance UID (0020,000D).
    pub study_uid: Option<String>,
    /// Series Instance UID (0020,000E).
    pub series_uid: Option<String>,
    /// Instance Number (0020,0013).
    pub instance_number: Option<i32>,
    /// Patient, study and the file's own identifiers, which only an export that the user wished for copies.
    pub origin: Option<Origin>,
    /// The program that made the file; Software in PNG.
    pub software: Option<String>,
    /// What the reader should know: one sentence each, without the patient's name.
    pub warnings: Vec<String>,
}

impl Metadata {
    /// Whether the pixels went through a lossy coder: the file says so, or its format does.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        let says = |word: &str| self.format.contains(word);
        let of_format = says("JPEG") && (!says("lossless") || says("near-lossless"));
        of_format || self.origin.as_ref().is_some_and(Origin::is_lossy)
    }

    /// Whether the file says that it is a phantom.
    #[must_use]
    pub fn is_phantom(&self) -> bool {
        self.software.as_deref().is_some_and(|software| software.starts_with(PHANTOM_MARK))
    }
}

/// The projection of a film.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum View {
    /// Posterior to anterior.
    Pa,
    /// Anterior to posterior.
    Ap,
    /// From the side.
    Lateral,
    /// Another one, in the file's word.
    Other(String),
}

impl View {
    /// From a View Position (0018,5101) or a table's word; `None` when blank.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.trim().to_uppercase();
        Some(match word.as_str() {
            "" => return None,
            "PA" | "POSTERO-ANTERIOR" => Self::Pa,
            "AP" | "ANTERO-POSTERIOR" => Self::Ap,
            "LL" | "RL" | "LLAT" | "RLAT" | "LAT" | "LATERAL" | "LEFT LATERAL" | "RIGHT LATERAL" => Self::Lateral,
            _ => Self::Other(text.trim().to_owned()),
        })
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pa => "PA",
            Self::Ap => "AP",
            Self::Lateral => "lateral",
            Self::Other(word) => word,
        })
    }
}

/// Side of the body, PS3.3 C.7.6.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Laterality {
    /// The patient's left.
    Left,
    /// The patient's right.
    Right,
    /// Left and right together.
    Both,
    /// A part of the body that has no sides.
    Unpaired,
}

impl fmt::Display for Laterality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Both => "both sides",
            Self::Unpaired => "unpaired",
        })
    }
}

/// The patient's sex, PS3.3 C.7.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sex {
    /// F
    Female,
    /// M
    Male,
    /// O
    Other,
}

impl fmt::Display for Sex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Other => "other",
        })
    }
}

/// A patient's name. It can be shown on screen and nowhere else: `Debug` hides it and it cannot be serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct PatientName(String);

impl PatientName {
    /// The name in reading order of the file, its parts parted by spaces.
    #[must_use]
    pub fn show(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PatientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PatientName(hidden)")
    }
}

/// Metadata of a data set; `format` and `windows`' polarity are left to the caller.
pub(super) fn read(object: &InMemDicomObject) -> Metadata {
    let mut warnings = Vec::new();
    Metadata {
        format: String::new(),
        view: text(object, tags::VIEW_POSITION).or_else(|| view_code(object)).and_then(|v| View::parse(&v)),
        laterality: text(object, tags::IMAGE_LATERALITY).or_else(|| text(object, tags::LATERALITY)).and_then(|side| {
            match side.as_str() {
                "L" => Some(Laterality::Left),
                "R" => Some(Laterality::Right),
                "B" => Some(Laterality::Both),
                "U" => Some(Laterality::Unpaired),
                _ => None,
            }
        }),
        age_years: text(object, tags::PATIENT_AGE).and_then(|age| parse_age(&age)).or_else(|| age_from_dates(object)),
        sex: text(object, tags::PATIENT_SEX).and_then(|sex| match sex.as_str() {
            "F" => Some(Sex::Female),
            "M" => Some(Sex::Male),
            "O" => Some(Sex::Other),
            _ => None,
        }),
        spacing_mm: spacing(object, &mut warnings),
        windows: windows(object, &mut warnings),
        modality: text(object, tags::MODALITY),
        body_part: text(object, tags::BODY_PART_EXAMINED),
        photometric: text(object, tags::PHOTOMETRIC_INTERPRETATION),
        patient: text(object, tags::PATIENT_NAME)
            .map(|name| {
                name.split(['^', '=']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
            })
            .filter(|name| !name.is_empty())
            .map(PatientName),
        study_uid: text(object, tags::STUDY_INSTANCE_UID),
        series_uid: text(object, tags::SERIES_INSTANCE_UID),
        instance_number: text(object, tags::INSTANCE_NUMBER).and_then(|n| n.parse().ok()),
        origin: Origin::read(object),
        software: None,
        warnings,
    }
}

/// An attribute's text without padding; `None` when absent or blank.
pub(super) fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let text = object.get(tag)?.value().to_str().ok()?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// An attribute's finite numbers; empty when absent or when one of them is none.
pub(super) fn numbers(object: &InMemDicomObject, tag: Tag) -> Vec<f64> {
    let parts = object.get(tag).and_then(|element| element.value().to_multi_str().ok().map(|parts| parts.join("\\")));
    let parse = |part: &str| part.trim_matches(['\0', ' ']).parse().ok().filter(|n: &f64| n.is_finite());
    parts.and_then(|parts| parts.split('\\').map(parse).collect()).unwrap_or_default()
}

/// Code Meaning of the View Code Sequence (0054,0220).
fn view_code(object: &InMemDicomObject) -> Option<String> {
    text(object.get(tags::VIEW_CODE_SEQUENCE)?.items()?.first()?, tags::CODE_MEANING)
}

/// Windows in modality units, PS3.3 C.11.2.
fn windows(object: &InMemDicomObject, warnings: &mut Vec<String>) -> Vec<Window> {
    let function = match text(object, tags::VOILUT_FUNCTION).as_deref() {
        Some("LINEAR_EXACT") => VoiFunction::LinearExact,
        Some("SIGMOID") => VoiFunction::Sigmoid,
        _ => VoiFunction::Linear,
    };
    let centers = numbers(object, tags::WINDOW_CENTER);
    let widths = numbers(object, tags::WINDOW_WIDTH);
    let mut windows = Vec::with_capacity(centers.len());
    for (&center, &width) in centers.iter().zip(&widths) {
        let (center, width) = (center as f32, width as f32);
        if !center.is_finite() || !width.is_finite() || width <= 0.0 {
            warnings.push(format!("A window of width {width} was left out."));
        } else if function == VoiFunction::Linear && width < 1.0 {
            // PS3.3 C.11.2.1.2.1 wants 1 or more; such a window can only have been meant exactly.
            windows.push(Window { center, width, function: VoiFunction::LinearExact });
        } else {
            windows.push(Window { center, width, function });
        }
    }
    if centers.len() != widths.len() {
        warnings.push("The file has unequal numbers of window centres and widths; the pairs were used.".into());
    }
    windows
}

fn spacing(object: &InMemDicomObject, warnings: &mut Vec<String>) -> Option<[f32; 2]> {
    for tag in [tags::PIXEL_SPACING, tags::IMAGER_PIXEL_SPACING, tags::NOMINAL_SCANNED_PIXEL_SPACING] {
        match numbers(object, tag).as_slice() {
            [] => {}
            &[row, column] if row > 0.0 && column > 0.0 => return Some([row as f32, column as f32]),
            _ => warnings.push("The file's pixel spacing makes no sense and was left out.".into()),
        }
    }
    None
}

/// An age string, PS3.5 6.2: `035Y`, `006M`, `012W`, `030D`; a bare number is taken as years.
fn parse_age(age: &str) -> Option<f32> {
    let digits = age.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let days = match &age[digits.len()..] {
        "" | "Y" => 365.25,
        "M" => 365.25 / 12.0,
        "W" => 7.0,
        "D" => 1.0,
        _ => return None,
    };
    digits.trim().parse::<u16>().ok().map(|n| f32::from(n) * (days / 365.25))
}

/// Age at the study from birth and study date, to about a day.
fn age_from_dates(object: &InMemDicomObject) -> Option<f32> {
    let years = |tag| {
        let date = text(object, tag).filter(|d| d.len() == 8 && d.bytes().all(|b| b.is_ascii_digit()))?;
        let part = |range: std::ops::Range<usize>| date.get(range)?.parse::<f32>().ok();
        Some(part(0..4)? + (part(4..6)? - 1.0) / 12.0 + (part(6..8)? - 1.0) / 365.25)
    };
    let age = years(tags::STUDY_DATE)? - years(tags::PATIENT_BIRTH_DATE)?;
    (0.0..130.0).contains(&age).then_some(age)
}

#[cfg(test)]
mod tests {
    use dicom_core::{DataElement, PrimitiveValue, VR};

    use super::*;

    fn object(elements: &[(Tag, VR, &str)]) -> InMemDicomObject {
        InMemDicomObject::from_element_iter(
            elements.iter().map(|&(tag, vr, value)| DataElement::new(tag, vr, PrimitiveValue::from(value))),
        )
    }

    #[test]
    fn ages_in_every_unit() {
        assert_eq!((parse_age("035Y"), parse_age("62"), parse_age("006M")), (Some(35.0), Some(62.0), Some(0.5)));
        assert!(
            parse_age("012W").is_some_and(|a| (a - 0.23).abs() < 0.01) && parse_age("030D").is_some_and(|a| a < 0.1)
        );
        assert_eq!((parse_age("Y"), parse_age("old"), parse_age("-3Y")), (None, None, None));
        let dates = object(&[(tags::PATIENT_BIRTH_DATE, VR::DA, "19400305"), (tags::STUDY_DATE, VR::DA, "20040826")]);
        assert!(read(&dates).age_years.is_some_and(|a| (a - 64.47).abs() < 0.02));
        let hashed =
            object(&[(tags::PATIENT_BIRTH_DATE, VR::DA, "d14a028c2a"), (tags::STUDY_DATE, VR::DA, "20040826")]);
        assert_eq!(read(&hashed).age_years, None);
    }

    #[test]
    fn the_name_is_shown_and_otherwise_hidden() {
        let metadata = read(&object(&[(tags::PATIENT_NAME, VR::PN, "Curie^Marie^^Dr")]));
        assert_eq!(metadata.patient.as_ref().map(PatientName::show), Some("Curie Marie Dr"));
        assert!(!format!("{metadata:?}").contains("Curie") && format!("{metadata:?}").contains("PatientName(hidden)"));
    }

    #[test]
    fn views_and_sides() {
        let lateral = read(&object(&[(tags::VIEW_POSITION, VR::CS, "LL"), (tags::LATERALITY, VR::CS, "R ")]));
        assert_eq!((lateral.view, lateral.laterality), (Some(View::Lateral), Some(Laterality::Right)));
        assert_eq!(View::parse(" pa "), Some(View::Pa));
        assert_eq!(View::parse("RAO").map(|v| v.to_string()), Some("RAO".into()));
        assert_eq!(read(&object(&[])).view, None);
    }

    #[test]
    fn several_windows_and_bad_ones() {
        let windows = read(&object(&[
            (tags::WINDOW_CENTER, VR::DS, "500\\600\\700"),
            (tags::WINDOW_WIDTH, VR::DS, "1000\\0.5\\0"),
        ]));
        assert_eq!(windows.windows.len(), 2);
        assert_eq!(windows.windows[0], Window { center: 500.0, width: 1000.0, function: VoiFunction::Linear });
        assert_eq!(windows.windows[1].function, VoiFunction::LinearExact);
        assert_eq!(windows.warnings.len(), 1);
        let sigmoid = read(&object(&[
            (tags::WINDOW_CENTER, VR::DS, "500"),
            (tags::WINDOW_WIDTH, VR::DS, "1000"),
            (tags::VOILUT_FUNCTION, VR::CS, "SIGMOID"),
        ]));
        assert_eq!(sigmoid.windows[0].function, VoiFunction::Sigmoid);
    }

    #[test]
    fn a_spacing_of_zero_is_no_spacing() {
        let zero = read(&object(&[(tags::PIXEL_SPACING, VR::DS, "0.000\\0.000")]));
        assert_eq!((zero.spacing_mm, zero.warnings.len()), (None, 1));
        let detector = read(&object(&[(tags::IMAGER_PIXEL_SPACING, VR::DS, "0.16\\0.17")]));
        assert_eq!(detector.spacing_mm, Some([0.16, 0.17]));
    }
}
