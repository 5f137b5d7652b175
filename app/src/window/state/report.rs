//! The report of the current film: labels, words, and the sentence that a hand points at.

use std::sync::Arc;

use fluoro_core::engine::FilmReport;
use fluoro_core::label::Labels;
use fluoro_core::render::border_middles;
use fluoro_core::segmentation::Segmentation;

use super::job::Job;
use super::problem::Problem;

/// Labels and the words made of them.
#[derive(Default)]
pub struct ReportState {
    /// What the bundle's features stand for, and where that was read; none where nobody labelled them.
    pub labels: Option<(Arc<Labels>, String)>,
    /// Why labels that are there cannot be used.
    pub problem: Option<Problem>,
    /// The report of the film on the light box.
    pub job: Job<Shown>,
    /// The user stopped it: it starts again only when asked for.
    pub is_cancelled: bool,
    /// The sentence under the pointer, by its place among all.
    pub hovered: Option<usize>,
    /// The sentence that was clicked: it stays outlined.
    pub chosen: Option<usize>,
}

/// A report and the lines around its regions.
#[derive(Clone)]
pub struct Shown {
    /// The report.
    pub worded: Arc<FilmReport>,
    /// Closed lines around each sentence's region, from 0 to 1 across and down what the model sees.
    pub outlines: Arc<Vec<Vec<Vec<[f32; 2]>>>>,
}

impl Shown {
    /// A report with its lines.
    pub fn new(worded: Arc<FilmReport>) -> Self {
        let outlines = worded.regions.iter().map(|region| region.as_ref().map(lines).unwrap_or_default()).collect();
        Self { worded, outlines: Arc::new(outlines) }
    }
}

fn lines(region: &Segmentation) -> Vec<Vec<[f32; 2]>> {
    let size = [region.width as f32, region.height as f32];
    let scaled =
        |line: &Vec<[f32; 2]>| border_middles(line).into_iter().map(|[x, y]| [x / size[0], y / size[1]]).collect();
    region.outline().iter().map(scaled).collect()
}

impl ReportState {
    /// The same labels, no report: another film is on the light box.
    pub fn cleared(&mut self) -> Self {
        Self { labels: self.labels.take(), problem: self.problem.take(), ..Self::default() }
    }

    /// Lines around the sentence that is pointed at, else around the chosen one.
    pub fn outline(&self) -> Option<&[Vec<[f32; 2]>]> {
        let place = self.hovered.or(self.chosen)?;
        let lines = self.job.value.as_ref()?.outlines.get(place)?;
        (!lines.is_empty()).then_some(&lines[..])
    }
}
