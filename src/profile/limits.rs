//! The limits of one rule, with their source.

use serde::{Deserialize, Serialize};

use crate::model::display_name;

use super::parameter::Value;
use super::parameters::{Key, Parameters};

/// How severe it is to violate a limit, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Recommended practice.
    Advice,
    /// Accepted, but degraded, cropped or transcoded badly.
    Warning,
    /// The platform refuses the file or fails to process it.
    Error,
}

impl Severity {
    /// Returns the name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Advice => "advice",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

display_name!(Severity);

/// How reliable a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Confidence {
    /// The platform publishes it.
    Official,
    /// A third party publishes it.
    ThirdParty,
    /// It is not published and rests on experience.
    Practice,
}

/// How severe a violation of a limit is, and where the limit comes from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Terms {
    /// How severe a violation is.
    pub severity: Severity,
    /// Where the limits are published.
    pub source: Option<String>,
    /// The date on which the limits were last compared with the source, `YYYY-MM-DD`.
    pub checked_on: Option<String>,
    /// How reliable the limits are.
    pub confidence: Confidence,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms { severity: Severity::Error, source: None, checked_on: None, confidence: Confidence::Practice }
    }
}

/// The limits of one rule under one profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits<P> {
    /// Severity and source.
    pub terms: Terms,
    /// The values of the rule's keys.
    pub values: P,
}

impl<P> Limits<P> {
    /// Returns the values if a violation is an error.
    pub fn enforced(&self) -> Option<&P> {
        (self.terms.severity == Severity::Error).then_some(&self.values)
    }
}

/// [`Limits`] of any rule.
pub trait AnyLimits {
    /// Returns severity and source.
    fn terms(&self) -> &Terms;
    /// Returns the keys that may be set.
    fn keys(&self) -> &'static [Key];
    /// Returns the keys that are set.
    fn values(&self) -> Vec<(&'static str, Value)>;
}

/// [`Limits`] of any rule, to be changed.
pub(super) trait EditableLimits: AnyLimits {
    /// Returns severity and source.
    fn terms_mut(&mut self) -> &mut Terms;
    /// Sets a key; `None` if there is no such key or if the value has another type.
    fn set(&mut self, key: &str, value: &toml::Value) -> Option<()>;
}

impl<P: Parameters> AnyLimits for Limits<P> {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn keys(&self) -> &'static [Key] {
        P::KEYS
    }

    fn values(&self) -> Vec<(&'static str, Value)> {
        self.values.values()
    }
}

impl<P: Parameters> EditableLimits for Limits<P> {
    fn terms_mut(&mut self) -> &mut Terms {
        &mut self.terms
    }

    fn set(&mut self, key: &str, value: &toml::Value) -> Option<()> {
        self.values.set(key, value)
    }
}

impl dyn AnyLimits + '_ {
    /// Describes the limits for `greenlit profiles ID`: "at most (s) 600".
    pub fn describe(&self) -> String {
        let values = self.values();
        let text = |(key, value): &(&str, Value)| {
            let meaning = self.keys().iter().find(|known| known.name == *key).map_or("", |key| key.meaning);
            format!("{meaning} {value}")
        };
        values.iter().map(text).collect::<Vec<_>>().join("; ")
    }
}
