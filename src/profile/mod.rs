//! Profiles: the limits of destinations, as data.
//!
//! A profile is a TOML file with a short description of the destination and one table of limits for
//! each rule that applies there. Every table names the source of its limits, the date on which they
//! were last compared with it, and their confidence. A rule without a table does not apply.

mod bounds;
mod builtin;
mod codec_names;
mod contradictions;
mod definition;
mod error;
mod from_media;
mod limit_age;
mod limits;
mod parameter;
mod parameters;
mod parse;
mod rule_limits;
mod suggestion;

pub use bounds::{DURATION_TOLERANCE_S, FrameBounds, is_longer, is_shorter, within_tolerance};
pub use builtin::BUILTIN_IDS;
pub use definition::Profile;
pub use error::ProfileError;
pub(crate) use error::one_line;
pub use from_media::{DerivedProfile, Origin};
pub use limit_age::OldLimit;
pub use limits::{AnyLimits, Confidence, Limits, Severity, Terms};
pub use parameter::{SizeForRatio, Value, size_for_nearest_ratio};
pub use parameters::*;
pub use rule_limits::{RuleId, RuleLimits};
pub use suggestion::nearest;
