//! Numbers as the window writes them: two or three significant digits, a true minus sign.

/// Three significant digits at most.
pub fn short(value: f32) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    let text = if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    };
    minus(&text)
}

/// As few digits as the value needs.
pub fn plain(value: f32) -> String {
    minus(&format!("{value}"))
}

/// A score, 0 to 1, with two digits.
pub fn score(value: f32) -> String {
    if value.is_finite() { format!("{value:.2}") } else { "–".to_owned() }
}

/// A change of a score, signed, with two digits.
pub fn change(value: f32) -> String {
    minus(&format!("{value:+.2}"))
}

/// Two significant digits of a number between 0 and 1, such as an operating point.
pub fn significant(value: f32) -> String {
    if value <= 0.0 || !value.is_finite() {
        return short(value);
    }
    let digits = (1.0 - value.log10().floor()).clamp(2.0, 6.0) as usize;
    format!("{value:.digits$}")
}

/// A signed whole number.
pub fn signed(value: f32) -> String {
    minus(&format!("{value:+.0}"))
}

/// A share in percent.
pub fn percent(share: f32) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A time.
pub fn milliseconds(ms: f32) -> String {
    if ms >= 10_000.0 {
        format!("{:.0} s", ms / 1000.0)
    } else if ms >= 1000.0 {
        format!("{:.1} s", ms / 1000.0)
    } else if ms >= 10.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{ms:.1} ms")
    }
}

fn minus(text: &str) -> String {
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_keep_two_digits() {
        assert_eq!(
            [0.5, 0.68974, 0.0468, 0.00123].map(significant),
            ["0.50", "0.69", "0.047", "0.0012"].map(str::to_owned)
        );
        assert_eq!([0.211, -0.5].map(change), ["+0.21", "−0.50"].map(str::to_owned));
    }

    #[test]
    fn few_digits() {
        assert_eq!(
            [0.0, 2.345, 23.45, 234.5, -1.5].map(short),
            ["0.00", "2.35", "23.5", "234", "−1.50"].map(str::to_owned)
        );
        assert_eq!(
            (short(f32::NAN), score(0.815), signed(-12.4), signed(3.0)),
            ("–".into(), "0.81".into(), "−12".into(), "+3".into())
        );
        assert_eq!(
            [0.42, 31.4, 1500.0, 15_000.0].map(milliseconds),
            ["0.4 ms", "31 ms", "1.5 s", "15 s"].map(str::to_owned)
        );
    }
}
