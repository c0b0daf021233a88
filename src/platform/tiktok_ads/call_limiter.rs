//! The rate limiter of all calls: [`Limiter`] with a clock.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio::time::Instant;

use super::limiter::{Limiter, Pauses, Ticket};
use super::retry_budget::RetryBudget;
use super::tier::Tier;

/// Called with the duration when a pause of all calls begins.
pub type OnPause = Arc<dyn Fn(Duration) + Send + Sync>;

/// The rate limiter: limits, retry budget and a monotonic clock.
pub(crate) struct CallLimiter {
    limits: Mutex<Limiter>,
    budget: Mutex<RetryBudget>,
    on_pause: Option<OnPause>,
    /// One queue per endpoint, so that calls proceed in order and a thousand waiting calls do not all wake for
    /// every permit.
    queues: Mutex<HashMap<&'static str, Arc<AsyncMutex<()>>>>,
    /// Notified when a call is answered, which may admit another.
    answered: Notify,
    start: (Instant, Duration),
}

/// Permission for one call. Dropping it marks the call as answered or given up.
pub(crate) struct CallPermit<'a> {
    limiter: &'a CallLimiter,
    endpoint: &'static str,
    ticket: Ticket,
    sent: Duration,
}

impl Drop for CallPermit<'_> {
    fn drop(&mut self) {
        self.limiter.limits().answered(self.endpoint, self.ticket, self.sent, self.limiter.now());
        self.limiter.answered.notify_waiters();
    }
}

impl CallLimiter {
    pub(crate) fn new(tier: Tier, pauses: Pauses, on_pause: Option<OnPause>) -> CallLimiter {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        CallLimiter {
            limits: Mutex::new(Limiter::new(tier, pauses)),
            budget: Mutex::new(RetryBudget::new()),
            on_pause,
            queues: Mutex::default(),
            answered: Notify::new(),
            start: (Instant::now(), since),
        }
    }

    fn now(&self) -> Duration {
        self.start.1 + self.start.0.elapsed()
    }

    fn limits(&self) -> MutexGuard<'_, Limiter> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the call may be sent.
    pub(crate) async fn enter(&self, endpoint: &'static str) -> CallPermit<'_> {
        let queue = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            queues.entry(endpoint).or_default().clone()
        };
        let _head_of_queue = queue.lock().await;
        loop {
            let mut answered = pin!(self.answered.notified());
            // Registered before asking, so that an answer between the question and the wait is not missed.
            answered.as_mut().enable();
            let sent = self.now();
            let wait = match self.limits().try_admit(endpoint, sent) {
                Ok(ticket) => return CallPermit { limiter: self, endpoint, ticket, sent },
                Err(wait) => wait,
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = answered => {}
            }
        }
    }

    pub(crate) fn throttled(&self, permit: &CallPermit<'_>) {
        let pause = self.limits().throttled(permit.sent, self.now());
        if let (Some(pause), Some(notify)) = (pause, &self.on_pause) {
            notify(pause);
        }
    }

    pub(crate) fn passed(&self, permit: &CallPermit<'_>) {
        self.limits().passed(permit.sent);
    }

    pub(crate) fn earn_retry(&self) {
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
    async fn calls_proceed_in_order_and_endpoints_do_not_block_each_other() {
        let limiter = Arc::new(CallLimiter::new(Tier::Basic, Pauses::default(), None));
        let asked: Arc<Mutex<Vec<u64>>> = Arc::default();
        let admitted: Arc<Mutex<Vec<u64>>> = Arc::default();
        let mut callers = tokio::task::JoinSet::new();
        for number in 0..200 {
            let (limiter, asked, admitted) = (limiter.clone(), asked.clone(), admitted.clone());
            callers.spawn(async move {
                // Some calls arrive just when a permit becomes free for which others have waited.
                tokio::time::sleep(Duration::from_millis(50 * (number % 100))).await;
                asked.lock().unwrap().push(number);
                let _permit = limiter.enter("ad/create/").await;
                admitted.lock().unwrap().push(number);
            });
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        let start = Instant::now();
        let _permit = limiter.enter("ad/get/").await;
        assert!(start.elapsed() < Duration::from_secs(2), "a read waited for the creation of ads");
        while let Some(result) = callers.join_next().await {
            result.unwrap();
        }
        assert_eq!(*admitted.lock().unwrap(), *asked.lock().unwrap());
    }
}
