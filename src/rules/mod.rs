//! One rule a file: facts and a profile in, findings out.
//!
//! A rule never reads a file and never repairs one. A fact it needs and does not have makes it
//! undecided; an undecided rule at the level of errors makes the verdict `indeterminate`, because
//! unknown is never compliant.

mod all;
mod assess;
mod finding;
pub(crate) mod format;
mod rule;
mod validated;

pub use crate::profile::{Confidence, Severity};
pub use all::resolution::nearest_floor;
pub use assess::{Assessment, RuleSet, Selection, SelectionError, assess, assess_cover, find, registry};
pub use finding::{Finding, Remedy, Verdict};
pub use rule::{Rule, RuleDoc, Scope, Subject, Verdicts, Violation};
pub use validated::ValidatedAsset;

#[cfg(test)]
mod tests;
