//! Finds out whether an effect of unknown outcome happened, before anything is sent again.

use super::context::Context;
use super::crash_points::EffectPoint;
use super::effect::{EffectOutcome, Subject};
use super::journal::{Choice, EffectRecord, Resolution, kind_name};
use super::reconcile_schedule::{ReconcileSchedule, Reconciled};
use super::stop::Abort;
use crate::platform::{EffectKind, Failure, FailureMeaning, SentEffect, Sighting};

impl Context {
    /// Determines whether an effect of unknown outcome happened and records the answer. Returns `None` if it did
    /// not happen: then it may be sent again. `sent_now`: this run sent it.
    pub(super) async fn reconcile(
        &self,
        subject: Subject<'_>,
        record: &EffectRecord,
        sent_now: bool,
    ) -> Result<Option<EffectOutcome>, Abort> {
        self.crash.pass_effect(subject.kind, EffectPoint::Reconcile);
        let resolve = |resolution: Resolution| self.journal.record_resolution(&record.key, &resolution, None);
        match self.find(subject, record).await? {
            Reconciled::Done(id) => {
                resolve(Resolution::Done { receipt: id.clone() })?;
                if record.was_refused() {
                    // Names contain the hash of the bytes: a run with another journal uploaded them.
                    self.note_earlier_run();
                }
                // A send that was refused because of the name is not what has the name.
                Ok(Some(EffectOutcome::Done { id, sent_now: sent_now && !record.was_refused() }))
            }
            Reconciled::NotDone(reason) => {
                resolve(Resolution::NotDone { reason })?;
                Ok(None)
            }
            Reconciled::Failed(Failure { reason, meaning, .. }) => {
                resolve(Resolution::NotDone { reason: reason.clone() })?;
                Ok(match meaning {
                    FailureMeaning::BadMedia => Some(EffectOutcome::BadMedia(reason)),
                    FailureMeaning::MayRepeat => None,
                    FailureMeaning::NoAccess | FailureMeaning::Final => Some(EffectOutcome::Refused(reason)),
                })
            }
            Reconciled::NameWasTaken => {
                let reason = "the name was taken by something else";
                self.journal.send_again(&record.key, &self.next_name(&record.name), reason)?;
                Ok(None)
            }
            // Slow is not failed: only on request is it uploaded again.
            Reconciled::Unlisted(reason) if self.settings.retry_slow => {
                self.journal.abandon(&record.key, &reason)?;
                Ok(Some(EffectOutcome::BadMedia(reason)))
            }
            Reconciled::Unlisted(reason) => Ok(Some(EffectOutcome::Unresolved(format!(
                "{reason}; run the same command again to look again"
            )))),
            Reconciled::Ambiguous(readings) => {
                self.journal.record_question(&record.key, &readings)?;
                if let Some(choice) = self.journal.take_answer(&record.key)? {
                    return Ok(decided(subject.kind, choice));
                }
                let readings = readings.join("; ");
                Ok(Some(EffectOutcome::Unresolved(format!(
                    "needs your decision, see `greenlit resolve`: {readings}"
                ))))
            }
            Reconciled::Decided(choice) => Ok(decided(subject.kind, choice)),
            Reconciled::NoAnswer(error) => Ok(Some(EffectOutcome::Unresolved(format!(
                "unknown whether it was {}: {error}",
                match subject.kind {
                    EffectKind::Creative | EffectKind::Publication => "created",
                    EffectKind::Upload | EffectKind::Cover | EffectKind::Post => "uploaded",
                }
            )))),
        }
    }

    async fn find(&self, subject: Subject<'_>, record: &EffectRecord) -> Result<Reconciled, Abort> {
        let sent = subject.sent(record);
        let mut schedule = ReconcileSchedule::new(self, record);
        loop {
            self.check_running()?;
            if let Some(choice) = self.journal.take_answer(&record.key)? {
                return Ok(Reconciled::Decided(choice));
            }
            let asked = schedule.asks();
            match self.read(schedule.latest_answer(), self.destination.look(&sent)).await? {
                Ok(Sighting::Done(id)) => return Ok(Reconciled::Done(id)),
                Ok(Sighting::Failed(failure)) => return Ok(Reconciled::Failed(failure)),
                Ok(Sighting::NotDone(reason)) => return Ok(Reconciled::NotDone(reason)),
                Ok(Sighting::NameOfOther) => return Ok(Reconciled::NameWasTaken),
                Ok(Sighting::Ambiguous(readings)) => return Ok(Reconciled::Ambiguous(readings)),
                Ok(Sighting::Absent { name_is_taken }) => {
                    schedule.found_nothing(asked, name_is_taken);
                    if let Some(result) = schedule.result_if_unlisted(record) {
                        return Ok(result);
                    }
                }
                Ok(Sighting::Incomplete { received }) => {
                    schedule.found_nothing(asked, false);
                    // Bytes may still arrive until the window is over.
                    if schedule.proves_absence() {
                        return self.cancel_incomplete(&sent, received).await;
                    }
                }
                Ok(Sighting::CannotAsk(answer)) => {
                    schedule.found_nothing(asked, false);
                    if schedule.proves_absence() {
                        return Ok(Reconciled::Ambiguous(vec![
                            format!("{} {} was sent", kind_name(sent.kind), sent.name),
                            format!("the platform answered the query with: {answer}"),
                        ]));
                    }
                }
                Err(error) => {
                    if let Some(error) = schedule.silence_after(error) {
                        return Ok(Reconciled::NoAnswer(error));
                    }
                }
            }
            self.wait(schedule.next_wait()).await?;
        }
    }

    /// Cancels an upload with missing bytes, so that it can never complete: only then another may be opened.
    async fn cancel_incomplete(&self, sent: &SentEffect, received: Option<u64>) -> Result<Reconciled, Abort> {
        let total = sent.size_bytes.unwrap_or_default();
        let token = sent.token.as_deref().unwrap_or_default();
        let cancel_error = match self.call(self.destination.cancel(token)).await? {
            Ok(()) => {
                let reason = "bytes were missing; the upload was cancelled";
                return Ok(Reconciled::NotDone(reason.to_owned()));
            }
            Err(error) => error.to_string(),
        };
        Ok(match received {
            // Only this process could send the rest, and it no longer has the upload address.
            Some(bytes) if bytes < total => {
                Reconciled::NotDone(format!("only {bytes} of {total} bytes arrived, and no more can arrive"))
            }
            _ => Reconciled::Ambiguous(vec![
                format!("the platform reports the upload {token} as in progress, without the bytes received"),
                format!("the upload could not be cancelled: {cancel_error}"),
            ]),
        })
    }

    /// Returns another name for the same bytes: `a-0123.mp4`, `a-0123-n2.mp4`, `a-0123-n3.mp4`.
    pub(super) fn next_name(&self, name: &str) -> String {
        super::upload_name::next(name, self.platform().max_name_chars())
    }
}

/// Returns the end of an effect that a person decided; `None` if it may be sent again.
fn decided(kind: EffectKind, choice: Choice) -> Option<EffectOutcome> {
    let event = choice.event().to_owned();
    match (choice, kind) {
        (Choice::Happened(receipt), _) => Some(EffectOutcome::before(receipt)),
        (Choice::DidNotHappen, _) => None,
        (Choice::Abandon, EffectKind::Upload | EffectKind::Post) => Some(EffectOutcome::BadMedia(event)),
        (Choice::Abandon, _) => Some(EffectOutcome::Refused(event)),
    }
}
