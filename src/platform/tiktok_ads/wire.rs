//! Parses replies tolerantly: unknown fields, numbers as text, lists or single objects.

use serde_json::Value;

use super::objects::ListedFile;
use super::{RemoteAd, RemoteVideo};

/// The outer object of every reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Envelope {
    pub(super) code: i64,
    pub(super) message: String,
    pub(super) request_id: Option<String>,
    pub(super) data: Value,
}

impl Envelope {
    /// Parses a body; `None` when it is not a reply of the API but, for example, an HTML page.
    pub(super) fn read(body: &[u8]) -> Option<Envelope> {
        let mut body: Value = serde_json::from_slice(body).ok()?;
        let code = integer(body.get("code")?)?;
        let message = text(&body, "message").unwrap_or_default();
        let request_id = text(&body, "request_id");
        let data = body.get_mut("data").map(Value::take).unwrap_or_default();
        Some(Envelope { code, message, request_id, data })
    }

    /// Returns one field of the data, which is an object or a list of one object.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let entry = match &self.data {
            Value::Array(list) => list.first()?,
            other => other,
        };
        text(entry, name)
    }

    /// Returns `data.list`; `None` when it is missing, which differs from an empty list.
    pub(super) fn list(&self) -> Option<&[Value]> {
        match &self.data {
            Value::Array(list) => Some(list),
            data => data.get("list")?.as_array().map(Vec::as_slice),
        }
    }

    /// Returns the number of pages; `None` when it is not given.
    pub(super) fn pages(&self) -> Option<u64> {
        unsigned(self.data.get("page_info")?, "total_page")
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        unsigned(&self.data, name)
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    }
}

fn unsigned(entry: &Value, name: &str) -> Option<u64> {
    integer(entry.get(name)?).and_then(|number| u64::try_from(number).ok())
}

/// Returns a text or a number as text; an empty text counts as missing.
fn text(entry: &Value, name: &str) -> Option<String> {
    match entry.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Returns a boolean, which some endpoints send as text.
pub(super) fn flag(entry: &Value, name: &str) -> Option<bool> {
    match entry.get(name)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Returns a width or height in pixels; the platform sends zero while it is unknown.
fn side(entry: &Value, name: &str) -> Option<u32> {
    unsigned(entry, name).and_then(|side| u32::try_from(side).ok()).filter(|side| *side > 0)
}

pub(super) fn video(entry: &Value) -> Option<RemoteVideo> {
    Some(RemoteVideo {
        video_id: text(entry, "video_id")?,
        file_name: text(entry, "file_name"),
        md5: text(entry, "signature").map(|md5| md5.to_ascii_lowercase()),
        size_bytes: unsigned(entry, "size").filter(|size| *size > 0),
        width: side(entry, "width"),
        height: side(entry, "height"),
        displayable: flag(entry, "displayable"),
        cover_url: text(entry, "video_cover_url"),
    })
}

pub(super) fn ad(entry: &Value) -> Option<RemoteAd> {
    Some(RemoteAd {
        ad_id: text(entry, "ad_id")?,
        // An empty name is a name; without one the ad cannot be compared.
        ad_name: entry.get("ad_name")?.as_str()?.to_owned(),
        video_id: text(entry, "video_id"),
    })
}

pub(super) fn listed_image(entry: &Value) -> Option<ListedFile> {
    Some(ListedFile {
        id: text(entry, "image_id")?,
        name: text(entry, "file_name"),
        md5: text(entry, "signature").map(|md5| md5.to_ascii_lowercase()),
        size_bytes: unsigned(entry, "size").filter(|size| *size > 0),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parses_every_known_shape_of_reply() {
        let body = br#"{"code":0,"message":"OK","request_id":"r","new":1,"data":[{"video_id":"v1","x":{}}]}"#;
        let upload = Envelope::read(body).unwrap();
        assert_eq!((upload.field("video_id"), upload.request_id), (Some("v1".into()), Some("r".into())));
        let image = Envelope::read(br#"{"code":"0","data":{"image_id":"i"}}"#).unwrap();
        assert_eq!((image.code, image.field("image_id")), (0, Some("i".into())));
        let error =
            Envelope::read(br#"{"code":40911,"message":"Duplicated material name.","data":{}}"#).unwrap();
        assert_eq!((error.code, error.message.as_str()), (40911, "Duplicated material name."));
        assert_eq!(error.list(), None);
        assert_eq!(Envelope::read(br#"{"code":0,"data":{"list":[]}}"#).unwrap().list(), Some(&[][..]));
        for other in [&b"<html>"[..], b"", b"[]", br#"{"status":"ok"}"#, br#"{"code":0,"#] {
            assert_eq!(Envelope::read(other), None);
        }
    }

    #[test]
    fn facts_that_are_not_known_yet_are_none() {
        let early = serde_json::json!({
            "video_id": 7, "width": 0, "height": "960", "size": 0, "displayable": "False", "signature": "AB",
            "video_cover_url": "",
        });
        let video = video(&early).unwrap();
        assert_eq!((video.video_id.as_str(), video.width, video.height), ("7", None, Some(960)));
        assert_eq!((video.size_bytes, video.displayable, video.cover_url), (None, Some(false), None));
        assert_eq!(video.md5.as_deref(), Some("ab"));
        assert!(super::video(&serde_json::json!({"file_name": "x"})).is_none());
    }
}
