//! Attribution of the current film: two methods side by side, each with its answer.

use std::sync::Arc;

use fluoro_core::attribution::{Attribution, AttributionRequest, METHODS};
use fluoro_core::difference::percentile;
use fluoro_core::plane::Plane;

use super::job::Job;

/// How many methods are side by side.
pub const SLOTS: usize = 2;
/// Percentile of a map's magnitudes that is drawn in full strength, so that single pixels do not make the rest pale.
const FULL: f32 = 99.5;

/// What the panel asks for, and the answers.
pub struct AttributionState {
    /// The label; the first at first.
    pub label: usize,
    /// Places in [`METHODS`].
    pub methods: [usize; SLOTS],
    /// The answers.
    pub jobs: [Job<Shown>; SLOTS],
    /// What the jobs in progress were asked.
    pub asked: [Option<AttributionRequest>; SLOTS],
}

impl Default for AttributionState {
    fn default() -> Self {
        let place = |name: &str| METHODS.iter().position(|method| method.name() == name).unwrap_or(0);
        Self {
            label: 0,
            methods: [place("shift"), place("occlusion")],
            jobs: Default::default(),
            asked: Default::default(),
        }
    }
}

impl AttributionState {
    /// The same questions, no answers.
    pub fn cleared(&self) -> Self {
        Self { label: self.label, methods: self.methods, ..Self::default() }
    }

    /// The request of a slot.
    pub fn request(&self, slot: usize) -> AttributionRequest {
        AttributionRequest { method: METHODS[self.methods[slot]].name().to_owned(), label: self.label }
    }

    /// Whether anything is under way.
    pub fn is_working(&self) -> bool {
        self.jobs.iter().any(|job| job.working.is_some())
    }
}

/// An answer and what the window derives from it once.
#[derive(Clone)]
pub struct Shown {
    /// The answer.
    pub attribution: Arc<Attribution>,
    /// Its map with the common largest values at 1, so that methods of different units share a scale.
    pub relative: Arc<Plane>,
    /// What was asked.
    pub request: AttributionRequest,
    /// Number of the picture.
    pub version: u64,
}

impl Shown {
    /// Derives what is drawn.
    pub fn new(attribution: Arc<Attribution>, request: AttributionRequest, version: u64) -> Self {
        let magnitude = attribution.map.map(f32::abs);
        let full = match percentile(magnitude.data(), FULL) {
            common if common > 0.0 => common,
            _ => magnitude.min_max().1.max(f32::MIN_POSITIVE),
        };
        let relative = Arc::new(attribution.map.map(|v| v / full));
        Self { attribution, relative, request, version }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_any_unit_end_at_one() {
        for unit in [1.0, 1e-7, 1e5] {
            let map = Plane::from_fn(20, 20, |x, _| (x as f32 - 10.0) * unit);
            let attribution = Attribution {
                method: "grad",
                label: "Mass".into(),
                map,
                is_signed: true,
                ranks_by_value: false,
                cells: None,
                is_blank: false,
            };
            let request = AttributionRequest { method: "grad".into(), label: 0 };
            let shown = Shown::new(Arc::new(attribution), request, 1);
            assert!((shown.relative.min_max().0 + 1.0).abs() < 1e-4, "{unit}");
        }
        let state = AttributionState::default();
        assert_eq!((state.request(0).method.as_str(), state.request(1).method.as_str()), ("shift", "occlusion"));
    }
}
