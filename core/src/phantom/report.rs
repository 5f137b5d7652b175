//! The report of a phantom, in the prose of radiology: a sentence for each factor, negatives for the findings that a
//! reader expects.

use super::Phantom;
use super::devices::has_two_leads;
use super::factors::{Factor, Setting, Side};
use super::findings::nodule_mm;

/// Findings and impression of one phantom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Technique and every observation, sentence by sentence.
    pub findings: String,
    /// What matters of it.
    pub impression: String,
}

/// Writes the report of a phantom. What is only about how the film was stored (inversion, burned-in letters, site) is
/// left out, as a radiologist would leave it out.
#[must_use]
pub fn report(phantom: &Phantom) -> Report {
    let settings = &phantom.settings;
    let of = |factor: Factor| settings.get(factor);
    let shown = |factor: Factor| Some(of(factor)).filter(|setting| setting.present);
    let view = if of(Factor::ApView).present { "Single AP view of the chest." } else { "Single PA view of the chest." };
    let mut findings = vec![view.to_owned()];
    let mut impression = Vec::new();

    if let Some(turned) = shown(Factor::Rotation) {
        findings.push(format!("The patient is rotated to the {}.", side(turned)));
    }
    match shown(Factor::Cardiomegaly) {
        Some(heart) => {
            let grade = grade(heart, ["mildly", "moderately", "severely"]);
            let size = if of(Factor::ApView).present {
                // Magnified by the view: no ratio is measured on an AP film.
                String::new()
            } else {
                format!(", with a cardiothoracic ratio of {:.2}", phantom.cardiothoracic_ratio())
            };
            findings.push(format!("The cardiac silhouette is {grade} enlarged{size}."));
            impression.push(format!("{} cardiomegaly.", capital(grade_noun(heart))));
        }
        None => findings.push("The heart size is normal.".into()),
    }
    match shown(Factor::Edema) {
        Some(edema) => {
            let grade = grade_noun(edema);
            findings.push(format!(
                "Bilateral perihilar haze with thickened septal lines, in keeping with {grade} pulmonary edema."
            ));
            impression.push(format!("{} pulmonary edema.", capital(grade)));
        }
        None => findings.push("No pulmonary edema.".into()),
    }
    match shown(Factor::Consolidation) {
        Some(patch) => {
            findings.push(format!("Patchy air-space consolidation in the {} lung.", side(patch)));
            impression.push(format!("{} consolidation.", capital(side(patch))));
        }
        None => findings.push("No focal consolidation.".into()),
    }
    if let Some(collapse) = shown(Factor::Atelectasis) {
        findings.push(format!(
            "Band-like opacity at the {0} base with a raised {0} hemidiaphragm, consistent with atelectasis.",
            side(collapse)
        ));
        impression.push(format!("{} basal atelectasis.", capital(side(collapse))));
    }
    match shown(Factor::Nodule) {
        Some(nodule) => {
            let (word, size) = (nodule_word(nodule), nodule_mm(f64::from(nodule.strength)).round());
            findings.push(format!("A round {word} of about {size} mm in the {} lung.", side(nodule)));
            impression.push(format!("{} lung {word}.", capital(side(nodule))));
        }
        None => findings.push("No suspicious pulmonary nodule or mass.".into()),
    }
    match shown(Factor::Effusion) {
        Some(fluid) => {
            let amount = grade(fluid, ["small", "moderate", "large"]);
            let (place, noun) = match fluid.side {
                Side::Both => ("bilateral".to_owned(), "effusions"),
                one => (one.key().to_owned(), "effusion"),
            };
            findings
                .push(format!("{} {place} pleural {noun} with blunting of the costophrenic angle.", capital(amount)));
            impression.push(format!("{} {place} pleural {noun}.", capital(amount)));
        }
        None => findings.push("No pleural effusion.".into()),
    }
    match shown(Factor::Pneumothorax) {
        Some(air) => {
            let amount = grade(air, ["small", "moderate", "large"]);
            findings.push(format!("{} {} pneumothorax with a visible pleural line.", capital(amount), side(air)));
            impression.push(format!("{} {} pneumothorax.", capital(amount), side(air)));
        }
        None => findings.push("No pneumothorax.".into()),
    }
    if let Some(pacemaker) = shown(Factor::Pacemaker) {
        let leads = if has_two_leads(f64::from(pacemaker.strength)) { "leads" } else { "a lead" };
        findings.push(format!("A {} chest wall pacemaker with {leads} to the heart.", side(pacemaker)));
    }
    if shown(Factor::SternotomyWires).is_some() {
        findings.push("Median sternotomy wires are intact.".into());
    }
    if let Some(line) = shown(Factor::JugularLine) {
        findings.push(format!("A {} jugular central venous line ends {}.", side(line), tip(line)));
    }
    if shown(Factor::Rods).is_some() {
        findings.push("Spinal fixation rods with screws.".into());
    }
    if shown(Factor::Piercing).is_some() {
        findings.push("Metallic jewellery projects over the chest.".into());
    }
    if impression.is_empty() {
        impression.push("No acute cardiopulmonary process.".into());
    }
    Report { findings: findings.join(" "), impression: impression.join(" ") }
}

/// Nodule below 30 mm, mass from there on (Fleischner Society glossary, Hansell et al. 2008).
#[must_use]
pub fn is_mass(nodule: Setting) -> bool {
    nodule_mm(f64::from(nodule.strength)) >= 30.0
}

fn tip(line: Setting) -> &'static str {
    if line.strength < 0.5 { "in the superior vena cava" } else { "low, in the right atrium" }
}

fn nodule_word(nodule: Setting) -> &'static str {
    if is_mass(nodule) { "mass" } else { "nodule" }
}

fn side(setting: Setting) -> &'static str {
    match setting.side {
        Side::Both => "bilateral",
        one => one.key(),
    }
}

fn grade(setting: Setting, words: [&str; 3]) -> &str {
    words[((setting.strength * 3.0) as usize).min(2)]
}

fn grade_noun(setting: Setting) -> &'static str {
    grade(setting, ["mild", "moderate", "severe"])
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::factors::{FACTORS, Settings};
    use super::*;

    fn only(present: &[Factor]) -> Report {
        report(&Phantom { seed: 3, settings: Settings::draw(3, &FACTORS, |_, factor, _| present.contains(&factor)) })
    }

    #[test]
    fn a_clear_film_is_all_negatives() {
        let clear = only(&[]);
        for negative in ["No pleural effusion.", "No pneumothorax.", "The heart size is normal.", "PA view"] {
            assert!(clear.findings.contains(negative), "{clear:?}");
        }
        assert_eq!(clear.impression, "No acute cardiopulmonary process.");
    }

    #[test]
    fn every_visible_factor_has_its_sentence_and_loses_its_negative() {
        let clear = only(&[]);
        let silent = [Factor::Female, Factor::Inversion, Factor::Portable, Factor::Laterality, Factor::Site];
        for factor in FACTORS.into_iter().filter(|factor| !silent.contains(factor)) {
            let with = only(&[factor]);
            assert_ne!(with.findings, clear.findings, "{factor:?}");
            assert_eq!(with.impression != clear.impression, factor.is_finding(), "{factor:?}");
        }
        assert!(!only(&[Factor::Effusion]).findings.contains("No pleural effusion"));
    }
}
