//! Writes events as lines of JSON: of a running command to a file, and of the journal to standard output.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::report::json_text;
use crate::ship::{Journal, ShipEvent};

use super::error::CliError;
use super::report_target::check_log;
use super::sandbox::operation;

/// Schema of a line of a run.
const RUN_SCHEMA: &str = "greenlit.ship-event/1";
/// Schema of a line of the journal.
const JOURNAL_SCHEMA: &str = "greenlit.journal-event/1";
/// Minimum interval between `sent` events of one file.
const SENT_INTERVAL: Duration = Duration::from_secs(1);

/// The event log of a run, appended to a file line by line.
#[derive(Debug)]
pub struct EventLog {
    file: Mutex<File>,
    last_sent: Mutex<HashMap<PathBuf, Instant>>,
}

impl EventLog {
    /// Opens the file for appending.
    pub fn open(path: &Path) -> Result<EventLog, CliError> {
        check_log("--events", path)?;
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file
            .map_err(|source| operation(&format!("cannot write the event log {}", path.display()), source))?;
        Ok(EventLog { file: Mutex::new(file), last_sent: Mutex::default() })
    }

    /// Appends an event. `sent` events of one file are written once per second and at its end.
    pub fn write(&self, event: &ShipEvent) {
        let line = match event {
            ShipEvent::State { source, state } => {
                json!({"event": "state", "source": source.to_string_lossy(), "state": state})
            }
            ShipEvent::Sent { source, bytes, total } => {
                if bytes < total && !self.is_due(source) {
                    return;
                }
                json!({"event": "sent", "source": source.to_string_lossy(), "bytes": bytes, "total": total})
            }
            ShipEvent::Paused { seconds } => json!({"event": "paused", "seconds": seconds}),
        };
        let now = jiff::Timestamp::now().as_millisecond();
        let line = json_text(&with_header(RUN_SCHEMA, now, line).to_string()).into_owned() + "\n";
        // An error of the log must not stop the run.
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }

    fn is_due(&self, source: &Path) -> bool {
        let mut last_sent = self.last_sent.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last_sent.get(source).is_none_or(|last| last.elapsed() >= SENT_INTERVAL);
        if due {
            last_sent.insert(source.to_owned(), Instant::now());
        }
        due
    }
}

/// Prints every event of a journal.
pub fn print_journal(journal: &Journal) -> Result<(), CliError> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let written = journal
        .read_log(0, &mut |event| {
            let line = serde_json::to_value(&event).map_err(std::io::Error::other)?;
            writeln!(out, "{}", json_text(&with_header(JOURNAL_SCHEMA, event.at_ms, line).to_string()))
        })
        .map_err(|source| operation("cannot read the journal", source))?;
    written
        .and_then(|()| out.flush())
        .map_err(|source| CliError::WriteReport { target: "standard output".into(), source })
}

/// Returns the event with `schema` and `at` (UTC) as its first fields.
fn with_header(schema: &str, at_ms: i64, event: Value) -> Value {
    let at = jiff::Timestamp::from_millisecond(at_ms)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        .unwrap_or_default();
    let mut line = json!({"schema": schema, "at": at});
    if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), event) {
        line.extend(fields);
    }
    line
}
