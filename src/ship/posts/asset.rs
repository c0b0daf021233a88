//! Delivers one asset, from the validated file to its post; resumes where an earlier run stopped.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Abort, Context};
use crate::platform::{NewPost, PostMode};
use crate::rules::ValidatedAsset;
use crate::ship::crash_points::crash_point;
use crate::ship::journal::{
    AdKey, AdRecord, EffectState, ItemKey, ItemRecord, JournalError, destination_key,
};
use crate::ship::journaled_item::{AttemptLimit, EarlierUpload, JournaledItem, StepOutcome};
use crate::ship::manifest::AdRow;
use crate::ship::request::{Prepared, Until};
use crate::ship::row_problems::{CHANGED_POST, RowProblem};
use crate::ship::unreached::{not_prepared, nothing_sent, waiting_ad};
use crate::ship::{AdDelivery, Delivery, DeliveryState, PrepareError};

/// Delivers one file and returns its report.
pub(super) async fn deliver(context: Arc<Context>, prepared: Prepared) -> Result<Delivery, JournalError> {
    let Prepared { source, source_blake3, profile_hash, result } = prepared;
    let row = context.row_of(&source);
    let destination = destination_key(context.platform.origin(), &context.account());
    let key = ItemKey { source_blake3, profile_hash, destination };
    let ready = result.and_then(|asset| {
        let post = context.post_of(row.as_ref(), &asset).map_err(PrepareError::Refused)?;
        Ok((asset, post))
    });
    let (asset, post) = match ready {
        Ok(ready) => ready,
        Err(error) => return context.unprepared(source, row.as_ref(), &key, error),
    };
    // Two files with the same bytes are one post.
    let lock = context.lock_for(&format!("{}|{}", key.source_blake3, key.destination));
    let _one_at_a_time = lock.lock().await;
    let limit = AttemptLimit { attempts: context.attempts, retry: &context.retry };
    let item = JournaledItem::new(&context, key, source, asset, limit)?;
    let mut posting = Posting {
        context: &context,
        item,
        post,
        row,
        post_id: None,
        unrelated_failures: 0,
        created_now: false,
    };
    let mut stopped = false;
    let (state, reason) = match posting.drive().await {
        Ok(end) => end,
        Err(Abort::Journal(error)) => return Err(error),
        Err(Abort::Stopped) => {
            stopped = true;
            (posting.item.record.state.clone(), context.stop_reason().map(|stop| stop.message()))
        }
    };
    Ok(Delivery { stopped, ..posting.report(state, reason)? })
}

impl Context {
    /// Reports a file for which nothing is sent in this run, because it was not prepared.
    fn unprepared(
        &self,
        source: PathBuf,
        row: Option<&AdRow>,
        key: &ItemKey,
        error: PrepareError,
    ) -> Result<Delivery, JournalError> {
        let item = self.journal.item(key)?;
        let stopped = error == PrepareError::Cancelled;
        let (state, reason) = not_prepared(error, item.as_ref());
        if state == DeliveryState::Refused {
            self.journal.record_refusal(key, &source, &reason)?;
        }
        let ads = row.iter().map(|row| waiting_ad(row, &state, &reason)).collect();
        Ok(nothing_sent(source, item, (state, reason), ads, stopped))
    }

    /// Returns the post to create. Refuses what the creator's account does not allow before anything is sent.
    fn post_of(&self, row: Option<&AdRow>, asset: &ValidatedAsset) -> Result<NewPost, String> {
        let limit = self.creator.max_duration_s;
        let too_long = limit.zip(asset.duration_s()).filter(|(max, seconds)| *seconds > *max as f64);
        if let Some((max, seconds)) = too_long {
            return Err(format!("the video lasts {seconds:.1} s; this account may post at most {max} s"));
        }
        let Some(row) = row else {
            return match self.mode {
                PostMode::Inbox => Ok(NewPost { mode: PostMode::Inbox, ..NewPost::default() }),
                PostMode::Direct => Err("a direct post needs a manifest row with a privacy_level".to_owned()),
            };
        };
        let post = super::preflight::new_post(row, self.mode).map_err(|problems| {
            let messages: Vec<String> =
                problems.into_iter().map(|(field, message)| format!("{field}: {message}")).collect();
            messages.join("; ")
        })?;
        let offered = &self.creator.privacy_levels;
        if self.mode == PostMode::Direct && !offered.is_empty() && !offered.contains(&post.privacy_level) {
            let (level, levels) = (&post.privacy_level, offered.join(", "));
            return Err(format!(
                "privacy_level {level} is not available for this account; available: {levels}"
            ));
        }
        Ok(post)
    }
}

/// A post in delivery.
pub(super) struct Posting<'a> {
    pub(super) context: &'a Arc<Context>,
    pub(super) item: JournaledItem<'a>,
    post: NewPost,
    row: Option<AdRow>,
    post_id: Option<String>,
    /// Posts that failed in this run for reasons unrelated to the file.
    pub(super) unrelated_failures: u32,
    /// Whether the post was created in this run.
    created_now: bool,
}

impl Posting<'_> {
    async fn drive(&mut self) -> Result<(DeliveryState, Option<String>), Abort> {
        // The loop ends: each step advances the state, and each step back uses up an encode mode.
        loop {
            self.context.check_running()?;
            let record = &self.item.record;
            let step = match (&record.state, record.video_id.clone()) {
                (DeliveryState::GivenUp, _) if self.item.can_retry() => self.item.retry()?,
                (DeliveryState::GivenUp | DeliveryState::Published, _) => {
                    StepOutcome::End(record.state.clone(), record.reason.clone())
                }
                (_, None) => self.upload_step().await?,
                (_, Some(_)) if self.context.until == Until::Uploaded => {
                    StepOutcome::End(DeliveryState::Uploaded, None)
                }
                (_, Some(publish_id)) => self.wait_step(&publish_id).await?,
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
                if let Some(upload) = self.context.reconcile(&effect, false).await? {
                    return self.item.uploaded(upload);
                }
            }
        }
        let asset = match self.item.prepare().await? {
            Ok(asset) => asset,
            Err(outcome) => return Ok(outcome),
        };
        let effect = self.context.effect(&asset, &self.item.source, self.item.record.encode_mode);
        if self.item.retrying {
            self.undo_done(&effect.key(), "retried on request")?;
        }
        self.item.begin_upload(&asset, &effect)?;
        let upload = self.context.upload(&asset, &self.post, &self.item.source, &effect).await?;
        self.item.uploaded(upload)
    }

    /// Marks the effect as not done, unless a run that was killed already did.
    pub(super) fn undo_effect(&self, reason: &str) -> Result<(), Abort> {
        let Some(key) = self.item.record.effect_key.clone() else { return Ok(()) };
        self.undo_done(&key, reason)
    }

    fn undo_done(&self, key: &str, reason: &str) -> Result<(), Abort> {
        let record = self.context.journal.effect(key)?;
        if record.is_some_and(|record| record.state == EffectState::Done) {
            self.context.journal.undo_post(key, reason)?;
            crash_point!(self.context.crash, "post.after_undo");
        }
        Ok(())
    }

    pub(super) fn published(&mut self, post_id: String, note: Option<String>) -> Result<StepOutcome, Abort> {
        if let Some(row) = &self.row {
            let ad = AdRecord {
                field_digest: digest(row),
                state: DeliveryState::Published,
                ad_id: Some(post_id.clone()),
                image_id: None,
                effect_key: self.item.record.effect_key.clone(),
                reason: None,
            };
            self.context.journal.put_ad(&self.post_key(), &ad)?;
        }
        self.post_id = Some(post_id);
        self.created_now = true;
        let end = self.item.finish(DeliveryState::Published, note)?;
        crash_point!(self.context.crash, "post.published");
        Ok(end)
    }

    /// Returns the key of the post's record in the journal.
    fn post_key(&self) -> AdKey {
        AdKey {
            origin: self.context.platform.origin().to_owned(),
            advertiser: self.context.account(),
            adgroup: super::POST_NAME.0.to_owned(),
            ad_name: super::POST_NAME.1.to_owned(),
            content: self.item.key.source_blake3.clone(),
        }
    }

    fn report(self, state: DeliveryState, reason: Option<String>) -> Result<Delivery, JournalError> {
        let known = self.context.journal.ad(&self.post_key())?;
        let ads = self.row.iter().map(|row| {
            let known = known.as_ref().filter(|_| state == DeliveryState::Published);
            let id = self.post_id.clone().or_else(|| known.and_then(|known| known.ad_id.clone()));
            let post = AdDelivery::new(row.row, state.clone(), id, reason.clone());
            let awaits_video = state != DeliveryState::Published;
            let delivery = AdDelivery { created_now: self.created_now, awaits_video, ..post };
            match known.filter(|known| known.field_digest != digest(row)) {
                Some(_) => delivery.with_problem(RowProblem::RowChanged, CHANGED_POST.to_owned()),
                None => delivery,
            }
        });
        let ads = ads.collect();
        let JournaledItem { record: ItemRecord { video_id, attempts, .. }, source, uploaded_now, .. } =
            self.item;
        Ok(Delivery {
            source,
            state,
            video_id,
            attempts,
            reason,
            ads,
            stopped: false,
            uploaded_now,
            posted_now: self.created_now,
        })
    }
}

/// Returns a digest of the columns of a post.
pub(in crate::ship) fn digest(row: &AdRow) -> String {
    let mut hasher = blake3::Hasher::new();
    for (_, text) in row.post.all() {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
