//! A folder as a destination describes itself.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::columns::{ENTRY, NOTE, entry_name};
use super::delivery::HandOver;
use crate::platform::columns::check_columns;
use crate::platform::{
    CallCounts, Class, ConnectError, Connection, Defaults, Destination, Platform, Problem, PublicationKind,
    PublicationName, PublicationTime, Quota, Row, RowProblems, digest,
};
use crate::profile::Profile;

/// The destination for handing files over.
pub const FOLDER: Folder = Folder;

/// A folder, without a connection.
pub struct Folder;

const ID: &str = "folder";
/// The account of a folder, which has only one.
const ACCOUNT: &str = "local";
/// The folder that stands in for one, below the state of the sandbox.
const TRIAL: &str = "folder";
/// File systems allow 255 bytes, and names of copies are ASCII.
const MAX_NAME_CHARS: usize = 200;
/// Copies are not limited.
const NO_LIMIT: u64 = 1_000_000;

/// Returns the absolute path of the folder that `base_url` names.
fn root_of(base_url: &str) -> Result<PathBuf, ConnectError> {
    if base_url.is_empty() {
        return Err(ConnectError::new(
            "no folder is named: set base_url in the configuration, or --base-url, to a path",
        ));
    }
    std::path::absolute(base_url).map_err(ConnectError::new)
}

impl Platform for Folder {
    fn id(&self) -> &'static str {
        ID
    }

    fn defaults(&self) -> Defaults {
        Defaults {
            profile: "tiktok-ads",
            base_url: "",
            token_env: None,
            account_key: "account",
            account: Some(ACCOUNT),
            tier: "",
        }
    }

    fn hosts(&self) -> &'static [&'static str] {
        &[]
    }

    fn origin_of(&self, base_url: &str) -> Result<String, ConnectError> {
        Ok(format!("{ID}:{}", root_of(base_url)?.display()))
    }

    fn account_in_keys(&self, account: &str, _mode: Option<&str>) -> String {
        format!("{account}:{ID}")
    }

    fn connect(&self, connection: Connection) -> Result<Arc<dyn Destination>, ConnectError> {
        let root = root_of(&connection.base_url)?;
        let origin = match connection.origin {
            Some(origin) => origin,
            None => self.origin_of(&connection.base_url)?,
        };
        Ok(Arc::new(HandOver::new(&FOLDER, root, origin, self.account_in_keys(&connection.account, None))))
    }

    fn trial(&self, _address: &str, folder: &Path) -> (String, String) {
        (folder.join(TRIAL).display().to_string(), ACCOUNT.to_owned())
    }

    fn publication_kind(&self, _mode: Option<&str>) -> PublicationKind {
        PublicationKind::Entry
    }

    fn publication_time(&self) -> PublicationTime {
        PublicationTime::AfterReadiness
    }

    fn lists_at_once(&self) -> bool {
        true
    }

    fn max_name_chars(&self) -> usize {
        MAX_NAME_CHARS
    }

    fn upload_extension<'a>(&self, of_file: &'a str) -> &'a str {
        of_file
    }

    fn columns(&self) -> &'static [&'static str] {
        &[ENTRY, NOTE]
    }

    fn example_row(&self) -> Row {
        Row::new(1, "videos/spring.mp4").with(ENTRY, "spring.mp4").with(NOTE, "first version")
    }

    fn publication(&self, row: &Row) -> Option<PublicationName> {
        Some(PublicationName { scope: String::new(), name: entry_name(row) })
    }

    fn name_column(&self) -> &'static str {
        ENTRY
    }

    fn digest(&self, row: &Row, _cover: &str) -> String {
        digest([entry_name(row).as_str(), row.text(NOTE)])
    }

    fn check_rows(
        &self,
        rows: &[Row],
        _mode: Option<&str>,
        _profile: &Profile,
        all: &[&dyn Platform],
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut names: HashMap<String, String> = HashMap::new();
        for row in rows {
            let mut report = RowProblems { row, problems: &mut problems };
            report.check_files();
            check_columns(self, all, &mut report);
            if let Some(first) = names.insert(entry_name(row), row.place()) {
                let message = format!("same name as in {first}: give one of them another {ENTRY}");
                report.error(ENTRY, message);
            }
            if row.text(NOTE).chars().any(char::is_control) {
                report.error(NOTE, "control characters are not allowed");
            }
        }
        problems
    }

    fn calls_of_file(&self, _mode: Option<&str>, upload_bytes: Option<u64>, publications: u64) -> CallCounts {
        vec![("copy", u64::from(upload_bytes.is_some())), ("append", publications)]
    }

    fn shared_calls(&self, _waits: u64, _rows: &[&Row]) -> CallCounts {
        Vec::new()
    }

    fn quota(&self, _tier: &str) -> Result<Quota, ConnectError> {
        Ok(Quota {
            has_tiers: false,
            calls_per_minute: NO_LIMIT,
            calls_per_day: None,
            publications_per_minute: NO_LIMIT,
        })
    }

    fn explain(&self, _code: &str, _codes: Option<&toml::Value>) -> Option<String> {
        None
    }

    fn class_of(&self, _code: &str, _codes: Option<&toml::Value>) -> Option<Class> {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::platform::folder::delivery::inside;

    #[test]
    fn an_entry_has_the_name_of_its_video_unless_the_row_gives_one() {
        let name = |row: &Row| FOLDER.publication(row).unwrap().name;
        assert_eq!(name(&Row::new(1, "in/a.mov")), "a.mov");
        assert_eq!(name(&Row::new(1, "in/a.mov").with(ENTRY, "spring")), "spring");
    }

    #[test]
    fn two_rows_with_one_name_are_refused_and_no_path_leaves_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let video = dir.path().join("a.mp4");
        std::fs::write(&video, b"video").unwrap();
        let rows = [Row::new(1, &video), Row::new(2, &video), Row::new(3, &video).with(ENTRY, "b")];
        let problems = FOLDER.check_rows(&rows, None, &Profile::builtin("tiktok-ads").unwrap(), &[]);
        assert_eq!(
            problems.iter().map(|problem| (problem.row, problem.field)).collect::<Vec<_>>(),
            [(2, ENTRY)]
        );
        for name in ["../a", "", "..", "a/b", "/etc/a"] {
            assert_eq!(inside(Path::new("/out"), name), None, "{name}");
        }
        assert!(FOLDER.origin_of("").is_err());
    }
}
