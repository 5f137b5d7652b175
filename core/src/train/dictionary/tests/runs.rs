//! Runs: the same twice, stopped and resumed, refused, cancelled, swept, saved.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use burn::prelude::*;
use burn::tensor::TensorData;

use super::super::{
    Compute, CurvePoint, DictionaryJob, DictionaryOptions, DictionarySweep, LatentsInMemory, Objective, best_for,
    files, pareto, save_sae_lens, table,
};
use super::learning::kinds;
use super::{Synthetic, synthetic};
use crate::engine::Progress;
use crate::error::Error;
use crate::models::SparseAutoencoder;
use crate::models::dictionary::DictionarySae;
use crate::models::weights;

fn small(objective: Objective) -> DictionaryOptions {
    DictionaryOptions {
        batch: 64,
        learning_rate: 3e-3,
        dead_window: 1000,
        resample_every: objective.k().is_none().then_some(20),
        report_every: 7,
        checkpoint_every: 1000,
        ..DictionaryOptions::new(objective, 48, 60)
    }
}

fn job<'a>(data: &'a Synthetic, options: DictionaryOptions, progress: &'a Progress<'a>) -> DictionaryJob<'a> {
    DictionaryJob {
        options,
        training: &data.latents,
        held_out: &data.held_out,
        compute: Compute::Processor,
        checkpoints: None,
        resume: false,
        progress,
        on_point: &|_| {},
    }
}

#[test]
fn a_cancelled_run_goes_on_bit_for_bit() {
    let data = synthetic(16, 32, 3, 3000, 1);
    for objective in kinds(48, 3) {
        let options = small(objective);
        let silent = Progress::silent();
        let whole = job(&data, options.clone(), &silent).run().unwrap();
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("run.checkpoint");
        let (cancelled, seen) = (AtomicBool::new(false), AtomicUsize::new(0));
        let report = |step: crate::engine::Step<'_>| {
            seen.fetch_max(step.done, Ordering::Relaxed);
            if step.done == 33 {
                cancelled.store(true, Ordering::Relaxed);
            }
        };
        let progress = Progress::new(&report, &cancelled);
        let stopped = DictionaryJob { checkpoints: Some(folder.clone()), ..job(&data, options.clone(), &progress) };
        assert!(matches!(stopped.run(), Err(Error::Cancelled)));
        assert_eq!(seen.load(Ordering::Relaxed), 33);

        // Other options, other latents.
        let resumed = |options: &DictionaryOptions| DictionaryJob {
            checkpoints: Some(folder.clone()),
            resume: true,
            ..job(&data, options.clone(), &silent)
        };
        let error = resumed(&DictionaryOptions { seed: 1, ..options.clone() }).run().unwrap_err().to_string();
        assert!(error.contains("made with other options") && !error.contains('\n'), "{error}");
        let other = synthetic(16, 32, 3, 3000, 2);
        let error = DictionaryJob { training: &other.latents, ..resumed(&options) }.run().unwrap_err().to_string();
        assert!(error.contains("from other latents"), "{error}");

        let points = parking_lot::Mutex::new(Vec::new());
        let on_point = |point: &CurvePoint| points.lock().push(*point);
        let resumed = DictionaryJob { on_point: &on_point, ..resumed(&options) }.run().unwrap();
        assert_eq!(resumed.weights, whole.weights, "{}", options.objective.name());
        assert_eq!(resumed.history, whole.history);
        assert_eq!(*points.lock(), whole.history);
        assert_eq!(resumed.quality, whole.quality);
        assert_eq!(whole.history.len(), 60_usize.div_ceil(7));
        assert!(!folder.exists(), "checkpoints of a finished run remain");
    }
}

#[test]
fn a_run_that_leaves_the_numbers_says_so() {
    let mut values = vec![0.5_f32; 64 * 8];
    values.iter_mut().enumerate().for_each(|(i, v)| *v = (i as f32).sin());
    let data = LatentsInMemory::new(values, 8).unwrap();
    let options = small(Objective::Gated { sparsity: f32::MAX });
    let options = DictionaryOptions { sparsity_ramp: 0, ..options };
    let silent = Progress::silent();
    let job = DictionaryJob {
        options,
        training: &data,
        held_out: &data,
        compute: Compute::Processor,
        checkpoints: None,
        resume: false,
        progress: &silent,
        on_point: &|_| {},
    };
    let error = job.run().unwrap_err().to_string();
    assert!(error.contains("left the finite numbers at step"), "{error}");
}

#[test]
fn gates_are_tightened_to_what_is_wanted() {
    let data = synthetic(16, 32, 3, 3000, 1);
    let options = small(Objective::Gated { sparsity: 0.01 });
    let silent = Progress::silent();
    let loose = job(&data, options.clone(), &silent).run().unwrap();
    let strict = job(&data, DictionaryOptions { at_most_active: Some(2.0), ..options }, &silent).run().unwrap();
    assert!(loose.quality.active > 3.0 && (strict.quality.active - 2.0).abs() < 0.4, "{:?}", strict.quality);
}

#[test]
fn folding_keeps_the_function() {
    let data = synthetic(16, 32, 3, 500, 1);
    let silent = Progress::silent();
    let centring = super::super::Centring::mean_and_scale(&data.latents).unwrap();
    let mut rows = Vec::new();
    super::super::Latents::fill(&data.held_out, &(0..20).collect::<Vec<_>>(), &mut rows).unwrap();
    for objective in kinds(48, 3) {
        // On latents that are centred already the folded dictionary is the trained one: fold twice, compare.
        let options = small(objective.clone());
        let trained = job(&data, options.clone(), &silent).run().unwrap();
        let mut parameters = super::super::parameters::Parameters::untrained(&options, 16);
        let seeded = |i: usize, size: f32| size * ((i * 37 % 101) as f32 / 50.0 - 1.0);
        for (tensor, size) in parameters.tensors_mut().into_iter().zip([0.6, 0.7, 0.3, 0.2, 0.5, 0.3, 0.2]) {
            tensor.iter_mut().enumerate().for_each(|(i, v)| *v += seeded(i, size));
        }
        let plain = super::super::Centring { mean: vec![0.0; 16], scale: 1.0 };
        let mut centred = rows.clone();
        centring.apply(&mut centred);
        let device = Device::flex();
        let run = |centring: &super::super::Centring, rows: &[f32]| {
            let (config, mut w) = parameters.folded(&objective, centring, 0.4);
            let sae = weights::apply(DictionarySae::new(&config, &device), &mut w, &device).unwrap();
            assert!(w.is_empty(), "left over: {:?}", w.keys());
            let x = Tensor::<2>::from_data(TensorData::new(rows.to_vec(), [20, 16]), &device);
            let activations = sae.activations(x.clone());
            let rebuilt = sae.reconstruct(activations.clone(), &x);
            (activations.into_data().try_to_vec::<f32>().unwrap(), rebuilt.into_data().try_to_vec::<f32>().unwrap())
        };
        let ((a, x), (a_raw, x_raw)) = (run(&plain, &centred), run(&centring, &rows));
        assert!(a.iter().any(|&v| v > 0.0));
        for (v, raw) in a.iter().zip(&a_raw) {
            assert!((v * centring.scale - raw).abs() < 1e-4, "{}: {v} {raw}", objective.name());
        }
        for (at, (v, raw)) in x.iter().zip(&x_raw).enumerate() {
            assert!((v * centring.scale + centring.mean[at % 16] - raw).abs() < 1e-4);
        }
        let lengths =
            trained.weights["w_dec"].as_slice::<f32>().unwrap().chunks(16).map(super::super::parameters::length);
        assert!(lengths.into_iter().all(|length| (length - 1.0).abs() < 1e-5));
    }
}

#[test]
fn a_sweep_is_kept_resumed_and_judged() {
    let data = synthetic(16, 32, 3, 3000, 1);
    let home = tempfile::tempdir().unwrap();
    let silent = Progress::silent();
    let sweep = |ks: &[usize], progress: &Progress<'_>| {
        let sweep = DictionarySweep {
            runs: ks.iter().map(|&k| small(Objective::TopK { k })).collect(),
            training: &data.latents,
            held_out: &data.held_out,
            compute: Compute::Processor,
            folder: home.path().join("sweep"),
            progress,
            on_point: &|_, _| {},
        };
        sweep.run().map(|results| (results, sweep.weights(0)))
    };
    // Cancelled in the second run.
    let (cancelled, runs) = (AtomicBool::new(false), AtomicUsize::new(0));
    let report = |step: crate::engine::Step<'_>| {
        if step.stage.starts_with("training") && step.done == 20 && runs.fetch_add(1, Ordering::Relaxed) == 1 {
            cancelled.store(true, Ordering::Relaxed);
        }
    };
    assert!(matches!(sweep(&[2, 4, 8], &Progress::new(&report, &cancelled)), Err(Error::Cancelled)));
    let steps = AtomicUsize::new(0);
    let count = |step: crate::engine::Step<'_>| {
        steps.fetch_add(usize::from(step.stage.starts_with("training")), Ordering::Relaxed);
    };
    let never = AtomicBool::new(false);
    let (results, first) = sweep(&[2, 4, 8], &Progress::new(&count, &never)).unwrap();
    assert_eq!(steps.load(Ordering::Relaxed), 40 + 60, "only what was left is trained");
    assert_eq!(first.unwrap()["w_dec"].shape().to_vec(), [48, 16]);
    let (again, _) = sweep(&[2, 4, 8], &silent).unwrap();
    assert_eq!(again, results);
    let qualities: Vec<_> = results.iter().map(|result| result.quality).collect();
    assert_eq!(pareto(&qualities), [0, 1, 2]);
    assert_eq!((best_for(&qualities, 4.4), best_for(&qualities, 100.0), best_for(&[], 1.0)), (Some(1), Some(2), None));
    let mut worse = qualities[0];
    worse.explained_variance -= 0.1;
    assert_eq!(pareto(&[qualities[0], worse]), [0]);
    assert_eq!(table(&results).lines().count(), 4);
}

#[test]
fn sae_lens_files_have_its_names_and_shapes() {
    let data = synthetic(16, 32, 3, 500, 1);
    let silent = Progress::silent();
    // Where set, the files stay there with rows and what ours makes of them, for `sae_lens_check.py`.
    let keep = std::env::var_os("FLUORO_SAE_LENS_OUT").map(std::path::PathBuf::from);
    let home = tempfile::tempdir().unwrap();
    let base = keep.as_deref().unwrap_or(home.path());
    for objective in kinds(48, 3) {
        let name = objective.name();
        let trained = job(&data, small(objective), &silent).run().unwrap();
        let folder = base.join(name);
        save_sae_lens(&folder, &trained.config, &trained.weights, "rad-dino", "class token").unwrap();
        let read = files::read(&folder.join("sae_weights.safetensors")).unwrap();
        let shapes: Vec<(&str, &[usize])> = read.iter().map(|(n, (s, _))| (n.as_str(), s.as_slice())).collect();
        let (matrices, bias) = ([("W_dec", &[48, 16][..]), ("W_enc", &[16, 48][..])], ("b_dec", &[16][..]));
        let (architecture, vectors): (_, &[&str]) = match name {
            "gated" => ("gated", &["b_gate", "b_mag", "r_mag"]),
            "topk" => ("topk", &["b_enc"]),
            _ => ("jumprelu", &["b_enc", "threshold"]),
        };
        let mut expected = vec![matrices[0], matrices[1], bias];
        expected.extend(vectors.iter().map(|&v| (v, &[48][..])));
        expected.sort_unstable();
        assert_eq!(shapes, expected, "{name}");
        assert_eq!(read["W_enc"].1, trained.weights["w_enc"].as_slice::<f32>().unwrap());
        let config: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join("cfg.json")).unwrap()).unwrap();
        assert_eq!(config["architecture"], architecture);
        assert_eq!((config["d_in"].as_u64(), config["d_sae"].as_u64()), (Some(16), Some(48)));
        assert_eq!(config["k"].as_u64(), (name == "topk").then_some(3));
        assert!(config["apply_b_dec_to_input"] == true && config["normalize_activations"] == "none");
        if keep.is_some() {
            let mut rows = Vec::new();
            super::super::Latents::fill(&data.held_out, &(0..200).collect::<Vec<_>>(), &mut rows).unwrap();
            let device = Device::flex();
            let sae = DictionarySae::new(&trained.config, &device);
            let sae = weights::apply(sae, &mut trained.weights.clone(), &device).unwrap();
            let x = Tensor::<2>::from_data(TensorData::new(rows.clone(), [200, 16]), &device);
            let activations = sae.activations(x.clone());
            let rebuilt = sae.reconstruct(activations.clone(), &x).into_data().try_to_vec::<f32>().unwrap();
            let activations = activations.into_data().try_to_vec::<f32>().unwrap();
            let tensors = [
                ("rows".to_owned(), vec![200, 16], rows.as_slice()),
                ("activations".to_owned(), vec![200, 48], activations.as_slice()),
                ("rebuilt".to_owned(), vec![200, 16], rebuilt.as_slice()),
            ];
            files::write(&base.join(format!("{name}.safetensors")), &tensors).unwrap();
        }
    }
    let mut trained = job(&data, small(Objective::TopK { k: 3 }), &silent).run().unwrap();
    trained.weights.remove("b_enc");
    let error = save_sae_lens(&home.path().join("x"), &trained.config, &trained.weights, "", "").unwrap_err();
    assert!(error.to_string().contains("no tensor b_enc") && !home.path().join("x").exists());
}
