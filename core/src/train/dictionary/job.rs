//! One run: from latents to a dictionary.
//!
//! Every number depends on options, latents and step alone, so that a run that was stopped and resumed ends with the same
//! weights bit for bit (on the same machine with the same number of threads).

use std::path::PathBuf;
use std::time::Instant;

use burn::prelude::*;

use super::adam::Moments;
use super::checkpoint::{Checkpoints, Position};
use super::curve::{CurvePoint, Interval};
use super::dead::{self, Silence};
use super::evaluation::{DictionaryQuality, evaluate};
use super::latents::{Centring, Latents};
use super::learner::{Compute, Learner};
use super::options::DictionaryOptions;
use super::order::batch_rows;
use super::parameters::Parameters;
use super::pass::{Batch, less};
use super::sparse::{piece_rows, project};
use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::models::dictionary::DictionarySaeConfig;
use crate::models::weights::Weights;
use crate::train::schedule;

/// Steps before a batch's threshold is worth keeping (`dictionary_learning`'s `threshold_start_step`), at most half of
/// the run.
const THRESHOLD_START: usize = 1000;

/// Tokens on which gates are tightened.
const GATE_SAMPLE: usize = 4096;

/// A run to do.
pub struct DictionaryJob<'a> {
    /// Choices.
    pub options: DictionaryOptions,
    /// Latents to learn from.
    pub training: &'a dyn Latents,
    /// Latents to judge by.
    pub held_out: &'a dyn Latents,
    /// What computes.
    pub compute: Compute,
    /// Folder of the run's checkpoints; without one nothing is kept of a run that stops.
    pub checkpoints: Option<PathBuf>,
    /// Whether to go on from a checkpoint there; it is removed otherwise.
    pub resume: bool,
    /// Who listens, and who may cancel. A cancelled run writes a checkpoint first.
    pub progress: &'a Progress<'a>,
    /// Who is given each point of the curves as it is made; of a resumed run, the earlier ones first.
    pub on_point: &'a (dyn Fn(&CurvePoint) + Sync),
}

/// A finished dictionary.
#[derive(Clone, Debug)]
pub struct TrainedDictionary {
    /// Sizes and kind.
    pub config: DictionarySaeConfig,
    /// Weights under the names of [`crate::models::dictionary::DictionarySae`], for latents as the encoder gives them.
    pub weights: Weights,
    /// Curves.
    pub history: Vec<CurvePoint>,
    /// Results on the held-out latents.
    pub quality: DictionaryQuality,
    /// Steps a second of this run, without reading and judging.
    pub steps_per_second: f64,
    /// Wall time of this run; a resumed run counts from its resumption.
    pub seconds: f64,
}

impl DictionaryJob<'_> {
    /// Trains.
    ///
    /// # Errors
    /// When options or latents make no sense, a checkpoint is of another run, the loss leaves the finite numbers, the
    /// device fails, or the run is cancelled.
    pub fn run(&self) -> Result<TrainedDictionary> {
        let began = Instant::now();
        let options = &self.options;
        let dim = self.training.dim();
        options.check(dim)?;
        if self.held_out.dim() != dim || self.held_out.is_empty() {
            return Err(Error::Shape {
                what: "held-out latents".into(),
                expected: format!("rows of {dim} numbers, at least one"),
                found: format!("{} rows of {} numbers", self.held_out.len(), self.held_out.dim()),
            });
        }
        self.progress.step("centring latents", 0, options.steps)?;
        let centring = Centring::mean_and_scale(self.training)?;
        let checkpoints = self.checkpoints.as_deref().map(Checkpoints::new);
        let start = Position {
            step: 0,
            options: options.clone(),
            inputs: centring.fingerprint(self.training.len()),
            threshold: None,
            silence: vec![0; options.features],
            history: Vec::new(),
            interval: Interval::default(),
        };
        let untrained = Parameters::untrained(options, dim);
        let saved = match &checkpoints {
            Some(checkpoints) if self.resume => checkpoints.read(&start, untrained.clone())?,
            Some(checkpoints) => {
                checkpoints.remove();
                None
            }
            None => None,
        };
        let (mut position, mut learner) = match saved {
            Some((position, parameters, moments)) => (position, Learner::new(&self.compute, parameters, moments)),
            None => {
                let moments = Moments::new(&untrained);
                (start, Learner::new(&self.compute, untrained, moments))
            }
        };
        position.history.iter().for_each(|point| (self.on_point)(point));

        let write = |learner: &Learner, position: &Position| match &checkpoints {
            Some(checkpoints) => learner.look(|parameters, moments| checkpoints.write(parameters, moments, position)),
            None => Ok(()),
        };
        let first_step = position.step;
        let mut busy = 0.0_f64;
        let mut tokens = Vec::new();
        while position.step < options.steps {
            let step = position.step;
            if let Err(stopped) = self.progress.step(&stage(&position), step, options.steps) {
                write(&learner, &position)?;
                return Err(stopped);
            }
            self.training.fill(&batch_rows(options.seed, step, options.batch, self.training.len()), &mut tokens)?;
            let clock = Instant::now();
            centring.apply(&mut tokens);
            self.step(&mut learner, &mut position, &tokens)?;
            busy += clock.elapsed().as_secs_f64();
            if position.step.is_multiple_of(options.checkpoint_every) && position.step < options.steps {
                write(&learner, &position)?;
            }
        }
        // Kept until the end result is in the caller's hands: judging takes a while and may be cancelled as well.
        if first_step < options.steps && checkpoints.is_some() {
            write(&learner, &position)?;
        }

        let mut parameters = learner.finish()?;
        if let (Some(active), true) = (options.at_most_active, options.objective.name() == "gated") {
            self.tighten_gates(&mut parameters, &centring, active)?;
        }
        let threshold = position.threshold.unwrap_or(0.0);
        let (config, weights) = parameters.folded(&options.objective, &centring, threshold);
        drop(parameters);
        let device = match &self.compute {
            Compute::Processor => Device::flex(),
            Compute::Device(device) => device.clone(),
        };
        let quality = evaluate(&config, &weights, self.held_out, &device, self.progress)?;
        if let Some(checkpoints) = &checkpoints {
            checkpoints.remove();
        }
        Ok(TrainedDictionary {
            config,
            weights,
            history: position.history,
            quality,
            steps_per_second: (options.steps - first_step) as f64 / busy.max(1e-9),
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    /// One step on centred tokens, with all that it changes of the position.
    fn step(&self, learner: &mut Learner, position: &mut Position, tokens: &[f32]) -> Result<()> {
        let (options, step) = (&self.options, position.step);
        let mut silence = Silence { tokens: std::mem::take(&mut position.silence) };
        let dead = silence.dead(options.dead_window);
        let rate = schedule::learning_rate(options.learning_rate, step, options.steps);
        let batch = Batch { tokens, dead: &dead, sparsity_share: options.sparsity_share(step) };
        let pass = learner.step(options, &batch, rate, step)?;
        silence.update(&pass.fired, options.batch);
        if dead::is_due(options, step) {
            learner.change(|parameters, moments| {
                let batch = (tokens, pass.token_errors.as_slice());
                dead::restart(options, step, &mut silence, batch, parameters, moments);
            })?;
        }
        if step >= THRESHOLD_START.min(options.steps / 2) {
            // A thousand steps' mean in a long run, a tenth of the run's in a short one.
            let new = (10.0 / options.steps as f32).clamp(0.001, 1.0);
            let smallest = pass.smallest_kept.unwrap_or(0.0);
            position.threshold = Some(position.threshold.map_or(smallest, |old| old + new * (smallest - old)));
        }
        position.interval.add(&pass);
        position.step += 1;
        if position.step.is_multiple_of(options.report_every) || position.step == options.steps {
            let point = position.interval.take(position.step, silence.alive_share(options.dead_window), rate);
            position.history.push(point);
            (self.on_point)(&point);
        }
        position.silence = silence.tokens;
        Ok(())
    }

    /// Tightens all gates by one amount, so that a sample of training tokens has at most `wanted` active features: what
    /// training ends with beyond that are faint activations, which cost little variance.
    fn tighten_gates(&self, parameters: &mut Parameters, centring: &Centring, wanted: f64) -> Result<()> {
        let (dim, m, rows) = (parameters.input, parameters.features, self.training.len());
        let sample: Vec<usize> = (0..rows).step_by(rows.div_ceil(GATE_SAMPLE).max(1)).collect();
        let most = (wanted * sample.len() as f64) as usize;
        let factors: Vec<f32> = parameters.magnitude_scale.iter().map(|log| log.exp()).collect();
        let (mut open, mut tokens) = (Vec::new(), Vec::new());
        for rows in sample.chunks(piece_rows(m)) {
            self.training.fill(rows, &mut tokens)?;
            centring.apply(&mut tokens);
            let projected = project(&less(&tokens, &parameters.decoder_bias), &mut parameters.encoder, dim)?;
            for row in projected.chunks_exact(m) {
                let gates = row.iter().enumerate().filter(|&(feature, u)| {
                    u + parameters.bias[feature] > 0.0
                        && u * factors[feature] + parameters.magnitude_bias[feature] > 0.0
                });
                open.extend(gates.map(|(feature, u)| u + parameters.bias[feature]));
            }
        }
        if open.len() > most {
            let (_, amount, _) = open.select_nth_unstable_by(most, |a, b| b.total_cmp(a));
            let amount = *amount;
            parameters.bias.iter_mut().for_each(|bias| *bias -= amount);
        }
        Ok(())
    }
}

/// What is being done, in words.
fn stage(position: &Position) -> String {
    match position.history.last() {
        Some(point) => format!(
            "training a dictionary: {:.1} active, {:.1} % explained, {:.0} % alive",
            point.active,
            100.0 * point.explained_variance,
            100.0 * point.alive_share
        ),
        None => "training a dictionary".to_owned(),
    }
}
