//! Smart Fix and pre-review, the platform's only tasks for ad videos with a status call. Both are available
//! only to apps on the platform's allowlist.

use serde_json::{Value, json};

use super::TikTokAds;
use super::client::{Endpoint, Payload, mutation, read};
use super::wire::{self, Envelope};
use crate::platform::{CallError, Class};

/// A fix creates a new video, so it must not be started twice.
const FIX: Endpoint = mutation("video/fix/task/create/");
const FIX_STATE: Endpoint = read("video/fix/task/get/");
/// A second review of the same video has no effect.
const REVIEW: Endpoint = read("creative/pre_review/task/create/");
const REVIEW_STATE: Endpoint = read("creative/pre_review/task/get/");

/// The most videos in one call of Smart Fix. Source: page fix-task-create.
pub const MAX_FIXES: usize = 10;
/// The most videos in one pre-review. Source: page pre-review-get.
pub const MAX_REVIEWS: usize = 5;

/// The result of requesting a fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FixStart {
    /// The video has no flaws and stays unchanged.
    Clean {
        /// The video's id.
        video_id: String,
    },
    /// The platform started a task.
    Task {
        /// The task's id.
        task_id: String,
        /// The flaws found, such as `LOW_RESOLUTION`.
        flaws: Vec<String>,
    },
}

/// The state of a fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FixState {
    /// The fix is still running.
    Processing,
    /// The fix failed.
    Failed {
        /// The platform's reason.
        reason: String,
    },
    /// The fix created videos.
    Done {
        /// The ids of the created videos.
        video_ids: Vec<String>,
    },
}

/// The audience of an ad, which determines the rules of the review.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// The platform's codes of the locations; at least one.
    pub location_codes: Vec<String>,
    /// Whether the ad sells goods.
    pub ecommerce: bool,
}

/// The result of a pre-review of one video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewVerdict {
    /// An ad with the video would be approved.
    Approved,
    /// An ad with the video would be rejected.
    Rejected {
        /// The platform's reasons, each with its suggestion.
        reasons: Vec<String>,
    },
    /// The platform cannot decide.
    Unsure,
    /// There is no review of this video, or its result is an unknown value.
    Unavailable,
}

impl TikTokAds {
    /// Requests fixes and returns one result per video, in order. With `bind` the platform adds the fixed videos
    /// to the advertiser's library. After an error of class [`Class::Unknown`] tasks may have started.
    ///
    /// # Errors
    /// Fails when the call fails, or for no video or more than [`MAX_FIXES`].
    pub async fn start_fixes(&self, video_ids: &[String], bind: bool) -> Result<Vec<FixStart>, CallError> {
        self.check_count(FIX, video_ids.len(), MAX_FIXES)?;
        let tasks: Vec<Value> =
            video_ids.iter().map(|id| json!({"video_id": id, "auto_bind_enabled": bind})).collect();
        let body = json!({"advertiser_id": self.options.advertiser_id, "tasks": tasks});
        let reply = self.call(FIX, &Payload::Json(body)).await?;
        let results: Option<Vec<FixStart>> = reply
            .data
            .get("tasks")
            .and_then(Value::as_array)
            .and_then(|list| list.iter().map(fix_start).collect());
        results
            .filter(|results| results.len() == video_ids.len())
            .ok_or_else(|| self.lost_reply(FIX, "the reply does not have one result per video"))
    }

    /// Reads the state of a fix.
    ///
    /// # Errors
    /// Fails when the call fails or the reply has an unknown state.
    pub async fn fix_state(&self, task_id: &str) -> Result<FixState, CallError> {
        let reply = self.task(FIX_STATE, task_id).await?;
        match wire::text(&reply.data, "status").as_deref() {
            Some("PROCESSING") => Ok(FixState::Processing),
            Some("FAILED") => {
                let reason = wire::text(&reply.data, "error_msg");
                Ok(FixState::Failed { reason: reason.unwrap_or_else(|| "no reason given".to_owned()) })
            }
            Some("SUCCESS") => {
                let list = reply.data.get("videos").and_then(Value::as_array);
                let ids = list.into_iter().flatten().filter_map(|video| wire::text(video, "video_id"));
                Ok(FixState::Done { video_ids: ids.collect() })
            }
            _ => Err(self.lost_reply(FIX_STATE, "the reply has no known state")),
        }
    }

    /// Starts a review of videos before an ad exists and returns the task's id.
    ///
    /// # Errors
    /// Fails when the call fails, as it does for apps that are not on the allowlist, or for no video or more
    /// than [`MAX_REVIEWS`].
    pub async fn start_review(&self, video_ids: &[String], audience: &Audience) -> Result<String, CallError> {
        self.check_count(REVIEW, video_ids.len(), MAX_REVIEWS)?;
        let body = json!({
            "advertiser_id": self.options.advertiser_id,
            "video_ids": video_ids,
            "location_codes": audience.location_codes,
            "is_ecommerce": audience.ecommerce,
        });
        let reply = self.call(REVIEW, &Payload::Json(body)).await?;
        self.new_id(REVIEW, &reply, "task_id")
    }

    /// Reads the review's result for each video; `None` while the review is running.
    ///
    /// # Errors
    /// Fails when the call fails or the reply has an unknown state.
    pub async fn review_state(
        &self,
        task_id: &str,
    ) -> Result<Option<Vec<(String, ReviewVerdict)>>, CallError> {
        let reply = self.task(REVIEW_STATE, task_id).await?;
        match wire::text(&reply.data, "task_status").as_deref() {
            Some("PROCESSING") => Ok(None),
            Some("SUCCESS") => {
                let list = reply.data.get("video_results").and_then(Value::as_array);
                Ok(Some(list.into_iter().flatten().filter_map(verdict).collect()))
            }
            _ => Err(self.lost_reply(REVIEW_STATE, "the reply has no known state")),
        }
    }

    async fn task(&self, endpoint: Endpoint, id: &str) -> Result<Envelope, CallError> {
        self.call(endpoint, &Payload::Query(vec![("task_id", id.to_owned())])).await
    }

    fn check_count(&self, endpoint: Endpoint, count: usize, most: usize) -> Result<(), CallError> {
        if (1..=most).contains(&count) {
            return Ok(());
        }
        let message = format!("{count} videos in one call; the platform accepts 1 to {most}");
        Err(self.error(endpoint.path, Class::Permanent, &message))
    }
}

fn strings(entry: &Value, name: &str) -> Vec<String> {
    let list = entry.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn fix_start(entry: &Value) -> Option<FixStart> {
    match wire::text(entry, "fix_task_id") {
        Some(task_id) => Some(FixStart::Task { task_id, flaws: strings(entry, "flaw_types") }),
        None => Some(FixStart::Clean { video_id: wire::text(entry, "video_id")? }),
    }
}

fn verdict(entry: &Value) -> Option<(String, ReviewVerdict)> {
    let id = wire::text(entry, "video_id")?;
    let verdict = match wire::text(entry, "review_result").as_deref() {
        Some("APPROVED") => ReviewVerdict::Approved,
        Some("UNSURE") => ReviewVerdict::Unsure,
        Some("REJECTED") => ReviewVerdict::Rejected { reasons: reasons(entry) },
        _ => ReviewVerdict::Unavailable,
    };
    Some((id, verdict))
}

fn reasons(entry: &Value) -> Vec<String> {
    let list = entry.get("reject_info_list").and_then(Value::as_array);
    let reason = |info: &Value| match (wire::text(info, "reason"), wire::text(info, "suggestion")) {
        (Some(reason), Some(suggestion)) => Some(format!("{reason} ({suggestion})")),
        (reason, suggestion) => reason.or(suggestion),
    };
    list.into_iter().flatten().filter_map(reason).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_rejection_keeps_its_reasons_and_an_unknown_result_is_not_an_approval() {
        let rejected = json!({"video_id": "v", "review_result": "REJECTED",
            "reject_info_list": [{"reason": "smoke", "suggestion": "cut it"}, {"reason": "text"}, {}]});
        let reasons = vec!["smoke (cut it)".to_owned(), "text".to_owned()];
        assert_eq!(verdict(&rejected).unwrap().1, ReviewVerdict::Rejected { reasons });
        let unknown = json!({"video_id": "v", "review_result": "PERHAPS"});
        assert_eq!(verdict(&unknown).unwrap().1, ReviewVerdict::Unavailable);
        assert_eq!(fix_start(&json!({"flaw_types": ["LOW_RESOLUTION"]})), None);
    }
}
