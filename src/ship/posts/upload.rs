//! The one effect: opened, written down, filled; and asked after when nobody knows whether it was.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::{Abort, Context};
use crate::platform::fail_reasons::FAIL_REASONS;
use crate::platform::{Class, NewPost, PostStatus};
use crate::rules::ValidatedAsset;
use crate::ship::ShipEvent;
use crate::ship::crash::crash_point;
use crate::ship::journal::{Effect, EffectRecord, EffectState, Resolution};
use crate::ship::upload::{MutationOutcome, Upload, fate, given_up};

/// Sends of one intent in one run. Few: five drafts that wait are the most in a day.
const MAX_SENDS: u32 = 3;
/// The longest wait between two questions.
const ASK_MOST: Duration = Duration::from_secs(30);

/// The class of a fail reason; one that is not known is final.
pub(super) fn class_of(reason: &str) -> Class {
    FAIL_REASONS.iter().find(|page| page.reason == reason).map_or(Class::Permanent, |page| page.class)
}

/// What asking found out.
enum Reconciled {
    /// All bytes are there: it happened.
    Whole,
    /// It did not, and cannot any more.
    Nothing(String),
    /// It ended, and this is why.
    Failed(String),
    /// Only a person can tell.
    Ambiguous(Vec<String>),
    /// The platform did not say.
    NoAnswer(String),
}

impl Context {
    /// The effect of posting an asset.
    pub(super) fn effect(&self, asset: &ValidatedAsset, source: &Path, recipe: u32) -> Effect {
        let content = asset.content();
        let stem = source.file_stem().unwrap_or_default().to_string_lossy();
        Effect {
            kind: "post",
            origin: self.platform.origin().to_owned(),
            advertiser: self.account(),
            scope: String::new(),
            name: crate::ship::upload_name(&stem, &content.blake3, recipe),
            content: content.blake3.clone(),
            md5: Some(content.md5.clone()),
            size_bytes: Some(content.size_bytes),
            recipe,
        }
    }

    /// Opens and fills an upload unless that happened already. The receipt is the id to ask by.
    pub(super) async fn upload(
        &self,
        asset: &ValidatedAsset,
        post: &NewPost,
        source: &Path,
        effect: &Effect,
    ) -> Result<Upload, Abort> {
        let lock = self.lock_of(&effect.key());
        let _one_at_a_time = lock.lock().await;
        self.go_on()?;
        crash_point!(self.crash, "post.before_intent");
        let mut record = self.journal.intend(effect)?;
        crash_point!(self.crash, "post.after_intent");
        let mut sends = 0;
        let mut said = None;
        loop {
            let ended = match record.state {
                EffectState::Done => Some(Upload::Done(record.receipt.clone().unwrap_or_default())),
                EffectState::Intent | EffectState::NotDone if record.abandoned => {
                    Some(Upload::BadFile(given_up(&record)))
                }
                EffectState::Intent | EffectState::NotDone if sends == MAX_SENDS => {
                    let said = said.clone().or(record.reason).unwrap_or_else(|| "no answer".to_owned());
                    Some(Upload::Unsettled(format!("not taken in {MAX_SENDS} tries: {said}")))
                }
                EffectState::Intent | EffectState::NotDone => {
                    self.rest(sends).await?;
                    sends += 1;
                    self.send(asset, post, source, &record, &mut said).await?
                }
                EffectState::Sent | EffectState::Unknown => self.settle(&record).await?,
            };
            if let Some(ended) = ended {
                return Ok(ended);
            }
            record = self.journal.intend(effect)?;
        }
    }

    async fn send(
        &self,
        asset: &ValidatedAsset,
        post: &NewPost,
        source: &Path,
        record: &EffectRecord,
        said: &mut Option<String>,
    ) -> Result<Option<Upload>, Abort> {
        let _slot = self.uploads.acquire().await.map_err(|_| Abort::Stopped)?;
        self.go_on()?;
        let opened = match self.call(self.platform.open(post, asset)).await? {
            Ok(opened) => opened,
            Err(error) => {
                *said = Some(error.to_string());
                return Ok(match fate(&error) {
                    MutationOutcome::BadMedia => Some(Upload::BadFile(error.to_string())),
                    MutationOutcome::Refused | MutationOutcome::Stale => {
                        Some(Upload::Refused(error.to_string()))
                    }
                    // What was opened and not filled makes nothing, known or not.
                    MutationOutcome::Again | MutationOutcome::Stop | MutationOutcome::Unknown { .. } => None,
                });
            }
        };
        self.journal.hold(&record.key, Some(&opened.publish_id))?;
        crash_point!(self.crash, "post.after_open");
        self.journal.mark_sent(&record.key)?;
        crash_point!(self.crash, "post.after_sent_mark");
        let total = asset.content().size_bytes;
        let sent = |bytes| self.emit(ShipEvent::Sent { source: source.to_owned(), bytes, total });
        let answer = self.call(self.platform.fill(&opened, asset, &sent)).await?;
        crash_point!(self.crash, "post.after_send_before_receipt");
        let (settled, request, ended) = match answer {
            Ok(()) => {
                let id = opened.publish_id;
                (Resolution::Done { receipt: id.clone() }, None, Some(Upload::Done(id)))
            }
            Err(error) => {
                let reason = error.to_string();
                match error.class {
                    // The file or the address: the last byte was not sent.
                    Class::Permanent => {
                        let settled = Resolution::NotDone { reason: reason.clone() };
                        (settled, error.request_id, Some(Upload::Refused(reason)))
                    }
                    _ => (Resolution::Unknown { reason, name_held: false }, error.request_id, None),
                }
            }
        };
        self.journal.settle(&record.key, &settled, request.as_deref())?;
        crash_point!(self.crash, "post.after_receipt");
        Ok(ended)
    }

    /// Finds out what became of an upload in doubt, and writes it down. `None` when it came to nothing:
    /// then another may be opened.
    pub(super) async fn settle(&self, record: &EffectRecord) -> Result<Option<Upload>, Abort> {
        crash_point!(self.crash, "post.reconcile");
        let not_done = |reason: &str| {
            self.journal.settle(&record.key, &Resolution::NotDone { reason: reason.to_owned() }, None)
        };
        let Some(publish_id) = record.handle.clone() else {
            // Its id is written down before the first byte, so not a byte has left.
            not_done("no upload was opened")?;
            return Ok(None);
        };
        match self.find(record, &publish_id).await? {
            Reconciled::Whole => {
                self.journal.settle(&record.key, &Resolution::Done { receipt: publish_id.clone() }, None)?;
                Ok(Some(Upload::Done(publish_id)))
            }
            Reconciled::Nothing(reason) => {
                not_done(&reason)?;
                Ok(None)
            }
            Reconciled::Failed(reason) => {
                not_done(&reason)?;
                Ok(match class_of(&reason) {
                    Class::ReEncode => Some(Upload::BadFile(reason)),
                    // An end that says nothing against another try.
                    Class::Retry => None,
                    _ if reason == "publish_cancelled" => None,
                    _ => Some(Upload::Refused(reason)),
                })
            }
            Reconciled::Ambiguous(readings) => {
                self.journal.ask(&record.key, &readings)?;
                let seen = readings.join("; ");
                Ok(Some(Upload::Unsettled(format!("needs a decision, see `greenlit resolve`: {seen}"))))
            }
            Reconciled::NoAnswer(said) => {
                Ok(Some(Upload::Unsettled(format!("whether it was uploaded is not known: {said}"))))
            }
        }
    }

    async fn find(&self, record: &EffectRecord, publish_id: &str) -> Result<Reconciled, Abort> {
        let started = Instant::now();
        let window = self.visibility_window.saturating_sub(record.since_sent());
        let (mut tries, mut looks) = (0_u32, 0_u32);
        loop {
            self.go_on()?;
            let over = started.elapsed() >= window;
            match self.call(self.platform.status(publish_id)).await? {
                Ok(PostStatus::Processing | PostStatus::InInbox | PostStatus::Posted { .. }) => {
                    return Ok(Reconciled::Whole);
                }
                Ok(PostStatus::Failed { reason }) => return Ok(Reconciled::Failed(reason)),
                Ok(PostStatus::Uploading { received }) => {
                    if received.is_some() && received == record.size_bytes {
                        return Ok(Reconciled::Whole);
                    }
                    looks += 1;
                    // Bytes under way may still arrive; after the window none are.
                    if over && looks >= 2 {
                        return self.take_back(record, publish_id, received).await;
                    }
                }
                Err(error) if over && error.class == Class::Permanent => {
                    return Ok(Reconciled::Ambiguous(vec![
                        format!("the upload {publish_id} was opened and bytes were sent"),
                        format!("asked after it, the platform says: {error}"),
                    ]));
                }
                Err(error) if started.elapsed() >= window.max(self.visibility_window) => {
                    return Ok(Reconciled::NoAnswer(error.to_string()));
                }
                Err(_) => {}
            }
            tries += 1;
            let bound = self.first_poll.saturating_mul(1 << tries.min(10)).min(ASK_MOST);
            let left = window.saturating_sub(started.elapsed()).max(Duration::from_millis(100));
            self.wait(bound.mul_f64(0.5 + 0.5 * fastrand::f64()).min(left)).await?;
        }
    }

    /// An upload with bytes missing shall never become whole: only then may another be opened.
    async fn take_back(
        &self,
        record: &EffectRecord,
        publish_id: &str,
        received: Option<u64>,
    ) -> Result<Reconciled, Abort> {
        let total = record.size_bytes.unwrap_or_default();
        let said = match self.call(self.platform.cancel(publish_id)).await? {
            Ok(()) => {
                return Ok(Reconciled::Nothing("bytes were missing; the upload was taken back".to_owned()));
            }
            Err(error) => error.to_string(),
        };
        Ok(match received {
            // Nobody but this process could send the rest, and it does not know the address any more.
            Some(bytes) if bytes < total => {
                Reconciled::Nothing(format!("{bytes} of {total} bytes had arrived, and no more can"))
            }
            _ => Reconciled::Ambiguous(vec![
                format!("the upload {publish_id} is said to be under way, with an unknown number of bytes"),
                format!("it could not be taken back: {said}"),
            ]),
        })
    }
}
