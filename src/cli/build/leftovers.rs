//! Outputs that no source makes any more, and their removal.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::build::{Entry, EntryKey, Leftover};
use crate::pipeline::{FixRecord, StaleOutput};
use crate::report::StaleEntry;

use crate::cli::error::CliError;
use crate::cli::settings::Settings;
use crate::cli::{fix, report_entries};

/// Returns the outputs of `before` that are no outputs of `now`, and those of `earlier` runs that still are none.
pub fn left_over(
    earlier: Vec<Leftover>,
    before: &HashMap<EntryKey, Entry>,
    now: &HashMap<EntryKey, Entry>,
) -> Vec<Leftover> {
    fn output(entry: &Entry) -> Option<&Path> {
        Some(&entry.output.as_ref()?.path)
    }
    let current: HashSet<&Path> = now.values().filter_map(output).collect();
    let replaced = before.iter().filter_map(|(key, entry)| {
        let was = entry.output.as_ref()?;
        let is_kept = now.get(key).and_then(output) == Some(was.path.as_path());
        let leftover =
            || Leftover { output: was.path.clone(), source: key.source.clone(), out: was.out.clone() };
        (!is_kept).then(leftover)
    });
    let mut all: Vec<Leftover> = earlier.into_iter().chain(replaced).collect();
    all.retain(|leftover| !current.contains(leftover.output.as_path()));
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
