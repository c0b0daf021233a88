//! How often calls may go out: a state machine that is told the time.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

const DAY: u64 = 86_400;
/// A little longer than the platform's windows: its clock is not ours.
const SECOND: Duration = Duration::from_millis(1020);
const MINUTE: Duration = Duration::from_millis(60_100);
/// A call has arrived by then, even when the answer takes longer, as that of an upload does.
const ARRIVAL: Duration = Duration::from_secs(5);
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
///
/// A call counts at the platform when it arrives, which is some time between its sending and its answer: it is
/// taken for the latest that it can be. Whatever the line and the machine do to calls on their way, no window
/// then holds more of them than it may.
#[derive(Debug, Default)]
struct Counter {
    /// When each has arrived at the latest, and its ticket.
    arrivals: BTreeSet<(Duration, Ticket)>,
    day: (u64, u64),
}

/// The number of a call that was let through.
pub type Ticket = u64;

impl Counter {
    /// How long until one more call fits, unless an answer comes before; zero for now.
    fn wait(&mut self, allowance: Allowance, now: Duration) -> Duration {
        while self.arrivals.first().is_some_and(|(then, _)| *then + MINUTE <= now) {
            self.arrivals.pop_first();
        }
        if self.day.0 != now.as_secs() / DAY {
            self.day = (now.as_secs() / DAY, 0);
        }
        if self.day.1 >= allowance.day {
            return to_midnight(now);
        }
        let until = |count: usize, window: Duration| {
            let oldest = self.arrivals.len().checked_sub(count).and_then(|at| self.arrivals.iter().nth(at));
            oldest.map_or(Duration::ZERO, |(then, _)| (*then + window).saturating_sub(now))
        };
        until(allowance.second, SECOND).max(until(allowance.minute, MINUTE))
    }

    fn count(&mut self, ticket: Ticket, now: Duration) {
        self.arrivals.insert((now + ARRIVAL, ticket));
        self.day.1 += 1;
    }

    fn answered(&mut self, ticket: Ticket, sent: Duration, now: Duration) {
        if now < sent + ARRIVAL && self.arrivals.remove(&(sent + ARRIVAL, ticket)) {
            self.arrivals.insert((now, ticket));
        }
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
    next: Ticket,
    throttles: u32,
    paused_at: Option<Duration>,
    paused_until: Duration,
}

impl Limiter {
    /// A limiter that has seen no calls.
    pub fn new(tier: Tier, pauses: Pauses) -> Limiter {
        let (counters, paused_until) = (BTreeMap::new(), Duration::ZERO);
        Limiter { tier, pauses, counters, next: 0, throttles: 0, paused_at: None, paused_until }
    }

    /// Counts a call and gives its ticket, or says how long to wait before asking again; less, when a call is
    /// answered meanwhile.
    ///
    /// # Errors
    ///
    /// The wait.
    pub fn ask(&mut self, endpoint: &'static str, now: Duration) -> Result<Ticket, Duration> {
        if now < self.paused_until {
            return Err(self.paused_until - now);
        }
        let windows = self.windows(endpoint);
        let mut wait = Duration::ZERO;
        for (name, allowance) in &windows {
            wait = wait.max(self.counters.entry(name).or_default().wait(*allowance, now));
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        self.next += 1;
        for (name, _) in &windows {
            self.counters.entry(name).or_default().count(self.next, now);
        }
        Ok(self.next)
    }

    /// The call with a ticket, sent at `sent`, was answered or given up.
    pub fn answered(&mut self, endpoint: &'static str, ticket: Ticket, sent: Duration, now: Duration) {
        for (name, _) in self.windows(endpoint) {
            self.counters.entry(name).or_default().answered(ticket, sent, now);
        }
    }

    /// The windows that a call falls into.
    fn windows(&self, endpoint: &'static str) -> Vec<(&'static str, Allowance)> {
        match (self.tier, endpoint) {
            (Tier::Sandbox, _) => vec![(endpoint, self.tier.all())],
            (_, CREATE) => vec![("", self.tier.all()), (CREATE, self.tier.create())],
            _ => vec![("", self.tier.all())],
        }
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
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Noon of some day.
    const NOON: Duration = Duration::from_secs(20_000 * DAY + DAY / 2);

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// A call that is answered at once.
    fn call(limiter: &mut Limiter, endpoint: &'static str, now: Duration) -> Result<(), Duration> {
        limiter.ask(endpoint, now).map(|ticket| limiter.answered(endpoint, ticket, now, now))
    }

    /// Calls as often as it may until `end`, each answered after a while of its own, and gives when each arrived:
    /// some at once, some not before their answer.
    fn run(limiter: &mut Limiter, endpoint: &'static str, end: Duration) -> Vec<Duration> {
        let (mut now, mut arrived) = (NOON, Vec::new());
        let mut open: BTreeSet<(Duration, Ticket, Duration)> = BTreeSet::new();
        while now < end {
            while let Some((answer, ticket, sent)) = open.first().copied().filter(|(at, ..)| *at <= now) {
                open.pop_first();
                limiter.answered(endpoint, ticket, sent, answer);
            }
            match limiter.ask(endpoint, now) {
                Ok(ticket) => {
                    let late = ms(ticket * 7919 % 700);
                    open.insert((now + late, ticket, now));
                    arrived.push(now + if ticket % 3 == 0 { Duration::ZERO } else { late });
                }
                Err(wait) => now += wait.min(open.first().map_or(wait, |(at, ..)| *at - now)),
            }
        }
        arrived.sort_unstable();
        arrived
    }

    #[test]
    fn no_window_of_the_tier_is_ever_exceeded_whatever_happens_on_the_way() {
        for (endpoint, second, minute) in [("ad/get/", 10, 600), (CREATE, 5, 150)] {
            let mut limiter = Limiter::new(Tier::Basic, Pauses::default());
            let calls = run(&mut limiter, endpoint, NOON + ms(200_000));
            // A call in seven tenths of a second or less makes ten a second seven or so.
            assert!(calls.len() > 2 * minute, "{endpoint}: only {}", calls.len());
            for (index, start) in calls.iter().enumerate() {
                let within = |span| calls[index..].iter().take_while(|at| **at < *start + span).count();
                assert!(within(ms(1000)) <= second && within(ms(60_000)) <= minute, "{endpoint}");
            }
        }
    }

    #[test]
    fn a_long_upload_holds_its_place_for_as_long_as_it_may_take_to_arrive() {
        let mut limiter = Limiter::new(Tier::Sandbox, Pauses::default());
        let upload = "file/video/ad/upload/";
        let ticket = limiter.ask(upload, NOON).unwrap();
        assert_eq!(limiter.ask(upload, NOON + ms(1500)), Err(ARRIVAL + SECOND - ms(1500)));
        assert!(limiter.ask("ad/get/", NOON).is_ok(), "each endpoint by itself");
        limiter.answered(upload, ticket, NOON, NOON + ms(2000));
        assert_eq!(limiter.ask(upload, NOON + ms(2000)), Err(SECOND));
        assert!(limiter.ask(upload, NOON + ms(2000) + SECOND).is_ok());
    }

    #[test]
    fn creating_ads_counts_among_all_calls_but_not_the_other_way() {
        let mut limiter = Limiter::new(Tier::Basic, Pauses::default());
        for _ in 0..5 {
            assert!(limiter.ask(CREATE, NOON).is_ok());
        }
        assert!(limiter.ask(CREATE, NOON).is_err());
        for _ in 0..5 {
            assert!(limiter.ask("ad/get/", NOON).is_ok());
        }
        assert!(limiter.ask("ad/get/", NOON).is_err());
    }

    #[test]
    fn the_day_ends_at_midnight_utc() {
        let mut limiter = Limiter::new(Tier::Sandbox, Pauses::default());
        let (mut now, mut calls) = (NOON, 0);
        let wait = loop {
            match call(&mut limiter, "ad/get/", now) {
                Ok(()) => calls += 1,
                Err(wait) if wait > MINUTE => break wait,
                Err(wait) => now += wait,
            }
        };
        assert_eq!(calls, 1000);
        assert_eq!((now + wait).as_secs() % DAY, 0);
        assert!(limiter.ask("ad/get/", now + wait).is_ok());
    }

    #[test]
    fn throttles_pause_everybody_ever_longer_until_one_passes() {
        let mut limiter = Limiter::new(Tier::Basic, Pauses::default());
        assert_eq!(limiter.throttled(NOON, NOON + ms(10)), Some(ms(1000)));
        // Sent before the pause began: the same sign.
        assert_eq!(limiter.throttled(NOON + ms(5), NOON + ms(20)), None);
        assert_eq!(limiter.ask("ad/get/", NOON + ms(510)), Err(ms(500)));
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
