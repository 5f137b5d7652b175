//! Phantoms with their truth, latents and activations, and which of them a head is fitted on. In: a store's latents and the
//! folder that they were read from. Out: films that can be chosen by finding and confounder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::prelude::*;
use burn::tensor::TensorData;
use fluoro_core::engine::Engine;
use fluoro_core::phantom::{self, Factor, Phantom};
use fluoro_core::radiograph::Radiograph;
use fluoro_core::store::Store;
use rayon::prelude::*;

use crate::Fallible;

/// Test films redrawn for each confounder.
const REDRAWN: usize = 100;

/// A film that is known.
pub struct Known {
    /// Its truth.
    pub phantom: Phantom,
    /// Its latent.
    pub latent: Vec<f32>,
    /// Activations of all features.
    pub activations: Vec<f32>,
}

impl Known {
    /// Whether a factor is present.
    pub fn has(&self, factor: Factor) -> bool {
        self.phantom.settings.get(factor).present
    }
}

/// Films with their truth, latents and activations.
pub fn stored(engine: &Engine, store: &Path, folder: &Path) -> Fallible<Vec<Known>> {
    let store = Store::open(store)?;
    let phantoms: BTreeMap<PathBuf, Phantom> = phantom::folder::read(folder)?.into_iter().collect();
    let numbers: Vec<u32> = (0..u32::try_from(store.films_len())?).collect();
    let entries = store.films(&numbers)?;
    let latents: Vec<Vec<f32>> = entries
        .par_iter()
        .map(|entry| Ok(store.latent(entry.film)?.ok_or("a film without latent")?))
        .collect::<Fallible<_>>()?;
    let activations = activations(engine, &latents)?;
    entries
        .iter()
        .zip(latents)
        .zip(activations)
        .map(|((entry, latent), activations)| {
            let phantom = *phantoms.get(&folder.join(&entry.path)).ok_or("a film without truth")?;
            Ok(Known { phantom, latent, activations })
        })
        .collect()
}

fn activations(engine: &Engine, latents: &[Vec<f32>]) -> Fallible<Vec<Vec<f32>>> {
    let sae = engine.bundle().sae.as_ref().ok_or("the bundle has no SAE")?;
    let mut all = Vec::with_capacity(latents.len());
    for batch in latents.chunks(1024) {
        let shape = [batch.len(), batch[0].len()];
        let rows = Tensor::<2>::from_data(TensorData::new(batch.concat(), shape), engine.device().tensor_device());
        let values = sae.activations(rows).into_data().try_into_vec::<f32>().map_err(|e| e.to_string())?;
        all.extend(values.chunks_exact(values.len() / batch.len()).map(<[f32]>::to_vec));
    }
    Ok(all)
}

/// Latents of test films that show a factor, and of the same films drawn without it.
pub fn redraw(engine: &Engine, folder: &Path, factor: Factor) -> Fallible<Vec<[Vec<f32>; 2]>> {
    let films: Vec<(PathBuf, Phantom)> = phantom::folder::read(folder)?
        .into_iter()
        .filter(|(_, phantom)| phantom.settings.get(factor).present)
        .take(REDRAWN)
        .collect();
    let how = engine.manifest().encoder_input();
    let planes: Vec<[fluoro_core::Plane; 2]> = films
        .par_iter()
        .map(|(path, phantom)| {
            let film = Radiograph::open(path)?;
            let own = phantom.render(film.pixels.width());
            if film.pixels.data().iter().zip(&own.grey).any(|(&v, &g)| v != f32::from(g)) {
                return Err("a test film is not what its table says; draw the folder again".into());
            }
            let without = phantom.with(factor, false);
            let drawn = without.render(own.side).to_png(&without.mark())?;
            Ok([how.apply(&film), how.apply(&Radiograph::from_bytes(path, &drawn)?)])
        })
        .collect::<Fallible<_>>()?;
    let encoder = engine.bundle().encoder.as_ref().ok_or("the bundle has no encoder")?;
    let encode = |plane: &fluoro_core::Plane| -> Fallible<Vec<f32>> {
        let data = TensorData::new(plane.data().to_vec(), [1, 1, plane.height(), plane.width()]);
        let latent = encoder.encode(Tensor::<4>::from_data(data, engine.device().tensor_device()));
        Ok(latent.into_data().try_into_vec::<f32>().map_err(|e| e.to_string())?)
    };
    planes.iter().map(|[with, without]| Ok([encode(with)?, encode(without)?])).collect()
}

/// How films are selected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plan {
    /// The confounder goes with the finding.
    Planted(f64),
    /// It does not.
    Balanced,
    /// No film shows it.
    Never,
}

impl Plan {
    /// Its name in the table.
    pub fn name(self) -> String {
        match self {
            Self::Planted(strength) => format!("{strength}"),
            Self::Balanced => "none".into(),
            Self::Never => "never".into(),
        }
    }

    /// Share of the films with (1) and without (0) the finding that show the confounder.
    pub fn shares(self) -> [f64; 2] {
        match self {
            Self::Planted(strength) => [1.0 - strength, strength],
            Self::Balanced => [0.5, 0.5],
            Self::Never => [0.0, 0.0],
        }
    }
}

/// Films, as many with the finding as without, of which the given shares show the confounder.
pub fn select<'a>(
    films: &'a [Known],
    finding: Factor,
    confounder: Factor,
    shares: [f64; 2],
    most: usize,
) -> Vec<&'a Known> {
    let of = |y: bool, c: bool| -> Vec<&'a Known> {
        films.iter().filter(|film| film.has(finding) == y && film.has(confounder) == c).collect()
    };
    let cells: Vec<(Vec<&Known>, f64)> = [(false, false), (false, true), (true, false), (true, true)]
        .into_iter()
        .map(|(y, c)| {
            let share = shares[usize::from(y)];
            (of(y, c), if c { share } else { 1.0 - share })
        })
        .collect();
    let enough =
        cells.iter().filter(|(_, share)| *share > 0.0).map(|(cell, share)| (cell.len() as f64 / share) as usize);
    let count = enough.min().unwrap_or(0).min(most);
    cells.into_iter().flat_map(|(cell, share)| cell.into_iter().take((share * count as f64).round() as usize)).collect()
}
