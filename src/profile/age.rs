//! How long ago a limit was looked at.
//!
//! Platforms change their rules without telling anybody, so a limit is only as good as the day it
//! was last compared with its source. The day counted from is an argument: the core has no clock.

use jiff::civil::Date;

use super::Profile;

/// A limit that was last compared with its source long ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldLimit<'a> {
    /// The rule.
    pub rule: &'a str,
    /// When its source was last looked at, `YYYY-MM-DD`.
    pub checked_on: &'a str,
    /// Whole days since then.
    pub age_days: u32,
}

impl Profile {
    /// The limits that `today` are more than `max_days` old, by the rule's id. A limit without a
    /// date says nothing about its age and is not among them.
    pub fn old_limits(&self, today: Date, max_days: u32) -> Vec<OldLimit<'_>> {
        let age = |day: &str| {
            let day = date(day)?;
            u32::try_from((today - day).get_days()).ok()
        };
        let old = self.limits.iter().filter_map(|(rule, limits)| {
            let checked_on = limits.checked_on.as_deref()?;
            let age_days = age(checked_on).filter(|days| *days > max_days)?;
            Some(OldLimit { rule, checked_on, age_days })
        });
        old.collect()
    }
}

/// A day written `YYYY-MM-DD`, and only so.
pub(super) fn date(text: &str) -> Option<Date> {
    let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    text.parse().ok().filter(|_| plain)
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
    fn a_limit_is_old_the_day_after_its_time_is_up() {
        let profile = profile();
        let old = |today: &str| profile.old_limits(date(today).unwrap(), 365);
        assert_eq!(old("2026-03-01"), []);
        let expected = OldLimit { rule: "duration", checked_on: "2025-03-01", age_days: 366 };
        assert_eq!(old("2026-03-02"), [expected]);
        assert_eq!(old("2027-03-01").len(), 2);
    }

    #[test]
    fn a_day_ahead_of_a_slow_clock_is_not_old() {
        assert_eq!(profile().old_limits(date("2020-01-01").unwrap(), 0), []);
    }

    #[test]
    fn only_days_of_the_calendar_are_dates() {
        assert!(date("2024-02-29").is_some());
        for wrong in ["2025-02-29", "2026-13-01", "20260101", "2026-1-1", "2026-01-01T00:00", ""] {
            assert!(date(wrong).is_none(), "{wrong}");
        }
    }
}
