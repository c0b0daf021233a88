//! Suggests a known name for a misspelt one.

/// The lowest Jaro-Winkler similarity of a suggestion. Below it, suggestions are useless: `x` is
/// similar to every short word.
const MIN_SIMILARITY: f64 = 0.75;

/// Returns the candidate most similar to `word`, if any is similar enough; of several equally similar
/// ones, the last.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity > MIN_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_misspelt_names_and_no_unrelated_ones() {
        let words = ["duration", "file-size", "frame-rate"];
        assert_eq!(nearest("duratoin", words), Some("duration"));
        assert_eq!(nearest("filesize", words), Some("file-size"));
        assert_eq!(nearest("zzz", words), None);
        assert_eq!(nearest("", words), None);
    }
}
