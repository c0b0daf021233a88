//! Waits for the post of an upload, and handles one that the platform reports as failed.

use std::time::Duration;

use tokio::time::Instant;

use super::asset::Posting;
use super::{Abort, StopReason};
use crate::platform::{CallError, Class, PostStatus, post_fail_reasons};
use crate::ship::DeliveryState;
use crate::ship::backoff::{Backoff, Next};
use crate::ship::crash_points::crash_point;
use crate::ship::journaled_item::StepOutcome;
use crate::ship::read_clock::{ReadClock, format_span};
use crate::ship::run::telling_error;

/// The longest wait between two polls: the limit is 30 status queries a minute per token.
const MAX_POLL_WAIT: Duration = Duration::from_secs(60);

/// The most posts of one asset in one run that may fail for reasons unrelated to the file.
const MAX_UNRELATED_FAILURES: u32 = 3;

impl Posting<'_> {
    /// Polls until the platform posted the video. A late post may still appear, so it is not sent again.
    pub(super) async fn wait_step(&mut self, publish_id: &str) -> Result<StepOutcome, Abort> {
        if self.item.record.state != DeliveryState::Processing {
            self.item.enter(DeliveryState::Processing, None)?;
        }
        let limit = self.context.poll_deadline;
        let backoff = Backoff { first: self.context.first_poll, cap: MAX_POLL_WAIT, deadline: limit };
        let mut clock = ReadClock::new(Instant::now(), Duration::ZERO);
        let (mut tries, mut last_error) = (0, None::<CallError>);
        loop {
            let elapsed = match &last_error {
                None => clock.counted(),
                // A read that failed proves nothing: only silence for the whole deadline ends the wait.
                Some(_) => clock.silence(Instant::now()),
            };
            match backoff.next(tries, elapsed, 0.25 + 0.75 * fastrand::f64()) {
                Next::Wait(wait) => self.context.wait(wait).await?,
                Next::GiveUp => {
                    let after = format_span(limit);
                    let seen = match last_error {
                        None => format!("still processing after {after}"),
                        Some(error) => format!("its state could not be read for {after}: {error}"),
                    };
                    let reason = format!("{seen}; run the same command again to look again");
                    return self.item.finish(DeliveryState::Unconfirmed, Some(reason));
                }
            }
            crash_point!(self.context.crash, "poll.before");
            let asked = Instant::now();
            clock.asks(asked);
            let latest = clock.silent_at(limit, asked);
            let answer = self.context.read(latest, self.context.platform.status(publish_id)).await?;
            crash_point!(self.context.crash, "poll.after");
            tries += 1;
            match &answer {
                Ok(_) => clock.succeeded(asked),
                Err(_) => clock.failed(Instant::now()),
            }
            let before = last_error.take();
            match answer {
                Ok(PostStatus::Posted { post_ids }) => {
                    let id = post_ids.into_iter().next();
                    return self.published(id.unwrap_or_else(|| publish_id.to_owned()), None);
                }
                Ok(PostStatus::InInbox) => {
                    let note = "the draft is in the creator's inbox".to_owned();
                    return self.published(publish_id.to_owned(), Some(note));
                }
                Ok(PostStatus::Failed { reason }) => return self.failed(reason),
                Ok(PostStatus::Uploading { .. } | PostStatus::Processing) => {}
                Err(error) => last_error = Some(telling_error(before, error)),
            }
        }
    }

    /// Handles a post that the platform reports as failed.
    fn failed(&mut self, reason: String) -> Result<StepOutcome, Abort> {
        match post_fail_reasons::class_of(&reason) {
            Class::ReEncode => self.item.next_encode_mode(&reason),
            class => {
                // The reason is unrelated to the bytes: they may be sent again, now or by a later run.
                self.undo_effect(&reason)?;
                self.item.record.video_id = None;
                self.unrelated_failures += 1;
                if class == Class::ReAuthenticate {
                    self.item.enter(DeliveryState::Failed, Some(reason.clone()))?;
                    self.context.request_stop(StopReason::Auth(format!("the post failed with {reason}")));
                    return Err(Abort::Stopped);
                }
                if class == Class::Retry && self.unrelated_failures < MAX_UNRELATED_FAILURES {
                    self.item.enter(DeliveryState::Failed, Some(reason))?;
                    return Ok(StepOutcome::Continue);
                }
                let advice = post_fail_reasons::page(&reason).map(|page| page.action);
                let advice = advice.map(|action| format!("; {action}")).unwrap_or_default();
                self.item.finish(
                    DeliveryState::Failed,
                    Some(format!("the platform refused the post: {reason}{advice}")),
                )
            }
        }
    }
}
