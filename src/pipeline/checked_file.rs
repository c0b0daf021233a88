//! The result of checking one file, and how long further jobs on it may take.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cache::{Contents, FileState};
use crate::job::{FileClock, TimeBudget, processor_time};
use crate::model::{LoudnessReport, MediaFacts};
use crate::plan::OutputSpec;
use crate::profile::Profile;
use crate::rules::{Assessment, Finding, Verdict};

use super::discover::SourceFile;
use super::failure::{Failure, NoFacts};
use super::outcome::{Outcome, ending_of};
use super::store::Store;

/// One file, probed and assessed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckedFile {
    /// The file.
    pub source: SourceFile,
    /// The facts, or the verdict and failure without them.
    pub result: Result<MediaFacts, NoFacts>,
    /// One assessment for each profile, in the order of the profiles; empty without facts, unless data is known
    /// to be missing.
    pub assessments: Vec<Assessment>,
    /// The state of the file when it was probed; `None` if it could not be opened.
    #[doc(hidden)]
    pub state: Option<FileState>,
    /// The BLAKE3 of the bytes that were probed, by which another machine recognizes the file; see
    /// [`identified`](CheckedFile::identified).
    #[doc(hidden)]
    pub content: Option<String>,
    /// The time that the jobs of the file have left, if there is a time limit.
    #[doc(hidden)]
    #[serde(skip)]
    pub clock: Option<Arc<FileClock>>,
    /// Why the file was not decoded although that was asked for.
    pub not_decoded: Option<String>,
    /// The loudness, if the file was decoded and has audio.
    #[serde(default)]
    pub loudness: Option<LoudnessReport>,
}

impl CheckedFile {
    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.source.path
    }

    /// Returns the facts; `None` if the file could not be read as media.
    pub fn facts(&self) -> Option<&MediaFacts> {
        self.result.as_ref().ok()
    }

    /// Returns the verdict under all profiles together: compliant only if it is under each.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.assessments.iter().map(Assessment::verdict);
        let worst = verdicts.max_by_key(|verdict| match verdict {
            Verdict::Skipped | Verdict::Compliant => 0,
            Verdict::Indeterminate => 1,
            Verdict::Noncompliant => 2,
            Verdict::Unreadable => 3,
        });
        match (&self.result, worst) {
            (Err(reason), None) => reason.verdict(),
            (_, worst) => worst.unwrap_or(Verdict::Indeterminate),
        }
    }

    /// Returns the findings under all profiles, profile by profile, and the most severe first for each.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.assessments.iter().flat_map(Assessment::findings)
    }

    /// Returns why the file has no facts, in one or two sentences.
    pub fn failure(&self) -> Option<&str> {
        self.result.as_ref().err().map(|reason| reason.failure.message.as_str())
    }

    pub(super) fn new(
        source: SourceFile,
        result: Result<MediaFacts, NoFacts>,
        assessments: Vec<Assessment>,
        state: Option<FileState>,
    ) -> CheckedFile {
        let (content, clock, not_decoded, loudness) = (None, None, None, None);
        CheckedFile { source, result, assessments, state, content, clock, not_decoded, loudness }
    }

    /// Returns the result of a file that has no facts.
    pub(super) fn without_facts(source: &SourceFile, reason: NoFacts) -> CheckedFile {
        CheckedFile::new(source.clone(), Err(reason), Vec::new(), None)
    }

    /// Returns the result with the hash of the file's bytes, so that its fix can be made where the same bytes are
    /// another file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is not the one that was checked any more.
    #[doc(hidden)]
    pub fn identified(self, store: &dyn Store, contents: &Contents) -> Result<CheckedFile, Failure> {
        let path = &self.source.path;
        let input = store.open(path)?;
        let failed = |error: io::Error| Failure::operation(format!("{}: {error}", path.display()));
        let content = contents.blake3(&input).map_err(failed)?;
        self.require_state(&input)?;
        Ok(CheckedFile { content: Some(content), ..self })
    }

    /// Fails if an open file is not in the state in which it was checked.
    fn require_state(&self, input: &File) -> Result<(), Failure> {
        let path = self.source.path.display();
        let meta = input.metadata().map_err(|error| Failure::operation(format!("{path}: {error}")))?;
        if self.state == Some(FileState::from(&meta)) {
            return Ok(());
        }
        Err(Failure::operation(format!("{path}: the source changed since it was checked: run again")))
    }

    /// Fails if an open file is not the one that was checked, neither by its state nor by its bytes.
    pub(super) fn require_same(&self, input: &File, contents: &Contents) -> Result<(), Failure> {
        let unchanged = self.require_state(input);
        match &self.content {
            Some(content)
                if unchanged.is_err() && contents.blake3(input).is_ok_and(|now| now == *content) =>
            {
                Ok(())
            }
            _ => unchanged,
        }
    }

    /// Returns how long a job may take that decodes the file.
    pub(super) fn decode_budget(&self) -> TimeBudget {
        let processor = self.result.as_ref().ok().map(processor_time::decode);
        TimeBudget { processor, clock: self.clock.clone() }
    }

    /// Returns how long a job may take that makes these outputs of the file.
    pub(super) fn fix_budget(&self, specs: &[OutputSpec]) -> TimeBudget {
        let processor = self.result.as_ref().ok().map(|facts| processor_time::fix(facts, specs));
        TimeBudget { processor, clock: self.clock.clone() }
    }

    /// Returns the outcome under the profile at `index`.
    pub fn outcome(&self, index: usize, profile: &Profile) -> Outcome {
        let facts = self.result.as_ref().ok().cloned();
        self.outcome_with(self.source.clone(), profile, facts, self.assessments.get(index).cloned())
    }

    /// Returns the outcomes under `profiles`, in their order. The last outcome gets the facts without a copy.
    pub fn into_outcomes(mut self, profiles: &[Profile]) -> Vec<Outcome> {
        let mut assessments = std::mem::take(&mut self.assessments).into_iter();
        let mut outcomes = Vec::with_capacity(profiles.len());
        for (index, profile) in profiles.iter().enumerate() {
            let is_last = index + 1 == profiles.len();
            let facts = match &mut self.result {
                Ok(facts) if is_last => Some(std::mem::take(facts)),
                Ok(facts) => Some(facts.clone()),
                Err(_) => None,
            };
            let source = if is_last { std::mem::take(&mut self.source) } else { self.source.clone() };
            outcomes.push(self.outcome_with(source, profile, facts, assessments.next()));
        }
        outcomes
    }

    fn outcome_with(
        &self,
        source: SourceFile,
        profile: &Profile,
        facts: Option<MediaFacts>,
        assessment: Option<Assessment>,
    ) -> Outcome {
        let (verdict, failure) = match (&self.result, &assessment) {
            (Ok(_), Some(assessment)) => (assessment.verdict(), None),
            (Ok(_), None) => (Verdict::Indeterminate, None),
            (Err(none), _) => (none.verdict(), Some(none.failure.clone())),
        };
        let ending = self.result.as_ref().map_or_else(|none| none.ending, |_| ending_of(verdict));
        Outcome {
            source,
            profile: profile.id().to_owned(),
            ending,
            verdict,
            facts,
            assessment,
            failure,
            not_decoded: self.not_decoded.clone(),
            loudness: self.loudness.clone(),
            state: self.state,
            fix: None,
        }
    }
}
