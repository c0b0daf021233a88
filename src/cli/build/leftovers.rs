//! Outputs that no source makes any more, and their removal.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::build::{Entry, EntryKey, Leftover, OutputFile};
use crate::pipeline::{FixRecord, StaleOutput};
use crate::report::StaleEntry;

use crate::cli::error::CliError;
use crate::cli::settings::Settings;
use crate::cli::{fix, report_entries};

/// What a run changed.
pub struct Changes<'a> {
    /// The entries before the run.
    pub before: &'a HashMap<EntryKey, Entry>,
    /// Those of them whose source is gone.
    pub gone: &'a HashSet<EntryKey>,
    /// The entries that the run stored.
    pub now: &'a HashMap<EntryKey, Entry>,
}

impl Changes<'_> {
    /// Returns the output of an entry after the run.
    pub fn output(&self, key: &EntryKey) -> Option<&OutputFile> {
        let before = || self.before.get(key).filter(|_| !self.gone.contains(key));
        self.now.get(key).or_else(before)?.output.as_ref()
    }
}

/// Returns the outputs that no source makes any more since this run, and those of `earlier` runs.
pub fn left_over(earlier: &[Leftover], changes: &Changes<'_>) -> Vec<Leftover> {
    let Changes { before, gone, now } = *changes;
    if earlier.is_empty() && gone.is_empty() && now.is_empty() {
        return Vec::new();
    }
    let path = |output: &'_ OutputFile| output.path.clone();
    let current: HashSet<PathBuf> =
        before.keys().chain(now.keys()).filter_map(|key| changes.output(key)).map(path).collect();
    let of_before = before.iter().filter_map(|(key, entry)| {
        let OutputFile { path, out, .. } = entry.output.as_ref()?;
        Some(Leftover { output: path.clone(), source: key.source.clone(), out: out.clone() })
    });
    let mut all: Vec<Leftover> = earlier.iter().cloned().chain(of_before).collect();
    all.retain(|leftover| !current.contains(&leftover.output));
    all.sort_by(|one, other| one.output.cmp(&other.output));
    all.dedup_by(|one, other| one.output == other.output);
    all
}

/// Leaves out the outputs that do not exist or were changed, removes the others with `prune`, and returns what is left
/// with the entries of the report.
pub fn settle(
    settings: &Settings,
    base: &Path,
    leftovers: Vec<Leftover>,
    prune: bool,
) -> Result<(Vec<Leftover>, Vec<StaleEntry>), CliError> {
    let mut records: HashMap<PathBuf, FixRecord> = HashMap::new();
    let (mut left, mut entries) = (Vec::new(), Vec::new());
    for leftover in leftovers {
        let (path, out) = (base.join(&leftover.output), base.join(&leftover.out));
        if !path.exists() {
            continue;
        }
        if !records.contains_key(&out) {
            records.insert(out.clone(), fix::open_fix_record(settings, &out)?);
        }
        let Some(record) = records.get(&out).filter(|record| record.may_remove(&path)) else { continue };
        let source = base.join(&leftover.source);
        let stale = StaleOutput { path, source: std::path::absolute(&source).unwrap_or(source) };
        let removed = prune && fix::remove_stale_output(record, &stale);
        entries.push(StaleEntry {
            output: report_entries::display_path(&stale.path).0,
            source: report_entries::display_path(&stale.source).0,
            removed,
        });
        if !removed {
            left.push(leftover);
        }
    }
    Ok((left, entries))
}
