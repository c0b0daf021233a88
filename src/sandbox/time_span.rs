//! Time ranges as the command line writes them.

use std::time::Duration;

/// Parses a time range such as `2s..20s`, `500ms..1s` or a single `5s` (units ms, s, m).
///
/// # Errors
/// A message with the expected format.
pub fn parse_span(text: &str) -> Result<(Duration, Duration), String> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let (low, high) = (parse_time(low)?, parse_time(high)?);
    if low > high {
        return Err(format!("`{text}`: the first time must not exceed the second"));
    }
    Ok((low, high))
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let invalid = || format!("`{text}` is not a time: use for example 500ms, 2s or 5m");
    let text = text.trim();
    let (number, unit) = [("ms", 0.001), ("s", 1.0), ("m", 60.0)]
        .iter()
        .find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|number| (number, *unit)))
        .ok_or_else(invalid)?;
    let number: f64 = number.trim().parse().map_err(|_| invalid())?;
    Duration::try_from_secs_f64(number * unit).map_err(|_| invalid())
}
