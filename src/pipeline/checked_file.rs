//! The result of checking one file, and how long further jobs on it may take.

use std::sync::Arc;

use crate::cache::FileState;
use crate::job::{FileClock, TimeBudget, processor_time};
use crate::model::MediaFacts;
use crate::plan::OutputSpec;
use crate::profile::Profile;
use crate::rules::{Assessment, Verdict};

use super::discover::SourceFile;
use super::outcome::{NoFacts, Outcome, ending_of};

/// One file, probed and assessed.
#[derive(Clone, Debug)]
pub struct CheckedFile {
    /// The file.
    pub source: SourceFile,
    /// The facts, or the verdict and failure without them.
    pub result: Result<MediaFacts, NoFacts>,
    /// One assessment for each profile, in the order of the profiles; empty without facts, unless data is known
    /// to be missing.
    pub assessments: Vec<Assessment>,
    /// The state of the file when it was probed; `None` if it could not be opened.
    pub state: Option<FileState>,
    /// The time that the jobs of the file have left, if there is a time limit.
    pub clock: Option<Arc<FileClock>>,
    /// Why the file was not decoded although that was asked for.
    pub not_decoded: Option<String>,
}

impl CheckedFile {
    pub(super) fn new(
        source: SourceFile,
        result: Result<MediaFacts, NoFacts>,
        assessments: Vec<Assessment>,
        state: Option<FileState>,
    ) -> CheckedFile {
        CheckedFile { source, result, assessments, state, clock: None, not_decoded: None }
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
            state: self.state,
            fix: None,
        }
    }
}
