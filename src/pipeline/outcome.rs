//! The outcome of a run for each file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cache::FileState;
use crate::ending::{Ending, FailureKind, RefusalClass};
use crate::job::VerifyReport;
use crate::model::{LoudnessReport, MediaFacts};
use crate::plan::{Action, FixPlan, VideoEncoder};
use crate::rules::{Acceptance, Assessment, Finding, RuleId, Verdict};

use super::discover::SourceFile;
use super::failure::Failure;
use super::recorded_path;

/// The outcome for one file under one profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The file.
    pub source: SourceFile,
    /// The profile's id.
    pub profile: String,
    /// How the file ended. The report, the exit code and the summary derive from it.
    pub ending: Ending,
    /// The verdict on the source.
    pub verdict: Verdict,
    /// The facts, if the file could be probed.
    pub facts: Option<MediaFacts>,
    /// The findings, if the file could be assessed.
    pub assessment: Option<Assessment>,
    /// The failure of the check, if any.
    pub failure: Option<Failure>,
    /// Why the file was not decoded although that was asked for.
    pub not_decoded: Option<String>,
    /// The loudness, if the file was decoded and has audio.
    #[serde(default)]
    pub loudness: Option<LoudnessReport>,
    /// The state of the source when it was probed; `None` if it could not be opened.
    #[doc(hidden)]
    pub state: Option<FileState>,
    /// The outcome of the fix; `None` for a file without facts, and if no fix was asked for.
    pub fix: Option<FixOutcome>,
}

impl Outcome {
    /// Returns the output, if there is one. A file that complies has one, too: a copy with the same bytes.
    pub fn output(&self) -> Option<&Output> {
        self.fix.as_ref()?.output()
    }

    /// Returns why the file has no facts, was refused or could not be fixed, in one or two sentences. For a file with an
    /// output, returns why no cheaper change was enough.
    pub fn reason(&self) -> Option<&str> {
        let failure = self.fix.as_ref().and_then(FixOutcome::failure).or(self.failure.as_ref());
        let planned = || self.fix.as_ref()?.plan.reason.as_deref();
        failure.map(|failure| failure.message.as_str()).or_else(planned)
    }

    /// Returns the outcome with that of its fix.
    #[doc(hidden)]
    #[must_use]
    pub fn with_fix(self, fix: FixOutcome) -> Outcome {
        Outcome { ending: fix.ending(self.verdict), fix: Some(fix), ..self }
    }

    /// Returns the outcome with the findings marked that do not count, each with the reason that `accept` gives. A file
    /// of which no error counts is [`Ending::Accepted`], or undecided if facts are missing, unless it was fixed.
    #[must_use]
    pub fn with_accepted(mut self, accept: &dyn Fn(&Finding) -> Option<Acceptance>) -> Outcome {
        let Some(assessment) = &mut self.assessment else { return self };
        assessment.accept(accept);
        let is_open = matches!(self.ending, Ending::Noncompliant | Ending::Refused(RefusalClass::Plan(_)));
        if is_open && assessment.is_accepted() {
            let decided = assessment.unknown().is_empty();
            self.ending = if decided { Ending::Accepted } else { Ending::Undecided };
        }
        self
    }

    /// Returns whether the file is not media and was only found in a folder, so that it counts as left out.
    pub fn is_incidental(&self) -> bool {
        self.ending == Ending::Skipped && !self.source.named
    }
}

/// Returns how a file with this verdict ended if nothing was done with it.
pub(super) fn ending_of(verdict: Verdict) -> Ending {
    match verdict {
        Verdict::Compliant => Ending::Compliant,
        Verdict::Noncompliant => Ending::Noncompliant,
        Verdict::Indeterminate => Ending::Undecided,
        Verdict::Unreadable => Ending::Unreadable(FailureKind::Input),
        Verdict::Skipped => Ending::Skipped,
    }
}

/// The outcome of fixing one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FixOutcome {
    /// The plan, or the refusal.
    pub plan: FixPlan,
    /// What became of the plan.
    pub result: FixResult,
}

/// What became of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FixResult {
    /// Nothing was written, because the plan refuses the file or only the plan was asked for.
    Planned,
    /// Nothing was written, because the source is used as it is. Only shipping does this; a fix into a folder copies
    /// files that comply.
    Unchanged,
    /// The output has its final name.
    Written(Box<Output>),
    /// There is no output.
    Failed(Failure),
}

/// An output that has its final name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Output {
    /// Its path.
    #[serde(with = "recorded_path")]
    pub path: PathBuf,
    /// Its verification.
    pub proof: Proof,
    /// Whether it was there already, made by an earlier run or with the same bytes, and was kept.
    pub reused: bool,
    /// The source with the same bytes for which it was made, if this one is a copy of that.
    #[serde(with = "recorded_path::optional")]
    pub same_as: Option<PathBuf>,
}

impl FixOutcome {
    /// Returns the output, if there is one.
    pub fn output(&self) -> Option<&Output> {
        match &self.result {
            FixResult::Written(output) => Some(output),
            _ => None,
        }
    }

    /// Returns the failure, if there is one.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.result {
            FixResult::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// Returns how a file with this verdict ended.
    fn ending(&self, verdict: Verdict) -> Ending {
        if let Some(refusal) = self.plan.refusal {
            return Ending::Refused(RefusalClass::Plan(refusal));
        }
        let keeps_bytes = matches!(self.plan.action, Action::None | Action::Copy);
        match &self.result {
            FixResult::Failed(failure) => failure.kind.ending_of_fix(),
            FixResult::Written(output) if output.proof.verdict != Verdict::Compliant => {
                if keeps_bytes {
                    ending_of(verdict)
                } else {
                    Ending::Failed(FailureKind::Unproven)
                }
            }
            // The content complied, and the copy has a name that complies, too.
            FixResult::Written(_) if !keeps_bytes || verdict == Verdict::Noncompliant => Ending::Fixed,
            FixResult::Planned if !keeps_bytes => Ending::Fixable,
            FixResult::Planned if self.plan.action == Action::Copy && verdict == Verdict::Noncompliant => {
                Ending::Fixable
            }
            // At most the name does not comply, and an upload gets another one.
            FixResult::Unchanged => Ending::Compliant,
            FixResult::Written(_) | FixResult::Planned => ending_of(verdict),
        }
    }
}

/// The verification result of an output that complies and has the same content.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// The verdict on the output.
    pub verdict: Verdict,
    /// What verification found; `None` for a plain copy.
    pub verify: Option<VerifyReport>,
    /// The facts of the output; `None` for a plain copy, which has the facts of the source.
    pub facts: Option<MediaFacts>,
    /// The encoder of the video; `None` for a copy.
    pub encoder: Option<VideoEncoder>,
    /// The rules whose findings the output still has; none of them is an error.
    pub remaining: Vec<RuleId>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::{FixPlan, Refusal, example};
    use crate::profile::Profile;
    use crate::rules::{Selection, Subject, assess};

    fn ending(verdict: Verdict, plan: FixPlan, result: FixResult) -> Ending {
        FixOutcome { plan, result }.ending(verdict)
    }

    fn outcome(facts: &MediaFacts) -> Outcome {
        let profile = Profile::builtin("tiktok-ads").unwrap();
        let subject = Subject { facts, file_name: "a.mp4", deep: None };
        let assessment = assess(&subject, &profile, &Selection::default());
        Outcome {
            source: SourceFile {
                path: "a.mp4".into(),
                relative: "a.mp4".into(),
                named: true,
                not_opened: None,
            },
            profile: profile.id().to_owned(),
            ending: ending_of(assessment.verdict()),
            verdict: assessment.verdict(),
            facts: Some(facts.clone()),
            assessment: Some(assessment),
            failure: None,
            not_decoded: None,
            loudness: None,
            state: None,
            fix: None,
        }
    }

    #[test]
    fn a_file_of_which_no_error_counts_is_accepted_unless_facts_are_missing() {
        let facts = MediaFacts { duration_s: Some(900.0), ..crate::model::example::media() };
        let outcome = self::outcome(&facts);
        assert_eq!(outcome.ending, Ending::Noncompliant);
        let rules: Vec<RuleId> =
            outcome.assessment.iter().flat_map(Assessment::findings).map(|finding| finding.rule).collect();
        let accept = |finding: &Finding| Some(Acceptance::Baseline).filter(|_| rules.contains(&finding.rule));
        let accepted = outcome.clone().with_accepted(&accept);
        assert_eq!((accepted.ending, accepted.verdict), (Ending::Accepted, Verdict::Noncompliant));
        assert_eq!(accepted.ending.fault(), crate::ending::Fault::None);
        assert_eq!(outcome.clone().with_accepted(&|_| None).ending, Ending::Noncompliant);
        let mut unknown = facts;
        unknown.video[0].width = None;
        let undecided = self::outcome(&unknown).with_accepted(&|_| Some(Acceptance::Baseline));
        assert_eq!(undecided.ending, Ending::Undecided);
        let failed = Outcome { ending: Ending::Failed(FailureKind::Operation), ..outcome };
        assert_eq!(failed.with_accepted(&accept).ending, Ending::Failed(FailureKind::Operation));
    }

    fn written(verdict: Verdict) -> FixResult {
        let proof = Proof { verdict, verify: None, facts: None, encoder: None, remaining: Vec::new() };
        FixResult::Written(Box::new(Output { path: "out.mp4".into(), proof, reused: false, same_as: None }))
    }

    #[test]
    fn the_ending_of_a_fix_follows_from_plan_result_and_verdict() {
        use Verdict::{Compliant, Noncompliant};
        let copy = || example::plan(Action::Copy);
        let remux = || example::plan(Action::Remux);
        let mut refused = example::plan(Action::Remux);
        refused.refuse(Refusal::NeedsTrim, "too long".to_owned());
        let failed = |kind| FixResult::Failed(Failure::new(kind, "reason"));
        let cases = [
            (Compliant, copy(), written(Compliant), Ending::Compliant),
            (Noncompliant, copy(), written(Compliant), Ending::Fixed),
            (Noncompliant, copy(), written(Noncompliant), Ending::Noncompliant),
            (Noncompliant, copy(), FixResult::Planned, Ending::Fixable),
            (Compliant, copy(), FixResult::Unchanged, Ending::Compliant),
            (Noncompliant, copy(), FixResult::Unchanged, Ending::Compliant),
            (Noncompliant, remux(), FixResult::Planned, Ending::Fixable),
            (Noncompliant, remux(), written(Compliant), Ending::Fixed),
            (Noncompliant, remux(), written(Noncompliant), Ending::Failed(FailureKind::Unproven)),
            (Noncompliant, remux(), failed(FailureKind::Operation), Ending::Failed(FailureKind::Operation)),
            (Noncompliant, remux(), failed(FailureKind::Interrupted), Ending::Interrupted),
            (
                Noncompliant,
                refused,
                FixResult::Planned,
                Ending::Refused(RefusalClass::Plan(Refusal::NeedsTrim)),
            ),
        ];
        for (verdict, plan, result, expected) in cases {
            let case = format!("{verdict:?} {:?} {result:?}", plan.action);
            assert_eq!(ending(verdict, plan, result), expected, "{case}");
        }
    }
}
