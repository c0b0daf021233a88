//! Decodes the text of a manifest: UTF-8, or UTF-16 with a byte order mark, as spreadsheets write it.

/// Returns the text of a manifest without its byte order mark, with `\n` as the end of each line.
///
/// # Errors
/// Why the bytes are not text, and what to do.
pub(super) fn decode(bytes: &[u8]) -> Result<String, String> {
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    }?;
    Ok(with_plain_line_ends(&text))
}

/// Returns the text with `\n` for `\r\n` and, as some spreadsheets write it, for `\r`.
pub(super) fn with_plain_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            Err(format!("line {line} is not UTF-8 text; save the file as \"CSV UTF-8\" or as Unicode text"))
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let text = char::decode_utf16(pairs.iter().copied().map(unit)).collect::<Result<String, _>>();
    match text {
        Ok(text) if rest.is_empty() => Ok(text),
        _ => Err("the file begins as UTF-16 text and is damaged; save it again as \"CSV UTF-8\"".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_of_every_encoding_of_spreadsheets_is_the_same() {
        let text = "video,ad_text\r\na.mp4,Größe 💡\r";
        let plain = "video,ad_text\na.mp4,Größe 💡\n";
        let units = || text.encode_utf16();
        let little: Vec<u8> = [0xff, 0xfe].into_iter().chain(units().flat_map(u16::to_le_bytes)).collect();
        let big: Vec<u8> = [0xfe, 0xff].into_iter().chain(units().flat_map(u16::to_be_bytes)).collect();
        let marked = ["\u{feff}", text].concat();
        for bytes in [text.as_bytes(), marked.as_bytes(), &little, &big] {
            assert_eq!(decode(bytes).unwrap(), plain);
        }
        assert!(decode(&little[..little.len() - 1]).unwrap_err().contains("UTF-16"));
        assert!(decode(b"video\n\xe9t\xe9").unwrap_err().starts_with("line 2 "));
    }
}
