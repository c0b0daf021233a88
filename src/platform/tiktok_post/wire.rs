//! Parses replies: unknown fields are ignored, and missing ones do not count as zero.

use serde_json::Value;

use super::{Creator, PostStatus};

/// A reply: `{"data": {...}, "error": {"code": "ok", "message": "", "log_id": ""}}`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) log_id: Option<String>,
    pub(super) data: Value,
}

impl Reply {
    /// Parses a body; `None` when it is not a reply of the API.
    pub(super) fn read(body: &[u8]) -> Option<Reply> {
        let mut value: Value = serde_json::from_slice(body).ok()?;
        let error = value.get("error")?;
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        let (code, message, log_id) = (text("code")?, text("message").unwrap_or_default(), text("log_id"));
        let data = value.get_mut("data").map(Value::take).unwrap_or(Value::Null);
        Some(Reply { code, message, log_id, data })
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.data.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }
}

pub(super) fn creator(data: &Value) -> Creator {
    let levels = data.get("privacy_level_options").and_then(Value::as_array);
    Creator {
        privacy_levels: levels.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
        max_duration_s: data.get("max_video_post_duration_sec").and_then(Value::as_u64),
    }
}

/// Parses the status of a post; `None` for an unknown status.
pub(super) fn status(data: &Value) -> Option<PostStatus> {
    let number = |name: &str| data.get(name).and_then(Value::as_u64);
    Some(match data.get("status")?.as_str()? {
        "PROCESSING_UPLOAD" => PostStatus::Uploading { received: number("uploaded_bytes") },
        "PROCESSING_DOWNLOAD" => PostStatus::Processing,
        "SEND_TO_USER_INBOX" => PostStatus::InInbox,
        "PUBLISH_COMPLETE" => PostStatus::Posted { post_ids: post_ids(data) },
        "FAILED" => {
            let reason = data.get("fail_reason").and_then(Value::as_str).filter(|text| !text.is_empty());
            PostStatus::Failed { reason: reason.unwrap_or("no reason given").to_owned() }
        }
        _ => return None,
    })
}

/// Returns the public ids. The platform misspells the field; the correct spelling is accepted, too.
fn post_ids(data: &Value) -> Vec<String> {
    let list = ["publicaly_available_post_id", "publicly_available_post_id"]
        .into_iter()
        .find_map(|name| data.get(name).and_then(Value::as_array));
    let id = |id: &Value| match id {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    list.into_iter().flatten().filter_map(id).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn parses_every_known_status_and_rejects_an_unknown_one() {
        let read = |text: &str| status(&serde_json::from_str(text).unwrap());
        assert_eq!(
            read(r#"{"status":"PROCESSING_UPLOAD","uploaded_bytes":7}"#),
            Some(PostStatus::Uploading { received: Some(7) })
        );
        let posted =
            read(r#"{"status":"PUBLISH_COMPLETE","publicaly_available_post_id":[7500000000000000001]}"#);
        assert_eq!(posted, Some(PostStatus::Posted { post_ids: vec!["7500000000000000001".into()] }));
        let failed = read(r#"{"status":"FAILED","fail_reason":"frame_rate_check_failed"}"#);
        assert_eq!(failed, Some(PostStatus::Failed { reason: "frame_rate_check_failed".into() }));
        assert_eq!(read(r#"{"status":"NEWS"}"#), None);
    }

    #[test]
    fn a_reply_without_an_error_object_is_rejected() {
        let body = br#"{"data":{"publish_id":"p"},"error":{"code":"ok","message":"","log_id":"l"}}"#;
        let reply = Reply::read(body).unwrap();
        assert_eq!((reply.text("publish_id"), reply.log_id), (Some("p".into()), Some("l".into())));
        assert_eq!(Reply::read(b"<html>"), None);
        assert_eq!(Reply::read(br#"{"data":{}}"#), None);
        assert_eq!(creator(&json!({})).max_duration_s, None);
    }
}
