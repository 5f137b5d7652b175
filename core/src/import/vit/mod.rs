//! Published vision transformers to ours: tensors under their authors' names and the configuration beside them enter, sizes
//! and tensors under our paths leave.
//!
//! Knows the names of seven families (`scheme`) and their settings (`settings`); sizes come from the tensors. Knows no
//! files.

mod scheme;
mod settings;

use super::mover::{Mover, nothing_left, reshaped};
use super::tensors::{count, shape, take, transposed, values};
use crate::models::vit::{FinalNorm, Tokens, VitConfig};
use crate::models::weights::Weights;
use burn::tensor::TensorData;
pub use scheme::{Family, recognise, settle_names};
use scheme::{Projection, Scheme};
pub use settings::{Given, activation, heads};
use settings::{Seen, Settings};

/// A vision transformer that was read; put together by
/// `weights::apply(VisionTransformer::new(&config, device)?, &mut weights, device)`.
#[derive(Debug)]
pub struct ImportedVit {
    /// Whose names it had.
    pub family: Family,
    /// Its sizes. The class token leaves after the last block; set `tokens` and `after` for others.
    pub config: VitConfig,
    /// Its tensors under our names.
    pub weights: Weights,
    /// What was assumed because nothing said otherwise, in words.
    pub assumed: Vec<String>,
}

/// Takes the vision tower out of `source`. A text tower stays there; other tensors that would be left are an error.
///
/// # Errors
/// When the names are of no known family, tensors are missing, left over or of wrong shapes, the configuration contradicts
/// them, or sizes are beyond what [`VitConfig::check`] allows.
pub fn import(source: &mut Weights, given: Given<'_>) -> Result<ImportedVit, String> {
    settle_names(source);
    let family = recognise(source).ok_or(
        "the tensors' names are of no vision transformer that is known here (DINOv2, CLIP, timm, transformers)",
    )?;
    let scheme = Scheme::of(family, source);
    refuse_gated(source)?;
    let seen = seen(source, &scheme)?;
    let settings = Settings::read(family, given, &seen)?;
    let [_, channels, patch, _] = patch_shape(source, &scheme)?;
    if settings.intake.mean.len() != channels {
        let (stated, name) = (settings.intake.mean.len(), &scheme.patch);
        return Err(format!("\"{name}.weight\" takes {channels} channels, mean and deviation are of {stated}"));
    }
    let registers = scheme.registers.iter().find_map(|name| shape(source, name)).map_or(0, rows);
    let config = VitConfig {
        image: side(source, &scheme, settings.image, patch)?,
        patch,
        intake: settings.intake,
        hidden: seen.hidden,
        layers: seen.layers,
        heads: settings.heads,
        mlp: seen.mlp,
        activation: settings.activation,
        epsilon: settings.epsilon,
        patch_bias: source.contains_key(&format!("{}.bias", scheme.patch)),
        pre_norm: seen.pre_norm,
        layer_scale: source.contains_key(&scheme.block(0).scale1),
        registers,
        final_norm: if family == Family::ClipHf { FinalNorm::Class } else { FinalNorm::All },
        projection: projected(source, &scheme),
        tokens: Tokens::Class,
        after: None,
    };
    config.check()?;
    let weights = moved(source, &scheme, &config)?;
    nothing_left(source.keys().filter(|name| scheme.owns(name) && !scheme.may_drop(name)))?;
    source.retain(|name, _| !scheme.owns(name));
    Ok(ImportedVit { family, config, weights, assumed: settings.assumed })
}

/// SwiGLU has a third wide layer.
fn refuse_gated(source: &Weights) -> Result<(), String> {
    match source.keys().find(|name| name.contains(".mlp.w12.") || name.contains(".mlp.weights_in.")) {
        Some(name) => Err(format!("SwiGLU layers (\"{name}\") are not supported; only the giant DINOv2 has them")),
        None => Ok(()),
    }
}

/// `[d, channels, p, p]`.
fn patch_shape(source: &Weights, scheme: &Scheme) -> Result<[usize; 4], String> {
    let name = format!("{}.weight", scheme.patch);
    match shape(source, &name) {
        Some(&[hidden, channels, height, width]) if height == width => Ok([hidden, channels, height, width]),
        Some(shape) => Err(format!("tensor \"{name}\" has shape {shape:?}, not that of square patches")),
        None => Err(format!("tensor \"{name}\" is missing")),
    }
}

fn seen(source: &Weights, scheme: &Scheme) -> Result<Seen, String> {
    let [hidden, _, patch, _] = patch_shape(source, scheme)?;
    let layers = count(source, |index| format!("{}.weight", scheme.block(index).norm1));
    let up = format!("{}.weight", scheme.block(0).up);
    let mlp = shape(source, &up).map(rows).ok_or_else(|| format!("tensor \"{up}\" is missing"))?;
    let pre_norm = scheme.pre_norm.as_ref().is_some_and(|name| source.contains_key(&format!("{name}.weight")));
    Ok(Seen { hidden, layers, mlp, patch, pre_norm })
}

/// The last dimension but one.
fn rows(shape: &[usize]) -> usize {
    shape.iter().rev().nth(1).copied().unwrap_or(0)
}

/// Side of the film, from the configuration or the number of positions; the two must fit.
fn side(source: &Weights, scheme: &Scheme, stated: Option<usize>, patch: usize) -> Result<usize, String> {
    let name = &scheme.positions;
    let shape = shape(source, name).ok_or_else(|| format!("tensor \"{name}\" is missing"))?;
    let found = rows(shape);
    let square = |count: usize| Some(count.isqrt()).filter(|side| side * side == count && count > 0);
    // timm's models with registers have no position for the class token.
    let grid = square(found.saturating_sub(1)).or(square(found));
    match (stated, grid) {
        (None, Some(grid)) => grid.checked_mul(patch).ok_or_else(|| "the film's side is beyond all limits".to_owned()),
        (Some(image), Some(grid)) if image.checked_div(patch) == Some(grid) => Ok(image),
        (Some(image), _) => {
            let grid = image.checked_div(patch).unwrap_or(0);
            let mut needed = shape.to_vec();
            if let Some(rows) = needed.iter_mut().rev().nth(1) {
                *rows = grid.saturating_mul(grid).saturating_add(1);
            }
            Err(format!(
                "position embeddings \"{name}\" have shape {shape:?}, films of {image} with patches of {patch} need \
                 {needed:?}; give the configuration of these weights"
            ))
        }
        (None, None) => Err(format!("position embeddings \"{name}\" of shape {shape:?} are those of no square film")),
    }
}

fn projected(source: &Weights, scheme: &Scheme) -> Option<usize> {
    match scheme.projection.as_ref()? {
        Projection::Plain(name) => shape(source, name)?.last().copied(),
        Projection::Turned(name) => shape(source, name)?.first().copied(),
    }
}

/// All tensors of the tower under our names.
fn moved(source: &mut Weights, scheme: &Scheme, config: &VitConfig) -> Result<Weights, String> {
    let (d, mlp) = (config.hidden, config.mlp);
    let mut mover = Mover::new(source);
    mover.plain(&scheme.class_token, "class_token", &[d])?;
    if let Some(name) = scheme.registers.iter().find(|name| mover.source.contains_key(*name)) {
        mover.plain(name, "registers", &[config.registers, d])?;
    }
    patch(&mut mover, scheme, config)?;
    positions(&mut mover, scheme, config)?;
    if let Some(name) = scheme.pre_norm.as_ref().filter(|_| config.pre_norm) {
        mover.norm(name, "pre_norm", d)?;
    }
    for index in 0..config.layers {
        let (from, to) = (scheme.block(index), |part: &str| format!("blocks.{index}.{part}"));
        mover.norm(&from.norm1, &to("norm1"), d)?;
        mover.fused(&from.qkv, &to("attention.qkv"), d)?;
        mover.linear(&from.out, &to("attention.out"), d, d)?;
        mover.norm(&from.norm2, &to("norm2"), d)?;
        mover.linear(&from.up, &to("mlp.up"), d, mlp)?;
        mover.linear(&from.down, &to("mlp.down"), mlp, d)?;
        if config.layer_scale {
            mover.plain(&from.scale1, &to("scale1"), &[d])?;
            mover.plain(&from.scale2, &to("scale2"), &[d])?;
        }
    }
    mover.norm(&scheme.norm, "norm", d)?;
    match (&scheme.projection, config.projection) {
        (Some(Projection::Plain(name)), Some(embed)) => mover.plain(name, "projection", &[d, embed])?,
        (Some(Projection::Turned(name)), Some(embed)) => mover.turned(name, "projection", embed, d)?,
        _ => {}
    }
    Ok(mover.moved)
}

/// A convolution whose windows do not overlap, as a product: `[d, channels, p, p]` to `[channels * p * p, d]`.
fn patch(mover: &mut Mover<'_>, scheme: &Scheme, config: &VitConfig) -> Result<(), String> {
    let shape = [config.hidden, config.intake.channels(), config.patch, config.patch];
    let kernel = take(mover.source, &format!("{}.weight", scheme.patch), &shape)?;
    let matrix = reshaped(kernel, &[config.hidden, config.patch_numbers()]);
    mover.insert("patch.weight", transposed(&matrix)?);
    if config.patch_bias {
        mover.plain(&format!("{}.bias", scheme.patch), "patch.bias", &[config.hidden])?;
    }
    Ok(())
}

/// Positions of the class token and the patches; one that is not there is zero.
fn positions(mover: &mut Mover<'_>, scheme: &Scheme, config: &VitConfig) -> Result<(), String> {
    let patches = config.grid() * config.grid();
    let found = shape(mover.source, &scheme.positions).map_or(0, rows);
    mover.plain(&scheme.positions, "positions", &[found, config.hidden])?;
    if found == patches {
        let given = mover.moved.remove("positions").ok_or("no positions")?;
        let mut numbers = vec![0.0; config.hidden];
        numbers.extend_from_slice(values(&given)?);
        mover.insert("positions", TensorData::new(numbers, [patches + 1, config.hidden]));
    }
    Ok(())
}
