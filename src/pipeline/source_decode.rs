//! Decodes sources: those that are copied unchanged, to show that they play, and those of failed fixes, to tell
//! whose fault the failure is.

use std::fs::File;
use std::sync::Arc;

use crate::cache::{Contents, DecodeKey, ProbeCache};
use crate::ending::FailureKind;
use crate::job::{
    DecodeScope, Job, JobError, JobFiles, JobOutput, JobRequest, OutputProof, SourceDecode, VerifyLevel,
    VerifyReport,
};
use crate::model::{MediaFacts, SourceDamage};

use super::checked_file::CheckedFile;
use super::events::Event;
use super::failure::{Failure, unexpected_result};
use super::inputs::Pipeline;
use super::open_source::display_name;

/// The end of the message about little damage.
const LITTLE_DAMAGE_ADVICE: &str =
    ": copy or export the original again, or allow the decoder to conceal the damage with --conceal";
/// The end of the message about more damage.
const DAMAGE_ADVICE: &str = ": copy or export the original again (--conceal only conceals damage of at most a \
                             tenth of the packets)";

/// Decodes sources, except those whose bytes are known to decode.
#[derive(Clone)]
pub(super) struct SourceDecoder<'a> {
    pub(super) pipeline: Pipeline<'a>,
    /// The hashes of the files of this run.
    pub(super) contents: Arc<Contents>,
}

impl SourceDecoder<'_> {
    /// Reads a source that is copied unchanged once more, and decodes it with `decodes`, unless its bytes are known to
    /// decode. Returns its facts, and the result of the decode.
    pub(super) fn require(
        &self,
        work: usize,
        checked: &CheckedFile,
        input: &File,
        decodes: bool,
    ) -> Result<(MediaFacts, Option<VerifyReport>), Failure> {
        let key = if decodes { self.key(input) } else { None };
        let decodes = decodes && !self.is_decoded(key.as_ref());
        let decode = if decodes { DecodeScope::Everything } else { DecodeScope::Nothing };
        let proof = match self.run(work, checked, input, Job::Proof { decode }) {
            Ok(JobOutput::Proved(proof)) => *proof,
            Ok(_) => return Err(unexpected_result()),
            Err(error) => return Err(decode_failure(&error)),
        };
        let OutputProof { facts, decoded: SourceDecode { decode, damage, frame_sizes }, .. } = proof;
        if !decodes {
            return Ok((facts, None));
        }
        if frame_sizes.len() > 1 {
            // Containers without an index show it only here if they are large.
            let sizes: Vec<String> = frame_sizes.iter().map(ToString::to_string).collect();
            let message = format!("the frame size changes within the video: {}", sizes.join(", "));
            return Err(Failure::new(FailureKind::SeveralSizes, message));
        }
        if let Some(failure) = failure_of(&damage) {
            return Err(failure);
        }
        self.remember(key.as_ref());
        Ok((facts, Some(VerifyReport { level: VerifyLevel::Full, decode, ..VerifyReport::default() })))
    }

    /// Returns the key of a file; `None` without a cache. A failure only means that it is decoded again.
    pub(super) fn key(&self, input: &File) -> Option<DecodeKey> {
        let worker = self.cache()?.worker_info().or_else(|| self.pipeline.runner.describe().ok())?;
        Some(DecodeKey::new(&self.contents.blake3(input).ok()?, &worker))
    }

    fn cache(&self) -> Option<&dyn ProbeCache> {
        self.pipeline.options.probe_cache.as_deref().map(|cache| cache as _)
    }

    /// Returns whether the content of this key is known to decode.
    pub(super) fn is_decoded(&self, key: Option<&DecodeKey>) -> bool {
        self.cache().zip(key).is_some_and(|(cache, key)| cache.is_decoded(key))
    }

    /// Remembers that the content of this key decodes.
    pub(super) fn remember(&self, key: Option<&DecodeKey>) {
        if let Some((cache, key)) = self.cache().zip(key) {
            cache.put_decoded(key);
        }
    }

    /// Returns the failure of a fix as the fault of the source, if the source does not decode.
    pub(super) fn blame(
        &self,
        work: usize,
        checked: &CheckedFile,
        input: &File,
        failure: Failure,
    ) -> Failure {
        match self.decode(work, checked, input) {
            Ok(SourceDecode { decode, damage, .. }) => {
                if decode.video_frames == 0 {
                    let message = "the source is damaged: none of its video frames can be decoded: copy or \
                                   export the original again";
                    return Failure::new(FailureKind::Damaged, message);
                }
                failure_of(&damage).unwrap_or(failure)
            }
            Err(error @ (JobError::Unreadable(_) | JobError::Truncated(_))) => decode_failure(&error),
            // The decode says nothing about the source.
            Err(_) => failure,
        }
    }

    fn decode(&self, work: usize, checked: &CheckedFile, input: &File) -> Result<SourceDecode, JobError> {
        match self.run(work, checked, input, Job::Decode)? {
            JobOutput::Decoded(decoded) => Ok(*decoded),
            _ => Err(JobError::Unavailable(unexpected_result().message)),
        }
    }

    fn run(&self, work: usize, checked: &CheckedFile, input: &File, job: Job) -> Result<JobOutput, JobError> {
        let input = input.try_clone().map_err(|error| JobError::Io(error.to_string()))?;
        let request = JobRequest {
            job,
            files: JobFiles { input, outputs: Vec::new() },
            name: display_name(&checked.source.path),
            cancel: Arc::clone(self.pipeline.cancel),
            time: checked.decode_budget(),
        };
        let mut on_progress = |progress| self.pipeline.observer.notice(Event::Advanced { work, progress });
        self.pipeline.runner.run(request, &mut on_progress)
    }
}

fn decode_failure(error: &JobError) -> Failure {
    let mut failure = Failure::from(error);
    if matches!(error, JobError::Unreadable(_) | JobError::Truncated(_)) {
        failure.message = format!("the source {error}: copy or export the original again");
    }
    failure
}

/// Returns the failure for the damage of a source; `None` if there is none.
fn failure_of(damage: &SourceDamage) -> Option<Failure> {
    if damage.is_none() {
        return None;
    }
    let kind = if damage.is_small() { FailureKind::LittleDamage } else { FailureKind::Damaged };
    Some(damaged(kind, &damage.describe()))
}

/// Returns the failure of a damaged source with what is damaged.
pub(super) fn damaged(kind: FailureKind, what: &str) -> Failure {
    let advice = if kind == FailureKind::LittleDamage { LITTLE_DAMAGE_ADVICE } else { DAMAGE_ADVICE };
    let found = format!("the source is damaged: {what}");
    let message = format!("{found}{advice}");
    // The advice asks for a consent that may have been given.
    Failure { found: Some(found), ..Failure::new(kind, message) }
}
