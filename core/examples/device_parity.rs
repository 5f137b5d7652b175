//! The same bundle on the CPU and through wgpu: largest difference of every tensor, times, and what opening costs.
//!
//! Run: `cargo run --release --example device_parity -- FILM BUNDLE..`. Where there is no GPU a software adapter takes its
//! place, which computes rightly and slowly; set `CUBECL_AUTOTUNE_LEVEL=minimal` there.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use fluoro_core::bundle::BundleSource;
use fluoro_core::device::ComputeDevice;
use fluoro_core::engine::Engine;
use fluoro_core::radiograph::Radiograph;
use safetensors::SafeTensors;

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [film, bundles @ ..] = &arguments[..] else { return Err("name a film and bundles".into()) };
    let film = Radiograph::open(Path::new(film))?;
    for bundle in bundles {
        let source = BundleSource::parse(bundle)?;
        let (cpu, words) = run(&source, &film, ComputeDevice::cpu())?;
        println!("{bundle}\n  {words}");
        let (other, words) = run(&source, &film, ComputeDevice::any_wgpu()?)?;
        println!("  {words}");
        let (cpu, other) = (SafeTensors::deserialize(&cpu)?, SafeTensors::deserialize(&other)?);
        for (name, own) in cpu.tensors() {
            let (a, b) = (numbers(own.data()), numbers(other.tensor(&name)?.data()));
            let largest = a.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
            let far = a.iter().zip(&b).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
            println!("  {name} {:?}: {:.1e} of the largest value {largest:.3}", own.shape(), far / largest);
        }
    }
    Ok(())
}

/// Every tensor of the film, and how long it took.
fn run(source: &BundleSource, film: &Radiograph, device: ComputeDevice) -> Fallible<(Vec<u8>, String)> {
    let name = device.name().to_owned();
    let start = Instant::now();
    let engine = Engine::open(source, device)?;
    let open = start.elapsed();
    let mut times = Vec::new();
    let mut tensors = Vec::new();
    for _ in 0..2 {
        let start = Instant::now();
        tensors = engine.tensors(film)?;
        times.push(start.elapsed());
    }
    let seconds = times.iter().map(|time| format!("{:.2} s", time.as_secs_f64())).collect::<Vec<_>>().join(", again ");
    Ok((tensors, format!("{name}: opened in {:.2} s, film to tensors in {seconds}", open.as_secs_f64())))
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
}
