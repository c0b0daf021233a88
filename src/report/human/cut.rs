//! Cuts text to a number of columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Stands for what is left out.
const ELLIPSIS: char = '…';

/// Returns a name of at most `width` columns, without its middle if it is longer. The end, which tells files of one
/// folder apart, keeps two thirds.
pub(super) fn middle(name: &str, width: usize) -> String {
    if name.width() <= width {
        return name.to_owned();
    }
    let kept = width.saturating_sub(1);
    let begin = prefix(name, kept / 3);
    let end_from = name.char_indices().rev().scan(0, |columns, (at, character)| {
        *columns += character.width().unwrap_or(0);
        (*columns <= kept - kept / 3).then_some(at)
    });
    let end = &name[end_from.last().unwrap_or(name.len())..];
    // A mark without a width of its own belongs to a character that is left out.
    let end = end.trim_start_matches(|character: char| character.width() == Some(0));
    format!("{begin}{ELLIPSIS}{end}")
}

/// Returns text of at most `width` columns, without its last words if it is longer. The first word stays whole.
pub(super) fn end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let begin = prefix(text, width.saturating_sub(2));
    let is_whole = text[begin.len()..].starts_with(' ');
    let words = match begin.rsplit_once(' ') {
        Some((words, _)) if !is_whole => words,
        _ if is_whole => begin,
        _ => text.split(' ').next().unwrap_or(text),
    };
    format!("{} {ELLIPSIS}", words.trim_end_matches([' ', ',', ';', ':']))
}

/// Returns the longest begin of `text` with at most `width` columns.
fn prefix(text: &str, width: usize) -> &str {
    let mut columns = 0;
    let too_wide = text.char_indices().find(|(_, character)| {
        columns += character.width().unwrap_or(0);
        columns > width
    });
    &text[..too_wide.map_or(text.len(), |(at, _)| at)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_middle() {
        assert_eq!(middle("clips/a.mp4", 11), "clips/a.mp4");
        assert_eq!(middle("/work/clips/summer/a-long-name.mp4", 16), "/work…g-name.mp4");
        assert_eq!(middle("動画動画動画動画.mp4", 11), "動…画.mp4");
        assert_eq!(middle("e\u{301}e\u{301}e\u{301}e\u{301}", 3), "…e\u{301}e\u{301}");
        assert_eq!(middle("abc", 0), "…");
    }

    #[test]
    fn texts_lose_their_last_words() {
        assert_eq!(end("found webm, allowed mp4", 23), "found webm, allowed mp4");
        assert_eq!(end("found webm, allowed mp4", 22), "found webm, allowed …");
        assert_eq!(end("found webm, allowed mp4", 21), "found webm, allowed …");
        assert_eq!(end("found webm, allowed mp4", 20), "found webm …");
        assert_eq!(end("unbreakable word", 5), "unbreakable …");
    }
}
