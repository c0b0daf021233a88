//! Finds lower limits that are above upper limits.

use super::error::ProfileError;
use super::parameter::Value;
use super::parameters::ResolutionLimits;
use super::rule_limits::{RuleId, RuleLimits};
use crate::model::Rational;

/// Keys that bound the same quantity without being named alike: lower and upper limit.
const ACROSS: [(&str, &str); 4] = [
    ("min_width", "max_side"),
    ("min_height", "max_side"),
    ("min_side", "max_width"),
    ("min_side", "max_height"),
];

/// A ratio with a width and a height.
type Size = (Rational, u32, u32);

/// A lower limit above an upper limit of the same rule.
pub(super) struct Contradiction {
    low: (String, String),
    high: (String, String),
}

impl Contradiction {
    /// Returns the error; `path` names the tables of the rule.
    pub(super) fn into_error(self, path: &str) -> ProfileError {
        let Contradiction { low: (low, low_value), high: (high, high_value) } = self;
        let (low, high) = (format!("{path}.{low}"), format!("{path}.{high}"));
        ProfileError::Contradiction { low, low_value, high, high_value }
    }
}

/// Returns the first contradiction in the limits of a rule. Every key that begins with `min` or `warn_min` has the one
/// with `max` instead as its counterpart.
pub(super) fn find(rule: RuleId, rules: &RuleLimits) -> Option<Contradiction> {
    let values = rules.get(rule)?.values();
    let counterparts = rule.keys().iter().filter_map(|key| {
        let begin = if key.name.starts_with("warn_min") { "warn_" } else { "" };
        let rest = key.name.strip_prefix(begin)?.strip_prefix("min")?;
        Some((key.name, format!("{begin}max{rest}")))
    });
    let across = ACROSS.iter().map(|(low, high)| (*low, (*high).to_owned()));
    let value = |key: &str| values.iter().find(|(name, _)| *name == key).map(|(_, value)| value);
    let named = counterparts.chain(across).find_map(|(low, high)| {
        let (low_value, high_value) = (value(low)?, value(&high)?);
        if let (Value::Sizes(least), Value::Sizes(most)) = (low_value, high_value) {
            return sizes_above(least, most).map(|(least, most)| contradiction((low, least), (&high, most)));
        }
        let is_above = bound(low_value)? > bound(high_value)?;
        is_above.then(|| contradiction((low, low_value.to_string()), (&high, high_value.to_string())))
    });
    named.or_else(|| match rule {
        RuleId::Resolution => small_frame(&rules.resolution.as_ref()?.values),
        _ => None,
    })
}

/// Returns the sizes of a ratio whose smallest frame is larger than its largest.
fn sizes_above(least: &[Size], most: &[Size]) -> Option<(String, String)> {
    let text = |(ratio, width, height): &Size| format!("{width}x{height} at {}", ratio.with_colon());
    least.iter().find_map(|low| {
        let high = most.iter().find(|high| high.0 == low.0)?;
        (low.1 > high.1 || low.2 > high.2).then(|| (text(low), text(high)))
    })
}

/// Returns a smallest frame that is larger than the largest side.
fn small_frame(limits: &ResolutionLimits) -> Option<Contradiction> {
    let maximums =
        [("max_side", limits.max_side), ("max_width", limits.max_width), ("max_height", limits.max_height)];
    maximums.into_iter().find_map(|(high, max)| {
        let max = max?;
        // A frame may have any of the ratios.
        let sides = limits.min_for_ratio.iter().map(|size| match high {
            "max_width" => size.width,
            "max_height" => size.height,
            _ => size.width.max(size.height),
        });
        let least = sides.min()?;
        (f64::from(least) > max)
            .then(|| contradiction(("min_for_ratio", format!("at least {least}")), (high, max.to_string())))
    })
}

fn contradiction((low, low_value): (&str, String), (high, high_value): (&str, String)) -> Contradiction {
    Contradiction { low: (low.to_owned(), low_value), high: (high.to_owned(), high_value) }
}

fn bound(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Ratios(ratios) => ratios.first().map(|ratio| ratio.as_f64()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::Profile;
    use super::super::rule_limits::RuleId;

    fn error(limits: &str) -> Option<String> {
        let text = format!("id = \"x\"\nextends = \"common\"\n{limits}");
        Profile::parse(&text, &Profile::builtin).err().map(|error| error.to_string())
    }

    #[test]
    fn names_both_keys_and_values() {
        assert_eq!(
            error("[rule.duration]\nmin_s = 20\nmax_s = 10\n").unwrap(),
            "`rule.duration.min_s` is 20, which is above `rule.duration.max_s` = 10: no file could comply"
        );
        assert_eq!(error("[rule.duration]\nmin_s = 10\nmax_s = 10\nwarn_min_s = 3\nwarn_max_s = 5\n"), None);
    }

    #[test]
    fn every_minimum_with_a_maximum_is_compared() {
        let mut compared = 0;
        for rule in RuleId::ALL {
            for key in rule.keys() {
                let (key, expected) = (key.name, key.expected);
                let high = key.replacen("min", "max", 1);
                if high == key || !rule.keys().iter().any(|other| other.name == high) {
                    continue;
                }
                let (low, upper) = match expected {
                    "a number" => ("20", "10"),
                    ratio if ratio.contains("one ratio") => ("\"16:9\"", "\"9:16\""),
                    _ => (
                        "[{ ratio = \"1:1\", width = 20, height = 20 }]",
                        "[{ ratio = \"1:1\", width = 10, height = 10 }]",
                    ),
                };
                let text = format!("[rule.{rule}]\n{key} = {low}\n{high} = {upper}\n");
                assert!(error(&text).is_some_and(|error| error.contains(key)), "{text}");
                compared += 1;
            }
        }
        assert!(compared >= 12, "{compared}");
    }

    #[test]
    fn limits_of_frame_sizes_are_compared_across_keys_and_with_inherited_ones() {
        assert!(error("[rule.resolution]\nmin_width = 1000\nmax_side = 900\n").is_some());
        assert!(error("[rule.resolution]\nmin_side = 1000\nmax_height = 900\n").is_some());
        let extending = "id = \"x\"\nextends = \"tiktok-ads\"\n[rule.resolution]\nmax_side = 300\n";
        let error = Profile::parse(extending, &Profile::builtin).unwrap_err().to_string();
        assert!(error.contains("min_for_ratio"), "{error}");
        let off = "id = \"x\"\n[rule.duration]\nmin_s = 20\nmax_s = 10\noff = true\n";
        assert!(Profile::parse(off, &Profile::builtin).is_ok());
    }
}
