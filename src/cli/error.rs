//! What stops a command before it does its work, in words for a person.

use std::path::PathBuf;

use crate::job::JobError;
use crate::pipeline::DiscoverError;
use crate::profile::ProfileError;
use crate::rules::SelectionError;

use super::config::ConfigError;

/// Bad usage, or an environment that does not allow the command. Exit code 2.
///
/// `Display` says what, where and what to do; causes are behind `source` and printed once, by
/// [`print_chain`].
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
    #[error("the report cannot be written to {place}: free some space or choose another place with --output")]
    WriteReport { place: String, source: std::io::Error },
    #[error("the profile {path} cannot be used")]
    Profile { path: PathBuf, source: ProfileError },
    #[error(
        "there is no profile `{name}`, and no file of that name{}; `greenlit profiles` lists them",
        did_you_mean(nearest)
    )]
    UnknownProfile { name: String, nearest: Option<String> },
    #[error("--select or --ignore cannot be used")]
    Selection { source: SelectionError },
    #[error("`{given}` is not a value of {option}{}; the values are: {allowed}", did_you_mean(nearest))]
    BadChoice { option: String, given: String, allowed: String, nearest: Option<String> },
    #[error("`{given}` is not a value of {option}: it takes {expected}")]
    BadValue { option: String, given: String, expected: String },
    #[error("media cannot be read on this machine: `greenlit doctor` says what is missing")]
    Runner { source: JobError },
    #[error("{0}")]
    Usage(String),
    #[error("{what}")]
    Operation { what: String, source: Box<dyn std::error::Error + Send + Sync> },
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// The whole chain of causes as one paragraph.
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
    fn a_chain_is_printed_once_from_head_to_root() {
        let inner = std::io::Error::new(std::io::ErrorKind::PermissionDenied, "permission denied");
        let error = CliError::ReadFile { path: "a.toml".into(), source: inner };
        assert_eq!(chain(&error), "a.toml cannot be read: permission denied");
    }
}
