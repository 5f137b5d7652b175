//! `fluoro bench`: latency and throughput on this machine.

use std::fmt::Write as _;
use std::sync::atomic::AtomicBool;

use fluoro_core::bench::{self, BenchReport};
use fluoro_core::engine::Progress;

use super::failure::Failure;
use super::progress::Meter;
use super::{Global, output};

/// Measures and prints.
///
/// # Errors
/// When the device or the bundle cannot be opened, or a part is missing.
pub fn run(global: &Global) -> Result<(), Failure> {
    let meter = Meter::short();
    let report = |step: fluoro_core::engine::Step<'_>| meter.report(step);
    let never = AtomicBool::new(false);
    let measured = bench::run(global.device, &global.source()?, &Progress::new(&report, &never))?;
    drop(meter);
    output::answer(global, &measured, &words(&measured))
}

fn words(measured: &BenchReport) -> String {
    let mut text = format!("{}, bundle {}\n", measured.device, measured.bundle);
    let mut row = |what: &str, value: Option<f64>, unit: &str| {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {what:<18} {value:9.1} {unit}");
        }
    };
    let slow = measured
        .slider_ms
        .map_or_else(String::new, |slider| format!("ms, {:.1} ms at the 95th percentile", slider.p95));
    row("slider to picture", measured.slider_ms.map(|slider| slider.p50), &slow);
    row("film to analysis", Some(measured.open_ms), "ms");
    row("shift", measured.shift_ms, "ms, GIF included");
    row("encoding", measured.encode_films_per_second, "films a second");
    row("encoder", measured.encoder_ms, "ms");
    row("decoder", measured.decoder_ms, "ms");
    row("classifier", measured.classifier_ms, "ms");
    row("gradient", measured.gradient_ms, "ms, of a label's score at the latent");
    row("drawing phantoms", Some(measured.phantom_films_per_second), "films a second, on one thread");
    let first = format!("ms, {:.1} ms to the first picture", measured.first_picture_ms);
    row("start", Some(measured.start_ms), &first);
    row("memory", Some(measured.memory_mb), "MB at most");
    text
}
