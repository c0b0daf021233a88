//! The rate limits of a tier, as a state machine without a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::tier::{Allowance, Tier};

const DAY: u64 = 86_400;
/// The windows are a little longer than the platform's, whose clock differs from ours.
const SECOND: Duration = Duration::from_millis(1020);
const MINUTE: Duration = Duration::from_millis(60_100);
/// The time after which a sent call has certainly arrived, even if the reply takes longer, as for an upload.
const ARRIVAL: Duration = Duration::from_secs(5);
/// The endpoint with additional limits of its own.
const CREATE: &str = "ad/create/";

/// Counts the calls of the last minute and of the current UTC day.
///
/// The platform counts a call when it arrives, at some time between sending and reply. The counter assumes the
/// latest possible time, so that no window exceeds its limit however long the network delays a call.
#[derive(Debug, Default)]
struct Counter {
    /// The latest arrival time of each call, with its ticket.
    arrivals: BTreeSet<(Duration, Ticket)>,
    day: (u64, u64),
}

/// The number of an admitted call.
pub type Ticket = u64;

impl Counter {
    /// Returns the wait until one more call fits, which an answer may shorten; zero for none.
    fn wait(&mut self, allowance: Allowance, now: Duration) -> Duration {
        while self.arrivals.first().is_some_and(|(then, _)| *then + MINUTE <= now) {
            self.arrivals.pop_first();
        }
        if self.day.0 != now.as_secs() / DAY {
            self.day = (now.as_secs() / DAY, 0);
        }
        if self.day.1 >= allowance.day {
            return until_midnight(now);
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

fn until_midnight(now: Duration) -> Duration {
    Duration::from_secs((now.as_secs() / DAY + 1) * DAY).saturating_sub(now)
}

/// The pauses after the first and the second throttle reply in a row; the third lasts until 00:00 UTC.
///
/// The reply does not say which of the platform's windows was exceeded, so each is tried in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    /// The pause for the window of a second.
    pub first: Duration,
    /// The pause for the window of a minute.
    pub second: Duration,
}

impl Default for Pauses {
    fn default() -> Pauses {
        Pauses { first: Duration::from_secs(1), second: Duration::from_secs(300) }
    }
}

/// The rate limits. Every `now` is the time since the start of 1970, UTC, and never decreases.
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
    /// Creates a limiter without counted calls.
    pub fn new(tier: Tier, pauses: Pauses) -> Limiter {
        let (counters, paused_until) = (BTreeMap::new(), Duration::ZERO);
        Limiter { tier, pauses, counters, next: 0, throttles: 0, paused_at: None, paused_until }
    }

    /// Counts a call and returns its ticket.
    ///
    /// # Errors
    ///
    /// The time to wait before asking again, which an answered call may shorten.
    pub fn try_admit(&mut self, endpoint: &'static str, now: Duration) -> Result<Ticket, Duration> {
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

    /// Records that the call with a ticket, sent at `sent`, was answered or given up.
    pub fn answered(&mut self, endpoint: &'static str, ticket: Ticket, sent: Duration, now: Duration) {
        for (name, _) in self.windows(endpoint) {
            self.counters.entry(name).or_default().answered(ticket, sent, now);
        }
    }

    /// Returns the counters that apply to an endpoint, with their limits.
    fn windows(&self, endpoint: &'static str) -> Vec<(&'static str, Allowance)> {
        match (self.tier, endpoint) {
            (Tier::Sandbox, _) => vec![(endpoint, self.tier.all())],
            (_, CREATE) => vec![("", self.tier.all()), (CREATE, self.tier.create())],
            _ => vec![("", self.tier.all())],
        }
    }

    /// Records that a call sent at `sent` was throttled: all calls pause. Returns the pause if a new one begins.
    pub fn throttled(&mut self, sent: Duration, now: Duration) -> Option<Duration> {
        // Concurrent calls are all throttled together; they count once.
        if self.paused_at.is_some_and(|at| sent <= at) {
            return None;
        }
        let pause = match self.throttles {
            0 => self.pauses.first,
            1 => self.pauses.second,
            _ => until_midnight(now),
        };
        self.throttles = self.throttles.saturating_add(1);
        self.paused_at = Some(now);
        self.paused_until = now + pause;
        Some(pause)
    }

    /// Records that a call sent at `sent` was accepted: after a pause, the next throttle counts as the first.
    pub fn passed(&mut self, sent: Duration) {
        if sent >= self.paused_until {
            self.throttles = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Noon of an arbitrary day.
    const NOON: Duration = Duration::from_secs(20_000 * DAY + DAY / 2);

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Makes a call that is answered at once.
    fn call(limiter: &mut Limiter, endpoint: &'static str, now: Duration) -> Result<(), Duration> {
        limiter.try_admit(endpoint, now).map(|ticket| limiter.answered(endpoint, ticket, now, now))
    }

    /// Calls as often as allowed until `end`, each with its own delay, and returns the arrival times: some calls
    /// arrive at once, some just before their reply.
    fn run(limiter: &mut Limiter, endpoint: &'static str, end: Duration) -> Vec<Duration> {
        let (mut now, mut arrived) = (NOON, Vec::new());
        let mut open: BTreeSet<(Duration, Ticket, Duration)> = BTreeSet::new();
        while now < end {
            while let Some((answer, ticket, sent)) = open.first().copied().filter(|(at, ..)| *at <= now) {
                open.pop_first();
                limiter.answered(endpoint, ticket, sent, answer);
            }
            match limiter.try_admit(endpoint, now) {
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
    fn no_window_is_exceeded_whatever_the_network_delay() {
        for (endpoint, second, minute) in [("ad/get/", 10, 600), (CREATE, 5, 150)] {
            let mut limiter = Limiter::new(Tier::Basic, Pauses::default());
            let calls = run(&mut limiter, endpoint, NOON + ms(200_000));
            // Delays of up to 0.7 s reduce ten calls per second to about seven.
            assert!(calls.len() > 2 * minute, "{endpoint}: only {}", calls.len());
            for (index, start) in calls.iter().enumerate() {
                let within = |span| calls[index..].iter().take_while(|at| **at < *start + span).count();
                assert!(within(ms(1000)) <= second && within(ms(60_000)) <= minute, "{endpoint}");
            }
        }
    }

    #[test]
    fn an_unanswered_upload_counts_until_it_has_certainly_arrived() {
        let mut limiter = Limiter::new(Tier::Sandbox, Pauses::default());
        let upload = "file/video/ad/upload/";
        let ticket = limiter.try_admit(upload, NOON).unwrap();
        assert_eq!(limiter.try_admit(upload, NOON + ms(1500)), Err(ARRIVAL + SECOND - ms(1500)));
        assert!(limiter.try_admit("ad/get/", NOON).is_ok(), "endpoints are counted separately");
        limiter.answered(upload, ticket, NOON, NOON + ms(2000));
        assert_eq!(limiter.try_admit(upload, NOON + ms(2000)), Err(SECOND));
        assert!(limiter.try_admit(upload, NOON + ms(2000) + SECOND).is_ok());
    }

    #[test]
    fn creating_ads_counts_as_a_call_but_calls_do_not_count_as_creating_ads() {
        let mut limiter = Limiter::new(Tier::Basic, Pauses::default());
        for _ in 0..5 {
            assert!(limiter.try_admit(CREATE, NOON).is_ok());
        }
        assert!(limiter.try_admit(CREATE, NOON).is_err());
        for _ in 0..5 {
            assert!(limiter.try_admit("ad/get/", NOON).is_ok());
        }
        assert!(limiter.try_admit("ad/get/", NOON).is_err());
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
        assert!(limiter.try_admit("ad/get/", now + wait).is_ok());
    }

    #[test]
    fn repeated_throttles_pause_longer_until_a_call_passes() {
        let mut limiter = Limiter::new(Tier::Basic, Pauses::default());
        assert_eq!(limiter.throttled(NOON, NOON + ms(10)), Some(ms(1000)));
        // Sent before the pause began: counts with the first throttle.
        assert_eq!(limiter.throttled(NOON + ms(5), NOON + ms(20)), None);
        assert_eq!(limiter.try_admit("ad/get/", NOON + ms(510)), Err(ms(500)));
        let second = NOON + ms(2000);
        assert_eq!(limiter.throttled(second, second), Some(ms(300_000)));
        // The success of a call sent before the pause does not reset the count.
        limiter.passed(NOON);
        let third = second + ms(300_001);
        let pause = limiter.throttled(third, third).unwrap_or_default();
        assert_eq!((third + pause).as_secs(), 20_001 * DAY);
        limiter.passed(third + pause);
        let later = third + pause + ms(1);
        assert_eq!(limiter.throttled(later, later), Some(ms(1000)));
    }
}
