//! The limits of one rule, with their source.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rule_keys;
use crate::model::Rational;

/// How severe it is to violate a limit, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Recommended practice.
    Advice,
    /// Accepted, but degraded, cropped or transcoded badly.
    Warning,
    /// The platform refuses the file or fails to process it.
    Error,
}

/// How reliable a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// The platform publishes it.
    Official,
    /// A third party publishes it.
    ThirdParty,
    /// It is not published and rests on experience.
    Practice,
}

/// The value of a key.
///
/// [`Profile::hash`](super::Profile::hash) depends on the names of the variants.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// Strings.
    Words(Vec<String>),
    /// Ratios, width to height.
    Ratios(Vec<Rational>),
    /// A width and a height for each ratio.
    Sizes(Vec<(Rational, u32, u32)>),
    /// True or false.
    Flag(bool),
}

/// The limits of one rule under one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// How severe a violation is.
    pub severity: Severity,
    /// Where the limits are published.
    pub source: Option<String>,
    /// The date on which the limits were last compared with the source, `YYYY-MM-DD`.
    pub checked_on: Option<String>,
    /// How reliable the limits are.
    pub confidence: Confidence,
    pub(super) values: BTreeMap<String, Value>,
}

impl Limits {
    /// Returns the number of a key, if set.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.values.get(key)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the strings of a key; empty if not set.
    pub fn strings(&self, key: &str) -> &[String] {
        match self.values.get(key) {
            Some(Value::Words(strings)) => strings,
            _ => &[],
        }
    }

    /// Returns the ratios of a key; empty if not set.
    pub fn ratios(&self, key: &str) -> &[Rational] {
        match self.values.get(key) {
            Some(Value::Ratios(ratios)) => ratios,
            _ => &[],
        }
    }

    /// Returns the sizes by ratio of a key; empty if not set.
    pub fn sizes(&self, key: &str) -> &[(Rational, u32, u32)] {
        match self.values.get(key) {
            Some(Value::Sizes(sizes)) => sizes,
            _ => &[],
        }
    }

    /// Returns the flag of a key; false if not set.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.values.get(key), Some(Value::Flag(true)))
    }

    /// Describes the limits for `greenlit profiles ID`: "at most (s) 600".
    pub fn describe(&self, rule: &str) -> String {
        let keys = rule_keys::for_rule(rule).unwrap_or_default();
        let parts = keys.iter().filter_map(|(key, _, meaning)| {
            Some(format!("{meaning} {}", format_value(self.values.get(*key)?)))
        });
        parts.collect::<Vec<_>>().join("; ")
    }
}

fn format_value(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Words(strings) => strings.join(", "),
        Value::Ratios(ratios) => ratios.iter().map(|ratio| ratio.with_colon()).collect::<Vec<_>>().join(", "),
        Value::Sizes(sizes) => {
            let size = |(ratio, width, height): &(Rational, u32, u32)| {
                format!("{width}x{height} at {}", ratio.with_colon())
            };
            sizes.iter().map(size).collect::<Vec<_>>().join(", ")
        }
        Value::Flag(flag) => flag.to_string(),
    }
}
