//! Uploads: sent once, and asked after when nobody knows whether they happened.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::crash::crash_point;
use super::engine::{Abort, Context};
use super::journal::{Effect, EffectRecord, EffectState, Resolution};
use super::{ShipEvent, upload_name};
use crate::platform::{CallError, Class, RemoteVideo, UploadLog};
use crate::rules::ValidatedAsset;

/// Sends of one intent in one run, each after proof that the one before did not happen.
pub(super) const MAX_SENDS: u32 = 6;
const CAP: Duration = Duration::from_secs(30);
const NAME_TAKEN: i64 = 40_911;
const DUPLICATE_REQUEST: i64 = 40_050;

/// What came of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Upload {
    /// The platform's id.
    Done(String),
    /// The file is at fault: the next recipe may do better.
    BadFile(String),
    /// Sending again will not help.
    Refused(String),
    /// Not settled in the time given.
    Unsettled(String),
}

/// What an error says about a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MutationOutcome {
    /// It did not happen and may be sent again after a while.
    Again,
    /// It did not happen: the media is at fault.
    BadMedia,
    /// It did not happen: what it refers to is not what we believed.
    Stale,
    /// It did not happen and will not.
    Refused,
    /// It did not happen; the run stops.
    Stop,
    /// Nobody knows.
    Unknown { name_held: bool },
}

/// Reads an error as the fate of a mutation. Where a class says nothing of effects, doubt is kept.
pub(super) fn fate(error: &CallError) -> MutationOutcome {
    match (error.code, error.class) {
        (Some(NAME_TAKEN), _) => MutationOutcome::Unknown { name_held: true },
        (Some(DUPLICATE_REQUEST), _) | (_, Class::Unknown | Class::Ok) => {
            MutationOutcome::Unknown { name_held: false }
        }
        (_, Class::Wait | Class::Throttle | Class::Retry) => MutationOutcome::Again,
        (_, Class::ReRead) => MutationOutcome::Stale,
        (_, Class::ReEncode) => MutationOutcome::BadMedia,
        (_, Class::ReAuthenticate | Class::Configuration) => MutationOutcome::Stop,
        (_, Class::Permanent) => MutationOutcome::Refused,
    }
}

/// What asking found out about an effect in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reconciled {
    /// It happened.
    Done(String),
    /// It did not.
    Absent,
    /// It did, since its name is taken, but what came of it was never listed.
    Lost(String),
    /// Only a person can tell.
    Ambiguous(Vec<String>),
    /// The platform did not say.
    NoAnswer(String),
}

impl Context {
    /// The effect of uploading an asset.
    pub(super) fn upload_effect(&self, asset: &ValidatedAsset, source: &Path, recipe: u32) -> Effect {
        let content = asset.content();
        let stem = source.file_stem().unwrap_or_default().to_string_lossy();
        Effect {
            kind: "upload",
            origin: self.platform.origin().to_owned(),
            advertiser: self.platform.advertiser_id().to_owned(),
            scope: String::new(),
            name: upload_name(&stem, &content.blake3, recipe),
            content: content.blake3.clone(),
            md5: Some(content.md5.clone()),
            size_bytes: Some(content.size_bytes),
            recipe,
        }
    }

    /// Uploads an asset unless that happened already.
    pub(super) async fn upload(
        &self,
        asset: &ValidatedAsset,
        source: &Path,
        effect: &Effect,
    ) -> Result<Upload, Abort> {
        let lock = self.lock_of(&effect.key());
        let _one_at_a_time = lock.lock().await;
        self.go_on()?;
        crash_point!(self.crash, "upload.before_intent");
        let mut record = self.journal.intend(effect)?;
        crash_point!(self.crash, "upload.after_intent");
        let mut sends = 0;
        loop {
            let ended = match record.state {
                EffectState::Done => Some(Upload::Done(record.receipt.clone().unwrap_or_default())),
                EffectState::Intent | EffectState::NotDone if record.abandoned => {
                    Some(Upload::BadFile(given_up(&record)))
                }
                EffectState::Intent | EffectState::NotDone if sends == MAX_SENDS => {
                    let said = record.reason.as_deref().unwrap_or("no answer");
                    Some(Upload::Unsettled(format!("not taken in {MAX_SENDS} tries: {said}")))
                }
                EffectState::Intent | EffectState::NotDone => {
                    self.rest(sends).await?;
                    sends += 1;
                    self.send_video(asset, source, &record).await?
                }
                EffectState::Sent | EffectState::Unknown => self.settle_upload(&record).await?,
            };
            if let Some(ended) = ended {
                return Ok(ended);
            }
            record = self.journal.intend(effect)?;
        }
    }

    async fn send_video(
        &self,
        asset: &ValidatedAsset,
        source: &Path,
        record: &EffectRecord,
    ) -> Result<Option<Upload>, Abort> {
        let _slot = self.uploads.acquire().await.map_err(|_| Abort::Stopped)?;
        self.go_on()?;
        self.journal.mark_sent(&record.key)?;
        crash_point!(self.crash, "upload.after_sent_mark");
        let log = SendLog {
            context: self,
            key: &record.key,
            source,
            total: asset.content().size_bytes,
            kept: record.handle.clone(),
        };
        let answer = self.call(self.platform.upload_video(asset, &record.name, &log)).await?;
        crash_point!(self.crash, "upload.after_send_before_receipt");
        let (settled, request, ended) = match answer {
            Ok(id) => (Resolution::Done { receipt: id.clone() }, None, Some(Upload::Done(id))),
            Err(error) => {
                let reason = error.to_string();
                let (settled, ended) = match fate(&error) {
                    MutationOutcome::Unknown { name_held } => {
                        (Resolution::Unknown { reason, name_held }, None)
                    }
                    MutationOutcome::Again | MutationOutcome::Stop => (Resolution::NotDone { reason }, None),
                    MutationOutcome::BadMedia => {
                        (Resolution::NotDone { reason: reason.clone() }, Some(Upload::BadFile(reason)))
                    }
                    MutationOutcome::Stale | MutationOutcome::Refused => {
                        (Resolution::NotDone { reason: reason.clone() }, Some(Upload::Refused(reason)))
                    }
                };
                (settled, error.request_id, ended)
            }
        };
        self.journal.settle(&record.key, &settled, request.as_deref())?;
        crash_point!(self.crash, "upload.after_receipt");
        Ok(ended)
    }

    /// Finds out whether an upload in doubt happened, and writes it down. `None` when it did not:
    /// then it may be sent again.
    pub(super) async fn settle_upload(&self, record: &EffectRecord) -> Result<Option<Upload>, Abort> {
        crash_point!(self.crash, "upload.reconcile");
        match self.find_video(record).await? {
            Reconciled::Done(id) => {
                self.journal.settle(&record.key, &Resolution::Done { receipt: id.clone() }, None)?;
                Ok(Some(Upload::Done(id)))
            }
            Reconciled::Absent => {
                let reason = "asked after: it did not happen".to_owned();
                self.journal.settle(&record.key, &Resolution::NotDone { reason }, None)?;
                Ok(None)
            }
            Reconciled::Lost(reason) => {
                self.journal.abandon(&record.key, &reason)?;
                Ok(Some(Upload::BadFile(reason)))
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

    async fn find_video(&self, record: &EffectRecord) -> Result<Reconciled, Abort> {
        let mut asking = ReconcileSchedule::new(self, record);
        loop {
            self.go_on()?;
            let settled = asking.is_over();
            let said = match self.call(self.platform.search_videos(&record.name)).await? {
                Ok(videos) => match matching(record, &videos) {
                    Some(found) => return Ok(found),
                    None => None,
                },
                Err(error) => Some(error.to_string()),
            };
            let said = match said {
                Some(said) => Some(said),
                None => match self.call(self.platform.name_taken(&record.name)).await? {
                    Ok(taken) => {
                        asking.held |= taken;
                        asking.taken = taken;
                        asking.looks += 1;
                        None
                    }
                    Err(error) => Some(error.to_string()),
                },
            };
            if settled && said.is_none() && asking.looks >= 2 {
                if !asking.held {
                    return Ok(Reconciled::Absent);
                }
                if asking.is_out_of_time() {
                    return Ok(asking.verdict(&record.name));
                }
            }
            if asking.is_out_of_time()
                && let Some(said) = said
            {
                return Ok(Reconciled::NoAnswer(said));
            }
            self.wait(asking.pause()).await?;
        }
    }
}

/// Tells of bytes, and keeps in the journal how an upload in pieces can be taken up by a later run.
struct SendLog<'a> {
    context: &'a Context,
    key: &'a str,
    source: &'a Path,
    total: u64,
    kept: Option<String>,
}

impl UploadLog for SendLog<'_> {
    fn sent(&self, bytes: u64) {
        let source = self.source.to_owned();
        self.context.emit(ShipEvent::Sent { source, bytes, total: self.total });
    }

    fn kept(&self) -> Option<String> {
        self.kept.clone()
    }

    fn keep(&self, mark: Option<&str>) {
        // Without it the upload starts over, which costs time and nothing else.
        let _ = self.context.journal.hold(self.key, mark);
        crash_point!(self.context.crash, "upload.after_piece");
    }
}

/// Why an effect was given up.
pub(super) fn given_up(record: &EffectRecord) -> String {
    record.reason.clone().unwrap_or_else(|| "abandoned".to_owned())
}

/// The schedule of asking after an effect in doubt: absence proves nothing before the window is over.
pub(super) struct ReconcileSchedule {
    started: Instant,
    window: Duration,
    limit: Duration,
    first: Duration,
    tries: u32,
    /// Answers that showed nothing.
    pub(super) looks: u32,
    /// Whether the platform ever said that the name is taken.
    pub(super) held: bool,
    /// Whether it says so now.
    taken: bool,
}

impl ReconcileSchedule {
    pub(super) fn new(context: &Context, record: &EffectRecord) -> ReconcileSchedule {
        let settings = &context.settings;
        // Time that passed before this run counts; a clock that went back only makes us wait longer.
        let since = record.since_sent();
        let window = settings.visibility_window.saturating_sub(since);
        let limit = settings.visibility_window.max(settings.attempt_deadline).saturating_sub(since);
        ReconcileSchedule {
            started: Instant::now(),
            window,
            limit: limit.max(settings.attempt_deadline.min(CAP)),
            first: settings.first_poll,
            tries: 0,
            looks: 0,
            held: record.name_held,
            taken: false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.started.elapsed() >= self.window
    }

    pub(super) fn is_out_of_time(&self) -> bool {
        self.started.elapsed() >= self.limit
    }

    /// The name was taken and nothing of it was listed in all the time given. Names hold the hash of
    /// the bytes, so a name still taken is our upload, and its processing failed as any other that is
    /// never listed. A name said to be taken and then said to be free is a contradiction.
    fn verdict(&self, name: &str) -> Reconciled {
        if self.taken {
            return Reconciled::Lost(
                "its name is taken, so it was uploaded, but it was never listed".to_owned(),
            );
        }
        Reconciled::Ambiguous(vec![
            format!("an upload was refused because the name {name} is taken"),
            "no video of that name is listed, and the name check calls it free".to_owned(),
        ])
    }

    pub(super) fn pause(&mut self) -> Duration {
        self.tries += 1;
        let left = self.limit.saturating_sub(self.started.elapsed()).max(Duration::from_millis(100));
        let bound = self.first.saturating_mul(1 << self.tries.min(10)).min(CAP);
        bound.mul_f64(0.5 + 0.5 * fastrand::f64()).min(left)
    }
}

/// What a search says of an upload; `None` when it shows nothing of that name. The search is fuzzy,
/// so names are compared here.
fn matching(record: &EffectRecord, videos: &[RemoteVideo]) -> Option<Reconciled> {
    let mut hits: Vec<&RemoteVideo> =
        videos.iter().filter(|video| video.file_name.as_deref() == Some(record.name.as_str())).collect();
    hits.sort_by(|a, b| a.video_id.cmp(&b.video_id));
    hits.dedup_by(|a, b| a.video_id == b.video_id);
    let differs = |video: &RemoteVideo| {
        let md5 = video.md5.as_deref().zip(record.md5.as_deref());
        let size = video.size_bytes.zip(record.size_bytes);
        md5.is_some_and(|(a, b)| !a.eq_ignore_ascii_case(b)) || size.is_some_and(|(a, b)| a != b)
    };
    match hits.as_slice() {
        [] => None,
        [one] if !differs(one) => Some(Reconciled::Done(one.video_id.clone())),
        several => Some(Reconciled::Ambiguous(
            several
                .iter()
                .map(|video| {
                    let what = if differs(video) { "with other bytes" } else { "with these bytes" };
                    format!("video {} of that name, {what}", video.video_id)
                })
                .collect(),
        )),
    }
}
