//! The lines of the record of outputs, and what is known from them.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cache::{Contents, FileIdentity};
use crate::job::FixReport;

use super::recorded_path;

/// The origin of an output: the source by identity and by content, and the plan by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixRecordKey {
    pub(super) source: FileIdentity,
    /// BLAKE3 of the source; lines of older versions lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<String>,
    pub(super) plan: String,
    #[serde(with = "recorded_path")]
    pub(super) output: PathBuf,
    /// The absolute path of the source, which the line holds beside the key.
    #[serde(skip)]
    pub(super) source_path: Option<PathBuf>,
    /// The hash of the plan as older versions recorded it, without the profile.
    #[serde(skip)]
    pub(super) older_plan: Option<String>,
}

impl FixRecordKey {
    /// Returns the key of the output at `output`, produced from `source` by the plan with this text.
    pub fn new(source: &Metadata, plan_text: &str, output: &Path) -> FixRecordKey {
        FixRecordKey {
            source: FileIdentity::from(source),
            content: None,
            plan: plan_hash(plan_text),
            output: output.to_owned(),
            source_path: None,
            older_plan: None,
        }
    }

    /// Returns the key with the path of its source.
    #[must_use]
    pub fn from_source(mut self, path: &Path) -> FixRecordKey {
        self.source_path = real_path(path);
        self
    }

    /// Returns the key with the plan text of older versions, so that their lines are honoured.
    #[must_use]
    pub fn or_older_plan(mut self, plan_text: &str) -> FixRecordKey {
        self.older_plan = Some(plan_hash(plan_text));
        self
    }

    pub(super) fn has_plan(&self, plan: &str) -> bool {
        self.plan == plan || self.older_plan.as_deref() == Some(plan)
    }
}

fn plan_hash(plan_text: &str) -> String {
    let text = format!("{}\n{plan_text}", env!("CARGO_PKG_VERSION"));
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

/// Returns the absolute path with links in its folder resolved; the file itself need not exist.
pub(super) fn real_path(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).ok()?;
    Some(absolute.parent()?.canonicalize().ok()?.join(absolute.file_name()?))
}

/// Returns the absolute path of a folder, with links resolved if it exists.
pub(super) fn real_folder(folder: &Path) -> PathBuf {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let real = folder.canonicalize().or_else(|_| std::path::absolute(folder));
    real.unwrap_or_else(|_| folder.to_owned())
}

/// A line of the record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RecordLine {
    pub(super) key: FixRecordKey,
    #[serde(rename = "made")]
    pub(super) fingerprint: FileIdentity,
    /// BLAKE3 of the output; lines of older versions lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) made_content: Option<String>,
    pub(super) report: Option<FixReport>,
    /// The path of the source, to detect outputs whose source is gone and outputs of another source: absolute here,
    /// in the file relative to the folder of the outputs. Lines of older versions lack it or have it absolute.
    #[serde(default, with = "recorded_path::optional", skip_serializing_if = "Option::is_none")]
    pub(super) source_path: Option<PathBuf>,
}

impl RecordLine {
    fn remember_source(&self, contents: &Contents) {
        if let Some(blake3) = &self.key.content {
            contents.remember(self.key.source, blake3);
        }
    }
}

/// The part of a line that must stay readable in every version: it shows which outputs greenlit may replace.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct OutputClaim {
    pub(super) key: ClaimedKey,
    #[serde(rename = "made")]
    pub(super) fingerprint: FileIdentity,
    #[serde(default)]
    pub(super) made_content: Option<String>,
    #[serde(default, with = "recorded_path::optional")]
    pub(super) source_path: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ClaimedKey {
    #[serde(with = "recorded_path")]
    pub(super) output: PathBuf,
}

/// The version of the record's format, in a line of its own. Records of older versions have none.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordVersion {
    #[serde(rename = "greenlit_fix_record")]
    version: u32,
}

impl RecordVersion {
    /// The version that is written, and the newest that is read.
    pub(super) const CURRENT: RecordVersion = RecordVersion { version: 1 };

    fn check(self, place: &Path) -> io::Result<()> {
        let newest = RecordVersion::CURRENT.version;
        if self.version <= newest {
            return Ok(());
        }
        let message = format!(
            "{}: written by a later version of greenlit (format {}, supported up to {newest}); update greenlit",
            place.display(),
            self.version
        );
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }
}

/// The lines of one output, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct OutputLines {
    pub(super) claims: Vec<OutputClaim>,
    pub(super) lines: Vec<RecordLine>,
}

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) outputs: HashMap<PathBuf, OutputLines>,
    /// The hashes of files.
    pub(super) contents: Arc<Contents>,
    /// How far the record was read.
    pub(super) read_to: u64,
}

impl Known {
    /// Adds the lines of `file` and returns the number of bytes read.
    pub(super) fn read(&mut self, file: &File, base: &Path, place: &Path) -> io::Result<u64> {
        let mut reader = BufReader::new(file);
        let (mut line, mut total) = (Vec::new(), 0);
        let folder = real_folder(base);
        let resolve = |path: &mut Option<PathBuf>| {
            *path = path.take().map(|path| recorded_path::resolved(&folder, &path));
        };
        loop {
            line.clear();
            let count = reader.read_until(b'\n', &mut line)? as u64;
            if count == 0 {
                return Ok(total);
            }
            total += count;
            if let Ok(mut claim) = serde_json::from_slice::<OutputClaim>(&line) {
                let name = recorded_name(base, place, &claim.key.output);
                claim.key.output = name.clone();
                resolve(&mut claim.source_path);
                let outputs = self.outputs.entry(name).or_default();
                if let Ok(mut line) = serde_json::from_slice::<RecordLine>(&line) {
                    resolve(&mut line.source_path);
                    line.remember_source(&self.contents);
                    outputs.lines.push(line);
                }
                outputs.claims.push(claim);
            } else if let Ok(version) = serde_json::from_slice::<RecordVersion>(&line) {
                version.check(place)?;
            }
        }
    }

    pub(super) fn add(&mut self, name: PathBuf, line: RecordLine) {
        line.remember_source(&self.contents);
        let outputs = self.outputs.entry(name.clone()).or_default();
        outputs.claims.push(OutputClaim {
            key: ClaimedKey { output: name },
            fingerprint: line.fingerprint,
            made_content: line.made_content.clone(),
            source_path: line.source_path.clone(),
        });
        outputs.lines.push(line);
    }
}

/// Returns the path of an output relative to `base`; an absolute path if it is not below it.
pub(super) fn name_below(base: &Path, output: &Path) -> PathBuf {
    if let Ok(below) = output.strip_prefix(base) {
        return below.to_owned();
    }
    let below = || {
        let real = real_path(output)?;
        Some(real.strip_prefix(base.canonicalize().ok()?).ok()?.to_owned())
    };
    below().unwrap_or_else(|| output.to_owned())
}

/// Returns the name of an output in the record at `place`. Records of older versions hold the path as it was
/// given, relative to the folder that the record's folder is in.
fn recorded_name(base: &Path, place: &Path, output: &Path) -> PathBuf {
    if output.is_absolute() || output.strip_prefix(base).is_ok() {
        return name_below(base, output);
    }
    if !base.join(output).exists()
        && let Some(root) = place.parent().and_then(Path::parent)
        && let older = Path::new(".").join(root).join(output)
        && older.exists()
    {
        return name_below(base, &older);
    }
    output.to_owned()
}
