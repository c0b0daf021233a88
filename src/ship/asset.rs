//! Delivers one asset, from the validated file to its ads; resumes where an earlier run stopped.

use crate::model::count;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::crash_points::crash_point;
use super::engine::{Abort, Context};
use super::journal::{Artifact, EffectState, ItemKey, ItemRecord, JournalError, destination_key};
use super::polling::Readiness;
use super::publish::PublishOutcome;
use super::request::{Prepared, Until};
use super::upload::{UploadOutcome, abandon_reason};
use super::{AdDelivery, Delivery, DeliveryState, PrepareError, ShipEvent};
use crate::plan::EncodeMode;
use crate::rules::ValidatedAsset;

/// Delivers one file and returns its report.
pub(super) async fn deliver(context: Arc<Context>, prepared: Prepared) -> Result<Delivery, JournalError> {
    let Prepared { source, source_blake3, profile_hash, result } = prepared;
    let destination = destination_key(context.platform.origin(), context.platform.advertiser_id());
    let key = ItemKey { source_blake3, profile_hash, destination };
    let asset = match result {
        Ok(asset) => asset,
        Err(error) => return context.unprepared(source, &key, error),
    };
    // Two files with the same bytes are one asset.
    let lock = context.lock_for(&format!("{}|{}|{}", key.source_blake3, key.profile_hash, key.destination));
    let _one_at_a_time = lock.lock().await;
    context.plan_ads(&source, &key)?;
    let item = context.journal.item(&key)?.unwrap_or_else(|| ItemRecord::new(source.clone()));
    let mut shipment = Shipment {
        context: &context,
        key,
        item,
        source,
        first_asset: asset,
        just_uploaded: false,
        uploaded_now: false,
        retrying: false,
    };
    let mut stopped = false;
    let end = match shipment.drive().await {
        Ok(end) => end,
        Err(Abort::Journal(error)) => return Err(error),
        Err(Abort::Stopped) => {
            let reason = context.stop_reason().map(|stop| stop.message());
            stopped = true;
            DeliveryEnd { state: shipment.item.state.clone(), reason, ads: None }
        }
    };
    let ads = match end.ads {
        Some(ads) => ads,
        None if context.settings.until == Until::Published => {
            let rows = context.rows_of(&shipment.source);
            let reason = end.reason.as_deref();
            context.known_ads(&rows, &shipment.key.source_blake3, &end.state, reason)?
        }
        None => Vec::new(),
    };
    let Shipment { item, source, uploaded_now, .. } = shipment;
    Ok(Delivery {
        source,
        state: end.state,
        video_id: item.video_id,
        attempts: item.attempts,
        reason: end.reason,
        ads,
        stopped,
        uploaded_now,
        posted_now: false,
    })
}

/// The state in which a delivery ends in this run.
struct DeliveryEnd {
    state: DeliveryState,
    reason: Option<String>,
    /// `None` if the ads were not reached.
    ads: Option<Vec<AdDelivery>>,
}

/// An asset in delivery.
pub(super) struct Shipment<'a> {
    pub(super) context: &'a Arc<Context>,
    pub(super) key: ItemKey,
    pub(super) item: ItemRecord,
    pub(super) source: PathBuf,
    /// The file in the first encode mode; covers are made from it.
    pub(super) first_asset: ValidatedAsset,
    just_uploaded: bool,
    /// Whether this run sent the upload that the video is.
    uploaded_now: bool,
    /// Whether a video that was given up is uploaded again on request.
    retrying: bool,
}

/// What follows a step.
enum StepOutcome {
    Continue,
    End(DeliveryEnd),
}

impl Shipment<'_> {
    async fn drive(&mut self) -> Result<DeliveryEnd, Abort> {
        // The loop ends: each step advances the state, and each step back uses up an encode mode.
        loop {
            self.context.check_running()?;
            let step = match (&self.item.state, &self.item.video_id) {
                (DeliveryState::GivenUp, video) => self.poll_given_up(video.clone()).await?,
                (_, None) => self.upload_step().await?,
                (DeliveryState::Ready | DeliveryState::Publishing | DeliveryState::Published, Some(_)) => {
                    if self.context.settings.until < Until::Published {
                        return Ok(self.end(self.item.state.clone(), None));
                    }
                    self.publish_step().await?
                }
                (_, Some(video)) => {
                    if self.context.settings.until == Until::Uploaded {
                        return Ok(self.end(DeliveryState::Uploaded, None));
                    }
                    let video = video.clone();
                    self.poll_step(&video).await?
                }
            };
            if let StepOutcome::End(end) = step {
                return Ok(end);
            }
        }
    }

    fn end(&self, state: DeliveryState, reason: Option<String>) -> DeliveryEnd {
        DeliveryEnd { state, reason, ads: None }
    }

    /// Records the state in the journal, then emits the event.
    fn record(&mut self, state: DeliveryState, reason: Option<String>) -> Result<(), Abort> {
        self.item.state = state.clone();
        self.item.reason = reason;
        self.item.source = self.source.clone();
        crash_point!(self.context.crash, "item.before_record");
        self.context.journal.put_item(&self.key, &self.item)?;
        crash_point!(self.context.crash, "item.after_record");
        self.context.emit(ShipEvent::State { source: self.source.clone(), state });
        Ok(())
    }

    fn finish(&mut self, state: DeliveryState, reason: Option<String>) -> Result<StepOutcome, Abort> {
        self.record(state.clone(), reason.clone())?;
        Ok(StepOutcome::End(self.end(state, reason)))
    }

    async fn upload_step(&mut self) -> Result<StepOutcome, Abort> {
        if let Some(step) = self.reconcile_earlier_upload().await? {
            return Ok(step);
        }
        if let Some(end) = self.end_without_use().await? {
            return Ok(StepOutcome::End(end));
        }
        let asset = match self.prepare_file().await? {
            Ok(asset) => asset,
            Err(PrepareError::Refused(reason)) => return self.give_up(Some(reason)),
            Err(PrepareError::Failed(reason) | PrepareError::Changed(reason)) => {
                return self.finish(DeliveryState::Failed, Some(reason));
            }
            Err(PrepareError::Cancelled) => return Err(self.context.cancelled()),
        };
        let effect = self.context.upload_effect(&asset, &self.source, self.item.encode_mode);
        let content = asset.content();
        self.item.artifact = Some(Artifact {
            path: asset.path().to_owned(),
            blake3: content.blake3.clone(),
            md5: content.md5.clone(),
            size_bytes: content.size_bytes,
        });
        self.item.effect_key = Some(effect.key());
        let attempts = self.item.attempts;
        self.item.attempts =
            if self.retrying { attempts + 1 } else { attempts.max(self.item.encode_mode.number().into()) };
        self.record(DeliveryState::Uploading, None)?;
        let upload = self.context.upload(&asset, &self.source, &effect, self.retrying).await?;
        self.uploaded(upload).await
    }

    /// Reconciles an upload of unknown outcome of an earlier run from the journal alone: the file may be gone, or
    /// may have other bytes now.
    async fn reconcile_earlier_upload(&mut self) -> Result<Option<StepOutcome>, Abort> {
        let Some(key) = self.item.effect_key.clone() else { return Ok(None) };
        let Some(record) = self.context.journal.effect(&key)? else { return Ok(None) };
        let upload = match record.state {
            EffectState::Intent | EffectState::NotDone if record.abandoned => {
                Some(UploadOutcome::BadFile(abandon_reason(&record)))
            }
            EffectState::Intent | EffectState::NotDone => None,
            EffectState::Done => record.receipt.map(|id| UploadOutcome::Done { id, sent_now: false }),
            EffectState::Sent | EffectState::Unknown => {
                let lock = self.context.lock_for(&key);
                let _one_at_a_time = lock.lock().await;
                self.context.reconcile_upload(&record, false).await?
            }
        };
        match upload {
            Some(upload) => Ok(Some(self.uploaded(upload).await?)),
            None => Ok(None),
        }
    }

    async fn uploaded(&mut self, upload: UploadOutcome) -> Result<StepOutcome, Abort> {
        match upload {
            UploadOutcome::Done { id, sent_now } => {
                self.item.video_id = Some(id);
                self.just_uploaded = true;
                self.uploaded_now = sent_now;
                self.record(DeliveryState::Uploaded, None)?;
                Ok(StepOutcome::Continue)
            }
            UploadOutcome::BadFile(reason) => self.next_encode_mode(reason),
            UploadOutcome::Refused(reason) => self.finish(DeliveryState::Failed, Some(reason)),
            UploadOutcome::Unresolved(reason) => self.finish(DeliveryState::Unconfirmed, Some(reason)),
        }
    }

    async fn prepare_file(&mut self) -> Result<Result<ValidatedAsset, PrepareError>, Abort> {
        let encode_mode = self.item.encode_mode;
        if encode_mode == EncodeMode::Planned {
            return Ok(Ok(self.first_asset.clone()));
        }
        crash_point!(self.context.crash, "recipe.before_make");
        let (preparer, source) = (self.context.preparer.clone(), self.source.clone());
        let asset = self.context.blocking(move || preparer.prepare(&source, encode_mode)).await?;
        crash_point!(self.context.crash, "recipe.after_make");
        Ok(asset)
    }

    async fn poll_step(&mut self, video: &str) -> Result<StepOutcome, Abort> {
        let settings = &self.context.settings;
        if self.item.state != DeliveryState::Processing {
            self.record(DeliveryState::Processing, None)?;
        }
        let limit = settings.poll_deadline;
        match self.context.await_ready(video, &self.md5(), limit, self.just_uploaded).await? {
            Readiness::Ready => {
                self.record(DeliveryState::Ready, None)?;
                crash_point!(self.context.crash, "item.ready");
                Ok(StepOutcome::Continue)
            }
            Readiness::TimedOut(reason) if settings.retry_slow => self.next_encode_mode(reason),
            // Slow is not failed: it is neither encoded nor uploaded again.
            Readiness::TimedOut(reason) | Readiness::NoAnswer(reason) => {
                let reason = format!("{reason}; run the same command again to look again");
                self.finish(DeliveryState::Unconfirmed, Some(reason))
            }
        }
    }

    /// Polls a video that was given up once more, without an upload: it may have become ready late.
    async fn poll_given_up(&mut self, video: Option<String>) -> Result<StepOutcome, Abort> {
        let end = |this: &Self| StepOutcome::End(this.end(DeliveryState::GivenUp, this.item.reason.clone()));
        let Some(video) = video else {
            return if self.can_retry() { self.retry() } else { Ok(end(self)) };
        };
        match self.context.await_ready(&video, &self.md5(), Duration::ZERO, false).await? {
            Readiness::TimedOut(_) if self.can_retry() => self.retry(),
            Readiness::TimedOut(_) => Ok(end(self)),
            // The journal keeps what it knows.
            Readiness::NoAnswer(reason) => {
                Ok(StepOutcome::End(self.end(DeliveryState::Unconfirmed, Some(reason))))
            }
            Readiness::Ready => {
                self.record(DeliveryState::Ready, None)?;
                Ok(StepOutcome::Continue)
            }
        }
    }

    fn can_retry(&self) -> bool {
        !self.retrying && self.context.settings.retry.includes(&self.source)
    }

    /// Starts anew with the first encode mode, as a new upload.
    fn retry(&mut self) -> Result<StepOutcome, Abort> {
        self.retrying = true;
        self.item.history.clear();
        self.begin_mode(EncodeMode::Planned, "retried on request".to_owned())
    }

    pub(super) fn md5(&self) -> String {
        let sent = self.item.artifact.as_ref().map(|artifact| artifact.md5.clone());
        sent.unwrap_or_else(|| self.first_asset.content().md5.clone())
    }

    fn next_encode_mode(&mut self, reason: String) -> Result<StepOutcome, Abort> {
        let encode_mode = self.item.encode_mode;
        self.item.history.push(format!("attempt {}: {reason}", encode_mode.number()));
        match encode_mode.next().filter(|next| u32::from(next.number()) <= self.context.settings.attempts) {
            Some(next) => self.begin_mode(next, reason),
            None => self.give_up(None),
        }
    }

    /// Starts a new upload of the file in an encode mode; `reason` says why.
    fn begin_mode(&mut self, encode_mode: EncodeMode, reason: String) -> Result<StepOutcome, Abort> {
        self.item.encode_mode = encode_mode;
        self.item.video_id = None;
        self.item.effect_key = None;
        self.item.artifact = None;
        self.just_uploaded = false;
        self.uploaded_now = false;
        self.record(DeliveryState::Failed, Some(reason))?;
        Ok(StepOutcome::Continue)
    }

    fn give_up(&mut self, last_reason: Option<String>) -> Result<StepOutcome, Abort> {
        let reasons: Vec<String> = self.item.history.iter().cloned().chain(last_reason).collect();
        self.finish(DeliveryState::GivenUp, Some(reasons.join("; ")))
    }

    /// Ends the delivery before an upload that no row could use: each row has an ad with another video already, or
    /// its landing page does not answer.
    async fn end_without_use(&self) -> Result<Option<DeliveryEnd>, Abort> {
        let rows = self.context.rows_of(&self.source);
        if rows.is_empty() || !rows.iter().all(super::preflight::is_ad) {
            return Ok(None);
        }
        let mut ads = Vec::new();
        for row in &rows {
            match self.row_without_use(row).await? {
                Some(ad) => ads.push(ad),
                None => return Ok(None),
            }
        }
        let reason = Some("not uploaded, because none of its ads can be created".to_owned());
        Ok(Some(DeliveryEnd { state: DeliveryState::Failed, reason, ads: Some(ads) }))
    }

    async fn publish_step(&mut self) -> Result<StepOutcome, Abort> {
        let rows = self.context.rows_of(&self.source);
        let mut ads = Vec::new();
        for row in rows.iter().filter(|row| super::preflight::is_ad(row)) {
            match self.publish(row).await? {
                PublishOutcome::Ad(ad) => ads.push(ad),
                PublishOutcome::BadVideo(reason) => return self.next_encode_mode(reason),
            }
        }
        let unpublished = ads.iter().filter(|ad| ad.state != DeliveryState::Published).count();
        let state = match ads.iter().map(|ad| &ad.state).find(|state| **state != DeliveryState::Published) {
            None if ads.is_empty() => DeliveryState::Ready,
            None => DeliveryState::Published,
            Some(DeliveryState::Unconfirmed) => DeliveryState::Unconfirmed,
            Some(_) => DeliveryState::Failed,
        };
        let reason = (unpublished > 0).then(|| {
            format!("{unpublished} of {} not published", count(ads.len() as u64, "ad is", "ads are"))
        });
        // The journal keeps the video as ready, so that the next run continues with its ads.
        let recorded = if unpublished > 0 { DeliveryState::Publishing } else { state.clone() };
        if recorded != self.item.state || reason != self.item.reason {
            self.record(recorded, reason.clone())?;
            crash_point!(self.context.crash, "item.published");
        }
        Ok(StepOutcome::End(DeliveryEnd { state, reason, ads: Some(ads) }))
    }
}
