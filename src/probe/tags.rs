//! What metadata tags mean: languages, and the names of those that reveal private data.

use crate::model::PrivacyTags;

/// Most names collected per list.
const MAX_NAMES: usize = 32;

/// Last words of the names of tags that describe a device or a person.
const DEVICE_WORDS: [&str; 9] =
    ["make", "model", "manufacturer", "author", "artist", "owner", "device", "serial", "serialnumber"];

/// Adds the name of a tag to those with a location or a device, if it is one.
pub(crate) fn add_private(name: String, found: &mut PrivacyTags) {
    let lower = name.to_ascii_lowercase();
    let last = lower.rsplit(['.', '-', '_']).next().unwrap_or_default();
    let list = if lower.contains("location") || lower.contains("gps") || lower.ends_with("xyz") {
        &mut found.location
    } else if DEVICE_WORDS.contains(&last) {
        &mut found.device
    } else {
        return;
    };
    if list.len() < MAX_NAMES && !list.contains(&name) {
        list.push(name);
    }
}

/// Returns the language in a tag; `None` if the container declares that it is undetermined.
pub(crate) fn language_of(tag: &str) -> Option<String> {
    let language = tag.trim().trim_end_matches('\0').to_ascii_lowercase();
    (!language.is_empty() && language != "und").then_some(language)
}

/// Formats a four-character code, with other bytes as `[n]`, as FFmpeg does.
pub(crate) fn fourcc(code: [u8; 4]) -> String {
    code.iter()
        .map(|&byte| match byte {
            b' ' | b'.' | b'_' | b'-' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("[{byte}]"),
        })
        .collect()
}

/// Parses hours, minutes and seconds, such as `00:01:02.500000000`, to seconds.
pub(crate) fn parse_clock(text: &str) -> Option<f64> {
    let mut parts = text.trim().splitn(3, ':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let total = f64::from(hours.parse::<u32>().ok()?) * 3600.0
        + f64::from(minutes.parse::<u32>().ok()?) * 60.0
        + seconds.parse::<f64>().ok().filter(|seconds| (0.0..60.0).contains(seconds))?;
    (total > 0.0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::parse_clock;

    #[test]
    fn parses_clock_times() {
        assert_eq!(parse_clock("01:01:02.500000000"), Some(3662.5));
        for invalid in ["00:00:00.000000000", "1:2", "", "00:00:99", "-1:00:00", "00:00:NaN"] {
            assert_eq!(parse_clock(invalid), None, "{invalid}");
        }
    }
}
