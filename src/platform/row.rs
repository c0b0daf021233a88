//! A row of a manifest: a video, and what a destination makes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::spreadsheet_id;

/// The column with the path of the video.
pub const VIDEO: &str = "video";
/// The column with the path of the cover.
pub const COVER: &str = "cover";

/// A row of a manifest; its texts are those of the columns that its destination declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The number of the row, from 1; the header of a `.csv` does not count. 0 for a video without a row.
    pub row: u32,
    /// The line of the manifest on which the row begins, from 1, as a spreadsheet or an editor numbers it; `None`
    /// outside a manifest.
    pub line: Option<u32>,
    /// Whether a spreadsheet may have changed the texts: the row is one of a `.csv`.
    pub is_of_spreadsheet: bool,
    /// The video, joined to the manifest's folder.
    pub video: PathBuf,
    /// The cover, joined to the manifest's folder; `None`: a frame of the video.
    pub cover: Option<PathBuf>,
    /// The other columns that are not empty.
    texts: BTreeMap<&'static str, String>,
}

impl Row {
    /// Returns a row that names only a video.
    pub fn new(row: u32, video: impl Into<PathBuf>) -> Row {
        Row { row, video: video.into(), ..Row::default() }
    }

    /// Sets a column; an empty text is the same as none.
    #[must_use]
    pub fn with(mut self, column: &'static str, text: impl Into<String>) -> Row {
        let text = text.into();
        if text.is_empty() {
            self.texts.remove(column);
        } else {
            self.texts.insert(column, text);
        }
        self
    }

    /// Returns the text of a column; empty where it is left out.
    pub fn text(&self, column: &str) -> &str {
        self.texts.get(column).map_or("", String::as_str)
    }

    /// Returns the columns that are not empty, without the video.
    pub fn filled(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.cover.iter().map(|_| COVER).chain(self.texts.keys().copied())
    }

    /// Returns where the row is, for messages: `line 3`, or `row 2` outside a manifest.
    pub fn place(&self) -> String {
        place(self.row, self.line)
    }

    /// Returns whether any of `columns` is not empty.
    pub fn has_any(&self, columns: &[&str]) -> bool {
        self.filled().any(|column| columns.contains(&column))
    }
}

/// A problem of a row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The row, from 1.
    pub row: u32,
    /// The line of the manifest on which the row begins; `None` outside a manifest.
    pub line: Option<u32>,
    /// The column.
    pub field: &'static str,
    /// The problem and what to do.
    pub message: String,
    /// How much it matters.
    pub kind: ProblemKind,
}

impl Problem {
    /// Returns where the row is, for messages.
    pub fn place(&self) -> String {
        place(self.row, self.line)
    }

    /// Returns whether the row may be shipped nevertheless.
    pub fn is_warning(&self) -> bool {
        self.kind == ProblemKind::Warning
    }
}

/// How much a problem of a row matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// A required column is empty.
    Missing,
    /// A value is wrong.
    Error,
    /// The row may be shipped nevertheless.
    Warning,
}

/// Returns where a row is: `line 3`, or `row 2` outside a manifest.
pub(crate) fn place(row: u32, line: Option<u32>) -> String {
    line.map_or_else(|| format!("row {row}"), |line| format!("line {line}"))
}

/// Adds problems of one row to a list.
pub(crate) struct RowProblems<'a> {
    /// The row.
    pub row: &'a Row,
    /// The list.
    pub problems: &'a mut Vec<Problem>,
}

impl RowProblems<'_> {
    fn add(&mut self, field: &'static str, message: impl Into<String>, kind: ProblemKind) {
        let Row { row, line, .. } = *self.row;
        self.problems.push(Problem { row, line, field, message: message.into(), kind });
    }

    /// Adds a problem that forbids shipping.
    pub fn error(&mut self, field: &'static str, message: impl Into<String>) {
        self.add(field, message, ProblemKind::Error);
    }

    /// Adds a required column that is empty; `message` says that it is required, and when.
    pub fn missing(&mut self, field: &'static str, message: impl Into<String>) {
        self.add(field, message, ProblemKind::Missing);
    }

    /// Adds a warning.
    pub fn warn(&mut self, field: &'static str, message: impl Into<String>) {
        self.add(field, message, ProblemKind::Warning);
    }

    /// Returns whether an id is as the platform gave it; adds an error if a spreadsheet changed it.
    pub fn check_id(&mut self, field: &'static str) -> bool {
        let damage = spreadsheet_id::damage(self.row.text(field), self.row.is_of_spreadsheet);
        let is_intact = damage.is_none();
        damage.into_iter().for_each(|message| self.error(field, message));
        is_intact
    }

    /// Checks that the row's files can be read.
    pub fn check_files(&mut self) {
        let row = self.row;
        if row.video.as_os_str().is_empty() {
            self.missing(VIDEO, "required");
        } else if let Some(problem) = file_problem(&row.video) {
            self.error(VIDEO, problem);
        }
        // The rules for images check the content of a cover.
        if let Some(problem) = row.cover.as_deref().and_then(file_problem) {
            self.error(COVER, problem);
        }
    }
}

/// Returns why a path is not a file that can be read; a named pipe is not opened.
fn file_problem(path: &Path) -> Option<String> {
    let path_text = path.display();
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => None,
        Ok(_) => Some(format!("{path_text}: not a regular file")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some(format!("{path_text}: no such file"))
        }
        Err(error) => Some(format!("{path_text}: cannot be accessed: {error}")),
    }
}

/// Returns a digest of texts, each with its length, so that different texts never collide.
pub(crate) fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in texts {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
