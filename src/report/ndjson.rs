//! `ndjson`: one file object a line, for programs that read along.

use std::io;

use super::{FileEntry, Report};

/// One line for each entry.
pub(super) fn render(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    report.files.iter().try_for_each(|entry| writeln!(out, "{}", ndjson_line(entry)))
}

/// One entry as a line without its line break.
pub fn ndjson_line(entry: &FileEntry) -> String {
    // Serialising fails for maps whose keys are not text, and an entry holds no map.
    serde_json::to_string(entry).expect("an entry is plain data")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{Format, samples};

    #[test]
    fn every_line_is_the_object_of_the_document() {
        let report = samples::everything();
        let text = samples::rendered(&report, Format::Ndjson);
        let document: serde_json::Value =
            serde_json::from_str(&samples::rendered(&report, Format::Json)).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(&serde_json::Value::Array(lines), &document["files"]);
    }
}
