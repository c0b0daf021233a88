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
