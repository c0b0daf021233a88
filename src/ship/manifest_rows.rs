//! Reads the rows of a manifest in each of its formats, and collects every problem.

use std::collections::BTreeMap;
use std::fmt;

use toml::de::{DeTable, DeValue};

use crate::profile::{nearest, one_line};

/// A part of a manifest that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestProblem {
    /// The line, from 1, as a spreadsheet or an editor numbers it; `None` for the whole file.
    pub line: Option<u32>,
    /// The problem.
    pub kind: ManifestProblemKind,
}

/// What is wrong with a part of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManifestProblemKind {
    /// Malformed; the reason.
    Syntax(String),
    /// An unknown column.
    UnknownColumn {
        /// As written.
        column: String,
        /// The known column with the most similar name, if one is similar enough.
        nearest: Option<&'static str>,
    },
}

impl fmt::Display for ManifestProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        match &self.kind {
            ManifestProblemKind::Syntax(message) => f.write_str(message),
            ManifestProblemKind::UnknownColumn { column, nearest: None } => {
                write!(f, "unknown column {column:?}")
            }
            ManifestProblemKind::UnknownColumn { column, nearest: Some(near) } => {
                write!(f, "unknown column {column:?}; did you mean {near:?}?")
            }
        }
    }
}

/// The texts of a row by column.
pub(super) type Fields = BTreeMap<&'static str, String>;

/// Reads rows and remembers what is wrong.
pub(super) struct RowReader<'a> {
    known: &'a [&'static str],
    /// The columns that the file has.
    pub columns: Vec<&'static str>,
    /// The rows that could be read, each with its line.
    pub rows: Vec<(u32, Fields)>,
    /// What could not be read.
    pub problems: Vec<ManifestProblem>,
    /// How a text with two readings was read.
    pub notice: Option<String>,
}

/// The separators of columns, with their names; the first is used where nothing decides.
const SEPARATORS: [(u8, &str); 3] = [(b',', "commas"), (b';', "semicolons"), (b'\t', "tabs")];

impl<'a> RowReader<'a> {
    /// Returns a reader for these columns.
    pub fn new(known: &'a [&'static str]) -> RowReader<'a> {
        RowReader { known, columns: Vec::new(), rows: Vec::new(), problems: Vec::new(), notice: None }
    }

    fn problem(&mut self, line: impl Into<Option<u32>>, message: impl ToString) {
        let kind = ManifestProblemKind::Syntax(message.to_string());
        self.problems.push(ManifestProblem { line: line.into(), kind });
    }

    /// Returns the known column with a name, and remembers that the file has it.
    fn column(&mut self, line: u32, name: &str) -> Option<&'static str> {
        let Some(column) = self.known(name) else {
            let kind = ManifestProblemKind::UnknownColumn {
                column: name.trim().to_owned(),
                nearest: nearest(name.trim(), self.known.iter().copied()),
            };
            self.problems.push(ManifestProblem { line: Some(line), kind });
            return None;
        };
        if !self.columns.contains(&column) {
            self.columns.push(column);
        }
        Some(column)
    }

    fn known(&self, name: &str) -> Option<&'static str> {
        self.known.iter().copied().find(|known| *known == name.trim())
    }

    /// Reads a table whose lines end with `\n`. Its first row that is not blank has the names of the columns.
    pub fn csv(&mut self, text: &str) {
        let mut records = CsvRecords::new(text, self.separator(text));
        let Some((line, header)) = records.next() else { return };
        let mut columns: Vec<Option<&'static str>> = Vec::new();
        for name in &header {
            // A spreadsheet may write empty columns beside the table.
            let column = if name.trim().is_empty() { None } else { self.column(line, name) };
            if let Some(again) = column.filter(|column| columns.contains(&Some(column))) {
                self.problem(line, format!("duplicate column {again:?}"));
            }
            columns.push(column);
        }
        for (line, record) in records {
            let (has, expected) = (record.len(), columns.len());
            let is_beside = |(at, text): (usize, &str)| {
                !text.trim().is_empty() && header.get(at).is_none_or(|name| name.trim().is_empty())
            };
            if has < expected {
                self.problem(line, format!("{has} columns, but the header has {expected}"));
            } else if let Some(at) = record.iter().enumerate().position(is_beside) {
                self.problem(line, format!("column {} has no name in the header", at + 1));
            } else {
                let texts = columns.iter().zip(&record);
                let texts = texts.filter_map(|(column, text)| Some(((*column)?, text.to_owned())));
                self.rows.push((line, texts.collect()));
            }
        }
    }

    /// Returns the separator with which the header has the most known columns.
    fn separator(&mut self, text: &str) -> u8 {
        let read = SEPARATORS.map(|(separator, name)| {
            let header =
                CsvRecords::new(text, separator).next().map(|(_, header)| header).unwrap_or_default();
            let known = header.iter().filter(|name| self.known(name).is_some()).count();
            ((known, header.len()), separator, name)
        });
        let best = read.iter().map(|(score, ..)| *score).max().unwrap_or_default();
        let mut best_ones = read.iter().filter(|(score, ..)| *score == best);
        let Some((_, separator, name)) = best_ones.next() else { return SEPARATORS[0].0 };
        // A header of one column has no separator.
        if let (Some((.., other)), true) = (best_ones.next(), best.0 > 0 && best.1 > 1) {
            let reading =
                format!("the header can be read with {name} or {other} between the columns; {name} are used");
            self.notice = Some(reading);
        }
        *separator
    }

    /// Reads one JSON object per line.
    pub fn jsonl(&mut self, text: &str) {
        for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
            match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
                Err(error) => self.problem(line, error),
                Ok(object) => {
                    let texts = object.into_iter().map(|(name, value)| match value {
                        serde_json::Value::String(text) => (name, Some(text)),
                        serde_json::Value::Null => (name, Some(String::new())),
                        _ => (name, None),
                    });
                    self.row(line, texts);
                }
            }
        }
    }

    /// Reads the tables `[[ad]]`.
    pub fn toml(&mut self, text: &str) {
        const HOW: &str = "write each ad as [[ad]]";
        let table = match DeTable::parse(text) {
            Ok(table) => table.into_inner(),
            Err(error) => return self.problem(None, one_line(&error, text)),
        };
        let line_of = |at: usize| 1 + text[..at].matches('\n').count() as u32;
        for (key, value) in table {
            let line = line_of(key.span().start);
            match (key.get_ref().as_ref(), value.into_inner()) {
                ("ad", DeValue::Array(ads)) => {
                    for ad in ads {
                        let line = line_of(ad.span().start);
                        let DeValue::Table(ad) = ad.into_inner() else {
                            self.problem(line, HOW);
                            continue;
                        };
                        let texts = ad.into_iter().map(|(name, value)| match value.into_inner() {
                            DeValue::String(text) => {
                                (name.into_inner().into_owned(), Some(text.into_owned()))
                            }
                            _ => (name.into_inner().into_owned(), None),
                        });
                        self.row(line, texts);
                    }
                }
                ("ad", _) => self.problem(line, HOW),
                (other, _) => self.problem(line, format!("unknown key {other:?}; did you mean [[ad]]?")),
            }
        }
    }

    /// Adds a row of named texts; `None` is a value that is not a text.
    fn row(&mut self, line: u32, texts: impl Iterator<Item = (String, Option<String>)>) {
        let mut fields = Fields::new();
        for (name, text) in texts {
            let Some(column) = self.column(line, &name) else { continue };
            match text {
                Some(text) => drop(fields.insert(column, text)),
                // Ids exceed the exact integers of many programs, so they must be strings.
                None => self.problem(line, format!("{name} must be a string in quotes")),
            }
        }
        self.rows.push((line, fields));
    }
}

/// The records of a `.csv` that are not blank, each with the line on which a spreadsheet shows it.
struct CsvRecords<'a> {
    reader: csv::Reader<std::io::Chain<&'a [u8], &'a [u8]>>,
    /// Line breaks inside quoted texts, which begin no row of a spreadsheet.
    inner_breaks: u64,
}

impl<'a> CsvRecords<'a> {
    fn new(text: &'a str, separator: u8) -> CsvRecords<'a> {
        // The last record ends like the others.
        let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
        let mut builder = csv::ReaderBuilder::new();
        builder.delimiter(separator).has_headers(false).flexible(true);
        let reader = builder.from_reader(std::io::Read::chain(text.as_bytes(), end));
        CsvRecords { reader, inner_breaks: 0 }
    }
}

impl Iterator for CsvRecords<'_> {
    type Item = (u32, csv::StringRecord);

    fn next(&mut self) -> Option<Self::Item> {
        let mut record = csv::StringRecord::new();
        // Text from memory has no errors of reading or decoding.
        while self.reader.read_record(&mut record).ok()? {
            self.inner_breaks += record.iter().map(|text| text.matches('\n').count() as u64).sum::<u64>();
            if record.iter().any(|text| !text.trim().is_empty()) {
                let line = self.reader.position().line().saturating_sub(1 + self.inner_breaks);
                return Some((u32::try_from(line).unwrap_or(u32::MAX), record));
            }
        }
        None
    }
}
