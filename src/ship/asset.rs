//! Delivers one asset, from the validated file to its publications; resumes where an earlier run stopped.

use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::crash_points::crash_point;
use super::effect::{Sending, Subject};
use super::journal::{Effect, ItemKey, ItemRecord, JournalError, PublicationRecord};
use super::journaled_item::{EarlierUpload, JournaledItem, StepOutcome};
use super::poller::Readiness;
use super::publications::PublishOutcome;
use super::request::{Prepared, Until};
use super::row_problem::{RowProblem, changed_row};
use super::shipment::Shipment;
use super::stop::{Abort, StopReason};
use super::upload_name::upload_name;
use super::{Delivery, DeliveryState, PrepareError, RowDelivery};
use crate::model::count;
use crate::platform::{EffectKind, Failure, FailureMeaning, Mutation, Row};
use crate::rules::ValidatedAsset;

/// The most uploads of one asset in one run that may fail for reasons unrelated to the file.
const MAX_UNRELATED_FAILURES: u32 = 3;

/// Delivers one file and returns its report.
pub(super) async fn deliver(context: Arc<Context>, prepared: Prepared) -> Result<Delivery, JournalError> {
    let Prepared { source, source_blake3, profile_hash, result } = prepared;
    let key = ItemKey { source_blake3, profile_hash, destination: context.destination_key() };
    let rows = context.rows_of(&source);
    let allowed = result.and_then(|asset| {
        let mut rows = rows.iter();
        rows.try_for_each(|row| context.destination.allows(&asset, row)).map_err(PrepareError::Refused)?;
        Ok(asset)
    });
    let asset = match allowed {
        Ok(asset) => asset,
        Err(error) => return context.unprepared(source, &rows, &key, error),
    };
    // Two files with the same bytes are one asset.
    let lock = context.lock_for(&format!("{}|{}|{}", key.source_blake3, key.profile_hash, key.destination));
    let _one_at_a_time = lock.lock().await;
    context.plan_publications(&rows, &key)?;
    let item = JournaledItem::new(&context, key, source, asset)?;
    let mut shipment = Shipment {
        context: &context,
        item,
        rows,
        deliveries: None,
        unrelated_failures: 0,
        published_now: false,
    };
    let mut stopped = false;
    let (state, reason) = match shipment.drive().await {
        Ok(end) => end,
        Err(Abort::Journal(error)) => return Err(error),
        Err(Abort::Stopped) => {
            stopped = true;
            (shipment.item.record.state.clone(), context.stop_reason().map(|stop| stop.message()))
        }
    };
    shipment.report(state, reason, stopped)
}

impl Shipment<'_> {
    async fn drive(&mut self) -> Result<(DeliveryState, Option<String>), Abort> {
        // The loop ends: each step advances the state, and each step back uses up an encode mode.
        loop {
            self.context.check_running()?;
            let until = self.context.settings.until;
            let with_upload = self.context.publishes_with_upload();
            let step = match (&self.item.record.state, self.item.record.video_id.clone()) {
                (DeliveryState::GivenUp, video) => self.poll_given_up(video).await?,
                (DeliveryState::Published, _) if with_upload => {
                    StepOutcome::End(DeliveryState::Published, self.item.record.reason.clone())
                }
                (_, None) => self.upload_step().await?,
                (
                    state @ (DeliveryState::Ready | DeliveryState::Publishing | DeliveryState::Published),
                    _,
                ) => {
                    if until < Until::Published {
                        return Ok((state.clone(), None));
                    }
                    self.publish_step().await?
                }
                (_, Some(_)) if until == Until::Uploaded => StepOutcome::End(DeliveryState::Uploaded, None),
                (_, Some(video)) => self.poll_step(&video).await?,
            };
            if let StepOutcome::End(state, reason) = step {
                return Ok((state, reason));
            }
        }
    }

    fn upload_kind(&self) -> EffectKind {
        if self.context.publishes_with_upload() { EffectKind::Post } else { EffectKind::Upload }
    }

    async fn upload_step(&mut self) -> Result<StepOutcome, Abort> {
        let context = self.context;
        match self.item.earlier_upload()? {
            EarlierUpload::Unsent => {}
            EarlierUpload::Known(upload) => return self.item.uploaded(upload),
            EarlierUpload::Unknown(record) => {
                let lock = context.lock_for(&record.key);
                let _one_at_a_time = lock.lock().await;
                let subject = Subject { kind: self.upload_kind(), scope: "", video_id: None };
                if let Some(upload) = context.reconcile(subject, &record, false).await? {
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
        let effect = self.upload_effect(&asset);
        self.item.begin_upload(&asset, &effect)?;
        let unrowed = Row::new(0, &self.item.source);
        let mutation = Mutation::Upload { asset: &asset, row: self.rows.first().unwrap_or(&unrowed) };
        let sending = Sending { source: &self.item.source, anew: self.item.retrying };
        let upload = context.execute(&effect, &mutation, sending).await?;
        self.item.uploaded(upload)
    }

    /// Returns the effect of uploading an asset.
    fn upload_effect(&self, asset: &ValidatedAsset) -> Effect {
        let (content, encode_mode) = (asset.content(), self.item.record.encode_mode);
        let stem = self.item.source.file_stem().unwrap_or_default().to_string_lossy();
        let platform = self.context.platform();
        let extension = asset.path().extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let named = (&*stem, platform.upload_extension(&extension));
        Effect {
            kind: self.upload_kind(),
            origin: self.context.destination.origin().to_owned(),
            account: self.context.destination.account().to_owned(),
            scope: String::new(),
            name: upload_name(named, &content.blake3, encode_mode, platform.max_name_chars()),
            content: content.blake3.clone(),
            md5: Some(content.md5.clone()),
            size_bytes: Some(content.size_bytes),
            encode_mode,
        }
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
            Readiness::Published { id, note } => {
                self.published(id.unwrap_or_else(|| video.to_owned()), note.map(str::to_owned))
            }
            Readiness::Failed(failure) => self.failed(failure),
            // A post may still appear, so that it is not sent again.
            Readiness::TimedOut(reason) if settings.retry_slow && !self.context.publishes_with_upload() => {
                self.item.next_encode_mode(&reason)
            }
            // Slow is not failed: it is neither encoded nor uploaded again.
            Readiness::TimedOut(reason) | Readiness::NoAnswer(reason) => {
                let reason = format!("{reason}; run the same command again to look again");
                self.item.finish(DeliveryState::Unconfirmed, Some(reason))
            }
        }
    }

    /// Handles an upload that the platform accepted and then reports as failed.
    fn failed(&mut self, failure: Failure) -> Result<StepOutcome, Abort> {
        let Failure { reason, meaning, advice } = failure;
        if meaning == FailureMeaning::BadMedia {
            return self.item.next_encode_mode(&reason);
        }
        // The reason is unrelated to the bytes: they may be sent again, now or by a later run.
        let key = self.item.record.effect_key.as_deref();
        if let Some(record) = key.map(|key| self.context.journal.effect(key)).transpose()?.flatten() {
            self.context.undo(self.upload_kind(), &record, &reason)?;
        }
        self.item.record.video_id = None;
        self.unrelated_failures += 1;
        match meaning {
            FailureMeaning::NoAccess => {
                self.item.enter(DeliveryState::Failed, Some(reason.clone()))?;
                self.context.request_stop(StopReason::Auth(format!("the post failed with {reason}")));
                Err(Abort::Stopped)
            }
            FailureMeaning::MayRepeat if self.unrelated_failures < MAX_UNRELATED_FAILURES => {
                self.item.enter(DeliveryState::Failed, Some(reason))?;
                Ok(StepOutcome::Continue)
            }
            _ => {
                let advice = if advice.is_empty() { String::new() } else { format!("; {advice}") };
                let reason = format!("the platform refused the video: {reason}{advice}");
                self.item.finish(DeliveryState::Failed, Some(reason))
            }
        }
    }

    /// Records a video that its upload published.
    fn published(&mut self, id: String, note: Option<String>) -> Result<StepOutcome, Abort> {
        for row in self.rows.iter().filter(|row| row.row > 0) {
            let Some(key) = self.context.publication_key(row, &self.item.key.source_blake3) else { continue };
            let record = PublicationRecord {
                state: DeliveryState::Published,
                id: Some(id.clone()),
                effect_key: self.item.record.effect_key.clone(),
                ..PublicationRecord::new(self.context.platform().digest(row, ""))
            };
            self.context.journal.put_publication(&key, &record)?;
        }
        self.published_now = true;
        let end = self.item.finish(DeliveryState::Published, note)?;
        crash_point!(self.context.crash, "post.published");
        Ok(end)
    }

    /// Polls a video that was given up once more, without an upload: it may have become ready late.
    async fn poll_given_up(&mut self, video: Option<String>) -> Result<StepOutcome, Abort> {
        let readiness = match video.filter(|_| !self.context.publishes_with_upload()) {
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
            _ if self.item.can_retry() => self.item.retry(),
            _ => Ok(StepOutcome::End(DeliveryState::GivenUp, self.item.record.reason.clone())),
        }
    }

    /// Ends the delivery before an upload that no row could use: each row was published with another video already,
    /// or its landing page does not answer.
    async fn end_without_use(&mut self) -> Result<Option<StepOutcome>, Abort> {
        let platform = self.context.platform();
        let asks = |row: &Row| platform.publication(row).is_some();
        if self.context.publishes_with_upload() || self.rows.is_empty() || !self.rows.iter().all(asks) {
            return Ok(None);
        }
        let mut deliveries = Vec::new();
        for row in &self.rows {
            match self.row_without_use(row).await? {
                Some(row) => deliveries.push(row),
                None => return Ok(None),
            }
        }
        self.deliveries = Some(deliveries);
        let reason = "not uploaded, because none of its ads can be created";
        Ok(Some(StepOutcome::End(DeliveryState::Failed, Some(reason.to_owned()))))
    }

    async fn publish_step(&mut self) -> Result<StepOutcome, Abort> {
        let mut deliveries = Vec::new();
        for row in self.rows.clone() {
            match self.publish(&row).await? {
                Some(PublishOutcome::Row(delivery)) => deliveries.push(delivery),
                Some(PublishOutcome::BadVideo(reason)) => return self.item.next_encode_mode(&reason),
                None => {}
            }
        }
        let unpublished = deliveries.iter().filter(|row| row.state != DeliveryState::Published).count();
        let state =
            match deliveries.iter().map(|row| &row.state).find(|state| **state != DeliveryState::Published) {
                None if deliveries.is_empty() => DeliveryState::Ready,
                None => DeliveryState::Published,
                Some(DeliveryState::Unconfirmed) => DeliveryState::Unconfirmed,
                Some(_) => DeliveryState::Failed,
            };
        let reason = (unpublished > 0).then(|| {
            format!("{unpublished} of {} not published", count(deliveries.len() as u64, "ad is", "ads are"))
        });
        // The journal keeps the video as ready, so that the next run continues with its publications.
        let recorded = if unpublished > 0 { DeliveryState::Publishing } else { state.clone() };
        if recorded != self.item.record.state || reason != self.item.record.reason {
            self.item.enter(recorded, reason.clone())?;
            crash_point!(self.context.crash, "item.published");
        }
        self.published_now = deliveries.iter().any(|row| row.created_now);
        self.deliveries = Some(deliveries);
        Ok(StepOutcome::End(state, reason))
    }

    fn report(
        self,
        state: DeliveryState,
        reason: Option<String>,
        stopped: bool,
    ) -> Result<Delivery, JournalError> {
        let context = self.context;
        let source_blake3 = &self.item.key.source_blake3;
        let mut rows = match self.deliveries {
            Some(deliveries) => deliveries,
            None if context.publishes_with_upload() => {
                let row =
                    |row| context.row_with_upload(row, source_blake3, (&state, &reason), self.published_now);
                self.rows.iter().map(row).collect::<Result<_, _>>()?
            }
            None if context.settings.until == Until::Published => {
                context.known_rows(&self.rows, source_blake3, &state, reason.as_deref())?
            }
            None => Vec::new(),
        };
        // A video without a row of the manifest is told by the state of its file.
        rows.retain(|row| row.row > 0);
        let JournaledItem { record: ItemRecord { video_id, attempts, .. }, source, uploaded_now, .. } =
            self.item;
        let published_now = self.published_now;
        Ok(Delivery { source, state, video_id, attempts, reason, rows, stopped, uploaded_now, published_now })
    }
}

impl Context {
    /// Returns the delivery of a row whose publication is the upload.
    fn row_with_upload(
        &self,
        row: &Row,
        source_blake3: &str,
        (state, reason): (&DeliveryState, &Option<String>),
        created_now: bool,
    ) -> Result<RowDelivery, JournalError> {
        let is_published = *state == DeliveryState::Published;
        let key = self.publication_key(row, source_blake3).filter(|_| is_published);
        let known = key.map(|key| self.journal.publication(&key)).transpose()?.flatten();
        let id = known.as_ref().and_then(|known| known.id.clone());
        let delivery = RowDelivery::new(row.row, state.clone(), id, reason.clone());
        let delivery = RowDelivery { created_now, awaits_video: !is_published, ..delivery };
        Ok(match known.filter(|known| known.field_digest != self.platform().digest(row, "")) {
            Some(_) => delivery.with_problem(RowProblem::RowChanged, changed_row(self.platform())),
            None => delivery,
        })
    }
}
