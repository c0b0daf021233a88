//! What a destination allows, as data.
//!
//! A profile is a TOML file: a few words about the destination, and one table of limits for each
//! rule that counts there. Every table says where its limits come from, when that was last looked
//! at, and how sure it is. Rules ask a profile for their table; a rule without one does not count.

mod age;
mod builtin;
mod derive;
mod keys;
mod limits;
mod nearest;
mod parse;

use std::collections::BTreeMap;

pub use age::OldLimit;
pub use builtin::BUILTIN_IDS;
pub use derive::{Derived, Origin};
pub use keys::{KEYS, Kind, RuleKeys};
pub use limits::{Confidence, Limits, Severity, Value};
pub use nearest::nearest;
pub use parse::ProfileError;

/// The rule set of one destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    id: String,
    title: String,
    platform: String,
    limits: BTreeMap<String, Limits>,
    /// Made once: every assessment asks for it.
    digest: String,
}

impl Profile {
    /// The built-in profile of that id.
    pub fn builtin(id: &str) -> Option<Profile> {
        builtin::find(id)
    }

    /// The ids of the built-in profiles.
    pub fn builtin_ids() -> &'static [&'static str] {
        BUILTIN_IDS
    }

    /// Parses a profile. `base` finds the profile that `extends` names.
    ///
    /// # Errors
    ///
    /// A key that means nothing, a value of the wrong type, a base that does not exist: each with
    /// its path in the file and, where there is one, the nearest right word.
    pub fn parse(text: &str, base: &dyn Fn(&str) -> Option<Profile>) -> Result<Profile, ProfileError> {
        parse::parse(text, base)
    }

    /// This profile with the limits of `table` (rule to keys) laid over its own. A rule that did
    /// not count here counts from now on: whoever writes down a limit wants it kept.
    ///
    /// # Errors
    ///
    /// As [`Profile::parse`], with paths below `override`.
    pub fn with_overrides(&self, table: &toml::Table) -> Result<Profile, ProfileError> {
        let mut profile = self.clone();
        let integrity = profile.limits.get("integrity").cloned();
        parse::overlay(&mut profile.limits, table, "override")?;
        profile.limits.extend(integrity.map(|limits| ("integrity".to_owned(), limits)));
        profile.digest = digest(&profile.id, &profile.limits);
        Ok(profile)
    }

    /// The stable id, such as `tiktok-ads`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is for, in a few words.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The platform's name as findings say it: "TikTok ads".
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// The limits of a rule; `None` when the rule does not count here.
    pub fn limits(&self, rule: &str) -> Option<&Limits> {
        self.limits.get(rule)
    }

    /// Every rule that counts, with its limits, by the rule's id.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Limits)> {
        self.limits.iter().map(|(rule, limits)| (rule.as_str(), limits))
    }

    /// A digest of all that decides a judgement: what was compliant under one hash need not be
    /// under another. Sources and dates decide nothing and are left out: when somebody has looked
    /// at a page again and found it unchanged, proofs stay proofs and nothing is sent again.
    pub fn hash(&self) -> String {
        self.digest.clone()
    }
}

fn digest(id: &str, limits: &BTreeMap<String, Limits>) -> String {
    let mut text = format!("{id}\n");
    for (rule, limits) in limits {
        // Confidence counts: it decides how bad some findings are.
        let Limits { severity, confidence, values, source: _, checked_on: _ } = limits;
        text.push_str(&format!("{rule} {severity:?} {confidence:?} {values:?}\n"));
    }
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}
