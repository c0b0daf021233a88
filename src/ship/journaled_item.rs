//! An asset in delivery with its record in the journal: its states, its encode modes, and when it is given up.

use std::path::PathBuf;

use super::context::Context;
use super::crash_points::crash_point;
use super::effect::EffectOutcome;
use super::give_up::GiveUpReason;
use super::journal::{Artifact, Effect, EffectRecord, EffectState, ItemKey, ItemRecord, JournalError};
use super::stop::Abort;
use super::{DeliveryState, PrepareError, ShipEvent};
use crate::plan::EncodeMode;
use crate::rules::ValidatedAsset;

/// What follows a step.
pub(super) enum StepOutcome {
    /// The next step.
    Continue,
    /// The delivery ends in this run, in this state and for this reason.
    End(DeliveryState, Option<String>),
}

/// What the journal says about the last upload.
pub(super) enum EarlierUpload {
    /// It may be sent.
    Unsent,
    /// Its outcome is known.
    Known(EffectOutcome),
    /// It was sent, and only the platform knows whether it arrived.
    Unknown(EffectRecord),
}

/// An asset in delivery.
pub(super) struct JournaledItem<'a> {
    context: &'a Context,
    pub(super) key: ItemKey,
    pub(super) record: ItemRecord,
    pub(super) source: PathBuf,
    /// The file in the first encode mode; covers are made from it.
    pub(super) first_asset: ValidatedAsset,
    /// Whether a video that was given up is uploaded again on request.
    pub(super) retrying: bool,
    /// Whether the outcome of the upload became known in this run.
    pub(super) just_uploaded: bool,
    /// Whether this run sent the upload that the video is.
    pub(super) uploaded_now: bool,
}

impl<'a> JournaledItem<'a> {
    /// Returns the asset as the journal knows it.
    pub(super) fn new(
        context: &'a Context,
        key: ItemKey,
        source: PathBuf,
        first_asset: ValidatedAsset,
    ) -> Result<JournaledItem<'a>, JournalError> {
        let record = context.journal.item(&key)?.unwrap_or_else(|| ItemRecord::new(source.clone()));
        let (retrying, just_uploaded, uploaded_now) = (false, false, false);
        Ok(JournaledItem { context, key, record, source, first_asset, retrying, just_uploaded, uploaded_now })
    }

    /// Records the state in the journal, then emits the event.
    pub(super) fn enter(&mut self, state: DeliveryState, reason: Option<String>) -> Result<(), Abort> {
        if state != DeliveryState::GivenUp {
            self.record.given_up = None;
        }
        self.record.state = state.clone();
        self.record.reason = reason;
        self.record.source = self.source.clone();
        crash_point!(self.context.crash, "item.before_record");
        self.context.journal.put_item(&self.key, &self.record)?;
        crash_point!(self.context.crash, "item.after_record");
        self.context.emit(ShipEvent::State { source: self.source.clone(), state });
        Ok(())
    }

    /// Records the state in which the delivery ends.
    pub(super) fn finish(
        &mut self,
        state: DeliveryState,
        reason: Option<String>,
    ) -> Result<StepOutcome, Abort> {
        self.enter(state.clone(), reason.clone())?;
        Ok(StepOutcome::End(state, reason))
    }

    /// Returns the file in the encode mode of the record, or what follows if there is none.
    pub(super) async fn prepare(&mut self) -> Result<Result<ValidatedAsset, StepOutcome>, Abort> {
        let encode_mode = self.record.encode_mode;
        if encode_mode == EncodeMode::Planned {
            return Ok(Ok(self.first_asset.clone()));
        }
        crash_point!(self.context.crash, "recipe.before_make");
        let (preparer, source) = (self.context.preparer.clone(), self.source.clone());
        let asset = self.context.blocking(move || preparer.prepare(&source, encode_mode)).await?;
        crash_point!(self.context.crash, "recipe.after_make");
        match asset {
            Ok(asset) => Ok(Ok(asset)),
            Err(PrepareError::Refused(reason)) => {
                self.give_up(GiveUpReason::FileRefused, Some(reason)).map(Err)
            }
            Err(PrepareError::Failed(reason) | PrepareError::Changed(reason)) => {
                self.finish(DeliveryState::Failed, Some(reason)).map(Err)
            }
            Err(PrepareError::Cancelled) => Err(self.context.cancelled()),
        }
    }

    /// Records that `asset` is uploaded as `effect`.
    pub(super) fn begin_upload(&mut self, asset: &ValidatedAsset, effect: &Effect) -> Result<(), Abort> {
        let content = asset.content();
        self.record.artifact = Some(Artifact {
            path: asset.path().to_owned(),
            blake3: content.blake3.clone(),
            md5: content.md5.clone(),
            size_bytes: content.size_bytes,
        });
        self.record.effect_key = Some(effect.key());
        let attempts = self.record.attempts;
        let number = u32::from(self.record.encode_mode.number());
        self.record.attempts = if self.retrying { attempts + 1 } else { attempts.max(number) };
        self.enter(DeliveryState::Uploading, None)
    }

    /// Returns what the journal alone says about the last upload: its file may be gone, or may have other bytes now.
    pub(super) fn earlier_upload(&self) -> Result<EarlierUpload, Abort> {
        let Some(key) = &self.record.effect_key else { return Ok(EarlierUpload::Unsent) };
        let Some(effect) = self.context.journal.effect(key)? else { return Ok(EarlierUpload::Unsent) };
        Ok(match effect.state {
            EffectState::Intent | EffectState::NotDone if effect.abandoned => {
                EarlierUpload::Known(EffectOutcome::BadMedia(effect.abandon_reason()))
            }
            EffectState::Intent | EffectState::NotDone => EarlierUpload::Unsent,
            EffectState::Done => match effect.receipt {
                Some(id) => EarlierUpload::Known(EffectOutcome::before(id)),
                None => EarlierUpload::Unsent,
            },
            EffectState::Sent | EffectState::Unknown => EarlierUpload::Unknown(effect),
        })
    }

    /// Records the outcome of an upload.
    pub(super) fn uploaded(&mut self, upload: EffectOutcome) -> Result<StepOutcome, Abort> {
        match upload {
            EffectOutcome::Done { id, sent_now } => {
                self.record.video_id = Some(id);
                self.just_uploaded = true;
                self.uploaded_now = sent_now;
                self.enter(DeliveryState::Uploaded, None)?;
                Ok(StepOutcome::Continue)
            }
            EffectOutcome::BadMedia(reason) => self.next_encode_mode(&reason),
            EffectOutcome::Refused(reason) | EffectOutcome::NotReady(reason) => {
                self.finish(DeliveryState::Failed, Some(reason))
            }
            EffectOutcome::Unresolved(reason) => self.finish(DeliveryState::Unconfirmed, Some(reason)),
        }
    }

    /// Returns whether an asset that was given up starts anew. It does so once in a run.
    pub(super) fn can_retry(&self) -> bool {
        !self.retrying && self.context.settings.retry.includes(&self.source)
    }

    /// Starts anew with the first encode mode, as a new upload.
    pub(super) fn retry(&mut self) -> Result<StepOutcome, Abort> {
        self.retrying = true;
        self.record.history.clear();
        self.begin(EncodeMode::Planned, "retried on request")
    }

    /// Starts the next encode mode after the current one failed, or gives up.
    pub(super) fn next_encode_mode(&mut self, reason: &str) -> Result<StepOutcome, Abort> {
        let failed = self.record.encode_mode;
        self.record.history.push(format!("attempt {}: {reason}", failed.number()));
        match failed.next() {
            Some(next) if u32::from(next.number()) <= self.context.settings.attempts => {
                self.begin(next, reason)
            }
            Some(_) => self.give_up(GiveUpReason::AttemptsUsedUp, None),
            None => self.give_up(GiveUpReason::EncodeModesFailed, None),
        }
    }

    fn begin(&mut self, encode_mode: EncodeMode, reason: &str) -> Result<StepOutcome, Abort> {
        self.record.encode_mode = encode_mode;
        self.record.video_id = None;
        self.record.effect_key = None;
        self.record.artifact = None;
        self.just_uploaded = false;
        self.uploaded_now = false;
        self.enter(DeliveryState::Failed, Some(reason.to_owned()))?;
        Ok(StepOutcome::Continue)
    }

    fn give_up(&mut self, why: GiveUpReason, last: Option<String>) -> Result<StepOutcome, Abort> {
        let reasons: Vec<String> = self.record.history.iter().cloned().chain(last).collect();
        self.record.given_up = Some(why);
        self.finish(DeliveryState::GivenUp, Some(reasons.join("; ")))
    }
}
