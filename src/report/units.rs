//! Formatting of numbers: decimal units, and no more digits than are significant.

use crate::model::Rational;

/// Formats bytes in decimal units: `12.3 MB`.
pub(super) fn bytes(count: u64) -> String {
    let value = count as f64;
    match count {
        0..1_000 => format!("{count} B"),
        1_000..999_500 => format!("{:.0} kB", value / 1e3),
        999_500..999_950_000 => format!("{:.1} MB", value / 1e6),
        _ => format!("{:.2} GB", value / 1e9),
    }
}

/// Formats bits per second: `320 kb/s`, `8.2 Mb/s`.
pub(super) fn bit_rate(rate: u64) -> String {
    let value = rate as f64;
    match rate {
        0..1_000 => format!("{rate} b/s"),
        1_000..999_500 => format!("{:.0} kb/s", value / 1e3),
        _ => format!("{:.1} Mb/s", value / 1e6),
    }
}

/// Formats a duration: `12.0 s`; from one minute on also as minutes and seconds: `754.2 s (12:34)`.
pub(super) fn seconds(value: f64) -> String {
    let text = if value.abs() < 1.0 { trimmed(value, 3) } else { format!("{value:.1}") };
    if value < 60.0 { format!("{text} s") } else { format!("{text} s ({})", clock(value)) }
}

/// Formats a position in a video: `3.25 s`, `1:02.5`.
pub(super) fn at(value: f64) -> String {
    if value < 60.0 {
        return format!("{} s", trimmed(value, 2));
    }
    // Rounded first, so that 119.99 is 2:00 and not 1:60.
    let tenths = (value * 10.0).round() as u64;
    let (seconds, tenth) = (tenths / 10, tenths % 10);
    let clock = clock(seconds as f64);
    if tenth == 0 { clock } else { format!("{clock}.{tenth}") }
}

fn clock(value: f64) -> String {
    let total = value.max(0.0) as u64;
    let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Formats frames per second: `30 fps`, `29.97 fps`.
pub(super) fn frame_rate(rate: Rational) -> String {
    format!("{} fps", trimmed(rate.as_f64(), 2))
}

/// Formats an aspect ratio: `9:16` if both numbers are small, else `1.85:1`.
pub(super) fn aspect_ratio(ratio: Rational) -> String {
    let is_long = ratio.num().max(ratio.den()) > 64;
    if is_long { format!("{}:1", trimmed(ratio.as_f64(), 2)) } else { ratio.with_colon() }
}

/// Formats `value` with at most `digits` decimals and no trailing zeros.
pub(super) fn trimmed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

pub(super) use crate::model::count;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn switches_to_the_larger_unit_at_one_thousand() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(999_499), "999 kB");
        assert_eq!(bytes(999_500), "1.0 MB");
        assert_eq!(bytes(12_345_678), "12.3 MB");
        assert_eq!(bytes(999_950_000), "1.00 GB");
        assert_eq!(bit_rate(128_000), "128 kb/s");
        assert_eq!(bit_rate(8_236_112), "8.2 Mb/s");
    }

    #[test]
    fn formats_times_without_excess_digits() {
        assert_eq!(seconds(12.012_333), "12.0 s");
        assert_eq!(seconds(0.033_366), "0.033 s");
        assert_eq!(seconds(754.2), "754.2 s (12:34)");
        assert_eq!(at(3.25), "3.25 s");
        assert_eq!(at(119.99), "2:00");
        assert_eq!(at(62.5), "1:02.5");
        assert_eq!(at(3_723.0), "1:02:03");
    }

    #[test]
    fn formats_frame_rates_and_aspect_ratios() {
        assert_eq!(frame_rate(Rational::new(30000, 1001).unwrap()), "29.97 fps");
        assert_eq!(frame_rate(Rational::new(30, 1).unwrap()), "30 fps");
        assert_eq!(aspect_ratio(Rational::new(9, 16).unwrap()), "9:16");
        assert_eq!(aspect_ratio(Rational::new(683, 384).unwrap()), "1.78:1");
        assert_eq!(trimmed(-0.001, 2), "0");
    }
}
