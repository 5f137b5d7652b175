//! How a network takes a film: one grey channel in film grey levels becomes the channels that it was trained on.

use burn::prelude::*;
use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

/// Grey levels of black and white.
const BLACK: f32 = -1024.0;
const WHITE: f32 = 1024.0;

/// Mean and standard deviation of every channel on pictures of 0 (black) to 1 (white), as `torchvision.transforms.Normalize`
/// takes them; a grey film is repeated in all channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intake {
    /// Subtracted from each channel.
    pub mean: Vec<f32>,
    /// What each channel is divided by.
    pub std: Vec<f32>,
}

impl Intake {
    /// One channel in film grey levels, [-1024, 1024], as torchxrayvision's networks read it.
    #[must_use]
    pub fn grey() -> Self {
        Self { mean: vec![0.5], std: vec![1.0 / (WHITE - BLACK)] }
    }

    /// ImageNet's three channels.
    #[must_use]
    pub fn imagenet() -> Self {
        Self { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] }
    }

    /// Channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// `[b, 1, h, w]` in film grey levels to `[b, channels, h, w]`.
    pub fn apply(&self, film: Tensor<4>) -> Tensor<4> {
        if *self == Self::grey() {
            return film;
        }
        let count = self.channels();
        let table = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, [1, count, 1, 1]), &film.device());
        let scale: Vec<f32> = self.std.iter().map(|std| 1.0 / ((WHITE - BLACK) * std)).collect();
        let middle: Vec<f32> = self.mean.iter().zip(&self.std).map(|(mean, std)| (0.5 - mean) / std).collect();
        let (scale, middle): (Tensor<4>, Tensor<4>) = (table(scale), table(middle));
        film * scale + middle
    }
}
