//! What the tasks of a run share, whatever the destination: the journal, the stop, the locks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};
use tokio::task::JoinSet;

use super::backoff::{Backoff, Next};
use super::crash::CrashPoints;
use super::journal::{Journal, JournalError};
use super::request::{Prepared, ShipError};
use super::{AssetPreparer, Delivery, PrepareError, ShipEvent};
use crate::platform::{Call, CallError, Class};

/// Assets under way at once. Nearly all of them only wait: with the five minutes that a video may be in
/// process and 300 ads a minute, 1 500 are, and fewer would leave turns unused.
pub(super) const IN_FLIGHT: usize = 1_600;
/// Locks kept before those that nobody holds are let go.
const LOCKS: usize = 1_024;
/// How often cancellation is looked for.
const TICK: Duration = Duration::from_millis(100);
/// How long calls under way may still end after a stop.
const GRACE: Duration = Duration::from_secs(2);
/// The longest wait between two sends of the same intent.
const REST_MOST: Duration = Duration::from_secs(30);

/// Hears what happens.
pub type Listener = Arc<dyn Fn(ShipEvent) + Send + Sync>;

/// Why a task goes no further.
#[derive(Debug)]
pub(super) enum Abort {
    /// The run stops; everything can be taken up again.
    Stopped,
    /// The journal failed.
    Journal(JournalError),
}

impl From<JournalError> for Abort {
    fn from(error: JournalError) -> Abort {
        Abort::Journal(error)
    }
}

/// Why the run stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Cancelled,
    Auth(String),
    Configuration(String),
    Broken,
}

impl Stop {
    pub(super) fn reason(&self) -> String {
        match self {
            Stop::Cancelled => "stopped on request; run again to go on".to_owned(),
            Stop::Auth(said) => format!("stopped: {said}; renew the token and run again"),
            Stop::Configuration(said) => {
                format!("stopped: {said}; correct the destination and run again")
            }
            Stop::Broken => "stopped: the journal failed".to_owned(),
        }
    }
}

/// What all tasks of a run share.
pub(super) struct Run {
    pub(super) maker: Arc<dyn AssetPreparer>,
    pub(super) journal: Arc<Journal>,
    pub(super) crash: CrashPoints,
    events: Listener,
    stop: watch::Sender<Option<Stop>>,
    locks: Mutex<Locks>,
}

/// One lock a key, for as long as somebody has it.
#[derive(Default)]
struct Locks {
    by_key: HashMap<String, Weak<AsyncMutex<()>>>,
    /// How many there were when those without a holder were last let go.
    kept: usize,
}

impl Locks {
    fn of(&mut self, key: &str) -> Arc<AsyncMutex<()>> {
        if let Some(lock) = self.by_key.get(key).and_then(Weak::upgrade) {
            return lock;
        }
        if self.by_key.len() >= LOCKS.max(2 * self.kept) {
            self.by_key.retain(|_, lock| lock.strong_count() > 0);
            self.kept = self.by_key.len();
        }
        let lock = Arc::default();
        self.by_key.insert(key.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

impl Run {
    pub(super) fn new(
        maker: Arc<dyn AssetPreparer>,
        journal: Arc<Journal>,
        crash: CrashPoints,
        events: Listener,
    ) -> Run {
        let (stop, locks) = (watch::Sender::new(None), Mutex::default());
        Run { maker, journal, crash, events, stop, locks }
    }

    pub(super) fn emit(&self, event: ShipEvent) {
        (self.events)(event);
    }

    pub(super) fn halt(&self, why: Stop) {
        // The first reason stands: later ones follow from it.
        self.stop.send_if_modified(|stop| {
            let first = stop.is_none();
            if first {
                *stop = Some(why);
            }
            first
        });
    }

    pub(super) fn stop_reason(&self) -> Option<Stop> {
        self.stop.borrow().clone()
    }

    /// To be asked before every effect.
    pub(super) fn go_on(&self) -> Result<(), Abort> {
        if self.stop.borrow().is_some() { Err(Abort::Stopped) } else { Ok(()) }
    }

    pub(super) async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // The sender lives as long as `self`.
        let _ = stop.wait_for(Option::is_some).await;
    }

    /// Waits, or ends early when the run stops.
    pub(super) async fn wait(&self, time: Duration) -> Result<(), Abort> {
        tokio::select! {
            biased;
            () = self.stopped() => Err(Abort::Stopped),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// Waits for an answer; after a stop only for a moment, then the call counts as unanswered.
    pub(super) async fn call<T>(&self, call: Call<'_, T>) -> Result<Result<T, CallError>, Abort> {
        let result = tokio::select! {
            biased;
            result = call => result,
            () = async { self.stopped().await; tokio::time::sleep(GRACE).await } => return Err(Abort::Stopped),
        };
        // Neither concerns one file: every other would meet the same, and burn its tries on it.
        match &result {
            Err(error) if error.class == Class::ReAuthenticate => self.halt(Stop::Auth(error.to_string())),
            Err(error) if error.class == Class::Configuration => {
                self.halt(Stop::Configuration(error.to_string()));
            }
            _ => {}
        }
        Ok(result)
    }

    /// Runs the maker's work where it may block. A panic in it concerns its file alone.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PrepareError> + Send + 'static,
    ) -> Result<Result<T, PrepareError>, Abort> {
        self.go_on()?;
        let done = tokio::select! {
            biased;
            // The work may outlive the run: it only makes files.
            () = self.stopped() => return Err(Abort::Stopped),
            done = tokio::task::spawn_blocking(work) => done,
        };
        Ok(done
            .unwrap_or_else(|_| Err(PrepareError::Failed("an internal error while making the file".into()))))
    }

    /// One task at a time for each key. What is given must be kept while its lock is held.
    pub(super) fn lock_of(&self, key: &str) -> Arc<AsyncMutex<()>> {
        guard(&self.locks).of(key)
    }

    /// Waits between two sends of the same intent.
    pub(super) async fn rest(&self, sends: u32) -> Result<(), Abort> {
        if sends == 0 {
            return self.go_on();
        }
        let backoff = Backoff { first: Duration::from_secs(2), cap: REST_MOST, deadline: Duration::MAX };
        match backoff.next(sends - 1, Duration::ZERO, 0.5 + 0.5 * fastrand::f64()) {
            Next::Wait(wait) => self.wait(wait).await,
            Next::GiveUp => self.go_on(),
        }
    }

    /// Stops the run when asked to.
    pub(super) async fn look_for_cancel(&self, cancel: Arc<AtomicBool>) {
        while !cancel.load(Ordering::Relaxed) {
            tokio::time::sleep(TICK).await;
        }
        self.halt(Stop::Cancelled);
    }

    /// Drives each file to its end by a task of its own, and gives what came of all of them.
    pub(super) async fn drive_all<F>(
        &self,
        mut sources: mpsc::Receiver<Prepared>,
        deliver: impl Fn(Prepared) -> F,
    ) -> Result<Vec<Delivery>, ShipError>
    where
        F: Future<Output = Result<Delivery, JournalError>> + Send + 'static,
    {
        let mut deliveries = Vec::new();
        let mut tasks: JoinSet<Result<Delivery, JournalError>> = JoinSet::new();
        let mut failed = None;
        let mut open = true;
        while open || !tasks.is_empty() {
            tokio::select! {
                biased;
                Some(done) = tasks.join_next() => match done {
                    Ok(Ok(delivery)) => deliveries.push(delivery),
                    Ok(Err(error)) => {
                        self.halt(Stop::Broken);
                        failed.get_or_insert(ShipError::Journal(error));
                    }
                    Err(_) => {
                        self.halt(Stop::Broken);
                        failed.get_or_insert(ShipError::Internal);
                    }
                },
                // What is already in the channel is still reported.
                () = self.stopped(), if !sources.is_closed() => sources.close(),
                prepared = sources.recv(), if open && tasks.len() < IN_FLIGHT => match prepared {
                    Some(prepared) => {
                        tasks.spawn(deliver(prepared));
                    }
                    None => open = false,
                },
            }
        }
        failed.map_or(Ok(deliveries), Err)
    }
}

pub(super) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_without_a_holder_are_let_go_and_held_ones_stay_one() {
        let mut locks = Locks::default();
        let held = locks.of("held");
        for number in 0..20 * LOCKS {
            let _ = locks.of(&number.to_string());
            assert!(locks.by_key.len() <= 2 * LOCKS, "{number}");
        }
        assert!(Arc::ptr_eq(&held, &locks.of("held")));
    }
}
