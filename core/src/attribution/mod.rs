//! Attribution: which pixels of a film a classifier's output rests on, by the methods that Latent Shift is compared with.
//!
//! In: a film's model input and a label. Out: one map of the film's size. Every method is an [`Attributor`]; a new one is a
//! file here and a line in [`METHODS`]. All read the film itself, not its reconstruction, except the shift.

use std::sync::Arc;

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use crate::engine::{Analysis, Engine, IntoFloats, Progress};
use crate::error::{Error, Result};
use crate::models::Classifier;
use crate::plane::Plane;

mod cam;
mod control;
mod gradient;
mod occlusion;
mod pixels;
mod quadrature;

pub use cam::{BaseRate, Cells, cells_of_labels, grad_cam};
pub use gradient::{integrated, smooth_gradient};
pub(crate) use occlusion::GREY;
pub use occlusion::occlusion;
pub use pixels::{Wachter, iterative_delete};

/// One way of saying where a classifier looks.
pub trait Attributor: Sync {
    /// The name on the command line and in files.
    fn name(&self) -> &'static str;
    /// What it shows, in a line, with its source.
    fn about(&self) -> &'static str;
    /// Whether a map's sign says anything: positive where the pixel speaks for the label.
    fn is_signed(&self) -> bool;
    /// Whether only the value ranks pixels, not its magnitude: what speaks most against the label is then ranked last.
    fn ranks_by_value(&self) -> bool {
        false
    }
    /// The map of one film and label.
    ///
    /// # Errors
    /// When the bundle's classifier does not allow it, the device fails, or it was cancelled.
    fn attribute(&self, subject: &Subject<'_>) -> Result<Map>;
}

/// Every method, in the order in which menus and tables show them.
pub static METHODS: [&dyn Attributor; 13] = [
    &control::LatentShift,
    &gradient::Gradient,
    &gradient::Guided,
    &gradient::Integrated::FROM_GREY,
    &gradient::Integrated::FROM_BLACK,
    &gradient::SmoothGrad,
    &cam::GradCam,
    &cam::ClassActivation,
    &cam::LogRatio,
    &occlusion::Occlusion,
    &pixels::Delete,
    &pixels::Wachter::PUBLISHED,
    &control::Random,
];

/// The method of a name.
///
/// # Errors
/// [`Error::Unknown`] with the nearest names.
pub fn method(name: &str) -> Result<&'static dyn Attributor> {
    let wanted = name.trim();
    METHODS
        .into_iter()
        .find(|method| method.name().eq_ignore_ascii_case(wanted))
        .ok_or_else(|| Error::unknown("attribution method", wanted, METHODS.iter().map(|method| method.name())))
}

/// What a method looks at.
pub struct Subject<'a> {
    /// The bundle on its device.
    pub engine: &'a Engine,
    /// The film.
    pub analysis: &'a Analysis,
    /// The label's index.
    pub label: usize,
    /// Who listens, and who may cancel.
    pub progress: &'a Progress<'a>,
}

/// What a method found.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// One value for each pixel of the model's input.
    pub plane: Plane,
    /// The cells of a class activation map, which have no more pixels than the network's last maps.
    pub cells: Option<Cells>,
}

/// A finished attribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// The method's name.
    pub method: &'static str,
    /// The label.
    pub label: String,
    /// The map.
    pub map: Plane,
    /// Whether its sign says anything.
    pub is_signed: bool,
    /// Whether pixels are ranked by value, not by magnitude.
    pub ranks_by_value: bool,
    /// Cells, where the method has them.
    pub cells: Option<Cells>,
    /// Whether every value is zero: nothing in the film speaks for the label, or its score is at its limit.
    pub is_blank: bool,
}

impl Attribution {
    /// How much each pixel counts: what is compared with regions, and between networks.
    #[must_use]
    pub fn strength(&self) -> Plane {
        if self.ranks_by_value { self.map.clone() } else { self.map.map(f32::abs) }
    }
}

/// A request for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributionRequest {
    /// The method's name.
    pub method: String,
    /// The label's index.
    pub label: usize,
}

impl Engine {
    /// Computes one attribution.
    ///
    /// # Errors
    /// When there is no such method or label, the bundle's classifier does not allow it, the device fails, or it was
    /// cancelled.
    pub fn attribute(
        &self,
        analysis: &Analysis,
        request: &AttributionRequest,
        progress: &Progress<'_>,
    ) -> Result<Attribution> {
        let method = method(&request.method)?;
        let label =
            self.bundle.labels().nth(request.label).ok_or_else(|| {
                Error::Invalid(format!("label number {} does not exist in this bundle", request.label))
            })?;
        let found = method.attribute(&Subject { engine: self, analysis, label: request.label, progress })?;
        Ok(Attribution {
            method: method.name(),
            label: label.to_owned(),
            is_blank: found.plane.data().iter().all(|&v| v == 0.0),
            map: found.plane,
            is_signed: method.is_signed(),
            ranks_by_value: method.ranks_by_value(),
            cells: found.cells,
        })
    }
}

impl Subject<'_> {
    fn classifier(&self) -> Result<&Arc<dyn Classifier>> {
        let bundle = self.engine.bundle();
        bundle.classifier.as_ref().ok_or_else(|| bundle.missing("classifier", "attribution"))
    }

    /// The film as model input, `[1, 1, s, s]`.
    fn film(&self) -> Tensor<4> {
        self.engine.film_tensor(&self.analysis.input)
    }

    /// The label's scores of films, `[b]`.
    fn scores(&self, films: Tensor<4>) -> Result<Vec<f32>> {
        let scores = self.engine.scores(self.classifier()?.logits(films)).narrow(1, self.label, 1);
        self.engine.read(scores.into_floats())
    }

    /// Gradient of the label's score with respect to each film, `[b, 1, s, s]`.
    fn gradients(&self, films: Tensor<4>) -> Result<Tensor<4>> {
        let films = films.autodiff().require_grad();
        let scores = self.engine.scores(self.classifier()?.logits(films.clone()));
        let gradients = scores.narrow(1, self.label, 1).sum().backward();
        films.grad(&gradients).ok_or_else(|| self.engine.failure("no gradient reached the film"))
    }

    /// Slope of the label's score with respect to the logits, `[1, labels]`: zero for every other label.
    fn slope(&self, logits: Tensor<2>) -> Result<Tensor<2>> {
        let logits = logits.autodiff().require_grad();
        let gradients = self.engine.scores(logits.clone()).narrow(1, self.label, 1).sum().backward();
        logits.grad(&gradients).ok_or_else(|| self.engine.failure("no gradient reached the logits"))
    }

    /// A tensor `[1, 1, h, w]` as a plane.
    fn plane(&self, map: Tensor<4>) -> Result<Plane> {
        let [_, _, height, width] = map.dims();
        Plane::new(width, height, self.engine.read(map.into_floats())?)
    }

    /// The error of a method that this bundle's classifier has no parts for.
    fn unable(&self, method: &str) -> Error {
        let name = &self.engine.manifest().name;
        Error::Invalid(format!("the classifier of \"{name}\" does not allow {method}; choose another method"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_unique() {
        for (index, known) in METHODS.iter().enumerate() {
            let found = method(&known.name().to_uppercase()).expect("a known name");
            assert_eq!(found.name(), known.name());
            assert!(METHODS[..index].iter().all(|other| other.name() != known.name()));
        }
        let error = method("gradd").err().expect("unknown").to_string();
        assert!(error.contains("grad"), "{error}");
    }
}
