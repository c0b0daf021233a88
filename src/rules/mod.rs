//! Rules: each takes the facts of a file and a profile, and returns findings.
//!
//! A rule never reads or changes a file. If a fact that it needs is unknown, the rule is undecided.
//! An undecided error-level rule makes the verdict `indeterminate`: a file with unknown facts is
//! never compliant.

mod all;
mod assess;
mod finding;
mod kept_size;
mod long_spans;
mod rule;
mod validated_asset;
mod validated_cover;
pub(crate) mod value_text;

pub use crate::profile::{Confidence, Severity};
pub use all::resolution::size_for_nearest_ratio;
pub use assess::{Assessment, RuleSet, Selection, SelectionError, assess, assess_cover, find, registry};
pub use finding::{Finding, Remedy, Verdict};
pub use rule::{FindingCollector, Rule, RuleDoc, Scope, Subject, Violation};
pub use validated_asset::ValidatedAsset;
pub use validated_cover::{CoverImage, ValidatedCover};

/// Returns whether only a full decode shows violations of the rule.
pub fn needs_decode(rule: &str) -> bool {
    matches!(rule, "black" | "freeze" | "silence" | "letterbox" | "loudness")
}

#[cfg(test)]
mod tests;
