//! One poller for all videos under way: due ones are asked for together, 60 a call.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::ShipEvent;
use super::backoff::{Backoff, Next};
use super::crash::crash_point;
use super::engine::{Abort, Context, guard};
use crate::platform::{CallError, Class, RemoteVideo};

/// The most ids a call takes.
const BATCH: usize = 60;
/// The first look at a video that an earlier run left waiting; short, so that all of them meet.
const SOON: Duration = Duration::from_millis(250);
/// Never more than this is waited less than meant, so that videos are asked for together.
const TOGETHER_MAX: Duration = Duration::from_secs(15);
const CAP: Duration = Duration::from_secs(60);

/// What came of waiting for a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// An ad may use it.
    Ready,
    /// Not in the time given, and what was seen.
    Late(String),
}

struct Watch {
    md5: String,
    started: Instant,
    limit: Duration,
    tries: u32,
    next: Instant,
    listed: Option<(Instant, RemoteVideo)>,
    said: Option<String>,
    replies: Vec<oneshot::Sender<Verdict>>,
}

impl Watch {
    fn see(&mut self, video: Option<&RemoteVideo>, now: Instant) {
        if let Some(video) = video {
            let since = self.listed.take().map_or(now, |(since, _)| since);
            self.listed = Some((since, video.clone()));
        }
    }

    fn is_ready(&self) -> bool {
        self.listed.as_ref().is_some_and(|(_, video)| video.is_ready(&self.md5))
    }

    fn late(&self, now: Instant) -> String {
        let mut text = match &self.listed {
            None => format!("never listed within {} s", now.duration_since(self.started).as_secs()),
            Some((_, video)) if video.displayable == Some(true) => {
                let other = video.md5.as_deref().is_some_and(|md5| !md5.eq_ignore_ascii_case(&self.md5));
                let what = if other { "its MD5 differs from the bytes sent" } else { "facts are missing" };
                format!("listed and displayable, but {what}")
            }
            Some((since, _)) => {
                format!("listed, not displayable for {} s", now.duration_since(*since).as_secs())
            }
        };
        if let Some(said) = &self.said {
            text.push_str(&format!(" (last answer: {said})"));
        }
        text
    }
}

/// The videos that somebody waits for.
#[derive(Default)]
pub(super) struct Poller {
    watches: Mutex<HashMap<String, Watch>>,
    changed: Notify,
}

impl Context {
    /// Waits until a video is ready, at most `limit`. A zero limit looks once.
    ///
    /// `fresh` tells that it was uploaded just now, so that the first look may wait.
    pub(super) async fn await_ready(
        &self,
        video_id: &str,
        md5: &str,
        limit: Duration,
        fresh: bool,
    ) -> Result<Verdict, Abort> {
        self.go_on()?;
        let (reply, verdict) = oneshot::channel();
        {
            let now = Instant::now();
            let first = match self.settings.first_look {
                // Spread a little, so that videos uploaded together are not asked for in one burst.
                Some(look) if fresh => Next::Wait(look.mul_f64(0.9 + 0.2 * fastrand::f64())),
                None if fresh => self.pause(0, Duration::ZERO, limit),
                _ => Next::Wait(SOON),
            };
            let wait = if let Next::Wait(wait) = first { wait.min(limit) } else { Duration::ZERO };
            let mut watches = guard(&self.poller.watches);
            let watch = watches.entry(video_id.to_owned()).or_insert_with(|| Watch {
                md5: md5.to_owned(),
                started: now,
                limit,
                tries: 0,
                next: now + wait,
                listed: None,
                said: None,
                replies: Vec::new(),
            });
            watch.replies.push(reply);
        }
        self.poller.changed.notify_one();
        tokio::select! {
            biased;
            verdict = verdict => verdict.map_err(|_| Abort::Stopped),
            () = self.stopped() => Err(Abort::Stopped),
        }
    }

    fn pause(&self, tries: u32, elapsed: Duration, limit: Duration) -> Next {
        let backoff = Backoff { first: self.settings.first_poll, cap: CAP, deadline: limit };
        // A quarter is kept, so that no video is asked for many times in a row.
        backoff.next(tries, elapsed, 0.25 + 0.75 * fastrand::f64())
    }

    /// Polls until the run stops. Its future is dropped when the run ends.
    pub(super) async fn poll_all(&self) {
        loop {
            let next = guard(&self.poller.watches).values().map(|watch| watch.next).min();
            tokio::select! {
                biased;
                () = self.stopped() => return,
                () = self.poller.changed.notified() => continue,
                () = sleep_until(next) => {}
            }
            for ids in self.due() {
                crash_point!(self.crash, "poll.before");
                let Ok(answer) = self.call(self.platform.videos(&ids)).await else { return };
                crash_point!(self.crash, "poll.after");
                self.merge(&ids, answer);
            }
        }
    }

    fn due(&self) -> Vec<Vec<String>> {
        let now = Instant::now();
        let soon = now + self.settings.first_poll.min(TOGETHER_MAX);
        let watches = guard(&self.poller.watches);
        let mut due: Vec<_> = watches.iter().filter(|(_, watch)| watch.next <= soon).collect();
        due.sort_by(|(a, x), (b, y)| x.next.cmp(&y.next).then(a.cmp(b)));
        // What is due soon fills the calls that what is due now takes anyway.
        let calls = due.iter().filter(|(_, watch)| watch.next <= now).count().div_ceil(BATCH);
        due.truncate(calls * BATCH);
        let ids: Vec<String> = due.into_iter().map(|(id, _)| id.clone()).collect();
        ids.chunks(BATCH).map(<[String]>::to_vec).collect()
    }

    fn merge(&self, ids: &[String], answer: Result<Vec<RemoteVideo>, CallError>) {
        if answer.as_ref().is_err_and(|error| error.class == Class::Throttle) {
            self.emit(ShipEvent::Paused { seconds: self.settings.first_poll.as_secs().max(1) });
        }
        let now = Instant::now();
        let mut watches = guard(&self.poller.watches);
        for id in ids {
            let Some(watch) = watches.get_mut(id) else { continue };
            watch.tries += 1;
            match &answer {
                Ok(videos) => {
                    watch.said = None;
                    watch.see(videos.iter().find(|video| video.video_id == *id), now);
                }
                // A fault on the way says nothing about the video.
                Err(error) => watch.said = Some(error.to_string()),
            }
            let verdict = if watch.is_ready() {
                Verdict::Ready
            } else {
                match self.pause(watch.tries, now.duration_since(watch.started), watch.limit) {
                    Next::Wait(wait) => {
                        watch.next = now + wait;
                        continue;
                    }
                    Next::GiveUp => Verdict::Late(watch.late(now)),
                }
            };
            for reply in watches.remove(id).into_iter().flat_map(|watch| watch.replies) {
                let _ = reply.send(verdict.clone());
            }
        }
    }
}

async fn sleep_until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}
