//! Ends a run whose media workers cannot be isolated, and says once what weakens the isolation.

use crate::job::{JobError, Runner, WorkerInfo};
use crate::worker::{Isolation, WorkerPool};

use super::error::CliError;
use super::notices;

/// Checks the isolation of the workers before the first file. Returns what of the isolation is missing.
///
/// # Errors
///
/// [`CliError::NotIsolated`] when the run requires a barrier that this system does not give. A worker that does not
/// start at all is no error here: each file that needs one reports it.
pub fn ensure(isolation: Isolation, quiet: bool, runner: &WorkerPool) -> Result<Vec<String>, CliError> {
    match runner.describe() {
        Ok(info) => {
            if let Some(text) = describe_weakness(isolation, &info).filter(|_| !quiet) {
                notices::say(&text);
            }
            Ok(info.refused)
        }
        Err(JobError::NotIsolated(reason)) => Err(CliError::NotIsolated(reason)),
        Err(_) => Ok(Vec::new()),
    }
}

/// Returns whether a worker lacks nothing of its isolation.
pub fn is_whole(info: &WorkerInfo) -> bool {
    info.missing_barriers().is_empty() && info.refused.is_empty()
}

/// Describes what is missing of a worker's isolation; `None` if it is complete.
pub fn describe_weakness(isolation: Isolation, info: &WorkerInfo) -> Option<String> {
    match isolation {
        Isolation::Off => Some(
            "media workers are not isolated (--isolation off): a hostile file could do what this user may do"
                .to_owned(),
        ),
        _ if info.refused.is_empty() => None,
        _ => Some(format!(
            "the isolation of media workers is weaker on this system: {}",
            info.refused.join("; ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weakness_is_described_with_its_reason() {
        let whole = WorkerInfo::default();
        assert_eq!(describe_weakness(Isolation::Required, &whole), None);
        assert!(describe_weakness(Isolation::Off, &whole).is_some_and(|text| text.contains("not isolated")));
        let weak = WorkerInfo { refused: vec!["landlock: not supported".into()], ..WorkerInfo::default() };
        let text = describe_weakness(Isolation::BestEffort, &weak).unwrap_or_default();
        assert!(text.contains("landlock: not supported"), "{text}");
    }
}
