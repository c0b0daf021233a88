//! Rules: each takes the facts of a file and a profile, and returns findings.
//!
//! A rule never reads or changes a file. If a fact that it needs is unknown, the rule is undecided.
//! An undecided error-level rule makes the verdict `indeterminate`: a file with unknown facts is
//! never compliant.

mod acceptance;
mod all;
mod assess;
mod finding;
mod kept_size;
mod long_spans;
mod rule;
mod rule_groups;
mod validated_asset;
mod validated_cover;
pub(crate) mod value_text;

pub use crate::profile::{Confidence, RuleId, Severity};
pub use acceptance::Acceptance;
pub use assess::{Assessment, RuleSet, Selection, SelectionError, assess, assess_cover, find, registry};
pub use finding::{Finding, Remedy, Verdict};
pub use rule::{FindingCollector, Rule, RuleInfo, Scope, Subject, Violation};
pub use rule_groups::needs_decode;
pub(crate) use rule_groups::{about_audio_content, about_audio_track};
pub use validated_asset::ValidatedAsset;
pub use validated_cover::{CoverImage, ValidatedCover};

#[cfg(test)]
mod tests;
