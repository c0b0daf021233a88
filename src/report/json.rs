//! `json`: the document as it is.

use std::io;

use super::Report;

/// One indented document and a line break.
pub(super) fn render(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
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
