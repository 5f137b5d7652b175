//! Where features live on a film: what changes when they are taken away.

use super::{Analysis, Edit, Engine};
use crate::difference::{clean_signed, signed};
use crate::error::Result;
use crate::plane::Plane;
use crate::segmentation::{Segmentation, Threshold, segment};

/// Blur of the change before it is cut, in pixels of the frame.
const BLUR: f32 = 1.5;
/// Regions of a sentence cover a part of the film; a change that is spread over more than its strongest twentieth is cut
/// there.
const LARGEST_SHARE: f32 = 0.2;

/// Where some features live on one film.
#[derive(Clone, Debug)]
pub struct FeatureRegion {
    /// Frame without the features minus frame with them, grey levels, blurred.
    pub change: Plane,
    /// The change cut at Otsu's threshold, or at the largest share of the film that a region may have.
    pub segmentation: Segmentation,
}

impl Engine {
    /// The region of `features` on a film: their activations are set to zero together, and what that changes in the decoded
    /// film is cut by Otsu's threshold of its absolute value.
    ///
    /// # Errors
    /// When the bundle has no decoder or no SAE, a feature does not exist, or the device fails.
    pub fn feature_region(&self, analysis: &Analysis, features: &[usize]) -> Result<FeatureRegion> {
        let reconstruction = analysis.reconstruction.as_ref();
        let reconstruction = reconstruction.ok_or(self.bundle.missing("decoder", "outlining a feature"))?;
        let edit = Edit { features: features.iter().map(|&feature| (feature, 0.0)).collect(), ..Edit::default() };
        let frame = self.edit(analysis, &edit)?;
        let change = clean_signed(&signed(&reconstruction.pixels, &frame.pixels)?, Some(BLUR), None);
        let mut segmentation = segment(&change, Threshold::Otsu);
        if segmentation.area_fraction > LARGEST_SHARE {
            segmentation = segment(&change, Threshold::Percentile(100.0 * (1.0 - LARGEST_SHARE)));
        }
        Ok(FeatureRegion { change, segmentation })
    }
}
