//! Lines, indents, wrapping and colour.

use std::io;

use anstyle::{AnsiColor, Color, Style};

use super::super::outcome::Outcome;
use super::HumanOptions;

/// What a stretch of text means, from which its colour follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Dim,
    Strong,
    Good,
    Warn,
    Bad,
}

impl Ink {
    /// The ink of an outcome's mark and count.
    pub(super) fn of(outcome: Outcome) -> Ink {
        match outcome {
            Outcome::Passed | Outcome::Fixed => Ink::Good,
            Outcome::Planned | Outcome::Undecided => Ink::Warn,
            Outcome::Skipped => Ink::Dim,
            Outcome::Noncompliant
            | Outcome::Unreadable
            | Outcome::Refused
            | Outcome::Undelivered
            | Outcome::Failed => Ink::Bad,
        }
    }

    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(Color::Ansi(color)));
        match self {
            Ink::Plain => Style::new(),
            Ink::Dim => Style::new().dimmed(),
            Ink::Strong => Style::new().bold(),
            Ink::Good => color(AnsiColor::Green),
            Ink::Warn => color(AnsiColor::Yellow),
            Ink::Bad => color(AnsiColor::Red),
        }
    }
}

/// Columns below a file's mark.
const INDENT: usize = 4;

/// Where the lines go. All text must be escaped before it comes here.
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

    /// Mark, path and facts; the facts go below where the line would get too long.
    pub(super) fn head(&mut self, outcome: Outcome, path: &str, tag: &str, facts: &str) -> io::Result<()> {
        let mark = self.paint(Ink::of(outcome), outcome.mark());
        let name = self.paint(Ink::Strong, path);
        let together = 2 + columns(path) + columns(tag) + 2 + columns(facts);
        if facts.is_empty() {
            return writeln!(self.out, "{mark} {name}{tag}");
        }
        if self.options.width == 0 || together <= self.options.width {
            let facts = self.paint(Ink::Dim, facts);
            return writeln!(self.out, "{mark} {name}{tag}  {facts}");
        }
        writeln!(self.out, "{mark} {name}{tag}")?;
        self.lines(INDENT, "", Ink::Dim, facts)
    }

    /// A labelled line below a file; what does not fit is indented to the text.
    pub(super) fn item(&mut self, label_width: usize, ink: Ink, label: &str, text: &str) -> io::Result<()> {
        let lead = format!("{}{}", " ".repeat(INDENT), self.paint(ink, &format!("{label:<label_width$}")));
        self.lines(INDENT + label_width, &lead, Ink::Plain, text)
    }

    /// A line that belongs to the item before.
    pub(super) fn more(&mut self, label_width: usize, ink: Ink, text: &str) -> io::Result<()> {
        self.lines(INDENT + label_width, "", ink, text)
    }

    /// An entry of a list.
    pub(super) fn bullet(&mut self, indent: usize, mark: &str, text: &str) -> io::Result<()> {
        let lead = format!("{}{mark} ", " ".repeat(indent));
        self.lines(indent + columns(mark) + 1, &lead, Ink::Plain, text)
    }

    /// Text from the left edge.
    pub(super) fn paragraph(&mut self, ink: Ink, text: &str) -> io::Result<()> {
        self.lines(0, "", ink, text)
    }

    /// The counts: the first before a colon, the rest with commas.
    pub(super) fn summary(&mut self, parts: &[(Ink, String)]) -> io::Result<()> {
        let mut column = 0;
        for (number, (ink, text)) in parts.iter().enumerate() {
            let after = match number {
                _ if number + 1 == parts.len() => "",
                0 => ":",
                _ => ",",
            };
            let needed = columns(text) + after.len() + 1;
            if number > 0 {
                let full = self.options.width > 0 && column + needed > self.options.width;
                self.out.write_all(if full { b"\n  " } else { b" " })?;
                column = if full { 2 } else { column + 1 };
            }
            write!(self.out, "{}{after}", self.paint(*ink, text))?;
            column += columns(text) + after.len();
        }
        writeln!(self.out)
    }

    /// `text` wrapped behind `indent` columns; `lead`, where given, fills those of the first line.
    fn lines(&mut self, indent: usize, lead: &str, ink: Ink, text: &str) -> io::Result<()> {
        let room = match self.options.width {
            0 => usize::MAX,
            // A very narrow terminal still gets a few words a line.
            width => width.saturating_sub(indent).max(20),
        };
        for (number, line) in wrap(text, room).iter().enumerate() {
            let line = self.paint(ink, line);
            if number == 0 && !lead.is_empty() {
                writeln!(self.out, "{lead}{line}")?;
            } else {
                writeln!(self.out, "{}{line}", " ".repeat(indent))?;
            }
        }
        Ok(())
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        let style = ink.style();
        if self.options.color && ink != Ink::Plain {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// A blank that no line may break at. Escaped text holds no control character of its own.
const FIRM_BLANK: char = '\u{1f}';

/// Makes each command between backticks stay on one line, so that it can be copied.
pub(super) fn keep_code_together(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let firm = |part: &str| part.replace(' ', FIRM_BLANK.encode_utf8(&mut [0; 4]));
    let parts = parts.map(|(number, part)| if number % 2 == 1 { firm(part) } else { part.to_owned() });
    parts.collect::<Vec<_>>().join("`")
}

/// Lines of at most `room` columns, broken at blanks; a longer word, such as a link, stays whole.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut column = 0;
    for word in text.split(' ') {
        let needed = columns(word);
        if column > 0 && column + 1 + needed > room {
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
    lines.into_iter().map(|line| line.replace(FIRM_BLANK, " ")).collect()
}

/// Columns, counted as characters: wide scripts take more, which costs a ragged edge, not sense.
fn columns(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn long_words_stay_whole() {
        assert_eq!(
            wrap("see https://example.com/a/b for more", 10),
            ["see", "https://example.com/a/b", "for more"]
        );
        assert_eq!(wrap("", 10), [""]);
    }

    #[test]
    fn a_command_stays_on_one_line() {
        let text = keep_code_together("first run `greenlit fix PATH`, then look");
        assert_eq!(wrap(&text, 20), ["first run", "`greenlit fix PATH`,", "then look"]);
    }
}
