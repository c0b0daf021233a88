//! A parsed request: parameters from the query, JSON or a form, and at most one file.
//!
//! Clients differ in the order of parts, the spelling of booleans, spaces in JSON parameters, and forms where
//! the documentation asks for JSON. All are accepted.

use std::path::{Path, PathBuf};
use std::pin::Pin;

use axum::RequestExt;
use axum::body::{Body, HttpBody};
use axum::extract::{Multipart, Request};
use axum::http::{Method, header};
use md5::{Digest, Md5};
use serde_json::{Map, Value};
use tokio::io::AsyncWriteExt;

use super::limits::MAX_VIDEO_BYTES;
use super::log::LogEntry;
use super::reply::Refusal;

const MAX_JSON_BYTES: usize = 2 << 20;
const MAX_FIELD_BYTES: usize = 256 << 10;
const MAX_FIELDS: usize = 200;

/// A received file, synced to a temporary path. Removed on drop unless it was moved.
#[derive(Debug)]
pub(super) struct ReceivedFile {
    pub(super) path: PathBuf,
    pub(super) md5: String,
    /// The number of received bytes, including those beyond the limit, which are not stored.
    pub(super) size: u64,
    pub(super) name: Option<String>,
}

impl Drop for ReceivedFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A request with its parsed parameters and its log entry.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) params: Map<String, Value>,
    pub(super) file: Option<ReceivedFile>,
    pub(super) entry: LogEntry,
    /// The number of this call, from which all its random values are drawn.
    pub(super) ordinal: u64,
    /// Whether the fault `not-ready-on-create` applies.
    pub(super) pretend_not_ready: bool,
}

impl Call {
    /// Parses a request. Stores at most `limit` bytes of a file, in `tmp`.
    pub(super) async fn read(&mut self, request: Request, tmp: &Path, limit: u64) -> Result<(), Refusal> {
        for (name, value) in url::form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes()) {
            self.params.insert(name.into_owned(), Value::String(value.into_owned()));
        }
        if request.method() == Method::GET {
            return Ok(());
        }
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data")) {
            return self.read_form(request, tmp, limit).await;
        }
        let body = axum::body::to_bytes(request.into_body(), MAX_JSON_BYTES)
            .await
            .map_err(|_| Refusal::parameter("The request body cannot be read or is too long."))?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => self.params.extend(fields),
            _ => return Err(Refusal::parameter("The request body is not a JSON object.")),
        }
        Ok(())
    }

    async fn read_form(&mut self, request: Request, tmp: &Path, limit: u64) -> Result<(), Refusal> {
        let broken = |_| Refusal::parameter("The multipart body is broken.");
        let mut form: Multipart = request
            .extract::<Multipart, _>()
            .await
            .map_err(|_| Refusal::parameter("The multipart body has no boundary."))?;
        while let Some(mut field) = form.next_field().await.map_err(broken)? {
            let name = field.name().unwrap_or_default().to_owned();
            if matches!(name.as_str(), "video_file" | "image_file" | "file") && field.file_name().is_some() {
                let path = tmp.join(format!("{}.part", self.ordinal));
                self.file = None;
                let file_name = field.file_name().map(str::to_owned);
                let mut received = ReceivedFile { path, md5: String::new(), size: 0, name: file_name };
                let mut out =
                    tokio::fs::File::create(&received.path).await.map_err(|e| Refusal::system(&e))?;
                let mut hash = Md5::new();
                while let Some(chunk) = field.chunk().await.map_err(broken)? {
                    received.size += chunk.len() as u64;
                    if received.size <= limit {
                        hash.update(&chunk);
                        out.write_all(&chunk).await.map_err(|e| Refusal::system(&e))?;
                    }
                }
                out.flush().await.map_err(|e| Refusal::system(&e))?;
                out.sync_all().await.map_err(|e| Refusal::system(&e))?;
                received.md5 = hex(&hash.finalize());
                self.file = Some(received);
                continue;
            }
            let mut text = Vec::new();
            while let Some(chunk) = field.chunk().await.map_err(broken)? {
                text.extend_from_slice(&chunk);
                if text.len() > MAX_FIELD_BYTES {
                    return Err(Refusal::parameter(format!("{name}: Too long.")));
                }
            }
            if self.params.len() >= MAX_FIELDS {
                return Err(Refusal::parameter("Too many fields."));
            }
            let text = String::from_utf8(text)
                .map_err(|_| Refusal::parameter(format!("{name}: Not a valid string.")))?;
            self.params.insert(name, Value::String(text));
        }
        Ok(())
    }

    /// Returns a text parameter; an empty one counts as missing.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.params.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::missing(name))
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        match self.params.get(name) {
            Some(Value::Bool(set)) => *set,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let number = match self.params.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(other) => other.as_u64(),
        };
        number.map(Some).ok_or_else(|| Refusal::parameter(format!("{name}: Not a valid integer.")))
    }

    /// Returns a list or object, given as JSON or as JSON text.
    pub(super) fn json(&self, name: &str) -> Result<Option<Value>, Refusal> {
        match self.params.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text)
                .map(Some)
                .map_err(|_| Refusal::parameter(format!("{name}: Not valid JSON."))),
            Some(other) => Ok(Some(other.clone())),
        }
    }

    /// Returns a list of at most `most` ids.
    pub(super) fn ids(&self, name: &str, most: usize) -> Result<Vec<String>, Refusal> {
        let value = self.json(name)?.ok_or_else(|| Refusal::missing(name))?;
        id_list(&value, name, most)
    }

    /// Returns the requested page number, from one, and page size.
    pub(super) fn page(&self, most: u64, default: u64) -> Result<(u64, u64), Refusal> {
        let page = self.number("page")?.unwrap_or(1);
        let size = self.number("page_size")?.unwrap_or(default);
        if page == 0 {
            return Err(Refusal::parameter("page: Must be greater than or equal to 1."));
        }
        if size == 0 || size > most {
            return Err(Refusal::parameter(format!("page_size: Must be between 1 and {most}.")));
        }
        Ok((page, size))
    }
}

/// Returns the ids in a JSON list of strings; v1.3 rejects numbers.
pub(super) fn id_list(value: &Value, name: &str, most: usize) -> Result<Vec<String>, Refusal> {
    let invalid = || Refusal::parameter(format!("{name}: Not a valid list of strings."));
    let list = value.as_array().ok_or_else(invalid)?;
    if list.len() > most {
        return Err(Refusal::new(
            super::reply::TOO_MANY_IDS,
            format!("Too many ids in {name}: at most {most} are allowed in one request."),
        ));
    }
    list.iter().map(|id| id.as_str().map(str::to_owned).ok_or_else(invalid)).collect()
}

/// Returns one page of a list with its page info.
pub(super) fn paged(list: Vec<Value>, (page, size): (u64, u64)) -> Value {
    let total = list.len() as u64;
    let skip = usize::try_from((page - 1).saturating_mul(size)).unwrap_or(usize::MAX);
    let take = usize::try_from(size).unwrap_or(usize::MAX);
    let list: Vec<Value> = list.into_iter().skip(skip).take(take).collect();
    serde_json::json!({
        "list": list,
        "page_info": {
            "page": page,
            "page_size": size,
            "total_number": total,
            "total_page": total.div_ceil(size),
        },
    })
}

/// Reads and discards a body, so that an early refusal reaches a client that is still sending. A body that is larger
/// than any upload is not read to its end.
pub(super) async fn drain(mut body: Body) {
    let mut bytes = 0;
    while let Some(Ok(frame)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        if bytes > MAX_VIDEO_BYTES {
            return;
        }
    }
}

/// Returns bytes as lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a value as an object, or a refusal that names the parameter.
pub(super) fn object<'a>(value: &'a Value, name: &str) -> Result<&'a Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| Refusal::parameter(format!("{name}: Not a valid object.")))
}

/// Returns the file name of a call or the default; it must have 1 to 100 characters.
pub(super) fn checked_name(call: &Call, default: String) -> Result<String, Refusal> {
    let name = match call.params.get("file_name").and_then(Value::as_str) {
        Some(name) => name.to_owned(),
        None => default,
    };
    if name.is_empty() || name.chars().count() > 100 {
        return Err(Refusal::parameter("file_name: Length must be between 1 and 100."));
    }
    Ok(name)
}
