//! The gate that every call passes: the limiter with a clock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use super::limiter::{Limiter, Pauses, RetryBudget, Tier};

/// Told how long everybody pauses, when a pause begins.
pub type OnPause = Arc<dyn Fn(Duration) + Send + Sync>;

/// The gate: limiter, budget and a clock that never runs back.
pub(crate) struct Gate {
    limiter: Mutex<Limiter>,
    budget: Mutex<RetryBudget>,
    on_pause: Option<OnPause>,
    /// Where calls to an endpoint stand in line, so that who asked first goes first, and a thousand in
    /// waiting do not all wake for every turn.
    lines: Mutex<HashMap<&'static str, Arc<AsyncMutex<()>>>>,
    start: (Instant, Duration),
}

impl Gate {
    pub(crate) fn new(tier: Tier, pauses: Pauses, on_pause: Option<OnPause>) -> Gate {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Gate {
            limiter: Mutex::new(Limiter::new(tier, pauses)),
            budget: Mutex::new(RetryBudget::new()),
            on_pause,
            lines: Mutex::default(),
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
    pub(crate) async fn enter(&self, endpoint: &'static str) -> Duration {
        let line = {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.entry(endpoint).or_default().clone()
        };
        let _first_in_line = line.lock().await;
        loop {
            let now = self.now();
            let wait = self.limiter().ask(endpoint, now);
            if wait.is_zero() {
                return now;
            }
            tokio::time::sleep(wait).await;
        }
    }

    pub(crate) fn throttled(&self, sent: Duration) {
        let pause = self.limiter().throttled(sent, self.now());
        if let (Some(pause), Some(tell)) = (pause, &self.on_pause) {
            tell(pause);
        }
    }

    pub(crate) fn passed(&self, sent: Duration) {
        self.limiter().passed(sent);
    }

    pub(crate) fn earn(&self) {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).earn();
    }

    pub(crate) fn take_retry(&self) -> bool {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_asked_first_goes_first_and_one_line_does_not_hold_up_another() {
        let gate = Arc::new(Gate::new(Tier::Basic, Pauses::default(), None));
        let asks: Arc<Mutex<Vec<u64>>> = Arc::default();
        let turns: Arc<Mutex<Vec<u64>>> = Arc::default();
        let mut callers = tokio::task::JoinSet::new();
        for number in 0..200 {
            let (gate, asks, turns) = (gate.clone(), asks.clone(), turns.clone());
            callers.spawn(async move {
                // Some come when a turn is just free, and others have waited for it.
                tokio::time::sleep(Duration::from_millis(50 * (number % 100))).await;
                asks.lock().unwrap().push(number);
                gate.enter("ad/create/").await;
                turns.lock().unwrap().push(number);
            });
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        let asked = Instant::now();
        gate.enter("ad/get/").await;
        assert!(asked.elapsed() < Duration::from_secs(2), "reads wait behind ads");
        while let Some(ended) = callers.join_next().await {
            ended.unwrap();
        }
        assert_eq!(*turns.lock().unwrap(), *asks.lock().unwrap());
    }
}
