//! One poller for all videos in processing: due videos are queried together, as many as one call takes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::ShipEvent;
use super::backoff::{Backoff, Next};
use super::context::Context;
use super::crash_points::crash_point;
use super::locks::lock;
use super::poller::{PollEntry, Readiness};
use super::read_clock::ReadClock;
use super::run::telling_error;
use super::stop::Abort;
use crate::platform::{Awaited, CallError, Class, Progress};

/// Wait before the first poll of a video that an earlier run uploaded: short, so that all of them share calls.
const RESUMED_FIRST_WAIT: Duration = Duration::from_millis(250);
/// How much earlier than due a video may be polled, so that videos share calls.
const MAX_EARLY: Duration = Duration::from_secs(15);
/// The longest wait between two polls of a video.
const MAX_POLL_WAIT: Duration = Duration::from_secs(60);

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
                is_asked: false,
                seen: None,
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
    pub(super) async fn poll_all(self: Arc<Context>) {
        // Dropping the set aborts its tasks.
        let mut calls = JoinSet::new();
        loop {
            let next = {
                let entries = lock(&self.poller.entries);
                entries.values().filter(|entry| !entry.is_asked).map(|entry| entry.next).min()
            };
            tokio::select! {
                biased;
                () = self.stopped() => return,
                Some(_) = calls.join_next() => continue,
                () = self.poller.changed.notified() => continue,
                () = sleep_until(next) => {}
            }
            for videos in self.take_due() {
                let context = Arc::clone(&self);
                calls.spawn(async move { context.poll(&videos).await });
            }
        }
    }

    async fn poll(&self, videos: &[Awaited]) {
        crash_point!(self.crash, "poll.before");
        let asked = Instant::now();
        let latest = self.latest_answer(videos, asked);
        let Ok(answer) = self.read(latest, self.destination.progress(videos)).await else { return };
        crash_point!(self.crash, "poll.after");
        self.merge(videos, asked, answer);
    }

    /// Takes the videos that are due, in groups of one call.
    fn take_due(&self) -> Vec<Vec<Awaited>> {
        let now = Instant::now();
        let soon = now + self.settings.first_poll.min(MAX_EARLY);
        let per_call = self.destination.videos_per_call().max(1);
        let mut entries = lock(&self.poller.entries);
        let mut due: Vec<_> =
            entries.iter_mut().filter(|(_, entry)| !entry.is_asked && entry.next <= soon).collect();
        due.sort_by(|(a, x), (b, y)| x.next.cmp(&y.next).then(a.cmp(b)));
        // Videos that are due soon fill up the calls needed for those due now.
        let calls = due.iter().filter(|(_, entry)| entry.next <= now).count().div_ceil(per_call);
        due.truncate(calls * per_call);
        let take = |(id, entry): (&String, &mut PollEntry)| {
            entry.is_asked = true;
            Awaited { id: id.clone(), md5: entry.md5.clone() }
        };
        let videos: Vec<Awaited> = due.into_iter().map(take).collect();
        videos.chunks(per_call).map(<[Awaited]>::to_vec).collect()
    }

    /// Returns how long to wait for the answer about these videos, which is asked for now.
    fn latest_answer(&self, videos: &[Awaited], now: Instant) -> Instant {
        let mut entries = lock(&self.poller.entries);
        let mut latest = now + self.settings.poll_deadline;
        for video in videos {
            if let Some(entry) = entries.get_mut(&video.id) {
                entry.clock.asks(now);
                latest = latest.min(entry.clock.silent_at(self.settings.poll_deadline, now));
            }
        }
        latest
    }

    fn merge(&self, videos: &[Awaited], asked: Instant, answer: Result<Vec<Progress>, CallError>) {
        if answer.as_ref().is_err_and(|error| error.class == Class::Throttle) {
            self.emit(ShipEvent::Paused { seconds: self.settings.first_poll.as_secs().max(1) });
        }
        let now = Instant::now();
        let mut entries = lock(&self.poller.entries);
        // A failed call says nothing about its videos.
        let answers: Vec<Result<Progress, CallError>> = match answer {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); videos.len()],
        };
        for (video, answer) in videos.iter().zip(answers) {
            let Some(entry) = entries.get_mut(&video.id) else { continue };
            let Some(readiness) = self.readiness(entry, asked, answer, now) else { continue };
            for reply in entries.remove(&video.id).into_iter().flat_map(|entry| entry.replies) {
                let _ = reply.send(readiness.clone());
            }
        }
        self.poller.changed.notify_one();
    }

    /// Returns what is known about a video after a read, or plans the next read.
    fn readiness(
        &self,
        entry: &mut PollEntry,
        asked: Instant,
        answer: Result<Progress, CallError>,
        now: Instant,
    ) -> Option<Readiness> {
        let deadline = self.settings.poll_deadline;
        entry.tries += 1;
        entry.is_asked = false;
        let answered = answer.is_ok();
        let next = match answer {
            Ok(progress) => {
                entry.last_error = None;
                entry.clock.succeeded(asked);
                if let Some(readiness) = entry.update(progress, now) {
                    return Some(readiness);
                }
                self.next_poll(entry.tries, entry.clock.counted(), entry.limit)
            }
            Err(error) => {
                entry.last_error = Some(telling_error(entry.last_error.take(), error));
                entry.clock.failed(now);
                self.next_poll(entry.tries, entry.clock.silence(now), deadline)
            }
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
