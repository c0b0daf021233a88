//! Problems of rows that only a person can settle, told before anything is sent.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::DeliveryState;
use super::journal::{Journal, JournalError, PublicationKey};
use super::row_digest::digest;
use super::row_problem::{RowProblem, changed_row, replaced_video};
use crate::platform::{Platform, PublicationTime, Row, place};

/// A problem of a row, before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RowNotice {
    /// The row, from 1.
    pub row: u32,
    /// The line of the manifest on which the row begins; `None` in a plan of an earlier version.
    #[serde(default)]
    pub line: Option<u32>,
    /// The problem.
    pub problem: RowProblem,
    /// The problem and what to do.
    pub message: String,
}

impl RowNotice {
    /// Returns where the row is, for messages.
    pub fn place(&self) -> String {
        place(self.row, self.line)
    }
}

/// Returns the rows whose publications were made from another row or with another video.
///
/// `hash` returns the BLAKE3 of a file; it is called only for rows that may have been published.
pub fn known_row_problems(
    journal: &Journal,
    platform: &dyn Platform,
    (origin, account): (&str, &str),
    rows: &[Row],
    hash: &dyn Fn(&Path) -> Option<String>,
) -> Result<Vec<RowNotice>, JournalError> {
    let published = journal.published_names(origin, account)?;
    let with_upload = platform.publication_time() == PublicationTime::WithUpload;
    let mut hashes: HashMap<PathBuf, Option<String>> = HashMap::new();
    let mut notices = Vec::new();
    for row in rows {
        let Some(publication) = platform.publication(row) else { continue };
        let name = (publication.scope, publication.name);
        if !published.contains(&name) {
            continue;
        }
        let content = hashes.entry(row.video.clone()).or_insert_with(|| hash(&row.video)).clone();
        let Some(content) = content else { continue };
        let key = PublicationKey {
            origin: origin.to_owned(),
            account: account.to_owned(),
            scope: name.0,
            name: name.1,
            content,
        };
        let known = journal.publication(&key)?.filter(|known| known.state == DeliveryState::Published);
        let (problem, message) = match known {
            Some(known) if known.field_digest == digest(platform, row) => continue,
            Some(_) => (RowProblem::RowChanged, changed_row(platform)),
            // Posts of all videos have one name.
            None if with_upload => continue,
            None => match journal.published_with_other_content(&key)? {
                Some(id) => (RowProblem::VideoReplaced, replaced_video(platform, &id)),
                None => continue,
            },
        };
        notices.push(RowNotice { row: row.row, line: row.line, problem, message });
    }
    Ok(notices)
}
