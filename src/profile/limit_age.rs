//! The age of limits.
//!
//! Platforms change their rules without notice, so every limit has the date on which it was last
//! compared with its source. Today's date is an argument, because the core reads no clock.

use jiff::civil::Date;

use super::definition::Profile;
use super::rule_limits::RuleId;

/// A limit that has not been compared with its source for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldLimit<'a> {
    /// The rule's id.
    pub rule: RuleId,
    /// The date on which it was last compared with its source, `YYYY-MM-DD`.
    pub checked_on: &'a str,
    /// Whole days since then.
    pub age_days: u32,
}

impl Profile {
    /// Returns the limits that are more than `max_days` old on the date `today`, sorted by rule id.
    /// Limits without a date are left out.
    #[doc(hidden)] // Its date is a type of another crate; the command line alone asks.
    pub fn old_limits(&self, today: Date, max_days: u32) -> Vec<OldLimit<'_>> {
        let age = |day: &str| {
            let day = date(day)?;
            u32::try_from((today - day).get_days()).ok()
        };
        let old = self.rules.all().filter_map(|(rule, limits)| {
            let checked_on = limits.terms().checked_on.as_deref()?;
            let age_days = age(checked_on).filter(|days| *days > max_days)?;
            Some(OldLimit { rule, checked_on, age_days })
        });
        old.collect()
    }
}

/// Parses a date in the form `YYYY-MM-DD`; no other form of ISO 8601 is accepted.
pub(super) fn date(text: &str) -> Option<Date> {
    let has_form = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    text.parse().ok().filter(|_| has_form)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn profile() -> Profile {
        let text = "id = \"x\"\n[rule.duration]\nmax_s = 9\nchecked_on = \"2025-03-01\"\n\
            [rule.file-size]\nmax_bytes = 9\nchecked_on = \"2026-02-28\"\n[rule.hdr]\nseverity = \"advice\"\n";
        Profile::parse(text, &|_| None).unwrap()
    }

    #[test]
    fn limit_is_old_after_more_than_max_days() {
        let profile = profile();
        let old = |today: &str| profile.old_limits(date(today).unwrap(), 365);
        assert_eq!(old("2026-03-01"), []);
        let expected = OldLimit { rule: RuleId::Duration, checked_on: "2025-03-01", age_days: 366 };
        assert_eq!(old("2026-03-02"), [expected]);
        assert_eq!(old("2027-03-01").len(), 2);
    }

    #[test]
    fn limit_with_a_future_date_is_not_old() {
        assert_eq!(profile().old_limits(date("2020-01-01").unwrap(), 0), []);
    }

    #[test]
    fn rejects_invalid_dates_and_other_forms() {
        assert!(date("2024-02-29").is_some());
        for text in ["2025-02-29", "2026-13-01", "20260101", "2026-1-1", "2026-01-01T00:00", ""] {
            assert!(date(text).is_none(), "{text}");
        }
    }
}
