//! How often each endpoint may be called: so many times a minute for each token.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A little longer than the platform's, since the network shifts when calls arrive.
const MINUTE: Duration = Duration::from_millis(60_500);

/// Calls a minute. Sources: the reference page of each endpoint.
fn allowance(endpoint: &str) -> usize {
    match endpoint {
        super::CREATOR => 20,
        super::STATUS => 30,
        _ => 6,
    }
}

/// The gate that every call passes, uploads of bytes excepted: they have no published limit.
#[derive(Debug)]
pub(super) struct Pace {
    state: Mutex<State>,
    minute: Duration,
}

#[derive(Debug, Default)]
struct State {
    recent: BTreeMap<&'static str, VecDeque<Instant>>,
    paused_until: Option<Instant>,
}

impl Pace {
    /// `speed` is how much faster the destination's clock runs than ours; 1 but for a stand-in.
    pub(super) fn new(speed: f64) -> Pace {
        Pace { state: Mutex::default(), minute: MINUTE.div_f64(speed.max(1.0)) }
    }

    /// Waits for a turn.
    pub(super) async fn enter(&self, endpoint: &'static str) {
        loop {
            let wait = self.ask(endpoint, Instant::now());
            if wait.is_zero() {
                return;
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn ask(&self, endpoint: &'static str, now: Instant) -> Duration {
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

    /// A call came too often: everybody waits a minute. Gives the time when a new pause begins.
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

    #[test]
    fn no_endpoint_is_called_more_often_than_it_may() {
        let pace = Pace::new(1.0);
        let start = Instant::now();
        for _ in 0..6 {
            assert_eq!(pace.ask(super::super::DIRECT, start), Duration::ZERO);
        }
        assert_eq!(pace.ask(super::super::DIRECT, start + MINUTE / 2), MINUTE / 2);
        assert_eq!(pace.ask(super::super::STATUS, start), Duration::ZERO);
        assert_eq!(pace.ask(super::super::DIRECT, start + MINUTE), Duration::ZERO);
        assert!(pace.throttled().is_some() && pace.throttled().is_none());
        assert!(pace.ask(super::super::STATUS, Instant::now()) > Duration::ZERO);
    }
}
