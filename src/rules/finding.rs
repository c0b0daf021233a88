//! What a rule says about a file.

use serde::{Deserialize, Serialize};

use crate::model::TimeRange;
use crate::profile::{Confidence, Severity};

/// The cheapest kind of change that clears a finding. Ordered by what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// Nothing to do, or nothing needed.
    None,
    /// Packets copied into a new container; also renaming.
    Remux,
    /// Packets rewritten without touching a picture.
    BitstreamFilter,
    /// The audio encoded again.
    ReencodeAudio,
    /// The picture encoded again.
    ReencodeVideo,
    /// Part of the video left out: needs consent.
    Trim,
    /// Nothing can be done.
    Refuse,
}

/// One finding, in the shape of the JSON report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The stable id of the rule, such as `video-codec`.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// Index of the stream it is about; `None` for the file.
    pub stream: Option<u32>,
    /// What was found.
    pub actual: String,
    /// What is allowed.
    pub allowed: String,
    /// One sentence for a person.
    pub message: String,
    /// The spans of the video it is about.
    pub ranges: Vec<TimeRange>,
    /// For missing data: the first second that is not there.
    pub first_missing_s: Option<f64>,
    /// The day the limit was last checked, `YYYY-MM-DD`.
    pub checked_on: Option<String>,
    /// How sure the limit is.
    pub confidence: Confidence,
    /// The cheapest kind of change that clears it.
    pub remedy: Remedy,
    /// Where the limit is published.
    pub source: Option<String>,
}

/// The judgement over one file and one profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
