//! The record of outputs of earlier runs, so that a second run reuses them.
//!
//! An append-only file of JSON lines beside the configuration. A line is on disk before its output gets the
//! final name: if the run is killed in between, the next run does not find the output and produces it. In the
//! other order, it would find an output that it could not recognize as its own.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::job::FixReport;

use super::recorded_path;

/// The origin of an output: the source by device, inode, size and modification time, and the plan by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FixRecordKey {
    source: FileIdentity,
    plan: String,
    #[serde(with = "recorded_path")]
    output: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct FileIdentity {
    device: u64,
    inode: u64,
    size: u64,
    mtime_s: i64,
    mtime_ns: i64,
}

impl From<&Metadata> for FileIdentity {
    fn from(meta: &Metadata) -> FileIdentity {
        FileIdentity {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            mtime_s: meta.mtime(),
            mtime_ns: meta.mtime_nsec(),
        }
    }
}

impl FixRecordKey {
    /// Returns the key of the output at `output`, produced from `source` by the plan with this text.
    pub fn new(source: &Metadata, plan_text: &str, output: &Path) -> FixRecordKey {
        let text = format!("{}\n{plan_text}", env!("CARGO_PKG_VERSION"));
        let plan = blake3::hash(text.as_bytes()).to_hex()[..32].to_owned();
        FixRecordKey { source: FileIdentity::from(source), plan, output: output.to_owned() }
    }
}

/// A line of the record.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RecordLine {
    key: FixRecordKey,
    #[serde(rename = "made")]
    fingerprint: FileIdentity,
    report: Option<FixReport>,
    /// The absolute path of the source; older lines have none.
    #[serde(default, with = "recorded_path::optional", skip_serializing_if = "Option::is_none")]
    source_path: Option<PathBuf>,
}

/// The part of a line that must stay readable in every version: it shows which outputs greenlit may replace.
#[derive(Deserialize)]
struct OutputClaim {
    key: ClaimedKey,
    #[serde(rename = "made")]
    fingerprint: FileIdentity,
    #[serde(default, with = "recorded_path::optional")]
    source_path: Option<PathBuf>,
}

#[derive(Deserialize)]
struct ClaimedKey {
    #[serde(with = "recorded_path")]
    output: PathBuf,
}

/// The paths of the sources, by the identity of the output.
type Origins = HashMap<FileIdentity, Option<PathBuf>>;

/// The record of outputs.
#[derive(Debug)]
pub struct FixRecord {
    file: Mutex<File>,
    known: Mutex<HashMap<FixRecordKey, RecordLine>>,
    outputs: Mutex<HashMap<PathBuf, Origins>>,
}

impl FixRecord {
    /// Opens or creates the record at `path`. Unreadable lines, such as one truncated by a crash, are ignored.
    pub fn open(path: &Path) -> io::Result<FixRecord> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = File::options().read(true).append(true).create(true).open(path)?;
        let mut known = HashMap::new();
        let mut outputs: HashMap<PathBuf, Origins> = HashMap::new();
        for line in BufReader::new(&file).split(b'\n') {
            let line = line?;
            if let Ok(OutputClaim { key, fingerprint, source_path }) = serde_json::from_slice(&line) {
                outputs.entry(key.output).or_default().insert(fingerprint, source_path);
            }
            if let Ok(line) = serde_json::from_slice::<RecordLine>(&line) {
                known.insert(line.key.clone(), line);
            }
        }
        // Separates the next line from a truncated last one.
        file.write_all(b"\n")?;
        Ok(FixRecord { file: Mutex::new(file), known: Mutex::new(known), outputs: Mutex::new(outputs) })
    }

    /// Returns the report of the output of this key, if the output is unchanged.
    pub fn find(&self, key: &FixRecordKey) -> Option<Option<FixReport>> {
        let known = self.known.lock().ok()?;
        let line = known.get(key)?;
        let meta = std::fs::symlink_metadata(&key.output).ok()?;
        (FileIdentity::from(&meta) == line.fingerprint).then(|| line.report.clone())
    }

    /// Returns whether the file at `output` is an unchanged output of greenlit, which may be replaced.
    pub fn is_ours(&self, output: &Path, meta: &Metadata) -> bool {
        let fingerprint = FileIdentity::from(meta);
        self.outputs
            .lock()
            .is_ok_and(|outputs| outputs.get(output).is_some_and(|ours| ours.contains_key(&fingerprint)))
    }

    /// Returns the absolute path of the source whose unchanged output is at `output`, if it is recorded.
    pub fn source_of(&self, output: &Path) -> Option<PathBuf> {
        let fingerprint = FileIdentity::from(&std::fs::symlink_metadata(output).ok()?);
        self.outputs.lock().ok()?.get(output)?.get(&fingerprint)?.clone()
    }

    /// Records that the complete file with the metadata `output` is the output of `key`. Renaming the file does
    /// not change its fingerprint.
    pub fn record(&self, key: FixRecordKey, output: &Metadata, report: Option<&FixReport>) -> io::Result<()> {
        self.record_from(None, key, output, report)
    }

    /// As [`FixRecord::record`], with the path of the source.
    pub fn record_from(
        &self,
        source: Option<&Path>,
        key: FixRecordKey,
        output: &Metadata,
        report: Option<&FixReport>,
    ) -> io::Result<()> {
        let fingerprint = FileIdentity::from(output);
        let source_path = source.map(std::path::absolute).transpose()?;
        let line = RecordLine {
            key: key.clone(),
            fingerprint: fingerprint.clone(),
            report: report.cloned(),
            source_path: source_path.clone(),
        };
        let mut text = serde_json::to_vec(&line).map_err(io::Error::other)?;
        text.push(b'\n');
        if let Ok(mut file) = self.file.lock() {
            file.write_all(&text)?;
            file.sync_data()?;
        }
        if let (Ok(mut outputs), Ok(mut known)) = (self.outputs.lock(), self.known.lock()) {
            outputs.entry(key.output.clone()).or_default().insert(fingerprint, source_path);
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
    fn an_output_of_another_version_may_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (output, path) = (dir.path().join("out.mp4"), dir.path().join("fix.jsonl"));
        std::fs::write(&output, b"output").unwrap();
        let meta = std::fs::metadata(&output).unwrap();
        let key = FixRecordKey::new(&meta, "plan", &output);
        FixRecord::open(&path).unwrap().record(key.clone(), &meta, None).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"report\":null", "\"report\":{\"of\":\"another kind\"}"))
            .unwrap();
        let fix_record = FixRecord::open(&path).unwrap();
        assert!(fix_record.is_ours(&output, &meta), "it may be replaced");
        assert!(fix_record.find(&key).is_none(), "but its report is not readable");
    }

    #[test]
    fn records_paths_that_are_not_utf8_and_reads_old_lines() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.mp4"));
        std::fs::write(&output, b"output").unwrap();
        let meta = std::fs::metadata(&output).unwrap();
        let path = dir.path().join("fix.jsonl");
        let key = FixRecordKey::new(&meta, "plan", &output);
        FixRecord::open(&path).unwrap().record_from(Some(&output), key.clone(), &meta, None).unwrap();
        let fix_record = FixRecord::open(&path).unwrap();
        assert_eq!(fix_record.find(&key), Some(None));
        assert!(fix_record.is_ours(&output, &meta));
        assert_eq!(fix_record.source_of(&output), Some(output));

        let text = dir.path().join("out.mp4");
        std::fs::rename(dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.mp4")), &text).unwrap();
        let meta = std::fs::metadata(&text).unwrap();
        let id = serde_json::to_string(&FileIdentity::from(&meta)).unwrap();
        let old = format!(
            "{{\"key\":{{\"source\":{id},\"plan\":\"p\",\"output\":{:?}}},\"made\":{id},\"report\":null}}\n",
            text.to_str().unwrap()
        );
        std::fs::write(&path, old).unwrap();
        let fix_record = FixRecord::open(&path).unwrap();
        assert!(fix_record.is_ours(&text, &meta));
        assert_eq!(fix_record.source_of(&text), None);
    }

    #[test]
    fn finds_an_output_until_source_plan_or_output_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (source, output) = (dir.path().join("in.mov"), dir.path().join("out.mp4"));
        let path = dir.path().join(".greenlit/fix.jsonl");
        std::fs::write(&source, b"source").unwrap();
        std::fs::write(&output, b"output").unwrap();
        let meta = std::fs::metadata(&source).unwrap();
        let key = FixRecordKey::new(&meta, "plan", &output);
        let made = std::fs::metadata(&output).unwrap();
        FixRecord::open(&path).unwrap().record(key.clone(), &made, None).unwrap();

        let fix_record = FixRecord::open(&path).unwrap();
        assert_eq!(fix_record.find(&key), Some(None));
        assert_eq!(fix_record.find(&FixRecordKey::new(&meta, "another plan", &output)), None);
        assert!(fix_record.is_ours(&output, &std::fs::metadata(&output).unwrap()));
        std::fs::write(&output, b"another program's file").unwrap();
        assert_eq!(fix_record.find(&key), None);
        assert!(!fix_record.is_ours(&output, &std::fs::metadata(&output).unwrap()));
    }

    #[test]
    fn ignores_a_line_truncated_by_a_crash() {
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
    fn a_line_without_a_renamed_output_does_not_hide_an_earlier_output() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new, output) = (dir.path().join("old"), dir.path().join("new"), dir.path().join("out.mp4"));
        std::fs::write(&old, b"old").unwrap();
        std::fs::write(&new, b"newer").unwrap();
        let source = std::fs::metadata(&old).unwrap();
        let fix_record = FixRecord::open(&dir.path().join("fix.jsonl")).unwrap();
        let (first, second) =
            (FixRecordKey::new(&source, "a", &output), FixRecordKey::new(&source, "b", &output));
        fix_record.record(first.clone(), &std::fs::metadata(&old).unwrap(), None).unwrap();
        std::fs::rename(&old, &output).unwrap();
        fix_record.record(second.clone(), &std::fs::metadata(&new).unwrap(), None).unwrap();
        assert_eq!(fix_record.find(&second), None);
        assert_eq!(fix_record.find(&first), Some(None));
        assert!(fix_record.is_ours(&output, &std::fs::metadata(&output).unwrap()), "may not be replaced");
        std::fs::rename(&new, &output).unwrap();
        assert_eq!(fix_record.find(&second), Some(None));
    }
}
