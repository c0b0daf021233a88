//! Folds file names, so that names which some file system takes for the same are equal: file systems may ignore case,
//! and may store the composed or the decomposed form of a letter (APFS, HFS+).

use std::borrow::Cow;
use std::path::Path;

use icu_normalizer::DecomposingNormalizer;
use icu_normalizer::properties::CanonicalCombiningClassMap;

/// Returns the folded path. Bytes that are not UTF-8 stay distinct from each other and from all text.
pub fn fold(path: &Path) -> String {
    let mut folded = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        // Upper case first, because only that folds letters such as `ß` and the final `ς`.
        let lower = decomposed(chunk.valid()).to_uppercase().to_lowercase();
        folded.push_str(&decomposed(&lower));
        // No path contains a zero.
        chunk.invalid().iter().for_each(|byte| folded.push_str(&format!("\0{byte:02x}")));
    }
    folded
}

/// Returns whether the text has letters that can be stored in more than one form.
pub(super) fn is_decomposable(text: &str) -> bool {
    let classes = CanonicalCombiningClassMap::new();
    !text.is_ascii() && (decomposed(text) != text || text.chars().any(|letter| classes.get_u8(letter) != 0))
}

/// Returns the text in Unicode normalization form D (UAX 15).
fn decomposed(text: &str) -> Cow<'_, str> {
    DecomposingNormalizer::new_nfd().normalize(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    fn same(one: &str, other: &str) -> bool {
        fold(Path::new(one)) == fold(Path::new(other))
    }

    #[test]
    fn ignores_case_and_composition() {
        assert!(same("Clip.MP4", "clip.mp4"));
        assert!(same("caf\u{e9}.mp4", "cafe\u{301}.mp4"));
        assert!(same("CAF\u{c9}.mp4", "cafe\u{301}.mp4"));
        assert!(same("stra\u{df}e.mp4", "STRASSE.mp4"));
        assert!(same("\u{d55c}.mp4", "\u{1112}\u{1161}\u{11ab}.mp4"), "Hangul");
        assert!(same("\u{1e69}", "s\u{307}\u{323}"), "the order of marks");
        assert!(!same("cafe.mp4", "caf\u{e9}.mp4"));
        assert!(!same("a/b.mp4", "a-b.mp4"));
    }

    #[test]
    fn bytes_that_are_not_text_stay_distinct() {
        let fold = |bytes: &[u8]| fold(Path::new(OsStr::from_bytes(bytes)));
        assert_ne!(fold(b"a\xff.mp4"), fold(b"a\xfe.mp4"));
        assert_ne!(fold(b"a\xff.mp4"), fold("a\u{fffd}.mp4".as_bytes()));
        assert_eq!(fold(b"A\xff.mp4"), fold(b"a\xff.MP4"));
    }
}
