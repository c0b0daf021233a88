//! Calls, waits, locks and the stop of a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::backoff::{Backoff, Next};
use super::context::Context;
use super::journal::JournalError;
use super::locks::lock;
use super::request::{Prepared, ShipError};
use super::stop::{Abort, StopReason};
use super::{Delivery, PrepareError, ShipEvent};
use crate::platform::{Call, CallError, Class};

/// The most assets in progress at once. Nearly all of them wait: at 300 ads a minute and five minutes of
/// processing each, 1,500 are in progress, and a lower limit would leave quota unused.
pub(super) const MAX_IN_FLIGHT: usize = 1_600;
/// The interval at which the cancel flag is checked.
const CANCEL_POLL: Duration = Duration::from_millis(100);
/// How long a pending mutation may take to finish after a stop, so that its receipt is known: a run that is cancelled
/// ends within a second. A read ends at once.
const STOP_GRACE: Duration = Duration::from_millis(600);
/// The longest wait between two sends of the same intent.
const MAX_SEND_WAIT: Duration = Duration::from_secs(30);

impl Context {
    pub(super) fn emit(&self, event: ShipEvent) {
        (self.events)(event);
    }

    pub(super) fn request_stop(&self, reason: StopReason) {
        // The first reason is kept: later ones follow from it.
        self.stop.send_if_modified(|stop| {
            let is_first = stop.is_none();
            if is_first {
                *stop = Some(reason);
            }
            is_first
        });
    }

    pub(super) fn stop_reason(&self) -> Option<StopReason> {
        self.stop.borrow().clone()
    }

    /// Returns an error once the run stops. Called before every effect.
    pub(super) fn check_running(&self) -> Result<(), Abort> {
        if self.stop.borrow().is_some() { Err(Abort::Stopped) } else { Ok(()) }
    }

    /// Stops the run because the user cancelled it, and returns the abort of a task that noticed it first.
    pub(super) fn cancelled(&self) -> Abort {
        self.request_stop(StopReason::Cancelled);
        Abort::Stopped
    }

    pub(super) async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // The sender lives as long as `self`.
        let _ = stop.wait_for(Option::is_some).await;
    }

    /// Sleeps for `time`, or returns an error as soon as the run stops.
    pub(super) async fn wait(&self, time: Duration) -> Result<(), Abort> {
        tokio::select! {
            biased;
            () = self.stopped() => Err(Abort::Stopped),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// Awaits a call. After a stop it waits at most [`STOP_GRACE`], then the call counts as unanswered.
    pub(super) async fn call<T>(&self, call: Call<'_, T>) -> Result<Result<T, CallError>, Abort> {
        let result = tokio::select! {
            biased;
            result = call => result,
            () = async { self.stopped().await; tokio::time::sleep(STOP_GRACE).await } => {
                return Err(Abort::Stopped);
            }
        };
        if let Err(error) = &result {
            self.stop_for(error);
        }
        Ok(result)
    }

    /// Stops the run for an error that affects every file: without a stop, each would use up its attempts on it.
    fn stop_for(&self, error: &CallError) {
        match error.class {
            Class::ReAuthenticate => self.request_stop(StopReason::Auth(error.to_string())),
            Class::Configuration => self.request_stop(StopReason::Configuration(error.to_string())),
            _ => {}
        }
    }

    /// Awaits a read, at most until `latest`: a pause of all calls may last longer than anybody waits. A read has no
    /// effect, so a stop ends it at once.
    pub(super) async fn read<T>(
        &self,
        latest: Instant,
        call: Call<'_, T>,
    ) -> Result<Result<T, CallError>, Abort> {
        let no_answer = || CallError {
            endpoint: CUT_READ,
            class: Class::Retry,
            code: None,
            message: "no answer in time".to_owned(),
            request_id: None,
        };
        tokio::select! {
            biased;
            () = self.stopped() => Err(Abort::Stopped),
            result = self.examined(call) => Ok(result),
            () = tokio::time::sleep_until(latest) => Ok(Err(no_answer())),
        }
    }

    /// Awaits a read and decides whether its error concerns the whole run.
    async fn examined<T>(&self, call: Call<'_, T>) -> Result<T, CallError> {
        let error = match call.await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if is_page_from_elsewhere(&error) {
            // Something between us and the API replied. Only if it also replies to the access check, the address or
            // the token is wrong; otherwise this read failed, which proves nothing.
            match self.destination.check_access().await {
                Err(elsewhere) if is_page_from_elsewhere(&elsewhere) => self.stop_for(&elsewhere),
                Err(refused) if refused.code.is_some() => self.stop_for(&refused),
                _ => {}
            }
            return Err(CallError { class: Class::Retry, ..error });
        }
        self.stop_for(&error);
        Err(error)
    }

    /// Repeats a read until it succeeds, the platform refuses it, or no read has succeeded for `deadline`.
    pub(super) async fn read_until_answered<'a, T>(
        &self,
        deadline: Duration,
        first: Duration,
        read: impl Fn() -> Call<'a, T>,
    ) -> Result<Result<T, CallError>, Abort> {
        let latest = Instant::now() + deadline;
        let backoff = Backoff { first, cap: MAX_SEND_WAIT, deadline: Duration::MAX };
        let (mut tries, mut last_error) = (0, None);
        loop {
            self.check_running()?;
            let error = match self.read(latest, read()).await? {
                Err(error) if !is_refused_by_platform(&error) => error,
                answer => return Ok(answer),
            };
            let error = telling_error(last_error.take(), error);
            let left = latest.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Err(error));
            }
            last_error = Some(error);
            if let Next::Wait(wait) = backoff.next(tries, Duration::ZERO, 0.5 + 0.5 * fastrand::f64()) {
                self.wait(wait.min(left)).await?;
            }
            tries += 1;
        }
    }

    /// Waits until everything that a run whose journal is lost sent is visible.
    pub(super) async fn wait_for_earlier_run(&self) -> Result<(), Abort> {
        match self.earlier_run_visible.get() {
            Some(visible) => self.wait(visible.saturating_duration_since(Instant::now())).await,
            None => self.check_running(),
        }
    }

    /// Runs the preparer's work on a blocking thread. A panic fails only the file of that work.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PrepareError> + Send + 'static,
    ) -> Result<Result<T, PrepareError>, Abort> {
        self.check_running()?;
        let done = tokio::select! {
            biased;
            // The work may continue after the run: it only writes files.
            () = self.stopped() => return Err(Abort::Stopped),
            done = tokio::task::spawn_blocking(work) => done,
        };
        Ok(done
            .unwrap_or_else(|_| Err(PrepareError::Failed("internal error while preparing the file".into()))))
    }

    /// Returns the lock of a key. The caller keeps the `Arc` as long as it holds the lock.
    pub(super) fn lock_for(&self, key: &str) -> Arc<AsyncMutex<()>> {
        lock(&self.locks).get(key)
    }

    /// Waits before a further send of the same intent, with exponential backoff; not before the first.
    pub(super) async fn wait_before_send(&self, sends: u32) -> Result<(), Abort> {
        if sends == 0 {
            return self.check_running();
        }
        let backoff = Backoff { first: Duration::from_secs(2), cap: MAX_SEND_WAIT, deadline: Duration::MAX };
        match backoff.next(sends - 1, Duration::ZERO, 0.5 + 0.5 * fastrand::f64()) {
            Next::Wait(wait) => self.wait(wait).await,
            Next::GiveUp => self.check_running(),
        }
    }

    /// Stops the run when the cancel flag is set.
    pub(super) async fn watch_cancel(&self, cancel: Arc<AtomicBool>) {
        while !cancel.load(Ordering::Relaxed) {
            tokio::time::sleep(CANCEL_POLL).await;
        }
        self.request_stop(StopReason::Cancelled);
    }

    /// Delivers each file in its own task and returns all deliveries.
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
                        self.request_stop(StopReason::Broken);
                        failed.get_or_insert(ShipError::Journal(error));
                    }
                    Err(_) => {
                        self.request_stop(StopReason::Broken);
                        failed.get_or_insert(ShipError::Internal);
                    }
                },
                // Files already in the channel are still reported.
                () = self.stopped(), if !sources.is_closed() => sources.close(),
                prepared = sources.recv(), if open && tasks.len() < MAX_IN_FLIGHT => match prepared {
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

/// The endpoint in the error of a read that the deadline ended.
const CUT_READ: &str = "read";

/// Returns whether the deadline ended a read, which says less than the errors before it.
fn is_cut_read(error: &CallError) -> bool {
    error.endpoint == CUT_READ && error.code.is_none()
}

/// Returns the error that says more: a read that the deadline ended says less than the one before it.
pub(super) fn telling_error(before: Option<CallError>, error: CallError) -> CallError {
    match before {
        Some(before) if is_cut_read(&error) => before,
        _ => error,
    }
}

/// Returns whether the reply to a read is a page that is not from the API (404, a redirect, 401): a wrong address or
/// token if every read gets it.
fn is_page_from_elsewhere(error: &CallError) -> bool {
    error.code.is_none() && matches!(error.class, Class::Configuration | Class::ReAuthenticate)
}

/// Returns whether the API itself refused a read. A reply from elsewhere, such as a gateway's page, refuses
/// nothing.
pub(super) fn is_refused_by_platform(error: &CallError) -> bool {
    error.class == Class::Permanent && error.code.is_some()
}
