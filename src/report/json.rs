//! `json`: the document, an entry a line.
//!
//! Written piece by piece: the text of a big report is many times its size in memory, and
//! indentation would double it for no reader. `jq .` indents for people.

use std::io;

use super::Report;

/// One document and a line break.
pub(super) fn render(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let Report { schema, tool, profiles, summary, files, interrupted, old_limits } = report;
    let mut text = Vec::new();
    text.extend_from_slice(b"{\"schema\":");
    serde_json::to_writer(&mut text, schema)?;
    text.extend_from_slice(b",\n\"tool\":");
    serde_json::to_writer(&mut text, tool)?;
    text.extend_from_slice(b",\n\"profiles\":");
    serde_json::to_writer(&mut text, profiles)?;
    text.extend_from_slice(b",\n\"summary\":");
    serde_json::to_writer(&mut text, summary)?;
    text.extend_from_slice(b",\n\"files\":[");
    for (index, file) in files.iter().enumerate() {
        text.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut text, file)?;
        out.write_all(&text)?;
        text.clear();
    }
    text.extend_from_slice(b"],\n\"interrupted\":");
    serde_json::to_writer(&mut text, interrupted)?;
    text.extend_from_slice(b",\n\"old_limits\":");
    serde_json::to_writer(&mut text, old_limits)?;
    text.extend_from_slice(b"}\n");
    out.write_all(&text)
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
}
