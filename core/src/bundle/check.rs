//! Whether a manifest makes sense: sizes one by one, then sizes that two parts must share.

use super::BundleFiles;
use super::manifest::{self, Manifest};
use crate::error::{Error, Result};

/// Sizes that make sense one by one: a damaged or hostile manifest must not ask for all memory.
fn limits(manifest: &Manifest) -> Result<(), String> {
    preprocess(manifest)?;
    latent(manifest.latent)?;
    for encoder in manifest.encoder.iter().chain(manifest.sae_encoder.iter().map(|part| &part.architecture)) {
        encoder.check()?;
    }
    if let Some(decoder) = &manifest.decoder {
        decoder.check()?;
    }
    if let Some(part) = &manifest.sae_encoder {
        latent(part.latent)?;
    }
    if let Some(part) = &manifest.classifier {
        part.architecture.check()?;
        for (index, label) in part.labels.iter().enumerate() {
            if part.labels[..index].iter().any(|other| other.name.eq_ignore_ascii_case(&label.name)) {
                return Err(format!("two labels are named \"{}\"", label.name));
            }
        }
        if let Some(bad) = part.labels.iter().find(|l| l.operating_point <= 0.0 || l.operating_point >= 1.0) {
            return Err(format!("operating point of \"{}\" is {}, not between 0 and 1", bad.name, bad.operating_point));
        }
    }
    if let Some(part) = &manifest.text {
        part.architecture.check()?;
    }
    if manifest.probes.len() > 4096 {
        return Err(format!("{} probes are too many", manifest.probes.len()));
    }
    let Some(part) = &manifest.sae else { return Ok(()) };
    part.architecture.check()?;
    let count = part.architecture.features();
    match part.suppressed.iter().find(|&&feature| feature >= count) {
        Some(unknown) => {
            Err(format!("suppressed feature {unknown} does not exist; the SAE has features 0 to {}", count - 1))
        }
        None => Ok(()),
    }
}

fn preprocess(manifest: &Manifest) -> Result<(), String> {
    let of_classifier = manifest.classifier.iter().filter_map(|part| part.preprocess.as_ref());
    let of_sae = manifest.sae_encoder.iter().map(|part| &part.preprocess);
    let own = manifest.encoder_preprocess.iter().chain(of_classifier).chain(of_sae);
    for preprocess in std::iter::once(&manifest.preprocess).chain(own) {
        preprocess.check()?;
        if preprocess.range != [-1024.0, 1024.0] {
            return Err(format!("grey range {:?} is not the one this version reads, [-1024, 1024]", preprocess.range));
        }
    }
    Ok(())
}

fn latent(latent: manifest::LatentShape) -> Result<(), String> {
    if latent.tokens > 65_536 || latent.dim > 65_536 {
        return Err(format!("a latent of {} tokens with {} numbers is too large", latent.tokens, latent.dim));
    }
    if latent.grid.is_some_and(|[rows, columns]| rows.checked_mul(columns) != Some(latent.tokens)) {
        return Err(format!("the latent's grid {:?} does not hold its {} tokens", latent.grid, latent.tokens));
    }
    Ok(())
}

/// Sizes that two parts must share, or the two that clash.
fn shared(manifest: &Manifest) -> Result<(), String> {
    let clash = |what: &str, a: String, b: String| Err(format!("{what} do not fit: {a} and {b}"));
    let shape = |[tokens, dim]: [usize; 2]| format!("[{tokens}, {dim}]");
    let latent = [manifest.latent.tokens, manifest.latent.dim];
    let side = manifest.preprocess.size;
    if let Some(encoder) = &manifest.encoder {
        let fed = manifest.encoder_preprocess.as_ref().map_or(side, |own| own.size);
        if encoder.latent() != latent {
            return clash("latent and encoder", shape(latent), shape(encoder.latent()));
        }
        if encoder.side() != fed {
            return clash("preprocessing and encoder", fed.to_string(), encoder.side().to_string());
        }
    }
    if let Some(decoder) = &manifest.decoder {
        if decoder.latent() != latent {
            return clash("encoder and decoder", shape(latent), shape(decoder.latent()));
        }
        if decoder.side() != side {
            return clash("frames and decoder", side.to_string(), decoder.side().to_string());
        }
    }
    if let Some(part) = &manifest.classifier {
        let outputs = part.architecture.labels();
        if outputs != part.labels.len() {
            return clash("classifier outputs and labels", outputs.to_string(), part.labels.len().to_string());
        }
    }
    let mut read = manifest.latent;
    if let Some(part) = &manifest.sae_encoder {
        read = part.latent;
        let own = [read.tokens, read.dim];
        if part.architecture.latent() != own {
            return clash("latent and encoder of the SAE", shape(own), shape(part.architecture.latent()));
        }
        if part.architecture.side() != part.preprocess.size {
            let sides = [part.preprocess.size, part.architecture.side()].map(|side| side.to_string());
            let [fed, side] = sides;
            return clash("preprocessing and encoder of the SAE", fed, side);
        }
    }
    if let Some(part) = &manifest.sae {
        let (input, features) = (part.architecture.input(), part.architecture.features());
        if input != read.dim {
            return clash("SAE and latent", format!("[.., {input}]"), format!("[.., {}]", read.dim));
        }
        if !part.features.is_empty() && features != part.features.len() {
            return clash("SAE features and their list", features.to_string(), part.features.len().to_string());
        }
    }
    Ok(())
}

/// Refuses a manifest whose parts cannot be one model.
///
/// # Errors
/// One line that names the manifest and what is wrong with it.
pub(super) fn manifest(manifest: &Manifest, files: &BundleFiles) -> Result<()> {
    limits(manifest).and_then(|()| shared(manifest)).map_err(|reason| Error::bundle(files.path(manifest::FILE), reason))
}

/// As a bundle is opened, for a manifest that is not written yet.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parts(manifest: &Manifest) -> Result<(), String> {
    limits(manifest)?;
    shared(manifest)
}
