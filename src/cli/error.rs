//! Errors that stop a command.

use std::path::PathBuf;

use crate::job::JobError;
use crate::pipeline::DiscoverError;
use crate::profile::ProfileError;
use crate::rules::SelectionError;

use super::config_error::ConfigError;

/// Wrong usage, or an operation that failed. The exit code is 2.
///
/// `Display` names the problem, the file and the remedy. The causes are in `source`; `error::chain` appends them.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum CliError {
    #[error("the current folder cannot be determined")]
    CurrentFolder { source: std::io::Error },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    #[error("{path} cannot be read")]
    ReadFile { path: PathBuf, source: std::io::Error },
    #[error("the report cannot be written to {target}: see that its folder exists and the disk has room")]
    WriteReport { target: String, source: std::io::Error },
    #[error("the profile {path} cannot be used")]
    Profile { path: PathBuf, source: ProfileError },
    #[error(
        "the profile {profile} extends {path}, which cannot be read; the path in `extends` is relative to the profile"
    )]
    ExtendedProfile { profile: PathBuf, path: PathBuf, source: std::io::Error },
    #[error("profiles extend one another in a circle: {all}, then {first} again")]
    ProfileCircle { first: PathBuf, all: String },
    #[error(
        "unknown profile `{name}`, and no file has this name{}; `greenlit profiles` lists the profiles",
        did_you_mean(nearest)
    )]
    UnknownProfile { name: String, nearest: Option<String> },
    #[error("invalid --select or --ignore")]
    Selection { source: SelectionError },
    #[error("invalid value `{given}` for {option}{}; allowed values: {allowed}", did_you_mean(nearest))]
    BadChoice { option: String, given: String, allowed: String, nearest: Option<String> },
    #[error("invalid value `{name}` for --to{}; allowed values: {allowed}. {advice}", did_you_mean(nearest))]
    UnknownDestination { name: String, allowed: String, nearest: Option<String>, advice: String },
    #[error("invalid value `{given}` for {option}: expected {expected}")]
    BadValue { option: String, given: String, expected: String },
    #[error("the media worker does not run on this machine; `greenlit doctor` shows the reason")]
    Runner { source: JobError },
    #[error("{0}")]
    NotIsolated(String),
    #[error("{0}")]
    Usage(String),
    #[error("{what}")]
    Operation { what: String, source: Box<dyn std::error::Error + Send + Sync> },
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// Returns the error and all its causes as one line, separated by colons.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_lists_the_error_and_its_causes() {
        let inner = std::io::Error::new(std::io::ErrorKind::PermissionDenied, "permission denied");
        let error = CliError::ReadFile { path: "a.toml".into(), source: inner };
        assert_eq!(chain(&error), "a.toml cannot be read: permission denied");
    }
}
