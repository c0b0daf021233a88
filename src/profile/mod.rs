//! Profiles: the limits of destinations, as data.
//!
//! A profile is a TOML file with a short description of the destination and one table of limits for
//! each rule that applies there. Every table names the source of its limits, the date on which they
//! were last compared with it, and their confidence. A rule without a table does not apply.

mod bounds;
mod builtin;
mod codec_names;
mod contradictions;
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
pub use error::ProfileError;
pub(crate) use error::one_line;
pub use from_media::{DerivedProfile, Origin};
pub use limit_age::OldLimit;
pub use limits::{AnyLimits, Confidence, Limits, Severity, Terms};
pub use parameter::{SizeForRatio, Value, size_for_nearest_ratio};
pub use parameters::*;
pub use rule_limits::{RuleId, RuleLimits};
pub use suggestion::nearest;

/// The rule set of one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    id: String,
    title: String,
    platform: String,
    rules: RuleLimits,
    /// Computed once, because every assessment needs it.
    digest: String,
}

impl Profile {
    /// Returns the built-in profile with that id.
    pub fn builtin(id: &str) -> Option<Profile> {
        builtin::find(id)
    }

    /// Returns the ids of the built-in profiles.
    pub fn builtin_ids() -> &'static [&'static str] {
        BUILTIN_IDS
    }

    /// Parses a profile. `base` returns the profile that `extends` names.
    ///
    /// # Errors
    ///
    /// If the file has an unknown key, a value of the wrong type or an unknown base. The error names the
    /// key with its path and, if possible, the most similar valid one.
    pub fn parse(text: &str, base: &dyn Fn(&str) -> Option<Profile>) -> Result<Profile, ProfileError> {
        parse::parse(text, base)
    }

    /// Returns this profile with its limits replaced by those in `table` (rule to keys). A rule in
    /// `table` applies even if it did not apply before.
    ///
    /// # Errors
    ///
    /// Like [`Profile::parse`], with paths below `override`.
    pub fn with_overrides(&self, table: &toml::Table) -> Result<Profile, ProfileError> {
        let mut profile = self.clone();
        parse::apply_rules(&mut profile.rules, table, "override")?;
        profile.rules.integrity.clone_from(&self.rules.integrity);
        profile.digest = digest(&profile.id, &profile.rules);
        Ok(profile)
    }

    /// Returns the stable id, such as `tiktok-ads`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the title: what the profile is for.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns the platform's name for use in messages: "TikTok ads".
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// Returns the limits of every rule.
    pub fn rules(&self) -> &RuleLimits {
        &self.rules
    }

    /// Returns a hash of everything that affects an assessment.
    ///
    /// Sources and dates are left out: after a limit was compared with its source and found unchanged,
    /// earlier validations stay valid and nothing is uploaded again.
    pub fn hash(&self) -> String {
        self.digest.clone()
    }
}

fn digest(id: &str, rules: &RuleLimits) -> String {
    let mut text = format!("{id}\n");
    for (rule, limits) in rules.all() {
        // The confidence decides how severe some findings are.
        let Terms { severity, confidence, source: _, checked_on: _ } = limits.terms();
        let values: std::collections::BTreeMap<_, _> = limits.values().into_iter().collect();
        text.push_str(&format!("{rule} {severity:?} {confidence:?} {values:?}\n"));
    }
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}
