//! The engine: a bundle on a device, answering what the window and the command line ask.
//!
//! In: radiographs, edits, shift requests. Out: plain numbers and [`Plane`]s. Tensors stay inside; the window and the
//! command line never see one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::prelude::*;
use burn::tensor::TensorData;

use crate::bundle::{Bundle, BundleSource, Manifest};
use crate::device::{ComputeDevice, DeviceFrame};
use crate::error::{Error, Result};
use crate::models::classifier::op_norm;
use crate::plane::Plane;
use crate::radiograph::Radiograph;

pub mod analysis;
mod concepts;
pub mod edit;
mod edit_region;
mod grounded;
mod region;
mod region_features;
pub mod relative;
mod tensors;
mod views;

pub use analysis::{Analysis, Frame, Prediction, ReconstructionQuality, SaeQuality, raw_score};
pub use edit::{Edit, FeatureChange};
pub use edit_region::EditRegion;
pub use grounded::FilmReport;
pub use region::FeatureRegion;
pub use region_features::{RegionFeatures, RegionMethod, TiedFeature};
pub use relative::{RelativeEdit, RelativeFeature};
pub use views::{Inputs, View};

/// A bundle opened on a device.
pub struct Engine {
    pub(crate) device: ComputeDevice,
    pub(crate) bundle: Bundle,
}

impl Engine {
    /// Opens a bundle on a device.
    ///
    /// # Errors
    /// See [`Bundle::open`].
    pub fn open(source: &BundleSource, device: ComputeDevice) -> Result<Self> {
        let bundle = Bundle::open(source, device.tensor_device())?;
        Ok(Self { device, bundle })
    }

    /// An open bundle on its device.
    #[must_use]
    pub fn of_bundle(bundle: Bundle, device: ComputeDevice) -> Self {
        Self { device, bundle }
    }

    /// The same engine reading frames with the classifier of another bundle.
    ///
    /// # Errors
    /// See [`Bundle::open`] and [`Bundle::with_classifier_of`].
    pub fn with_classifier_of(self, source: &BundleSource) -> Result<Self> {
        let other = Bundle::open(source, self.device.tensor_device())?;
        Ok(Self { bundle: self.bundle.with_classifier_of(&other, self.device.tensor_device())?, ..self })
    }

    /// The open bundle.
    #[must_use]
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// What the bundle says about itself.
    #[must_use]
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.bundle.manifest
    }

    /// The device that computes.
    #[must_use]
    pub fn device(&self) -> &ComputeDevice {
        &self.device
    }

    /// Encodes a film and reads everything that the unedited film has to say.
    ///
    /// # Errors
    /// When the bundle has neither encoder nor classifier, or the device fails.
    pub fn analyze(&self, film: &Radiograph) -> Result<Analysis> {
        let start = Instant::now();
        if self.bundle.encoder.is_none() && self.bundle.classifier.is_none() {
            return Err(self.bundle.missing("encoder or classifier", "analysis"));
        }
        let mut analysis = self.analyze_inputs(self.inputs(film))?;
        analysis.milliseconds = start.elapsed().as_secs_f32() * 1e3;
        Ok(analysis)
    }

    /// Decodes an edited latent and reads the frame.
    ///
    /// # Errors
    /// When the bundle has no decoder or no SAE, a feature does not exist, or the device fails.
    pub fn edit(&self, analysis: &Analysis, edit: &Edit) -> Result<Frame> {
        self.edit_while(analysis, edit, &Staleness::never())
    }

    /// Like [`Self::edit`], given up with [`Error::Cancelled`] between stages once `stale` says so.
    ///
    /// # Errors
    /// As [`Self::edit`].
    pub fn edit_while(&self, analysis: &Analysis, edit: &Edit, stale: &Staleness<'_>) -> Result<Frame> {
        self.edit_shown(analysis, edit, stale, &|_| true)
    }

    /// Like [`Self::edit_while`]. Where the window draws with the engine's own device, `show` is given the picture as soon
    /// as it is decoded, without a number being read back; it says whether the numbers are wanted too.
    ///
    /// # Errors
    /// As [`Self::edit`]; [`Error::Cancelled`] where `show` says that the picture was enough.
    pub fn edit_shown(
        &self,
        analysis: &Analysis,
        edit: &Edit,
        stale: &Staleness<'_>,
        show: &dyn Fn(DeviceFrame) -> bool,
    ) -> Result<Frame> {
        self.check_edit(edit)?;
        let edit = edit.effective(analysis);
        if edit.is_empty() {
            return analysis.reconstruction.clone().ok_or(self.bundle.missing("decoder", "an edit"));
        }
        let latent = self.edited_latent(analysis, &edit)?;
        stale.check()?;
        let decoded = self.decoded(latent)?;
        if let Some(shown) = self.on_device(analysis, &decoded)
            && !show(shown)
        {
            return Err(Error::Cancelled);
        }
        let mut frames = self.read_frames(decoded)?;
        frames.pop().ok_or_else(|| self.failure("the decoder returned nothing"))
    }

    /// A picture and its change as textures of the window; none where it draws with a device of its own.
    fn on_device(&self, analysis: &Analysis, decoded: &Tensor<4>) -> Option<DeviceFrame> {
        let (maker, before) = (self.device.pictures()?, analysis.reconstruction.as_ref()?);
        let [_, _, height, width] = decoded.dims();
        let before = TensorData::new(before.pixels.data().to_vec(), [1, 1, height, width]);
        let change = decoded.clone() - Tensor::from_data(before, self.device.tensor_device());
        let make = || {
            let picture = maker.picture(decoded.clone(), self.manifest().preprocess.range[0])?;
            Ok(DeviceFrame { picture, change: maker.picture(change, 0.0)? })
        };
        // The numbers come in any case, and are drawn then.
        make().inspect_err(|error: &Error| tracing::warn!(%error, "a picture takes the way over the CPU")).ok()
    }

    /// Frames and scores of a batch of latents `[b, n, d]`.
    pub(crate) fn decode(&self, latents: Tensor<3>) -> Result<Vec<Frame>> {
        self.read_frames(self.decoded(latents)?)
    }

    /// Pictures `[b, 1, h, w]` of a batch of latents `[b, n, d]`.
    fn decoded(&self, latents: Tensor<3>) -> Result<Tensor<4>> {
        let decoder = self.bundle.decoder.as_ref().ok_or(self.bundle.missing("decoder", "a counterfactual"))?;
        Ok(decoder.decode(latents))
    }

    /// Their scores, and the numbers of both.
    fn read_frames(&self, frames: Tensor<4>) -> Result<Vec<Frame>> {
        let [count, _, height, width] = frames.dims();
        let labels = self.bundle.labels().count();
        let scores = match &self.bundle.frame_reader {
            Some(classifier) => self.read(self.scores(classifier.logits(frames.clone())).into_floats())?,
            None => Vec::new(),
        };
        let pixels = self.read(frames.into_floats())?;
        pixels
            .chunks_exact(width * height)
            .take(count)
            .enumerate()
            .map(|(i, chunk)| {
                let predictions = scores.get(i * labels..(i + 1) * labels).unwrap_or_default().to_vec();
                Ok(Frame { pixels: Plane::new(width, height, chunk.to_vec())?, predictions })
            })
            .collect()
    }

    /// Logits to scores: sigmoid, then [`op_norm`].
    pub(crate) fn scores(&self, logits: Tensor<2>) -> Tensor<2> {
        let points: Vec<f32> = self
            .bundle
            .manifest
            .classifier
            .iter()
            .flat_map(|part| part.labels.iter().map(|label| label.operating_point))
            .collect();
        let count = points.len();
        let t = Tensor::<2>::from_data(TensorData::new(points, [1, count]), self.device.tensor_device());
        op_norm(burn::tensor::activation::sigmoid(logits), t)
    }

    /// The tokens `[1, n, d]` that the decoder draws.
    pub(crate) fn latent<'a>(&self, analysis: &'a Analysis) -> Result<&'a Tensor<3>> {
        analysis.latent.as_ref().ok_or(self.bundle.missing("encoder", "a latent"))
    }

    pub(crate) fn read(&self, data: std::result::Result<Vec<f32>, String>) -> Result<Vec<f32>> {
        let values = data.map_err(|reason| self.failure(reason))?;
        if values.iter().all(|v| v.is_finite()) {
            Ok(values)
        } else {
            Err(Error::Invalid("this leads outside what the model can compute; choose smaller values".into()))
        }
    }

    pub(crate) fn failure(&self, reason: impl Into<String>) -> Error {
        Error::Device { device: self.device.name().to_owned(), reason: reason.into() }
    }

    pub(crate) fn film_tensor(&self, input: &Plane) -> Tensor<4> {
        let data = TensorData::new(input.data().to_vec(), [1, 1, input.height(), input.width()]);
        Tensor::from_data(data, self.device.tensor_device())
    }
}

/// Reading a tensor back, with the device's failure as a value.
pub(crate) trait IntoFloats {
    /// All elements in row order.
    fn into_floats(self) -> std::result::Result<Vec<f32>, String>;
}

impl<const D: usize> IntoFloats for Tensor<D> {
    fn into_floats(self) -> std::result::Result<Vec<f32>, String> {
        let data = self.try_into_data().map_err(|e| e.to_string())?;
        data.try_into_vec::<f32>().map_err(|e| e.to_string())
    }
}

/// Says whether work in progress is still wanted.
pub struct Staleness<'a> {
    is_stale: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Staleness<'a> {
    /// Stale once `is_stale` returns true.
    pub fn new(is_stale: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self { is_stale }
    }

    /// Work that is always wanted.
    #[must_use]
    pub fn never() -> Staleness<'static> {
        Staleness { is_stale: &|| false }
    }

    /// [`Error::Cancelled`] once stale.
    ///
    /// # Errors
    /// That one.
    pub fn check(&self) -> Result<()> {
        if (self.is_stale)() { Err(Error::Cancelled) } else { Ok(()) }
    }
}

/// Progress of long work, and the wish to stop it.
pub struct Progress<'a> {
    report: &'a (dyn Fn(Step<'_>) + Sync),
    cancelled: &'a AtomicBool,
}

/// One report of progress.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// What is being done.
    pub stage: &'a str,
    /// Units done.
    pub done: usize,
    /// Units in all; zero when unknown.
    pub total: usize,
}

impl<'a> Progress<'a> {
    /// Reports to `report`; stops when `cancelled` becomes true.
    pub fn new(report: &'a (dyn Fn(Step<'_>) + Sync), cancelled: &'a AtomicBool) -> Self {
        Self { report, cancelled }
    }

    /// Nobody listens and nobody cancels.
    #[must_use]
    pub fn silent() -> Progress<'static> {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Progress { report: &|_| {}, cancelled: &NEVER }
    }

    /// The same without reports; it is cancelled with this one.
    #[must_use]
    pub fn silenced(&self) -> Progress<'a> {
        Progress { report: &|_| {}, cancelled: self.cancelled }
    }

    /// Reports a step.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when the user asked to stop.
    pub fn step(&self, stage: &str, done: usize, total: usize) -> Result<()> {
        (self.report)(Step { stage, done, total });
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }
}
