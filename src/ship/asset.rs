//! Delivers one asset, from the validated file to its ads; resumes where an earlier run stopped.

use crate::model::count;
use std::sync::Arc;
use std::time::Duration;

use super::crash_points::crash_point;
use super::engine::{Abort, Context};
use super::journal::{ItemKey, ItemRecord, JournalError, destination_key};
use super::journaled_item::{AttemptLimit, EarlierUpload, JournaledItem, StepOutcome};
use super::polling::Readiness;
use super::publish::PublishOutcome;
use super::request::{Prepared, Until};
use super::{AdDelivery, Delivery, DeliveryState};

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
    let limit = AttemptLimit { attempts: context.settings.attempts, retry: &context.settings.retry };
    let item = JournaledItem::new(&context, key, source, asset, limit)?;
    let mut shipment = Shipment { context: &context, item, ads: None };
    let mut stopped = false;
    let (state, reason) = match shipment.drive().await {
        Ok(end) => end,
        Err(Abort::Journal(error)) => return Err(error),
        Err(Abort::Stopped) => {
            let reason = context.stop_reason().map(|stop| stop.message());
            stopped = true;
            (shipment.item.record.state.clone(), reason)
        }
    };
    let Shipment { item: JournaledItem { key, record, source, uploaded_now, .. }, ads, .. } = shipment;
    let ads = match ads {
        Some(ads) => ads,
        None if context.settings.until == Until::Published => {
            let rows = context.rows_of(&source);
            context.known_ads(&rows, &key.source_blake3, &state, reason.as_deref())?
        }
        None => Vec::new(),
    };
    let ItemRecord { video_id, attempts, .. } = record;
    Ok(Delivery { source, state, video_id, attempts, reason, ads, stopped, uploaded_now, posted_now: false })
}

/// An asset on its way to its ads.
pub(super) struct Shipment<'a> {
    pub(super) context: &'a Arc<Context>,
    pub(super) item: JournaledItem<'a>,
    /// `None` while the ads were not reached.
    ads: Option<Vec<AdDelivery>>,
}

impl Shipment<'_> {
    async fn drive(&mut self) -> Result<(DeliveryState, Option<String>), Abort> {
        // The loop ends: each step advances the state, and each step back uses up an encode mode.
        loop {
            self.context.check_running()?;
            let step = match (&self.item.record.state, &self.item.record.video_id) {
                (DeliveryState::GivenUp, video) => self.poll_given_up(video.clone()).await?,
                (_, None) => self.upload_step().await?,
                (
                    state @ (DeliveryState::Ready | DeliveryState::Publishing | DeliveryState::Published),
                    _,
                ) => {
                    if self.context.settings.until < Until::Published {
                        return Ok((state.clone(), None));
                    }
                    self.publish_step().await?
                }
                (_, Some(video)) => {
                    if self.context.settings.until == Until::Uploaded {
                        return Ok((DeliveryState::Uploaded, None));
                    }
                    let video = video.clone();
                    self.poll_step(&video).await?
                }
            };
            if let StepOutcome::End(state, reason) = step {
                return Ok((state, reason));
            }
        }
    }

    async fn upload_step(&mut self) -> Result<StepOutcome, Abort> {
        match self.item.earlier_upload()? {
            EarlierUpload::Unsent => {}
            EarlierUpload::Known(upload) => return self.item.uploaded(upload),
            EarlierUpload::Unknown(effect) => {
                let lock = self.context.lock_for(&effect.key);
                let _one_at_a_time = lock.lock().await;
                if let Some(upload) = self.context.reconcile_upload(&effect, false).await? {
                    return self.item.uploaded(upload);
                }
            }
        }
        if let Some(end) = self.end_without_use().await? {
            return Ok(end);
        }
        let asset = match self.item.prepare().await? {
            Ok(asset) => asset,
            Err(outcome) => return Ok(outcome),
        };
        let source = &self.item.source;
        let effect = self.context.upload_effect(&asset, source, self.item.record.encode_mode);
        self.item.begin_upload(&asset, &effect)?;
        let upload = self.context.upload(&asset, &self.item.source, &effect, self.item.retrying).await?;
        self.item.uploaded(upload)
    }

    async fn poll_step(&mut self, video: &str) -> Result<StepOutcome, Abort> {
        let settings = &self.context.settings;
        if self.item.record.state != DeliveryState::Processing {
            self.item.enter(DeliveryState::Processing, None)?;
        }
        let limit = settings.poll_deadline;
        match self.context.await_ready(video, &self.md5(), limit, self.item.just_uploaded).await? {
            Readiness::Ready => {
                self.item.enter(DeliveryState::Ready, None)?;
                crash_point!(self.context.crash, "item.ready");
                Ok(StepOutcome::Continue)
            }
            Readiness::TimedOut(reason) if settings.retry_slow => self.item.next_encode_mode(&reason),
            // Slow is not failed: it is neither encoded nor uploaded again.
            Readiness::TimedOut(reason) | Readiness::NoAnswer(reason) => {
                let reason = format!("{reason}; run the same command again to look again");
                self.item.finish(DeliveryState::Unconfirmed, Some(reason))
            }
        }
    }

    /// Polls a video that was given up once more, without an upload: it may have become ready late.
    async fn poll_given_up(&mut self, video: Option<String>) -> Result<StepOutcome, Abort> {
        let readiness = match video {
            Some(video) => Some(self.context.await_ready(&video, &self.md5(), Duration::ZERO, false).await?),
            None => None,
        };
        match readiness {
            Some(Readiness::Ready) => {
                self.item.enter(DeliveryState::Ready, None)?;
                Ok(StepOutcome::Continue)
            }
            // The journal keeps what it knows.
            Some(Readiness::NoAnswer(reason)) => {
                Ok(StepOutcome::End(DeliveryState::Unconfirmed, Some(reason)))
            }
            Some(Readiness::TimedOut(_)) | None if self.item.can_retry() => self.item.retry(),
            Some(Readiness::TimedOut(_)) | None => {
                Ok(StepOutcome::End(DeliveryState::GivenUp, self.item.record.reason.clone()))
            }
        }
    }

    pub(super) fn md5(&self) -> String {
        let sent = self.item.record.artifact.as_ref().map(|artifact| artifact.md5.clone());
        sent.unwrap_or_else(|| self.item.first_asset.content().md5.clone())
    }

    /// Ends the delivery before an upload that no row could use: each row has an ad with another video already, or
    /// its landing page does not answer.
    async fn end_without_use(&mut self) -> Result<Option<StepOutcome>, Abort> {
        let rows = self.context.rows_of(&self.item.source);
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
        self.ads = Some(ads);
        let reason = "not uploaded, because none of its ads can be created";
        Ok(Some(StepOutcome::End(DeliveryState::Failed, Some(reason.to_owned()))))
    }

    async fn publish_step(&mut self) -> Result<StepOutcome, Abort> {
        let rows = self.context.rows_of(&self.item.source);
        let mut ads = Vec::new();
        for row in rows.iter().filter(|row| super::preflight::is_ad(row)) {
            match self.publish(row).await? {
                PublishOutcome::Ad(ad) => ads.push(ad),
                PublishOutcome::BadVideo(reason) => return self.item.next_encode_mode(&reason),
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
        if recorded != self.item.record.state || reason != self.item.record.reason {
            self.item.enter(recorded, reason.clone())?;
            crash_point!(self.context.crash, "item.published");
        }
        self.ads = Some(ads);
        Ok(StepOutcome::End(state, reason))
    }
}
