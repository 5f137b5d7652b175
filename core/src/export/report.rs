//! A film's report as a file: text, JSON, or text that a DICOM element may hold.
//!
//! Enter the words and their regions, leave bytes. In JSON every sentence has its features and the boxes of its region in the
//! film's own pixels, (0, 0) at the top left pixel's corner.

use std::path::Path;

use serde::Serialize;

use super::atomic::{check_file, write_atomic};
use crate::bundle::Manifest;
use crate::engine::FilmReport;
use crate::error::{Error, Result};
use crate::radiograph::Radiograph;
use crate::report::compose::{NOT_FOR_DIAGNOSIS, Sentence, dicom_lines};
use crate::report::rewrite::Rewriting;

/// A sentence with its place.
#[derive(Clone, Debug, Serialize)]
pub struct Said {
    /// Words, features and certainty.
    #[serde(flatten)]
    pub sentence: Sentence,
    /// Boxes x, y, width, height of its region, in the film's own pixels, largest first.
    pub boxes: Vec<[u32; 4]>,
}

/// A report as JSON has it.
#[derive(Clone, Debug, Serialize)]
pub struct ReportFile {
    /// The film's path.
    pub film: String,
    /// The bundle's name.
    pub bundle: String,
    /// How the film was taken.
    pub acquisition: Vec<Said>,
    /// What is there, then what is not.
    pub findings: Vec<Said>,
    /// What matters.
    pub impression: Vec<Said>,
    /// The same in other words, where the user named an endpoint that wrote them.
    pub rewritten: Option<Rewriting>,
    /// What such a report is not for.
    pub note: &'static str,
    #[serde(skip)]
    text: String,
    #[serde(skip)]
    dicom_text: String,
}

impl ReportFile {
    /// The report of a film.
    #[must_use]
    pub fn new(worded: &FilmReport, manifest: &Manifest, film: &Radiograph) -> Self {
        let (width, height) = (film.pixels.width(), film.pixels.height());
        let report = &worded.report;
        let said = report.sentences().zip(&worded.regions).map(|(sentence, region)| {
            let on_film = region.as_ref().map(|region| region.on_film(&manifest.preprocess, width, height));
            Said { sentence: sentence.clone(), boxes: on_film.map(|region| region.boxes).unwrap_or_default() }
        });
        let mut said = said.collect::<Vec<_>>().into_iter();
        let mut part = |sentences: &[Sentence]| said.by_ref().take(sentences.len()).collect::<Vec<_>>();
        Self {
            film: film.path.display().to_string(),
            bundle: manifest.name.clone(),
            acquisition: part(&report.acquisition),
            findings: part(&report.findings),
            impression: part(&report.impression),
            rewritten: None,
            note: NOT_FOR_DIAGNOSIS,
            text: report.to_text(),
            dicom_text: report.to_dicom_text(),
        }
    }

    /// The same with a rewriting, which text shows above the original.
    #[must_use]
    pub fn with_rewriting(mut self, rewriting: Rewriting) -> Self {
        self.text = rewriting.above(&self.text);
        self.dicom_text = dicom_lines(&rewriting.above(&self.dicom_text.replace("\r\n", "\n")));
        self.rewritten = Some(rewriting);
        self
    }

    /// Whether a report can be written to `path`.
    ///
    /// # Errors
    /// When its ending is another than `.txt`, `.json` or `.dcm.txt`, or no file can be there.
    pub fn check(path: &Path) -> Result<()> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("txt" | "json") => check_file(path),
            _ => {
                let reason = "a report is written as .txt, .json or .dcm.txt".into();
                Err(Error::Write { path: path.to_path_buf(), reason })
            }
        }
    }

    /// Writes it, whole or not at all, in the form that the name asks for.
    ///
    /// # Errors
    /// As [`Self::check`], and when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        Self::check(path)?;
        let name = path.to_string_lossy();
        let bytes = if name.ends_with(".json") {
            serde_json::to_string_pretty(self).map_err(|e| Error::Invalid(e.to_string()))?
        } else if name.ends_with(".dcm.txt") {
            self.dicom_text.clone()
        } else {
            self.text.clone()
        };
        write_atomic(path, |out| out.write_all(bytes.as_bytes()))
    }

    /// The words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}
