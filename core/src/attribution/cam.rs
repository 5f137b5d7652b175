//! Class activation maps: what each cell of the network's last maps says about a label.

use serde::{Deserialize, Serialize};

use super::{Attributor, Map, Subject};
use crate::engine::{Engine, IntoFloats};
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::preprocess::{Resize, resize};

/// What one label's cells say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cells {
    /// Cells across.
    pub width: usize,
    /// Cells down.
    pub height: usize,
    /// The label's logit as each cell alone would have it, row by row; their mean is the film's logit.
    pub logits: Vec<f32>,
    /// `ln(sigmoid(logit) / base rate)` of each cell (Zech 2018): above zero, the cell speaks for more than the label's
    /// share of the training films.
    pub log_ratios: Vec<f32>,
    /// That share.
    pub base_rate: f32,
    /// Where the share comes from.
    pub base_rate_source: BaseRate,
}

/// Where a base rate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseRate {
    /// The bundle's training films.
    Bundle,
    /// The shares of NIH ChestX-ray14 that Zech's notebook carries.
    Nih,
    /// The label's operating point, for want of a share.
    OperatingPoint,
}

/// Shares of NIH ChestX-ray14 (reproduce-chexnet, `visualize_prediction.py`).
const NIH_BASE_RATES: [(&str, f32); 14] = [
    ("Atelectasis", 0.103),
    ("Cardiomegaly", 0.025),
    ("Effusion", 0.119),
    ("Infiltration", 0.177),
    ("Mass", 0.051),
    ("Nodule", 0.056),
    ("Pneumonia", 0.012),
    ("Pneumothorax", 0.047),
    ("Consolidation", 0.042),
    ("Edema", 0.021),
    ("Emphysema", 0.022),
    ("Fibrosis", 0.015),
    ("Pleural_Thickening", 0.03),
    ("Hernia", 0.002),
];

/// The label's class activation map: logits of the cells.
pub(super) struct ClassActivation;

impl Attributor for ClassActivation {
    fn name(&self) -> &'static str {
        "cam"
    }

    fn about(&self) -> &'static str {
        "class activation map: the label's logit as each cell of the last maps alone would have it, less the film's (Zhou et al. \
         2016)"
    }

    fn is_signed(&self) -> bool {
        true
    }

    fn ranks_by_value(&self) -> bool {
        true
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<Map> {
        let cells = cells(subject)?;
        let mean = cells.logits.iter().sum::<f32>() / cells.logits.len().max(1) as f32;
        let relative: Vec<f32> = cells.logits.iter().map(|logit| logit - mean).collect();
        Ok(Map { plane: spread(subject, &cells, &relative)?, cells: Some(cells) })
    }
}

/// Zech's grid of log-ratios to the base rate.
pub(super) struct LogRatio;

impl Attributor for LogRatio {
    fn name(&self) -> &'static str {
        "log-ratio"
    }

    fn about(&self) -> &'static str {
        "ln(probability of a cell / share of films with the label), as numbers in a grid from -5 to 5 (Zech 2018)"
    }

    fn is_signed(&self) -> bool {
        true
    }

    fn ranks_by_value(&self) -> bool {
        true
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<Map> {
        let cells = cells(subject)?;
        let side = &subject.analysis.input;
        let (w, h) = (side.width(), side.height());
        // No interpolation: the network has no more places than cells.
        let at = |x: usize, y: usize| cells.log_ratios[(y * cells.height / h) * cells.width + x * cells.width / w];
        let plane = Plane::from_fn(w, h, at);
        Ok(Map { plane, cells: Some(cells) })
    }
}

/// Gradient-weighted class activation map.
pub(super) struct GradCam;

impl Attributor for GradCam {
    fn name(&self) -> &'static str {
        "gradcam"
    }

    fn about(&self) -> &'static str {
        "last maps weighted by the score's mean gradient on each, positive part (Selvaraju et al. 2017)"
    }

    fn is_signed(&self) -> bool {
        false
    }

    fn attribute(&self, subject: &Subject<'_>) -> Result<Map> {
        let map = grad_cam(subject)?.map(|v| v.max(0.0));
        let input = &subject.analysis.input;
        let plane = resize(&map, input.width(), input.height(), Resize::BilinearAntialias).map(|v| v.max(0.0));
        Ok(Map { plane, cells: None })
    }
}

/// Grad-CAM of the network's last maps before the positive part is taken and without enlarging: one value for each of their
/// cells.
///
/// # Errors
/// When the classifier has no such maps, or the device fails.
pub fn grad_cam(subject: &Subject<'_>) -> Result<Plane> {
    let classifier = subject.classifier()?;
    let maps = classifier.last_maps(subject.film()).ok_or_else(|| subject.unable("gradcam"))?;
    let maps = maps.autodiff().require_grad();
    let logits = classifier.logits_of_maps(maps.clone()).ok_or_else(|| subject.unable("gradcam"))?;
    let gradients = subject.engine.scores(logits).narrow(1, subject.label, 1).sum().backward();
    let gradient = maps.grad(&gradients).ok_or_else(|| subject.engine.failure("no gradient reached the maps"))?;
    subject.plane((gradient.mean_dims(&[2, 3]) * maps.inner()).sum_dim(1))
}

/// The cells of a film and label.
fn cells(subject: &Subject<'_>) -> Result<Cells> {
    let classifier = subject.classifier()?;
    let all = classifier.cell_logits(subject.film()).ok_or_else(|| subject.unable("cam"))?;
    let [_, _, height, width] = all.dims();
    let logits = subject.engine.read(all.narrow(1, subject.label, 1).into_floats())?;
    Ok(Cells::new(subject.engine, subject.label, [width, height], logits))
}

/// The cells of every label of a film, from the classifier's own input in grey levels; one pass of the network.
///
/// # Errors
/// When the bundle has no classifier, or one without class activation maps, or the device fails.
pub fn cells_of_labels(engine: &Engine, input: &Plane) -> Result<Vec<Cells>> {
    let bundle = engine.bundle();
    let classifier = bundle.classifier.as_ref().ok_or_else(|| bundle.missing("classifier", "class activation maps"))?;
    let name = &engine.manifest().name;
    let all = classifier.cell_logits(engine.film_tensor(input)).ok_or_else(|| {
        Error::Invalid(format!("the classifier of \"{name}\" has no class activation maps; choose another bundle"))
    })?;
    let [_, labels, height, width] = all.dims();
    let logits = engine.read(all.into_floats())?;
    let each = logits.chunks_exact(width * height).take(labels).enumerate();
    Ok(each.map(|(label, own)| Cells::new(engine, label, [width, height], own.to_vec())).collect())
}

impl Cells {
    fn new(engine: &Engine, label: usize, [width, height]: [usize; 2], logits: Vec<f32>) -> Self {
        let (base_rate, base_rate_source) = base_rate(engine, label);
        // ln(sigmoid(s)) = -ln(1 + exp(-s)), in the form that cannot overflow.
        let log_sigmoid = |s: f32| s.min(0.0) - (-s.abs()).exp().ln_1p();
        let log_ratios = logits.iter().map(|&s| log_sigmoid(s) - base_rate.ln()).collect();
        Self { width, height, logits, log_ratios, base_rate, base_rate_source }
    }
}

fn base_rate(engine: &Engine, label: usize) -> (f32, BaseRate) {
    let manifest = engine.manifest();
    let Some(label) = manifest.classifier.as_ref().and_then(|part| part.labels.get(label)) else {
        return (0.5, BaseRate::OperatingPoint);
    };
    let nih = || NIH_BASE_RATES.iter().find(|(name, _)| *name == label.name).map(|&(_, rate)| rate);
    let is_rate = |rate: &f32| *rate > 0.0 && *rate < 1.0;
    if let Some(rate) = label.base_rate.filter(is_rate) {
        (rate, BaseRate::Bundle)
    } else if let Some(rate) = nih() {
        (rate, BaseRate::Nih)
    } else {
        (Some(label.operating_point).filter(is_rate).unwrap_or(0.5), BaseRate::OperatingPoint)
    }
}

/// Values of cells as a smooth plane of the film's size.
fn spread(subject: &Subject<'_>, cells: &Cells, values: &[f32]) -> Result<Plane> {
    let input = &subject.analysis.input;
    let plane = Plane::new(cells.width, cells.height, values.to_vec())?;
    Ok(resize(&plane, input.width(), input.height(), Resize::BilinearAntialias))
}
