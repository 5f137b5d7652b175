//! What a stored DICOM sample means. In: the data set's rescale or LUTs and its polarity. Out: one grey value for every
//! bit pattern a sample can have, in modality units with bright as dense.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::guard::Reason;
use super::metadata::{self, Metadata};
use super::voi::Window;

/// How stored bits form a number, DICOM PS3.3 C.7.6.3.1 and PS3.5 8.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoredBits {
    /// Bits Stored, 1..=16.
    pub count: u32,
    /// High Bit.
    pub high: u32,
    /// Pixel Representation: two's complement.
    pub signed: bool,
}

impl StoredBits {
    /// The number in a sample; bits beyond it, such as old overlays, are dropped.
    fn number(self, raw: u16) -> i32 {
        let value = (i32::from(raw) >> (self.high + 1 - self.count)) & ((1 << self.count) - 1);
        if self.signed && value >> (self.count - 1) == 1 { value - (1 << self.count) } else { value }
    }

    fn range(self) -> (i32, i32) {
        if self.signed { (-(1 << (self.count - 1)), (1 << (self.count - 1)) - 1) } else { (0, (1 << self.count) - 1) }
    }
}

/// Grey values of all samples.
#[derive(Debug)]
pub(super) struct GreyScale {
    /// By bit pattern: 256 entries for 8-bit samples, 65536 for 16-bit ones.
    pub values: Vec<f32>,
    /// Smallest and largest grey the stored bits can stand for.
    pub range: [f32; 2],
}

impl GreyScale {
    /// Grey scale of a data set, PS3.3 C.11.1 (modality) and C.11.2 (VOI LUT, where no window says how to look),
    /// mirrored for films stored with bright as air. The windows of `metadata` are mirrored with it, and dropped where
    /// a VOI LUT is baked in.
    ///
    /// # Errors
    /// When a look-up table is damaged.
    pub fn new(
        object: &InMemDicomObject,
        bits: StoredBits,
        sample_bytes: usize,
        metadata: &mut Metadata,
    ) -> Result<Self, Reason> {
        let (lo, hi) = bits.range();
        let modality = Lut::first(object, tags::MODALITY_LUT_SEQUENCE, bits.signed)?;
        let slope = first_number(object, tags::RESCALE_SLOPE).filter(|&s| s != 0.0).unwrap_or(1.0);
        let intercept = first_number(object, tags::RESCALE_INTERCEPT).unwrap_or(0.0);
        let unit = |stored: i32| match &modality {
            Some(lut) => lut.apply(f64::from(stored)),
            None => (f64::from(stored) * slope + intercept) as f32,
        };
        let (a, b) = modality.as_ref().map_or((unit(lo), unit(hi)), |lut| (0.0, lut.top()));
        let mut range = [a.min(b), a.max(b)];
        let voi = Lut::first(object, tags::VOILUT_SEQUENCE, range[0] < 0.0)?;
        let baked = voi.filter(|_| metadata.windows.is_empty());
        if let Some(lut) = &baked {
            range = [0.0, lut.top()];
        } else if object.get(tags::VOILUT_SEQUENCE).is_some() {
            metadata.warnings.push("The film has a window and a VOI LUT; the window is used.".into());
        }
        let mirror = inverted(object, metadata);
        let sum = range[0] + range[1];
        let grey = |raw: u16| {
            let value = unit(bits.number(raw));
            let value = baked.as_ref().map_or(value, |lut| lut.apply(f64::from(value)));
            if mirror { sum - value } else { value }
        };
        if mirror {
            metadata.windows.iter_mut().for_each(|window: &mut Window| *window = window.mirrored(sum));
        }
        let top = if sample_bytes == 1 { u16::from(u8::MAX) } else { u16::MAX };
        Ok(Self { values: (0..=top).map(grey).collect(), range })
    }
}

/// Whether small values are meant to be bright: MONOCHROME1 (PS3.3 C.7.6.3.1.2), which DX films repeat as Presentation
/// LUT Shape INVERSE (PS3.3 C.11.6). Either one alone is honoured, with a warning.
fn inverted(object: &InMemDicomObject, metadata: &mut Metadata) -> bool {
    let monochrome1 = metadata.photometric.as_deref() == Some("MONOCHROME1");
    let shape = metadata::text(object, tags::PRESENTATION_LUT_SHAPE);
    match shape.as_deref() {
        Some("INVERSE") if !monochrome1 => {
            metadata
                .warnings
                .push("Presentation LUT Shape INVERSE on a film that is not MONOCHROME1; it is inverted.".into());
            true
        }
        Some("IDENTITY") if monochrome1 => {
            metadata.warnings.push("Presentation LUT Shape IDENTITY on a MONOCHROME1 film; it is inverted.".into());
            true
        }
        _ => monochrome1,
    }
}

fn first_number(object: &InMemDicomObject, tag: Tag) -> Option<f64> {
    metadata::numbers(object, tag).first().copied()
}

/// A look-up table, PS3.3 C.11.1.1 and C.11.2.1.1.
#[derive(Debug, PartialEq)]
struct Lut {
    /// The input that the first entry stands for; smaller ones take it too.
    first: i32,
    bits: u32,
    entries: Vec<u16>,
}

impl Lut {
    /// The first table of a sequence; `None` when there is none.
    fn first(object: &InMemDicomObject, sequence: Tag, signed_input: bool) -> Result<Option<Self>, Reason> {
        let Some(item) = object.get(sequence).and_then(|e| e.items()).and_then(<[_]>::first) else { return Ok(None) };
        Self::read(item, signed_input)
            .map(Some)
            .ok_or_else(|| "a look-up table of the film is damaged; export it again".into())
    }

    fn read(item: &InMemDicomObject, signed_input: bool) -> Option<Self> {
        let descriptor = item.get(tags::LUT_DESCRIPTOR)?.value().to_multi_int::<i32>().ok()?;
        let &[count, first, bits] = descriptor.as_slice() else { return None };
        // Files without explicit types give these as unsigned, whatever they are.
        let count = if count & 0xFFFF == 0 { 1 << 16 } else { (count & 0xFFFF) as usize };
        let first = if signed_input { i32::from(first as u16 as i16) } else { first & 0xFFFF };
        let data = item.get(tags::LUT_DATA)?.value().to_bytes().ok()?;
        let entries: Vec<u16> = if data.len() >= 2 * count {
            data.chunks_exact(2).take(count).map(|b| u16::from_le_bytes([b[0], b[1]])).collect()
        } else if data.len() >= count && bits <= 8 {
            data.iter().take(count).map(|&b| u16::from(b)).collect()
        } else {
            return None;
        };
        let largest = entries.iter().copied().max()?;
        let needed = u16::BITS - largest.leading_zeros();
        // Some exporters declare 16 bits and fill 12 or so: then the entries tell.
        let declared = (1..=16).contains(&bits).then_some(bits as u32).filter(|&b| b >= needed);
        let bits = declared.filter(|&b| b < 16 || needed > 14).unwrap_or(needed.max(1));
        Some(Self { first, bits, entries })
    }

    /// Largest output.
    fn top(&self) -> f32 {
        ((1_u32 << self.bits) - 1) as f32
    }

    fn apply(&self, input: f64) -> f32 {
        let index = (input.round() - f64::from(self.first)).clamp(0.0, (self.entries.len() - 1) as f64);
        f32::from(self.entries[index as usize])
    }
}

#[cfg(test)]
mod tests {
    use dicom_core::value::DataSetSequence;
    use dicom_core::{DataElement, PrimitiveValue, VR};

    use super::*;

    fn element(tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) -> dicom_object::mem::InMemElement {
        DataElement::new(tag, vr, value.into())
    }

    fn lut(sequence: Tag, descriptor: [u16; 3], entries: &[u16]) -> dicom_object::mem::InMemElement {
        let item = InMemDicomObject::from_element_iter([
            element(tags::LUT_DESCRIPTOR, VR::US, PrimitiveValue::U16(descriptor.as_slice().into())),
            element(tags::LUT_DATA, VR::OW, PrimitiveValue::U16(entries.into())),
        ]);
        DataElement::new(sequence, VR::SQ, DataSetSequence::from(vec![item]))
    }

    fn scale(elements: Vec<dicom_object::mem::InMemElement>, bits: StoredBits) -> (GreyScale, Metadata) {
        let object = InMemDicomObject::from_element_iter(elements);
        let mut metadata = metadata::read(&object);
        let grey = GreyScale::new(&object, bits, 2, &mut metadata).expect("a grey scale");
        (grey, metadata)
    }

    const TWELVE: StoredBits = StoredBits { count: 12, high: 11, signed: false };

    #[test]
    fn signed_samples_and_bits_beyond_the_high_bit() {
        let bits = StoredBits { count: 12, high: 11, signed: true };
        let (grey, _) = scale(vec![], bits);
        assert_eq!((grey.values[0x0FFF], grey.values[0x07FF], grey.values[0x0800]), (-1.0, 2047.0, -2048.0));
        assert_eq!(grey.values[0xF001], 1.0);
        assert_eq!(grey.range, [-2048.0, 2047.0]);
        let shifted = StoredBits { count: 12, high: 15, signed: false };
        assert_eq!(scale(vec![], shifted).0.values[0x1230], f32::from(0x123_u16));
    }

    #[test]
    fn rescale_and_monochrome1_move_range_and_window() {
        let (grey, metadata) = scale(
            vec![
                element(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1"),
                element(tags::RESCALE_SLOPE, VR::DS, "2"),
                element(tags::RESCALE_INTERCEPT, VR::DS, "-1000"),
                element(tags::WINDOW_CENTER, VR::DS, "0"),
                element(tags::WINDOW_WIDTH, VR::DS, "2000"),
            ],
            TWELVE,
        );
        assert_eq!(grey.range, [-1000.0, 7190.0]);
        assert_eq!((grey.values[0], grey.values[4095]), (7190.0, -1000.0));
        // The film's own black (stored 0, unit -1000, at the window's lower end) is white here, and the other way
        // round.
        assert_eq!((metadata.windows[0].apply(7190.0), metadata.windows[0].apply(6190.0 - 999.0)), (1.0, 0.0));
    }

    #[test]
    fn a_modality_lut_replaces_the_rescale() {
        let table = lut(tags::MODALITY_LUT_SEQUENCE, [4, 10, 12], &[100, 200, 400, 4000]);
        let (grey, _) = scale(vec![table, element(tags::RESCALE_SLOPE, VR::DS, "7")], TWELVE);
        assert_eq!((grey.values[0], grey.values[11], grey.values[4095]), (100.0, 200.0, 4000.0));
        assert_eq!(grey.range, [0.0, 4095.0]);
    }

    #[test]
    fn a_voi_lut_is_baked_in_unless_there_is_a_window() {
        let table = || lut(tags::VOILUT_SEQUENCE, [4, 0, 16], &[0, 1000, 30000, 65535]);
        let (grey, metadata) = scale(vec![table()], TWELVE);
        assert_eq!((grey.values[2], grey.range, metadata.warnings.len()), (30000.0, [0.0, 65535.0], 0));
        let window = vec![table(), element(tags::WINDOW_CENTER, VR::DS, "5"), element(tags::WINDOW_WIDTH, VR::DS, "9")];
        let (grey, metadata) = scale(window, TWELVE);
        assert_eq!((grey.values[2], grey.range, metadata.warnings.len()), (2.0, [0.0, 4095.0], 1));
    }

    #[test]
    fn a_negative_first_input_and_an_overstated_depth() {
        let table = lut(tags::VOILUT_SEQUENCE, [3, (-1_i16) as u16, 16], &[7, 8, 4095]);
        let (grey, _) = scale(vec![table], StoredBits { count: 12, high: 11, signed: true });
        assert_eq!((grey.values[0x0FFF], grey.values[0], grey.range), (7.0, 8.0, [0.0, 4095.0]));
    }

    #[test]
    fn a_damaged_table_is_an_error() {
        let object = InMemDicomObject::from_element_iter([lut(tags::VOILUT_SEQUENCE, [500, 0, 16], &[1, 2])]);
        assert!(GreyScale::new(&object, TWELVE, 2, &mut Metadata::default()).is_err());
    }

    #[test]
    fn shape_and_photometric_that_disagree_are_said() {
        let (grey, metadata) = scale(vec![element(tags::PRESENTATION_LUT_SHAPE, VR::CS, "INVERSE")], TWELVE);
        assert_eq!((grey.values[0], metadata.warnings.len()), (4095.0, 1));
    }
}
