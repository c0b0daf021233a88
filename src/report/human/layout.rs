//! Lines, indentation, wrapping and colour.

use std::io;

use anstyle::{AnsiColor, Color, Style};
use unicode_width::UnicodeWidthStr;

use super::super::outcome::Outcome;
use super::options::HumanOptions;

/// The role of a piece of text, which determines its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextRole {
    Plain,
    Dim,
    Strong,
    Good,
    Warn,
    Bad,
}

impl TextRole {
    /// Returns the role of an outcome's mark and count.
    pub(super) fn of(outcome: Outcome) -> TextRole {
        match outcome {
            Outcome::Passed | Outcome::Fixed => TextRole::Good,
            Outcome::Planned | Outcome::Undecided | Outcome::ChangeUnsent => TextRole::Warn,
            Outcome::Skipped => TextRole::Dim,
            Outcome::Noncompliant
            | Outcome::Unreadable
            | Outcome::Refused
            | Outcome::Undelivered
            | Outcome::Cancelled
            | Outcome::Failed => TextRole::Bad,
        }
    }

    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(Color::Ansi(color)));
        match self {
            TextRole::Plain => Style::new(),
            TextRole::Dim => Style::new().dimmed(),
            TextRole::Strong => Style::new().bold(),
            TextRole::Good => color(AnsiColor::Green),
            TextRole::Warn => color(AnsiColor::Yellow),
            TextRole::Bad => color(AnsiColor::Red),
        }
    }
}

/// Indentation of the lines below a file, in columns.
const INDENT: usize = 4;

/// Writes the lines of the report. Callers escape all text.
pub(super) struct Page<'a> {
    out: &'a mut dyn io::Write,
    options: HumanOptions,
}

impl<'a> Page<'a> {
    pub(super) fn new(out: &'a mut dyn io::Write, options: HumanOptions) -> Page<'a> {
        Page { out, options }
    }

    pub(super) fn options(&self) -> HumanOptions {
        self.options
    }

    pub(super) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// Writes mark, path and facts. The facts go on the next line if the line would be too long.
    pub(super) fn head(&mut self, outcome: Outcome, path: &str, tag: &str, facts: &str) -> io::Result<()> {
        let mark = self.paint(TextRole::of(outcome), outcome.mark());
        let name = self.paint(TextRole::Strong, path);
        let together = 2 + path.width() + tag.width() + 2 + facts.width();
        if facts.is_empty() {
            return writeln!(self.out, "{mark} {name}{tag}");
        }
        if self.options.width == 0 || together <= self.options.width {
            let facts = self.paint(TextRole::Dim, facts);
            return writeln!(self.out, "{mark} {name}{tag}  {facts}");
        }
        writeln!(self.out, "{mark} {name}{tag}")?;
        self.lines(INDENT, "", TextRole::Dim, facts)
    }

    /// Writes a labelled line below a file, wrapped and indented to the text.
    pub(super) fn item(
        &mut self,
        label_width: usize,
        role: TextRole,
        label: &str,
        text: &str,
    ) -> io::Result<()> {
        let lead = format!("{}{}", " ".repeat(INDENT), self.paint(role, &format!("{label:<label_width$}")));
        self.lines(INDENT + label_width, &lead, TextRole::Plain, text)
    }

    /// Writes a continuation line of the item before.
    pub(super) fn more(&mut self, label_width: usize, role: TextRole, text: &str) -> io::Result<()> {
        self.lines(INDENT + label_width, "", role, text)
    }

    /// Writes a list item.
    pub(super) fn bullet(&mut self, indent: usize, mark: &str, text: &str) -> io::Result<()> {
        let lead = format!("{}{mark} ", " ".repeat(indent));
        self.lines(indent + mark.width() + 1, &lead, TextRole::Plain, text)
    }

    /// Writes text without indentation.
    pub(super) fn paragraph(&mut self, role: TextRole, text: &str) -> io::Result<()> {
        self.lines(0, "", role, text)
    }

    /// Writes the counts: the first followed by a colon, the others separated by commas.
    pub(super) fn summary(&mut self, parts: &[(TextRole, String)]) -> io::Result<()> {
        let mut column = 0;
        for (number, (role, text)) in parts.iter().enumerate() {
            let after = match number {
                _ if number + 1 == parts.len() => "",
                // Without outcomes, only the time follows.
                0 if parts.len() > 2 => ":",
                _ => ",",
            };
            let needed = text.width() + after.len() + 1;
            if number > 0 {
                let full = self.options.width > 0 && column + needed > self.options.width;
                self.out.write_all(if full { b"\n  " } else { b" " })?;
                column = if full { 2 } else { column + 1 };
            }
            write!(self.out, "{}{after}", self.paint(*role, text))?;
            column += text.width() + after.len();
        }
        writeln!(self.out)
    }

    /// Writes `text` wrapped and indented by `indent` columns. `lead`, if not empty, replaces the
    /// indentation of the first line.
    fn lines(&mut self, indent: usize, lead: &str, role: TextRole, text: &str) -> io::Result<()> {
        let width = match self.options.width {
            0 => usize::MAX,
            // A very narrow terminal still gets a few words per line.
            width => width.saturating_sub(indent).max(20),
        };
        for (number, line) in wrap(text, width).iter().enumerate() {
            let line = self.paint(role, line);
            if number == 0 && !lead.is_empty() {
                writeln!(self.out, "{lead}{line}")?;
            } else {
                writeln!(self.out, "{}{line}", " ".repeat(indent))?;
            }
        }
        Ok(())
    }

    fn paint(&self, role: TextRole, text: &str) -> String {
        let style = role.style();
        if self.options.color && role != TextRole::Plain {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// A space at which lines do not break. Escaped text contains no control characters.
const NO_BREAK_SPACE: char = '\u{1f}';

/// Keeps each command between backticks on one line, so that it can be copied.
pub(super) fn keep_code_together(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let unbroken = |part: &str| part.replace(' ', NO_BREAK_SPACE.encode_utf8(&mut [0; 4]));
    let parts = parts.map(|(number, part)| if number % 2 == 1 { unbroken(part) } else { part.to_owned() });
    parts.collect::<Vec<_>>().join("`")
}

/// Breaks `text` at spaces into lines of at most `width` columns; longer words, such as links, stay whole.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut column = 0;
    for word in text.split(' ') {
        let needed = word.width();
        if column > 0 && column + 1 + needed > width {
            lines.push(String::new());
            column = 0;
        }
        if let Some(line) = lines.last_mut() {
            if column > 0 {
                line.push(' ');
                column += 1;
            }
            line.push_str(word);
            column += needed;
        }
    }
    lines.into_iter().map(|line| line.replace(NO_BREAK_SPACE, " ")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn does_not_break_long_words() {
        assert_eq!(
            wrap("see https://example.com/a/b for more", 10),
            ["see", "https://example.com/a/b", "for more"]
        );
        assert_eq!(wrap("", 10), [""]);
    }

    #[test]
    fn breaks_lines_by_the_columns_that_a_terminal_shows() {
        assert_eq!(wrap("動画 動画 ab", 9), ["動画 動画", "ab"]);
        assert_eq!(wrap("e\u{301}e\u{301}e\u{301} ab", 6), ["e\u{301}e\u{301}e\u{301} ab"]);
    }

    #[test]
    fn keeps_a_command_on_one_line() {
        let text = keep_code_together("first run `greenlit fix PATH`, then look");
        assert_eq!(wrap(&text, 20), ["first run", "`greenlit fix PATH`,", "then look"]);
    }
}
