//! Parses times and rates as users write them.

use std::time::Duration;

/// Parses a rate in bytes per second: `800000`, `500kB`, `2MB`, `2.5 MB/s`. Units are decimal.
pub fn parse_rate(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches("/s").trim_end();
    let units = [("kB", 1e3), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("k", 1e3), ("M", 1e6), ("B", 1.0)];
    let found = units.iter().find_map(|(unit, times)| Some((text.strip_suffix(unit)?, *times)));
    let (number, times) = found.unwrap_or((text, 1.0));
    let rate = number.trim().parse::<f64>().ok()? * times;
    (rate.is_finite() && rate >= 1.0).then_some(rate as u64)
}

/// Parses a time: `90s`, `5m`, `1h30m`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let signed: jiff::SignedDuration = text.parse().ok()?;
    Duration::try_from(signed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_rates_with_units() {
        assert_eq!(
            ["2MB", "500kB", "800000", "2.5 MB/s"].map(parse_rate),
            [2_000_000, 500_000, 800_000, 2_500_000].map(Some)
        );
        assert_eq!(["0", "fast", "-1MB", ""].map(parse_rate), [None; 4]);
    }

    #[test]
    fn parses_times_with_units() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("30m"), Some(Duration::from_secs(1800)));
        assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse_duration("soon"), None);
        assert_eq!(parse_duration("-5m"), None);
    }
}
