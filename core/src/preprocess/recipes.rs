//! Preprocessing that is published with a model, by the model's name; and the means and deviations that go with it,
//! which the networks apply themselves. Each is checked against the original code in
//! `tests/parity/preprocess_reference.py`.

use super::{CropStart, Fit, Preprocess, Resize};

/// Channel means of brightness 0..1 of OpenAI's CLIP, the default of open_clip and of CLIP's and BiT's image
/// processors.
pub const OPENAI_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
/// Channel deviations that belong to [`OPENAI_MEAN`].
pub const OPENAI_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];
/// Channel means of ImageNet, used by torchvision's models, reproduce-chexnet and arnoweng's CheXNet.
pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Channel deviations that belong to [`IMAGENET_MEAN`].
pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];
/// Mean of RAD-DINO's three channels (`preprocessor_config.json` of microsoft/rad-dino).
pub const RAD_DINO_MEAN: f32 = 0.5307;
/// Deviation that belongs to [`RAD_DINO_MEAN`].
pub const RAD_DINO_STD: f32 = 0.2583;

impl Preprocess {
    /// torchxrayvision's `XRayCenterCrop` and `XRayResizer(size)` (`datasets.py`): 224 for its DenseNets, 512 for its
    /// ResNet-50 and 224 or 512 for its autoencoder.
    #[must_use]
    pub fn torchxrayvision(size: usize) -> Self {
        Self { size, fit: Fit::CentreCrop, resize: Resize::Skimage, ..Self::default() }
    }

    /// jfhealthcare's DenseNet-121 as torchxrayvision feeds it (`baseline_models/jfhealthcare`): the film's middle
    /// square, resized to 512 by the model itself (`utils.py`, `fix_resolution`: torch's antialiased bilinear).
    #[must_use]
    pub fn jfhealthcare() -> Self {
        Self { size: 512, fit: Fit::CentreCrop, resize: Resize::BilinearAntialias, ..Self::default() }
    }

    /// Zech's reproduce-chexnet (`cxr_dataset.py`, `model.py`): torchvision's `Resize(224)` and `CenterCrop(224)` on a
    /// PIL picture.
    #[must_use]
    pub fn reproduce_chexnet() -> Self {
        Self::shortest_edge(224, 224, CropStart::HalfEven, Resize::PillowBilinear)
    }

    /// arnoweng's CheXNet (`model.py`): torchvision's `Resize(256)`, and of that the middle 256 pixels, from which the
    /// network takes its ten crops of 224. On a film that is not square the original takes its corner crops from beyond
    /// that middle.
    #[must_use]
    pub fn arnoweng_chexnet() -> Self {
        Self::shortest_edge(256, 256, CropStart::HalfEven, Resize::PillowBilinear)
    }

    /// The CLIP models of transformers (`CLIPImageProcessor` on PIL): shortest edge and centre crop of `size`, bicubic.
    #[must_use]
    pub fn clip(size: usize) -> Self {
        Self::shortest_edge(size, size, CropStart::Down, Resize::PillowBicubic)
    }

    /// RAD-DINO (`BitImageProcessor` on PIL): shortest edge and centre crop of 518, bicubic.
    #[must_use]
    pub fn rad_dino() -> Self {
        Self::shortest_edge(518, 518, CropStart::Down, Resize::PillowBicubic)
    }

    /// The models of open_clip (`transform.py`, `image_transform`), BiomedCLIP among them: shortest edge and centre
    /// crop of `size`, bicubic.
    #[must_use]
    pub fn open_clip(size: usize) -> Self {
        Self::shortest_edge(size, size, CropStart::HalfEven, Resize::PillowBicubic)
    }

    pub(super) fn shortest_edge(edge: usize, size: usize, crop: CropStart, resize: Resize) -> Self {
        Self { size, fit: Fit::ShortestEdge { edge, crop }, resize, ..Self::default() }
    }
}
