//! Plots as SVG, to stand inside a page: points with intervals.

use std::fmt::Write as _;

use crate::export::page::escape;

/// Height of a row, room for names and for numbers, all in pixels.
const ROW: f64 = 22.0;
const NAMES: f64 = 230.0;
const NUMBERS: f64 = 150.0;
const WIDTH: f64 = 860.0;
/// Room below for the axis.
const AXIS: f64 = 34.0;

/// One row of a plot.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What it is of.
    pub name: String,
    /// Value, lower and upper end.
    pub value: [f64; 3],
    /// What it is held against: middle, and how far that reaches either way.
    pub control: Option<[f64; 2]>,
    /// Whether it stands out.
    pub is_marked: bool,
}

/// Rows with intervals on one axis. `at` is where nothing is: 0.5 of an AUC, 0 of a change.
#[must_use]
pub fn intervals(rows: &[Row], at: f64, axis: &str) -> String {
    let values = rows.iter().flat_map(|row| {
        let control = row.control.map_or([at; 2], |[middle, reach]| [middle - reach, middle + reach]);
        row.value.into_iter().chain(control)
    });
    let finite: Vec<f64> = values.filter(|value| value.is_finite()).chain([at]).collect();
    let (low, high) = finite.iter().fold((f64::MAX, f64::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    let pad = ((high - low) * 0.06).max(1e-6);
    let (low, high) = (low - pad, high + pad);
    let x = |value: f64| NAMES + (value - low) / (high - low) * (WIDTH - NAMES - NUMBERS);
    let height = rows.len() as f64 * ROW + AXIS;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\" xmlns=\"http://www.w3.org/2000/svg\">",
        escape(axis)
    );
    let bottom = rows.len() as f64 * ROW;
    // Writing to a string cannot fail.
    let _ = write!(svg, "<line class=\"zero\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"0\" y2=\"{bottom:.1}\"/>", x(at));
    for (place, row) in rows.iter().enumerate() {
        let y = (place as f64 + 0.5) * ROW;
        let [value, from, to] = row.value;
        let class = if row.is_marked { " class=\"marked\"" } else { "" };
        let _ = write!(svg, "<text x=\"0\" y=\"{:.1}\"{class}>{}</text>", y + 4.0, escape(&shortened(&row.name)));
        if let Some([middle, reach]) = row.control {
            let (left, right) = (x(middle - reach), x(middle + reach));
            let _ = write!(
                svg,
                "<rect class=\"control\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                y - ROW * 0.36,
                (right - left).max(1.0),
                ROW * 0.72
            );
        }
        if [value, from, to].iter().all(|value| value.is_finite()) {
            let _ = write!(
                svg,
                "<line class=\"whisker\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><circle cx=\"{:.1}\" cy=\"{y:.1}\" \
                 r=\"4\"{class}/>",
                x(from),
                x(to),
                x(value)
            );
            let _ = write!(
                svg,
                "<text class=\"number\" x=\"{WIDTH}\" y=\"{:.1}\">{value:.2} ({from:.2} to {to:.2})</text>",
                y + 4.0
            );
        }
    }
    let _ = write!(
        svg,
        "<line class=\"axis\" x1=\"{NAMES}\" x2=\"{:.1}\" y1=\"{bottom:.1}\" y2=\"{bottom:.1}\"/>",
        WIDTH - NUMBERS
    );
    for value in ticks(low, high) {
        let _ =
            write!(svg, "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", x(value), bottom + 15.0, tick(value));
    }
    let middle = NAMES + (WIDTH - NAMES - NUMBERS) / 2.0;
    let _ =
        write!(svg, "<text class=\"tick\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text></svg>", bottom + 31.0, escape(axis));
    svg
}

/// Names that would run into the plot are cut.
fn shortened(name: &str) -> String {
    const MOST: usize = 34;
    if name.chars().count() <= MOST {
        name.to_owned()
    } else {
        format!("{}…", name.chars().take(MOST - 1).collect::<String>())
    }
}

/// About five round values between two.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|part| part * power).into_iter().find(|step| *step >= rough).unwrap_or(rough);
    let first = (low / step).ceil();
    (0..12).map(|place| (first + f64::from(place)) * step).take_while(|value| *value <= high).collect()
}

fn tick(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_drawn_in_place() {
        let rows = [
            Row { name: "a & b".into(), value: [0.9, 0.8, 1.0], control: None, is_marked: true },
            Row { name: "c".into(), value: [0.4, 0.3, 0.5], control: Some([0.5, 0.1]), is_marked: false },
            Row { name: "d".into(), value: [f64::NAN; 3], control: None, is_marked: false },
        ];
        let svg = intervals(&rows, 0.5, "AUC");
        assert!(
            svg.starts_with("<svg") && svg.ends_with("</svg>") && svg.contains("a &amp; b") && !svg.contains("NaN")
        );
        assert_eq!((svg.matches("<circle").count(), svg.matches("class=\"control\"").count()), (2, 1));
        assert!(intervals(&[], 0.0, "nothing").contains("</svg>"));
    }

    #[test]
    fn ticks_are_round() {
        let words: Vec<String> = ticks(0.43, 1.02).into_iter().map(tick).collect();
        assert_eq!(words, ["0.6", "0.8", "1"]);
        let words: Vec<String> = ticks(-0.31, 0.3).into_iter().map(tick).collect();
        assert_eq!(words, ["-0.2", "0", "0.2"]);
    }
}
