//! TopK, BatchTopK and Matryoshka BatchTopK: few activations kept by their size, and a second chance for dead features.
//!
//! Sources: Gao et al. 2024 (arXiv 2406.04093) for TopK and the auxiliary loss; Bussmann et al. 2024 (2412.06410) for
//! BatchTopK; Bussmann et al. 2025 (2503.17547) for Matryoshka. Compared with `dictionary_learning` 0.1.0,
//! `trainers/{top_k,batch_top_k,matryoshka_batch_top_k}.py`. Two differences are on purpose: features of the auxiliary
//! loss are a power of two (the paper) instead of `d / 2`, unless an option says otherwise; and the Matryoshka loss is
//! the plain mean over groups, where the library divides by their number twice with its default weights.
//!
//! `TopK` is one group of all features here; with groups, features of group `j` help in the reconstructions of groups
//! `j, j + 1, ..`, so that their gradient is the sum of those reconstructions' gradients.

use std::ops::Range;

use super::options::{DictionaryOptions, Objective};
use super::parameters::{Gradients, Parameters};
use super::pass::{Batch, Pass, add_row_sum, difference, less, mark, squares, sum, through_encoder, times};
use super::select::{Largest, batch_entries, largest_of_rows, look_at_batch};
use super::sparse::{Entries, piece_rows, project};
use crate::error::Result;

/// See [`super::pass::run`].
pub(super) fn pass(
    options: &DictionaryOptions,
    parameters: &mut Parameters,
    batch: &Batch<'_>,
    gradients: &mut Gradients,
) -> Result<Pass> {
    let (dim, m, tokens) = (parameters.input, parameters.features, batch.tokens);
    let rows = tokens.len() / dim;
    let centred = less(tokens, &parameters.decoder_bias);
    let (kept, of_dead) = choose(options, parameters, &centred, batch.dead)?;

    let groups = groups(&options.objective, m);
    let parts: Vec<Entries> =
        if groups.len() == 1 { vec![kept] } else { groups.iter().map(|range| kept.within(range)).collect() };
    // Reconstruction up to the end of each group; what remains is `left`.
    let mut left = centred.clone();
    let share = 1.0 / groups.len() as f32;
    let mut upstream: Vec<Vec<f32>> = Vec::with_capacity(groups.len());
    let mut loss = 0.0;
    for part in &parts {
        left = difference(&left, &part.combine(&part.values, &mut parameters.decoder, dim)?);
        loss += sum(&squares(&left, dim)) / rows as f64 * f64::from(share);
        upstream.push(times(&left, -2.0 * share / rows as f32));
    }
    for group in (1..groups.len()).rev() {
        let (before, after) = upstream.split_at_mut(group);
        before[group - 1].iter_mut().zip(&after[0]).for_each(|(sum, value)| *sum += value);
    }
    let mut fired = vec![false; m];
    let mut smallest = f32::INFINITY;
    let gradient = &mut gradients.values;
    let bias_before = gradient.bias.clone();
    for (part, upstream) in parts.iter().zip(&upstream) {
        add_gradients(part, upstream, &centred, parameters, gradient, &mut fired)?;
        smallest = part.values.iter().copied().fold(smallest, f32::min);
    }
    gradients.touched.iter_mut().zip(&fired).for_each(|(touched, fired)| *touched |= fired);
    if let Some(first) = upstream.first() {
        add_row_sum(first, &mut gradient.decoder_bias);
    }

    if !of_dead.is_empty() {
        let built = of_dead.combine(&of_dead.values, &mut parameters.decoder, dim)?;
        let miss = difference(&built, &left);
        // Divided by the residual's variance over the batch, as OpenAI's kernels.py has it.
        let spread = super::pass::variance(&left, dim);
        let weight = f64::from(options.auxiliary_weight) / (spread * rows as f64);
        let auxiliary = sum(&squares(&miss, dim)) * weight;
        if auxiliary.is_finite() {
            loss += auxiliary;
            let upstream = times(&miss, (2.0 * weight) as f32);
            add_gradients(&of_dead, &upstream, &centred, parameters, gradient, &mut gradients.touched)?;
        }
    }
    let bias: Vec<f32> = difference(&gradient.bias, &bias_before);
    through_encoder(&bias, &parameters.encoder, &mut gradient.decoder_bias);
    Ok(Pass {
        loss,
        active: parts.iter().map(Entries::len).sum::<usize>() as f64 / rows as f64,
        fired,
        token_errors: squares(&left, dim),
        smallest_kept: smallest.is_finite().then_some(smallest),
        ..Pass::default()
    })
}

/// Feature ranges of the groups.
pub(super) fn groups(objective: &Objective, features: usize) -> Vec<Range<usize>> {
    let all = [features];
    let sizes = if let Objective::Matryoshka { groups, .. } = objective { groups.as_slice() } else { &all };
    let mut start = 0;
    sizes
        .iter()
        .map(|&size| {
            start += size;
            start - size..start
        })
        .collect()
}

/// The activations that are kept, and those of dead features for the auxiliary loss.
fn choose(
    options: &DictionaryOptions,
    parameters: &mut Parameters,
    centred: &[f32],
    dead: &[bool],
) -> Result<(Entries, Entries)> {
    let (dim, m) = (parameters.input, parameters.features);
    let rows = centred.len() / dim;
    let k = options.objective.k().unwrap_or(m);
    let by_batch = options.objective.has_batch_threshold();
    let dead_count = dead.iter().filter(|&&dead| dead).count();
    let auxiliary = if options.auxiliary_weight > 0.0 { options.auxiliary_count(dim).min(dead_count) } else { 0 };
    let (mut largest, mut of_rows, mut of_dead) = (Largest::new(rows.saturating_mul(k)), Vec::new(), Vec::new());
    let size = piece_rows(m);
    for (piece, tokens) in centred.chunks(size * dim).enumerate() {
        let pre = project(tokens, &mut parameters.encoder, dim)?;
        if by_batch {
            look_at_batch(&mut largest, &pre, &parameters.bias, piece * size);
        } else {
            of_rows.extend(largest_of_rows(&pre, &parameters.bias, k, None));
        }
        if auxiliary > 0 {
            of_dead.extend(largest_of_rows(&pre, &parameters.bias, auxiliary, Some(dead)));
        }
    }
    let kept = if by_batch { batch_entries(largest, rows, m) } else { Entries::from_rows(of_rows) };
    Ok((kept, Entries::from_rows(of_dead)))
}

/// Gradients of activations whose reconstruction has gradient `upstream [n, d]`.
fn add_gradients(
    entries: &Entries,
    upstream: &[f32],
    centred: &[f32],
    parameters: &mut Parameters,
    gradient: &mut Parameters,
    marks: &mut [bool],
) -> Result<()> {
    let dim = parameters.input;
    let back = entries.dots(upstream, &mut parameters.decoder, dim)?;
    let columns = entries.by_column(parameters.features);
    columns.add_rows(&entries.values, upstream, dim, &mut gradient.decoder)?;
    columns.add_rows(&back, centred, dim, &mut gradient.encoder)?;
    columns.add(&back, &mut gradient.bias);
    mark(&columns, marks);
    Ok(())
}
