//! Gauss-Legendre nodes, which captum's integrated gradients use.

/// Nodes and weights `[x, w]` of the Gauss-Legendre rule of `count` points on 0 to 1, by ascending node.
///
/// Newton's method on the Legendre polynomial from Tricomi's first guess; exact to rounding.
pub(super) fn gauss_legendre(count: usize) -> Vec<[f64; 2]> {
    let n = count as f64;
    let mut nodes: Vec<[f64; 2]> = (0..count)
        .map(|i| {
            let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (value, derivative) = legendre(count, x);
                slope = derivative;
                let step = value / derivative;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            // From -1..1 to 0..1.
            [(1.0 + x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope)]
        })
        .collect();
    nodes.sort_by(|a, b| a[0].total_cmp(&b[0]));
    nodes
}

/// Value and derivative of the Legendre polynomial of degree `n` at `x`, by its recurrence.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut now) = (0.0, 1.0);
    for k in 1..=n {
        let k = k as f64;
        (before, now) = (now, ((2.0 * k - 1.0) * x * now - (k - 1.0) * before) / k);
    }
    (now, n as f64 * (x * now - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_rules_are_those_of_the_tables() {
        let two = gauss_legendre(2);
        let expected = 0.5 - 0.5 / 3.0_f64.sqrt();
        assert!((two[0][0] - expected).abs() < 1e-14 && (two[0][1] - 0.5).abs() < 1e-14, "{two:?}");
        let three = gauss_legendre(3);
        assert!((three[1][0] - 0.5).abs() < 1e-14 && (three[1][1] - 4.0 / 9.0).abs() < 1e-14, "{three:?}");
    }

    #[test]
    fn a_hundred_nodes_integrate_what_they_must() {
        let nodes = gauss_legendre(100);
        assert!((nodes.iter().map(|n| n[1]).sum::<f64>() - 1.0).abs() < 1e-12);
        let integral: f64 = nodes.iter().map(|[x, w]| w * x.powi(57)).sum();
        assert!((integral - 1.0 / 58.0).abs() < 1e-12, "{integral}");
    }
}
