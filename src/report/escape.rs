//! Escaping of untrusted text: file names, tags and messages may contain any character.
//!
//! A control character can move the cursor or break a log line; a bidirectional override can make
//! `gpj.mp4` read as `4pm.jpg`. Output for people shows all of them as `\u{…}`.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns `text` on one line, with invisible and reordering characters replaced by escapes.
///
/// Joiners (U+200C, U+200D) stay: some scripts and emoji need them, and they hide nothing.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            hidden if is_hidden(hidden) => push_code(&mut escaped, hidden),
            plain => escaped.push(plain),
        }
    }
    escaped
}

/// Returns a JSON text with the same values, in which hidden characters are written as `\u…`: JSON is shown on terminals,
/// too, and serializers leave the control characters beyond ASCII as they are.
///
/// Outside strings, JSON has no such characters, so that each can be replaced wherever it is.
pub fn json_text(json: &str) -> Cow<'_, str> {
    if json.bytes().all(|byte| byte.is_ascii() && byte != 0x7f) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || !is_hidden(character) {
            safe.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            push(&mut safe, format_args!("\\u{unit:04x}"));
        }
    }
    Cow::Owned(safe)
}

/// Appends a value to `text` as JSON; see [`json_text`].
pub(super) fn push_json(text: &mut Vec<u8>, value: &impl serde::Serialize) -> serde_json::Result<()> {
    let json = serde_json::to_string(value)?;
    text.extend_from_slice(json_text(&json).as_bytes());
    Ok(())
}

/// Returns `path` as a URI path (RFC 3986, 3.3); `/` stays the separator.
pub(super) fn uri_path(path: impl AsRef<[u8]>) -> String {
    encode(path.as_ref(), |byte| is_unreserved(byte) || byte == b'/')
}

/// Like [`uri_path`] for text that is already percent-encoded: its escapes stay.
pub(super) fn uri_path_encoded(text: &str) -> String {
    encode(text.as_bytes(), |byte| is_unreserved(byte) || matches!(byte, b'/' | b'%'))
}

fn encode(bytes: &[u8], keep: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for &byte in bytes {
        if keep(byte) {
            encoded.push(char::from(byte));
        } else {
            push(&mut encoded, format_args!("%{byte:02X}"));
        }
    }
    encoded
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' // soft hyphen
            | '\u{61c}' | '\u{200e}' | '\u{200f}' // direction marks
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // overrides and isolates
            | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}' // invisible
            | '\u{2028}' | '\u{2029}' // line and paragraph separators
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' // annotations, tags
            | '\u{fffe}' | '\u{ffff}') // not allowed in XML
}

fn push_code(escaped: &mut String, character: char) {
    push(escaped, format_args!("\\u{{{:x}}}", u32::from(character)));
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = text.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn escapes_control_and_bidirectional_characters() {
        assert_eq!(escape("a\u{202e}4pm.jpg"), "a\\u{202e}4pm.jpg");
        assert_eq!(escape("\u{1b}[2Jx\n\u{9b}"), "\\u{1b}[2Jx\\n\\u{9b}");
        assert_eq!(escape("Fähre \u{1f469}\u{200d}\u{1f680}.mp4"), "Fähre \u{1f469}\u{200d}\u{1f680}.mp4");
    }

    proptest::proptest! {
        #[test]
        fn json_keeps_its_values_and_hides_no_character(
            text in "(\\PC|[\\x00-\\x20\\x7f-\u{9f}\u{ad}\u{202a}-\u{202e}\u{e0041}\\\\\"]){0,40}",
        ) {
            let value = serde_json::json!({text.clone(): [text]});
            for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let safe = json_text(&json);
                proptest::prop_assert!(!safe.chars().any(|c| c != '\n' && is_hidden(c)), "{:?}", safe);
                proptest::prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value.clone());
            }
        }
    }

    #[test]
    fn encodes_a_path_as_a_uri() {
        assert_eq!(uri_path("a b/ü#1:%.mp4"), "a%20b/%C3%BC%231%3A%25.mp4");
        assert_eq!(uri_path_encoded("a%FF?.mp4"), "a%FF%3F.mp4");
    }
}
