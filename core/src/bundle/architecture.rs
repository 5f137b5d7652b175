//! The networks that a bundle can hold: what each is called in `bundle.ron`, the sizes that it must agree on with other
//! parts, the file of its tensors, and how it is opened. A new architecture is a file in [`crate::models`] and its lines
//! here.

use std::sync::Arc;

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use super::tensors::Opened;
use crate::error::{Error, Result};
use crate::models::autoencoder::{AutoencoderConfig, ConvDecoder, ConvEncoder};
use crate::models::classifier::{ClassifierConfig, ConvClassifier};
use crate::models::densenet::{Crops, DenseNet, DenseNetConfig};
use crate::models::dictionary::{DictionarySae, DictionarySaeConfig};
use crate::models::fitted::Fitted;
use crate::models::intake::Intake;
use crate::models::jfhealthcare::{Jfhealthcare, JfhealthcareConfig};
use crate::models::resnet::{ResNet, ResNetConfig};
use crate::models::resnet_autoencoder::{ResNetAutoencoderConfig, ResNetDecoder, ResNetEncoder};
use crate::models::sae::{GatedSae, GatedSaeConfig};
use crate::models::text::{BertConfig, BertText, ClipText, ClipTextConfig, TextEncoder};
use crate::models::token_decoder::{TokenDecoder, TokenDecoderConfig};
use crate::models::trunk::{Trunk, TrunkConfig};
use crate::models::vit::{Tokens, VisionTransformer, VitConfig};
use crate::models::{Classifier, Decoder, Encoder, SparseAutoencoder};

/// File with the tensors of an encoder and a decoder that were trained together.
pub const AUTOENCODER_FILE: &str = "autoencoder.safetensors";
/// File with the tensors of an encoder that came without a decoder.
pub const ENCODER_FILE: &str = "encoder.safetensors";
/// File with the tensors of a decoder that was trained for an encoder of others.
pub const DECODER_FILE: &str = "decoder.safetensors";
/// File with the tensors of the text tower.
pub const TEXT_FILE: &str = "text.safetensors";
/// File with the tensors of the classifier.
pub const CLASSIFIER_FILE: &str = "classifier.safetensors";
/// File with the tensors and statistics of the SAE.
pub const SAE_FILE: &str = "sae.safetensors";

/// Encoder architectures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EncoderKind {
    /// [`ConvEncoder`], tensors `encoder.*` of `autoencoder.safetensors`.
    Conv(AutoencoderConfig),
    /// [`ResNetEncoder`], torchxrayvision's, in the same file.
    ResNet(ResNetAutoencoderConfig),
    /// [`VisionTransformer`], `encoder.safetensors`.
    Vit(VitConfig),
    /// [`Trunk`]: a classifier without its last layer, `encoder.safetensors`.
    Trunk(TrunkConfig<ClassifierKind>),
}

impl EncoderKind {
    /// Sizes that make sense.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Conv(config) => check_conv(config),
            Self::ResNet(config) => config.check(),
            Self::Vit(config) => config.check(),
            Self::Trunk(config) => {
                config.classifier.check()?;
                if !(1..=MOST_PIXELS).contains(&config.side) {
                    return Err(format!("a classifier does not read films of {} pixels a side", config.side));
                }
                let pooled = config.classifier.pooled();
                pooled.map(drop).ok_or_else(|| NO_TRUNK.into())
            }
        }
    }

    /// `[tokens, dim]` of the latent.
    #[must_use]
    pub fn latent(&self) -> [usize; 2] {
        match self {
            Self::Conv(config) => [config.grid() * config.grid(), config.latent],
            Self::ResNet(config) => config.latent(),
            Self::Vit(config) => [config.leaving(), config.hidden],
            Self::Trunk(config) => [1, config.classifier.pooled().unwrap_or(0)],
        }
    }

    /// Rows and columns of the latent's tokens, where they have places.
    #[must_use]
    pub fn grid(&self) -> Option<[usize; 2]> {
        match self {
            Self::Conv(config) => Some([config.grid(); 2]),
            Self::ResNet(config) => Some([config.latent()[0].isqrt(); 2]),
            Self::Vit(config) => (config.tokens == Tokens::Patches).then(|| [config.grid(); 2]),
            Self::Trunk(_) => None,
        }
    }

    /// Side of the film that it reads.
    #[must_use]
    pub fn side(&self) -> usize {
        match self {
            Self::Conv(config) => config.size,
            Self::ResNet(_) => RESNET_AUTOENCODER_SIDE,
            Self::Vit(config) => config.image,
            Self::Trunk(config) => config.side,
        }
    }

    /// How grey levels become its channels.
    #[must_use]
    pub fn intake(&self) -> Intake {
        match self {
            Self::Conv(_) | Self::ResNet(_) => Intake::grey(),
            Self::Vit(config) => config.intake.clone(),
            Self::Trunk(config) => config.classifier.intake(),
        }
    }

    /// Numbers of a place in the space that it shares with texts, where its latent leads there.
    #[must_use]
    pub fn shared_space(&self) -> Option<usize> {
        match self {
            Self::Conv(_) | Self::ResNet(_) | Self::Trunk(_) => None,
            Self::Vit(config) => config.projection,
        }
    }

    /// The file of its tensors, where it is the bundle's encoder.
    #[must_use]
    pub fn file(&self) -> &'static str {
        match self {
            Self::Conv(_) | Self::ResNet(_) => AUTOENCODER_FILE,
            Self::Vit(_) | Self::Trunk(_) => ENCODER_FILE,
        }
    }

    /// The network with its tensors `encoder.*` of `file`.
    pub(super) fn open(&self, opened: &mut Opened<'_>, file: &'static str) -> Result<Arc<dyn Encoder>> {
        let device = &opened.device.clone();
        let network: Arc<dyn Encoder> = match self {
            Self::Conv(config) => {
                return Ok(Arc::new(opened.fill(file, "encoder", ConvEncoder::new(config, device))?));
            }
            Self::ResNet(config) => Arc::new(opened.fill(file, "encoder", ResNetEncoder::new(config, device))?),
            Self::Vit(config) => {
                let untrained = VisionTransformer::new(config, device).map_err(Error::Invalid)?;
                Arc::new(opened.fill(file, "encoder", untrained)?)
            }
            Self::Trunk(TrunkConfig { classifier, .. }) => match classifier {
                ClassifierKind::Conv(config) => {
                    return Ok(Arc::new(Trunk(opened.fill(file, "encoder", ConvClassifier::new(config, device))?)));
                }
                ClassifierKind::DenseNet(config) => {
                    Arc::new(Trunk(opened.fill(file, "encoder", DenseNet::new(config, device))?))
                }
                ClassifierKind::ResNet(config) => {
                    Arc::new(Trunk(opened.fill(file, "encoder", ResNet::new(config, device))?))
                }
                ClassifierKind::Jfhealthcare(_) => return Err(Error::Invalid(NO_TRUNK.into())),
            },
        };
        Ok(Arc::new(Fitted::new(network, self.side())))
    }
}

/// Decoder architectures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DecoderKind {
    /// [`ConvDecoder`], tensors `decoder.*` of `autoencoder.safetensors`.
    Conv(AutoencoderConfig),
    /// [`ResNetDecoder`], torchxrayvision's, in the same file.
    ResNet(ResNetAutoencoderConfig),
    /// [`TokenDecoder`], `decoder.safetensors`.
    Token(TokenDecoderConfig),
}

impl DecoderKind {
    /// Sizes that make sense.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Conv(config) => check_conv(config),
            Self::ResNet(config) => config.check(),
            Self::Token(config) if (1..=65_536).contains(&config.dim) => check_conv(&config.grid),
            Self::Token(config) => Err(format!("decoder sizes make no sense: {config:?}")),
        }
    }

    /// `[tokens, dim]` of the latent that it draws.
    #[must_use]
    pub fn latent(&self) -> [usize; 2] {
        match self {
            Self::Conv(config) => [config.grid() * config.grid(), config.latent],
            Self::ResNet(config) => config.latent(),
            Self::Token(config) => [1, config.dim],
        }
    }

    /// Side of its frames.
    #[must_use]
    pub fn side(&self) -> usize {
        match self {
            Self::Conv(config) => config.size,
            Self::ResNet(_) => RESNET_AUTOENCODER_SIDE,
            Self::Token(config) => config.grid.size,
        }
    }

    /// The file of its tensors.
    #[must_use]
    pub fn file(&self) -> &'static str {
        match self {
            Self::Conv(_) | Self::ResNet(_) => AUTOENCODER_FILE,
            Self::Token(_) => DECODER_FILE,
        }
    }

    /// The network with its tensors `decoder.*`.
    pub(super) fn open(&self, opened: &mut Opened<'_>) -> Result<Arc<dyn Decoder>> {
        let device = &opened.device.clone();
        Ok(match self {
            Self::Conv(config) => Arc::new(opened.fill(self.file(), "decoder", ConvDecoder::new(config, device))?),
            Self::ResNet(config) => {
                Arc::new(opened.fill(self.file(), "decoder", ResNetDecoder::new(config, device))?)
            }
            Self::Token(config) => Arc::new(opened.fill(self.file(), "decoder", TokenDecoder::new(config, device))?),
        })
    }
}

/// Classifier architectures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ClassifierKind {
    /// [`ConvClassifier`].
    Conv(ClassifierConfig),
    /// [`DenseNet`]: torchxrayvision's DenseNet-121 and the CheXNet reproductions.
    DenseNet(DenseNetConfig),
    /// [`ResNet`]: torchxrayvision's ResNet-50.
    ResNet(ResNetConfig),
    /// [`Jfhealthcare`].
    Jfhealthcare(JfhealthcareConfig),
}

impl ClassifierKind {
    /// Sizes that make sense.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Conv(c) => {
                let channels = c.channels.iter().all(|c| CHANNELS.contains(c));
                let counts = (1..=16).contains(&c.members) && CHANNELS.contains(&c.labels);
                if channels && counts && (0.0..1.0).contains(&c.dropout) {
                    Ok(())
                } else {
                    Err(format!("classifier sizes make no sense: {c:?}"))
                }
            }
            Self::DenseNet(config) => config.check(),
            Self::ResNet(config) => config.check(),
            Self::Jfhealthcare(config) => config.check(),
        }
    }

    /// Outputs.
    #[must_use]
    pub fn labels(&self) -> usize {
        match self {
            Self::Conv(config) => config.labels,
            Self::DenseNet(config) => config.labels,
            Self::ResNet(config) => config.labels,
            Self::Jfhealthcare(config) => config.labels,
        }
    }

    /// How grey levels become its channels.
    #[must_use]
    pub fn intake(&self) -> Intake {
        match self {
            Self::Conv(_) => Intake::grey(),
            Self::DenseNet(config) => config.intake.clone(),
            Self::ResNet(config) => config.intake.clone(),
            Self::Jfhealthcare(config) => config.intake.clone(),
        }
    }

    /// Numbers in what the last layer reads, where that is one vector of the whole film.
    #[must_use]
    pub fn pooled(&self) -> Option<usize> {
        match self {
            Self::Conv(config) => Some(config.members * config.pooling.width(config.channels[3])),
            Self::DenseNet(config) => Some(config.features.outputs()),
            Self::ResNet(config) => config.stages.last().map(|stage| stage.outer),
            Self::Jfhealthcare(_) => None,
        }
    }

    /// Whether its logits are those of that one vector: what its last layer makes of it.
    #[must_use]
    pub fn has_head(&self) -> bool {
        match self {
            Self::Conv(_) | Self::ResNet(_) => true,
            Self::DenseNet(config) => config.crops == Crops::One,
            Self::Jfhealthcare(_) => false,
        }
    }

    /// The network with its tensors `classifier.*` of `classifier.safetensors`, which reads films of `side` pixels.
    pub(super) fn open(&self, opened: &mut Opened<'_>, side: usize) -> Result<Arc<dyn Classifier>> {
        let device = &opened.device.clone();
        let (file, name) = (CLASSIFIER_FILE, "classifier");
        let network: Arc<dyn Classifier> = match self {
            Self::Conv(config) => return Ok(Arc::new(opened.fill(file, name, ConvClassifier::new(config, device))?)),
            Self::DenseNet(config) => Arc::new(opened.fill(file, name, DenseNet::new(config, device))?),
            Self::ResNet(config) => Arc::new(opened.fill(file, name, ResNet::new(config, device))?),
            Self::Jfhealthcare(config) => Arc::new(opened.fill(file, name, Jfhealthcare::new(config, device))?),
        };
        Ok(Arc::new(Fitted::new(network, side)))
    }
}

/// SAE architectures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SaeKind {
    /// [`GatedSae`].
    Gated(GatedSaeConfig),
    /// [`DictionarySae`]: every published kind.
    Dictionary(DictionarySaeConfig),
}

impl SaeKind {
    /// Sizes that make sense.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Self::Dictionary(config) = self {
            config.check()?;
        }
        if (1..=65_536).contains(&self.input()) && (1..=1 << 20).contains(&self.features()) {
            Ok(())
        } else {
            Err(format!("SAE sizes make no sense: {self:?}"))
        }
    }

    /// Numbers in a token.
    #[must_use]
    pub fn input(&self) -> usize {
        match self {
            Self::Gated(config) => config.input,
            Self::Dictionary(config) => config.input,
        }
    }

    /// Features.
    #[must_use]
    pub fn features(&self) -> usize {
        match self {
            Self::Gated(config) => config.features,
            Self::Dictionary(config) => config.features,
        }
    }

    /// The network with its tensors `sae.*` of `sae.safetensors`.
    pub(super) fn open(&self, opened: &mut Opened<'_>) -> Result<Arc<dyn SparseAutoencoder>> {
        let device = &opened.device.clone();
        Ok(match self {
            Self::Gated(config) => {
                let untrained = GatedSae::new(config, Tensor::zeros([config.input], device), device);
                Arc::new(opened.fill(SAE_FILE, "sae", untrained)?)
            }
            Self::Dictionary(config) => Arc::new(opened.fill(SAE_FILE, "sae", DictionarySae::new(config, device))?),
        })
    }
}

/// Side of the film that torchxrayvision's autoencoder reads and draws, in pixels.
const RESNET_AUTOENCODER_SIDE: usize = 224;

const NO_TRUNK: &str = "this classifier has no single vector before its last layer, so it cannot be an encoder";

/// Largest side of a film that a classifier reads.
const MOST_PIXELS: usize = 4096;

const CHANNELS: std::ops::RangeInclusive<usize> = 1..=4096;

fn check_conv(c: &AutoencoderConfig) -> Result<(), String> {
    let channels = c.channels.iter().all(|c| CHANNELS.contains(c));
    let sides = (1..=3).contains(&c.halvings) && (32..=1024).contains(&c.size);
    if !sides || !c.size.is_multiple_of(c.token_pixels()) || !CHANNELS.contains(&c.latent) || !channels {
        return Err(format!("autoencoder sizes make no sense: {c:?}"));
    }
    Ok(())
}

/// Text towers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TextKind {
    /// [`ClipText`].
    Clip(ClipTextConfig),
    /// [`BertText`].
    Bert(BertConfig),
}

impl TextKind {
    /// Sizes that make sense.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Clip(config) => config.check(),
            Self::Bert(config) => config.check(),
        }
    }

    /// Numbers of a place in the space that it shares with films.
    #[must_use]
    pub fn embedding(&self) -> usize {
        match self {
            Self::Clip(config) => config.projection.unwrap_or(config.hidden),
            Self::Bert(config) => config.projection.last().copied().unwrap_or(config.hidden),
        }
    }

    /// The network with its tensors `text.*` of `text.safetensors`.
    pub(super) fn open(&self, opened: &mut Opened<'_>) -> Result<Arc<dyn TextEncoder>> {
        let device = &opened.device.clone();
        Ok(match self {
            Self::Clip(config) => {
                let untrained = ClipText::new(config, device).map_err(Error::Invalid)?;
                Arc::new(opened.fill(TEXT_FILE, "text", untrained)?)
            }
            Self::Bert(config) => {
                let untrained = BertText::new(config, device).map_err(Error::Invalid)?;
                Arc::new(opened.fill(TEXT_FILE, "text", untrained)?)
            }
        })
    }
}

/// Tokenizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TokenizerKind {
    /// CLIP's byte pairs.
    Clip,
    /// BERT's word pieces.
    Bert,
}
