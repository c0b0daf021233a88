//! Wraps pages and messages to the width of the terminal.

use unicode_width::UnicodeWidthStr;

use super::settings::{stderr_width, text_width};

/// A very narrow terminal still gets a few words per line.
const MIN_WIDTH: usize = 40;
/// Indent of the continuation lines of a message.
const MESSAGE_INDENT: &str = "  ";

/// Wraps `text` to the width of the terminal; unchanged if standard output is not a terminal and `COLUMNS` is not
/// set, so that other programs get one line for each entry.
pub fn to_terminal(text: &str) -> String {
    match text_width() {
        Some(width) if width > 0 => wrap(text, width.max(MIN_WIDTH)),
        _ => text.to_owned(),
    }
}

/// Like [`to_terminal`] for a line on standard error.
pub fn for_stderr(line: &str) -> String {
    match stderr_width() {
        Some(width) if width > 0 => to_width(line, width.max(MIN_WIDTH)),
        _ => format!("{line}\n"),
    }
}

/// Wraps a message; continuation lines are indented.
pub fn to_width(line: &str, width: usize) -> String {
    // The last column is left empty: some terminals break the line there themselves.
    let wrapped = wrap(line, width.saturating_sub(1 + MESSAGE_INDENT.len()));
    let mut lines = wrapped.lines();
    let first = lines.next().unwrap_or_default().to_owned() + "\n";
    lines.fold(first, |text, line| text + MESSAGE_INDENT + line + "\n")
}

/// Breaks each line of `text` at spaces into lines of at most `width` columns. Continuation lines are indented to
/// the last column of the line that begins after two or more spaces. Longer words, such as links, stay whole.
fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::with_capacity(text.len());
    for line in text.lines() {
        if line.width() <= width {
            wrapped.push_str(line);
            wrapped.push('\n');
            continue;
        }
        let hanging = hanging_indent(line).min(width / 2);
        let first_indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let mut current = first_indent.clone();
        let mut column = first_indent.len();
        let mut is_begin = true;
        for word in line[first_indent.len()..].split(' ') {
            let needed = word.width();
            let gap = usize::from(!is_begin);
            if !is_begin && column + gap + needed > width && !word.is_empty() {
                wrapped.push_str(current.trim_end());
                wrapped.push('\n');
                current = " ".repeat(hanging);
                column = hanging;
            } else if !is_begin {
                current.push(' ');
                column += 1;
            }
            current.push_str(word);
            column += needed;
            is_begin = false;
        }
        wrapped.push_str(current.trim_end());
        wrapped.push('\n');
    }
    wrapped
}

/// Returns the column at which the last part of a line begins that follows two or more spaces.
fn hanging_indent(line: &str) -> usize {
    let trimmed = line.trim_end();
    match trimmed.rfind("  ") {
        Some(at) => trimmed[..at + 2].width(),
        None => trimmed.chars().take_while(|c| *c == ' ').count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_longer_than_the_width_and_no_word_is_broken() {
        let text =
            "duration\n\n  What     The duration of the video must be within the limits, 540x960 or mp4.\n";
        let wrapped = wrap(text, 40);
        assert!(wrapped.lines().all(|line| line.chars().count() <= 40), "{wrapped}");
        assert_eq!(
            wrapped.split_whitespace().collect::<Vec<_>>(),
            text.split_whitespace().collect::<Vec<_>>()
        );
        assert!(wrapped.contains("\n           "), "continuation lines are indented: {wrapped}");
        assert_eq!(wrap("a  short line\n", 40), "a  short line\n");
        assert_eq!(wrap("動画 動画 ab\n", 9), "動画 動画\nab\n", "wide characters take two columns");
    }

    #[test]
    fn a_long_link_stays_whole() {
        let link = format!("https://example.com/{}", "a/".repeat(40));
        assert!(wrap(&format!("  Source   {link} and more\n"), 50).contains(&link));
    }
}
