//! Video uploads: each is sent once; if the outcome is unknown, it is reconciled with the platform first.

use std::path::Path;

use tokio::time::Instant;

use super::crash_points::crash_point;
use super::engine::{Abort, Context};
use super::journal::{Effect, EffectKind, EffectRecord, EffectState, Resolution};
use super::name_match;
use super::reconcile_schedule::ReconcileSchedule;
use super::{ShipEvent, upload_name};
use crate::plan::EncodeMode;
use crate::platform::{CallError, Class, RemoteVideo, UploadObserver};
use crate::rules::ValidatedAsset;

/// The most sends of one intent in one run; each follows proof that the previous one had no effect.
pub(super) const MAX_SENDS: u32 = 6;
const NAME_TAKEN: i64 = 40_911;
const DUPLICATE_REQUEST: i64 = 40_050;

/// The outcome of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UploadOutcome {
    /// The video is on the platform.
    Done {
        /// The platform's id.
        id: String,
        /// Whether this run sent it.
        sent_now: bool,
    },
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
    /// It happened, since its name is taken, but the platform has not listed it yet.
    Unlisted(String),
    /// It did not happen: something else had the name, which is free now but may be taken again.
    NameWasTaken,
    /// Only a person can decide.
    Ambiguous(Vec<String>),
    /// The platform did not answer.
    NoAnswer(String),
}

impl Context {
    /// Returns the effect of uploading an asset.
    pub(super) fn upload_effect(
        &self,
        asset: &ValidatedAsset,
        source: &Path,
        encode_mode: EncodeMode,
    ) -> Effect {
        let content = asset.content();
        let stem = source.file_stem().unwrap_or_default().to_string_lossy();
        Effect {
            kind: EffectKind::Upload,
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

    /// Uploads an asset unless the journal has the upload as done. With `anew`, one that is done is repeated as a
    /// new upload.
    pub(super) async fn upload(
        &self,
        asset: &ValidatedAsset,
        source: &Path,
        effect: &Effect,
        anew: bool,
    ) -> Result<UploadOutcome, Abort> {
        let lock = self.lock_for(&effect.key());
        let _one_at_a_time = lock.lock().await;
        self.check_running()?;
        crash_point!(self.crash, "upload.before_intent");
        let mut record = self.journal.record_intent(effect)?;
        crash_point!(self.crash, "upload.after_intent");
        if anew && (record.state == EffectState::Done || record.abandoned) {
            // The name belongs to the upload that was given up.
            self.journal.send_again(&record.key, &next_name(&record.name), "retried on request")?;
            record = self.journal.record_intent(effect)?;
        }
        let mut sends = 0;
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
                    let reason = record.reason.as_deref().unwrap_or("no answer");
                    Some(UploadOutcome::Unresolved(format!("upload failed {MAX_SENDS} times: {reason}")))
                }
                EffectState::Intent | EffectState::NotDone => {
                    self.wait_before_send(sends).await?;
                    sends += 1;
                    self.send_video(asset, source, &record).await?
                }
                EffectState::Sent | EffectState::Unknown => self.reconcile_upload(&record, sends > 0).await?,
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
        self.journal.mark_sent(&record.key, self.platform.platform_time())?;
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
            Ok(id) => {
                let outcome = UploadOutcome::Done { id: id.clone(), sent_now: true };
                (Resolution::Done { receipt: id }, None, Some(outcome))
            }
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
    /// not happen: then it may be sent again. `sent_now`: this run sent it.
    pub(super) async fn reconcile_upload(
        &self,
        record: &EffectRecord,
        sent_now: bool,
    ) -> Result<Option<UploadOutcome>, Abort> {
        crash_point!(self.crash, "upload.reconcile");
        match self.find_video(record).await? {
            Reconciled::Done(id) => {
                self.journal.record_resolution(
                    &record.key,
                    &Resolution::Done { receipt: id.clone() },
                    None,
                )?;
                // A send that was refused because of the name is not what has the name.
                let sent_now = sent_now && !was_refused(record);
                Ok(Some(UploadOutcome::Done { id, sent_now }))
            }
            Reconciled::Absent => {
                let reason = "the platform does not list it: it did not happen".to_owned();
                self.journal.record_resolution(&record.key, &Resolution::NotDone { reason }, None)?;
                Ok(None)
            }
            Reconciled::NameWasTaken => {
                let name = next_name(&record.name);
                self.journal.send_again(&record.key, &name, "the name was taken by something else")?;
                Ok(None)
            }
            // Slow is not failed: only on request is it uploaded again.
            Reconciled::Unlisted(reason) if self.settings.retry_slow => {
                self.journal.abandon(&record.key, &reason)?;
                Ok(Some(UploadOutcome::BadFile(reason)))
            }
            Reconciled::Unlisted(reason) => Ok(Some(UploadOutcome::Unresolved(format!(
                "{reason}; run the same command again to look again"
            )))),
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
            let asked = schedule.asks();
            match self.look_for_video(record, schedule.latest_answer()).await? {
                Ok(Sighting::Video(found)) => return Ok(found),
                Ok(Sighting::Nothing { name_is_taken }) => {
                    schedule.name_was_taken |= name_is_taken;
                    schedule.name_is_taken = name_is_taken;
                    schedule.found_nothing(asked);
                    if let Some(result) = schedule.result_if_unlisted(record) {
                        return Ok(result);
                    }
                }
                Err(error) => {
                    if let Some(error) = schedule.silence_after(error) {
                        return Ok(Reconciled::NoAnswer(error));
                    }
                }
            }
            self.wait(schedule.next_wait()).await?;
        }
    }

    /// Asks once: both the list and the name must be read.
    async fn look_for_video(
        &self,
        record: &EffectRecord,
        latest: Instant,
    ) -> Result<Result<Sighting, CallError>, Abort> {
        let videos = match self.read(latest, self.platform.search_videos(&record.name)).await? {
            Ok(videos) => videos,
            Err(error) => return Ok(Err(error)),
        };
        match match_videos(record, &videos) {
            // The platform refused our only send because of that video, which is not ours.
            Some(Reconciled::Ambiguous(_)) if was_refused(record) && !any_is_ours(record, &videos) => {
                return Ok(Ok(Sighting::Video(Reconciled::NameWasTaken)));
            }
            Some(found) => return Ok(Ok(Sighting::Video(found))),
            None => {}
        }
        if videos.iter().any(|video| video.file_name.is_none()) {
            let message = "the list has a video without a name".to_owned();
            let (class, code, request_id) = (Class::Retry, None, None);
            return Ok(Err(CallError { endpoint: "list of videos", class, code, message, request_id }));
        }
        let taken = self.read(latest, self.platform.name_taken(&record.name)).await?;
        Ok(taken.map(|name_is_taken| Sighting::Nothing { name_is_taken }))
    }
}

/// What one look for an upload showed.
enum Sighting {
    /// The platform lists a video of that name.
    Video(Reconciled),
    /// It lists none.
    Nothing { name_is_taken: bool },
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

/// Returns another name for the same bytes: `a-0123.mp4`, `a-0123-n2.mp4`, `a-0123-n3.mp4`.
pub(super) fn next_name(name: &str) -> String {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "mp4"));
    let numbered =
        stem.rsplit_once("-n").and_then(|(head, number)| Some((head, number.parse::<u32>().ok()?)));
    let (head, number) = numbered.unwrap_or((stem, 1));
    let tail = format!("-n{}.{extension}", number.saturating_add(1));
    // Names end with the content's hash, so it is the readable part that is shortened.
    let surplus = (head.chars().count() + tail.len()).saturating_sub(super::NAME_MAX);
    format!("{}{tail}", head.chars().skip(surplus).collect::<String>())
}

/// Returns why an effect was abandoned.
pub(super) fn abandon_reason(record: &EffectRecord) -> String {
    record.reason.clone().unwrap_or_else(|| "abandoned".to_owned())
}

/// Returns what a search says about an upload; `None` if no video has its name. The search is fuzzy, so names are
/// compared here.
fn match_videos(record: &EffectRecord, videos: &[RemoteVideo]) -> Option<Reconciled> {
    let reading = |video: &RemoteVideo| {
        let bytes = if is_ours(record, video) { "these bytes" } else { "other bytes" };
        format!("video {} has that name and {bytes}", video.video_id)
    };
    name_match::reconcile(
        named(record, videos),
        |video| &video.video_id,
        |video| is_ours(record, video),
        reading,
    )
}

fn named<'a>(record: &'a EffectRecord, videos: &'a [RemoteVideo]) -> impl Iterator<Item = &'a RemoteVideo> {
    videos.iter().filter(|video| video.file_name.as_deref() == Some(record.name.as_str()))
}

/// Returns whether nothing that is listed about a video contradicts the bytes that were sent.
fn is_ours(record: &EffectRecord, video: &RemoteVideo) -> bool {
    let md5 = video.md5.as_deref().zip(record.md5.as_deref());
    let size = video.size_bytes.zip(record.size_bytes);
    md5.is_none_or(|(a, b)| a.eq_ignore_ascii_case(b)) && size.is_none_or(|(a, b)| a == b)
}

fn any_is_ours(record: &EffectRecord, videos: &[RemoteVideo]) -> bool {
    named(record, videos).any(|video| is_ours(record, video))
}

/// Returns whether the platform answered the only send with the refusal that the name is taken: then it had no
/// effect, whatever has the name.
fn was_refused(record: &EffectRecord) -> bool {
    record.sends <= 1 && record.name_held
}
