//! Whose film it is, and of which examination: the attributes that identify, kept apart from the rest. In: a DICOM data set.
//! Out: [`Origin`], which `Debug` does not show and which cannot be serialised, so that it reaches no log and no recipe.

use std::fmt;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::metadata::text;

/// The patient, study and reference attributes that an export copies when the user wishes it: DICOM PS3.3 C.7.1.1 and
/// C.7.2.1, and the film's own identifiers.
const KEPT: [(Tag, VR); 18] = [
    (tags::SOP_CLASS_UID, VR::UI),
    (tags::SOP_INSTANCE_UID, VR::UI),
    (tags::STUDY_DATE, VR::DA),
    (tags::STUDY_TIME, VR::TM),
    (tags::ACCESSION_NUMBER, VR::SH),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
    (tags::STUDY_DESCRIPTION, VR::LO),
    (tags::PATIENT_NAME, VR::PN),
    (tags::PATIENT_ID, VR::LO),
    (tags::ISSUER_OF_PATIENT_ID, VR::LO),
    (tags::PATIENT_BIRTH_DATE, VR::DA),
    (tags::PATIENT_SEX, VR::CS),
    (tags::PATIENT_AGE, VR::AS),
    (tags::STUDY_INSTANCE_UID, VR::UI),
    (tags::STUDY_ID, VR::SH),
    (tags::SERIES_NUMBER, VR::IS),
    (tags::BURNED_IN_ANNOTATION, VR::CS),
    (tags::LOSSY_IMAGE_COMPRESSION, VR::CS),
];

/// What a DICOM file says of patient, study and itself, as it stands there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Origin {
    elements: Vec<(Tag, VR, String)>,
}

impl Origin {
    /// Of a data set; `None` where it has none of the attributes.
    pub(super) fn read(object: &InMemDicomObject) -> Option<Self> {
        let found = |&(tag, vr): &(Tag, VR)| text(object, tag).map(|value| (tag, vr, value));
        let elements: Vec<_> = KEPT.iter().filter_map(found).collect();
        (!elements.is_empty()).then_some(Self { elements })
    }

    /// All of them, in the order of the standard's tags.
    pub(crate) fn elements(&self) -> &[(Tag, VR, String)] {
        &self.elements
    }

    pub(crate) fn value(&self, tag: Tag) -> Option<&str> {
        self.elements.iter().find(|(own, ..)| *own == tag).map(|(.., value)| value.as_str())
    }

    /// Patient ID (0010,0020): the same for films of the same patient from the same house.
    #[must_use]
    pub fn patient_id(&self) -> Option<&str> {
        self.value(tags::PATIENT_ID)
    }

    /// Study Date (0008,0020), where it is eight digits.
    #[must_use]
    pub fn study_date(&self) -> Option<&str> {
        self.value(tags::STUDY_DATE).filter(|date| date.len() == 8 && date.bytes().all(|digit| digit.is_ascii_digit()))
    }

    /// Burned In Annotation (0028,0301): what the file itself says.
    #[must_use]
    pub fn says_burned_in(&self) -> Option<bool> {
        match self.value(tags::BURNED_IN_ANNOTATION) {
            Some("YES") => Some(true),
            Some("NO") => Some(false),
            _ => None,
        }
    }

    /// Lossy Image Compression (0028,2110): whether the pixels ever went through a lossy coder.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.value(tags::LOSSY_IMAGE_COMPRESSION) == Some("01")
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origin(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use dicom_core::{DataElement, PrimitiveValue};

    use super::*;

    #[test]
    fn it_answers_when_asked_and_otherwise_hides() {
        let element = |tag, vr, value: &str| DataElement::new(tag, vr, PrimitiveValue::from(value));
        let object = InMemDicomObject::from_element_iter([
            element(tags::PATIENT_ID, VR::LO, "MRN 7 "),
            element(tags::STUDY_DATE, VR::DA, "20200131"),
            element(tags::BURNED_IN_ANNOTATION, VR::CS, "YES"),
            element(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "01"),
        ]);
        let origin = Origin::read(&object).expect("it has some");
        assert_eq!((origin.patient_id(), origin.study_date()), (Some("MRN 7"), Some("20200131")));
        assert_eq!((origin.says_burned_in(), origin.is_lossy()), (Some(true), true));
        assert!(!format!("{origin:?}").contains("MRN"));
        assert!(Origin::read(&InMemDicomObject::new_empty()).is_none());
    }
}
