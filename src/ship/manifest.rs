//! Manifests: lists of the publications to create, one per row.

use std::path::{Path, PathBuf};

use crate::platform::{COVER, Row, VIDEO};

use super::manifest_rows::{Fields, RowReader};
pub use super::manifest_rows::{ManifestProblem, ManifestProblemKind};
use super::manifest_text::{decode, with_plain_line_ends};

/// A manifest as read; the destination checks its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The rows, in order.
    pub rows: Vec<Row>,
    /// The columns that the file has.
    pub columns: Vec<&'static str>,
    /// How the file was read, where it has two readings.
    pub notice: Option<String>,
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
    /// Neither UTF-8 nor UTF-16 text.
    #[error("{}: {reason}", path.display())]
    Encoding {
        /// The manifest.
        path: PathBuf,
        /// The reason and what to do.
        reason: String,
    },
    /// Parts of the file cannot be read.
    #[error("{}: {}", path.display(), problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid {
        /// The manifest.
        path: PathBuf,
        /// Every part that cannot be read.
        problems: Vec<ManifestProblem>,
    },
}

const MAX_BYTES: u64 = 64 << 20;

impl Manifest {
    /// Reads a `.csv`, `.jsonl` or `.toml` manifest, which may have these columns.
    ///
    /// # Errors
    /// Why the file cannot be read, or every part of it that cannot; the values of the rows are checked later.
    pub fn read(path: &Path, columns: &[&'static str]) -> Result<Manifest, ManifestError> {
        without_problems(path, Manifest::read_with_problems(path, columns)?)
    }

    /// Reads what can be read of a manifest, and lists the parts that cannot.
    ///
    /// # Errors
    /// Why the file cannot be read at all.
    pub fn read_with_problems(
        path: &Path,
        columns: &[&'static str],
    ) -> Result<(Manifest, Vec<ManifestProblem>), ManifestError> {
        let io = |source| ManifestError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(io)?.len() > MAX_BYTES {
            return Err(ManifestError::TooLarge { path: path.to_owned() });
        }
        let text = decode(&std::fs::read(path).map_err(io)?)
            .map_err(|reason| ManifestError::Encoding { path: path.to_owned(), reason })?;
        parse(path, &text, columns)
    }

    /// Parses the text of the manifest at `path`, in the format given by its extension.
    ///
    /// # Errors
    /// As [`Manifest::read`].
    pub fn parse(path: &Path, text: &str, columns: &[&'static str]) -> Result<Manifest, ManifestError> {
        without_problems(path, parse(path, &with_plain_line_ends(text), columns)?)
    }

    /// Returns the videos of the rows, each once, in order of first mention.
    pub fn videos(&self) -> Vec<&Path> {
        let mut seen = std::collections::HashSet::new();
        self.rows.iter().map(|row| row.video.as_path()).filter(|video| seen.insert(*video)).collect()
    }
}

fn without_problems(
    path: &Path,
    (manifest, problems): (Manifest, Vec<ManifestProblem>),
) -> Result<Manifest, ManifestError> {
    if problems.is_empty() {
        return Ok(manifest);
    }
    Err(ManifestError::Invalid { path: path.to_owned(), problems })
}

/// Parses a text whose lines end with `\n`.
fn parse(
    path: &Path,
    text: &str,
    columns: &[&'static str],
) -> Result<(Manifest, Vec<ManifestProblem>), ManifestError> {
    let mut reader = RowReader::new(columns);
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let is_csv = extension.eq_ignore_ascii_case("csv");
    match extension.to_ascii_lowercase().as_str() {
        "csv" => reader.csv(text),
        "jsonl" => reader.jsonl(text),
        "toml" => reader.toml(text),
        _ => return Err(ManifestError::Format { path: path.to_owned() }),
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let rows = (1..).zip(reader.rows).map(|(number, (line, fields))| {
        let mut row = row_of(number, fields, folder);
        row.line = Some(line);
        row.is_of_spreadsheet = is_csv;
        row
    });
    let manifest = Manifest { rows: rows.collect(), columns: reader.columns, notice: reader.notice };
    Ok((manifest, reader.problems))
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
        let (jsonl, toml) = (jsonl.unwrap(), toml.unwrap());
        let texts = |manifest: &Manifest| {
            let texts =
                manifest.rows.iter().map(|row| (row.row, row.cover.clone(), row.text("ad_name").to_owned()));
            texts.collect::<Vec<_>>()
        };
        assert_eq!((texts(&csv), texts(&csv)), (texts(&jsonl), texts(&toml)));
        assert_eq!((csv.videos(), csv.videos()), (jsonl.videos(), toml.videos()));
        let lines = |manifest: &Manifest| manifest.rows.iter().map(|row| row.line).collect::<Vec<_>>();
        assert_eq!(lines(&csv), [Some(2), Some(3)]);
        assert_eq!(lines(&jsonl), [Some(1), Some(3)]);
        assert_eq!(lines(&toml), [Some(1), Some(5)]);
        assert!(csv.rows[0].is_of_spreadsheet && !jsonl.rows[0].is_of_spreadsheet);
        assert_eq!(csv.rows[0].cover, Some("m/c.png".into()));
        assert_eq!((csv.rows[1].row, csv.rows[1].cover.clone()), (2, None));
        assert_eq!(csv.videos(), [Path::new("m/a.mov")]);
    }

    #[test]
    fn an_unknown_column_suggests_the_nearest_known_one() {
        let error = parse("a.csv", "video,adgroup\n").unwrap_err().to_string();
        assert_eq!(error, "a.csv: line 1: unknown column \"adgroup\"; did you mean \"adgroup_id\"?");
        let error = parse("a.jsonl", "{}\n{\"landing_page\":\"x\"}").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("landing_page_url"), "{error}");
        assert!(parse("a.toml", "[[ads]]\nvideo='a'\n").is_err());
    }

    fn problem_lines(name: &str, text: &str) -> Vec<Option<u32>> {
        match parse(name, text) {
            Err(ManifestError::Invalid { problems, .. }) => {
                problems.iter().map(|problem| problem.line).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_malformed_row_is_told_with_its_line() {
        assert_eq!(problem_lines("a.csv", "video,ad_name,x\na,b\n\nc,d,e\nf\n"), [1, 2, 5].map(Some));
        assert_eq!(problem_lines("a.csv", "video,video\n"), [Some(1)]);
        assert_eq!(problem_lines("a.csv", "video,\na,\nb,c\n"), [Some(3)], "a text beside the table");
        assert_eq!(problem_lines("a.jsonl", "{\n\n{\"x\":\"\"}\n"), [Some(1), Some(3)]);
        assert_eq!(problem_lines("a.toml", "[[ad]]\nvideo=1\n[[ad]]\nx='a'\n"), [Some(1), Some(3)]);
        let error = parse("a.jsonl", "{\"adgroup_id\":1800000000000000001}").unwrap_err().to_string();
        assert!(error.contains("in quotes"), "{error}");
        assert!(matches!(parse("a.xlsx", ""), Err(ManifestError::Format { .. })));
    }

    #[test]
    fn lines_are_those_of_a_spreadsheet_and_blank_rows_are_skipped() {
        let text = "\n,,\nvideo,ad_name,ad_text\n,,\n\na,\"two\r\nlines\",x\r\n , ,\nb,c,d";
        let rows = parse("a.csv", text).unwrap().rows;
        let found: Vec<_> =
            rows.iter().map(|row| (row.row, row.line.unwrap(), row.video.to_str().unwrap())).collect();
        assert_eq!(found, [(1, 6, "a"), (2, 8, "b")]);
        assert_eq!(rows[0].text("ad_name"), "two\nlines");
        let old = parse("a.csv", "video,ad_name,ad_text\ra,b,c\r").unwrap();
        assert_eq!((old.rows.len(), old.rows[0].line), (1, Some(2)), "lines that end with a carriage return");
    }

    #[test]
    fn the_header_decides_what_separates_the_columns() {
        let comma = parse("a.csv", "video,ad_text\na.mp4,one; two\n").unwrap();
        let semicolon = parse("a.csv", "video;ad_text\na.mp4;\"one; two\"\n").unwrap();
        let tab = parse("a.csv", "video\tad_text\na.mp4\tone; two\n").unwrap();
        assert_eq!((&comma, &comma), (&semicolon, &tab));
        assert_eq!((comma.notice, comma.rows[0].text("ad_text")), (None, "one; two"));
        assert_eq!(
            parse("a.csv", "video\na,b.mp4\n").unwrap_err().to_string(),
            "a.csv: line 2: column 2 has no name in the header"
        );
        let columns = ["video", "ad_name", "ad_text", "video;ad_name"];
        let (_, problems) =
            super::parse(Path::new("a.csv"), "video;ad_name,ad_text\n", &columns[..3]).unwrap();
        assert_eq!(problems.len(), 1);
        let (read, _) = super::parse(Path::new("a.csv"), "video;ad_name,ad_text\n", &columns[..3]).unwrap();
        assert!(read.notice.unwrap().contains("commas or semicolons"));
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
