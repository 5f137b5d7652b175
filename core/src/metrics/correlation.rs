//! Rank correlation between a feature's activations and a column.

use super::midranks;

/// Spearman's rank correlation with ties at their middle rank; 0 when either side is constant.
#[must_use]
pub fn spearman(a: &[f32], b: &[f32]) -> f32 {
    let (a, b) = (midranks(a), midranks(b));
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let (mut product, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(&b) {
        product += (x - mean) * (y - mean);
        aa += (x - mean).powi(2);
        bb += (y - mean).powi(2);
    }
    if aa <= 0.0 || bb <= 0.0 { 0.0 } else { (product / (aa * bb).sqrt()) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_scipy() {
        // scipy.stats.spearmanr([1, 2, 2, 4, 5, 0], [0, 1, 0, 1, 1, 0]).statistic
        let rho = spearman(&[1.0, 2.0, 2.0, 4.0, 5.0, 0.0], &[0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
        assert!((rho - 0.792_118).abs() < 1e-5, "{rho}");
        assert_eq!(spearman(&[1.0, 1.0], &[0.0, 1.0]), 0.0);
    }
}
