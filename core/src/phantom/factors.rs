//! Factors: what can be different between two phantoms, and with which probability.
//!
//! Each factor's presence, strength and side come from a stream of its own, so that a factor that is switched, or whose
//! probability is changed, leaves every other factor and the anatomy as they were.

use super::random::Stream;
use crate::dataset::columns::{AP_VIEW, PORTABLE_MARKER};
use crate::error::{Error, Result};

/// One thing a phantom has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Factor {
    /// Enlarged heart. Strength: cardiothoracic ratio 0.54 to 0.70.
    Cardiomegaly,
    /// Fluid in the pleural space, with a meniscus. Strength: height of the fluid.
    Effusion,
    /// Air in the pleural space, with a visible lung edge. Strength: width of the rim.
    Pneumothorax,
    /// Round opacity. Strength: diameter 14 to 45 mm; from 30 mm on it is called a mass.
    Nodule,
    /// Patchy air-space opacity with soft borders. Strength: extent and density.
    Consolidation,
    /// Loss of volume: a plate-like or lobar band with a raised diaphragm. Strength: extent.
    Atelectasis,
    /// Bilateral perihilar haze with thick vessels and septal lines. Strength: density.
    Edema,
    /// Generator under the clavicle with leads to the heart. Strength: size, and one lead or two.
    Pacemaker,
    /// Steel loops through the sternum. Strength: four to seven of them.
    SternotomyWires,
    /// Central venous catheter from the neck to the superior vena cava. Strength: depth of the tip.
    JugularLine,
    /// Spinal rods with screws. Strength: length.
    Rods,
    /// Nipple or body jewellery: small metal rings. Strength: size.
    Piercing,
    /// Female patient: breast shadows, smaller thorax. Strength: breast size.
    Female,
    /// Antero-posterior view: source nearer, heart magnified, scapulae over the lungs. Strength: shortness of the distance.
    ApView,
    /// Black and white exchanged. No strength.
    Inversion,
    /// The word PORTABLE burned into the film. Strength: size of the letters.
    Portable,
    /// A letter L or R burned into the film. Side: which letter. Strength: size.
    Laterality,
    /// Filmed at the outside hospital: other contrast curve, border and marker font. Strength: how far.
    Site,
    /// Patient turned about the long axis. Side: towards which. Strength: 6 to 16 degrees.
    Rotation,
}

/// Every factor, in the order of tables and classifiers.
pub const FACTORS: [Factor; 19] = [
    Factor::Cardiomegaly,
    Factor::Effusion,
    Factor::Pneumothorax,
    Factor::Nodule,
    Factor::Consolidation,
    Factor::Atelectasis,
    Factor::Edema,
    Factor::Pacemaker,
    Factor::SternotomyWires,
    Factor::JugularLine,
    Factor::Rods,
    Factor::Piercing,
    Factor::Female,
    Factor::ApView,
    Factor::Inversion,
    Factor::Portable,
    Factor::Laterality,
    Factor::Site,
    Factor::Rotation,
];

/// Side of the patient; the patient's right is at the film's left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Patient's left.
    Left,
    /// Patient's right.
    Right,
    /// Both sides.
    Both,
}

/// State of one factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Whether the film shows it.
    pub present: bool,
    /// 0 the weakest that is still visible, 1 the strongest. Drawn also when absent.
    pub strength: f32,
    /// Where. Drawn also when absent; `Both` for a factor without sides.
    pub side: Side,
}

/// State of every factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings([Setting; FACTORS.len()]);

impl Settings {
    /// State of one factor.
    #[must_use]
    pub fn get(&self, factor: Factor) -> Setting {
        self.0[factor as usize]
    }

    /// Changes the state of one factor.
    pub fn set(&mut self, factor: Factor, setting: Setting) {
        self.0[factor as usize] = setting;
    }

    /// The same with one factor present or absent.
    #[must_use]
    pub fn with(mut self, factor: Factor, present: bool) -> Self {
        self.0[factor as usize].present = present;
        self
    }

    /// Strengths and sides of phantom `seed`, with `present` deciding for each factor from its own uniform draw in 0..1
    /// and from the factors decided before it.
    pub fn draw(seed: u64, order: &[Factor], mut present: impl FnMut(&Self, Factor, f32) -> bool) -> Self {
        let mut settings = Self(FACTORS.map(|factor| {
            let mut stream = Stream::new(seed, FACTOR_STREAM + factor as u64 * 2);
            let strength = stream.unit();
            Setting { present: false, strength, side: factor.draw_side(stream.unit()) }
        }));
        for &factor in order {
            let draw = Stream::new(seed, FACTOR_STREAM + factor as u64 * 2 + 1).unit();
            settings.0[factor as usize].present = present(&settings, factor, draw);
        }
        settings
    }
}

/// Streams from here on decide the factors; lower ones belong to anatomy, devices, markers and noise.
pub const FACTOR_STREAM: u64 = 1 << 16;

impl Factor {
    /// The factor's word on the command line and in file names.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Cardiomegaly => "cardiomegaly",
            Self::Effusion => "effusion",
            Self::Pneumothorax => "pneumothorax",
            Self::Nodule => "nodule",
            Self::Consolidation => "consolidation",
            Self::Atelectasis => "atelectasis",
            Self::Edema => "edema",
            Self::Pacemaker => "pacemaker",
            Self::SternotomyWires => "wires",
            Self::JugularLine => "line",
            Self::Rods => "rods",
            Self::Piercing => "piercing",
            Self::Female => "female",
            Self::ApView => "ap",
            Self::Inversion => "inversion",
            Self::Portable => "portable",
            Self::Laterality => "laterality",
            Self::Site => "site",
            Self::Rotation => "rotation",
        }
    }

    /// The factor's column in tables and its label in classifiers.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Cardiomegaly => "Cardiomegaly",
            Self::Effusion => "Effusion",
            Self::Pneumothorax => "Pneumothorax",
            Self::Nodule => "Nodule",
            Self::Consolidation => "Consolidation",
            Self::Atelectasis => "Atelectasis",
            Self::Edema => "Edema",
            Self::Pacemaker => "Pacemaker",
            Self::SternotomyWires => "Sternotomy wires",
            Self::JugularLine => "Jugular line",
            Self::Rods => "Spinal rods",
            Self::Piercing => "Piercing",
            Self::Female => "Female",
            Self::ApView => AP_VIEW,
            Self::Inversion => "Inverted",
            Self::Portable => PORTABLE_MARKER,
            Self::Laterality => "Laterality marker",
            Self::Site => "Outside site",
            Self::Rotation => "Rotated",
        }
    }

    /// Whether it is a finding of the lungs, the pleura or the heart, as NIH's table has them.
    #[must_use]
    pub fn is_finding(self) -> bool {
        (self as usize) <= Self::Edema as usize
    }

    /// Reads a key or a label, without regard to case.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest keys.
    pub fn parse(text: &str) -> Result<Self> {
        FACTORS
            .into_iter()
            .find(|factor| factor.key().eq_ignore_ascii_case(text) || factor.label().eq_ignore_ascii_case(text))
            .ok_or_else(|| Error::unknown("factor", text, FACTORS.map(Self::key)))
    }

    /// Share of films that show it unless something else is asked for: enough of each to learn from.
    #[must_use]
    pub fn usual_share(self) -> f32 {
        match self {
            Self::Cardiomegaly | Self::Effusion | Self::Site | Self::Rotation | Self::Portable => 0.3,
            Self::Pneumothorax | Self::Nodule | Self::Consolidation | Self::Atelectasis | Self::Edema => 0.2,
            Self::Pacemaker | Self::SternotomyWires | Self::JugularLine | Self::Piercing => 0.2,
            Self::Rods | Self::Inversion => 0.12,
            Self::ApView => 0.4,
            Self::Female => 0.5,
            Self::Laterality => 0.7,
        }
    }

    /// Whether it is there or not, and nothing between.
    #[must_use]
    pub fn has_no_strength(self) -> bool {
        self == Self::Inversion
    }

    /// Whether the factor can be on this side.
    #[must_use]
    pub fn can_be_on(self, side: Side) -> bool {
        // A draw from either end of every interval that `draw_side` knows.
        [0.0, 0.3, 0.7, 0.99].into_iter().any(|draw| self.draw_side(draw) == side)
    }

    fn draw_side(self, draw: f32) -> Side {
        match self {
            Self::Effusion if draw < 0.2 => Side::Both,
            Self::Effusion
            | Self::Pneumothorax
            | Self::Nodule
            | Self::Consolidation
            | Self::Atelectasis
            | Self::Laterality
            | Self::Rotation => first_below(draw, 0.6, Side::Right, Side::Left),
            // Most pacemakers are on the left, most jugular lines on the right.
            Self::Pacemaker => first_below(draw, 0.8, Side::Left, Side::Right),
            Self::JugularLine => first_below(draw, 0.8, Side::Right, Side::Left),
            _ => Side::Both,
        }
    }
}

fn first_below(draw: f32, limit: f32, first: Side, second: Side) -> Side {
    if draw < limit { first } else { second }
}

impl Side {
    /// The word in tables.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Both => "both",
        }
    }

    /// Reads the word of a table.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Left, Self::Right, Self::Both].into_iter().find(|side| side.key() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_read_by_key_and_by_label_and_stand_in_their_order() {
        for (index, factor) in FACTORS.into_iter().enumerate() {
            assert_eq!(factor as usize, index);
            assert_eq!(Factor::parse(factor.key()).expect("a key"), factor);
            assert_eq!(Factor::parse(&factor.label().to_uppercase()).expect("a label"), factor);
        }
        let error = Factor::parse("portabel").expect_err("no such factor").to_string();
        assert!(error.contains("portable"), "{error}");
    }

    #[test]
    fn a_factor_that_is_decided_otherwise_leaves_the_others_alone() {
        let without = Settings::draw(5, &FACTORS, |_, factor, draw| factor != Factor::Portable && draw < 0.5);
        let with = Settings::draw(5, &FACTORS, |_, factor, draw| factor == Factor::Portable || draw < 0.5);
        assert_eq!(without.with(Factor::Portable, true), with);
        assert_ne!(without, Settings::draw(6, &FACTORS, |_, factor, draw| factor != Factor::Portable && draw < 0.5));
    }
}
