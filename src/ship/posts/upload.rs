//! The upload that creates a post: it is opened, recorded and filled; if the outcome is unknown, it is reconciled
//! with the platform first.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::{Abort, Context};
use crate::plan::EncodeMode;
use crate::platform::{Class, NewPost, PostStatus, post_fail_reasons};
use crate::rules::ValidatedAsset;
use crate::ship::ShipEvent;
use crate::ship::crash_points::crash_point;
use crate::ship::journal::{Effect, EffectKind, EffectRecord, EffectState, Resolution};
use crate::ship::read_clock::ReadClock;
use crate::ship::run::{is_refused_by_platform, telling_error};
use crate::ship::upload::{MutationOutcome, UploadOutcome, abandon_reason, mutation_outcome};

/// The most sends of one intent in one run: the platform accepts only five pending drafts in 24 hours.
const MAX_SENDS: u32 = 3;
/// The longest wait between two status queries.
const MAX_QUERY_WAIT: Duration = Duration::from_secs(30);

/// What the platform says about an upload whose outcome was unknown.
enum ReconciledPost {
    /// All bytes arrived: it happened.
    Complete,
    /// It did not happen and no longer can.
    NotDone(String),
    /// It failed; the text is the platform's reason.
    Failed(String),
    /// Only a person can decide.
    Ambiguous(Vec<String>),
    /// The platform did not answer.
    NoAnswer(String),
}

impl Context {
    /// Returns the effect of posting an asset.
    pub(super) fn effect(&self, asset: &ValidatedAsset, source: &Path, encode_mode: EncodeMode) -> Effect {
        let content = asset.content();
        let stem = source.file_stem().unwrap_or_default().to_string_lossy();
        Effect {
            kind: EffectKind::Post,
            origin: self.platform.origin().to_owned(),
            advertiser: self.account(),
            scope: String::new(),
            name: crate::ship::upload_name(&stem, &content.blake3, encode_mode),
            content: content.blake3.clone(),
            md5: Some(content.md5.clone()),
            size_bytes: Some(content.size_bytes),
            encode_mode,
        }
    }

    /// Opens and fills an upload unless the journal has it as done. The receipt is the id for status queries.
    pub(super) async fn upload(
        &self,
        asset: &ValidatedAsset,
        post: &NewPost,
        source: &Path,
        effect: &Effect,
    ) -> Result<UploadOutcome, Abort> {
        let lock = self.lock_for(&effect.key());
        let _one_at_a_time = lock.lock().await;
        self.check_running()?;
        crash_point!(self.crash, "post.before_intent");
        let mut record = self.journal.record_intent(effect)?;
        crash_point!(self.crash, "post.after_intent");
        let mut sends = 0;
        let mut last_error = None;
        loop {
            let outcome = match record.state {
                EffectState::Done => {
                    let id = record.receipt.clone().unwrap_or_default();
                    Some(UploadOutcome::Done { id, sent_now: false })
                }
                EffectState::Intent | EffectState::NotDone if record.abandoned => {
                    Some(UploadOutcome::BadFile(abandon_reason(&record)))
                }
                EffectState::Intent | EffectState::NotDone if sends == MAX_SENDS => {
                    let error =
                        last_error.clone().or(record.reason).unwrap_or_else(|| "no answer".to_owned());
                    Some(UploadOutcome::Unresolved(format!("upload failed {MAX_SENDS} times: {error}")))
                }
                EffectState::Intent | EffectState::NotDone => {
                    self.wait_before_send(sends).await?;
                    sends += 1;
                    self.send(asset, post, source, &record, &mut last_error).await?
                }
                EffectState::Sent | EffectState::Unknown => self.reconcile(&record, sends > 0).await?,
            };
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
            record = self.journal.record_intent(effect)?;
        }
    }

    async fn send(
        &self,
        asset: &ValidatedAsset,
        post: &NewPost,
        source: &Path,
        record: &EffectRecord,
        last_error: &mut Option<String>,
    ) -> Result<Option<UploadOutcome>, Abort> {
        let _slot = self.uploads.acquire().await.map_err(|_| Abort::Stopped)?;
        self.check_running()?;
        let opened = match self.call(self.platform.open_upload(post, asset)).await? {
            Ok(opened) => opened,
            Err(error) => {
                *last_error = Some(error.to_string());
                return Ok(match mutation_outcome(&error) {
                    MutationOutcome::BadMedia => Some(UploadOutcome::BadFile(error.to_string())),
                    MutationOutcome::Refused | MutationOutcome::Stale => {
                        Some(UploadOutcome::Refused(error.to_string()))
                    }
                    // An upload that was opened but not filled creates no post.
                    MutationOutcome::Retry | MutationOutcome::Stop | MutationOutcome::Unknown { .. } => None,
                });
            }
        };
        self.journal.save_resume_token(&record.key, Some(&opened.publish_id))?;
        crash_point!(self.crash, "post.after_open");
        self.journal.mark_sent(&record.key, self.platform.platform_time())?;
        crash_point!(self.crash, "post.after_sent_mark");
        let total = asset.content().size_bytes;
        let sent = |bytes| self.emit(ShipEvent::Sent { source: source.to_owned(), bytes, total });
        let answer = self.call(self.platform.upload_bytes(&opened, asset, &sent)).await?;
        crash_point!(self.crash, "post.after_send_before_receipt");
        let (resolution, request_id, outcome) = match answer {
            Ok(()) => {
                let outcome = UploadOutcome::Done { id: opened.publish_id.clone(), sent_now: true };
                (Resolution::Done { receipt: opened.publish_id }, None, Some(outcome))
            }
            Err(error) => {
                let reason = error.to_string();
                match error.class {
                    // The file cannot be read or the address was refused: the last byte was not sent.
                    Class::Permanent => {
                        let resolution = Resolution::NotDone { reason: reason.clone() };
                        (resolution, error.request_id, Some(UploadOutcome::Refused(reason)))
                    }
                    _ => (Resolution::Unknown { reason, name_held: false }, error.request_id, None),
                }
            }
        };
        self.journal.record_resolution(&record.key, &resolution, request_id.as_deref())?;
        crash_point!(self.crash, "post.after_receipt");
        Ok(outcome)
    }

    /// Determines the result of an upload of unknown outcome and records it. Returns `None` if it did not happen:
    /// then another may be opened. `sent_now`: this run sent it.
    pub(super) async fn reconcile(
        &self,
        record: &EffectRecord,
        sent_now: bool,
    ) -> Result<Option<UploadOutcome>, Abort> {
        crash_point!(self.crash, "post.reconcile");
        let not_done = |reason: &str| {
            self.journal.record_resolution(
                &record.key,
                &Resolution::NotDone { reason: reason.to_owned() },
                None,
            )
        };
        let Some(publish_id) = record.resume_token.clone() else {
            // The id is recorded before the first byte is sent, so nothing was sent.
            not_done("no upload was opened")?;
            return Ok(None);
        };
        match self.query_status(record, &publish_id).await? {
            ReconciledPost::Complete => {
                self.journal.record_resolution(
                    &record.key,
                    &Resolution::Done { receipt: publish_id.clone() },
                    None,
                )?;
                Ok(Some(UploadOutcome::Done { id: publish_id, sent_now }))
            }
            ReconciledPost::NotDone(reason) => {
                not_done(&reason)?;
                Ok(None)
            }
            ReconciledPost::Failed(reason) => {
                not_done(&reason)?;
                Ok(match post_fail_reasons::class_of(&reason) {
                    Class::ReEncode => Some(UploadOutcome::BadFile(reason)),
                    // These two reasons allow a retry.
                    Class::Retry => None,
                    _ if post_fail_reasons::is_cancelled(&reason) => None,
                    _ => Some(UploadOutcome::Refused(reason)),
                })
            }
            ReconciledPost::Ambiguous(readings) => {
                self.journal.record_question(&record.key, &readings)?;
                let readings = readings.join("; ");
                Ok(Some(UploadOutcome::Unresolved(format!(
                    "needs your decision, see `greenlit resolve`: {readings}"
                ))))
            }
            ReconciledPost::NoAnswer(error) => {
                Ok(Some(UploadOutcome::Unresolved(format!("unknown whether it was uploaded: {error}"))))
            }
        }
    }

    async fn query_status(&self, record: &EffectRecord, publish_id: &str) -> Result<ReconciledPost, Abort> {
        let window = self.visibility_window;
        let mut clock = ReadClock::new(Instant::now(), record.since_sent(self.platform.platform_time()));
        let (mut tries, mut incomplete_answers, mut last_error) = (0_u32, 0_u32, None);
        loop {
            self.check_running()?;
            let asked = Instant::now();
            clock.asks(asked);
            let latest = clock.silent_at(self.poll_deadline, asked);
            let answer = self.read(latest, self.platform.status(publish_id)).await?;
            match &answer {
                Err(error) if !is_refused_by_platform(error) => clock.failed(Instant::now()),
                _ => clock.succeeded(asked),
            }
            let window_is_over = clock.counted() >= window;
            match answer {
                Ok(PostStatus::Processing | PostStatus::InInbox | PostStatus::Posted { .. }) => {
                    return Ok(ReconciledPost::Complete);
                }
                Ok(PostStatus::Failed { reason }) => return Ok(ReconciledPost::Failed(reason)),
                Ok(PostStatus::Uploading { received }) => {
                    if received.is_some() && received == record.size_bytes {
                        return Ok(ReconciledPost::Complete);
                    }
                    incomplete_answers += 1;
                    // Bytes may still arrive until the window is over.
                    if window_is_over && incomplete_answers >= 2 {
                        return self.cancel_incomplete(record, publish_id, received).await;
                    }
                }
                Err(error) if is_refused_by_platform(&error) && window_is_over => {
                    return Ok(ReconciledPost::Ambiguous(vec![
                        format!("the upload {publish_id} was opened and bytes were sent"),
                        format!("the platform answered the status query with: {error}"),
                    ]));
                }
                Err(error) => {
                    let error = telling_error(last_error.take(), error);
                    if clock.silence(Instant::now()) >= self.poll_deadline {
                        return Ok(ReconciledPost::NoAnswer(error.to_string()));
                    }
                    last_error = Some(error);
                }
            }
            tries += 1;
            let bound = self.first_poll.saturating_mul(1 << tries.min(10)).min(MAX_QUERY_WAIT);
            let left = window.saturating_sub(clock.counted()).max(Duration::from_millis(100));
            self.wait(bound.mul_f64(0.5 + 0.5 * fastrand::f64()).min(left)).await?;
        }
    }

    /// Cancels an upload with missing bytes, so that it can never complete: only then another may be opened.
    async fn cancel_incomplete(
        &self,
        record: &EffectRecord,
        publish_id: &str,
        received: Option<u64>,
    ) -> Result<ReconciledPost, Abort> {
        let total = record.size_bytes.unwrap_or_default();
        let cancel_error = match self.call(self.platform.cancel(publish_id)).await? {
            Ok(()) => {
                return Ok(ReconciledPost::NotDone(
                    "bytes were missing; the upload was cancelled".to_owned(),
                ));
            }
            Err(error) => error.to_string(),
        };
        Ok(match received {
            // Only this process could send the rest, and it no longer has the upload address.
            Some(bytes) if bytes < total => ReconciledPost::NotDone(format!(
                "only {bytes} of {total} bytes arrived, and no more can arrive"
            )),
            _ => ReconciledPost::Ambiguous(vec![
                format!(
                    "the platform reports the upload {publish_id} as in progress, without the bytes received"
                ),
                format!("the upload could not be cancelled: {cancel_error}"),
            ]),
        })
    }
}
