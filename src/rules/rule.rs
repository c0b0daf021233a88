//! What a rule is.

use crate::model::{DeepReport, MediaFacts, TimeRange, VideoStream};
use crate::profile::{Limits, Severity};

use super::finding::{Finding, Remedy};

/// What is judged: facts, the file's name, and what decoding showed where that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The facts.
    pub facts: &'a MediaFacts,
    /// The file name without folders.
    pub file_name: &'a str,
    /// What decoding showed.
    pub deep: Option<&'a DeepReport>,
}

impl<'a> Subject<'a> {
    /// The picture, where there is one.
    pub fn video(&self) -> Option<&'a VideoStream> {
        self.facts.main_video()
    }
}

/// A rule's page, in a fixed plan.
#[derive(Clone, Copy, Debug)]
pub struct RuleDoc {
    /// What is looked at.
    pub what: &'static str,
    /// Why the platform cares.
    pub why: &'static str,
    /// What clears it.
    pub remedy: &'static str,
    /// Where the knowledge comes from, beside the limits' own sources.
    pub source: &'static str,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Films.
    Video,
    /// Still pictures: covers and image ads.
    Picture,
    /// Any file.
    File,
    /// A row of a manifest, before it is shipped: a file alone says nothing about it.
    Ad,
}

/// One judgement over a file.
pub trait Rule: Sync {
    /// The stable id.
    fn id(&self) -> &'static str;
    /// What it looks at.
    fn judges(&self) -> Scope;
    /// The page for `greenlit explain`.
    fn doc(&self) -> &'static RuleDoc;
    /// Judges `subject` by `limits`.
    fn check(&self, subject: &Subject<'_>, limits: &Limits, out: &mut Verdicts<'_>);
}

/// Collects what one rule has to say.
#[derive(Debug)]
pub struct Verdicts<'a> {
    rule: &'static str,
    platform: &'a str,
    limits: &'a Limits,
    pub(super) findings: Vec<Finding>,
    pub(super) undecided: bool,
}

/// One broken limit.
#[derive(Clone, Debug)]
pub struct Violation {
    /// What was found, short: `mpeg4`.
    pub actual: String,
    /// What is allowed, short: `h264, hevc`.
    pub allowed: String,
    /// The finding as a sentence without its end: "the video codec is mpeg4".
    pub says: String,
    /// The cheapest change that clears it.
    pub remedy: Remedy,
    /// The stream, where it is about one.
    pub stream: Option<u32>,
    /// Severity, where it differs from the profile's.
    pub severity: Option<Severity>,
    /// Spans of the video it is about.
    pub ranges: Vec<TimeRange>,
    /// The first second that is not there, for missing data.
    pub first_missing_s: Option<f64>,
}

impl Violation {
    /// A broken limit of the whole file.
    pub fn new(
        says: impl Into<String>,
        actual: impl Into<String>,
        allowed: impl Into<String>,
        remedy: Remedy,
    ) -> Violation {
        Violation {
            actual: actual.into(),
            allowed: allowed.into(),
            says: says.into(),
            remedy,
            stream: None,
            severity: None,
            ranges: Vec::new(),
            first_missing_s: None,
        }
    }

    /// The same, about a stream.
    #[must_use]
    pub fn at(mut self, stream: u32) -> Violation {
        self.stream = Some(stream);
        self
    }

    /// The same, at most a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Violation {
        self.severity = Some(Severity::Warning);
        self
    }

    /// The same, only as advice.
    #[must_use]
    pub fn as_advice(mut self) -> Violation {
        self.severity = Some(Severity::Advice);
        self
    }

    /// The same, with the spans of the video.
    #[must_use]
    pub fn over(mut self, ranges: &[TimeRange]) -> Violation {
        self.ranges = ranges.to_vec();
        self
    }
}

impl<'a> Verdicts<'a> {
    pub(super) fn new(rule: &'static str, platform: &'a str, limits: &'a Limits) -> Verdicts<'a> {
        Verdicts { rule, platform, limits, findings: Vec::new(), undecided: false }
    }

    /// The platform's name, for sentences.
    pub fn platform(&self) -> &'a str {
        self.platform
    }

    /// Says that a limit is broken.
    pub fn breach(&mut self, breach: Violation) {
        let Violation { actual, allowed, says, remedy, stream, severity, ranges, first_missing_s } = breach;
        let message = format!(
            "{says}; {} allow{} {allowed}",
            self.platform,
            if self.platform.ends_with('s') { "" } else { "s" }
        );
        self.findings.push(Finding {
            rule: self.rule.to_owned(),
            severity: severity.unwrap_or(self.limits.severity).min(self.limits.severity),
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
        });
    }

    /// Says something in a sentence of its own, where "allows" would not read well.
    pub fn say(&mut self, breach: Violation) {
        let sentence = breach.says.clone();
        self.breach(breach);
        if let Some(finding) = self.findings.last_mut() {
            finding.message = sentence;
        }
    }

    /// Says that a fact needed for the judgement is not known.
    pub fn unknown(&mut self) {
        self.undecided = true;
    }
}

/// Declares a rule: its type, id, page and judgement.
///
/// Rules look at videos unless `judges` says otherwise; those of ads have no judgement over a file.
macro_rules! rule {
    (@judges) => { $crate::rules::rule::Scope::Video };
    (@judges $judges:ident) => { $crate::rules::rule::Scope::$judges };
    ($name:ident, $id:literal, judges: Ad, what: $what:literal, why: $why:literal, remedy: $remedy:literal, source: $source:literal $(,)?) => {
        $crate::rules::rule::rule!($name, $id, judges: Ad, what: $what, why: $why, remedy: $remedy, source: $source, |_, _, _| {});
    };
    ($name:ident, $id:literal, $(judges: $judges:ident,)? what: $what:literal, why: $why:literal, remedy: $remedy:literal, source: $source:literal, $check:expr) => {
        #[doc = $what]
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name;

        impl $crate::rules::rule::Rule for $name {
            fn id(&self) -> &'static str {
                $id
            }

            fn judges(&self) -> $crate::rules::rule::Scope {
                $crate::rules::rule::rule!(@judges $($judges)?)
            }

            fn doc(&self) -> &'static $crate::rules::rule::RuleDoc {
                &$crate::rules::rule::RuleDoc { what: $what, why: $why, remedy: $remedy, source: $source }
            }

            fn check(
                &self,
                subject: &$crate::rules::rule::Subject<'_>,
                limits: &$crate::profile::Limits,
                out: &mut $crate::rules::rule::Verdicts<'_>,
            ) {
                let check: fn(
                    &$crate::rules::rule::Subject<'_>,
                    &$crate::profile::Limits,
                    &mut $crate::rules::rule::Verdicts<'_>,
                ) = $check;
                check(subject, limits, out);
            }
        }
    };
}
pub(crate) use rule;
