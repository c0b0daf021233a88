//! One asset from the validated file to its ads, taken up wherever an earlier run left it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::crash::crash_point;
use super::engine::{Abort, Context};
use super::journal::{Artifact, EffectState, ItemKey, ItemRecord, JournalError, destination_key};
use super::polling::Verdict;
use super::publish::{Published, unshipped};
use super::request::{Prepared, Until};
use super::upload::{Upload, given_up};
use super::{AdDelivery, Delivery, DeliveryState, PrepareError, ShipEvent};
use crate::rules::ValidatedAsset;

/// Drives one file to its end and reports it.
pub(super) async fn deliver(context: Arc<Context>, prepared: Prepared) -> Result<Delivery, JournalError> {
    let Prepared { source, source_blake3, result } = prepared;
    let rows = context.rows_of(&source);
    let asset = match result {
        Ok(asset) => asset,
        Err(reason) => {
            let state = DeliveryState::Failed;
            let ads = unshipped(&rows, &state, Some(&reason));
            return Ok(Delivery { source, state, video_id: None, attempts: 0, reason: Some(reason), ads });
        }
    };
    let key = ItemKey {
        source_blake3,
        profile_hash: asset.profile_hash().to_owned(),
        destination: destination_key(context.platform.origin(), context.platform.advertiser_id()),
    };
    // Two files of the same bytes are one asset.
    let lock = context.lock_of(&format!("{}|{}|{}", key.source_blake3, key.profile_hash, key.destination));
    let _one_at_a_time = lock.lock().await;
    let item = context.journal.item(&key)?.unwrap_or_else(|| ItemRecord {
        source: source.clone(),
        artifact: None,
        recipe: 1,
        effect_key: None,
        state: DeliveryState::Validated,
        video_id: None,
        attempts: 0,
        reason: None,
        history: Vec::new(),
    });
    let mut shipment =
        Shipment { context: &context, key, item, source, first: asset, polled: Duration::ZERO, fresh: false };
    let ended = match shipment.drive().await {
        Ok(ended) => ended,
        Err(Abort::Journal(error)) => return Err(error),
        Err(Abort::Stopped) => {
            let reason = context.stop_reason().map(|stop| stop.reason());
            End { state: shipment.item.state.clone(), reason, ads: None }
        }
    };
    let ads = match ended.ads {
        Some(ads) => ads,
        None if context.settings.until == Until::Published => shipment.ads_so_far(&ended)?,
        None => Vec::new(),
    };
    let Shipment { item, source, .. } = shipment;
    Ok(Delivery {
        source,
        state: ended.state,
        video_id: item.video_id,
        attempts: item.attempts,
        reason: ended.reason,
        ads,
    })
}

struct End {
    state: DeliveryState,
    reason: Option<String>,
    /// `None` when the ads were not come to.
    ads: Option<Vec<AdDelivery>>,
}

/// An asset under way.
pub(super) struct Shipment<'a> {
    pub(super) context: &'a Arc<Context>,
    pub(super) key: ItemKey,
    pub(super) item: ItemRecord,
    pub(super) source: PathBuf,
    /// The file by the first recipe: also the picture that a cover is taken from.
    pub(super) first: ValidatedAsset,
    polled: Duration,
    fresh: bool,
}

/// What a step led to.
enum Step {
    On,
    End(End),
}

impl Shipment<'_> {
    async fn drive(&mut self) -> Result<End, Abort> {
        // Bounded: each turn moves on, and each way back uses up a recipe.
        loop {
            self.context.go_on()?;
            let step = match (&self.item.state, &self.item.video_id) {
                (DeliveryState::GivenUp, video) => self.look_once_more(video.clone()).await?,
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
            if let Step::End(end) = step {
                return Ok(end);
            }
        }
    }

    fn end(&self, state: DeliveryState, reason: Option<String>) -> End {
        End { state, reason, ads: None }
    }

    /// Writes the state down, then tells.
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

    fn finish(&mut self, state: DeliveryState, reason: Option<String>) -> Result<Step, Abort> {
        self.record(state.clone(), reason.clone())?;
        Ok(Step::End(self.end(state, reason)))
    }

    async fn upload_step(&mut self) -> Result<Step, Abort> {
        if let Some(step) = self.settle_earlier_upload().await? {
            return Ok(step);
        }
        let asset = match self.file().await? {
            Ok(asset) => asset,
            Err(PrepareError::Refused(reason)) => return self.give_up(Some(reason)),
            Err(PrepareError::Failed(reason)) => return self.finish(DeliveryState::Failed, Some(reason)),
        };
        let effect = self.context.upload_effect(&asset, &self.source, self.item.recipe);
        let content = asset.content();
        self.item.artifact = Some(Artifact {
            path: asset.path().to_owned(),
            blake3: content.blake3.clone(),
            md5: content.md5.clone(),
            size_bytes: content.size_bytes,
        });
        self.item.effect_key = Some(effect.key());
        self.item.attempts = self.item.attempts.max(self.item.recipe);
        self.record(DeliveryState::Uploading, None)?;
        let upload = self.context.upload(&asset, &self.source, &effect).await?;
        self.uploaded(upload).await
    }

    /// An upload that an earlier run left in doubt is settled from what the journal has: the file
    /// may be gone, or may have come out otherwise this time.
    async fn settle_earlier_upload(&mut self) -> Result<Option<Step>, Abort> {
        let Some(key) = self.item.effect_key.clone() else { return Ok(None) };
        let Some(record) = self.context.journal.effect(&key)? else { return Ok(None) };
        let upload = match record.state {
            EffectState::Intent | EffectState::NotDone if record.abandoned => {
                Some(Upload::BadFile(given_up(&record)))
            }
            EffectState::Intent | EffectState::NotDone => None,
            EffectState::Done => record.receipt.map(Upload::Done),
            EffectState::Sent | EffectState::Unknown => {
                let lock = self.context.lock_of(&key);
                let _one_at_a_time = lock.lock().await;
                self.context.settle_upload(&record).await?
            }
        };
        match upload {
            Some(upload) => Ok(Some(self.uploaded(upload).await?)),
            None => Ok(None),
        }
    }

    async fn uploaded(&mut self, upload: Upload) -> Result<Step, Abort> {
        match upload {
            Upload::Done(id) => {
                self.item.video_id = Some(id);
                self.fresh = true;
                self.record(DeliveryState::Uploaded, None)?;
                Ok(Step::On)
            }
            Upload::BadFile(reason) => self.next_recipe(reason),
            Upload::Refused(reason) => self.finish(DeliveryState::Failed, Some(reason)),
            Upload::Unsettled(reason) => self.finish(DeliveryState::Unconfirmed, Some(reason)),
        }
    }

    async fn file(&mut self) -> Result<Result<ValidatedAsset, PrepareError>, Abort> {
        let recipe = self.item.recipe;
        if recipe == 1 {
            return Ok(Ok(self.first.clone()));
        }
        crash_point!(self.context.crash, "recipe.before_make");
        let (maker, source) = (self.context.maker.clone(), self.source.clone());
        let made = self.context.blocking(move || maker.make(&source, recipe)).await?;
        crash_point!(self.context.crash, "recipe.after_make");
        Ok(made)
    }

    async fn poll_step(&mut self, video: &str) -> Result<Step, Abort> {
        let settings = &self.context.settings;
        let left = settings.poll_deadline.saturating_sub(self.polled);
        let limit = settings.attempt_deadline.min(left);
        let cut_short = limit < settings.attempt_deadline;
        if self.item.state != DeliveryState::Processing {
            self.record(DeliveryState::Processing, None)?;
        }
        let started = tokio::time::Instant::now();
        let verdict = self.context.await_ready(video, &self.md5(), limit, self.fresh).await?;
        // The last answer's own time is not the platform's: it must not shorten the next attempt.
        self.polled += started.elapsed().min(limit);
        match verdict {
            Verdict::Ready => {
                self.record(DeliveryState::Ready, None)?;
                crash_point!(self.context.crash, "item.ready");
                Ok(Step::On)
            }
            Verdict::Late(reason) if cut_short => {
                let reason = format!("{reason}; the poll deadline is reached, run again to go on");
                self.finish(DeliveryState::Unconfirmed, Some(reason))
            }
            Verdict::Late(reason) => self.next_recipe(reason),
        }
    }

    /// A late video is still a video: before anything is given up for good, one look, no upload.
    async fn look_once_more(&mut self, video: Option<String>) -> Result<Step, Abort> {
        let end = |it: &Self| Step::End(it.end(DeliveryState::GivenUp, it.item.reason.clone()));
        let Some(video) = video else {
            return if self.may_try_again() { self.reopen() } else { Ok(end(self)) };
        };
        match self.context.await_ready(&video, &self.md5(), Duration::ZERO, false).await? {
            Verdict::Late(_) if self.may_try_again() => self.reopen(),
            Verdict::Late(_) => Ok(end(self)),
            Verdict::Ready => {
                self.record(DeliveryState::Ready, None)?;
                Ok(Step::On)
            }
        }
    }

    /// Whether it was given up because its attempts were used up, and more are allowed by now. One that was
    /// given up for want of a recipe has no reason on record for its last.
    fn may_try_again(&self) -> bool {
        let (recipe, told) = (self.item.recipe, self.item.history.len());
        told as u64 >= u64::from(recipe) && recipe < self.context.settings.attempts
    }

    /// Goes on with the next recipe; the reason for the last one is on record already.
    fn reopen(&mut self) -> Result<Step, Abort> {
        let reason = self.item.history.last().cloned();
        self.begin_anew(reason)
    }

    pub(super) fn md5(&self) -> String {
        let sent = self.item.artifact.as_ref().map(|artifact| artifact.md5.clone());
        sent.unwrap_or_else(|| self.first.content().md5.clone())
    }

    fn next_recipe(&mut self, reason: String) -> Result<Step, Abort> {
        let recipe = self.item.recipe;
        self.item.history.push(format!("attempt {recipe}: {reason}"));
        if recipe >= self.context.settings.attempts {
            return self.give_up(None);
        }
        self.begin_anew(Some(reason))
    }

    fn begin_anew(&mut self, reason: Option<String>) -> Result<Step, Abort> {
        self.item.recipe += 1;
        self.item.video_id = None;
        self.item.effect_key = None;
        self.item.artifact = None;
        self.fresh = false;
        self.record(DeliveryState::Failed, reason)?;
        Ok(Step::On)
    }

    fn give_up(&mut self, because: Option<String>) -> Result<Step, Abort> {
        let told: Vec<String> = self.item.history.iter().cloned().chain(because).collect();
        self.finish(DeliveryState::GivenUp, Some(told.join("; ")))
    }

    async fn publish_step(&mut self) -> Result<Step, Abort> {
        let rows = self.context.rows_of(&self.source);
        let mut ads = Vec::new();
        for row in rows.iter().filter(|row| super::preflight::is_ad(row)) {
            match self.publish(row).await? {
                Published::Ad(ad) => ads.push(ad),
                Published::BadVideo(reason) => return self.next_recipe(reason),
            }
        }
        let open = ads.iter().filter(|ad| ad.state != DeliveryState::Published).count();
        let state = match ads.iter().map(|ad| &ad.state).find(|state| **state != DeliveryState::Published) {
            None if ads.is_empty() => DeliveryState::Ready,
            None => DeliveryState::Published,
            Some(DeliveryState::Unconfirmed) => DeliveryState::Unconfirmed,
            Some(_) => DeliveryState::Failed,
        };
        let reason = (open > 0).then(|| format!("{open} of {} ads are not published", ads.len()));
        // In the journal the video stays ready, whatever became of its ads.
        let kept = if open > 0 { DeliveryState::Publishing } else { state.clone() };
        if kept != self.item.state || reason != self.item.reason {
            self.record(kept, reason.clone())?;
            crash_point!(self.context.crash, "item.published");
        }
        Ok(Step::End(End { state, reason, ads: Some(ads) }))
    }

    /// The rows of an asset whose ads were not come to in this run.
    fn ads_so_far(&self, end: &End) -> Result<Vec<AdDelivery>, JournalError> {
        let rows = self.context.rows_of(&self.source);
        let mut ads = unshipped(&rows, &end.state, Some("its video is not ready"));
        for (ad, row) in ads.iter_mut().zip(rows.iter().filter(|row| super::preflight::is_ad(row))) {
            if let Some(record) = self.context.journal.ad(&self.ad_key(row))?
                && record.state == DeliveryState::Published
            {
                *ad = AdDelivery { row: row.row, state: record.state, ad_id: record.ad_id, reason: None };
            }
        }
        Ok(ads)
    }
}
