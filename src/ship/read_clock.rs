//! Measures waits by reads that succeeded: a read that fails proves nothing, neither absence nor lateness.

use std::time::Duration;

use tokio::time::Instant;

/// Counts the time covered by successful reads, and the time since the last of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadClock {
    counted: Duration,
    last_read: Instant,
    answered: Option<Instant>,
}

impl ReadClock {
    /// Starts at `now`, with time that counts already.
    pub(super) fn new(now: Instant, counted: Duration) -> ReadClock {
        ReadClock { counted, last_read: now, answered: None }
    }

    /// Notes that a read begins: the silence is counted from the first one.
    pub(super) fn asks(&mut self, at: Instant) {
        self.answered.get_or_insert(at);
    }

    /// Notes a successful read that began at `asked`. What it shows is at least as old as that.
    pub(super) fn succeeded(&mut self, asked: Instant) {
        self.counted += asked.saturating_duration_since(self.last_read);
        self.last_read = asked;
        self.answered = Some(asked);
    }

    /// Notes a read that failed: the time since the read before it does not count.
    pub(super) fn failed(&mut self, now: Instant) {
        self.last_read = now;
    }

    /// Returns the time covered by successful reads.
    pub(super) fn counted(&self) -> Duration {
        self.counted
    }

    /// Returns the time since the last successful read, or since the first read.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        self.answered.map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
    }

    /// Returns when the silence reaches `deadline`.
    pub(super) fn silent_at(&self, deadline: Duration, now: Instant) -> Instant {
        now + deadline.saturating_sub(self.silence(now))
    }
}

/// Formats a deadline as the configuration writes it: `30m`, `90s`, `1500ms`.
pub(super) fn format_span(time: Duration) -> String {
    match (time.as_secs(), time.subsec_millis()) {
        (s, 0) if s > 0 && s % 3600 == 0 => format!("{}h", s / 3600),
        (s, 0) if s > 0 && s % 60 == 0 => format!("{}m", s / 60),
        (s, 0) => format!("{s}s"),
        _ => format!("{}ms", time.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_that_ends_with_a_successful_read_counts() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut clock = ReadClock::new(start, Duration::from_secs(5));
        assert_eq!(clock.silence(at(9)), Duration::ZERO, "nothing was asked yet");
        clock.asks(at(10));
        clock.succeeded(at(10));
        assert_eq!(clock.counted(), Duration::from_secs(15));
        clock.failed(at(100));
        assert_eq!(
            (clock.counted(), clock.silence(at(100))),
            (Duration::from_secs(15), Duration::from_secs(90))
        );
        clock.succeeded(at(103));
        assert_eq!((clock.counted(), clock.silence(at(103))), (Duration::from_secs(18), Duration::ZERO));
        assert_eq!(clock.silent_at(Duration::from_secs(7), at(105)), at(110));
    }

    #[test]
    fn formats_deadlines_as_in_the_configuration() {
        let texts = [1_800_000, 90_000, 1500, 3_600_000].map(|ms| format_span(Duration::from_millis(ms)));
        assert_eq!(texts, ["30m", "90s", "1500ms", "1h"]);
    }
}
