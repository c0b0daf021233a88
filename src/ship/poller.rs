//! The videos that tasks wait for, and what is known about each.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::read_clock::{ReadClock, format_span};
use crate::platform::{CallError, Failure, Progress};

/// Whether a video became ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It can be published.
    Ready,
    /// It is published, where the upload is the publication.
    Published {
        /// The publication's id; `None` where only the upload has one.
        id: Option<String>,
        /// What a person should know.
        note: Option<&'static str>,
    },
    /// The platform failed it.
    Failed(Failure),
    /// Not within the limit, as a successful read showed; the text says what was seen.
    TimedOut(String),
    /// No read succeeded for the whole deadline: nothing is known about the video.
    NoAnswer(String),
}

/// What is known about a video that tasks wait for.
pub(super) struct PollEntry {
    pub(super) md5: String,
    pub(super) clock: ReadClock,
    pub(super) limit: Duration,
    pub(super) tries: u32,
    pub(super) next: Instant,
    /// Whether a query about it is under way.
    pub(super) is_asked: bool,
    /// What the platform shows of it, and since when.
    pub(super) seen: Option<(Instant, &'static str)>,
    pub(super) last_error: Option<CallError>,
    pub(super) replies: Vec<oneshot::Sender<Readiness>>,
}

impl PollEntry {
    /// Notes an answer, and returns it if the wait is over.
    pub(super) fn update(&mut self, progress: Progress, now: Instant) -> Option<Readiness> {
        match progress {
            Progress::Unlisted => None,
            Progress::Processing(seen) => {
                if self.seen.is_none_or(|(_, before)| before != seen) {
                    self.seen = Some((now, seen));
                }
                None
            }
            Progress::Ready => Some(Readiness::Ready),
            Progress::Published { id, note } => Some(Readiness::Published { id, note }),
            Progress::Failed(failure) => Some(Readiness::Failed(failure)),
        }
    }

    /// Returns why the wait ended although reads succeeded.
    pub(super) fn timeout_reason(&self, now: Instant) -> String {
        let limit = format_span(self.limit);
        match self.seen {
            None => format!("still processing after {limit} (never listed)"),
            Some((_, "")) => format!("still processing after {limit}"),
            Some((since, seen)) => {
                let seconds = now.duration_since(since).as_secs();
                let lasting = if seconds > 0 { format!(" for {seconds} s") } else { String::new() };
                format!("still processing after {limit} ({seen}{lasting})")
            }
        }
    }

    /// Returns why the wait ended without a read.
    pub(super) fn silence_reason(&self, deadline: Duration) -> String {
        let error = self.last_error.as_ref().map_or("no answer".to_owned(), ToString::to_string);
        format!("its state could not be read for {}: {error}", format_span(deadline))
    }
}

/// The videos that tasks wait for.
#[derive(Default)]
pub(super) struct Poller {
    pub(super) entries: Mutex<HashMap<String, PollEntry>>,
    pub(super) changed: Notify,
}
