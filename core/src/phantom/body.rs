//! The patient: outlines of trunk, lungs, mediastinum and diaphragm, and the ellipsoids of heart and great vessels.
//!
//! Every organ varies with a stream of its own, so that nothing moves when a factor is switched that does not move it.

use super::factors::{Factor, Settings, Side};
use super::projection::{curve, smoothstep};
use super::random::Stream;
use super::solids::{Ellipsoid, Section};

const BUILD: u64 = 2;
const LUNGS: u64 = 3;
const HEART: u64 = 4;
const DIAPHRAGM: u64 = 5;
const BREASTS: u64 = 6;
const ARMS: u64 = 7;

/// Ratio of heart to chest on a PA film as a share of that in the body: the heart lies nearer to the detector than the
/// widest part of the chest, and so is magnified less.
const PA_SHARE: f64 = 0.988;
/// How many of the first of [`Body::heart`] are chambers; vessels follow.
const CHAMBERS: usize = 3;
/// Level of the lung apices, mm.
pub const APEX: f64 = -138.0;
/// Depth of the sulcus behind the diaphragm, mm.
pub const SULCUS: f64 = 122.0;

/// Sizes and organs of one patient.
#[derive(Clone, Debug)]
pub struct Body {
    /// Scale along x, y and z; 1 is the typical man.
    pub scale: [f64; 3],
    /// The same before it is known whether the patient is a woman; the film is framed by these.
    pub frame: [f64; 3],
    /// Share by which fat and muscle differ from the typical, -1 to 1.
    pub stout: f64,
    /// Heart chambers and great vessels.
    pub heart: Vec<Ellipsoid>,
    /// Right and left dome.
    pub domes: [Ellipsoid; 2],
    /// Gas in the stomach.
    pub stomach: Option<Ellipsoid>,
    /// Breasts; empty for men.
    pub breasts: Vec<Ellipsoid>,
    /// Elbow side of the arms: how far they are from the trunk, mm.
    pub arm_gap: f64,
    mediastinum: [f64; 3],
    apex: [f64; 2],
}

impl Body {
    /// The patient of `seed`.
    #[must_use]
    pub fn new(seed: u64, settings: &Settings) -> Self {
        let mut build = Stream::new(seed, BUILD);
        let mut vary = |low: f32, high: f32| f64::from(build.between(low, high));
        let frame = [vary(0.96, 1.05), vary(0.96, 1.04), vary(0.94, 1.06)];
        let stout = vary(-1.0, 1.0);
        let female = settings.get(Factor::Female);
        let shrink = if female.present { [0.94, 0.95, 0.95] } else { [1.0; 3] };
        let scale = [frame[0] * shrink[0], frame[1] * shrink[1], frame[2] * shrink[2]];
        let mut lungs = Stream::new(seed, LUNGS);
        let mut vary = |low: f32, high: f32| f64::from(lungs.between(low, high));
        let mediastinum = [vary(-4.0, 4.0), vary(-4.0, 4.0), vary(-6.0, 6.0)];
        let apex = [vary(-4.0, 4.0), vary(-4.0, 4.0)];
        let mut body = Self {
            scale,
            frame,
            stout,
            heart: Vec::new(),
            domes: domes(seed, settings, scale),
            stomach: None,
            breasts: Vec::new(),
            arm_gap: f64::from(Stream::new(seed, ARMS).between(0.0, 14.0)),
            mediastinum,
            apex,
        };
        body.heart = body.chambers(seed, settings);
        body.stomach = body.bubble(seed);
        if female.present {
            body.breasts = body.mammae(seed, f64::from(female.strength));
        }
        body
    }

    /// Lateral edge of the chest cavity at height `y`, half its depth and the middle of that depth, mm; for `side` -1
    /// (right) or 1 (left).
    #[must_use]
    pub fn cage(&self, y: f64, side: f64) -> (f64, f64, f64) {
        let [sx, sy, sz] = self.scale;
        let lift = if side < 0.0 { self.apex[0] } else { self.apex[1] };
        let y = y / sy - lift * smoothstep(20.0, 120.0, -y);
        const LATERAL: [(f64, f64); 11] = [
            (APEX, 52.0),
            (-136.5, 61.0),
            (-133.0, 69.0),
            (-126.0, 78.0),
            (-114.0, 88.0),
            (-95.0, 99.0),
            (-60.0, 112.0),
            (-15.0, 122.0),
            (40.0, 129.0),
            (90.0, 132.0),
            (SULCUS, 130.0),
        ];
        const DEPTH: [(f64, f64); 7] =
            [(APEX, 6.0), (-130.0, 26.0), (-110.0, 46.0), (-80.0, 64.0), (-30.0, 80.0), (40.0, 88.0), (SULCUS, 84.0)];
        const MIDDLE: [(f64, f64); 4] = [(APEX, -26.0), (-100.0, -14.0), (-40.0, -2.0), (60.0, 2.0)];
        (curve(&LATERAL, y) * sx, curve(&DEPTH, y) * sz, curve(&MIDDLE, y) * sz)
    }

    /// Section of one lung, with no regard to what lies in it.
    #[must_use]
    pub fn lung(&self, y: f64, side: f64) -> Option<Section> {
        let [sx, sy, _] = self.scale;
        if !(APEX * sy..SULCUS * sy).contains(&y) {
            return None;
        }
        const MEDIAL: [(f64, f64); 7] =
            [(APEX, 48.0), (-136.0, 38.0), (-130.0, 29.0), (-118.0, 20.0), (-95.0, 12.0), (-60.0, 5.0), (0.0, 2.0)];
        let (lateral, depth, z) = self.cage(y, side);
        let medial = curve(&MEDIAL, y / sy) * sx;
        let tail = ((SULCUS * sy - y) / 12.0).clamp(0.0, 1.0).sqrt();
        Some(Section {
            x: side * (lateral + medial) / 2.0,
            z,
            width: (lateral - medial) / 2.0 * tail,
            depth: depth * tail,
        })
    }

    /// What lies between the lungs: vessels, oesophagus, trachea, fat.
    #[must_use]
    pub fn mediastinum(&self, y: f64) -> Section {
        let [sx, sy, sz] = self.scale;
        let [right, left, low] = self.mediastinum;
        const RIGHT: [(f64, f64); 7] =
            [(-150.0, 27.0), (-120.0, 23.0), (-90.0, 25.0), (-50.0, 28.0), (-20.0, 30.0), (20.0, 26.0), (90.0, 36.0)];
        const LEFT: [(f64, f64); 8] = [
            (-150.0, 32.0),
            (-120.0, 26.0),
            (-90.0, 25.0),
            (-65.0, 27.0),
            (-35.0, 24.0),
            (-10.0, 27.0),
            (30.0, 30.0),
            (90.0, 44.0),
        ];
        let fade = smoothstep(0.0, 90.0, -y);
        let r = (curve(&RIGHT, y / sy) + right * (1.0 - fade * 0.5)) * sx;
        let l = (curve(&LEFT, y / sy) + left + low * 0.2) * sx;
        Section { x: (l - r) / 2.0, z: -4.0 * sz, width: (l + r) / 2.0, depth: 58.0 * sz }
    }

    /// Section of the trunk.
    #[must_use]
    pub fn trunk(&self, y: f64) -> Section {
        let [sx, sy, sz] = self.scale;
        let fat = 1.0 + 0.05 * self.stout;
        const WIDTH: [(f64, f64); 9] = [
            (-185.0, 50.0),
            (-160.0, 92.0),
            (-135.0, 122.0),
            (-100.0, 142.0),
            (-50.0, 151.0),
            (0.0, 155.0),
            (60.0, 156.0),
            (130.0, 154.0),
            (220.0, 160.0),
        ];
        const DEPTH: [(f64, f64); 9] = [
            (-185.0, 30.0),
            (-160.0, 48.0),
            (-135.0, 64.0),
            (-100.0, 82.0),
            (-50.0, 97.0),
            (0.0, 104.0),
            (50.0, 107.0),
            (100.0, 115.0),
            (220.0, 120.0),
        ];
        let y = y / sy;
        let soft = 1.0 + 0.02 * self.stout;
        Section { x: 0.0, z: 0.0, width: curve(&WIDTH, y) * sx * fat, depth: curve(&DEPTH, y) * sz * soft }
    }

    /// Section of the shoulder girdle: trapezius, pectorals, axillary folds.
    #[must_use]
    pub fn shoulders(&self, y: f64) -> Section {
        let [sx, sy, sz] = self.scale;
        const WIDTH: [(f64, f64); 9] = [
            (-182.0, 60.0),
            (-165.0, 112.0),
            (-152.0, 165.0),
            (-138.0, 205.0),
            (-115.0, 226.0),
            (-70.0, 232.0),
            (-20.0, 222.0),
            (40.0, 190.0),
            (110.0, 160.0),
        ];
        const DEPTH: [(f64, f64); 7] = [
            (-185.0, 22.0),
            (-160.0, 50.0),
            (-135.0, 72.0),
            (-105.0, 84.0),
            (-55.0, 84.0),
            (10.0, 68.0),
            (110.0, 36.0),
        ];
        let y = y / sy;
        Section { x: 0.0, z: -4.0, width: curve(&WIDTH, y) * sx, depth: curve(&DEPTH, y) * sz }
    }

    /// Section of the neck.
    #[must_use]
    pub fn neck(&self, y: f64) -> Section {
        let [sx, sy, sz] = self.scale;
        let y = y / sy;
        let width = curve(&[(-260.0, 60.0), (-200.0, 58.0), (-170.0, 66.0), (-140.0, 96.0)], y);
        let depth = 62.0 * smoothstep(90.0, 170.0, -y);
        Section { x: 0.0, z: -6.0, width: width * sx, depth: depth * sz }
    }

    /// Width of the heart's chambers over the inner width of the chest at the level of the diaphragm, as a PA film shows
    /// it, 0 to 1.
    #[must_use]
    pub fn cardiothoracic_ratio(&self) -> f64 {
        let (left, right) = reach(&self.heart[..CHAMBERS.min(self.heart.len())]);
        PA_SHARE * (left + right) / (2.0 * self.cage(60.0 * self.scale[1], 1.0).0)
    }

    fn chambers(&self, seed: u64, settings: &Settings) -> Vec<Ellipsoid> {
        let [sx, sy, sz] = self.scale;
        let mut stream = Stream::new(seed, HEART);
        let mut vary = |low: f32, high: f32| f64::from(stream.between(low, high));
        let ratio = vary(0.43, 0.49);
        let tilt = vary(30.0, 44.0);
        let knob = vary(0.85, 1.2);
        let cardiomegaly = settings.get(Factor::Cardiomegaly);
        let place = |p: [f64; 3]| [p[0] * sx, p[1] * sy, p[2] * sz];
        let mut chambers = vec![
            // Left ventricle, right ventricle, right atrium.
            Ellipsoid::new(place([27.0, 33.0, 18.0]), [66.0, 42.0, 46.0], tilt),
            Ellipsoid::new(place([8.0, 42.0, 38.0]), [54.0, 37.0, 38.0], 16.0),
            Ellipsoid::new(place([-11.0, 24.0, 12.0]), [33.0, 50.0, 40.0], 4.0),
        ];
        // The chambers, not the vessels, are stretched until heart and chest have the ratio that is asked for.
        let wanted = if cardiomegaly.present { 0.54 + 0.16 * f64::from(cardiomegaly.strength) } else { ratio };
        let (lateral, ..) = self.cage(60.0 * sy, 1.0);
        let (left, right) = reach(&chambers);
        let wide = wanted / PA_SHARE * 2.0 * lateral / (left + right);
        let tall = 0.9 + 0.1 * wide.sqrt();
        for chamber in &mut chambers {
            *chamber = chamber.stretched(place([0.0, 0.0, 10.0]), [wide, tall.min(1.05), wide.sqrt()]);
        }
        chambers.push(Ellipsoid::new(place([17.0, -64.0, -8.0]), [19.0 * knob, 20.0 * knob, 34.0], 0.0));
        chambers.push(Ellipsoid::new(place([15.0, -20.0, 8.0]), [24.0, 46.0, 32.0], -12.0));
        // Descending aorta.
        chambers.push(Ellipsoid::new(place([19.0, 10.0, -48.0]), [14.0, 120.0, 14.0], 0.0));
        // Hila: vessels and nodes around the bronchi.
        chambers.push(Ellipsoid::new(place([-33.0, -16.0, -4.0]), [10.0, 24.0, 12.0], 12.0));
        chambers.push(Ellipsoid::new(place([38.0, -26.0, -6.0]), [10.0, 18.0, 12.0], -10.0));
        chambers
    }

    fn bubble(&self, seed: u64) -> Option<Ellipsoid> {
        let mut stream = Stream::new(seed, DIAPHRAGM + 64);
        if !stream.chance(0.6) {
            return None;
        }
        let dome = self.domes[1];
        let top = dome.centre[1] - 1.0 / dome.to_unit[1][1];
        let (w, h) = (f64::from(stream.between(16.0, 30.0)), f64::from(stream.between(9.0, 16.0)));
        let x = f64::from(stream.between(48.0, 72.0)) * self.scale[0];
        Some(Ellipsoid::new([x, top + 12.0 + h, -5.0], [w, h, 26.0], f64::from(stream.between(-8.0, 14.0))))
    }

    fn mammae(&self, seed: u64, strength: f64) -> Vec<Ellipsoid> {
        let [sx, sy, sz] = self.scale;
        let mut stream = Stream::new(seed, BREASTS);
        let mut vary = |low: f32, high: f32| f64::from(stream.between(low, high));
        let size = 0.90 + 0.30 * strength;
        let (x, y) = (vary(80.0, 88.0), vary(44.0, 58.0) + 12.0 * strength);
        [-1.0, 1.0]
            .map(|side| {
                let (dx, dy) = (vary(-3.0, 3.0), vary(-4.0, 4.0));
                Ellipsoid::new(
                    [side * (x + dx) * sx, (y + dy) * sy, 84.0 * sz],
                    [66.0 * size, 58.0 * size, 42.0 * size],
                    side * 10.0,
                )
            })
            .to_vec()
    }
}

/// How far ellipsoids reach to the left and to the right of the midline.
fn reach(solids: &[Ellipsoid]) -> (f64, f64) {
    let furthest = |side: f64| solids.iter().map(|e| e.reach_x() + side * e.centre[0]).fold(0.0, f64::max);
    (furthest(1.0), furthest(-1.0))
}

fn domes(seed: u64, settings: &Settings, scale: [f64; 3]) -> [Ellipsoid; 2] {
    let mut stream = Stream::new(seed, DIAPHRAGM);
    let mut vary = |low: f32, high: f32| f64::from(stream.between(low, high));
    let level = vary(50.0, 76.0);
    let left = vary(6.0, 16.0);
    let curve = [vary(0.9, 1.1), vary(0.9, 1.1)];
    let collapse = settings.get(Factor::Atelectasis);
    // Lying or sitting patients breathe in less.
    let shallow = if settings.get(Factor::ApView).present { 6.0 } else { 0.0 };
    let rise = |side: Side| {
        if collapse.present && (collapse.side == side || collapse.side == Side::Both) {
            16.0 + 18.0 * f64::from(collapse.strength)
        } else {
            0.0
        }
    };
    let [sx, sy, sz] = scale;
    let dome = |x: f64, top: f64, high: f64, tilt: f64| {
        Ellipsoid::new([x * sx, (top + high) * sy, 6.0 * sz], [78.0 * sx, high * sy, 92.0 * sz], tilt)
    };
    [
        dome(-56.0, level - shallow - rise(Side::Right), 62.0 * curve[0], -7.0),
        dome(58.0, level + left - shallow - rise(Side::Left), 58.0 * curve[1], 8.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom::factors::FACTORS;
    use crate::phantom::projection::View;
    use crate::phantom::solids::Spans;

    fn settings(seed: u64, on: &[(Factor, f32)]) -> Settings {
        let mut settings = Settings::draw(seed, &FACTORS, |_, _, _| false);
        for &(factor, strength) in on {
            let mut setting = settings.get(factor);
            (setting.present, setting.strength) = (true, strength);
            settings.set(factor, setting);
        }
        settings
    }

    /// Width of the heart over that of the chest on the film.
    fn ratio_on_film(seed: u64, settings: &Settings) -> f64 {
        let body = Body::new(seed, settings);
        let view = View::new(seed, settings, 512, 155.0, 104.0);
        let mut spans = Spans::new(512);
        let (mut left, mut right) = (512, 0);
        for y in 0..512 {
            for chamber in &body.heart[..CHAMBERS] {
                chamber.cross(&view, &view.row(y), &mut spans);
                if spans.end > spans.first {
                    (left, right) = (left.min(spans.first), right.max(spans.end));
                }
            }
        }
        let (lateral, _, z) = body.cage(60.0 * body.scale[1], 1.0);
        let edge = |side: f64| view.project([side * lateral, 60.0, z]).x;
        (right as f64 - left as f64) / (edge(1.0) - edge(-1.0))
    }

    #[test]
    fn a_large_heart_has_the_documented_ratio_and_a_normal_one_less() {
        for seed in 0..20 {
            let normal = Body::new(seed, &settings(seed, &[])).cardiothoracic_ratio();
            assert!((0.42..0.50).contains(&normal), "{normal}");
            let mut before = 0.53;
            for strength in [0.0, 0.25, 0.5, 0.75, 1.0] {
                for female in [&[][..], &[(Factor::Female, 0.5)]] {
                    let on = [&[(Factor::Cardiomegaly, strength)], female].concat();
                    let ratio = Body::new(seed, &settings(seed, &on)).cardiothoracic_ratio();
                    assert!((ratio - (0.54 + 0.16 * f64::from(strength))).abs() < 1e-6, "{ratio}");
                }
                let on_film = ratio_on_film(seed, &settings(seed, &[(Factor::Cardiomegaly, strength)]));
                assert!(on_film > before && on_film < 0.71, "{on_film} after {before}");
                before = on_film;
            }
        }
    }

    #[test]
    fn the_heart_is_wider_from_the_front() {
        for seed in 0..20 {
            let (pa, ap) = (settings(seed, &[]), settings(seed, &[(Factor::ApView, 0.5)]));
            assert!(ratio_on_film(seed, &ap) > ratio_on_film(seed, &pa) * 1.02);
        }
    }

    #[test]
    fn switching_a_disease_leaves_the_rest_of_the_body() {
        let plain = Body::new(3, &settings(3, &[]));
        let ill = Body::new(3, &settings(3, &[(Factor::Effusion, 1.0), (Factor::Cardiomegaly, 1.0)]));
        assert_eq!(plain.scale, ill.scale);
        assert_eq!(plain.domes[0].centre, ill.domes[0].centre);
        assert_ne!(plain.heart[0].to_unit, ill.heart[0].to_unit);
        assert_eq!(plain.heart[CHAMBERS].to_unit, ill.heart[CHAMBERS].to_unit);
    }
}
