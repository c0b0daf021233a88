//! Everything a plan follows from, in one hand.

use crate::model::{MediaFacts, Rational};
use crate::profile::{Profile, Severity};
use crate::rules::{Assessment, Finding};

use super::options::{FixOptions, Machine};

/// Frames a second of a stream that does not say.
const USUAL_RATE: f64 = 30.0;

/// A file, what is wrong with it, where it shall go, and what the user allows.
#[derive(Clone, Copy)]
pub(super) struct PlanInput<'a> {
    pub(super) facts: &'a MediaFacts,
    pub(super) assessment: &'a Assessment,
    pub(super) profile: &'a Profile,
    pub(super) options: &'a FixOptions,
    pub(super) machine: &'a Machine,
}

impl<'a> PlanInput<'a> {
    pub(super) fn has(&self, rule: &str, severity: Severity) -> bool {
        self.assessment.has(rule, severity)
    }

    /// The findings of this severity and above.
    pub(super) fn findings(&self, severity: Severity) -> impl Iterator<Item = &'a Finding> + use<'a> {
        self.assessment.findings().iter().filter(move |finding| finding.severity >= severity)
    }

    /// The seconds the video lasts, as far as can be told: no longer than the streams that stay, and where nothing
    /// has times, as many frames as there are at the rate they will be shown at.
    pub(super) fn length_s(&self) -> Option<f64> {
        let (video, audio) = (self.facts.main_video(), self.facts.main_audio());
        let counted = || {
            let rate = video?.frame_rate.map_or(USUAL_RATE, Rational::as_f64);
            Some(video?.frames? as f64 / rate)
        };
        if self.facts.is_without_times() {
            return counted().or(self.facts.effective_duration_s());
        }
        let streams = [video.map(|video| video.duration_s), audio.map(|audio| audio.duration_s)];
        // The length of the file counts for streams that do not state theirs.
        let kept = streams.into_iter().flatten().try_fold(0.0, |longest: f64, s| Some(longest.max(s?)));
        let lengths = [self.facts.effective_duration_s(), kept.filter(|seconds| *seconds > 0.0)];
        lengths.into_iter().flatten().reduce(f64::min).or_else(counted)
    }

    /// The limit on names: a new extension may carry a name over it that kept it before.
    pub(super) fn name_limit(&self) -> Option<usize> {
        self.profile.limits("file-name")?.number("max_chars").map(|max| max as usize)
    }
}

/// Whether a finding is cleared by another name alone.
pub(super) fn is_about_the_name(finding: &Finding) -> bool {
    matches!(finding.rule.as_str(), "extension" | "file-name")
}
