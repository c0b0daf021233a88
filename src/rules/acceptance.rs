//! Findings that a project accepts although they break a rule.

use serde::{Deserialize, Serialize};

/// Why a finding does not count. It stays in every report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(tag = "by", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Acceptance {
    /// The configuration ignores it.
    Ignored {
        /// The reason, as a person wrote it.
        reason: String,
        /// The last day on which it is ignored, `YYYY-MM-DD`; `None` without an end.
        until: Option<String>,
    },
    /// It was found when the baseline was written.
    Baseline,
}

impl Acceptance {
    /// Returns the word for reports.
    pub fn name(&self) -> &'static str {
        match self {
            Acceptance::Ignored { .. } => "ignored",
            Acceptance::Baseline => "baseline",
        }
    }
}

impl std::fmt::Display for Acceptance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Acceptance::Ignored { reason, until: None } => write!(f, "ignored: {reason}"),
            Acceptance::Ignored { reason, until: Some(until) } => {
                write!(f, "ignored until {until}: {reason}")
            }
            Acceptance::Baseline => f.write_str("in the baseline"),
        }
    }
}
