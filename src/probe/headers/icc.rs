//! The name of an ICC profile (ICC.1:2022, 7 and 9.2.41).

/// The most characters of a name.
const MAX_CHARS: usize = 60;
const HEADER_BYTES: usize = 128;
/// The most tags of a profile that are read.
const MAX_TAGS: usize = 100;

/// Returns the description of a profile; `None` if it has none.
pub(super) fn name(profile: &[u8]) -> Option<String> {
    let word = |at: usize| {
        let bytes = profile.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes) as usize)
    };
    let count = word(HEADER_BYTES)?.min(MAX_TAGS);
    let mut entries = (0..count).map(|tag| HEADER_BYTES + 4 + 12 * tag);
    let entry = entries.find(|at| profile.get(*at..at + 4) == Some(b"desc"))?;
    let at = word(entry + 4)?;
    let text = |from: usize, length: usize| profile.get(from..from.checked_add(length)?);
    match text(at, 4)? {
        // The text of version 2, with its length.
        b"desc" => Some(printable(text(at.checked_add(12)?, word(at + 8)?)?)),
        // The first of the translations of version 4, in UTF-16.
        b"mluc" => {
            let units = text(at.checked_add(word(at + 24)?)?, word(at + 20)?)?;
            let units: Vec<u16> =
                units.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            Some(printable(String::from_utf16_lossy(&units).as_bytes()))
        }
        _ => None,
    }
}

/// Returns the printable characters of a text.
pub(super) fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().filter(|letter| !letter.is_control()).take(MAX_CHARS).collect::<String>().trim().to_owned()
}
