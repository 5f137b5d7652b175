//! What was found, as a table and in counts. In: one outcome per head and way of editing. Out: text and JSON.

use fluoro_core::audit::usage::{Judgement, Place};
use fluoro_core::phantom::Factor;
use serde_json::{Value, json};

use crate::films::Plan;
use crate::{FINDINGS, SETTLED, STRENGTHS};

/// Least true effect, in standard deviations of the logit, that counts as use.
const TRUE_EFFECT: f64 = 0.3;

/// One head and one way of editing.
pub struct Outcome {
    pub confounder: Factor,
    pub finding: Factor,
    pub plan: Plan,
    pub way: &'static str,
    /// Features of the edit.
    pub features: usize,
    pub head_auc: f64,
    pub films: [usize; 2],
    pub judgement: Judgement,
    pub deviation: f64,
    /// Mean change of the logit on test films when they are redrawn without the confounder, and when they are edited.
    pub truth: f64,
    pub edited: f64,
    pub relative_norm: f64,
}

impl Outcome {
    /// Whether the redrawn films say that the head uses the confounder.
    pub fn truly(&self) -> bool {
        self.truth.abs() >= TRUE_EFFECT * self.deviation
    }

    fn head(&self) -> (&'static str, &'static str, String) {
        (self.confounder.label(), self.finding.label(), self.plan.name())
    }

    /// All of it.
    pub fn json(&self) -> Value {
        json!({
            "confounder": self.confounder.label(), "finding": self.finding.label(), "planted": self.plan.name(),
            "way": self.way, "features": self.features, "head_auc": self.head_auc, "fitted": self.films[0], "audited": self.films[1],
            "judgement": self.judgement, "logit_deviation": self.deviation, "true_effect": self.truth,
            "edited_effect": self.edited, "relative_norm": self.relative_norm,
            "truly_used": self.truly(),
        })
    }
}

/// Every head on a line, then the counts.
pub fn print(outcomes: &[Outcome]) {
    println!("effects in standard deviations of the logit within films of one kind; sd is that deviation in logits");
    println!(
        "true: test films redrawn; then for each way: the edit on the same films, the contrast, p among features, p among"
    );
    println!("directions, U where said to be used, d where detected");
    for of_head in outcomes.chunk_by(|a, b| a.head() == b.head()) {
        let first = &of_head[0];
        let (confounder, finding, plan) = first.head();
        let [auc, sd, truth] = [first.head_auc, first.deviation, first.truth / first.deviation];
        print!("{confounder:<17} {finding:<13} {plan:<6} AUC {auc:.3} sd {sd:.2} true {truth:+.2}");
        for outcome in of_head {
            let p = |place: Option<Place>| place.map_or(f64::NAN, |place| place.p);
            let judged = &outcome.judgement;
            let [edit, contrast] = [outcome.edited / sd, judged.standardised.unwrap_or(f64::NAN)];
            let [features, directions] = [judged.among_features, judged.among_directions].map(p);
            let [used, detected] =
                [(judged.used, "U"), (judged.detected, "d")].map(|(is, mark)| if is { mark } else { "-" });
            print!(" | {} {edit:+.2} {contrast:+.2} {features:.2} {directions:.2} {used}{detected}", outcome.way);
        }
        println!();
    }
    for (name, findings) in [("settled on", &FINDINGS[..SETTLED]), ("looked at once", &FINDINGS[SETTLED..])] {
        println!("\nfindings that the rule was {name}");
        for way in ["feature", "group", "probe", "difference"] {
            let all: Vec<&Outcome> =
                outcomes.iter().filter(|o| o.way == way && findings.contains(&o.finding)).collect();
            summary(way, &all);
        }
    }
}

fn summary(way: &str, all: &[&Outcome]) {
    let detected: Vec<&&Outcome> = all.iter().filter(|outcome| outcome.judgement.detected).collect();
    let pairs: Vec<[f64; 2]> =
        detected.iter().map(|o| [o.truth / o.deviation, o.judgement.standardised.unwrap_or(0.0)]).collect();
    let mean = |at: usize| pairs.iter().map(|pair| pair[at]).sum::<f64>() / pairs.len().max(1) as f64;
    let product = |a: usize, b: usize| pairs.iter().map(|pair| (pair[a] - mean(a)) * (pair[b] - mean(b))).sum::<f64>();
    let correlation = product(0, 1) / (product(0, 0) * product(1, 1)).sqrt();
    println!(
        "{way}: detected {} of {}; contrast against true effect: correlation {correlation:.2}, slope {:.2}",
        detected.len(),
        all.len(),
        product(0, 1) / product(0, 0)
    );
    let against = |name: &str, truth: &dyn Fn(&Outcome) -> bool| {
        let count = |is_so: bool, said: bool| {
            detected.iter().filter(|outcome| truth(outcome) == is_so && outcome.judgement.used == said).count()
        };
        let [hit, miss, alarm, quiet] =
            [(true, true), (true, false), (false, true), (false, false)].map(|(a, b)| count(a, b));
        let precision = hit as f64 / (hit + alarm).max(1) as f64;
        println!(
            "   {name}: found {hit} of {}, alarms {alarm} of {}, precision {precision:.2}",
            hit + miss,
            alarm + quiet
        );
    };
    against("planted", &|outcome| matches!(outcome.plan, Plan::Planted(_)));
    against("truly used", &Outcome::truly);
    for plan in STRENGTHS.into_iter().map(Plan::Planted).chain([Plan::Balanced, Plan::Never]) {
        let own: Vec<&&&Outcome> = detected.iter().filter(|outcome| outcome.plan == plan).collect();
        let used = own.iter().filter(|outcome| outcome.judgement.used).count();
        let truly = own.iter().filter(|outcome| outcome.truly()).count();
        println!("   s {:<6} said used {used} of {} detected; truly used {truly}", plan.name(), own.len());
    }
}
