//! A profile: what it is called and the limits it sets.

use std::collections::BTreeMap;

use super::limits::Terms;
use super::rule_limits::RuleLimits;

/// The rule set of one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) platform: String,
    pub(super) rules: RuleLimits,
    /// Computed once, because every assessment needs it.
    pub(super) digest: String,
}

impl Profile {
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

pub(super) fn digest(id: &str, rules: &RuleLimits) -> String {
    let mut text = format!("{id}\n");
    for (rule, limits) in rules.all() {
        // The confidence decides how severe some findings are.
        let Terms { severity, confidence, source: _, checked_on: _ } = limits.terms();
        let values: BTreeMap<_, _> = limits.values().into_iter().collect();
        text.push_str(&format!("{rule} {severity:?} {confidence:?} {values:?}\n"));
    }
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}
