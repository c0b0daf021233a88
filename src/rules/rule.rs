//! What a rule is, and what it works with.

use crate::model::{DeepReport, MediaFacts, TimeRange, VideoStream};
use crate::profile::{Confidence, RuleId, RuleLimits, Severity, Terms};

use super::finding::{Finding, Remedy};

/// The input of a rule: facts, file name and, after a full decode, its result.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The facts of the file.
    pub facts: &'a MediaFacts,
    /// The file name without folders, for the rules about names and extensions.
    pub file_name: &'a str,
    /// The result of the full decode, if there was one.
    pub deep: Option<&'a DeepReport>,
}

impl<'a> Subject<'a> {
    /// Returns the main video stream.
    pub fn video(&self) -> Option<&'a VideoStream> {
        self.facts.main_video()
    }
}

/// What a rule applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// Videos.
    Video,
    /// Still images: covers and image ads.
    Image,
    /// Any file.
    File,
    /// A row of a manifest; `ship` checks it, and a file alone never triggers it.
    Ad,
}

/// What is known about a rule besides its check. `greenlit explain` prints the texts.
#[derive(Clone, Copy, Debug)]
pub struct RuleInfo {
    /// The stable id.
    pub id: RuleId,
    /// What the rule applies to.
    pub scope: Scope,
    /// What the rule checks.
    pub what: &'static str,
    /// Why it matters to platforms.
    pub why: &'static str,
    /// What resolves its findings.
    pub remedy: &'static str,
    /// Where the rule comes from; the limits have their own sources.
    pub source: &'static str,
}

/// A check of a file against limits.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    pub(super) info: RuleInfo,
    pub(super) check: fn(&Subject<'_>, &RuleLimits, &mut FindingCollector<'_>),
}

impl Rule {
    /// Returns the stable id.
    pub fn id(&self) -> RuleId {
        self.info.id
    }

    /// Returns what the rule applies to.
    pub fn scope(&self) -> Scope {
        self.info.scope
    }

    /// Returns what is known about the rule.
    pub fn info(&self) -> &RuleInfo {
        &self.info
    }
}

/// Collects the findings of one rule.
#[derive(Debug)]
pub struct FindingCollector<'a> {
    rule: RuleId,
    platform: &'a str,
    terms: &'a Terms,
    pub(super) findings: Vec<Finding>,
    pub(super) undecided: bool,
}

/// One violated limit.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The value found, short: `mpeg4`.
    pub actual: String,
    /// What is allowed, short: `h264, hevc`.
    pub allowed: String,
    /// The finding as a main clause: "the video codec is mpeg4".
    pub message: String,
    /// The cheapest change that resolves it.
    pub remedy: Remedy,
    /// The index of the stream; `None` for the whole file.
    pub stream: Option<u32>,
    /// Severity, if it differs from the profile's.
    pub severity: Option<Severity>,
    /// The lowest severity, whatever severity the profile sets.
    pub at_least: Option<Severity>,
    /// The affected spans of the video.
    pub ranges: Vec<TimeRange>,
    /// For missing data, the first missing second.
    pub first_missing_s: Option<f64>,
    /// Whether the message alone tells what was found and what is allowed.
    pub stated: bool,
}

impl Violation {
    /// Creates a violation about the whole file.
    pub fn new(
        message: impl Into<String>,
        actual: impl Into<String>,
        allowed: impl Into<String>,
        remedy: Remedy,
    ) -> Violation {
        Violation {
            actual: actual.into(),
            allowed: allowed.into(),
            message: message.into(),
            remedy,
            stream: None,
            severity: None,
            at_least: None,
            ranges: Vec::new(),
            first_missing_s: None,
            stated: false,
        }
    }

    /// Marks the message as one that tells both values, so that reports need not repeat them.
    #[must_use]
    pub fn stated(mut self) -> Violation {
        self.stated = true;
        self
    }

    /// Sets the index of the stream.
    #[must_use]
    pub fn at(mut self, stream: u32) -> Violation {
        self.stream = Some(stream);
        self
    }

    /// Raises it to this severity if the profile sets a lower one.
    #[must_use]
    pub fn at_least(mut self, severity: Severity) -> Violation {
        self.at_least = Some(severity);
        self
    }

    /// Limits the severity to a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Violation {
        self.severity = Some(Severity::Warning);
        self
    }

    /// Limits the severity to advice.
    #[must_use]
    pub fn as_advice(mut self) -> Violation {
        self.severity = Some(Severity::Advice);
        self
    }

    /// Sets the affected spans of the video.
    #[must_use]
    pub fn over(mut self, ranges: &[TimeRange]) -> Violation {
        self.ranges = ranges.to_vec();
        self
    }
}

impl<'a> FindingCollector<'a> {
    pub(super) fn new(rule: RuleId, platform: &'a str, terms: &'a Terms) -> FindingCollector<'a> {
        FindingCollector { rule, platform, terms, findings: Vec::new(), undecided: false }
    }

    /// Returns whether the limits are published, by the platform or others.
    pub fn is_published(&self) -> bool {
        self.terms.confidence != Confidence::Practice
    }

    /// Returns the platform's name for use in messages.
    pub fn platform(&self) -> &'a str {
        self.platform
    }

    /// Adds a finding whose message ends with what the platform allows.
    pub fn add(&mut self, violation: Violation) {
        let allow = if self.platform.ends_with('s') { "allow" } else { "allows" };
        let message = format!("{}; {} {allow} {}", violation.message, self.platform, violation.allowed);
        self.add_verbatim(Violation { message, ..violation });
    }

    /// Adds a finding with the message unchanged, without "allows …".
    pub fn add_verbatim(&mut self, violation: Violation) {
        let Violation {
            actual,
            allowed,
            message,
            remedy,
            stream,
            severity,
            at_least,
            ranges,
            first_missing_s,
            stated,
        } = violation;
        let severity = severity.unwrap_or(self.terms.severity).min(self.terms.severity);
        // Most messages are composed of both values.
        let stated = stated || message.contains(&actual) && message.contains(&allowed);
        self.findings.push(Finding {
            rule: self.rule,
            severity: at_least.map_or(severity, |least| severity.max(least)),
            stream,
            actual,
            allowed,
            message,
            ranges,
            first_missing_s,
            checked_on: self.terms.checked_on.clone(),
            accepted: None,
            confidence: self.terms.confidence,
            remedy,
            source: self.terms.source.clone(),
            stated,
        });
    }

    /// Records that the rule needs a fact that is unknown.
    pub fn mark_undecided(&mut self) {
        self.undecided = true;
    }
}
