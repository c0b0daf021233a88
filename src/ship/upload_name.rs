//! The names of uploads: they contain the hash of the bytes, so that a name that is taken is the same upload.

use crate::plan::EncodeMode;

/// Returns the file name of an upload: readable stem, twelve digits of the content's hash, and `-rN` for encode
/// mode N from 2.
///
/// `content_hex` is the hash of the bytes sent, in lower-case hex; `max` is the longest name in characters.
pub fn upload_name(
    (stem, extension): (&str, &str),
    content_hex: &str,
    encode_mode: EncodeMode,
    max: usize,
) -> String {
    let hash: String = content_hex.chars().take(12).collect();
    let tail = match encode_mode {
        EncodeMode::Planned => format!("-{hash}.{extension}"),
        mode => format!("-{hash}-r{}.{extension}", mode.number()),
    };
    let clean = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let available = max.saturating_sub(tail.len());
    let head: String = stem.chars().map(clean).take(available).collect();
    format!("{head}{tail}")
}

/// Returns another name for the same bytes: `a-0123.mp4`, `a-0123-n2.mp4`, `a-0123-n3.mp4`.
pub(super) fn next(name: &str, max: usize) -> String {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "mp4"));
    let numbered =
        stem.rsplit_once("-n").and_then(|(head, number)| Some((head, number.parse::<u32>().ok()?)));
    let (head, number) = numbered.unwrap_or((stem, 1));
    let tail = format!("-n{}.{extension}", number.saturating_add(1));
    // Names end with the content's hash, so it is the readable part that is shortened.
    let surplus = (head.chars().count() + tail.len()).saturating_sub(max);
    format!("{}{tail}", head.chars().skip(surplus).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upload_names_are_at_most_as_long_as_allowed_and_contain_the_encode_mode() {
        let name = |stem: &str, mode| upload_name((stem, "mp4"), "0123456789abcdef", mode, 100);
        assert_eq!(name("a b", EncodeMode::Planned), "a-b-0123456789ab.mp4");
        assert_eq!(name("a", EncodeMode::CommonCore), "a-0123456789ab-r2.mp4");
        assert_eq!(name(&"é".repeat(300), EncodeMode::Conservative).chars().count(), 100);
    }
}
