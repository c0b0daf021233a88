//! One rule a file: facts and a profile in, findings out.

mod finding;
mod validated;

pub use finding::{Confidence, Finding, Remedy, Severity, Verdict};
pub use validated::ValidatedAsset;
