//! The gate that every call passes: the limiter with a clock.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio::time::Instant;

use super::limiter::{Limiter, Pauses, RetryBudget, Ticket, Tier};

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
    /// Told that a call was answered, which may let another through.
    answered: Notify,
    start: (Instant, Duration),
}

/// A call's turn. It is over when it is dropped: with its answer, or given up.
pub(crate) struct Turn<'a> {
    gate: &'a Gate,
    endpoint: &'static str,
    ticket: Ticket,
    sent: Duration,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.gate.limiter().answered(self.endpoint, self.ticket, self.sent, self.gate.now());
        self.gate.answered.notify_waiters();
    }
}

impl Gate {
    pub(crate) fn new(tier: Tier, pauses: Pauses, on_pause: Option<OnPause>) -> Gate {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Gate {
            limiter: Mutex::new(Limiter::new(tier, pauses)),
            budget: Mutex::new(RetryBudget::new()),
            on_pause,
            lines: Mutex::default(),
            answered: Notify::new(),
            start: (Instant::now(), since),
        }
    }

    fn now(&self) -> Duration {
        self.start.1 + self.start.0.elapsed()
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn.
    pub(crate) async fn enter(&self, endpoint: &'static str) -> Turn<'_> {
        let line = {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.entry(endpoint).or_default().clone()
        };
        let _first_in_line = line.lock().await;
        loop {
            let mut answered = pin!(self.answered.notified());
            // Before asking: an answer between the question and the wait must not be missed.
            answered.as_mut().enable();
            let sent = self.now();
            let wait = match self.limiter().ask(endpoint, sent) {
                Ok(ticket) => return Turn { gate: self, endpoint, ticket, sent },
                Err(wait) => wait,
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = answered => {}
            }
        }
    }

    pub(crate) fn throttled(&self, turn: &Turn<'_>) {
        let pause = self.limiter().throttled(turn.sent, self.now());
        if let (Some(pause), Some(tell)) = (pause, &self.on_pause) {
            tell(pause);
        }
    }

    pub(crate) fn passed(&self, turn: &Turn<'_>) {
        self.limiter().passed(turn.sent);
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
                let _turn = gate.enter("ad/create/").await;
                turns.lock().unwrap().push(number);
            });
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        let asked = Instant::now();
        let _turn = gate.enter("ad/get/").await;
        assert!(asked.elapsed() < Duration::from_secs(2), "reads wait behind ads");
        while let Some(ended) = callers.join_next().await {
            ended.unwrap();
        }
        assert_eq!(*turns.lock().unwrap(), *asks.lock().unwrap());
    }
}
