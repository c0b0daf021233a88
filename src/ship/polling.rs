//! One poller for all videos in processing: due videos are queried together, 60 per call.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::ShipEvent;
use super::backoff::{Backoff, Next};
use super::crash_points::crash_point;
use super::engine::{Abort, Context, lock};
use super::read_clock::{ReadClock, format_span};
use super::run::telling_error;
use crate::platform::{CallError, Class, RemoteVideo};

/// The most ids in one call.
const MAX_IDS_PER_CALL: usize = 60;
/// Wait before the first poll of a video that an earlier run uploaded: short, so that all of them share calls.
const RESUMED_FIRST_WAIT: Duration = Duration::from_millis(250);
/// How much earlier than due a video may be polled, so that videos share calls.
const MAX_EARLY: Duration = Duration::from_secs(15);
/// The longest wait between two polls of a video.
const MAX_POLL_WAIT: Duration = Duration::from_secs(60);

/// Whether a video became ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// An ad may use it.
    Ready,
    /// Not within the limit, as a successful read showed; the text says what was seen.
    TimedOut(String),
    /// No read succeeded for the whole deadline: nothing is known about the video.
    NoAnswer(String),
}

struct PollEntry {
    md5: String,
    clock: ReadClock,
    limit: Duration,
    tries: u32,
    next: Instant,
    listed: Option<(Instant, RemoteVideo)>,
    last_error: Option<CallError>,
    replies: Vec<oneshot::Sender<Readiness>>,
}

impl PollEntry {
    fn update(&mut self, video: Option<&RemoteVideo>, now: Instant) {
        if let Some(video) = video {
            let since = self.listed.take().map_or(now, |(since, _)| since);
            self.listed = Some((since, video.clone()));
        }
    }

    fn is_ready(&self) -> bool {
        self.listed.as_ref().is_some_and(|(_, video)| video.is_ready(&self.md5))
    }

    fn timeout_reason(&self, now: Instant) -> String {
        let seen = match &self.listed {
            None => "never listed".to_owned(),
            Some((_, video)) if video.displayable == Some(true) => {
                let differs = video.md5.as_deref().is_some_and(|md5| !md5.eq_ignore_ascii_case(&self.md5));
                let problem = if differs {
                    "its MD5 differs from that of the bytes sent"
                } else {
                    "the list lacks some of its properties"
                };
                format!("listed and displayable, but {problem}")
            }
            Some((since, _)) => {
                format!("listed, not displayable for {} s", now.duration_since(*since).as_secs())
            }
        };
        format!("still processing after {} ({seen})", format_span(self.limit))
    }

    fn silence_reason(&self, deadline: Duration) -> String {
        let error = self.last_error.as_ref().map_or("no answer".to_owned(), ToString::to_string);
        format!("its state could not be read for {}: {error}", format_span(deadline))
    }
}

/// The videos that tasks wait for.
#[derive(Default)]
pub(super) struct Poller {
    entries: Mutex<HashMap<String, PollEntry>>,
    changed: Notify,
}

impl Context {
    /// Waits until a video is ready, at most `limit`. A zero limit polls once.
    ///
    /// `just_uploaded`: the video needs time for processing, so the first poll waits.
    pub(super) async fn await_ready(
        &self,
        video_id: &str,
        md5: &str,
        limit: Duration,
        just_uploaded: bool,
    ) -> Result<Readiness, Abort> {
        self.check_running()?;
        let (reply, readiness) = oneshot::channel();
        {
            let now = Instant::now();
            let first = match self.settings.first_poll_after_upload {
                // Jitter, so that videos uploaded together are not polled in one burst.
                Some(delay) if just_uploaded => Next::Wait(delay.mul_f64(0.9 + 0.2 * fastrand::f64())),
                None if just_uploaded => self.next_poll(0, Duration::ZERO, limit),
                _ => Next::Wait(RESUMED_FIRST_WAIT),
            };
            let wait = if let Next::Wait(wait) = first { wait.min(limit) } else { Duration::ZERO };
            let mut entries = lock(&self.poller.entries);
            let entry = entries.entry(video_id.to_owned()).or_insert_with(|| PollEntry {
                md5: md5.to_owned(),
                clock: ReadClock::new(now, Duration::ZERO),
                limit,
                tries: 0,
                next: now + wait,
                listed: None,
                last_error: None,
                replies: Vec::new(),
            });
            entry.replies.push(reply);
        }
        self.poller.changed.notify_one();
        tokio::select! {
            biased;
            readiness = readiness => readiness.map_err(|_| Abort::Stopped),
            () = self.stopped() => Err(Abort::Stopped),
        }
    }

    fn next_poll(&self, tries: u32, elapsed: Duration, limit: Duration) -> Next {
        let backoff = Backoff { first: self.settings.first_poll, cap: MAX_POLL_WAIT, deadline: limit };
        // At least a quarter of the bound, so that no video is polled many times in a row.
        backoff.next(tries, elapsed, 0.25 + 0.75 * fastrand::f64())
    }

    /// Polls until the run stops. The caller drops the future when the run ends.
    pub(super) async fn poll_all(&self) {
        loop {
            let next = lock(&self.poller.entries).values().map(|entry| entry.next).min();
            tokio::select! {
                biased;
                () = self.stopped() => return,
                () = self.poller.changed.notified() => continue,
                () = sleep_until(next) => {}
            }
            for ids in self.due() {
                crash_point!(self.crash, "poll.before");
                let asked = Instant::now();
                let latest = self.latest_answer(&ids, asked);
                let Ok(answer) = self.read(latest, self.platform.videos(&ids)).await else { return };
                crash_point!(self.crash, "poll.after");
                self.merge(&ids, asked, answer);
            }
        }
    }

    fn due(&self) -> Vec<Vec<String>> {
        let now = Instant::now();
        let soon = now + self.settings.first_poll.min(MAX_EARLY);
        let entries = lock(&self.poller.entries);
        let mut due: Vec<_> = entries.iter().filter(|(_, entry)| entry.next <= soon).collect();
        due.sort_by(|(a, x), (b, y)| x.next.cmp(&y.next).then(a.cmp(b)));
        // Videos that are due soon fill up the calls needed for those due now.
        let calls = due.iter().filter(|(_, entry)| entry.next <= now).count().div_ceil(MAX_IDS_PER_CALL);
        due.truncate(calls * MAX_IDS_PER_CALL);
        let ids: Vec<String> = due.into_iter().map(|(id, _)| id.clone()).collect();
        ids.chunks(MAX_IDS_PER_CALL).map(<[String]>::to_vec).collect()
    }

    /// Returns how long to wait for the answer about these videos, which is asked for now.
    fn latest_answer(&self, ids: &[String], now: Instant) -> Instant {
        let mut entries = lock(&self.poller.entries);
        let mut latest = now + self.settings.poll_deadline;
        for id in ids {
            if let Some(entry) = entries.get_mut(id) {
                entry.clock.asks(now);
                latest = latest.min(entry.clock.silent_at(self.settings.poll_deadline, now));
            }
        }
        latest
    }

    fn merge(&self, ids: &[String], asked: Instant, answer: Result<Vec<RemoteVideo>, CallError>) {
        if answer.as_ref().is_err_and(|error| error.class == Class::Throttle) {
            self.emit(ShipEvent::Paused { seconds: self.settings.first_poll.as_secs().max(1) });
        }
        let now = Instant::now();
        let mut entries = lock(&self.poller.entries);
        for id in ids {
            let Some(entry) = entries.get_mut(id) else { continue };
            entry.tries += 1;
            match &answer {
                Ok(videos) => {
                    entry.last_error = None;
                    entry.clock.succeeded(asked);
                    entry.update(videos.iter().find(|video| video.video_id == *id), now);
                }
                // A failed call says nothing about the video.
                Err(error) => {
                    entry.last_error = Some(telling_error(entry.last_error.take(), error.clone()));
                    entry.clock.failed(now);
                }
            }
            let Some(readiness) = self.readiness(entry, answer.is_ok(), now) else { continue };
            for reply in entries.remove(id).into_iter().flat_map(|entry| entry.replies) {
                let _ = reply.send(readiness.clone());
            }
        }
    }
}

impl Context {
    /// Returns what is known about a video after a read, or plans the next read.
    fn readiness(&self, entry: &mut PollEntry, answered: bool, now: Instant) -> Option<Readiness> {
        let deadline = self.settings.poll_deadline;
        let next = match answered {
            true if entry.is_ready() => return Some(Readiness::Ready),
            true => self.next_poll(entry.tries, entry.clock.counted(), entry.limit),
            false => self.next_poll(entry.tries, entry.clock.silence(now), deadline),
        };
        match next {
            Next::Wait(wait) => {
                entry.next = now + wait;
                None
            }
            Next::GiveUp if answered => Some(Readiness::TimedOut(entry.timeout_reason(now))),
            Next::GiveUp => Some(Readiness::NoAnswer(entry.silence_reason(deadline))),
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
