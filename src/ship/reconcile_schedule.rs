//! When to ask about an effect of unknown outcome, and what answers without a match prove.

use std::time::Duration;

use tokio::time::Instant;

use super::context::Context;
use super::journal::{Choice, EffectRecord};
use super::read_clock::{ReadClock, format_span};
use super::run::telling_error;
use crate::platform::{CallError, Failure};

/// The longest wait between two queries about an unknown outcome.
const MAX_QUERY_WAIT: Duration = Duration::from_secs(30);
/// Answers without a match that prove absence once the window is over.
const EMPTY_ANSWERS: u32 = 2;

/// What the destination says about an effect whose outcome was unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reconciled {
    /// It happened.
    Done(String),
    /// It happened and failed afterwards.
    Failed(Failure),
    /// It did not happen; the reason.
    NotDone(String),
    /// It happened, since its name is taken, but the destination has not listed it yet.
    Unlisted(String),
    /// It did not happen: something else had the name, which is free now but may be taken again.
    NameWasTaken,
    /// Only a person can decide.
    Ambiguous(Vec<String>),
    /// A person decided.
    Decided(Choice),
    /// The destination did not answer.
    NoAnswer(String),
}

/// The schedule of queries about an effect of unknown outcome: before the visibility window is over, absence from
/// lists proves nothing, and queries that fail never prove anything.
pub(super) struct ReconcileSchedule {
    clock: ReadClock,
    /// What counted when this run began to ask.
    counted_before: Duration,
    window: Duration,
    deadline: Duration,
    first: Duration,
    tries: u32,
    empty_answers: u32,
    last_error: Option<CallError>,
    /// Whether the platform ever reported the name as taken.
    name_was_taken: bool,
    /// Whether the latest answer reports the name as taken.
    name_is_taken: bool,
}

impl ReconcileSchedule {
    pub(super) fn new(context: &Context, record: &EffectRecord) -> ReconcileSchedule {
        let settings = &context.settings;
        // Time before this run counts, too, if the platform's clock shows how much it is.
        let counted_before = record.since_sent(context.destination.time());
        ReconcileSchedule {
            clock: ReadClock::new(Instant::now(), counted_before),
            counted_before,
            window: settings.visibility_window,
            deadline: settings.poll_deadline,
            first: settings.first_poll,
            tries: 0,
            empty_answers: 0,
            last_error: None,
            name_was_taken: record.name_held,
            name_is_taken: false,
        }
    }

    /// Notes that a query begins, and returns the time.
    pub(super) fn asks(&mut self) -> Instant {
        let now = Instant::now();
        self.clock.asks(now);
        now
    }

    /// Returns how long to wait for an answer.
    pub(super) fn latest_answer(&self) -> Instant {
        self.clock.silent_at(self.deadline, Instant::now())
    }

    /// Notes an answer without a match to a query that began at `asked`, and whether the name is taken nevertheless.
    pub(super) fn found_nothing(&mut self, asked: Instant, name_is_taken: bool) {
        self.name_was_taken |= name_is_taken;
        self.name_is_taken = name_is_taken;
        self.last_error = None;
        self.clock.succeeded(asked);
        self.empty_answers += 1;
    }

    /// Notes a query that failed; returns the error to report if none has succeeded for the whole deadline.
    pub(super) fn silence_after(&mut self, error: CallError) -> Option<String> {
        let now = Instant::now();
        self.clock.failed(now);
        let error = telling_error(self.last_error.take(), error);
        let text = error.to_string();
        self.last_error = Some(error);
        (self.clock.silence(now) >= self.deadline).then_some(text)
    }

    /// Returns whether answers without a match prove that there is nothing.
    pub(super) fn proves_absence(&self) -> bool {
        self.clock.counted() >= self.window && self.empty_answers >= EMPTY_ANSWERS
    }

    fn is_out_of_time(&self) -> bool {
        let counted = self.clock.counted();
        counted >= self.window && counted - self.counted_before >= self.deadline
    }

    /// Returns what it means that no video of that name is listed, once that is decided. Names contain the hash of
    /// the bytes: a name still taken is our upload. A name that was taken before anything else was sent under it,
    /// and is free now, was taken by something else.
    pub(super) fn result_if_unlisted(&self, record: &EffectRecord) -> Option<Reconciled> {
        if !self.proves_absence() {
            return None;
        }
        if !self.name_was_taken {
            return Some(Reconciled::NotDone("the platform does not list it: it did not happen".to_owned()));
        }
        if !self.name_is_taken && record.sends <= 1 && record.name_held {
            return Some(Reconciled::NameWasTaken);
        }
        if !self.is_out_of_time() {
            return None;
        }
        if self.name_is_taken {
            return Some(Reconciled::Unlisted(format!(
                "still processing after {}: the platform reports its name as taken, so it was uploaded, but does \
                 not list it yet",
                format_span(self.deadline)
            )));
        }
        Some(Reconciled::Ambiguous(vec![
            format!("the platform refused an upload because the name {} is taken", record.name),
            "the platform lists no video of that name and reports the name as free".to_owned(),
        ]))
    }

    pub(super) fn next_wait(&mut self) -> Duration {
        self.tries += 1;
        let window = self.window.saturating_sub(self.clock.counted());
        let left = if window.is_zero() { self.deadline } else { window };
        let left = left.min(self.deadline.saturating_sub(self.clock.silence(Instant::now())));
        let bound = self.first.saturating_mul(1 << self.tries.min(10)).min(MAX_QUERY_WAIT);
        bound.mul_f64(0.5 + 0.5 * fastrand::f64()).min(left.max(Duration::from_millis(100)))
    }
}
