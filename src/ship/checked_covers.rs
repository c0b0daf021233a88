//! Checks the covers of all rows before the first upload. Each image is read once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{PrepareError, read_cover};
use crate::platform::{COVER, Problem, ProblemKind, Row};
use crate::rules::CoverImage;

/// What is wrong with an image: whether it may be a cover nevertheless, and the sentence.
pub type CoverMessage = (bool, String);

/// The BLAKE3 of the covers that were checked before the first upload. A cover that is another image later is not
/// sent.
#[derive(Clone, Debug, Default)]
pub struct CheckedCovers(BTreeMap<PathBuf, String>);

impl CheckedCovers {
    /// Checks the covers of all rows, of at most `max_bytes`, with `check` and returns the problems. The checks of rows
    /// report covers that do not exist.
    pub fn check(
        rows: &[Row],
        max_bytes: u64,
        check: &dyn Fn(&CoverImage) -> Result<Vec<CoverMessage>, PrepareError>,
    ) -> (CheckedCovers, Vec<Problem>) {
        let mut checked: BTreeMap<&Path, Vec<CoverMessage>> = BTreeMap::new();
        let (mut problems, mut covers) = (Vec::new(), CheckedCovers::default());
        for row in rows {
            let Some(path) = row.cover.as_deref().filter(|path| path.is_file()) else { continue };
            let messages = checked.entry(path).or_insert_with(|| covers.messages(path, max_bytes, check));
            problems.extend(messages.iter().map(|(warning, message)| Problem {
                row: row.row,
                line: row.line,
                field: COVER,
                message: format!("{}: {message}", path.display()),
                kind: if *warning { ProblemKind::Warning } else { ProblemKind::Error },
            }));
        }
        (covers, problems)
    }

    fn messages(
        &mut self,
        path: &Path,
        max_bytes: u64,
        check: &dyn Fn(&CoverImage) -> Result<Vec<CoverMessage>, PrepareError>,
    ) -> Vec<CoverMessage> {
        let image = read_cover(path, max_bytes).map_err(|error| PrepareError::Failed(error.to_string()));
        if let Ok(image) = &image {
            self.0.insert(path.to_owned(), image.content().blake3.clone());
        }
        match image.and_then(|image| check(&image)) {
            Ok(messages) => messages,
            // The run ends before anything is sent.
            Err(PrepareError::Cancelled) => Vec::new(),
            Err(error) => vec![(false, error.to_string())],
        }
    }

    /// Fails if the image is not the one that was checked.
    ///
    /// # Errors
    ///
    /// [`PrepareError::Changed`]
    pub fn require_same(&self, image: &CoverImage) -> Result<(), PrepareError> {
        match self.0.get(image.path()) {
            Some(checked) if *checked != image.content().blake3 => {
                let path = image.path().display();
                Err(PrepareError::Changed(format!("{path}: changed while it was checked: run again")))
            }
            _ => Ok(()),
        }
    }
}
