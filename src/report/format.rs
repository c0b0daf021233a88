//! The report formats and [`render`], which writes any of them.

use std::fmt;
use std::io;
use std::str::FromStr;

use super::{HumanOptions, Report, github, html, human, json, junit, ndjson, sarif};

/// An output format of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// For a person at a terminal.
    #[default]
    Human,
    /// For a person, with one line for each file.
    Concise,
    /// One JSON document; its schema is what `greenlit schema` prints.
    Json,
    /// One JSON object per line for each file.
    Ndjson,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML, for build servers.
    Junit,
    /// GitHub Actions workflow commands.
    Github,
    /// One self-contained HTML page.
    Html,
}

impl Format {
    /// Returns every format, in the order of the documentation.
    pub fn all() -> &'static [Format] {
        use Format::{Concise, Github, Html, Human, Json, Junit, Ndjson, Sarif};
        &[Human, Concise, Json, Ndjson, Sarif, Junit, Github, Html]
    }

    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::Human => "human",
            Format::Concise => "concise",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Sarif => "sarif",
            Format::Junit => "junit",
            Format::Github => "github",
            Format::Html => "html",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The error for an unknown format name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown report format `{0}`; use human, concise, json, ndjson, sarif, junit, github or html")]
pub struct ParseFormatError(String);

impl FromStr for Format {
    type Err = ParseFormatError;

    fn from_str(name: &str) -> Result<Format, ParseFormatError> {
        let found = Format::all().iter().copied().find(|format| format.name() == name);
        found.ok_or_else(|| ParseFormatError(name.to_owned()))
    }
}

/// Writes `report` as `format` to `out`. Only [`Format::Human`] and [`Format::Concise`] use `human`.
///
/// # Errors
///
/// Returns the write errors of `out`.
pub fn render(
    report: &Report,
    format: Format,
    human: &HumanOptions,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    match format {
        Format::Human => human::render(report, human, out),
        Format::Concise => human::render_concise(report, human, out),
        Format::Json => json::render(report, out),
        Format::Ndjson => ndjson::render(report, out),
        Format::Sarif => sarif::render(report, out),
        Format::Junit => junit::render(report, out),
        Format::Github => github::render(report, out),
        Format::Html => html::render(report, out),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn parses_every_format_name() {
        for format in Format::all() {
            assert_eq!(format.to_string().parse(), Ok(*format));
        }
        let error = "xml".parse::<Format>().unwrap_err().to_string();
        for format in Format::all() {
            assert!(error.contains(format.name()), "{error}");
        }
    }
}
