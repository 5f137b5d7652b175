//! Latency and throughput of a bundle on this machine, measured on a drawn film.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::bundle::BundleSource;
use crate::device::{ComputeDevice, DeviceChoice};
use crate::difference::signed;
use crate::engine::{Edit, Engine, Progress};
use crate::error::{Error, Result};
use crate::export::gif::{GifOptions, encode_gif};
use crate::phantom::{PhantomRequest, Prevalence};
use crate::samples;
use crate::shift::{ShiftRequest, Target};

/// Slider positions timed, after [`WARM_UP`] that are not.
const DRAGS: usize = 200;
const WARM_UP: usize = 10;
/// Films encoded for the throughput.
const ENCODED: usize = 32;
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
    /// Edit, decode, classify, difference at the bundle's size.
    pub slider_ms: Latency,
    /// Film file to analysis with reconstruction, warm.
    pub open_ms: f64,
    /// Fixed-range shift of 21 frames with its gradient, encoded as a GIF.
    pub shift_ms: f64,
    /// Film tensors through encoder and SAE.
    pub encode_films_per_second: f64,
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
/// When the device or bundle cannot be opened, or a part is missing.
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
    for _ in 0..10 {
        let start = Instant::now();
        engine.analyze(&samples::open(sample)?)?;
        open.push(milliseconds(start));
    }

    progress.step("dragging a slider", 2, 5)?;
    let reconstruction =
        analysis.reconstruction.as_ref().ok_or(engine.bundle().missing("decoder", "the slider benchmark"))?;
    let feature = *engine.top_features(&analysis, 1).first().unwrap_or(&0);
    let top = analysis.activations.get(feature).copied().unwrap_or(0.0).max(1.0);
    let mut drags = Vec::new();
    for drag in 0..WARM_UP + DRAGS {
        let value = top * 2.0 * (drag as f32 + 0.5) / (WARM_UP + DRAGS) as f32;
        let start = Instant::now();
        let edit = Edit { features: BTreeMap::from([(feature, value)]), ..Edit::default() };
        let frame = engine.edit(&analysis, &edit)?;
        let _difference = signed(&reconstruction.pixels, &frame.pixels)?;
        if drag >= WARM_UP {
            drags.push(milliseconds(start));
        }
    }

    progress.step("shifting", 3, 5)?;
    let mut shifts = Vec::new();
    for label in 0..3.min(engine.bundle().labels().count()) {
        let request = ShiftRequest::of(Target::Label(label));
        let start = Instant::now();
        let shift = engine.shift(&analysis, &request, &Progress::silent())?;
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

    progress.step("encoding films", 4, 5)?;
    let start = Instant::now();
    for _ in 0..ENCODED {
        engine.sparse_activations(&analysis.input)?;
    }
    let encode_films_per_second = ENCODED as f64 / start.elapsed().as_secs_f64();

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
        slider_ms: Latency { p50: percentile(&mut drags, 0.5), p95: percentile(&mut drags, 0.95) },
        open_ms: percentile(&mut open, 0.5),
        shift_ms: percentile(&mut shifts, 0.5),
        encode_films_per_second,
        phantom_films_per_second,
        start_ms,
        first_picture_ms,
        memory_mb: peak_memory_mb(),
    })
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
