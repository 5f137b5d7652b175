//! The order in which films are read. In: paths. Out: the same paths by examination, series and number, as the headers of
//! DICOM files have them, and by name where there is no header. Only the beginning of each file is read, and no pixels.

use std::cmp::Ordering;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use flate2::read::DeflateDecoder;
use rayon::prelude::*;

use super::dicom::{self, DEFLATED};
use super::lengths::{self, Writing};
use super::metadata::View;

/// Bytes of a file in which its header is looked for; those of films have some thousand.
const HEAD: u64 = 1 << 18;
const WANTED: [Tag; 8] = [
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::VIEW_POSITION,
    tags::PATIENT_ID,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::SERIES_NUMBER,
    tags::INSTANCE_NUMBER,
];

/// Where a film stands among others, PS3.3 C.7.2.1, C.7.3.1 and C.7.6.1. It names the patient, so it is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Study Date (0008,0020), `YYYYMMDD`.
    pub study_date: Option<String>,
    /// Study Time (0008,0030).
    pub study_time: Option<String>,
    /// Study Instance UID (0020,000D).
    pub study_uid: Option<String>,
    /// Series Number (0020,0011).
    pub series_number: Option<i64>,
    /// Series Instance UID (0020,000E).
    pub series_uid: Option<String>,
    /// Instance Number (0020,0013).
    pub instance_number: Option<i64>,
    /// Patient ID (0010,0020).
    pub patient_id: Option<String>,
    /// View Position (0018,5101).
    pub view: Option<View>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Place(hidden)")
    }
}

impl Place {
    /// Of a file; empty for anything but DICOM, and for what cannot be read.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let mut head = Vec::new();
        let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
        if read.is_err() || !dicom::looks_like(&head) {
            return Self::default();
        }
        Self::of_head(&head).unwrap_or_default()
    }

    fn of_head(head: &[u8]) -> Option<Self> {
        let (syntax, body) = match dicom::bare_syntax(head) {
            Some(syntax) if !dicom::has_magic(head) => (syntax.to_owned(), head),
            _ => {
                let content = if dicom::has_magic(head) { &head[132..] } else { head };
                let (end, syntax) = lengths::meta_group(content)?;
                (syntax, &content[end..])
            }
        };
        let mut inflated = Vec::new();
        let body = if syntax == DEFLATED {
            // The stream is cut where reading stopped; what comes before is enough.
            let _ = DeflateDecoder::new(body).take(HEAD).read_to_end(&mut inflated);
            &inflated[..]
        } else {
            body
        };
        let found = lengths::find(body, Writing::of(&syntax), &WANTED);
        let text = |tag: Tag| {
            found.iter().find(|(own, _)| *own == tag).map(|(_, text)| text.clone()).filter(|text| !text.is_empty())
        };
        let number = |tag: Tag| text(tag).and_then(|text| text.parse().ok());
        Some(Self {
            study_date: text(tags::STUDY_DATE),
            study_time: text(tags::STUDY_TIME),
            study_uid: text(tags::STUDY_INSTANCE_UID),
            series_number: number(tags::SERIES_NUMBER),
            series_uid: text(tags::SERIES_INSTANCE_UID),
            instance_number: number(tags::INSTANCE_NUMBER),
            patient_id: text(tags::PATIENT_ID),
            view: text(tags::VIEW_POSITION).and_then(|view| View::parse(&view)),
        })
    }

    /// Whether two films are of one series; films without one belong together.
    #[must_use]
    pub fn is_with(&self, other: &Self) -> bool {
        (&self.study_uid, &self.series_uid) == (&other.study_uid, &other.series_uid)
    }

    /// By study date, study, series number, series and instance number; what has no study comes last, and what is missing
    /// comes after what is there.
    fn compare(&self, other: &Self) -> Ordering {
        fn last<T: Ord>(a: Option<T>, b: Option<T>) -> Ordering {
            match (a, b) {
                (Some(a), Some(b)) => a.cmp(&b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            }
        }
        let has_study = |place: &Self| place.study_uid.is_some();
        has_study(other)
            .cmp(&has_study(self))
            .then_with(|| last(self.study_date.as_ref(), other.study_date.as_ref()))
            .then_with(|| last(self.study_time.as_ref(), other.study_time.as_ref()))
            .then_with(|| last(self.study_uid.as_ref(), other.study_uid.as_ref()))
            .then_with(|| last(self.series_number, other.series_number))
            .then_with(|| last(self.series_uid.as_ref(), other.series_uid.as_ref()))
            .then_with(|| last(self.instance_number, other.instance_number))
    }
}

/// The films in reading order, each with its place. Those without a header keep the order that they came in.
#[must_use]
pub fn arranged(films: Vec<PathBuf>) -> Vec<(PathBuf, Place)> {
    let mut placed: Vec<(PathBuf, Place)> = films
        .into_par_iter()
        .map(|path| {
            let place = Place::of(&path);
            (path, place)
        })
        .collect();
    placed.sort_by(|(_, a), (_, b)| a.compare(b));
    placed
}

/// Names as a reader orders them: numbers by their value, so that `film 2` comes before `film 10`.
#[must_use]
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (first, second) = (digits(a), digits(b));
        if first > 0 && second > 0 {
            let (left, right) = (a[..first].trim_start_matches('0'), b[..second].trim_start_matches('0'));
            let order = left.len().cmp(&right.len()).then_with(|| left.cmp(right)).then_with(|| first.cmp(&second));
            if order.is_ne() {
                return order;
            }
            (a, b) = (&a[first..], &b[second..]);
            continue;
        }
        let (mut left, mut right) = (a.chars(), b.chars());
        match (left.next(), right.next()) {
            (Some(x), Some(y)) if x == y => (a, b) = (left.as_str(), right.as_str()),
            (x, y) => return x.cmp(&y),
        }
    }
}

#[cfg(test)]
mod tests {
    use dicom_core::{DataElement, PrimitiveValue, VR};
    use dicom_dictionary_std::uids;
    use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

    use super::*;

    #[test]
    fn numbers_in_names_count() {
        let mut names = ["film 10.png", "film 2.png", "film 02.png", "b", "a10b2", "a10b10", "a9", ""];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["", "a9", "a10b2", "a10b10", "b", "film 2.png", "film 02.png", "film 10.png"]);
        assert_eq!(natural("ä1", "ä1"), Ordering::Equal);
    }

    fn write(path: &Path, [date, study, series, number]: [&str; 4]) {
        let text = |tag, vr, value: &str| DataElement::new(tag, vr, PrimitiveValue::from(value));
        // A reference to another study before the film's own, which must not be taken for it.
        let other = InMemDicomObject::from_element_iter([text(tags::SERIES_INSTANCE_UID, VR::UI, "9.9")]);
        let sequence = dicom_core::value::DataSetSequence::from(vec![other]);
        let object = InMemDicomObject::from_element_iter([
            text(tags::SOP_CLASS_UID, VR::UI, uids::SECONDARY_CAPTURE_IMAGE_STORAGE),
            text(tags::SOP_INSTANCE_UID, VR::UI, "2.25.7"),
            text(tags::STUDY_DATE, VR::DA, date),
            DataElement::new(tags::REFERENCED_SERIES_SEQUENCE, VR::SQ, sequence),
            text(tags::STUDY_INSTANCE_UID, VR::UI, study),
            text(tags::SERIES_INSTANCE_UID, VR::UI, &format!("{study}.{series}")),
            text(tags::SERIES_NUMBER, VR::IS, series),
            text(tags::INSTANCE_NUMBER, VR::IS, number),
        ]);
        let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
        object.with_meta(meta).expect("a header").write_to_file(path).expect("a file");
    }

    #[test]
    fn films_are_ordered_by_examination_series_and_number() {
        let folder = tempfile::tempdir().expect("folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("picture.png"), b"no header").expect("file");
        for (name, place) in [
            ("a", ["20210101", "1.2", "2", "10"]),
            ("b", ["20210101", "1.2", "2", "9"]),
            ("c", ["20210101", "1.2", "1", "30"]),
            ("d", ["20200101", "1.3", "7", "1"]),
        ] {
            write(&at(name), place);
        }
        let films = ["picture.png", "a", "b", "c", "d"].map(at).to_vec();
        let placed = arranged(films);
        let names: Vec<_> = placed.iter().filter_map(|(path, _)| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["d", "c", "b", "a", "picture.png"]);
        assert!(placed[2].1.is_with(&placed[3].1) && !placed[1].1.is_with(&placed[2].1));
        assert_eq!(placed[0].1.series_uid.as_deref(), Some("1.3.7"));
        assert_eq!(Place::of(&at("missing")), Place::default());
    }
}
