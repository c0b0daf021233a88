//! The input of the planner.

use crate::model::{MediaFacts, Rational};
use crate::profile::{Profile, RuleId, Severity};
use crate::rules::{Assessment, Finding};

use super::options::{FixOptions, Machine};

/// Frame rate assumed for a stream that declares none, in frames per second.
const DEFAULT_FRAME_RATE: f64 = 30.0;

/// Everything a plan depends on: the file, its findings, the profile, and what the user allows.
#[derive(Clone, Copy)]
pub(super) struct PlanInput<'a> {
    pub(super) facts: &'a MediaFacts,
    pub(super) assessment: &'a Assessment,
    pub(super) profile: &'a Profile,
    pub(super) options: &'a FixOptions,
    pub(super) machine: &'a Machine,
}

impl<'a> PlanInput<'a> {
    pub(super) fn has(&self, rule: RuleId, severity: Severity) -> bool {
        self.assessment.has(rule, severity)
    }

    /// Returns the findings of this severity and above.
    pub(super) fn findings(&self, severity: Severity) -> impl Iterator<Item = &'a Finding> + use<'a> {
        self.assessment.findings().iter().filter(move |finding| finding.severity >= severity)
    }

    /// Returns the duration of the video in seconds, if known, without frames that are left out at the start: at
    /// most that of the streams that are kept; for a container without timestamps, the number of frames divided by
    /// the frame rate.
    pub(super) fn duration_s(&self) -> Option<f64> {
        self.source_duration_s().map(|duration| (duration - self.cut_s()).max(0.0))
    }

    /// Returns the time on the source's clock at which the output begins, in seconds, if frames before it are left
    /// out.
    pub(super) fn begin_s(&self) -> Option<f64> {
        let video = self.facts.main_video()?;
        video.undecodable_frames.filter(|frames| *frames > 0)?;
        video.first_decodable_s.filter(|_| self.options.from_key_frame)
    }

    /// Returns how many seconds are left out at the start.
    pub(super) fn cut_s(&self) -> f64 {
        let Some(begin_s) = self.begin_s() else { return 0.0 };
        (begin_s - self.facts.main_start_s()).max(0.0)
    }

    fn source_duration_s(&self) -> Option<f64> {
        let video = self.facts.main_video();
        let counted = || {
            let rate = video?.frame_rate.map_or(DEFAULT_FRAME_RATE, Rational::as_f64);
            Some(video?.frames? as f64 / rate)
        };
        if self.facts.lacks_timestamps() {
            return counted().or(self.facts.effective_duration_s());
        }
        // The duration of the file counts for streams that do not declare theirs.
        let kept = self.facts.main_end_s().map(|end_s| end_s - self.facts.main_start_s());
        let durations = [self.facts.effective_duration_s(), kept.filter(|seconds| *seconds > 0.0)];
        durations.into_iter().flatten().reduce(f64::min).or_else(counted)
    }

    /// Returns the limit on file names in characters: a new extension can make a name longer than allowed.
    pub(super) fn name_limit(&self) -> Option<usize> {
        self.profile.rules().file_name.as_ref()?.values.max_chars.map(|max| max as usize)
    }
}

/// Returns whether a new file name alone clears a finding.
pub(super) fn is_about_the_name(finding: &Finding) -> bool {
    matches!(finding.rule, RuleId::Extension | RuleId::FileName)
}
