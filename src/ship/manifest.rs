//! Manifests: lists of the publications to create, one per row.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::platform::{COVER, Row, VIDEO};
use crate::profile::nearest;

/// A manifest as read; the destination checks its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The rows, in order.
    pub rows: Vec<Row>,
}

/// Why a manifest cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The manifest.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("{}: larger than {MAX_BYTES} bytes; split it", path.display())]
    TooLarge {
        /// The manifest.
        path: PathBuf,
    },
    /// Neither `.csv`, `.jsonl` nor `.toml`.
    #[error("{}: not a manifest: the file name must end in .csv, .jsonl or .toml", path.display())]
    Format {
        /// The manifest.
        path: PathBuf,
    },
    /// Malformed.
    #[error("{}: row {row}: {message}", path.display())]
    Syntax {
        /// The manifest.
        path: PathBuf,
        /// The row, from 1; 0 for the header or the whole file.
        row: u32,
        /// The error.
        message: String,
    },
    /// An unknown column.
    #[error("{}: row {row}: unknown column {column:?}{}", path.display(), nearest.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default())]
    UnknownColumn {
        /// The manifest.
        path: PathBuf,
        /// The row, from 1; 0 for the header.
        row: u32,
        /// As written.
        column: String,
        /// The known column with the most similar name, if one is similar enough.
        nearest: Option<&'static str>,
    },
}

const MAX_BYTES: u64 = 64 << 20;

type Fields = BTreeMap<&'static str, String>;

impl Manifest {
    /// Reads a `.csv`, `.jsonl` or `.toml` manifest, which may have these columns.
    ///
    /// # Errors
    /// The first error that prevents reading the file; the values of the rows are checked later.
    pub fn read(path: &Path, columns: &[&'static str]) -> Result<Manifest, ManifestError> {
        let io = |source| ManifestError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(io)?.len() > MAX_BYTES {
            return Err(ManifestError::TooLarge { path: path.to_owned() });
        }
        let text = std::fs::read_to_string(path).map_err(io)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        Manifest::parse(path, text, columns)
    }

    /// Parses the text of the manifest at `path`, in the format given by its extension.
    ///
    /// # Errors
    /// As [`Manifest::read`].
    pub fn parse(path: &Path, text: &str, columns: &[&'static str]) -> Result<Manifest, ManifestError> {
        let reader = ManifestReader { path, known: columns };
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let rows = match extension.to_ascii_lowercase().as_str() {
            "csv" => reader.csv(text)?,
            "jsonl" => reader.jsonl(text)?,
            "toml" => reader.toml(text)?,
            _ => return Err(ManifestError::Format { path: path.to_owned() }),
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let rows = (1..).zip(rows).map(|(row, fields)| row_of(row, fields, folder)).collect();
        Ok(Manifest { rows })
    }

    /// Returns the videos of the rows, each once, in order of first mention.
    pub fn videos(&self) -> Vec<&Path> {
        let mut seen = std::collections::HashSet::new();
        self.rows.iter().map(|row| row.video.as_path()).filter(|video| seen.insert(*video)).collect()
    }
}

fn row_of(number: u32, fields: Fields, folder: &Path) -> Row {
    let mut row = Row::new(number, PathBuf::new());
    for (column, text) in fields {
        // Joined to the folder, an empty name would be the folder itself.
        match (column, text.trim()) {
            (_, "") => {}
            (VIDEO, path) => row.video = folder.join(path),
            (COVER, path) => row.cover = Some(folder.join(path)),
            (column, text) => row = row.with(column, text),
        }
    }
    row
}

struct ManifestReader<'a> {
    path: &'a Path,
    known: &'a [&'static str],
}

impl ManifestReader<'_> {
    fn syntax(&self, row: u32, message: impl ToString) -> ManifestError {
        ManifestError::Syntax { path: self.path.to_owned(), row, message: message.to_string() }
    }

    fn column(&self, row: u32, name: &str) -> Result<&'static str, ManifestError> {
        let name = name.trim();
        if let Some(known) = self.known.iter().find(|known| **known == name) {
            return Ok(known);
        }
        Err(ManifestError::UnknownColumn {
            path: self.path.to_owned(),
            row,
            column: name.to_owned(),
            nearest: nearest(name, self.known.iter().copied()),
        })
    }

    fn csv(&self, text: &str) -> Result<Vec<Fields>, ManifestError> {
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| self.syntax(0, error))?.clone();
        let columns = header.iter().map(|name| self.column(0, name)).collect::<Result<Vec<_>, _>>()?;
        if let Some(duplicate) = (1..columns.len()).find(|at| columns[..*at].contains(&columns[*at])) {
            return Err(self.syntax(0, format!("duplicate column {:?}", columns[duplicate])));
        }
        let mut rows = Vec::new();
        for (row, record) in (1..).zip(reader.records()) {
            let record = record.map_err(|error| self.syntax(row, error))?;
            rows.push(columns.iter().copied().zip(record.iter().map(str::to_owned)).collect());
        }
        Ok(rows)
    }

    fn jsonl(&self, text: &str) -> Result<Vec<Fields>, ManifestError> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        (1..)
            .zip(lines)
            .map(|(row, line)| {
                let table: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_str(line).map_err(|error| self.syntax(row, error))?;
                let texts = table.into_iter().map(|(name, value)| match value {
                    serde_json::Value::String(text) => Ok((name, text)),
                    serde_json::Value::Null => Ok((name, String::new())),
                    // Ids exceed the exact integers of many JSON writers, so they must be strings.
                    _ => Err(self.syntax(row, format!("{name} must be a string in quotes"))),
                });
                self.fields(row, texts)
            })
            .collect()
    }

    fn toml(&self, text: &str) -> Result<Vec<Fields>, ManifestError> {
        let mut table: toml::Table = text.parse().map_err(|error| self.syntax(0, error))?;
        let ads = match table.remove("ad") {
            Some(toml::Value::Array(ads)) => ads,
            None => Vec::new(),
            Some(_) => return Err(self.syntax(0, "write each ad as [[ad]]")),
        };
        if let Some(other) = table.keys().next() {
            return Err(self.syntax(0, format!("unknown key {other:?}; did you mean [[ad]]?")));
        }
        (1..)
            .zip(ads)
            .map(|(row, ad)| {
                let toml::Value::Table(ad) = ad else {
                    return Err(self.syntax(row, "write each ad as [[ad]]"));
                };
                let texts = ad.into_iter().map(|(name, value)| match value {
                    toml::Value::String(text) => Ok((name, text)),
                    _ => Err(self.syntax(row, format!("{name} must be a string in quotes"))),
                });
                self.fields(row, texts)
            })
            .collect()
    }

    fn fields(
        &self,
        row: u32,
        texts: impl Iterator<Item = Result<(String, String), ManifestError>>,
    ) -> Result<Fields, ManifestError> {
        texts.map(|pair| pair.and_then(|(name, text)| Ok((self.column(row, &name)?, text)))).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn parse(name: &str, text: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(
            Path::new(name),
            text,
            &[VIDEO, COVER, "ad_name", "adgroup_id", "ad_text", "landing_page_url"],
        )
    }

    #[test]
    fn csv_jsonl_and_toml_give_the_same_rows() {
        let csv =
            parse("m/ads.csv", "video,ad_name,cover\na.mov,\"One, two\",c.png\na.mov,Three,\n").unwrap();
        let jsonl = parse(
            "m/ads.jsonl",
            "{\"video\":\"a.mov\",\"ad_name\":\"One, two\",\"cover\":\"c.png\"}\n\n{\"video\":\"a.mov\",\"ad_name\":\"Three\",\"cover\":null}\n",
        );
        let toml = parse(
            "m/ads.toml",
            "[[ad]]\nvideo='a.mov'\nad_name='One, two'\ncover='c.png'\n[[ad]]\nvideo='a.mov'\nad_name='Three'\n",
        );
        assert_eq!(csv, jsonl.unwrap());
        assert_eq!(csv, toml.unwrap());
        assert_eq!(csv.rows[0].cover, Some("m/c.png".into()));
        assert_eq!((csv.rows[1].row, csv.rows[1].cover.clone()), (2, None));
        assert_eq!(csv.videos(), [Path::new("m/a.mov")]);
    }

    #[test]
    fn an_unknown_column_suggests_the_nearest_known_one() {
        let error = parse("a.csv", "video,adgroup\n").unwrap_err().to_string();
        assert_eq!(error, "a.csv: row 0: unknown column \"adgroup\"; did you mean \"adgroup_id\"?");
        let error = parse("a.jsonl", "{}\n{\"landing_page\":\"x\"}").unwrap_err().to_string();
        assert!(error.contains("row 2") && error.contains("landing_page_url"), "{error}");
        assert!(parse("a.toml", "[[ads]]\nvideo='a'\n").is_err());
    }

    #[test]
    fn a_malformed_manifest_is_rejected_with_its_row() {
        let error = parse("a.csv", "video,ad_name\na,b\nc\n").unwrap_err();
        assert!(matches!(error, ManifestError::Syntax { row: 2, .. }), "{error}");
        assert!(matches!(parse("a.csv", "video,video\n"), Err(ManifestError::Syntax { row: 0, .. })));
        let error = parse("a.jsonl", "{\"adgroup_id\":1800000000000000001}").unwrap_err().to_string();
        assert!(error.contains("in quotes"), "{error}");
        assert!(matches!(parse("a.xlsx", ""), Err(ManifestError::Format { .. })));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_rejected_without_a_panic(name in "a\\.(csv|jsonl|toml)", text in "(?s).{0,200}") {
            let _ = parse(&name, &text);
        }

        #[test]
        fn text_written_as_json_is_read_back(text in "[^\\p{C}]{0,40}") {
            let line = serde_json::json!({ "video": "v", "ad_text": text }).to_string();
            let read = parse("a.jsonl", &line).unwrap();
            prop_assert_eq!(read.rows[0].text("ad_text"), text.trim());
        }
    }
}
