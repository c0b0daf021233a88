//! The platform's clock, learned from the `Date` of its replies. This machine's clock may be wrong or be set between
//! two runs.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap};

/// How far the two clocks of this machine may drift apart before a learned time is no longer trusted: while the machine
/// sleeps, only one of them runs.
const MAX_DRIFT: Duration = Duration::from_secs(2);

/// The `Date` of a reply, with this machine's clocks when it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerTime {
    date: SystemTime,
    seen: Instant,
    seen_wall: SystemTime,
}

impl ServerTime {
    /// Returns the time of a reply that just arrived; `None` if it has no readable `Date`.
    pub(super) fn of(headers: &HeaderMap) -> Option<ServerTime> {
        let date = rfc2822::parse(headers.get(DATE)?.to_str().ok()?).ok()?;
        Some(ServerTime { date: date.timestamp().into(), seen: Instant::now(), seen_wall: SystemTime::now() })
    }

    /// Returns the time on the platform when this machine's clocks show `now` and `wall`; `None` if they disagree on
    /// the time that passed.
    fn at(self, now: Instant, wall: SystemTime) -> Option<SystemTime> {
        let passed = now.saturating_duration_since(self.seen);
        let passed_wall = wall.duration_since(self.seen_wall).unwrap_or_default();
        (passed.abs_diff(passed_wall) <= MAX_DRIFT).then(|| self.date + passed)
    }
}

/// The platform's clock, as the latest reply of its API shows it.
#[derive(Debug, Default)]
pub(super) struct ServerClock(Mutex<Option<ServerTime>>);

impl ServerClock {
    /// Learns the time of a reply; one without a time changes nothing.
    pub(super) fn learn(&self, time: Option<ServerTime>) {
        if time.is_some() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
        }
    }

    /// Returns the time on the platform, up to a second early; `None` while it is unknown.
    pub(super) fn now(&self) -> Option<SystemTime> {
        let latest = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        latest?.at(Instant::now(), SystemTime::now())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn time(date: &str) -> Option<ServerTime> {
        let headers = HeaderMap::from_iter([(DATE, date.parse().unwrap())]);
        ServerTime::of(&headers)
    }

    #[test]
    fn reads_the_date_of_a_reply_and_ignores_an_unreadable_one() {
        let clock = ServerClock::default();
        clock.learn(time("unknown"));
        clock.learn(ServerTime::of(&HeaderMap::new()));
        assert_eq!(clock.now(), None);
        clock.learn(time("Sun, 06 Nov 1994 08:49:37 GMT"));
        clock.learn(time("unknown"));
        let since = clock.now().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(since.as_secs() / 60, 784_111_777 / 60);
    }

    #[test]
    fn the_time_goes_on_unless_the_clocks_of_the_machine_disagree() {
        let learned = time("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let at = |monotonic, wall| {
            let later = |seconds| Duration::from_secs(seconds);
            learned.at(learned.seen + later(monotonic), learned.seen_wall + later(wall))
        };
        assert_eq!(at(90, 91), Some(learned.date + Duration::from_secs(90)));
        assert_eq!(at(1, 7200), None, "the machine slept");
        assert_eq!(at(7200, 1), None, "the wall clock was set back");
    }
}
