//! `json`: the document, with one entry per line.
//!
//! The entries come first and the summary last, so that a report of many files can be streamed.
//! Indentation would double the size; `jq .` indents it.

use std::io;

use super::escape::push_json;
use super::{FileEntry, OldLimit, Report, StaleEntry, Summary, Tool};

/// All fields of a report except its entries.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The program that wrote the report.
    pub tool: Tool,
    /// The requested profiles.
    pub profiles: Vec<String>,
    /// Wall time of the run in seconds.
    pub elapsed_s: f64,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// Limits that have not been compared with their source recently.
    pub old_limits: Vec<OldLimit>,
    /// Outputs of earlier fixes whose source is gone.
    pub stale: Vec<StaleEntry>,
}

/// Returns the part before the entries, up to the opening bracket.
pub(super) fn begin() -> io::Result<Vec<u8>> {
    let mut text = b"{\"schema\":".to_vec();
    push_json(&mut text, &super::SCHEMA)?;
    text.extend_from_slice(b",\n\"files\":[");
    Ok(text)
}

/// Appends an entry to `text`, with the separator before it.
pub(super) fn entry(file: &FileEntry, is_first: bool, text: &mut Vec<u8>) -> io::Result<()> {
    text.extend_from_slice(if is_first { b"\n" } else { b",\n" });
    Ok(push_json(text, file)?)
}

/// Returns the part after the entries.
pub(super) fn end(envelope: &Envelope, summary: &Summary, stopped: Option<&str>) -> io::Result<Vec<u8>> {
    let Envelope { tool, profiles, elapsed_s: _, interrupted, old_limits, stale } = envelope;
    let mut text = b"],\n\"tool\":".to_vec();
    push_json(&mut text, tool)?;
    text.extend_from_slice(b",\n\"profiles\":");
    push_json(&mut text, profiles)?;
    text.extend_from_slice(b",\n\"summary\":");
    push_json(&mut text, summary)?;
    text.extend_from_slice(format!(",\n\"interrupted\":{interrupted},\n\"old_limits\":").as_bytes());
    push_json(&mut text, old_limits)?;
    text.extend_from_slice(b",\n\"stale\":");
    push_json(&mut text, stale)?;
    text.extend_from_slice(b",\n\"stopped\":");
    push_json(&mut text, &stopped)?;
    text.extend_from_slice(b"}\n");
    Ok(text)
}

/// Writes the whole document, ending with a line break.
pub(super) fn render(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let Report {
        schema: _,
        tool,
        profiles,
        summary,
        files,
        interrupted,
        old_limits,
        stale,
        stopped,
        publication: _,
        named_profiles: _,
        pictures: _,
        named_paths: _,
        selection: _,
        consents: _,
    } = report;
    out.write_all(&begin()?)?;
    let mut text = Vec::new();
    for (index, file) in files.iter().enumerate() {
        entry(file, index == 0, &mut text)?;
        out.write_all(&text)?;
        text.clear();
    }
    let envelope = Envelope {
        tool: tool.clone(),
        profiles: profiles.clone(),
        elapsed_s: summary.elapsed_s,
        interrupted: *interrupted,
        old_limits: old_limits.clone(),
        stale: stale.clone(),
    };
    out.write_all(&end(&envelope, summary, stopped.as_deref())?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::samples;

    #[test]
    fn writes_the_schema_name_and_the_entries() {
        let text = samples::rendered(&samples::everything(), super::super::Format::Json);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["schema"], "greenlit.report/1");
        assert_eq!(value["summary"]["files"], value["files"].as_array().unwrap().len());
        assert_eq!(value["files"][0]["media"]["video"][0]["frame_rate"], "30000/1001");
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn writes_one_entry_per_line() {
        let report = samples::everything();
        let text = samples::rendered(&report, super::super::Format::Json);
        let entries = text.lines().filter(|line| line.starts_with("{\"path\":")).count();
        assert_eq!(entries, report.files.len());
    }
}
