//! The sandbox's clock: it may run faster than real time, and never starts before the latest stored time.

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
    /// Creates a clock. `not_before` is the latest time that an earlier run stored; its clock may have been
    /// ahead of real time.
    pub(super) fn new(scale: f64, not_before: Millis) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        Self { origin: now.max(not_before), started: Instant::now(), scale }
    }

    pub(super) fn now(&self) -> Millis {
        self.origin + (self.started.elapsed().as_secs_f64() * self.scale * 1000.0) as u64
    }

    /// Converts a duration of this clock to real time.
    pub(super) fn real(&self, duration: Duration) -> Duration {
        duration.div_f64(self.scale)
    }
}

/// Formats a time as `2026-11-01T10:00:00Z`, the API's format.
pub(super) fn iso(at: Millis) -> String {
    format(at, "%Y-%m-%dT%H:%M:%SZ")
}

/// Formats a time as `2026-11-01 10:00:00`, the API's format of expiry times and filters.
pub(super) fn plain(at: Millis) -> String {
    format(at, "%Y-%m-%d %H:%M:%S")
}

/// Formats a time as `Sun, 01 Nov 2026 10:00:00 GMT`, the format of HTTP headers.
pub(super) fn http(at: Millis) -> String {
    format(at, "%a, %d %b %Y %H:%M:%S GMT")
}

/// Formats a time with milliseconds, for the log.
pub(super) fn precise(at: Millis) -> String {
    format(at, "%Y-%m-%dT%H:%M:%S%.3fZ")
}

pub(super) fn format(at: Millis, pattern: &str) -> String {
    let at = i64::try_from(at).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(at).map(|time| time.strftime(pattern).to_string()).unwrap_or_default()
}
