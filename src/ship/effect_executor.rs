//! Sends effects at most once: the intent is in the journal before anything is sent, and an effect of unknown outcome
//! is reconciled with the destination before it is sent again.

use std::path::Path;
use std::time::SystemTime;

use super::ShipEvent;
use super::context::Context;
use super::crash_points::EffectPoint;
use super::effect::{EffectOutcome, Sending, Subject};
use super::journal::{Effect, EffectRecord, EffectState, Resolution};
use super::run::is_refused_by_platform;
use super::stop::Abort;
use crate::platform::{EffectKind, Mutation, MutationOutcome, Sighting, UploadObserver};

impl Context {
    /// Sends an effect unless the journal has it as done.
    pub(super) async fn execute(
        &self,
        effect: &Effect,
        mutation: &Mutation<'_>,
        sending: Sending<'_>,
    ) -> Result<EffectOutcome, Abort> {
        let lock = self.lock_for(&effect.key());
        let _one_at_a_time = lock.lock().await;
        self.check_running()?;
        let subject = Subject::of(effect, mutation);
        self.crash.pass_effect(effect.kind, EffectPoint::BeforeIntent);
        let mut record = self.journal.record_intent(effect)?;
        self.crash.pass_effect(effect.kind, EffectPoint::AfterIntent);
        if sending.anew {
            self.undo(effect.kind, &record, "retried on request")?;
            record = self.journal.record_intent(effect)?;
        }
        let most = self.destination.sends_per_run();
        let mut sends = 0;
        loop {
            let outcome = match record.state {
                EffectState::Done => Some(EffectOutcome::before(record.receipt.clone().unwrap_or_default())),
                EffectState::Intent | EffectState::NotDone if record.abandoned => {
                    Some(EffectOutcome::BadMedia(record.abandon_reason()))
                }
                EffectState::Intent | EffectState::NotDone if sends == most => {
                    let reason = record.reason.as_deref().unwrap_or("no answer");
                    let what = verb(effect.kind);
                    Some(EffectOutcome::Unresolved(format!("{what} failed {most} times: {reason}")))
                }
                EffectState::Intent | EffectState::NotDone => {
                    self.wait_before_send(sends).await?;
                    match self.look_for_earlier(subject, &record).await? {
                        EarlierSend::None => {
                            self.wait_for_earlier_run().await?;
                            sends += 1;
                            self.send_once(effect, mutation, &record, sending.source).await?
                        }
                        EarlierSend::Perhaps => None,
                        EarlierSend::NoAnswer(error) => Some(EffectOutcome::Unresolved(format!(
                            "unknown whether an earlier run sent it: {error}"
                        ))),
                    }
                }
                EffectState::Sent | EffectState::Unknown => {
                    self.reconcile(subject, &record, sends > 0).await?
                }
            };
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
            record = self.journal.record_intent(effect)?;
        }
    }

    /// Allows another send of an effect that the journal has as done or given up.
    pub(super) fn undo(&self, kind: EffectKind, record: &EffectRecord, reason: &str) -> Result<(), Abort> {
        if record.state != EffectState::Done && !record.abandoned {
            return Ok(());
        }
        match kind {
            EffectKind::Post => self.journal.undo_post(&record.key, reason)?,
            // The name belongs to what was sent before.
            _ => self.journal.send_again(&record.key, &self.next_name(&record.name), reason)?,
        }
        self.crash.pass_effect(kind, EffectPoint::AfterUndo);
        Ok(())
    }

    async fn send_once(
        &self,
        effect: &Effect,
        mutation: &Mutation<'_>,
        record: &EffectRecord,
        source: &Path,
    ) -> Result<Option<EffectOutcome>, Abort> {
        let kind = effect.kind;
        let _slot = match kind {
            EffectKind::Upload | EffectKind::Post => {
                Some(self.uploads.acquire().await.map_err(|_| Abort::Stopped)?)
            }
            EffectKind::Cover | EffectKind::Creative | EffectKind::Publication => None,
        };
        self.check_running()?;
        let not_done = |reason: &str| Resolution::NotDone { reason: reason.to_owned() };
        let opened = match self.call(self.destination.open(mutation)).await? {
            Ok(opened) => opened,
            Err(error) => {
                // What was opened but not filled has no effect.
                let reason = error.to_string();
                self.journal.record_resolution(
                    &record.key,
                    &not_done(&reason),
                    error.request_id.as_deref(),
                )?;
                return Ok(match error.class.mutation_outcome() {
                    MutationOutcome::BadMedia => Some(EffectOutcome::BadMedia(reason)),
                    MutationOutcome::Refused | MutationOutcome::Stale => Some(EffectOutcome::Refused(reason)),
                    _ => None,
                });
            }
        };
        if let Some(opened) = &opened {
            self.journal.save_resume_token(&record.key, Some(&opened.token))?;
            self.crash.pass_effect(kind, EffectPoint::AfterOpen);
        }
        self.journal.mark_sent(&record.key)?;
        self.crash.pass_effect(kind, EffectPoint::AfterSentMark);
        let observer = JournaledUpload { context: self, record, kind, source, total: effect.size_bytes };
        let sent = self.destination.send(mutation, &record.name, opened.as_ref(), &observer);
        let answer = self.call(sent).await?;
        self.crash.pass_effect(kind, EffectPoint::AfterSendBeforeReceipt);
        let (resolution, request_id, outcome) = match answer {
            Ok(id) => {
                let outcome = EffectOutcome::Done { id: id.clone(), sent_now: true };
                (Resolution::Done { receipt: id }, None, Some(outcome))
            }
            Err(error) => {
                let reason = error.to_string();
                let meaning = match (error.class.mutation_outcome(), &opened) {
                    // Some of the bytes may have arrived in the opened upload.
                    (MutationOutcome::Refused, _) | (_, None) => error.class.mutation_outcome(),
                    _ => MutationOutcome::Unknown,
                };
                let (resolution, outcome) = resolution(kind, meaning, reason, self.destination.time());
                (resolution, error.request_id, outcome)
            }
        };
        self.journal.record_resolution(&record.key, &resolution, request_id.as_deref())?;
        self.crash.pass_effect(kind, EffectPoint::AfterReceipt);
        Ok(outcome)
    }

    /// Asks whether an earlier run, whose journal is lost, sent the effect: then its outcome is unknown. Asked before
    /// the first send while the journal is new.
    async fn look_for_earlier(
        &self,
        subject: Subject<'_>,
        record: &EffectRecord,
    ) -> Result<EarlierSend, Abort> {
        let has_name = match subject.kind {
            EffectKind::Upload => self.is_journal_new,
            // A cover is uploaded after its video.
            EffectKind::Cover => self.had_earlier_run(),
            EffectKind::Creative | EffectKind::Publication | EffectKind::Post => false,
        };
        if !has_name || record.sends > 0 || record.state != EffectState::Intent {
            return Ok(EarlierSend::None);
        }
        let unsent = subject.sent(record);
        let read = || self.destination.look_for_earlier(&unsent);
        let settings = &self.settings;
        match self.read_until_answered(settings.poll_deadline, settings.first_poll, read).await? {
            Ok(Sighting::Absent { name_is_taken: false }) => return Ok(EarlierSend::None),
            Err(error) if is_refused_by_platform(&error) => return Ok(EarlierSend::None),
            Err(error) => return Ok(EarlierSend::NoAnswer(error.to_string())),
            Ok(_) => {}
        }
        self.note_earlier_run();
        let reason = "the name is taken, perhaps by a run whose journal is lost".to_owned();
        let unknown = Resolution::Unknown { reason, name_held: true, ended: None };
        self.journal.record_resolution(&record.key, &unknown, None)?;
        Ok(EarlierSend::Perhaps)
    }
}

/// Whether a run whose journal is lost sent an effect.
enum EarlierSend {
    None,
    /// Something has its name.
    Perhaps,
    /// The destination did not answer.
    NoAnswer(String),
}

/// Returns what is recorded of a send that failed, and how the effect ends; `None`: it may be sent again or must be
/// reconciled.
fn resolution(
    kind: EffectKind,
    meaning: MutationOutcome,
    reason: String,
    ended: Option<SystemTime>,
) -> (Resolution, Option<EffectOutcome>) {
    let outcome = match meaning {
        MutationOutcome::Unknown => return (Resolution::Unknown { reason, name_held: false, ended }, None),
        MutationOutcome::NameTaken => return (Resolution::Unknown { reason, name_held: true, ended }, None),
        MutationOutcome::NotDone | MutationOutcome::Stop => None,
        MutationOutcome::NotReady | MutationOutcome::Stale
            if matches!(kind, EffectKind::Creative | EffectKind::Publication) =>
        {
            Some(EffectOutcome::NotReady(reason.clone()))
        }
        MutationOutcome::NotReady => None,
        MutationOutcome::BadMedia => Some(EffectOutcome::BadMedia(reason.clone())),
        MutationOutcome::Stale | MutationOutcome::Refused => Some(EffectOutcome::Refused(reason.clone())),
    };
    (Resolution::NotDone { reason }, outcome)
}

/// Returns what failed, for messages.
fn verb(kind: EffectKind) -> &'static str {
    match kind {
        EffectKind::Upload | EffectKind::Post => "upload",
        EffectKind::Cover => "upload of the cover",
        EffectKind::Creative | EffectKind::Publication => "creation",
    }
}

/// Emits the progress of an upload and saves the resume token of an upload in chunks in the journal.
struct JournaledUpload<'a> {
    context: &'a Context,
    record: &'a EffectRecord,
    kind: EffectKind,
    source: &'a Path,
    total: Option<u64>,
}

impl UploadObserver for JournaledUpload<'_> {
    fn sent(&self, bytes: u64) {
        if let Some(total) = self.total {
            self.context.emit(ShipEvent::Sent { source: self.source.to_owned(), bytes, total });
        }
    }

    fn resume_token(&self) -> Option<String> {
        self.record.resume_token.clone()
    }

    fn save_resume_token(&self, token: Option<&str>) {
        // If this fails, a later run uploads from the start, which only costs time.
        let _ = self.context.journal.save_resume_token(&self.record.key, token);
        self.context.crash.pass_effect(self.kind, EffectPoint::AfterPiece);
    }
}
