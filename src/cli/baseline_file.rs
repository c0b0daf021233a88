//! The file of a baseline: findings that were there when it was written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::config_error::ConfigError;
use super::config_file::read_found;
use super::report_entries::display_path;
use crate::profile::RuleId;
use crate::rules::Finding;

/// The name of the file, beside the configuration.
pub const FILE_NAME: &str = "greenlit-baseline.json";
const SCHEMA: &str = "greenlit.baseline/1";

/// The findings of a baseline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(pub BTreeSet<BaselineFinding>);

/// A finding of a baseline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineFinding {
    /// The file, relative to the folder of the baseline.
    pub path: String,
    /// The rule.
    pub rule: RuleId,
    /// The value found.
    pub found: String,
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: String,
    findings: Vec<BaselineFinding>,
}

impl BaselineFinding {
    /// Returns the entry of a finding of the file at `path`.
    pub fn of(path: &Path, finding: &Finding) -> BaselineFinding {
        BaselineFinding { path: display_path(path).0, rule: finding.rule, found: finding.actual.clone() }
    }
}

impl Baseline {
    /// Returns the path of the baseline of a folder.
    pub fn path_beside(folder: &Path) -> PathBuf {
        // Without `./` in messages.
        if folder == Path::new(".") { PathBuf::from(FILE_NAME) } else { folder.join(FILE_NAME) }
    }

    /// Reads the baseline of a folder; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or is not one that this version reads.
    pub fn read_beside(folder: &Path) -> Result<Option<Baseline>, ConfigError> {
        let path = Baseline::path_beside(folder);
        if !path.exists() {
            return Ok(None);
        }
        // It hides findings, so that it must be as trusted as the configuration.
        let text = read_found(&path)?;
        let wrong = |message: String| ConfigError::Syntax { path: path.clone(), message };
        let document: Document = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if document.schema != SCHEMA {
            return Err(wrong(format!(
                "the schema is {}, and this version reads {SCHEMA}: write it again with `greenlit baseline write`",
                document.schema
            )));
        }
        Ok(Some(Baseline(document.findings.into_iter().collect())))
    }

    /// Returns the text of the file, one finding per line, so that changes of it can be reviewed.
    pub fn text(&self) -> String {
        let lines = self.0.iter().filter_map(|finding| serde_json::to_string(finding).ok());
        let lines: Vec<String> = lines.map(|line| format!("    {line}")).collect();
        format!("{{\n  \"schema\": \"{SCHEMA}\",\n  \"findings\": [\n{}\n  ]\n}}\n", lines.join(",\n"))
    }

    /// Returns whether the baseline has a finding of the file at `path`, relative to its folder.
    pub fn contains(&self, path: &Path, finding: &Finding) -> bool {
        self.0.contains(&BaselineFinding::of(path, finding))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let finding = |path: &str| BaselineFinding {
            path: path.to_owned(),
            rule: RuleId::Duration,
            found: "1 \"s\"".to_owned(),
        };
        for baseline in [Baseline::default(), Baseline([finding("b/a.mp4"), finding("a.mp4")].into())] {
            std::fs::write(Baseline::path_beside(dir.path()), baseline.text()).unwrap();
            assert_eq!(Baseline::read_beside(dir.path()).unwrap(), Some(baseline));
        }
        let later = "{\"schema\": \"greenlit.baseline/2\", \"findings\": []}";
        std::fs::write(Baseline::path_beside(dir.path()), later).unwrap();
        assert!(Baseline::read_beside(dir.path()).unwrap_err().to_string().contains("greenlit.baseline/2"));
        assert_eq!(Baseline::read_beside(&dir.path().join("none")).unwrap(), None);
    }
}
