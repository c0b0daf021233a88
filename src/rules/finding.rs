//! The findings of rules, and the verdict on a file.

use serde::{Deserialize, Serialize};

use super::acceptance::Acceptance;
use crate::model::{TimeRange, display_name};
use crate::profile::{Confidence, RuleId, Severity};

/// The cheapest kind of change that resolves a finding, ordered by cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Remedy {
    /// Nothing can or needs to be changed.
    None,
    /// A remux (packets are copied into a new container) or a new name.
    Remux,
    /// Packets are rewritten without decoding.
    BitstreamFilter,
    /// The audio is re-encoded.
    ReencodeAudio,
    /// The video is re-encoded.
    ReencodeVideo,
    /// A part of the video is cut off, which needs consent.
    Trim,
    /// The video starts at its first frame that can be decoded, which needs consent.
    FromKeyFrame,
    /// The decoder conceals a few damaged frames, which needs consent.
    Conceal,
    /// greenlit cannot fix the finding.
    Refuse,
}

/// One finding of a rule, in the shape of the JSON report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Finding {
    /// The stable id of the rule, such as `video-codec`.
    pub rule: RuleId,
    /// How severe it is.
    pub severity: Severity,
    /// Index of the stream; `None` for the whole file.
    pub stream: Option<u32>,
    /// The value found.
    pub actual: String,
    /// What is allowed.
    pub allowed: String,
    /// The finding in one sentence.
    pub message: String,
    /// The affected spans of the video.
    pub ranges: Vec<TimeRange>,
    /// For missing data, the position in seconds from which data is missing.
    pub first_missing_s: Option<f64>,
    /// The day on which the limit was last compared with its source, `YYYY-MM-DD`.
    #[cfg_attr(all(test, feature = "report"), schemars(regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")))]
    pub checked_on: Option<String>,
    /// How reliable the limit is.
    pub confidence: Confidence,
    /// The cheapest kind of change that resolves it.
    pub remedy: Remedy,
    /// Where the limit is published.
    pub source: Option<String>,
    /// Why it does not count; `None` if it does.
    #[serde(default)]
    pub accepted: Option<Acceptance>,
    /// Whether the message alone tells the value found and what is allowed. Not part of the report.
    #[serde(skip)]
    pub stated: bool,
}

impl Finding {
    /// Returns whether it is an error that counts.
    pub fn is_open_error(&self) -> bool {
        self.severity == Severity::Error && self.accepted.is_none()
    }
}

/// The verdict on one file under one profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// No error, and every fact an error-level rule needs is known.
    Compliant,
    /// At least one error.
    Noncompliant,
    /// No error, but a fact that an error-level rule needs is unknown.
    Indeterminate,
    /// Not readable as media.
    Unreadable,
    /// Not a media file, and not named like one.
    Skipped,
}

impl Verdict {
    /// Returns the name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Compliant => "compliant",
            Verdict::Noncompliant => "noncompliant",
            Verdict::Indeterminate => "indeterminate",
            Verdict::Unreadable => "unreadable",
            Verdict::Skipped => "skipped",
        }
    }
}

display_name!(Verdict);
