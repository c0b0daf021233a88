//! Everything a plan follows from, in one hand.

use crate::model::MediaFacts;
use crate::profile::{Profile, Severity};
use crate::rules::{Assessment, Finding};

use super::options::{FixOptions, Machine};

/// A file, what is wrong with it, where it shall go, and what the user allows.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) facts: &'a MediaFacts,
    pub(super) assessment: &'a Assessment,
    pub(super) profile: &'a Profile,
    pub(super) options: &'a FixOptions,
    pub(super) machine: &'a Machine,
}

impl<'a> Case<'a> {
    pub(super) fn has(&self, rule: &str, severity: Severity) -> bool {
        self.assessment.has(rule, severity)
    }

    /// The findings of this severity and above.
    pub(super) fn findings(&self, severity: Severity) -> impl Iterator<Item = &'a Finding> + use<'a> {
        self.assessment.findings().iter().filter(move |finding| finding.severity >= severity)
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
