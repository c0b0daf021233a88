//! Video uploads: each is sent once; if the outcome is unknown, it is reconciled with the platform first.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::crash_points::crash_point;
use super::engine::{Abort, Context};
use super::journal::{Effect, EffectRecord, EffectState, Resolution};
use super::{ShipEvent, upload_name};
use crate::platform::{CallError, Class, RemoteVideo, UploadObserver};
use crate::rules::ValidatedAsset;

/// The most sends of one intent in one run; each follows proof that the previous one had no effect.
pub(super) const MAX_SENDS: u32 = 6;
/// The longest wait between two queries about an unknown outcome.
const MAX_QUERY_WAIT: Duration = Duration::from_secs(30);
const NAME_TAKEN: i64 = 40_911;
const DUPLICATE_REQUEST: i64 = 40_050;

/// The outcome of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UploadOutcome {
    /// The platform's id.
    Done(String),
    /// The platform rejects the file; the next encode mode may succeed.
    BadFile(String),
    /// A retry will not help.
    Refused(String),
    /// The outcome was not known in time.
    Unresolved(String),
}

/// What an error says about the effect of a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MutationOutcome {
    /// It had no effect and may be sent again later.
    Retry,
    /// It had no effect: the platform rejects the media.
    BadMedia,
    /// It had no effect: our knowledge of an object that it refers to is out of date.
    Stale,
    /// It had no effect, and a retry will not help.
    Refused,
    /// It had no effect; the run stops.
    Stop,
    /// Whether it had an effect is unknown.
    Unknown { name_held: bool },
}

/// Returns what an error says about a mutation. A class that says nothing about effects leaves the outcome
/// unknown.
pub(super) fn mutation_outcome(error: &CallError) -> MutationOutcome {
    match (error.code, error.class) {
        (Some(NAME_TAKEN), _) => MutationOutcome::Unknown { name_held: true },
        (Some(DUPLICATE_REQUEST), _) | (_, Class::Unknown | Class::Ok) => {
            MutationOutcome::Unknown { name_held: false }
        }
        (_, Class::Wait | Class::Throttle | Class::Retry) => MutationOutcome::Retry,
        (_, Class::ReRead) => MutationOutcome::Stale,
        (_, Class::ReEncode) => MutationOutcome::BadMedia,
        (_, Class::ReAuthenticate | Class::Configuration) => MutationOutcome::Stop,
        (_, Class::Permanent) => MutationOutcome::Refused,
    }
}

/// What the platform says about an effect whose outcome was unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reconciled {
    /// It happened.
    Done(String),
    /// It did not happen.
    Absent,
    /// It happened, since its name is taken, but the platform never listed it.
    Lost(String),
    /// Only a person can decide.
    Ambiguous(Vec<String>),
    /// The platform did not answer.
    NoAnswer(String),
}

impl Context {
    /// Returns the effect of uploading an asset.
    pub(super) fn upload_effect(&self, asset: &ValidatedAsset, source: &Path, encode_mode: u32) -> Effect {
        let content = asset.content();
        let stem = source.file_stem().unwrap_or_default().to_string_lossy();
        Effect {
            kind: "upload",
            origin: self.platform.origin().to_owned(),
            advertiser: self.platform.advertiser_id().to_owned(),
            scope: String::new(),
            name: upload_name(&stem, &content.blake3, encode_mode),
            content: content.blake3.clone(),
            md5: Some(content.md5.clone()),
            size_bytes: Some(content.size_bytes),
            encode_mode,
        }
    }

    /// Uploads an asset unless the journal has the upload as done.
    pub(super) async fn upload(
        &self,
        asset: &ValidatedAsset,
        source: &Path,
        effect: &Effect,
    ) -> Result<UploadOutcome, Abort> {
        let lock = self.lock_for(&effect.key());
        let _one_at_a_time = lock.lock().await;
        self.check_running()?;
        crash_point!(self.crash, "upload.before_intent");
        let mut record = self.journal.record_intent(effect)?;
        crash_point!(self.crash, "upload.after_intent");
        let mut sends = 0;
        loop {
            let outcome = match record.state {
                EffectState::Done => Some(UploadOutcome::Done(record.receipt.clone().unwrap_or_default())),
                EffectState::Intent | EffectState::NotDone if record.abandoned => {
                    Some(UploadOutcome::BadFile(abandon_reason(&record)))
                }
                EffectState::Intent | EffectState::NotDone if sends == MAX_SENDS => {
                    let reason = record.reason.as_deref().unwrap_or("no answer");
                    Some(UploadOutcome::Unresolved(format!("upload failed {MAX_SENDS} times: {reason}")))
                }
                EffectState::Intent | EffectState::NotDone => {
                    self.wait_before_send(sends).await?;
                    sends += 1;
                    self.send_video(asset, source, &record).await?
                }
                EffectState::Sent | EffectState::Unknown => self.reconcile_upload(&record).await?,
            };
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
            record = self.journal.record_intent(effect)?;
        }
    }

    async fn send_video(
        &self,
        asset: &ValidatedAsset,
        source: &Path,
        record: &EffectRecord,
    ) -> Result<Option<UploadOutcome>, Abort> {
        let _slot = self.uploads.acquire().await.map_err(|_| Abort::Stopped)?;
        self.check_running()?;
        self.journal.mark_sent(&record.key)?;
        crash_point!(self.crash, "upload.after_sent_mark");
        let log = JournaledUpload {
            context: self,
            key: &record.key,
            source,
            total: asset.content().size_bytes,
            resume_token: record.resume_token.clone(),
        };
        let answer = self.call(self.platform.upload_video(asset, &record.name, &log)).await?;
        crash_point!(self.crash, "upload.after_send_before_receipt");
        let (resolution, request_id, outcome) = match answer {
            Ok(id) => (Resolution::Done { receipt: id.clone() }, None, Some(UploadOutcome::Done(id))),
            Err(error) => {
                let reason = error.to_string();
                let (resolution, outcome) = match mutation_outcome(&error) {
                    MutationOutcome::Unknown { name_held } => {
                        (Resolution::Unknown { reason, name_held }, None)
                    }
                    MutationOutcome::Retry | MutationOutcome::Stop => (Resolution::NotDone { reason }, None),
                    MutationOutcome::BadMedia => {
                        (Resolution::NotDone { reason: reason.clone() }, Some(UploadOutcome::BadFile(reason)))
                    }
                    MutationOutcome::Stale | MutationOutcome::Refused => {
                        (Resolution::NotDone { reason: reason.clone() }, Some(UploadOutcome::Refused(reason)))
                    }
                };
                (resolution, error.request_id, outcome)
            }
        };
        self.journal.record_resolution(&record.key, &resolution, request_id.as_deref())?;
        crash_point!(self.crash, "upload.after_receipt");
        Ok(outcome)
    }

    /// Determines whether an upload of unknown outcome happened and records the answer. Returns `None` if it did
    /// not happen: then it may be sent again.
    pub(super) async fn reconcile_upload(
        &self,
        record: &EffectRecord,
    ) -> Result<Option<UploadOutcome>, Abort> {
        crash_point!(self.crash, "upload.reconcile");
        match self.find_video(record).await? {
            Reconciled::Done(id) => {
                self.journal.record_resolution(
                    &record.key,
                    &Resolution::Done { receipt: id.clone() },
                    None,
                )?;
                Ok(Some(UploadOutcome::Done(id)))
            }
            Reconciled::Absent => {
                let reason = "the platform does not list it: it did not happen".to_owned();
                self.journal.record_resolution(&record.key, &Resolution::NotDone { reason }, None)?;
                Ok(None)
            }
            Reconciled::Lost(reason) => {
                self.journal.abandon(&record.key, &reason)?;
                Ok(Some(UploadOutcome::BadFile(reason)))
            }
            Reconciled::Ambiguous(readings) => {
                self.journal.record_question(&record.key, &readings)?;
                let readings = readings.join("; ");
                Ok(Some(UploadOutcome::Unresolved(format!(
                    "needs your decision, see `greenlit resolve`: {readings}"
                ))))
            }
            Reconciled::NoAnswer(error) => {
                Ok(Some(UploadOutcome::Unresolved(format!("unknown whether it was uploaded: {error}"))))
            }
        }
    }

    async fn find_video(&self, record: &EffectRecord) -> Result<Reconciled, Abort> {
        let mut schedule = ReconcileSchedule::new(self, record);
        loop {
            self.check_running()?;
            let window_is_over = schedule.window_is_over();
            let error = match self.call(self.platform.search_videos(&record.name)).await? {
                Ok(videos) => match match_videos(record, &videos) {
                    Some(reconciled) => return Ok(reconciled),
                    None => None,
                },
                Err(error) => Some(error.to_string()),
            };
            let error = match error {
                Some(error) => Some(error),
                None => match self.call(self.platform.name_taken(&record.name)).await? {
                    Ok(taken) => {
                        schedule.name_was_taken |= taken;
                        schedule.name_is_taken = taken;
                        schedule.empty_answers += 1;
                        None
                    }
                    Err(error) => Some(error.to_string()),
                },
            };
            if window_is_over && error.is_none() && schedule.empty_answers >= 2 {
                if !schedule.name_was_taken {
                    return Ok(Reconciled::Absent);
                }
                if schedule.is_out_of_time() {
                    return Ok(schedule.result_if_unlisted(&record.name));
                }
            }
            if schedule.is_out_of_time()
                && let Some(error) = error
            {
                return Ok(Reconciled::NoAnswer(error));
            }
            self.wait(schedule.next_wait()).await?;
        }
    }
}

/// Emits the progress of an upload and saves the resume token of an upload in chunks in the journal.
struct JournaledUpload<'a> {
    context: &'a Context,
    key: &'a str,
    source: &'a Path,
    total: u64,
    resume_token: Option<String>,
}

impl UploadObserver for JournaledUpload<'_> {
    fn sent(&self, bytes: u64) {
        let source = self.source.to_owned();
        self.context.emit(ShipEvent::Sent { source, bytes, total: self.total });
    }

    fn resume_token(&self) -> Option<String> {
        self.resume_token.clone()
    }

    fn save_resume_token(&self, token: Option<&str>) {
        // If this fails, a later run uploads from the start, which only costs time.
        let _ = self.context.journal.save_resume_token(self.key, token);
        crash_point!(self.context.crash, "upload.after_piece");
    }
}

/// Returns why an effect was abandoned.
pub(super) fn abandon_reason(record: &EffectRecord) -> String {
    record.reason.clone().unwrap_or_else(|| "abandoned".to_owned())
}

/// The schedule of queries about an effect of unknown outcome: before the visibility window is over, absence from
/// lists proves nothing.
pub(super) struct ReconcileSchedule {
    started: Instant,
    window: Duration,
    limit: Duration,
    first: Duration,
    tries: u32,
    /// Number of answers without a match.
    pub(super) empty_answers: u32,
    /// Whether the platform ever reported the name as taken.
    pub(super) name_was_taken: bool,
    /// Whether the latest answer reports the name as taken.
    name_is_taken: bool,
}

impl ReconcileSchedule {
    pub(super) fn new(context: &Context, record: &EffectRecord) -> ReconcileSchedule {
        let settings = &context.settings;
        // Time before this run counts, too; a clock that was set back only lengthens the wait.
        let elapsed = record.since_sent();
        let window = settings.visibility_window.saturating_sub(elapsed);
        let limit = settings.visibility_window.max(settings.attempt_deadline).saturating_sub(elapsed);
        ReconcileSchedule {
            started: Instant::now(),
            window,
            limit: limit.max(settings.attempt_deadline.min(MAX_QUERY_WAIT)),
            first: settings.first_poll,
            tries: 0,
            empty_answers: 0,
            name_was_taken: record.name_held,
            name_is_taken: false,
        }
    }

    pub(super) fn window_is_over(&self) -> bool {
        self.started.elapsed() >= self.window
    }

    pub(super) fn is_out_of_time(&self) -> bool {
        self.started.elapsed() >= self.limit
    }

    /// Returns the result for a name that was taken although no video of that name was ever listed. Names contain
    /// the hash of the bytes: a name still taken is our upload, and its processing failed. A name that was taken
    /// and is free now is a contradiction.
    fn result_if_unlisted(&self, name: &str) -> Reconciled {
        if self.name_is_taken {
            return Reconciled::Lost(
                "the platform reports its name as taken, so it was uploaded, but never lists it".to_owned(),
            );
        }
        Reconciled::Ambiguous(vec![
            format!("the platform refused an upload because the name {name} is taken"),
            "the platform lists no video of that name and reports the name as free".to_owned(),
        ])
    }

    pub(super) fn next_wait(&mut self) -> Duration {
        self.tries += 1;
        let left = self.limit.saturating_sub(self.started.elapsed()).max(Duration::from_millis(100));
        let bound = self.first.saturating_mul(1 << self.tries.min(10)).min(MAX_QUERY_WAIT);
        bound.mul_f64(0.5 + 0.5 * fastrand::f64()).min(left)
    }
}

/// Returns what a search says about an upload; `None` if no video has its name. The search is fuzzy, so names are
/// compared here.
fn match_videos(record: &EffectRecord, videos: &[RemoteVideo]) -> Option<Reconciled> {
    let mut matches: Vec<&RemoteVideo> =
        videos.iter().filter(|video| video.file_name.as_deref() == Some(record.name.as_str())).collect();
    matches.sort_by(|a, b| a.video_id.cmp(&b.video_id));
    matches.dedup_by(|a, b| a.video_id == b.video_id);
    let differs = |video: &RemoteVideo| {
        let md5 = video.md5.as_deref().zip(record.md5.as_deref());
        let size = video.size_bytes.zip(record.size_bytes);
        md5.is_some_and(|(a, b)| !a.eq_ignore_ascii_case(b)) || size.is_some_and(|(a, b)| a != b)
    };
    match matches.as_slice() {
        [] => None,
        [one] if !differs(one) => Some(Reconciled::Done(one.video_id.clone())),
        several => Some(Reconciled::Ambiguous(
            several
                .iter()
                .map(|video| {
                    let bytes = if differs(video) { "other bytes" } else { "these bytes" };
                    format!("video {} has that name and {bytes}", video.video_id)
                })
                .collect(),
        )),
    }
}
