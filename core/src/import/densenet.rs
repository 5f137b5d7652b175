//! The convolutional part of a DenseNet under torchvision's names, for every importer of one.

use super::fold::{Kind, normalisation, put_folded, put_folded_pointwise, turned};
use super::tensors::{count, shape, take};
use crate::models::dense_features::{DenseFeaturesConfig, STEM_KERNEL};
use crate::models::weights::Weights;

/// Whether these are tensors of a DenseNet whose names begin with `prefix`.
pub(super) fn is_densenet(source: &Weights, prefix: &str) -> bool {
    let has = |name: &str| source.contains_key(&format!("{prefix}features.{name}.weight"));
    has("conv0") && has("norm5") && (has("denseblock1.denselayer1.conv1") || has("denseblock1.denselayer1.conv.1"))
}

/// Renames submodules of torchvision before 0.3, whose names hold a dot (`denselayer1.norm.1` for `denselayer1.norm1`).
pub(super) fn without_inner_dots(source: Weights) -> Weights {
    let renamed = |name: String| {
        let Some((head, tail)) = name.split_once(".denselayer") else { return name };
        let Some((number, rest)) = tail.split_once('.') else { return name };
        match rest.split_once('.') {
            Some((part @ ("norm" | "conv"), rest)) if rest.starts_with(['1', '2']) => {
                format!("{head}.denselayer{number}.{part}{rest}")
            }
            _ => name,
        }
    };
    source.into_iter().map(|(name, data)| (renamed(name), data)).collect()
}

/// Sizes of the DenseNet whose tensors' names begin with `prefix`.
pub(super) fn sizes(source: &Weights, prefix: &str) -> Result<DenseFeaturesConfig, String> {
    let name = |part: &str| format!("{prefix}features.{part}.weight");
    let of = |part: &str| match shape(source, &name(part)) {
        Some(&[output, input, _, _]) => Ok((output, input)),
        Some(shape) => Err(format!("tensor \"{}\" has shape {shape:?}; a convolution has four sizes", name(part))),
        None => Err(format!("tensor \"{}\" is missing", name(part))),
    };
    let (initial, inputs) = of("conv0")?;
    let (inner, _) = of("denseblock1.denselayer1.conv1")?;
    let (growth, _) = of("denseblock1.denselayer1.conv2")?;
    if inner % growth != 0 {
        return Err(format!("a layer of {inner} inner channels that adds {growth} is no DenseNet's"));
    }
    let layers =
        |block: usize| count(source, |layer| name(&format!("denseblock{}.denselayer{}.conv1", block + 1, layer + 1)));
    let blocks: Vec<usize> = (0..).map(layers).take_while(|&layers| layers > 0).collect();
    Ok(DenseFeaturesConfig { inputs, initial, growth, bn_size: inner / growth, blocks })
}

/// Takes the convolutional part out of `source` and puts it under `path` of `into`.
pub(super) fn put_features(
    source: &mut Weights,
    prefix: &str,
    config: &DenseFeaturesConfig,
    (into, path): (&mut Weights, &str),
) -> Result<(), String> {
    let prefix = format!("{prefix}features");
    let stem = [config.initial, config.inputs, STEM_KERNEL, STEM_KERNEL];
    let names = (format!("{prefix}.conv0"), format!("{prefix}.norm0"));
    put_folded(source, (&names.0, &names.1), &stem, Kind::Plain, (into, &format!("{path}.stem")))?;
    let inner = config.bn_size * config.growth;
    let widths = config.widths();
    for (block, (&layers, &(before, after))) in config.blocks.iter().zip(&widths).enumerate() {
        for layer in 0..layers {
            let from = format!("{prefix}.denseblock{}.denselayer{}", block + 1, layer + 1);
            let to = format!("{path}.blocks.{block}.layers.{layer}");
            let input = before + layer * config.growth;
            normalisation(source, &format!("{from}.norm1"), input)?.put_affine(into, &format!("{to}.norm"));
            let names = (format!("{from}.conv1"), format!("{from}.norm2"));
            let squeeze = (&mut *into, &*format!("{to}.squeeze"));
            put_folded_pointwise(source, (&names.0, &names.1), [input, inner], squeeze)?;
            let grow = take(source, &format!("{from}.conv2.weight"), &[config.growth, inner, 3, 3])?;
            into.insert(format!("{to}.grow.weight"), turned(&grow)?);
        }
        if block + 1 < widths.len() {
            let from = format!("{prefix}.transition{}", block + 1);
            let to = format!("{path}.transitions.{block}");
            normalisation(source, &format!("{from}.norm"), after)?.put_affine(into, &format!("{to}.norm"));
            let mix = take(source, &format!("{from}.conv.weight"), &[after / 2, after, 1, 1])?;
            into.insert(format!("{to}.mix.weight"), mix);
            super::fold::reshape(into, &format!("{to}.mix.weight"), &[after / 2, after])?;
        }
    }
    normalisation(source, &format!("{prefix}.norm5"), config.outputs())?.put_affine(into, &format!("{path}.norm"));
    Ok(())
}
