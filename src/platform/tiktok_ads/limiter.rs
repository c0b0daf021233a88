//! How often calls may go out: a state machine that is told the time.

use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;
use std::time::Duration;

const DAY: u64 = 86_400;
/// A little longer than the platform's windows, since the network shifts when calls arrive.
const SECOND: Duration = Duration::from_millis(1050);
const MINUTE: Duration = Duration::from_millis(60_500);
/// The call with limits of its own.
const CREATE: &str = "ad/create/";

/// The access level of the app, which sets its limits. Source: portal page rate-limits/v1.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// 10 calls a second, 600 a minute, 864 000 a day.
    #[default]
    Basic,
    /// 20 / 1 200 / 1 728 000.
    Advanced,
    /// 30 / 1 800 / 2 592 000.
    Premium,
    /// 50 / 3 000 / 4 320 000.
    Ultimate,
    /// 1 / 30 / 1 000, each for every endpoint by itself.
    Sandbox,
}

/// A tier of that name does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no tier `{0}`: use basic, advanced, premium, ultimate or sandbox")]
pub struct UnknownTier(String);

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Tier, UnknownTier> {
        match text {
            "basic" => Ok(Tier::Basic),
            "advanced" => Ok(Tier::Advanced),
            "premium" => Ok(Tier::Premium),
            "ultimate" => Ok(Tier::Ultimate),
            "sandbox" => Ok(Tier::Sandbox),
            _ => Err(UnknownTier(text.to_owned())),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    second: usize,
    pub(super) minute: usize,
    pub(super) day: u64,
}

impl Tier {
    pub(super) fn all(self) -> Allowance {
        let (second, minute, day) = match self {
            Tier::Basic => (10, 600, 864_000),
            Tier::Advanced => (20, 1_200, 1_728_000),
            Tier::Premium => (30, 1_800, 2_592_000),
            Tier::Ultimate => (50, 3_000, 4_320_000),
            Tier::Sandbox => (1, 30, 1_000),
        };
        Allowance { second, minute, day }
    }

    pub(super) fn create(self) -> Allowance {
        let (second, minute, day) = match self {
            Tier::Basic => (5, 150, 86_400),
            Tier::Advanced => (10, 200, 86_400),
            Tier::Premium => (10, 300, 86_400),
            Tier::Ultimate => (15, 300, 86_400),
            Tier::Sandbox => (1, 30, 1_000),
        };
        Allowance { second, minute, day }
    }
}

/// Calls of the last minute and of this UTC day.
#[derive(Debug, Default)]
struct Counter {
    recent: VecDeque<Duration>,
    day: (u64, u64),
}

impl Counter {
    /// How long until one more call fits; zero for now.
    fn wait(&mut self, allowance: Allowance, now: Duration) -> Duration {
        while self.recent.front().is_some_and(|then| *then + MINUTE <= now) {
            self.recent.pop_front();
        }
        if self.day.0 != now.as_secs() / DAY {
            self.day = (now.as_secs() / DAY, 0);
        }
        if self.day.1 >= allowance.day {
            return to_midnight(now);
        }
        let until = |count: usize, window: Duration| {
            let oldest = self.recent.len().checked_sub(count).and_then(|at| self.recent.get(at));
            oldest.map_or(Duration::ZERO, |then| (*then + window).saturating_sub(now))
        };
        until(allowance.second, SECOND).max(until(allowance.minute, MINUTE))
    }

    fn count(&mut self, now: Duration) {
        self.recent.push_back(now);
        self.day.1 += 1;
    }
}

fn to_midnight(now: Duration) -> Duration {
    Duration::from_secs((now.as_secs() / DAY + 1) * DAY).saturating_sub(now)
}

/// The pauses after a first and a second throttle answer in a row; the third lasts until 00:00 UTC.
///
/// The answer does not say which of the platform's windows was hit, so each is tried in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    /// When the second was hit.
    pub first: Duration,
    /// When the minute was hit.
    pub second: Duration,
}

impl Default for Pauses {
    fn default() -> Pauses {
        Pauses { first: Duration::from_secs(1), second: Duration::from_secs(300) }
    }
}

/// The limiter by itself. Every `now` is the time since the start of 1970, UTC, and never runs back.
#[derive(Debug)]
pub struct Limiter {
    tier: Tier,
    pauses: Pauses,
    counters: BTreeMap<&'static str, Counter>,
    throttles: u32,
    paused_at: Option<Duration>,
    paused_until: Duration,
}

impl Limiter {
    /// A limiter that has seen no calls.
    pub fn new(tier: Tier, pauses: Pauses) -> Limiter {
        let (counters, paused_until) = (BTreeMap::new(), Duration::ZERO);
        Limiter { tier, pauses, counters, throttles: 0, paused_at: None, paused_until }
    }

    /// Counts a call and says zero, or says how long to wait before asking again.
    pub fn ask(&mut self, endpoint: &'static str, now: Duration) -> Duration {
        if now < self.paused_until {
            return self.paused_until - now;
        }
        let windows: Vec<(&'static str, Allowance)> = match (self.tier, endpoint) {
            (Tier::Sandbox, _) => vec![(endpoint, self.tier.all())],
            (_, CREATE) => vec![("", self.tier.all()), (CREATE, self.tier.create())],
            _ => vec![("", self.tier.all())],
        };
        let mut wait = Duration::ZERO;
        for (name, allowance) in &windows {
            wait = wait.max(self.counters.entry(name).or_default().wait(*allowance, now));
        }
        if wait.is_zero() {
            for (name, _) in &windows {
                self.counters.entry(name).or_default().count(now);
            }
        }
        wait
    }

    /// A call sent at `sent` was throttled: everybody pauses. Gives the pause when a new one begins.
    pub fn throttled(&mut self, sent: Duration, now: Duration) -> Option<Duration> {
        // Calls that were under way together are all throttled; that is one sign, not several.
        if self.paused_at.is_some_and(|at| sent <= at) {
            return None;
        }
        let pause = match self.throttles {
            0 => self.pauses.first,
            1 => self.pauses.second,
            _ => to_midnight(now),
        };
        self.throttles = self.throttles.saturating_add(1);
        self.paused_at = Some(now);
        self.paused_until = now + pause;
        Some(pause)
    }

    /// A call sent at `sent` was let through: after a pause, the next throttle counts as a first.
    pub fn passed(&mut self, sent: Duration) {
        if sent >= self.paused_until {
            self.throttles = 0;
        }
    }
}

/// How many reads may be sent again: about one in ten, so that an outage is not made worse.
#[derive(Debug)]
pub struct RetryBudget {
    tenths: u32,
}

impl RetryBudget {
    const FULL: u32 = 50;

    /// Enough for a few retries at the start.
    pub fn new() -> RetryBudget {
        RetryBudget { tenths: RetryBudget::FULL }
    }

    /// A call was made that is no retry.
    pub fn earn(&mut self) {
        self.tenths = (self.tenths + 1).min(RetryBudget::FULL);
    }

    /// Whether one more retry fits; takes it.
    pub fn take(&mut self) -> bool {
        let left = self.tenths.checked_sub(10);
        self.tenths = left.unwrap_or(self.tenths);
        left.is_some()
    }
}

impl Default for RetryBudget {
    fn default() -> RetryBudget {
        RetryBudget::new()
    }
}

/// The wait before try number `retry` (from 0), up to a bound that doubles; `chance` is from 0 to 1.
pub fn retry_wait(first: Duration, retry: u32, chance: f64) -> Duration {
    let bound = first.saturating_mul(1 << retry.min(6)).min(Duration::from_secs(10));
    bound.mul_f64(chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noon of some day.
    const NOON: Duration = Duration::from_secs(20_000 * DAY + DAY / 2);

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Calls as often as it may until `end`, and gives when.
    fn run(limiter: &mut Limiter, endpoint: &'static str, end: Duration) -> Vec<Duration> {
        let (mut now, mut calls) = (NOON, Vec::new());
        while now < end {
            let wait = limiter.ask(endpoint, now);
            if wait.is_zero() {
                calls.push(now);
            }
            now += wait;
        }
        calls
    }

    #[test]
    fn no_window_of_the_tier_is_ever_exceeded() {
        for (endpoint, second, minute) in [("ad/get/", 10, 600), (CREATE, 5, 150)] {
            let mut limiter = Limiter::new(Tier::Basic, Pauses::default());
            let calls = run(&mut limiter, endpoint, NOON + ms(200_000));
            assert!(calls.len() > 2 * minute, "{endpoint}: only {}", calls.len());
            for (index, start) in calls.iter().enumerate() {
                let within = |span| calls[index..].iter().take_while(|at| **at < *start + span).count();
                assert!(within(ms(1000)) <= second && within(ms(60_000)) <= minute, "{endpoint}");
            }
        }
    }

    #[test]
    fn creating_ads_counts_among_all_calls_but_not_the_other_way() {
        let mut limiter = Limiter::new(Tier::Basic, Pauses::default());
        for _ in 0..5 {
            assert!(limiter.ask(CREATE, NOON).is_zero());
        }
        assert!(!limiter.ask(CREATE, NOON).is_zero());
        for _ in 0..5 {
            assert!(limiter.ask("ad/get/", NOON).is_zero());
        }
        assert!(!limiter.ask("ad/get/", NOON).is_zero());
    }

    #[test]
    fn the_day_ends_at_midnight_utc() {
        let mut limiter = Limiter::new(Tier::Sandbox, Pauses::default());
        let (mut now, mut calls) = (NOON, 0);
        let wait = loop {
            let wait = limiter.ask("ad/get/", now);
            if wait.is_zero() {
                calls += 1;
            } else if wait > MINUTE {
                break wait;
            }
            now += wait;
        };
        assert_eq!(calls, 1000);
        assert_eq!((now + wait).as_secs() % DAY, 0);
        assert!(limiter.ask("ad/get/", now + wait).is_zero());
    }

    #[test]
    fn throttles_pause_everybody_ever_longer_until_one_passes() {
        let mut limiter = Limiter::new(Tier::Basic, Pauses::default());
        assert_eq!(limiter.throttled(NOON, NOON + ms(10)), Some(ms(1000)));
        // Sent before the pause began: the same sign.
        assert_eq!(limiter.throttled(NOON + ms(5), NOON + ms(20)), None);
        assert_eq!(limiter.ask("ad/get/", NOON + ms(510)), ms(500));
        let second = NOON + ms(2000);
        assert_eq!(limiter.throttled(second, second), Some(ms(300_000)));
        // A call of before the pause that comes back well does not end the ladder.
        limiter.passed(NOON);
        let third = second + ms(300_001);
        let pause = limiter.throttled(third, third).unwrap_or_default();
        assert_eq!((third + pause).as_secs(), 20_001 * DAY);
        limiter.passed(third + pause);
        let later = third + pause + ms(1);
        assert_eq!(limiter.throttled(later, later), Some(ms(1000)));
    }

    #[test]
    fn retries_are_about_a_tenth_of_all_calls() {
        let mut budget = RetryBudget::new();
        let retries = (0..1000)
            .filter(|_| {
                budget.earn();
                budget.take()
            })
            .count();
        assert!((100..=105).contains(&retries), "{retries}");
        assert_eq!(retry_wait(ms(500), 0, 1.0), ms(500));
        assert_eq!(retry_wait(ms(500), 1, 0.5), ms(500));
        assert_eq!(retry_wait(ms(500), 60, 1.0), ms(10_000));
    }
}
