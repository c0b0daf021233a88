//! The limits of one rule, with where they come from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::keys;
use crate::model::Rational;

/// How bad it is to break a limit. Ordered: an error is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Better practice.
    Advice,
    /// Accepted, but degraded, cropped or transcoded badly.
    Warning,
    /// The platform refuses the file or fails to process it.
    Error,
}

/// How sure a limit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// The platform publishes it.
    Official,
    /// Others publish it.
    ThirdParty,
    /// Nobody publishes it; experience says so.
    Practice,
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// Words.
    Words(Vec<String>),
    /// Ratios, width to height.
    Ratios(Vec<Rational>),
    /// A least size for each ratio.
    Sizes(Vec<(Rational, u32, u32)>),
    /// True or false.
    Flag(bool),
}

/// The limits of one rule under one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// How bad it is to break them.
    pub severity: Severity,
    /// Where they are published.
    pub source: Option<String>,
    /// When that was last looked at, `YYYY-MM-DD`.
    pub checked_on: Option<String>,
    /// How sure they are.
    pub confidence: Confidence,
    pub(super) values: BTreeMap<String, Value>,
}

impl Limits {
    /// A number, where the key is set.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.values.get(key)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A list of words; empty where the key is not set.
    pub fn words(&self, key: &str) -> &[String] {
        match self.values.get(key) {
            Some(Value::Words(words)) => words,
            _ => &[],
        }
    }

    /// A list of ratios; empty where the key is not set.
    pub fn ratios(&self, key: &str) -> &[Rational] {
        match self.values.get(key) {
            Some(Value::Ratios(ratios)) => ratios,
            _ => &[],
        }
    }

    /// Least sizes by ratio; empty where the key is not set.
    pub fn sizes(&self, key: &str) -> &[(Rational, u32, u32)] {
        match self.values.get(key) {
            Some(Value::Sizes(sizes)) => sizes,
            _ => &[],
        }
    }

    /// A flag; false where the key is not set.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.values.get(key), Some(Value::Flag(true)))
    }

    /// The limits in words, for `greenlit profiles ID`: "at most (s) 600".
    pub fn describe(&self, rule: &str) -> String {
        let keys = keys::of(rule).unwrap_or_default();
        let parts = keys
            .iter()
            .filter_map(|(key, _, meaning)| Some(format!("{meaning} {}", show(self.values.get(*key)?))));
        parts.collect::<Vec<_>>().join("; ")
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::Words(words) => words.join(", "),
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
