//! Turns the outcome of a fix into a file that may be uploaded: the output, or the source if it complies.

use std::io;
use std::path::Path;

use crate::cache::FileState;
use crate::ending::{FailureKind, PrepareError};
use crate::model::ContentHash;
use crate::plan::Action;
use crate::profile::Profile;
use crate::rules::{Assessment, Selection, Subject, ValidatedAsset, Verdict, assess};

use super::failure::Failure;
use super::fix_record::FixRecord;
use super::outcome::Outcome;
use super::store::Store;

impl Outcome {
    /// Validates the file that this outcome ends with. An output must still have the bytes that were verified and
    /// recorded, a source must still be the file that was probed.
    ///
    /// # Errors
    ///
    /// Why the file may not be uploaded.
    #[doc(hidden)]
    pub fn validate(
        &self,
        profile: &Profile,
        store: &dyn Store,
        record: &FixRecord,
    ) -> Result<ValidatedAsset, PrepareError> {
        if let Some(failure) = &self.failure {
            return Err(failure.into());
        }
        let refused = || PrepareError::Refused("the file does not comply and was not fixed".into());
        if self.assessment.as_ref().is_some_and(Assessment::is_image) {
            let reason = "the file is a still image, not a video; a manifest takes images as `cover`";
            return Err(PrepareError::Refused(reason.into()));
        }
        let Some(fixed) = &self.fix else { return Err(refused()) };
        if let Some(failure) = fixed.failure() {
            return Err(failure.into());
        }
        if fixed.plan.action == Action::Refused {
            return Err(fixed.plan.reason.clone().map_or_else(refused, PrepareError::Refused));
        }
        let output = fixed.output();
        let path = output.map_or(&self.source.path, |output| &output.path);
        let facts = output.and_then(|output| output.proof.facts.as_ref()).or(self.facts.as_ref());
        let Some(facts) = facts else { return Err(refused()) };
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        // Uploads get a short name of their own with the extension mp4, so check that instead.
        let name = fixed.plan.max_name_chars.map_or(name.as_ref(), |_| "file.mp4");
        let subject = Subject { facts, file_name: name, deep: None };
        let assessment = assess(&subject, profile, &Selection::default());
        let content = match output {
            Some(output) => hash_output(&output.path, store, record)?,
            None => hash_source(path, self.state, store, record)?,
        };
        if assessment.verdict() != Verdict::Compliant {
            return Err(refused());
        }
        assessment.validate(path.clone(), content).ok_or_else(refused)
    }
}

/// Hashes an output, which must still have the bytes that were verified.
fn hash_output(path: &Path, store: &dyn Store, record: &FixRecord) -> Result<ContentHash, PrepareError> {
    let (content, _) = hash(path, store, record)?;
    // Records of earlier versions hold no content.
    let verified = record.content_of_output(path);
    if verified.is_none_or(|verified| verified == content.blake3) {
        return Ok(content);
    }
    let message = format!("{}: the output changed after it was verified: run again", path.display());
    Err(PrepareError::Changed(message))
}

/// Hashes a source that is shipped as it is, which must still be the file that was probed.
fn hash_source(
    path: &Path,
    probed: Option<FileState>,
    store: &dyn Store,
    record: &FixRecord,
) -> Result<ContentHash, PrepareError> {
    let (content, now) = hash(path, store, record)?;
    if probed == Some(now) {
        return Ok(content);
    }
    Err(PrepareError::Changed(format!(
        "{}: the file changed since it was checked: run again",
        path.display()
    )))
}

/// Returns the hashes of a file and its state after it was read.
fn hash(
    path: &Path,
    store: &dyn Store,
    record: &FixRecord,
) -> Result<(ContentHash, FileState), PrepareError> {
    let failed = |error: io::Error| PrepareError::Failed(format!("{}: {error}", path.display()));
    let file = store.open(path).map_err(|failure| PrepareError::Failed(failure.message))?;
    let content = record.contents().content(&file).map_err(failed)?;
    Ok((content, FileState::from(&file.metadata().map_err(failed)?)))
}

/// Problems of the file itself are final, a full disk is not, and a cancelled file did not fail.
impl From<&Failure> for PrepareError {
    fn from(failure: &Failure) -> PrepareError {
        let message = failure.message.clone();
        match failure.kind {
            FailureKind::Interrupted => PrepareError::Cancelled,
            kind if kind.is_fault_of_file() => PrepareError::Refused(message),
            _ => PrepareError::Failed(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_run_or_full_disk_is_not_final() {
        let of = |kind| PrepareError::from(&Failure::new(kind, "reason"));
        assert_eq!(of(FailureKind::Input), PrepareError::Refused("reason".to_owned()));
        assert_eq!(of(FailureKind::Operation), PrepareError::Failed("reason".to_owned()));
        assert_eq!(of(FailureKind::Interrupted), PrepareError::Cancelled);
    }
}
