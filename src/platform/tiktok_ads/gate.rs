//! The gate that every call passes: the limiter with a clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::limiter::{Limiter, Pauses, RetryBudget, Tier};

/// Told how long everybody pauses, when a pause begins.
pub type OnPause = Arc<dyn Fn(Duration) + Send + Sync>;

/// The gate: limiter, budget and a clock that never runs back.
pub(super) struct Gate {
    limiter: Mutex<Limiter>,
    budget: Mutex<RetryBudget>,
    on_pause: Option<OnPause>,
    start: (Instant, Duration),
}

impl Gate {
    pub(super) fn new(tier: Tier, pauses: Pauses, on_pause: Option<OnPause>) -> Gate {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Gate {
            limiter: Mutex::new(Limiter::new(tier, pauses)),
            budget: Mutex::new(RetryBudget::new()),
            on_pause,
            start: (Instant::now(), since),
        }
    }

    fn now(&self) -> Duration {
        self.start.1 + self.start.0.elapsed()
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn and gives the time of it.
    pub(super) async fn enter(&self, endpoint: &'static str) -> Duration {
        loop {
            let now = self.now();
            let wait = self.limiter().ask(endpoint, now);
            if wait.is_zero() {
                return now;
            }
            tokio::time::sleep(wait).await;
        }
    }

    pub(super) fn throttled(&self, sent: Duration) {
        let pause = self.limiter().throttled(sent, self.now());
        if let (Some(pause), Some(tell)) = (pause, &self.on_pause) {
            tell(pause);
        }
    }

    pub(super) fn passed(&self, sent: Duration) {
        self.limiter().passed(sent);
    }

    pub(super) fn earn(&self) {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).earn();
    }

    pub(super) fn take_retry(&self) -> bool {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
