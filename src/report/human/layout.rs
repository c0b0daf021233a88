//! Lines, indentation, wrapping and colour.

use std::io;

use anstyle::{AnsiColor, Color, Style};
use unicode_width::UnicodeWidthStr;

use super::super::FileEntry;
use super::super::escape::escape;
use super::super::outcome::Outcome;
use super::cut;
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
            Outcome::Planned | Outcome::Undecided | Outcome::Outdated | Outcome::ChangeUnsent => {
                TextRole::Warn
            }
            Outcome::Accepted | Outcome::Skipped => TextRole::Dim,
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

/// Facts that stay on the line of a file whose name is cut to make space for them: codec, size and aspect ratio.
const KEPT_FACTS: usize = 3;

/// A name is not cut below this width, in columns, as long as facts can be left out instead.
const MIN_NAME: usize = 24;

/// Writes the lines of the report. Callers escape all text.
pub(super) struct Page<'a> {
    out: &'a mut dyn io::Write,
    options: &'a HumanOptions,
}

impl<'a> Page<'a> {
    pub(super) fn new(out: &'a mut dyn io::Write, options: &'a HumanOptions) -> Page<'a> {
        Page { out, options }
    }

    pub(super) fn options(&self) -> &'a HumanOptions {
        self.options
    }

    /// Returns the columns of a line; `usize::MAX` if it may have any length.
    pub(super) fn width(&self) -> usize {
        if self.options.width == 0 { usize::MAX } else { self.options.width }
    }

    pub(super) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// Writes mark, path and facts. The facts go on the next line if the line would be too long.
    pub(super) fn head(&mut self, entry: &FileEntry, tag: &str, facts: &str) -> io::Result<()> {
        let (outcome, path) = (Outcome::of(entry), escape(&entry.path));
        let mark = self.paint(TextRole::of(outcome), outcome.mark());
        let together = 2 + path.width() + tag.width() + 2 + facts.width();
        let name = self.file_name(&path, entry);
        if facts.is_empty() {
            return writeln!(self.out, "{mark} {name}{tag}");
        }
        if together <= self.width() {
            let facts = self.paint(TextRole::Dim, facts);
            return writeln!(self.out, "{mark} {name}{tag}  {facts}");
        }
        writeln!(self.out, "{mark} {name}{tag}")?;
        self.lines(INDENT, "", TextRole::Dim, facts)
    }

    /// Writes mark, path and facts in one line: the last facts and then the middle of the path are left out if they are
    /// too long.
    pub(super) fn short_head(&mut self, entry: &FileEntry, tag: &str, facts: &[String]) -> io::Result<()> {
        let (outcome, path) = (Outcome::of(entry), escape(&entry.path));
        let space = self.width().saturating_sub(2 + tag.width());
        let joined = |number: usize| match number {
            0 => String::new(),
            number => format!("  {}", facts[..number].join(" ")),
        };
        let fits = |number: &usize| {
            let name = if *number > KEPT_FACTS { path.width() } else { path.width().min(MIN_NAME) };
            name.saturating_add(joined(*number).width()) <= space
        };
        let facts = joined((0..=facts.len()).rev().find(fits).unwrap_or(0));
        let name = self.file_name(&cut::middle(&path, space.saturating_sub(facts.width())), entry);
        let mark = self.paint(TextRole::of(outcome), outcome.mark());
        writeln!(self.out, "{mark} {name}{tag}{}", self.paint(TextRole::Dim, &facts))
    }

    /// Writes mark, path and the parts of a text in one line, which the caller makes fit into the width.
    pub(super) fn line(
        &mut self,
        entry: &FileEntry,
        name: &str,
        parts: &[(TextRole, String)],
    ) -> io::Result<()> {
        let outcome = Outcome::of(entry);
        let (mark, name) = (self.paint(TextRole::of(outcome), outcome.mark()), self.file_name(name, entry));
        writeln!(self.out, "{mark} {name}{}", self.painted(parts))
    }

    /// Writes the parts of a line below a file, which the caller makes fit into the width without the indentation.
    pub(super) fn below(&mut self, parts: &[(TextRole, String)]) -> io::Result<()> {
        writeln!(self.out, "{}{}", " ".repeat(INDENT), self.painted(parts))
    }

    fn painted(&self, parts: &[(TextRole, String)]) -> String {
        parts.iter().map(|(role, text)| self.paint(*role, text)).collect()
    }

    /// Returns the name of a file, as a link to it if links are wanted.
    fn file_name(&self, shown: &str, entry: &FileEntry) -> String {
        let name = self.paint(TextRole::Strong, shown);
        match &self.options.links {
            Some(links) => {
                format!("\u{1b}]8;;{}\u{1b}\\{name}\u{1b}]8;;\u{1b}\\", links.url(&entry.uri_path()))
            }
            None => name,
        }
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

    /// Writes a row of a table, which is not wrapped.
    pub(super) fn row(&mut self, role: TextRole, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", self.paint(role, text))
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
                let full = column + needed > self.width();
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
        // A very narrow terminal still gets a few words per line.
        let width = self.width().saturating_sub(indent).max(20);
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
