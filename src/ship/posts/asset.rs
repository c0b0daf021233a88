//! Delivers one asset, from the validated file to its post; resumes where an earlier run stopped.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::upload::class_of;
use super::{Abort, Context, StopReason};
use crate::plan::EncodeMode;
use crate::platform::post_fail_reasons::FAIL_REASONS;
use crate::platform::{CallError, Class, NewPost, PostMode, PostStatus};
use crate::rules::ValidatedAsset;
use crate::ship::backoff::{Backoff, Next};
use crate::ship::crash_points::crash_point;
use crate::ship::journal::{
    AdKey, AdRecord, Artifact, EffectState, ItemKey, ItemRecord, JournalError, destination_key,
};
use crate::ship::manifest::AdRow;
use crate::ship::read_clock::{ReadClock, format_span};
use crate::ship::request::{Prepared, Until};
use crate::ship::row_problems::{CHANGED_POST, RowProblem};
use crate::ship::run::telling_error;
use crate::ship::unreached::{not_prepared, nothing_sent, waiting_ad};
use crate::ship::upload::{UploadOutcome, abandon_reason};
use crate::ship::{AdDelivery, Delivery, DeliveryState, PrepareError, ShipEvent};

/// The longest wait between two polls: the limit is 30 status queries a minute per token.
const MAX_POLL_WAIT: Duration = Duration::from_secs(60);

/// The most posts of one asset in one run that may fail for reasons unrelated to the file.
const MAX_UNRELATED_FAILURES: u32 = 3;

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
    let item = context.journal.item(&key)?.unwrap_or_else(|| ItemRecord::new(source.clone()));
    let mut posting = Posting {
        context: &context,
        key,
        item,
        source,
        first_asset: asset,
        post,
        row,
        post_id: None,
        unrelated_failures: 0,
        retrying: false,
        uploaded_now: false,
        created_now: false,
    };
    let mut stopped = false;
    let (state, reason) = match posting.drive().await {
        Ok(end) => end,
        Err(Abort::Journal(error)) => return Err(error),
        Err(Abort::Stopped) => {
            stopped = true;
            (posting.item.state.clone(), context.stop_reason().map(|stop| stop.message()))
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

/// The state in which a delivery ends in this run, and the reason.
type DeliveryEnd = (DeliveryState, Option<String>);

/// A post in delivery.
struct Posting<'a> {
    context: &'a Arc<Context>,
    key: ItemKey,
    item: ItemRecord,
    source: PathBuf,
    first_asset: ValidatedAsset,
    post: NewPost,
    row: Option<AdRow>,
    post_id: Option<String>,
    /// Posts that failed in this run for reasons unrelated to the file.
    unrelated_failures: u32,
    /// Whether a post that was given up is made again on request.
    retrying: bool,
    /// Whether this run sent the upload.
    uploaded_now: bool,
    /// Whether the post was created in this run.
    created_now: bool,
}

impl Posting<'_> {
    async fn drive(&mut self) -> Result<DeliveryEnd, Abort> {
        // The loop ends: each step advances the state, and each step back uses up an encode mode.
        loop {
            self.context.check_running()?;
            let end = match (&self.item.state, self.item.video_id.clone()) {
                (DeliveryState::GivenUp, _)
                    if !self.retrying && self.context.retry.includes(&self.source) =>
                {
                    self.retrying = true;
                    self.item.history.clear();
                    self.begin_mode(EncodeMode::Planned, "retried on request".to_owned())?
                }
                (DeliveryState::GivenUp | DeliveryState::Published, _) => {
                    Some((self.item.state.clone(), self.item.reason.clone()))
                }
                (_, None) => self.upload_step().await?,
                (_, Some(_)) if self.context.until == Until::Uploaded => {
                    Some((DeliveryState::Uploaded, None))
                }
                (_, Some(publish_id)) => self.wait_step(&publish_id).await?,
            };
            if let Some(end) = end {
                return Ok(end);
            }
        }
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

    fn finish(&mut self, state: DeliveryState, reason: Option<String>) -> Result<Option<DeliveryEnd>, Abort> {
        self.record(state.clone(), reason.clone())?;
        Ok(Some((state, reason)))
    }

    async fn upload_step(&mut self) -> Result<Option<DeliveryEnd>, Abort> {
        if let Some(upload) = self.reconcile_earlier_upload().await? {
            return self.uploaded(upload);
        }
        let asset = match self.prepare_file().await? {
            Ok(asset) => asset,
            Err(PrepareError::Refused(reason)) => return self.give_up(Some(reason)),
            Err(PrepareError::Failed(reason) | PrepareError::Changed(reason)) => {
                return self.finish(DeliveryState::Failed, Some(reason));
            }
            Err(PrepareError::Cancelled) => return Err(self.context.cancelled()),
        };
        let effect = self.context.effect(&asset, &self.source, self.item.encode_mode);
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
        if self.retrying {
            self.undo_done(&effect.key(), "retried on request")?;
        }
        self.record(DeliveryState::Uploading, None)?;
        let upload = self.context.upload(&asset, &self.post, &self.source, &effect).await?;
        self.uploaded(upload)
    }

    /// Reconciles an upload of unknown outcome of an earlier run from the journal alone: the file may be gone, or
    /// may have other bytes now.
    async fn reconcile_earlier_upload(&mut self) -> Result<Option<UploadOutcome>, Abort> {
        let Some(key) = self.item.effect_key.clone() else { return Ok(None) };
        let Some(record) = self.context.journal.effect(&key)? else { return Ok(None) };
        Ok(match record.state {
            EffectState::Intent | EffectState::NotDone if record.abandoned => {
                Some(UploadOutcome::BadFile(abandon_reason(&record)))
            }
            EffectState::Intent | EffectState::NotDone => None,
            EffectState::Done => record.receipt.map(|id| UploadOutcome::Done { id, sent_now: false }),
            EffectState::Sent | EffectState::Unknown => {
                let lock = self.context.lock_for(&key);
                let _one_at_a_time = lock.lock().await;
                self.context.reconcile(&record, false).await?
            }
        })
    }

    fn uploaded(&mut self, upload: UploadOutcome) -> Result<Option<DeliveryEnd>, Abort> {
        match upload {
            UploadOutcome::Done { id, sent_now } => {
                self.item.video_id = Some(id);
                self.uploaded_now = sent_now;
                self.record(DeliveryState::Uploaded, None)?;
                Ok(None)
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
        let (preparer, source) = (self.context.preparer.clone(), self.source.clone());
        self.context.blocking(move || preparer.prepare(&source, encode_mode)).await
    }

    /// Polls until the platform posted the video. A late post may still appear, so it is not sent again.
    async fn wait_step(&mut self, publish_id: &str) -> Result<Option<DeliveryEnd>, Abort> {
        if self.item.state != DeliveryState::Processing {
            self.record(DeliveryState::Processing, None)?;
        }
        let limit = self.context.poll_deadline;
        let backoff = Backoff { first: self.context.first_poll, cap: MAX_POLL_WAIT, deadline: limit };
        let mut clock = ReadClock::new(Instant::now(), Duration::ZERO);
        let (mut tries, mut last_error) = (0, None::<CallError>);
        loop {
            let elapsed = match &last_error {
                None => clock.counted(),
                // A read that failed proves nothing: only silence for the whole deadline ends the wait.
                Some(_) => clock.silence(Instant::now()),
            };
            match backoff.next(tries, elapsed, 0.25 + 0.75 * fastrand::f64()) {
                Next::Wait(wait) => self.context.wait(wait).await?,
                Next::GiveUp => {
                    let after = format_span(limit);
                    let seen = match last_error {
                        None => format!("still processing after {after}"),
                        Some(error) => format!("its state could not be read for {after}: {error}"),
                    };
                    let reason = format!("{seen}; run the same command again to look again");
                    return self.finish(DeliveryState::Unconfirmed, Some(reason));
                }
            }
            crash_point!(self.context.crash, "poll.before");
            let asked = Instant::now();
            clock.asks(asked);
            let latest = clock.silent_at(limit, asked);
            let answer = self.context.read(latest, self.context.platform.status(publish_id)).await?;
            crash_point!(self.context.crash, "poll.after");
            tries += 1;
            match &answer {
                Ok(_) => clock.succeeded(asked),
                Err(_) => clock.failed(Instant::now()),
            }
            let before = last_error.take();
            match answer {
                Ok(PostStatus::Posted { post_ids }) => {
                    let id = post_ids.into_iter().next();
                    return self.published(id.unwrap_or_else(|| publish_id.to_owned()), None);
                }
                Ok(PostStatus::InInbox) => {
                    let note = "the draft is in the creator's inbox".to_owned();
                    return self.published(publish_id.to_owned(), Some(note));
                }
                Ok(PostStatus::Failed { reason }) => return self.failed(reason),
                Ok(PostStatus::Uploading { .. } | PostStatus::Processing) => {}
                Err(error) => last_error = Some(telling_error(before, error)),
            }
        }
    }

    /// Handles a post that the platform reports as failed.
    fn failed(&mut self, reason: String) -> Result<Option<DeliveryEnd>, Abort> {
        match class_of(&reason) {
            Class::ReEncode => self.next_encode_mode(reason),
            class => {
                // The reason is unrelated to the bytes: they may be sent again, now or by a later run.
                self.undo_effect(&reason)?;
                self.item.video_id = None;
                self.unrelated_failures += 1;
                if class == Class::ReAuthenticate {
                    self.record(DeliveryState::Failed, Some(reason.clone()))?;
                    self.context.request_stop(StopReason::Auth(format!("the post failed with {reason}")));
                    return Err(Abort::Stopped);
                }
                if class == Class::Retry && self.unrelated_failures < MAX_UNRELATED_FAILURES {
                    self.record(DeliveryState::Failed, Some(reason))?;
                    return Ok(None);
                }
                let advice = FAIL_REASONS.iter().find(|page| page.reason == reason).map(|page| page.action);
                let advice = advice.map(|action| format!("; {action}")).unwrap_or_default();
                self.finish(
                    DeliveryState::Failed,
                    Some(format!("the platform refused the post: {reason}{advice}")),
                )
            }
        }
    }

    /// Marks the effect as not done, unless a run that was killed already did.
    fn undo_effect(&self, reason: &str) -> Result<(), Abort> {
        let Some(key) = self.item.effect_key.clone() else { return Ok(()) };
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

    fn published(&mut self, post_id: String, note: Option<String>) -> Result<Option<DeliveryEnd>, Abort> {
        if let Some(row) = &self.row {
            let ad = AdRecord {
                field_digest: digest(row),
                state: DeliveryState::Published,
                ad_id: Some(post_id.clone()),
                image_id: None,
                effect_key: self.item.effect_key.clone(),
                reason: None,
            };
            self.context.journal.put_ad(&self.post_key(), &ad)?;
        }
        self.post_id = Some(post_id);
        self.created_now = true;
        let end = self.finish(DeliveryState::Published, note)?;
        crash_point!(self.context.crash, "post.published");
        Ok(end)
    }

    fn next_encode_mode(&mut self, reason: String) -> Result<Option<DeliveryEnd>, Abort> {
        let encode_mode = self.item.encode_mode;
        self.item.history.push(format!("attempt {}: {reason}", encode_mode.number()));
        match encode_mode.next().filter(|next| u32::from(next.number()) <= self.context.attempts) {
            Some(next) => self.begin_mode(next, reason),
            None => self.give_up(None),
        }
    }

    /// Starts a new upload of the file in an encode mode; `reason` says why.
    fn begin_mode(&mut self, encode_mode: EncodeMode, reason: String) -> Result<Option<DeliveryEnd>, Abort> {
        self.item.encode_mode = encode_mode;
        self.item.video_id = None;
        self.item.effect_key = None;
        self.item.artifact = None;
        self.uploaded_now = false;
        self.record(DeliveryState::Failed, Some(reason))?;
        Ok(None)
    }

    fn give_up(&mut self, last_reason: Option<String>) -> Result<Option<DeliveryEnd>, Abort> {
        let reasons: Vec<String> = self.item.history.iter().cloned().chain(last_reason).collect();
        self.finish(DeliveryState::GivenUp, Some(reasons.join("; ")))
    }

    /// Returns the key of the post's record in the journal.
    fn post_key(&self) -> AdKey {
        AdKey {
            origin: self.context.platform.origin().to_owned(),
            advertiser: self.context.account(),
            adgroup: super::POST_NAME.0.to_owned(),
            ad_name: super::POST_NAME.1.to_owned(),
            content: self.key.source_blake3.clone(),
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
        let ItemRecord { video_id, attempts, .. } = self.item;
        let (uploaded_now, posted_now) = (self.uploaded_now, self.created_now);
        Ok(Delivery {
            source: self.source,
            state,
            video_id,
            attempts,
            reason,
            ads,
            stopped: false,
            uploaded_now,
            posted_now,
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
