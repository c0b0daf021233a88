//! `ndjson`: one JSON object per line for each file, for programs that read the report as it grows.

use std::io;

use super::escape::json_text;
use super::{FileEntry, Report};

/// Writes one line for each entry.
pub(super) fn render(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    report.files.iter().try_for_each(|entry| writeln!(out, "{}", ndjson_line(entry)))
}

/// Returns one entry as a line, without the line break.
pub fn ndjson_line(entry: &FileEntry) -> String {
    // Serialization fails only for maps with keys that are not strings; an entry has no map.
    json_text(&serde_json::to_string(entry).expect("an entry has no maps")).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Format, samples};

    #[test]
    fn every_line_states_missing_isolation() {
        let text = samples::rendered(&samples::weak_isolation(), Format::Ndjson);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["isolation_refused"], serde_json::json!(["landlock: not <supported>"]));
        assert!(!samples::rendered(&samples::everything(), Format::Ndjson).contains("isolation_refused"));
    }

    #[test]
    fn every_line_equals_the_entry_of_the_json_document() {
        let report = samples::everything();
        let text = samples::rendered(&report, Format::Ndjson);
        let document: serde_json::Value =
            serde_json::from_str(&samples::rendered(&report, Format::Json)).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(&serde_json::Value::Array(lines), &document["files"]);
    }
}
