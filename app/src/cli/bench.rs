//! `fluoro bench`: latency and throughput on this machine.

use std::sync::atomic::AtomicBool;

use fluoro_core::bench;
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
    let words = format!(
        "{device}, bundle {bundle}\n\
         \x20 slider to picture   {p50:8.1} ms, {p95:.1} ms at the 95th percentile\n\
         \x20 film to analysis    {open:8.1} ms\n\
         \x20 shift, 21 frames    {shift:8.1} ms, GIF included\n\
         \x20 encoding            {encode:8.1} films a second\n\
         \x20 drawing phantoms    {drawn:8.1} films a second, on one thread\n\
         \x20 start               {start:8.1} ms, {first:.1} ms to the first picture\n\
         \x20 memory              {memory:8.0} MB at most\n",
        device = measured.device,
        bundle = measured.bundle,
        p50 = measured.slider_ms.p50,
        p95 = measured.slider_ms.p95,
        open = measured.open_ms,
        shift = measured.shift_ms,
        encode = measured.encode_films_per_second,
        drawn = measured.phantom_films_per_second,
        start = measured.start_ms,
        first = measured.first_picture_ms,
        memory = measured.memory_mb,
    );
    output::answer(global, &measured, &words)
}
