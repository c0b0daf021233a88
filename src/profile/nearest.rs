//! What was probably meant by a word that means nothing.

/// How alike two words must be for one to be offered in place of the other. Below this, offering
/// anything is noise: `x` is like every short word.
const LIKE_ENOUGH: f64 = 0.75;

/// The candidate nearest to `word`, where one is near enough to be what was meant. Of several
/// equally near ones, the last.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > LIKE_ENOUGH)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let words = ["duration", "file-size", "frame-rate"];
        assert_eq!(nearest("duratoin", words), Some("duration"));
        assert_eq!(nearest("filesize", words), Some("file-size"));
        assert_eq!(nearest("zzz", words), None);
        assert_eq!(nearest("", words), None);
    }
}
