//! One asset from the validated file to its post, taken up wherever an earlier run left it.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::Instant;

use super::upload::class_of;
use super::{Abort, Context, Stop};
use crate::platform::fail_reasons::FAIL_REASONS;
use crate::platform::{Class, NewPost, PostMode, PostStatus};
use crate::rules::ValidatedAsset;
use crate::ship::backoff::{Backoff, Next};
use crate::ship::crash::crash_point;
use crate::ship::journal::{
    AdKey, AdRecord, Artifact, EffectState, ItemKey, ItemRecord, JournalError, destination_key,
};
use crate::ship::manifest::AdRow;
use crate::ship::request::{Prepared, Until};
use crate::ship::upload::{Upload, given_up};
use crate::ship::{AdDelivery, Delivery, DeliveryState, PrepareError, ShipEvent};

/// The longest wait between two looks: thirty a minute are all that a token may have.
const LOOK_MOST: std::time::Duration = std::time::Duration::from_secs(60);

/// Posts of one asset in one run that end through no fault of the file.
const MOST_ENDS: u32 = 3;

/// Drives one file to its end and reports it.
pub(super) async fn deliver(context: Arc<Context>, prepared: Prepared) -> Result<Delivery, JournalError> {
    let Prepared { source, source_blake3, result } = prepared;
    let row = context.row_of(&source);
    let failed = |source: PathBuf, reason: String| {
        let ads = row.iter().map(|row| entry(row, &DeliveryState::Failed, None, Some(reason.clone())));
        let ads = ads.collect();
        Delivery {
            source,
            state: DeliveryState::Failed,
            video_id: None,
            attempts: 0,
            reason: Some(reason),
            ads,
        }
    };
    let asset = match result {
        Ok(asset) => asset,
        Err(reason) => return Ok(failed(source, reason)),
    };
    let post = match context.post_of(row.as_ref(), &asset) {
        Ok(post) => post,
        Err(reason) => return Ok(failed(source, reason)),
    };
    let key = ItemKey {
        source_blake3,
        profile_hash: asset.profile_hash().to_owned(),
        destination: destination_key(context.platform.origin(), &context.account()),
    };
    // Two files of the same bytes are one post.
    let lock = context.lock_of(&format!("{}|{}", key.source_blake3, key.destination));
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
    let mut posting =
        Posting { context: &context, key, item, source, first: asset, post, row, post_id: None, ends: 0 };
    let (state, reason) = match posting.drive().await {
        Ok(ended) => ended,
        Err(Abort::Journal(error)) => return Err(error),
        Err(Abort::Stopped) => (posting.item.state.clone(), context.stop_reason().map(|stop| stop.reason())),
    };
    posting.report(state, reason)
}

fn entry(row: &AdRow, state: &DeliveryState, id: Option<String>, reason: Option<String>) -> AdDelivery {
    AdDelivery { row: row.row, state: state.clone(), ad_id: id, reason }
}

impl Context {
    /// The post to be made, or why it may not be: what the creator is not allowed is refused before a byte.
    fn post_of(&self, row: Option<&AdRow>, asset: &ValidatedAsset) -> Result<NewPost, String> {
        let longest = self.creator.max_duration_s;
        if let Some((most, seconds)) = longest.zip(asset.duration_s()).filter(|(most, s)| *s > *most as f64) {
            return Err(format!("{seconds:.1} s long; this account may post at most {most} s"));
        }
        let Some(row) = row else {
            return match self.mode {
                PostMode::Inbox => Ok(NewPost { mode: PostMode::Inbox, ..NewPost::default() }),
                PostMode::Direct => Err("a direct post needs a row with its privacy_level".to_owned()),
            };
        };
        let post = super::preflight::new_post(row, self.mode).map_err(|problems| {
            let words: Vec<String> =
                problems.into_iter().map(|(field, message)| format!("{field}: {message}")).collect();
            words.join("; ")
        })?;
        let offered = &self.creator.privacy_levels;
        if self.mode == PostMode::Direct && !offered.is_empty() && !offered.contains(&post.privacy_level) {
            return Err(format!(
                "privacy_level {}: this account is offered {}",
                post.privacy_level,
                offered.join(", ")
            ));
        }
        Ok(post)
    }
}

type End = (DeliveryState, Option<String>);

/// A post under way.
struct Posting<'a> {
    context: &'a Arc<Context>,
    key: ItemKey,
    item: ItemRecord,
    source: PathBuf,
    first: ValidatedAsset,
    post: NewPost,
    row: Option<AdRow>,
    post_id: Option<String>,
    /// Posts that came to nothing in this run.
    ends: u32,
}

impl Posting<'_> {
    async fn drive(&mut self) -> Result<End, Abort> {
        // Bounded: each turn moves on, and each way back uses up a recipe.
        loop {
            self.context.go_on()?;
            let ended = match (&self.item.state, self.item.video_id.clone()) {
                // Given up because its attempts were used up, and more are allowed by now.
                (DeliveryState::GivenUp, _) if self.may_try_again() => {
                    let reason = self.item.history.last().cloned();
                    self.begin_anew(reason)?
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
            if let Some(ended) = ended {
                return Ok(ended);
            }
        }
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

    fn finish(&mut self, state: DeliveryState, reason: Option<String>) -> Result<Option<End>, Abort> {
        self.record(state.clone(), reason.clone())?;
        Ok(Some((state, reason)))
    }

    async fn upload_step(&mut self) -> Result<Option<End>, Abort> {
        if let Some(upload) = self.settle_earlier().await? {
            return self.uploaded(upload);
        }
        let asset = match self.file().await? {
            Ok(asset) => asset,
            Err(PrepareError::Refused(reason)) => return self.give_up(Some(reason)),
            Err(PrepareError::Failed(reason)) => return self.finish(DeliveryState::Failed, Some(reason)),
        };
        let effect = self.context.effect(&asset, &self.source, self.item.recipe);
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
        let upload = self.context.upload(&asset, &self.post, &self.source, &effect).await?;
        self.uploaded(upload)
    }

    /// An upload that an earlier run left in doubt is settled from what the journal has: the file may
    /// be gone, or may have come out otherwise this time.
    async fn settle_earlier(&mut self) -> Result<Option<Upload>, Abort> {
        let Some(key) = self.item.effect_key.clone() else { return Ok(None) };
        let Some(record) = self.context.journal.effect(&key)? else { return Ok(None) };
        Ok(match record.state {
            EffectState::Intent | EffectState::NotDone if record.abandoned => {
                Some(Upload::BadFile(given_up(&record)))
            }
            EffectState::Intent | EffectState::NotDone => None,
            EffectState::Done => record.receipt.map(Upload::Done),
            EffectState::Sent | EffectState::Unknown => {
                let lock = self.context.lock_of(&key);
                let _one_at_a_time = lock.lock().await;
                self.context.settle(&record).await?
            }
        })
    }

    fn uploaded(&mut self, upload: Upload) -> Result<Option<End>, Abort> {
        match upload {
            Upload::Done(id) => {
                self.item.video_id = Some(id);
                self.record(DeliveryState::Uploaded, None)?;
                Ok(None)
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
        let (maker, source) = (self.context.maker.clone(), self.source.clone());
        self.context.blocking(move || maker.make(&source, recipe)).await
    }

    /// Waits for the platform. What is late may still be posted, so it is never sent again for that.
    async fn wait_step(&mut self, publish_id: &str) -> Result<Option<End>, Abort> {
        if self.item.state != DeliveryState::Processing {
            self.record(DeliveryState::Processing, None)?;
        }
        let limit = self.context.poll_deadline;
        let backoff = Backoff { first: self.context.first_poll, cap: LOOK_MOST, deadline: limit };
        let (started, mut tries, mut said) = (Instant::now(), 0, "still in process".to_owned());
        loop {
            match backoff.next(tries, started.elapsed(), 0.25 + 0.75 * fastrand::f64()) {
                Next::Wait(wait) => self.context.wait(wait).await?,
                Next::GiveUp => {
                    let reason = format!("{said} after {} s; run again to go on", limit.as_secs());
                    return self.finish(DeliveryState::Unconfirmed, Some(reason));
                }
            }
            crash_point!(self.context.crash, "poll.before");
            let answer = self.context.call(self.context.platform.status(publish_id)).await?;
            crash_point!(self.context.crash, "poll.after");
            tries += 1;
            match answer {
                Ok(PostStatus::Posted { post_ids }) => {
                    let id = post_ids.into_iter().next();
                    return self.published(id.unwrap_or_else(|| publish_id.to_owned()), None);
                }
                Ok(PostStatus::InInbox) => {
                    let told = "the draft waits in the creator's inbox".to_owned();
                    return self.published(publish_id.to_owned(), Some(told));
                }
                Ok(PostStatus::Failed { reason }) => return self.failed(reason),
                Ok(PostStatus::Uploading { .. } | PostStatus::Processing) => {
                    said = "still in process".to_owned();
                }
                Err(error) => said = error.to_string(),
            }
        }
    }

    /// The platform says that nothing came of the post.
    fn failed(&mut self, reason: String) -> Result<Option<End>, Abort> {
        match class_of(&reason) {
            Class::ReEncode => self.next_recipe(reason),
            class => {
                // The bytes are not to blame: the same may be sent again, now or by a later run.
                self.undo(&reason)?;
                self.item.video_id = None;
                self.ends += 1;
                if class == Class::ReAuthenticate {
                    self.record(DeliveryState::Failed, Some(reason.clone()))?;
                    self.context.halt(Stop::Auth(format!("the post ended with {reason}")));
                    return Err(Abort::Stopped);
                }
                if class == Class::Retry && self.ends < MOST_ENDS {
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

    /// Takes the receipt back, unless a run that was killed has done so already.
    fn undo(&self, reason: &str) -> Result<(), Abort> {
        let Some(key) = &self.item.effect_key else { return Ok(()) };
        let record = self.context.journal.effect(key)?;
        if record.is_some_and(|record| record.state == EffectState::Done) {
            self.context.journal.undo_post(key, reason)?;
            crash_point!(self.context.crash, "post.after_undo");
        }
        Ok(())
    }

    fn published(&mut self, post_id: String, told: Option<String>) -> Result<Option<End>, Abort> {
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
        let ended = self.finish(DeliveryState::Published, told)?;
        crash_point!(self.context.crash, "post.published");
        Ok(ended)
    }

    fn next_recipe(&mut self, reason: String) -> Result<Option<End>, Abort> {
        let recipe = self.item.recipe;
        self.item.history.push(format!("attempt {recipe}: {reason}"));
        if recipe >= self.context.attempts {
            return self.give_up(None);
        }
        self.begin_anew(Some(reason))
    }

    /// One that was given up for want of a recipe, or for good, has no reason on record for its last.
    fn may_try_again(&self) -> bool {
        let (recipe, told) = (self.item.recipe, self.item.history.len());
        told as u64 >= u64::from(recipe) && recipe < self.context.attempts
    }

    fn begin_anew(&mut self, reason: Option<String>) -> Result<Option<End>, Abort> {
        self.item.recipe += 1;
        self.item.video_id = None;
        self.item.effect_key = None;
        self.item.artifact = None;
        self.record(DeliveryState::Failed, reason)?;
        Ok(None)
    }

    fn give_up(&mut self, because: Option<String>) -> Result<Option<End>, Abort> {
        let told: Vec<String> = self.item.history.iter().cloned().chain(because).collect();
        self.finish(DeliveryState::GivenUp, Some(told.join("; ")))
    }

    /// Where the journal keeps what the post said.
    fn post_key(&self) -> AdKey {
        AdKey {
            origin: self.context.platform.origin().to_owned(),
            advertiser: self.context.account(),
            adgroup: String::new(),
            ad_name: "post".to_owned(),
            content: self.key.source_blake3.clone(),
        }
    }

    fn report(self, state: DeliveryState, reason: Option<String>) -> Result<Delivery, JournalError> {
        let known = self.context.journal.ad(&self.post_key())?;
        let ads = self.row.iter().map(|row| {
            let known = known.as_ref().filter(|_| state == DeliveryState::Published);
            let changed = known.filter(|known| known.field_digest != digest(row)).map(|_| {
                "row changed since it was posted; the post was left as it is, change it in the app".to_owned()
            });
            let id = self.post_id.clone().or_else(|| known.and_then(|known| known.ad_id.clone()));
            entry(row, &state, id, changed.or_else(|| reason.clone()))
        });
        let ads = ads.collect();
        let ItemRecord { video_id, attempts, .. } = self.item;
        Ok(Delivery { source: self.source, state, video_id, attempts, reason, ads })
    }
}

/// A digest of what a post says.
fn digest(row: &AdRow) -> String {
    let mut hasher = blake3::Hasher::new();
    for (_, text) in row.post.all() {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
