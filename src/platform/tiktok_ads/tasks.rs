//! Smart Fix and pre-review: the platform's only tasks for ad videos whose state can be asked for. Both are
//! offered to apps that the platform let in, and refused to the others.

use serde_json::{Value, json};

use super::TikTokAds;
use super::client::{Endpoint, Payload, mutation, read};
use super::wire::{self, Envelope};
use crate::platform::{CallError, Class};

/// A fix makes a new video, so it must not be begun twice.
const FIX: Endpoint = mutation("video/fix/task/create/");
const FIX_STATE: Endpoint = read("video/fix/task/get/");
/// A second review of the same video makes nothing.
const REVIEW: Endpoint = read("creative/pre_review/task/create/");
const REVIEW_STATE: Endpoint = read("creative/pre_review/task/get/");

/// Videos in one task of Smart Fix. Source: page fix-task-create.
pub const MOST_FIXES: usize = 10;
/// Videos in one pre-review. Source: page pre-review-get.
pub const MOST_REVIEWS: usize = 5;

/// What came of asking for a fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FixStart {
    /// The video has no flaws and stays as it is.
    Clean {
        /// Its id.
        video_id: String,
    },
    /// A task was begun.
    Task {
        /// To ask by.
        task_id: String,
        /// `LOW_RESOLUTION` and the like.
        flaws: Vec<String>,
    },
}

/// Where a fix stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FixState {
    /// Ask again later.
    Processing,
    /// It came to nothing.
    Failed {
        /// What the platform says of it.
        why: String,
    },
    /// The videos that came of it.
    Done {
        /// Their ids.
        video_ids: Vec<String>,
    },
}

/// Whom an ad is meant for, which decides by whose rules a video is reviewed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Codes of the platform; at least one.
    pub location_codes: Vec<String>,
    /// Whether the ad sells goods.
    pub ecommerce: bool,
}

/// What a pre-review says of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// It would be let through.
    Approved,
    /// It would not.
    Rejected {
        /// The platform's reasons, each with what it suggests.
        reasons: Vec<String>,
    },
    /// The platform cannot tell.
    Unsure,
    /// There is no review of this video, or its word for it is not known.
    Unavailable,
}

impl TikTokAds {
    /// Asks for flaws to be fixed, one answer a video and in their order; `bind` puts what comes of it into
    /// the advertiser's library at once. An error of class [`Class::Unknown`] leaves open what was begun.
    ///
    /// # Errors
    /// When the call fails, or more than [`MOST_FIXES`] videos are asked for, or none.
    pub async fn start_fixes(&self, video_ids: &[String], bind: bool) -> Result<Vec<FixStart>, CallError> {
        self.check_count(FIX, video_ids.len(), MOST_FIXES)?;
        let tasks: Vec<Value> =
            video_ids.iter().map(|id| json!({"video_id": id, "auto_bind_enabled": bind})).collect();
        let body = json!({"advertiser_id": self.options.advertiser_id, "tasks": tasks});
        let reply = self.call(FIX, &Payload::Json(body)).await?;
        let begun: Option<Vec<FixStart>> =
            reply.data.get("tasks").and_then(Value::as_array).and_then(|list| list.iter().map(fix).collect());
        begun
            .filter(|begun| begun.len() == video_ids.len())
            .ok_or_else(|| self.lost(FIX, "the reply does not say of each video what was begun"))
    }

    /// Where a fix stands.
    ///
    /// # Errors
    /// When the call fails, or the platform says what is not known.
    pub async fn fix_state(&self, task_id: &str) -> Result<FixState, CallError> {
        let reply = self.task(FIX_STATE, task_id).await?;
        match wire::text(&reply.data, "status").as_deref() {
            Some("PROCESSING") => Ok(FixState::Processing),
            Some("FAILED") => {
                let why = wire::text(&reply.data, "error_msg");
                Ok(FixState::Failed { why: why.unwrap_or_else(|| "no reason given".to_owned()) })
            }
            Some("SUCCESS") => {
                let list = reply.data.get("videos").and_then(Value::as_array);
                let ids = list.into_iter().flatten().filter_map(|video| wire::text(video, "video_id"));
                Ok(FixState::Done { video_ids: ids.collect() })
            }
            _ => Err(self.lost(FIX_STATE, "the reply has no state that is known")),
        }
    }

    /// Begins a review of videos before there is an ad, and gives the id to ask by.
    ///
    /// # Errors
    /// When the call fails, as it does for apps that were not let in, or more than [`MOST_REVIEWS`] videos are
    /// asked for, or none.
    pub async fn start_review(&self, video_ids: &[String], audience: &Audience) -> Result<String, CallError> {
        self.check_count(REVIEW, video_ids.len(), MOST_REVIEWS)?;
        let body = json!({
            "advertiser_id": self.options.advertiser_id,
            "video_ids": video_ids,
            "location_codes": audience.location_codes,
            "is_ecommerce": audience.ecommerce,
        });
        let reply = self.call(REVIEW, &Payload::Json(body)).await?;
        self.new_id(REVIEW, &reply, "task_id")
    }

    /// What a review says of each video; `None` while it lasts.
    ///
    /// # Errors
    /// When the call fails, or the platform says what is not known.
    pub async fn review_state(&self, task_id: &str) -> Result<Option<Vec<(String, Opinion)>>, CallError> {
        let reply = self.task(REVIEW_STATE, task_id).await?;
        match wire::text(&reply.data, "task_status").as_deref() {
            Some("PROCESSING") => Ok(None),
            Some("SUCCESS") => {
                let list = reply.data.get("video_results").and_then(Value::as_array);
                Ok(Some(list.into_iter().flatten().filter_map(opinion).collect()))
            }
            _ => Err(self.lost(REVIEW_STATE, "the reply has no state that is known")),
        }
    }

    async fn task(&self, endpoint: Endpoint, id: &str) -> Result<Envelope, CallError> {
        self.call(endpoint, &Payload::Query(vec![("task_id", id.to_owned())])).await
    }

    fn check_count(&self, endpoint: Endpoint, count: usize, most: usize) -> Result<(), CallError> {
        if (1..=most).contains(&count) {
            return Ok(());
        }
        let text = format!("{count} videos: one call takes 1 to {most}");
        Err(self.fault(endpoint.path, Class::Permanent, &text))
    }
}

fn words(entry: &Value, name: &str) -> Vec<String> {
    let list = entry.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn fix(entry: &Value) -> Option<FixStart> {
    match wire::text(entry, "fix_task_id") {
        Some(task_id) => Some(FixStart::Task { task_id, flaws: words(entry, "flaw_types") }),
        None => Some(FixStart::Clean { video_id: wire::text(entry, "video_id")? }),
    }
}

fn opinion(entry: &Value) -> Option<(String, Opinion)> {
    let id = wire::text(entry, "video_id")?;
    let opinion = match wire::text(entry, "review_result").as_deref() {
        Some("APPROVED") => Opinion::Approved,
        Some("UNSURE") => Opinion::Unsure,
        Some("REJECTED") => Opinion::Rejected { reasons: reasons(entry) },
        _ => Opinion::Unavailable,
    };
    Some((id, opinion))
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
    fn a_rejection_keeps_its_reasons_and_an_unknown_word_is_no_approval() {
        let rejected = json!({"video_id": "v", "review_result": "REJECTED",
            "reject_info_list": [{"reason": "smoke", "suggestion": "cut it"}, {"reason": "text"}, {}]});
        let reasons = vec!["smoke (cut it)".to_owned(), "text".to_owned()];
        assert_eq!(opinion(&rejected).unwrap().1, Opinion::Rejected { reasons });
        let odd = json!({"video_id": "v", "review_result": "PERHAPS"});
        assert_eq!(opinion(&odd).unwrap().1, Opinion::Unavailable);
        assert_eq!(fix(&json!({"flaw_types": ["LOW_RESOLUTION"]})), None);
    }
}
