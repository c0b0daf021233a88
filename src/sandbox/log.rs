//! The request log: one JSON object per line, written without buffering.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

use super::clock::{Millis, precise};

/// The log entry of a request. It contains no headers and therefore no token.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct LogEntry {
    pub(super) time: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) code: Option<u32>,
    pub(super) http: Option<u16>,
    pub(super) advertiser_id: Option<String>,
    pub(super) video_id: Option<String>,
    pub(super) ad_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) publish_id: Option<String>,
    pub(super) file_name: Option<String>,
    pub(super) md5: Option<String>,
    pub(super) fault: Option<&'static str>,
}

#[derive(Debug, Default)]
pub(super) struct RequestLog(Option<Mutex<File>>);

impl RequestLog {
    pub(super) fn new(file: Option<File>) -> Self {
        Self(file.map(Mutex::new))
    }

    pub(super) fn request(&self, entry: &LogEntry) {
        if let Ok(line) = serde_json::to_string(entry) {
            self.line(line);
        }
    }

    /// Logs that an object was created. `fields` is an object; the kind and the time are prepended.
    pub(super) fn effect(&self, effect: &str, at: Millis, fields: Value) {
        let mut line = serde_json::json!({"effect": effect, "time": precise(at)});
        if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
            line.extend(fields);
        }
        self.line(line.to_string());
    }

    fn line(&self, mut line: String) {
        let Some(file) = &self.0 else { return };
        line.push('\n');
        // One write per line; a write error must not change the sandbox's behaviour.
        let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}
