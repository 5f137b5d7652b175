//! Which attributes of a DICOM file identify somebody. In: a tag and its type. Out: yes or no.
//!
//! The list is that of the Basic Application Level Confidentiality Profile, DICOM PS3.15 table E.1-1, with its option to
//! retain patient characteristics (its column "Rtn. Pat. Chars."): sex, age, size and weight are no names, and a reader
//! needs them. Types that hold names, dates and times are hidden as a whole, and so is every private attribute.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

/// Attributes of table E.1-1 whose type alone does not give them away.
#[expect(deprecated, reason = "old files hold attributes that newer editions of the standard have retired")]
const LISTED: &[Tag] = &[
    tags::ACCESSION_NUMBER,
    tags::ADMITTING_DIAGNOSES_CODE_SEQUENCE,
    tags::INSTITUTION_CODE_SEQUENCE,
    tags::OPERATOR_IDENTIFICATION_SEQUENCE,
    tags::PERFORMING_PHYSICIAN_IDENTIFICATION_SEQUENCE,
    tags::PERSON_IDENTIFICATION_CODE_SEQUENCE,
    tags::PHYSICIANS_OF_RECORD_IDENTIFICATION_SEQUENCE,
    tags::REFERRING_PHYSICIAN_IDENTIFICATION_SEQUENCE,
    tags::SCHEDULED_PERFORMING_PHYSICIAN_IDENTIFICATION_SEQUENCE,
    tags::HUMAN_PERFORMER_CODE_SEQUENCE,
    tags::PATIENT_INSURANCE_PLAN_CODE_SEQUENCE,
    tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE,
    tags::ACQUISITION_COMMENTS,
    tags::ACQUISITION_DEVICE_PROCESSING_DESCRIPTION,
    tags::ACQUISITION_PROTOCOL_DESCRIPTION,
    tags::ADDITIONAL_PATIENT_HISTORY,
    tags::ADMISSION_ID,
    tags::ADMITTING_DIAGNOSES_DESCRIPTION,
    tags::BRANCH_OF_SERVICE,
    tags::CASSETTE_ID,
    tags::COMMENTS_ON_THE_PERFORMED_PROCEDURE_STEP,
    tags::CONFIDENTIALITY_CONSTRAINT_ON_PATIENT_DATA_DESCRIPTION,
    tags::CONTRIBUTION_DESCRIPTION,
    tags::COUNTRY_OF_RESIDENCE,
    tags::CURRENT_PATIENT_LOCATION,
    tags::DERIVATION_DESCRIPTION,
    tags::DETECTOR_ID,
    tags::DEVICE_SERIAL_NUMBER,
    tags::ETHNIC_GROUP,
    tags::FILLER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST,
    tags::FRAME_COMMENTS,
    tags::GANTRY_ID,
    tags::GENERATOR_ID,
    tags::HUMAN_PERFORMER_ORGANIZATION,
    tags::IDENTIFYING_COMMENTS,
    tags::IMAGE_COMMENTS,
    tags::IMAGING_SERVICE_REQUEST_COMMENTS,
    tags::IMPRESSIONS,
    tags::INSTITUTION_ADDRESS,
    tags::INSTITUTION_NAME,
    tags::INSTITUTIONAL_DEPARTMENT_NAME,
    tags::INSURANCE_PLAN_IDENTIFICATION,
    tags::INTERPRETATION_TEXT,
    tags::ISSUER_OF_ADMISSION_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::MEDICAL_ALERTS,
    tags::MEDICAL_RECORD_LOCATOR,
    tags::MILITARY_RANK,
    tags::OCCUPATION,
    tags::ORDER_CALLBACK_PHONE_NUMBER,
    tags::ORDER_ENTERER_LOCATION,
    tags::OTHER_PATIENT_I_DS,
    tags::PATIENT_ADDRESS,
    tags::PATIENT_ALTERNATIVE_CALENDAR,
    tags::PATIENT_COMMENTS,
    tags::PATIENT_ID,
    tags::PATIENT_INSTITUTION_RESIDENCE,
    tags::PATIENT_RELIGIOUS_PREFERENCE,
    tags::PATIENT_STATE,
    tags::PATIENT_TELECOM_INFORMATION,
    tags::PATIENT_TELEPHONE_NUMBERS,
    tags::PERFORMED_LOCATION,
    tags::PERFORMED_PROCEDURE_STEP_DESCRIPTION,
    tags::PERFORMED_PROCEDURE_STEP_ID,
    tags::PERFORMED_STATION_AE_TITLE,
    tags::PERFORMED_STATION_NAME,
    tags::PERSON_ADDRESS,
    tags::PERSON_TELEPHONE_NUMBERS,
    tags::PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST,
    tags::PLATE_ID,
    tags::PROTOCOL_NAME,
    tags::REASON_FOR_STUDY,
    tags::REASON_FOR_THE_REQUESTED_PROCEDURE,
    tags::REFERRING_PHYSICIAN_ADDRESS,
    tags::REFERRING_PHYSICIAN_TELEPHONE_NUMBERS,
    tags::REGION_OF_RESIDENCE,
    tags::REQUESTED_PROCEDURE_COMMENTS,
    tags::REQUESTED_PROCEDURE_DESCRIPTION,
    tags::REQUESTED_PROCEDURE_ID,
    tags::REQUESTED_PROCEDURE_LOCATION,
    tags::REQUESTING_SERVICE,
    tags::RESPONSIBLE_ORGANIZATION,
    tags::RESULTS_COMMENTS,
    tags::RETRIEVE_AE_TITLE,
    tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION,
    tags::SCHEDULED_PROCEDURE_STEP_ID,
    tags::SCHEDULED_STATION_AE_TITLE,
    tags::SCHEDULED_STATION_NAME,
    tags::SERIES_DESCRIPTION,
    tags::SERVICE_EPISODE_DESCRIPTION,
    tags::SERVICE_EPISODE_ID,
    tags::SOURCE_APPLICATION_ENTITY_TITLE,
    tags::SPECIAL_NEEDS,
    tags::STATION_NAME,
    tags::STUDY_COMMENTS,
    tags::STUDY_DESCRIPTION,
    tags::STUDY_ID,
    tags::TEXT_COMMENTS,
    tags::TEXT_STRING,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::VERIFYING_ORGANIZATION,
    tags::VISIT_COMMENTS,
];

/// Identifiers that say what kind of thing something is, not which one; the other UIDs are replaced by the profile.
const CLASSES: &[Tag] = &[
    tags::SOP_CLASS_UID,
    tags::MEDIA_STORAGE_SOP_CLASS_UID,
    tags::TRANSFER_SYNTAX_UID,
    tags::IMPLEMENTATION_CLASS_UID,
    tags::REFERENCED_SOP_CLASS_UID,
    tags::CODING_SCHEME_UID,
    tags::CONTEXT_UID,
    tags::MAPPING_RESOURCE_UID,
];

/// Whether the profile removes or replaces an attribute.
#[must_use]
pub fn is_identifying(tag: Tag, vr: VR) -> bool {
    // PS3.5 7.8: private attributes have an odd group.
    tag.group() % 2 == 1
        || matches!(vr, VR::PN | VR::DA | VR::TM | VR::DT)
        || vr == VR::UI && !CLASSES.contains(&tag)
        || LISTED.contains(&tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_dates_numbers_and_private_ones_identify_and_pixels_do_not() {
        for (tag, vr) in [
            (tags::PATIENT_NAME, VR::PN),
            (tags::PATIENT_ID, VR::LO),
            (tags::PATIENT_BIRTH_DATE, VR::DA),
            (tags::STUDY_INSTANCE_UID, VR::UI),
            (tags::INSTITUTION_NAME, VR::LO),
            (tags::DEVICE_SERIAL_NUMBER, VR::LO),
            (Tag(0x0009, 0x0010), VR::LO),
        ] {
            assert!(is_identifying(tag, vr), "{tag}");
        }
        for (tag, vr) in [
            (tags::ROWS, VR::US),
            (tags::MODALITY, VR::CS),
            (tags::PATIENT_SEX, VR::CS),
            (tags::PATIENT_AGE, VR::AS),
            (tags::SOP_CLASS_UID, VR::UI),
            (tags::KVP, VR::DS),
            (tags::VIEW_POSITION, VR::CS),
        ] {
            assert!(!is_identifying(tag, vr), "{tag}");
        }
    }
}
