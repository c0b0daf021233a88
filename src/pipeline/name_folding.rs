//! Folds file names, so that names which some file system takes for the same are equal: file systems may ignore case,
//! and may store the composed or the decomposed form of a letter (APFS, HFS+).

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

/// Returns the folded path. Bytes that are not UTF-8 stay distinct from each other and from all text.
pub(super) fn fold(path: &Path) -> String {
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
    let tables = Tables::get();
    !text.is_ascii() && (decomposed(text) != text || text.chars().any(|letter| tables.class(letter) != 0))
}

/// Returns the text in Unicode normalization form D (UAX 15).
fn decomposed(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let tables = Tables::get();
    let mut letters: Vec<(u8, char)> = Vec::new();
    for letter in text.chars() {
        tables.decompose(letter, &mut |part| letters.push((tables.class(part), part)));
    }
    // Marks of one letter are ordered by class; a stable sort keeps those of equal class in place.
    for marks in letters.chunk_by_mut(|before, after| before.0 != 0 && after.0 != 0) {
        marks.sort_by_key(|(class, _)| *class);
    }
    letters.into_iter().map(|(_, letter)| letter).collect()
}

/// The tables of the Unicode character database that decomposition needs.
struct Tables {
    decompositions: HashMap<char, Vec<char>>,
    /// First and last character of each range, and its class, ascending.
    classes: Vec<(u32, u32, u8)>,
}

impl Tables {
    fn get() -> &'static Tables {
        static TABLES: OnceLock<Tables> = OnceLock::new();
        TABLES.get_or_init(Tables::parse)
    }

    fn parse() -> Tables {
        let code = |text: &str| u32::from_str_radix(text, 16).ok();
        let letter = |text: &str| char::from_u32(code(text)?);
        let entries = |text: &'static str| text.lines().filter_map(|line| line.split_once('='));
        let decompositions = entries(include_str!("canonical_decompositions.txt"))
            .filter_map(|(from, to)| Some((letter(from)?, to.split(' ').filter_map(letter).collect())))
            .collect();
        let classes = entries(include_str!("combining_classes.txt"))
            .filter_map(|(range, class)| {
                let (first, last) = range.split_once('-')?;
                Some((code(first)?, code(last)?, class.parse().ok()?))
            })
            .collect();
        Tables { decompositions, classes }
    }

    fn class(&self, letter: char) -> u8 {
        let code = u32::from(letter);
        let after = self.classes.partition_point(|(first, ..)| *first <= code);
        let range = after.checked_sub(1).and_then(|index| self.classes.get(index));
        range.filter(|(_, last, _)| code <= *last).map_or(0, |(.., class)| *class)
    }

    fn decompose(&self, letter: char, push: &mut dyn FnMut(char)) {
        // Hangul syllables are arranged by their parts (The Unicode Standard, 3.12).
        let index = u32::from(letter).wrapping_sub(0xAC00);
        if index < 11_172 {
            let parts = [0x1100 + index / 588, 0x1161 + index % 588 / 28, 0x11A7 + index % 28];
            let count = if index.is_multiple_of(28) { 2 } else { 3 };
            parts.into_iter().take(count).filter_map(char::from_u32).for_each(push);
            return;
        }
        match self.decompositions.get(&letter) {
            Some(parts) => parts.iter().copied().for_each(push),
            None => push(letter),
        }
    }
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
