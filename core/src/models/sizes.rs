//! Whether the sizes of a published convolutional network make sense: a damaged or hostile manifest must not ask for all
//! memory. Knows nothing of tensors.

use std::ops::RangeInclusive;

use super::dense_features::DenseFeaturesConfig;
use super::densenet::DenseNetConfig;
use super::intake::Intake;
use super::jfhealthcare::JfhealthcareConfig;
use super::resnet::ResNetConfig;
use super::resnet_autoencoder::ResNetAutoencoderConfig;

/// Channels of any layer, and outputs.
const CHANNELS: RangeInclusive<usize> = 1..=4096;
/// Blocks of a stage.
const BLOCKS: RangeInclusive<usize> = 1..=64;
/// Stages.
const STAGES: RangeInclusive<usize> = 1..=8;
/// Channels of a dense block's end: they grow with every layer.
const MOST_DENSE: usize = 8192;

impl Intake {
    /// Whether every channel has a mean, and a deviation to divide by.
    ///
    /// # Errors
    /// In words, when not.
    pub fn check(&self) -> Result<(), String> {
        let finite = self.mean.iter().chain(&self.std).all(|v| v.is_finite()) && self.std.iter().all(|&v| v > 0.0);
        if (1..=16).contains(&self.mean.len()) && self.mean.len() == self.std.len() && finite {
            Ok(())
        } else {
            Err(format!("means {:?} and deviations {:?} do not make channels", self.mean, self.std))
        }
    }
}

impl DenseFeaturesConfig {
    /// Whether the sizes make sense.
    ///
    /// # Errors
    /// In words, when not.
    pub fn check(&self) -> Result<(), String> {
        let sizes = [self.inputs, self.initial, self.growth].iter().all(|size| CHANNELS.contains(size));
        let blocks = STAGES.contains(&self.blocks.len()) && self.blocks.iter().all(|layers| BLOCKS.contains(layers));
        let small = sizes && blocks && (1..=16).contains(&self.bn_size);
        if small && self.growth <= 256 && self.widths().iter().all(|&(_, end)| end <= MOST_DENSE) {
            Ok(())
        } else {
            Err(format!("DenseNet sizes make no sense: {self:?}"))
        }
    }
}

/// Features, inputs and outputs of one classifier.
fn check_classifier(features: &DenseFeaturesConfig, intake: &Intake, labels: usize) -> Result<(), String> {
    features.check()?;
    intake.check()?;
    if features.inputs != intake.channels() {
        return Err(format!("a network of {} channels is fed {}", features.inputs, intake.channels()));
    }
    if CHANNELS.contains(&labels) { Ok(()) } else { Err(format!("{labels} labels are none or too many")) }
}

impl DenseNetConfig {
    /// Whether the sizes make sense.
    ///
    /// # Errors
    /// In words, when not.
    pub fn check(&self) -> Result<(), String> {
        check_classifier(&self.features, &self.intake, self.labels)
    }
}

impl JfhealthcareConfig {
    /// Whether the sizes make sense.
    ///
    /// # Errors
    /// In words, when not.
    pub fn check(&self) -> Result<(), String> {
        check_classifier(&self.features, &self.intake, self.labels)
    }
}

impl ResNetConfig {
    /// Whether the sizes make sense.
    ///
    /// # Errors
    /// In words, when not.
    pub fn check(&self) -> Result<(), String> {
        self.intake.check()?;
        let stages = self.stages.iter().all(|stage| {
            BLOCKS.contains(&stage.blocks) && CHANNELS.contains(&stage.inner) && CHANNELS.contains(&stage.outer)
        });
        let outside = CHANNELS.contains(&self.initial) && CHANNELS.contains(&self.labels);
        if outside && STAGES.contains(&self.stages.len()) && stages {
            Ok(())
        } else {
            Err(format!("ResNet sizes make no sense: {self:?}"))
        }
    }
}

impl ResNetAutoencoderConfig {
    /// Whether the sizes make sense.
    ///
    /// # Errors
    /// In words, when not.
    pub fn check(&self) -> Result<(), String> {
        let stage = |stage: &super::resnet_autoencoder::AutoencoderStage| {
            BLOCKS.contains(&stage.blocks) && CHANNELS.contains(&stage.inner) && CHANNELS.contains(&stage.outer)
        };
        let ends = CHANNELS.contains(&self.initial) && CHANNELS.contains(&self.last);
        if ends && self.down.iter().chain(&self.up).all(stage) {
            Ok(())
        } else {
            Err(format!("autoencoder sizes make no sense: {self:?}"))
        }
    }

    /// `[tokens, dim]` of the latent: 3 x 3 places of a film of 224 pixels.
    #[must_use]
    pub fn latent(&self) -> [usize; 2] {
        [9, self.down[self.down.len() - 1].outer]
    }
}
