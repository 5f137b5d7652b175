//! How much more often something holds in one set of films than in another.

use super::Evidence;

/// Weight of the prior, in films.
const PRIOR: f64 = 10.0;

/// z-score of the log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, equations 15 to 22),
/// for films that have a statement or not: the prior is worth [`PRIOR`] films with the share of both sets together. The
/// variance keeps the two terms of the films without the statement, which the paper drops because no word is on most
/// pages; a denied finding is. Above 0 where top films have it more often; 0 without films.
pub(super) fn z_score(evidence: &Evidence) -> f64 {
    let [top, top_all, random, random_all] =
        [evidence.top, evidence.top_all, evidence.random, evidence.random_all].map(|count| count as f64);
    if top_all <= 0.0 || random_all <= 0.0 {
        return 0.0;
    }
    // Half a film keeps a share of 0 or 1 from the ends, where the odds are not finite.
    let prior = PRIOR * (top + random + 0.5) / (top_all + random_all + 1.0);
    let odds = |count: f64, all: f64| [count + prior, all + PRIOR - count - prior];
    let (top, random) = (odds(top, top_all), odds(random, random_all));
    let variance: f64 = top.iter().chain(&random).map(|films| 1.0 / films).sum();
    ((top[0] / top[1]).ln() - (random[0] / random[1]).ln()) / variance.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn z(top: usize, random: usize) -> f64 {
        z_score(&Evidence { top, top_all: 20, random, random_all: 200 })
    }

    #[test]
    fn agrees_with_the_formula_by_hand() {
        // prior 10 * 26.5 / 221 = 1.19910; ln(17.19910 / 12.80090) - ln(11.19910 / 198.80090) = 3.17185;
        // variance 1 / 17.19910 + 1 / 12.80090 + 1 / 11.19910 + 1 / 198.80090 = 0.23059
        let found = z(16, 10);
        assert!((found - 3.171_85 / 0.230_59_f64.sqrt()).abs() < 1e-3, "{found}");
    }

    #[test]
    fn more_evidence_weighs_more_and_none_nothing() {
        assert!(z(16, 10) > z(8, 10) && z(8, 10) > z(8, 40) && z(2, 20).abs() < 0.05);
        assert!(z(20, 200).abs() < 0.5 && z(20, 0).is_finite());
        assert_eq!(z_score(&Evidence::default()), 0.0);
    }
}
