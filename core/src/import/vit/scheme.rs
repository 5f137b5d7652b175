//! What the authors of each family of vision transformers call their tensors.

use crate::import::mover::Fused;
use crate::models::weights::Weights;

/// Who named the tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// transformers' `Dinov2Model` and `Dinov2WithRegistersModel`: RAD-DINO's `model.safetensors`.
    Dinov2Hf,
    /// DINOv2's own names, which timm's `vit_*_dinov2` shares: RAD-DINO's `backbone_compatible.safetensors`.
    Dinov2,
    /// transformers' `ViTModel`.
    VitHf,
    /// timm's `VisionTransformer`.
    Timm,
    /// transformers' `CLIPModel`, or one of its vision models alone.
    ClipHf,
    /// OpenAI's CLIP and open_clip's own towers.
    Clip,
    /// open_clip with a trunk of timm: BiomedCLIP.
    ClipTimm,
}

impl Family {
    /// Name to show.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dinov2Hf => "DINOv2 (transformers)",
            Self::Dinov2 => "DINOv2",
            Self::VitHf => "ViT (transformers)",
            Self::Timm => "ViT (timm)",
            Self::ClipHf => "CLIP (transformers)",
            Self::Clip => "CLIP (OpenAI, open_clip)",
            Self::ClipTimm => "CLIP with a timm trunk (open_clip)",
        }
    }

    /// Whether a text tower may lie beside the vision tower.
    #[must_use]
    pub fn has_words(self) -> bool {
        matches!(self, Self::ClipHf | Self::Clip | Self::ClipTimm)
    }
}

/// The family that tensors of these names are of, if any.
#[must_use]
pub fn recognise(source: &Weights) -> Option<Family> {
    let has = |name: &str| source.contains_key(name);
    let any = |words: &str| source.keys().any(|name| name.contains(words));
    if has("visual.trunk.cls_token") {
        Some(Family::ClipTimm)
    } else if has("visual.class_embedding") {
        Some(Family::Clip)
    } else if any("embeddings.class_embedding") {
        Some(Family::ClipHf)
    } else if any("embeddings.cls_token") {
        Some(if any("layernorm_before") { Family::VitHf } else { Family::Dinov2Hf })
    } else if has("cls_token") && has("patch_embed.proj.weight") {
        Some(if any(".ls1.gamma") { Family::Dinov2 } else { Family::Timm })
    } else {
        None
    }
}

/// Names of a family's tensors, without the last `.weight` and `.bias` where there are both.
pub struct Scheme {
    /// `[d]`.
    pub class_token: String,
    /// `[1 + g * g, d]`.
    pub positions: String,
    /// `[r, d]`; one of these.
    pub registers: Vec<String>,
    /// `[d, channels, p, p]`.
    pub patch: String,
    /// Normalisation before the first block.
    pub pre_norm: Option<String>,
    /// Normalisation after the last.
    pub norm: String,
    /// Start of all names of the tower; others are left alone.
    prefix: &'static str,
    /// Start of the blocks' names, before their index.
    blocks: String,
    parts: Parts,
    /// The projection of the class token.
    pub projection: Option<Projection>,
    /// Starts of names that are read by nothing here and harm nothing.
    unused: &'static [&'static str],
}

/// The projection's name and layout.
pub enum Projection {
    /// `[d, embed]`.
    Plain(&'static str),
    /// A linear layer's weight, `[embed, d]`.
    Turned(&'static str),
}

struct Parts {
    norm1: &'static str,
    qkv: fn(&str) -> Fused,
    out: &'static str,
    scale1: &'static str,
    norm2: &'static str,
    up: &'static str,
    down: &'static str,
    scale2: &'static str,
}

/// Names of one block's tensors.
pub struct BlockNames {
    /// First normalisation.
    pub norm1: String,
    /// Queries, keys, values.
    pub qkv: Fused,
    /// Output of the attention.
    pub out: String,
    /// LayerScale of the attention.
    pub scale1: String,
    /// Second normalisation.
    pub norm2: String,
    /// First wide layer.
    pub up: String,
    /// Second wide layer.
    pub down: String,
    /// LayerScale of the wide layers.
    pub scale2: String,
}

/// `q`, `k`, `v` after the same beginning.
fn layers(before: &str, names: [&str; 3]) -> Fused {
    Fused::Layers(names.map(|name| format!("{before}{name}")))
}

const HF_NAMES: [&str; 3] = ["attention.attention.query", "attention.attention.key", "attention.attention.value"];
const CLIP_HF_NAMES: [&str; 3] = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];

const DINOV2_HF: Parts = Parts {
    norm1: "norm1",
    qkv: |block| layers(block, HF_NAMES),
    out: "attention.output.dense",
    scale1: "layer_scale1.lambda1",
    norm2: "norm2",
    up: "mlp.fc1",
    down: "mlp.fc2",
    scale2: "layer_scale2.lambda1",
};
const VIT_HF: Parts = Parts {
    norm1: "layernorm_before",
    norm2: "layernorm_after",
    up: "intermediate.dense",
    down: "output.dense",
    ..DINOV2_HF
};
const TIMM: Parts = Parts {
    norm1: "norm1",
    qkv: |block| Fused::Layer(format!("{block}attn.qkv")),
    out: "attn.proj",
    scale1: "ls1.gamma",
    norm2: "norm2",
    up: "mlp.fc1",
    down: "mlp.fc2",
    scale2: "ls2.gamma",
};
const CLIP_HF: Parts = Parts {
    norm1: "layer_norm1",
    qkv: |block| layers(block, CLIP_HF_NAMES),
    out: "self_attn.out_proj",
    norm2: "layer_norm2",
    ..DINOV2_HF
};
const CLIP: Parts = Parts {
    norm1: "ln_1",
    qkv: |block| Fused::InProjection(format!("{block}attn")),
    out: "attn.out_proj",
    scale1: "ls_1.gamma",
    norm2: "ln_2",
    up: "mlp.c_fc",
    down: "mlp.c_proj",
    scale2: "ls_2.gamma",
};

impl Scheme {
    /// The names of `family`; CLIP's vision model of transformers is saved with and without `vision_model.`.
    #[must_use]
    pub fn of(family: Family, source: &Weights) -> Self {
        match family {
            Family::Dinov2Hf => Self::hf(DINOV2_HF),
            Family::VitHf => Self::hf(VIT_HF),
            Family::Dinov2 | Family::Timm => Self::timm("", None),
            Family::ClipTimm => Self::timm("visual.trunk.", Some(Projection::Turned("visual.head.proj.weight"))),
            Family::ClipHf if source.contains_key("embeddings.class_embedding") => Self::clip_hf(""),
            Family::ClipHf => Self::clip_hf("vision_model."),
            Family::Clip => Self {
                class_token: "visual.class_embedding".to_owned(),
                positions: "visual.positional_embedding".to_owned(),
                registers: Vec::new(),
                patch: "visual.conv1".to_owned(),
                pre_norm: Some("visual.ln_pre".to_owned()),
                norm: "visual.ln_post".to_owned(),
                prefix: "visual.",
                blocks: "visual.transformer.resblocks.".to_owned(),
                parts: CLIP,
                projection: Some(Projection::Plain("visual.proj")),
                unused: &[],
            },
        }
    }

    fn hf(parts: Parts) -> Self {
        Self {
            class_token: "embeddings.cls_token".to_owned(),
            positions: "embeddings.position_embeddings".to_owned(),
            registers: vec!["embeddings.register_tokens".to_owned()],
            patch: "embeddings.patch_embeddings.projection".to_owned(),
            pre_norm: None,
            norm: "layernorm".to_owned(),
            prefix: "",
            blocks: "encoder.layer.".to_owned(),
            parts,
            projection: None,
            unused: &["embeddings.mask_token", "pooler.", "classifier."],
        }
    }

    fn timm(prefix: &'static str, projection: Option<Projection>) -> Self {
        let name = |name: &str| format!("{prefix}{name}");
        Self {
            class_token: name("cls_token"),
            positions: name("pos_embed"),
            registers: vec![name("reg_token"), name("register_tokens")],
            patch: name("patch_embed.proj"),
            pre_norm: Some(name("norm_pre")),
            norm: name("norm"),
            prefix: if projection.is_some() { "visual." } else { "" },
            blocks: name("blocks."),
            parts: TIMM,
            unused: if projection.is_some() { &[] } else { &["mask_token", "head."] },
            projection,
        }
    }

    fn clip_hf(prefix: &'static str) -> Self {
        let name = |name: &str| format!("{prefix}{name}");
        Self {
            class_token: name("embeddings.class_embedding"),
            positions: name("embeddings.position_embedding.weight"),
            registers: Vec::new(),
            patch: name("embeddings.patch_embedding"),
            // The authors' spelling.
            pre_norm: Some(name("pre_layrnorm")),
            norm: name("post_layernorm"),
            prefix,
            blocks: name("encoder.layers."),
            parts: CLIP_HF,
            projection: Some(Projection::Turned("visual_projection.weight")),
            unused: &["embeddings.position_ids", "classifier."],
        }
    }

    /// Names of the block of this index.
    #[must_use]
    pub fn block(&self, index: usize) -> BlockNames {
        let start = format!("{}{index}.", self.blocks);
        let name = |part: &str| format!("{start}{part}");
        BlockNames {
            norm1: name(self.parts.norm1),
            qkv: (self.parts.qkv)(&start),
            out: name(self.parts.out),
            scale1: name(self.parts.scale1),
            norm2: name(self.parts.norm2),
            up: name(self.parts.up),
            down: name(self.parts.down),
            scale2: name(self.parts.scale2),
        }
    }

    /// Whether a tensor is of this tower.
    #[must_use]
    pub fn owns(&self, name: &str) -> bool {
        name.starts_with(self.prefix)
    }

    /// Whether a tensor of this tower is read by nothing and harms nothing.
    #[must_use]
    pub fn may_drop(&self, name: &str) -> bool {
        let name = name.strip_prefix(self.prefix).unwrap_or(name);
        name.ends_with("num_batches_tracked") || self.unused.iter().any(|start| name.starts_with(start))
    }
}

/// Gives tensors the names that `Scheme` knows: without the name of a wrapper, of a chunk of blocks (DINOv2 saves
/// `blocks.CHUNK.INDEX.`, the index counted over all chunks) and as transformers 4 named attention before version 5.
pub fn settle_names(source: &mut Weights) {
    const WRAPPERS: [&str; 7] =
        ["module.", "model.", "backbone.", "clip.", "vit.", "dinov2.", "dinov2_with_registers."];
    for wrapper in WRAPPERS {
        if source.keys().any(|name| name.starts_with(&format!("{wrapper}embeddings.cls_token")))
            || source.keys().all(|name| name.starts_with(wrapper))
        {
            rename(source, |name| name.strip_prefix(wrapper).map(str::to_owned));
        }
    }
    rename(source, |name| {
        let (chunk, rest) = name.strip_prefix("blocks.")?.split_once('.')?;
        let (index, part) = rest.split_once('.')?;
        let numbers = chunk.parse::<usize>().is_ok() && index.parse::<usize>().is_ok();
        numbers.then(|| format!("blocks.{index}.{part}"))
    });
    if source.contains_key("embeddings.cls_token") {
        const NEW: [(&str, &str); 4] = [
            (".attention.q_proj.", ".attention.attention.query."),
            (".attention.k_proj.", ".attention.attention.key."),
            (".attention.v_proj.", ".attention.attention.value."),
            (".attention.o_proj.", ".attention.output.dense."),
        ];
        rename(source, |name| NEW.iter().find(|(new, _)| name.contains(new)).map(|(new, old)| name.replace(new, old)));
    }
}

/// Renames the tensors for which `new` has a name that is not taken.
fn rename(source: &mut Weights, new: impl Fn(&str) -> Option<String>) {
    let names: Vec<(String, String)> = source.keys().filter_map(|name| Some((name.clone(), new(name)?))).collect();
    for (old, new) in names {
        if !source.contains_key(&new)
            && let Some(data) = source.remove(&old)
        {
            source.insert(new, data);
        }
    }
}
