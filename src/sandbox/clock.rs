//! The sandbox's own clock: it may run faster, and never starts before what the state has seen.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, on the sandbox's clock.
pub(super) type Millis = u64;

#[derive(Debug)]
pub(super) struct Clock {
    origin: Millis,
    started: Instant,
    scale: f64,
}

impl Clock {
    /// `not_before` is the last time an earlier run wrote down: a fast clock may be ahead of ours.
    pub(super) fn new(scale: f64, not_before: Millis) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        Self { origin: now.max(not_before), started: Instant::now(), scale }
    }

    pub(super) fn now(&self) -> Millis {
        self.origin + (self.started.elapsed().as_secs_f64() * self.scale * 1000.0) as u64
    }

    /// How long to wait in real time for this much time to pass here.
    pub(super) fn real(&self, here: Duration) -> Duration {
        here.div_f64(self.scale)
    }
}

/// `2026-11-01T10:00:00Z`, as the API writes times.
pub(super) fn iso(at: Millis) -> String {
    format(at, "%Y-%m-%dT%H:%M:%SZ")
}

/// `2026-11-01 10:00:00`, as the API writes expiry times and filters.
pub(super) fn plain(at: Millis) -> String {
    format(at, "%Y-%m-%d %H:%M:%S")
}

/// With milliseconds, for the log.
pub(super) fn precise(at: Millis) -> String {
    format(at, "%Y-%m-%dT%H:%M:%S%.3fZ")
}

pub(super) fn format(at: Millis, shape: &str) -> String {
    let at = i64::try_from(at).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(at).map(|time| time.strftime(shape).to_string()).unwrap_or_default()
}
