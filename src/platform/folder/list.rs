//! The list of the files that were handed over.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The list of the files that were handed over, one JSON object a line.
pub(super) const LIST: &str = "manifest.jsonl";

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The name of the entry.
    pub(super) entry: String,
    /// The file beside the list.
    pub(super) file: String,
    /// Size of the file in bytes.
    pub(super) size_bytes: u64,
    /// A remark of the sender.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) note: String,
}

/// Returns the complete lines; lines of somebody else that are no entries are left out.
pub(super) fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut reader = BufReader::new(file);
    let (mut entries, mut line) = (Vec::new(), Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        entries.extend(serde_json::from_slice::<Entry>(&line).ok());
        line.clear();
    }
    Ok(entries)
}

/// Appends a line that is on the device when this returns.
pub(super) fn append(path: &Path, entry: &Entry) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
    file.lock()?;
    let end = end_of_lines(&mut file)?;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_all()
}

/// Returns where the last complete line ends: what follows was cut off by a crash.
fn end_of_lines(file: &mut File) -> io::Result<u64> {
    let mut reader = BufReader::new(file);
    let (mut end, mut line) = (0, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        end += line.len() as u64;
        line.clear();
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(name: &str) -> Entry {
        Entry { entry: name.into(), file: format!("{name}.mp4"), size_bytes: 3, note: String::new() }
    }

    #[test]
    fn a_line_that_was_cut_off_is_replaced_and_lines_of_others_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        append(&path, &entry("a")).unwrap();
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("a remark of somebody\n{\"entry\":\"b\",\"fi");
        std::fs::write(&path, &text).unwrap();
        assert_eq!(read(&path).unwrap(), [entry("a")]);
        append(&path, &entry("c")).unwrap();
        assert_eq!(read(&path).unwrap(), [entry("a"), entry("c")]);
        let lines = std::fs::read_to_string(&path).unwrap();
        assert_eq!(lines.lines().count(), 3, "{lines}");
        assert!(lines.contains("a remark of somebody\n") && lines.ends_with('\n'));
    }
}
