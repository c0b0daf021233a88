//! One rule a file: facts and a profile in, findings out.
//!
//! A rule never reads a file and never repairs one. A fact it needs and does not have makes it
//! undecided; an undecided rule at the level of errors makes the verdict `indeterminate`, because
//! unknown is never compliant.

mod all;
mod assess;
mod finding;
mod rule;
mod validated;
pub(crate) mod words;

pub use crate::profile::{Confidence, Severity};
pub use all::resolution::nearest_floor;
pub use assess::{Assessment, Judge, Selection, SelectionError, assess, assess_cover, find, registry};
pub use finding::{Finding, Remedy, Verdict};
pub use rule::{Breach, Judged, Rule, RuleDoc, Subject, Verdicts};
pub use validated::ValidatedAsset;

#[cfg(test)]
mod tests;
