//! Fitting of linear probes on the tokens of a bundle's own encoder: one for each column of the dataset's table.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use burn::tensor::TensorData;
use rayon::prelude::*;

use super::data::TrainingData;
use super::films::Films;
use super::sae::encode_all;
use super::{TrainJob, TrainReport, bundle_path, recipe_text};
use crate::bundle::load::{PROBES_FILE, probe_tensors};
use crate::bundle::manifest::Probe;
use crate::bundle::{Bundle, BundleSource, save};
use crate::error::{Error, Result};
use crate::metrics;
use crate::models::weights::Weights;
use crate::probe::TokenProbe;

const NAME: &str = "probes";
/// Films that probes are fitted on, at most: a linear probe has few numbers.
const MOST: usize = 2000;
/// Fewest films with a column, and without, for a probe or its AUC.
const FEWEST: usize = 5;

pub(super) fn train(job: &TrainJob<'_>) -> Result<TrainReport> {
    let start = Instant::now();
    let device = job.tensor_device();
    let bundle = Bundle::open(&BundleSource::Folder(job.output.clone()), device)?;
    let encoder = bundle.encoder.clone().ok_or(bundle.missing("encoder", "fitting probes"))?;
    let manifest = Arc::clone(&bundle.manifest);
    let fed = manifest.encoder_input();
    let (side, dim) = (fed.size, manifest.latent.dim);
    let data = TrainingData::read(job)?;
    let tokens = |films: &Films| -> Result<Vec<Vec<f32>>> {
        let inputs = films.inputs(fed)?;
        let some = &inputs[..inputs.len().min(MOST)];
        let all = encode_all(&*encoder, some, side, device, job)?;
        Ok(all.chunks_exact(manifest.latent.tokens * dim).map(<[f32]>::to_vec).collect())
    };
    let (training, held_out) = (tokens(&data.training)?, tokens(&data.held_out)?);
    let mut columns: Vec<String> =
        data.training.records.iter().flat_map(|record| record.columns.keys().cloned()).collect();
    columns.sort();
    columns.dedup();
    job.progress.step("fitting probes", 0, columns.len())?;
    let fitted: Vec<(Probe, TokenProbe)> = columns
        .par_iter()
        .filter_map(|column| {
            let (films, present) = known(&training, &data.training, column);
            let positives = count(&present);
            if positives < FEWEST || present.len() - positives < FEWEST {
                return None;
            }
            let probe = TokenProbe::fit(&films, &present, dim);
            let (films, present) = known(&held_out, &data.held_out, column);
            let scores: Vec<f32> = films.iter().map(|film| probe.film_logit(film)).collect();
            let enough = count(&present) >= FEWEST && present.len() - count(&present) >= FEWEST;
            let auc = enough.then(|| metrics::auc(&scores, &present).ok()).flatten();
            Some((Probe { name: column.clone(), positives, auc: auc.map(|auc| auc as f32) }, probe))
        })
        .collect();
    if fitted.is_empty() {
        let reason = format!("no column of the table has {FEWEST} training films with it and {FEWEST} without");
        return Err(Error::Invalid(reason));
    }
    job.progress.step("fitting probes", columns.len(), columns.len())?;
    let results = fitted.iter().filter_map(|(probe, _)| Some((format!("auc {}", probe.name), f64::from(probe.auc?))));
    let report = TrainReport {
        bundle: bundle_path(&job.output),
        part: NAME.into(),
        films: [training.len(), held_out.len()],
        patients: [data.training.patients(), data.held_out.patients()],
        parameters: fitted.len() * (2 * dim + 3),
        results: results.collect::<BTreeMap<_, _>>(),
        seconds: start.elapsed().as_secs_f64(),
    };
    // Read again: another part may have been trained in the meantime.
    let mut manifest = job.manifest(manifest.latent, &data.sources)?;
    manifest.probes = fitted.iter().map(|(probe, _)| probe.clone()).collect();
    let note = "fluoro train probes; logistic regression on the token that shows the column most, by Adam on standardised \
                tokens; direction: covariance times weight";
    manifest.provenance.recipes.insert(NAME.into(), recipe_text(&job.options, &report, job.device.name(), note)?);
    let table = |of: fn(&TokenProbe) -> Vec<f32>| fitted.iter().flat_map(|(_, probe)| of(probe)).collect::<Vec<f32>>();
    let values = [
        table(|probe| probe.weight.clone()),
        table(|probe| probe.pattern.clone()),
        table(|probe| vec![probe.bias, probe.quiet, probe.loud]),
    ];
    let tensors: Weights = probe_tensors(dim)
        .into_iter()
        .zip(values)
        .map(|((name, width), values)| (name.to_owned(), TensorData::new(values, [fitted.len(), width])))
        .collect();
    save::part(&job.output, &mut manifest, PROBES_FILE, &tensors)?;
    Ok(report)
}

/// Tokens and truths of the films where a column is known.
fn known(tokens: &[Vec<f32>], films: &Films, column: &str) -> (Vec<Vec<f32>>, Vec<bool>) {
    let of = |(tokens, record): (&Vec<f32>, &crate::dataset::FilmRecord)| {
        Some((tokens.clone(), *record.columns.get(column)? > 0.5))
    };
    tokens.iter().zip(&films.records).filter_map(of).unzip()
}

fn count(present: &[bool]) -> usize {
    present.iter().filter(|&&p| p).count()
}
