//! Latency and throughput of a bundle on this machine, measured on a drawn film.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::bundle::BundleSource;
use crate::device::{ComputeDevice, DeviceChoice};
use crate::difference::signed;
use crate::engine::{Analysis, Edit, Engine, IntoFloats, Progress};
use crate::error::{Error, Result};
use crate::export::gif::{GifOptions, encode_gif};
use crate::phantom::{PhantomRequest, Prevalence};
use crate::samples;
use crate::shift::{ShiftRequest, Target};

/// Slider positions timed, after [`WARM_UP`] that are not.
const DRAGS: usize = 200;
const WARM_UP: usize = 10;
/// Films encoded for the throughput, at most.
const ENCODED: usize = 32;
/// Runs of one network alone, at most.
const RUNS: usize = 15;
/// Time after which a measurement ends that has at least [`FEWEST`] values: a large encoder takes seconds for a film.
const LONGEST: Duration = Duration::from_secs(8);
const FEWEST: usize = 3;
/// Phantoms drawn for theirs.
const DRAWN: usize = 64;

/// Middle and slow end of a latency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
}

/// What `fluoro bench` prints. Times in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// Device that computed.
    pub device: String,
    /// CPU threads.
    pub threads: usize,
    /// Bundle.
    pub bundle: String,
    /// Edit, decode, classify, difference at the bundle's size; none in a bundle whose features cannot be edited.
    pub slider_ms: Option<Latency>,
    /// Film file to analysis with reconstruction, warm.
    pub open_ms: f64,
    /// A label's shift with its gradient, encoded as a GIF; none in a bundle without decoder or classifier.
    pub shift_ms: Option<f64>,
    /// Films' tensors through encoder and SAE; none in a bundle without either.
    pub encode_films_per_second: Option<f64>,
    /// One film's tensor through the encoder.
    pub encoder_ms: Option<f64>,
    /// One latent through the decoder.
    pub decoder_ms: Option<f64>,
    /// One film's tensor through the classifier.
    pub classifier_ms: Option<f64>,
    /// The gradient of a label's score with respect to the latent, through decoder and classifier.
    pub gradient_ms: Option<f64>,
    /// Phantoms of 224 x 224 drawn and encoded as PNG on one thread.
    pub phantom_films_per_second: f64,
    /// Opening device and bundle, before the first film.
    pub start_ms: f64,
    /// Start to the first picture of a film: device, bundle, film, reconstruction, cold.
    pub first_picture_ms: f64,
    /// Largest resident memory of this process so far, in MB (Linux); zero where it cannot be read.
    pub memory_mb: f64,
}

/// Runs every measurement.
///
/// # Errors
/// When the device or bundle cannot be opened, or the device fails.
pub fn run(choice: DeviceChoice, source: &BundleSource, progress: &Progress<'_>) -> Result<BenchReport> {
    let sample = samples::names().next().ok_or_else(|| Error::Invalid("no sample film in this build".into()))?;
    let start = Instant::now();
    let (device, _) = ComputeDevice::open(choice)?;
    let engine = Engine::open(source, device)?;
    let start_ms = milliseconds(start);
    let analysis = engine.analyze(&samples::open(sample)?)?;
    let first_picture_ms = milliseconds(start);

    progress.step("opening films", 1, 5)?;
    let mut open = Vec::new();
    let began = Instant::now();
    while open.len() < 10 && (open.len() < FEWEST || began.elapsed() < LONGEST) {
        let start = Instant::now();
        engine.analyze(&samples::open(sample)?)?;
        open.push(milliseconds(start));
    }

    progress.step("dragging a slider", 2, 5)?;
    let slider_ms = drag(&engine, &analysis)?;
    progress.step("shifting", 3, 5)?;
    let shift_ms = shift(&engine, &analysis)?;
    progress.step("encoding films", 4, 5)?;
    let bundle = engine.bundle();
    let encode_films_per_second = match (&bundle.encoder, &bundle.sae) {
        (Some(_), Some(_)) => {
            timed(ENCODED, || engine.sparse_activations(&analysis.input).map(drop))?.map(|median| 1e3 / median)
        }
        _ => None,
    };
    let film = engine.film_tensor(&analysis.input);
    let run = |result: std::result::Result<Vec<f32>, String>| engine.read(result).map(drop);
    let encoder_ms = match &bundle.encoder {
        Some(encoder) => timed(RUNS, || run(encoder.encode(film.clone()).into_floats()))?,
        None => None,
    };
    let classifier_ms = match &bundle.classifier {
        Some(classifier) => timed(RUNS, || run(classifier.logits(film.clone()).into_floats()))?,
        None => None,
    };
    let (mut decoder_ms, mut gradient_ms) = (None, None);
    if let (Some(decoder), Some(latent)) = (&bundle.decoder, &analysis.latent) {
        decoder_ms = timed(RUNS, || run(decoder.decode(latent.clone()).into_floats()))?;
        if bundle.classifier.is_some() {
            gradient_ms = timed(RUNS, || {
                // Gradients are kept; this one is to be taken again.
                analysis.gradients.lock().clear();
                run(engine.score_gradient(&analysis, 0)?.into_floats())
            })?;
        }
    }

    progress.step("drawing phantoms", 5, 5)?;
    let request = PhantomRequest { count: DRAWN, seed: 1, side: 224, prevalence: Prevalence::default(), truth: false };
    let start = Instant::now();
    for number in 1..=DRAWN {
        let phantom = request.phantom(number)?;
        phantom.render(request.side).to_png(&phantom.mark())?;
    }
    let phantom_films_per_second = DRAWN as f64 / start.elapsed().as_secs_f64();

    Ok(BenchReport {
        device: engine.device().name().to_owned(),
        threads: rayon::current_num_threads(),
        bundle: engine.manifest().name.clone(),
        slider_ms,
        open_ms: percentile(&mut open, 0.5),
        shift_ms,
        encode_films_per_second,
        encoder_ms,
        decoder_ms,
        classifier_ms,
        gradient_ms,
        phantom_films_per_second,
        start_ms,
        first_picture_ms,
        memory_mb: peak_memory_mb(),
    })
}

/// Sliders of the strongest feature, where features can be edited.
fn drag(engine: &Engine, analysis: &Analysis) -> Result<Option<Latency>> {
    let Some(reconstruction) = &analysis.reconstruction else { return Ok(None) };
    if engine.feature_count() == 0 || engine.bundle().sae_encoder.is_some() {
        return Ok(None);
    }
    let feature = *engine.top_features(analysis, 1).first().unwrap_or(&0);
    let top = analysis.activations.get(feature).copied().unwrap_or(0.0).max(1.0);
    let mut drags = Vec::new();
    for drag in 0..WARM_UP + DRAGS {
        let value = top * 2.0 * (drag as f32 + 0.5) / (WARM_UP + DRAGS) as f32;
        let start = Instant::now();
        let edit = Edit { features: BTreeMap::from([(feature, value)]), ..Edit::default() };
        let frame = engine.edit(analysis, &edit)?;
        let _difference = signed(&reconstruction.pixels, &frame.pixels)?;
        if drag >= WARM_UP {
            drags.push(milliseconds(start));
        }
    }
    Ok(Some(Latency { p50: percentile(&mut drags, 0.5), p95: percentile(&mut drags, 0.95) }))
}

/// Shifts of the first labels, each with its GIF.
fn shift(engine: &Engine, analysis: &Analysis) -> Result<Option<f64>> {
    let mut shifts = Vec::new();
    if engine.bundle().decoder.is_none() || analysis.latent.is_none() {
        return Ok(None);
    }
    for label in 0..3.min(engine.bundle().labels().count()) {
        let request = ShiftRequest::of(Target::Label(label));
        let start = Instant::now();
        let shift = engine.shift(analysis, &request, &Progress::silent())?;
        encode_gif(
            &shift.frames,
            &shift.predictions,
            &shift.lambdas,
            Some(&analysis.input),
            &shift.target,
            &GifOptions::default(),
        )?;
        shifts.push(milliseconds(start));
    }
    Ok((!shifts.is_empty()).then(|| percentile(&mut shifts, 0.5)))
}

/// Median time of `work`, after a run that is not counted.
fn timed(most: usize, work: impl Fn() -> Result<()>) -> Result<Option<f64>> {
    work()?;
    let began = Instant::now();
    let mut times = Vec::new();
    while times.len() < most && (times.len() < FEWEST || began.elapsed() < LONGEST) {
        let start = Instant::now();
        work()?;
        times.push(milliseconds(start));
    }
    Ok(Some(percentile(&mut times, 0.5)))
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((share * last as f64).round() as usize).copied().unwrap_or(0.0)
}

/// `VmHWM` of `/proc/self/status`, in MB.
fn peak_memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}
