//! The whole exposure, from a seed and the factors to a grey film.

use super::body::Body;
use super::canvas::Canvas;
use super::detector::Detector;
use super::factors::{Factor, Settings};
use super::projection::View;
use super::{anatomy, devices, findings, markers, skeleton, vessels};

/// One patient, one exposure: everything a film depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Phantom {
    /// Decides anatomy, noise and the places of findings, devices and markers.
    pub seed: u64,
    /// What is on the film.
    pub settings: Settings,
}

/// A square film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Film {
    /// Width and height in pixels.
    pub side: usize,
    /// Grey levels by rows from the top left, 0 black to 255 white; bone is white.
    pub grey: Vec<u8>,
}

impl Phantom {
    /// The film on `side` x `side` pixels. Meant for 32 to 2048; 0 counts as 1.
    #[must_use]
    pub fn render(&self, side: usize) -> Film {
        let side = side.max(1);
        let Self { seed, settings } = self;
        let body = Body::new(*seed, settings);
        let attenuation = self.attenuation(&body, side);
        let scatter = Detector::scatter(&self.without_findings().soft_tissue(Detector::scatter_side()));
        let mut grey = Detector::new(*seed, settings, &body).develop(&attenuation, &scatter, side);
        markers::burn(*seed, settings, side, &mut grey);
        let inverted = settings.get(Factor::Inversion).present;
        let grey = grey.iter().map(|&v| (v + 0.5).clamp(0.0, 255.0) as u8);
        Film { side, grey: grey.map(|v| if inverted { 255 - v } else { v }).collect() }
    }
}

impl Phantom {
    fn canvas(&self, body: &Body, side: usize) -> Canvas {
        Canvas::new(self.view(body, side))
    }

    /// Breadth of the heart to inner breadth of the chest, as a PA film of this patient shows them; an AP film shows more.
    #[must_use]
    pub fn cardiothoracic_ratio(&self) -> f64 {
        Body::new(self.seed, &self.settings).cardiothoracic_ratio()
    }

    fn view(&self, body: &Body, side: usize) -> View {
        View::new(self.seed, &self.settings, side, 155.0 * body.frame[0], 104.0 * body.frame[2])
    }

    /// Where rays pass at least a centimetre of lung, behind the heart too: `side` x `side` pixels by rows, as on the film.
    #[must_use]
    pub fn lungs(&self, side: usize) -> Vec<bool> {
        let body = Body::new(self.seed, &self.settings);
        let mut canvas = self.canvas(&body, side.max(1));
        anatomy::expose(&body, &mut canvas);
        canvas.lung.iter().map(|&millimetres| millimetres >= 10.0).collect()
    }

    /// Millimetres of detector that a pixel of a film of `side` pixels covers.
    #[must_use]
    pub fn pixel_spacing_mm(&self, side: usize) -> f64 {
        self.view(&Body::new(self.seed, &self.settings), side).pitch
    }

    /// What every ray loses on its way: the primary picture.
    fn attenuation(&self, body: &Body, side: usize) -> Vec<f32> {
        let Self { seed, settings } = self;
        let mut canvas = self.canvas(body, side);
        anatomy::expose(body, &mut canvas);
        findings::fill(*seed, settings, body, &mut canvas);
        anatomy::aerate(&mut canvas);
        vessels::draw(*seed, settings, body, &mut canvas);
        anatomy::airways(body, &mut canvas);
        skeleton::draw(*seed, settings, body, &mut canvas);
        findings::draw(*seed, settings, body, &mut canvas);
        devices::draw(*seed, settings, body, &mut canvas);
        canvas.attenuation
    }

    /// The same patient in good health.
    fn without_findings(&self) -> Self {
        let ill = [Factor::Cardiomegaly, Factor::Atelectasis];
        Self { settings: ill.iter().fold(self.settings, |s, &f| s.with(f, false)), ..*self }
    }

    /// Soft tissue and lungs only: where scatter comes from.
    fn soft_tissue(&self, side: usize) -> Vec<f32> {
        let body = Body::new(self.seed, &self.settings);
        let mut canvas = self.canvas(&body, side);
        anatomy::expose(&body, &mut canvas);
        anatomy::aerate(&mut canvas);
        canvas.attenuation
    }
}

/// True where two films differ by at least one grey level; where one film has no pixel, they differ.
#[must_use]
pub fn difference_mask(film: &Film, other: &Film) -> Vec<bool> {
    let pixels = film.grey.len().max(other.grey.len());
    (0..pixels).map(|i| film.side != other.side || film.grey.get(i) != other.grey.get(i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::factors::{FACTORS, Setting, Side};

    const HASH_TYPICAL: u64 = 0xc5e4_ffe8_e483_4be5;
    const HASH_ALL: u64 = 0x4045_9101_f77d_ecb8;

    const LOCAL: [Factor; 14] = [
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
        Factor::Portable,
        Factor::Laterality,
    ];

    fn phantom(seed: u64, present: bool) -> Phantom {
        Phantom { seed, settings: Settings::draw(seed, &FACTORS, |_, _, _| present) }
    }

    fn with(mut phantom: Phantom, factor: Factor, strength: f32) -> Phantom {
        let mut setting = phantom.settings.get(factor);
        (setting.present, setting.strength) = (true, strength);
        phantom.settings.set(factor, setting);
        phantom
    }

    /// FNV-1a.
    fn hash(film: &Film) -> u64 {
        film.grey.iter().fold(0xcbf2_9ce4_8422_2325, |h, &v| (h ^ u64::from(v)).wrapping_mul(0x0100_0000_01b3))
    }

    #[test]
    fn films_are_the_same_on_every_machine() {
        let typical = Settings::draw(11, &FACTORS, |_, _, draw| draw < 0.3);
        let film = Phantom { seed: 11, settings: typical }.render(224);
        assert_eq!(film, Phantom { seed: 11, settings: typical }.render(224));
        assert_eq!(hash(&film), HASH_TYPICAL);
        assert_eq!(hash(&phantom(5, true).render(96)), HASH_ALL);
    }

    #[test]
    fn every_side_and_every_factor_renders() {
        for side in (32..=300).step_by(67).chain([0, 1, 7]) {
            for present in [false, true] {
                assert_eq!(phantom(side as u64, present).render(side).grey.len(), side.max(1) * side.max(1));
            }
        }
        let wild = Setting { present: true, strength: f32::NAN, side: Side::Both };
        let far = Setting { present: true, strength: 1e30, side: Side::Both };
        for setting in [wild, far] {
            let mut settings = phantom(0, false).settings;
            FACTORS.iter().for_each(|&f| settings.set(f, setting));
            assert_eq!(Phantom { seed: u64::MAX, settings }.render(48).grey.len(), 48 * 48);
        }
    }

    #[test]
    fn a_local_factor_changes_only_what_it_touches() {
        for factor in LOCAL {
            for seed in 0..4 {
                let absent = phantom(seed, false);
                let present = with(absent, factor, seed as f32 / 3.0);
                let primary = |p: &Phantom| p.attenuation(&Body::new(p.seed, &p.settings), 224);
                let (a, b) = (primary(&absent), primary(&present));
                let changed = difference_mask(&absent.render(224), &present.render(224));
                if !matches!(factor, Factor::Portable | Factor::Laterality) {
                    // Where the primary is the same, so is the film.
                    assert!((0..a.len()).all(|i| !changed[i] || a[i] != b[i]), "{factor:?}");
                }
                let share = changed.iter().filter(|c| **c).count() as f64 / changed.len() as f64;
                assert!(share > 0.0004 && share < 0.42, "{factor:?} {share}");
            }
        }
    }

    #[test]
    fn the_weakest_finding_can_still_be_seen() {
        for factor in LOCAL {
            for seed in 20..30 {
                let absent = phantom(seed, false);
                let (a, b) = (absent.render(224), with(absent, factor, 0.0).render(224));
                let strong = a.grey.iter().zip(&b.grey).filter(|(a, b)| a.abs_diff(**b) >= 12).count();
                assert!(strong >= 12, "{factor:?} of {seed}: {strong} pixels");
            }
        }
    }

    #[test]
    fn inversion_is_exact() {
        let film = phantom(2, false).render(64);
        let inverse = with(phantom(2, false), Factor::Inversion, 0.5).render(64);
        assert!(film.grey.iter().zip(&inverse.grey).all(|(a, b)| a + b == 255));
    }

    #[test]
    fn exposure_is_like_that_of_real_films() {
        for seed in 0..20 {
            let film = phantom(seed, false).render(128);
            let mean = film.grey.iter().map(|&v| f64::from(v)).sum::<f64>() / film.grey.len() as f64;
            assert!((105.0..155.0).contains(&mean), "{mean}");
        }
    }
}
