//! The rate limits of the endpoints, in calls per minute and token.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::endpoints::{CREATOR, STATUS};

/// A little longer than the platform's window, since network delays vary.
const MINUTE: Duration = Duration::from_millis(60_500);

/// Returns the calls allowed per minute. Source: the reference page of each endpoint.
fn allowance(endpoint: &str) -> usize {
    match endpoint {
        CREATOR => 20,
        STATUS => 30,
        _ => 6,
    }
}

/// The rate limiter of all calls except uploads of bytes, which have no published limit.
#[derive(Debug)]
pub(super) struct PostRateLimiter {
    state: Mutex<RateState>,
    minute: Duration,
}

#[derive(Debug, Default)]
struct RateState {
    recent: BTreeMap<&'static str, VecDeque<Instant>>,
    paused_until: Option<Instant>,
}

impl PostRateLimiter {
    /// Creates a limiter. `speed` is how much faster the platform's clock runs than ours; 1 except for a sandbox.
    pub(super) fn new(speed: f64) -> PostRateLimiter {
        PostRateLimiter { state: Mutex::default(), minute: MINUTE.div_f64(speed.max(1.0)) }
    }

    /// Waits until the call may be sent.
    pub(super) async fn enter(&self, endpoint: &'static str) {
        loop {
            let wait = self.try_admit(endpoint, Instant::now());
            if wait.is_zero() {
                return;
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Counts a call, or returns how long to wait before it may be sent.
    fn try_admit(&self, endpoint: &'static str, now: Instant) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = state.paused_until.filter(|until| *until > now) {
            return until - now;
        }
        let recent = state.recent.entry(endpoint).or_default();
        while recent.front().is_some_and(|then| *then + self.minute <= now) {
            recent.pop_front();
        }
        match recent.front() {
            Some(oldest) if recent.len() >= allowance(endpoint) => *oldest + self.minute - now,
            _ => {
                recent.push_back(now);
                Duration::ZERO
            }
        }
    }

    /// Records a throttled call: all calls pause for a minute. Returns the pause if a new one begins.
    pub(super) fn throttled(&self) -> Option<Duration> {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.paused_until.is_some_and(|until| until > now) {
            return None;
        }
        state.paused_until = Some(now + self.minute);
        Some(self.minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::tiktok_post::endpoints::DIRECT;

    #[test]
    fn delays_calls_beyond_the_limit_of_an_endpoint() {
        let rate_limiter = PostRateLimiter::new(1.0);
        let start = Instant::now();
        for _ in 0..6 {
            assert_eq!(rate_limiter.try_admit(DIRECT, start), Duration::ZERO);
        }
        assert_eq!(rate_limiter.try_admit(DIRECT, start + MINUTE / 2), MINUTE / 2);
        assert_eq!(rate_limiter.try_admit(STATUS, start), Duration::ZERO);
        assert_eq!(rate_limiter.try_admit(DIRECT, start + MINUTE), Duration::ZERO);
        assert!(rate_limiter.throttled().is_some() && rate_limiter.throttled().is_none());
        assert!(rate_limiter.try_admit(STATUS, Instant::now()) > Duration::ZERO);
    }
}
