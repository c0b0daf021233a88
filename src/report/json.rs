//! `json`: the document, an entry a line.
//!
//! Written piece by piece, the entries first: they are there before what they add up to is known, and
//! a report of many files need not wait anywhere. Indentation would double it for no reader; `jq .`
//! indents for people.

use std::io;

use super::{FileEntry, OldLimit, Report, Summary, Tool};

/// Everything of a report but its entries.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// What made the report.
    pub tool: Tool,
    /// The profiles that were asked for.
    pub profiles: Vec<String>,
    /// Wall time of the run in seconds.
    pub elapsed_s: f64,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// Limits that nobody has compared with their source for long.
    pub old_limits: Vec<OldLimit>,
}

/// What comes before the entries, up to the bracket: only what is known before the first of them.
pub(super) fn begin() -> io::Result<Vec<u8>> {
    let mut text = b"{\"schema\":".to_vec();
    serde_json::to_writer(&mut text, super::SCHEMA)?;
    text.extend_from_slice(b",\n\"files\":[");
    Ok(text)
}

/// An entry with what stands between it and the one before.
pub(super) fn entry(file: &FileEntry, is_first: bool, text: &mut Vec<u8>) -> io::Result<()> {
    text.extend_from_slice(if is_first { b"\n" } else { b",\n" });
    Ok(serde_json::to_writer(text, file)?)
}

/// What comes after the entries.
pub(super) fn end(envelope: &Envelope, summary: &Summary) -> io::Result<Vec<u8>> {
    let Envelope { tool, profiles, elapsed_s: _, interrupted, old_limits } = envelope;
    let mut text = b"],\n\"tool\":".to_vec();
    serde_json::to_writer(&mut text, tool)?;
    text.extend_from_slice(b",\n\"profiles\":");
    serde_json::to_writer(&mut text, profiles)?;
    text.extend_from_slice(b",\n\"summary\":");
    serde_json::to_writer(&mut text, summary)?;
    text.extend_from_slice(format!(",\n\"interrupted\":{interrupted},\n\"old_limits\":").as_bytes());
    serde_json::to_writer(&mut text, old_limits)?;
    text.extend_from_slice(b"}\n");
    Ok(text)
}

/// One document and a line break.
pub(super) fn render(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let Report { schema: _, tool, profiles, summary, files, interrupted, old_limits } = report;
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
    };
    out.write_all(&end(&envelope, summary)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::samples;

    #[test]
    fn the_document_says_which_schema_it_follows() {
        let text = samples::rendered(&samples::everything(), super::super::Format::Json);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["schema"], "greenlit.report/1");
        assert_eq!(value["summary"]["files"], value["files"].as_array().unwrap().len());
        assert_eq!(value["files"][0]["media"]["video"][0]["frame_rate"], "30000/1001");
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn an_entry_takes_a_line() {
        let report = samples::everything();
        let text = samples::rendered(&report, super::super::Format::Json);
        let entries = text.lines().filter(|line| line.starts_with("{\"path\":")).count();
        assert_eq!(entries, report.files.len());
    }
}
