//! How often each factor is present, alone or given another: where confounding is planted.

use serde::{Deserialize, Serialize};

use super::factors::{FACTORS, Factor, Settings};
use crate::error::{Error, Result};

/// Probabilities of every factor. Independent unless said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prevalence {
    /// Probability of each factor where nothing else is said of it, in the order of [`FACTORS`].
    shares: Vec<f32>,
    /// Probabilities that depend on another factor.
    rules: Vec<Rule>,
}

/// `P(factor | given = when) = probability`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Rule {
    factor: usize,
    given: usize,
    when: bool,
    probability: f32,
}

impl Default for Prevalence {
    fn default() -> Self {
        Self { shares: FACTORS.map(Factor::usual_share).to_vec(), rules: Vec::new() }
    }
}

impl Prevalence {
    /// Applies settings in their order: `portable=0.3`, `portable|cardiomegaly=0.95`, `portable|!cardiomegaly=0.05`,
    /// `all=0.2`. A plain probability holds where no condition does; conditions stay, whatever follows them.
    ///
    /// # Errors
    /// When one is not of that form, a factor is unknown, a probability is not in 0..1, a factor would depend on two
    /// others, or factors depend on each other in a circle.
    pub fn parse<'a>(settings: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut prevalence = Self::default();
        for text in settings {
            prevalence.apply(text)?;
        }
        prevalence.order()?;
        Ok(prevalence)
    }

    fn apply(&mut self, text: &str) -> Result<()> {
        let form = "write FACTOR=P, FACTOR|OTHER=P or FACTOR|!OTHER=P";
        let (name, value) =
            text.split_once('=').ok_or_else(|| Error::Invalid(format!("\"{text}\" is not a probability; {form}")))?;
        let probability = value
            .trim()
            .parse::<f32>()
            .ok()
            .filter(|p| (0.0..=1.0).contains(p))
            .ok_or_else(|| Error::Invalid(format!("\"{text}\": a probability lies between 0 and 1; {form}")))?;
        if name.trim() == "all" {
            self.shares.fill(probability);
            return Ok(());
        }
        let Some((name, condition)) = name.split_once('|') else {
            let factor = Factor::parse(name.trim())? as usize;
            self.shares[factor] = probability;
            return Ok(());
        };
        let factor = Factor::parse(name.trim())? as usize;
        let condition = condition.trim();
        let (when, other) = condition.strip_prefix('!').map_or((true, condition), |other| (false, other));
        let given = Factor::parse(other.trim())? as usize;
        if given == factor {
            return Err(Error::Invalid(format!("\"{text}\": a factor cannot depend on itself")));
        }
        if let Some(rule) = self.rules.iter().find(|rule| rule.factor == factor && rule.given != given) {
            return Err(Error::Invalid(format!(
                "\"{text}\": {} already depends on {}; a factor depends on one other at most",
                FACTORS[factor].key(),
                FACTORS[rule.given].key()
            )));
        }
        self.rules.retain(|rule| (rule.factor, rule.when) != (factor, when));
        self.rules.push(Rule { factor, given, when, probability });
        // The same rules in another order are the same prevalence.
        self.rules.sort_by_key(|rule| (rule.factor, rule.when));
        Ok(())
    }

    /// Factors so that each comes after the one it depends on.
    fn order(&self) -> Result<Vec<Factor>> {
        let mut order: Vec<Factor> = Vec::with_capacity(FACTORS.len());
        while order.len() < FACTORS.len() {
            let is_ready = |factor: Factor| {
                let depends = self.rules.iter().find(|rule| rule.factor == factor as usize);
                depends.is_none_or(|rule| order.contains(&FACTORS[rule.given]))
            };
            let Some(next) = FACTORS.into_iter().find(|&factor| !order.contains(&factor) && is_ready(factor)) else {
                let stuck: Vec<&str> = FACTORS.into_iter().filter(|f| !order.contains(f)).map(Factor::key).collect();
                return Err(Error::Invalid(format!("these factors depend on each other: {}", stuck.join(", "))));
            };
            order.push(next);
        }
        Ok(order)
    }

    /// The factors of phantom `seed`.
    ///
    /// # Errors
    /// When factors depend on each other in a circle.
    pub fn draw(&self, seed: u64) -> Result<Settings> {
        let order = self.order()?;
        Ok(Settings::draw(seed, &order, |known, factor, draw| {
            let rule = self
                .rules
                .iter()
                .find(|rule| rule.factor == factor as usize && known.get(FACTORS[rule.given]).present == rule.when);
            draw < rule.map_or(self.shares[factor as usize], |rule| rule.probability)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(prevalence: &Prevalence, of: Factor, among: impl Fn(&Settings) -> bool) -> f64 {
        let drawn: Vec<Settings> =
            (0..4000).map(|seed| prevalence.draw(seed).expect("no circle")).filter(|s| among(s)).collect();
        drawn.iter().filter(|s| s.get(of).present).count() as f64 / drawn.len() as f64
    }

    #[test]
    fn shares_are_hit_alone_and_given_another() {
        let planted = ["cardiomegaly=0.5", "portable|cardiomegaly=0.95", "portable|!cardiomegaly=0.05"];
        let prevalence = Prevalence::parse(planted).expect("valid");
        let heart = |wanted: bool| move |s: &Settings| s.get(Factor::Cardiomegaly).present == wanted;
        for (of, among, expected) in [
            (Factor::Portable, true, 0.95),
            (Factor::Portable, false, 0.05),
            (Factor::Edema, true, 0.2),
            (Factor::Edema, false, 0.2),
        ] {
            let found = share(&prevalence, of, heart(among));
            assert!((found - expected).abs() < 0.03, "{of:?} given {among}: {found}");
        }
    }

    #[test]
    fn a_plain_probability_leaves_conditions_alone_and_their_order_does_not_matter() {
        let parse = |settings: &[&str]| Prevalence::parse(settings.iter().copied()).expect("valid");
        let one = parse(&["portable|ap=0.9", "portable|!ap=0.1", "portable=0.5", "all=0.3"]);
        let other = parse(&["all=0.3", "portable|!ap=0.1", "portable|ap=0.9"]);
        assert_eq!(one, other);
        assert!((share(&one, Factor::Portable, |s| s.get(Factor::ApView).present) - 0.9).abs() < 0.04);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        for (settings, reason) in [
            (&["portable=1.5"][..], "between 0 and 1"),
            (&["portable=NaN"], "between 0 and 1"),
            (&["portable"], "FACTOR=P"),
            (&["portabel=0.5"], "portable"),
            (&["edema|edema=0.5"], "itself"),
            (&["edema|nodule=0.5", "edema|ap=0.5"], "one other"),
            (&["edema|nodule=0.5", "nodule|edema=0.5"], "depend on each other"),
        ] {
            let error = Prevalence::parse(settings.iter().copied()).expect_err("refused").to_string();
            assert!(error.contains(reason), "{settings:?}: {error}");
        }
    }
}
