//! DICOM Secondary Captures from the command line: whose they are, and what happens to burned-in words of the film.

use std::path::Path;

use clap::Args;
use fluoro_core::display::Extent;
use fluoro_core::engine::Engine;
use fluoro_core::export::atomic;
use fluoro_core::export::burned_in;
use fluoro_core::export::capture::{BurnedIn, Capture, MadeFrame, derivation};
use fluoro_core::plane::Plane;
use fluoro_core::radiograph::Radiograph;
use fluoro_core::{Error, Result};

use super::output;

/// What a DICOM output (OUT.dcm) says and shows of the film; other outputs hold none of it.
#[derive(Args)]
pub struct CaptureOptions {
    /// In OUT.dcm: copy patient, study and references of the film, which are otherwise left out
    #[arg(long)]
    keep_patient: bool,
    /// In OUT.dcm: paint over what looks like burned-in words and markers of the film
    #[arg(long)]
    paint_over: bool,
}

/// Whether an output is a DICOM file by its name.
pub fn is_dicom(path: &Path) -> bool {
    matches!(output::extension(path).as_str(), "dcm" | "dicom")
}

/// Refuses an output that is neither PNG nor DICOM by name, or cannot be written.
pub fn check_picture(path: &Path) -> Result<()> {
    match output::extension(path).as_str() {
        "png" | "dcm" | "dicom" => atomic::check_file(path),
        other => {
            let reason = format!(
                "a picture is written as .png, or as .dcm for DICOM, not as \"{other}\"; choose a name that ends in one of these"
            );
            Err(Error::Write { path: path.to_path_buf(), reason })
        }
    }
}

impl CaptureOptions {
    /// Refuses options that an output of another kind would silently leave out.
    ///
    /// # Errors
    /// When one is given and the output is no DICOM file.
    pub fn check(&self, output: &Path) -> Result<()> {
        let given = [("--keep-patient", self.keep_patient), ("--paint-over", self.paint_over)];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) if !is_dicom(output) => Err(Error::Invalid(format!(
                "{option} is for a DICOM output, and {} is none; name an output that ends in .dcm, or leave {option} out",
                output.display()
            ))),
            _ => Ok(()),
        }
    }

    /// What a Secondary Capture holds; the user is told of burned-in words that stay.
    ///
    /// # Errors
    /// When a box cannot be painted over.
    pub fn capture(
        &self,
        engine: &Engine,
        film: &Radiograph,
        reference: &Plane,
        frames: Vec<MadeFrame>,
        what: &str,
    ) -> Result<Capture> {
        let boxes = if film.is_phantom() { Vec::new() } else { burned_in::find(film) };
        let painted = if self.paint_over { boxes.len() } else { 0 };
        let says = film.metadata.origin.as_ref().and_then(|origin| origin.says_burned_in()) == Some(true);
        if painted == 0 && (says || !boxes.is_empty()) {
            let places = match boxes.len() {
                0 => "the film's file says that words are burned into its pixels".to_owned(),
                1 => "one place of the film looks like burned-in words or a marker".to_owned(),
                count => format!("{count} places of the film look like burned-in words or markers"),
            };
            output::warn(&format!("{places}, and the output shows them; look at it, or try --paint-over"));
        }
        let window = film.default_window();
        let pixels =
            if painted > 0 { window.to_unit(&burned_in::paint_over(&film.pixels, &boxes)?) } else { film.to_unit() };
        let manifest = engine.manifest();
        let seen = manifest.preprocess.seen(film.pixels.width(), film.pixels.height());
        let origin = film.metadata.origin.clone();
        let extent = Extent::seen(&seen);
        let over = if painted > 0 { boxes.as_slice() } else { &[] };
        let leave = |plane: &Plane| burned_in::paint_over_frame(plane, &extent, over);
        let frames = frames.into_iter().map(|frame| Ok(MadeFrame { pixels: leave(&frame.pixels)?, ..frame }));
        Ok(Capture {
            film: pixels,
            extent,
            reference: leave(reference)?,
            frames: frames.collect::<Result<_>>()?,
            delay_ms: fluoro_core::export::Look::default().delay_ms,
            derivation: derivation(&manifest.name, what, BurnedIn { found: boxes.len(), painted }),
            keeps_words: says || boxes.len() > painted,
            is_lossy: film.metadata.is_lossy(),
            origin: origin.filter(|_| self.keep_patient),
        })
    }
}
