//! The trait of all rules, and what they work with.

use crate::model::{DeepReport, MediaFacts, TimeRange, VideoStream};
use crate::profile::{Limits, Severity};

use super::finding::{Finding, Remedy};

/// The input of a rule: facts, file name and, after a full decode, its result.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The facts of the file.
    pub facts: &'a MediaFacts,
    /// The file name without folders.
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

/// The documentation of a rule, as `greenlit explain` prints it.
#[derive(Clone, Copy, Debug)]
pub struct RuleDoc {
    /// What the rule checks.
    pub what: &'static str,
    /// Why it matters to platforms.
    pub why: &'static str,
    /// What resolves its findings.
    pub remedy: &'static str,
    /// Where the rule comes from; the limits have their own sources.
    pub source: &'static str,
}

/// What a rule applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// A check of a file against limits.
pub trait Rule: Sync {
    /// Returns the stable id.
    fn id(&self) -> &'static str;
    /// Returns what the rule applies to.
    fn scope(&self) -> Scope;
    /// Returns the documentation.
    fn doc(&self) -> &'static RuleDoc;
    /// Checks `subject` against `limits` and adds findings to `out`.
    fn check(&self, subject: &Subject<'_>, limits: &Limits, out: &mut FindingCollector<'_>);
}

/// Collects the findings of one rule.
#[derive(Debug)]
pub struct FindingCollector<'a> {
    rule: &'static str,
    platform: &'a str,
    limits: &'a Limits,
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
    pub(super) fn new(rule: &'static str, platform: &'a str, limits: &'a Limits) -> FindingCollector<'a> {
        FindingCollector { rule, platform, limits, findings: Vec::new(), undecided: false }
    }

    /// Returns the platform's name for use in messages.
    pub fn platform(&self) -> &'a str {
        self.platform
    }

    /// Adds a finding whose message ends with what the platform allows.
    pub fn add(&mut self, violation: Violation) {
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
        let severity = severity.unwrap_or(self.limits.severity).min(self.limits.severity);
        let message = format!(
            "{message}; {} allow{} {allowed}",
            self.platform,
            if self.platform.ends_with('s') { "" } else { "s" }
        );
        self.findings.push(Finding {
            rule: self.rule.to_owned(),
            severity: at_least.map_or(severity, |least| severity.max(least)),
            stream,
            actual,
            allowed,
            message,
            ranges,
            first_missing_s,
            checked_on: self.limits.checked_on.clone(),
            confidence: self.limits.confidence,
            remedy,
            source: self.limits.source.clone(),
            stated,
        });
    }

    /// Adds a finding with the message unchanged, without "allows …".
    pub fn add_verbatim(&mut self, violation: Violation) {
        let message = violation.message.clone();
        self.add(violation);
        if let Some(finding) = self.findings.last_mut() {
            finding.message = message;
        }
    }

    /// Records that the rule needs a fact that is unknown.
    pub fn mark_undecided(&mut self) {
        self.undecided = true;
    }
}

/// Declares a rule: its type, id, scope, documentation and check.
///
/// The scope is `Video` unless given. Rules with scope `Ad` have no check of a file.
macro_rules! rule {
    (@scope) => { $crate::rules::rule::Scope::Video };
    (@scope $scope:ident) => { $crate::rules::rule::Scope::$scope };
    ($name:ident, $id:literal, scope: Ad, what: $what:literal, why: $why:literal, remedy: $remedy:literal, source: $source:literal $(,)?) => {
        $crate::rules::rule::rule!($name, $id, scope: Ad, what: $what, why: $why, remedy: $remedy, source: $source, |_, _, _| {});
    };
    ($name:ident, $id:literal, $(scope: $scope:ident,)? what: $what:literal, why: $why:literal, remedy: $remedy:literal, source: $source:literal, $check:expr) => {
        #[doc = $what]
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name;

        impl $crate::rules::rule::Rule for $name {
            fn id(&self) -> &'static str {
                $id
            }

            fn scope(&self) -> $crate::rules::rule::Scope {
                $crate::rules::rule::rule!(@scope $($scope)?)
            }

            fn doc(&self) -> &'static $crate::rules::rule::RuleDoc {
                &$crate::rules::rule::RuleDoc { what: $what, why: $why, remedy: $remedy, source: $source }
            }

            fn check(
                &self,
                subject: &$crate::rules::rule::Subject<'_>,
                limits: &$crate::profile::Limits,
                out: &mut $crate::rules::rule::FindingCollector<'_>,
            ) {
                let check: fn(
                    &$crate::rules::rule::Subject<'_>,
                    &$crate::profile::Limits,
                    &mut $crate::rules::rule::FindingCollector<'_>,
                ) = $check;
                check(subject, limits, out);
            }
        }
    };
}
pub(crate) use rule;
