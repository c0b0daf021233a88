//! What earlier runs made, so that a second run does nothing.
//!
//! An append-only file of JSON lines beside the configuration. A line is on disk before its output
//! gets the final name: killed in between, the next run finds no such output and makes it; the other
//! way round it would find an output that it must take for somebody else's, for ever.

use std::collections::{HashMap, HashSet};
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::job::FixReport;

/// What an output was made from: the source's bytes by identity, size and time of change, and the
/// plan by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FixRecordKey {
    source: OutputFingerprint,
    plan: String,
    output: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct OutputFingerprint {
    device: u64,
    inode: u64,
    size: u64,
    mtime_s: i64,
    mtime_ns: i64,
}

impl From<&Metadata> for OutputFingerprint {
    fn from(meta: &Metadata) -> OutputFingerprint {
        OutputFingerprint {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            mtime_s: meta.mtime(),
            mtime_ns: meta.mtime_nsec(),
        }
    }
}

impl FixRecordKey {
    /// The key of the output at `output`, made from `source` by the plan with this text.
    pub fn new(source: &Metadata, plan_text: &str, output: &Path) -> FixRecordKey {
        let text = format!("{}\n{plan_text}", env!("CARGO_PKG_VERSION"));
        let plan = blake3::hash(text.as_bytes()).to_hex()[..32].to_owned();
        FixRecordKey { source: OutputFingerprint::from(source), plan, output: output.to_owned() }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    key: FixRecordKey,
    made: OutputFingerprint,
    report: Option<FixReport>,
}

/// What every version writes of an output, and no version may change: that it is ours to replace.
#[derive(Deserialize)]
struct Claim {
    key: ClaimedKey,
    made: OutputFingerprint,
}

#[derive(Deserialize)]
struct ClaimedKey {
    output: PathBuf,
}

/// The record of outputs.
#[derive(Debug)]
pub struct FixRecord {
    file: Mutex<File>,
    known: Mutex<HashMap<FixRecordKey, Line>>,
    outputs: Mutex<HashMap<PathBuf, HashSet<OutputFingerprint>>>,
}

impl FixRecord {
    /// Opens the ledger at `path`, or begins one. Lines that cannot be read, such as one cut short
    /// by a crash, are passed over.
    pub fn open(path: &Path) -> io::Result<FixRecord> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = File::options().read(true).append(true).create(true).open(path)?;
        let mut known = HashMap::new();
        let mut outputs: HashMap<PathBuf, HashSet<OutputFingerprint>> = HashMap::new();
        for line in BufReader::new(&file).split(b'\n') {
            let line = line?;
            if let Ok(Claim { key, made }) = serde_json::from_slice(&line) {
                outputs.entry(key.output).or_default().insert(made);
            }
            if let Ok(line) = serde_json::from_slice::<Line>(&line) {
                known.insert(line.key.clone(), line);
            }
        }
        // A cut last line must not swallow the next one.
        file.write_all(b"\n")?;
        Ok(FixRecord { file: Mutex::new(file), known: Mutex::new(known), outputs: Mutex::new(outputs) })
    }

    /// The report of an output that still stands as it was made for this key.
    pub fn find(&self, key: &FixRecordKey) -> Option<Option<FixReport>> {
        let known = self.known.lock().ok()?;
        let line = known.get(key)?;
        let meta = std::fs::symlink_metadata(&key.output).ok()?;
        (OutputFingerprint::from(&meta) == line.made).then(|| line.report.clone())
    }

    /// Whether the file at `output` is one we made and nobody changed since: then it may be
    /// replaced.
    pub fn is_ours(&self, output: &Path, meta: &Metadata) -> bool {
        let made = OutputFingerprint::from(meta);
        self.outputs.lock().is_ok_and(|outputs| outputs.get(output).is_some_and(|ours| ours.contains(&made)))
    }

    /// Writes down that `made`, complete but for its name, is the output of `key`. A rename changes
    /// none of what is remembered of it.
    pub fn record(&self, key: FixRecordKey, made: &Metadata, report: Option<&FixReport>) -> io::Result<()> {
        let made = OutputFingerprint::from(made);
        let line = Line { key: key.clone(), made: made.clone(), report: report.cloned() };
        let mut text = serde_json::to_vec(&line).map_err(io::Error::other)?;
        text.push(b'\n');
        if let Ok(mut file) = self.file.lock() {
            file.write_all(&text)?;
            file.sync_data()?;
        }
        if let (Ok(mut outputs), Ok(mut known)) = (self.outputs.lock(), self.known.lock()) {
            outputs.entry(key.output.clone()).or_default().insert(made);
            known.insert(key, line);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_output_of_another_version_stays_ours() {
        let dir = tempfile::tempdir().unwrap();
        let (output, path) = (dir.path().join("out.mp4"), dir.path().join("fix.jsonl"));
        std::fs::write(&output, b"output").unwrap();
        let meta = std::fs::metadata(&output).unwrap();
        let key = FixRecordKey::new(&meta, "plan", &output);
        FixRecord::open(&path).unwrap().record(key.clone(), &meta, None).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"report\":null", "\"report\":{\"of\":\"another kind\"}"))
            .unwrap();
        let ledger = FixRecord::open(&path).unwrap();
        assert!(ledger.is_ours(&output, &meta), "it may be replaced");
        assert!(ledger.find(&key).is_none(), "but says nothing any more");
    }

    #[test]
    fn remembers_an_output_until_source_plan_or_output_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (source, output) = (dir.path().join("in.mov"), dir.path().join("out.mp4"));
        let path = dir.path().join(".greenlit/fix.jsonl");
        std::fs::write(&source, b"source").unwrap();
        std::fs::write(&output, b"output").unwrap();
        let meta = std::fs::metadata(&source).unwrap();
        let key = FixRecordKey::new(&meta, "plan", &output);
        let made = std::fs::metadata(&output).unwrap();
        FixRecord::open(&path).unwrap().record(key.clone(), &made, None).unwrap();

        let ledger = FixRecord::open(&path).unwrap();
        assert_eq!(ledger.find(&key), Some(None));
        assert_eq!(ledger.find(&FixRecordKey::new(&meta, "another plan", &output)), None);
        assert!(ledger.is_ours(&output, &std::fs::metadata(&output).unwrap()));
        std::fs::write(&output, b"somebody else's").unwrap();
        assert_eq!(ledger.find(&key), None);
        assert!(!ledger.is_ours(&output, &std::fs::metadata(&output).unwrap()));
    }

    #[test]
    fn a_line_cut_by_a_crash_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("out.mp4");
        let path = dir.path().join("fix.jsonl");
        std::fs::write(&output, b"output").unwrap();
        std::fs::write(&path, b"{\"key\":{\"sou").unwrap();
        let key = FixRecordKey::new(&std::fs::metadata(&output).unwrap(), "plan", &output);
        let made = std::fs::metadata(&output).unwrap();
        FixRecord::open(&path).unwrap().record(key.clone(), &made, None).unwrap();
        assert_eq!(FixRecord::open(&path).unwrap().find(&key), Some(None));
    }

    #[test]
    fn a_line_whose_output_never_got_its_name_does_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new, output) = (dir.path().join("old"), dir.path().join("new"), dir.path().join("out.mp4"));
        std::fs::write(&old, b"old").unwrap();
        std::fs::write(&new, b"newer").unwrap();
        let source = std::fs::metadata(&old).unwrap();
        let ledger = FixRecord::open(&dir.path().join("fix.jsonl")).unwrap();
        let (first, second) =
            (FixRecordKey::new(&source, "a", &output), FixRecordKey::new(&source, "b", &output));
        ledger.record(first.clone(), &std::fs::metadata(&old).unwrap(), None).unwrap();
        std::fs::rename(&old, &output).unwrap();
        ledger.record(second.clone(), &std::fs::metadata(&new).unwrap(), None).unwrap();
        assert_eq!(ledger.find(&second), None);
        assert_eq!(ledger.find(&first), Some(None));
        assert!(ledger.is_ours(&output, &std::fs::metadata(&output).unwrap()), "may not be replaced");
        std::fs::rename(&new, &output).unwrap();
        assert_eq!(ledger.find(&second), Some(None));
    }
}
