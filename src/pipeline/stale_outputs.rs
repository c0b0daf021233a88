//! Outputs whose source is gone, and their removal.

use std::io;
use std::path::{Path, PathBuf};

use super::fix_record::FixRecord;
use super::fix_record_lines::name_below;
use super::replace_file::{REPLACED, rename_new};

/// An output whose source was deleted or renamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleOutput {
    /// The output.
    pub path: PathBuf,
    /// The absolute path where its source was.
    pub source: PathBuf,
}

impl FixRecord {
    /// Returns the recorded outputs that are unchanged, whose source was below one of the folders `roots` and is
    /// gone, and that are not among the outputs `current` of this run.
    pub fn stale(&self, roots: &[PathBuf], current: &[PathBuf]) -> Vec<StaleOutput> {
        let roots: Vec<PathBuf> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
        let current: Vec<PathBuf> = current.iter().map(|path| name_below(&self.base, path)).collect();
        let last_claims: Vec<(PathBuf, PathBuf)> = {
            let known = self.known();
            let last = known.outputs.iter().filter_map(|(name, lines)| {
                Some((name.clone(), lines.claims.iter().rev().find_map(|claim| claim.source_path.clone())?))
            });
            last.collect()
        };
        let mut stale: Vec<StaleOutput> = last_claims
            .into_iter()
            .filter(|(name, from)| {
                !current.contains(name)
                    && roots.iter().any(|root| from.starts_with(root))
                    && std::fs::symlink_metadata(from)
                        .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            })
            .map(|(name, source)| StaleOutput { path: self.base.join(name), source })
            .filter(|stale| self.may_remove(&stale.path))
            .collect();
        stale.sort_by(|one, other| one.path.cmp(&other.path));
        stale
    }

    /// Removes a stale output. Fails if it changed meanwhile or is reached through a link.
    pub fn remove(&self, stale: &StaleOutput) -> io::Result<()> {
        if !self.may_remove(&stale.path) {
            return Err(io::Error::other("it changed since it was made"));
        }
        // Under another name, no other file can take its place between the check and the removal.
        let folder = stale.path.parent().unwrap_or(Path::new("."));
        let aside = folder.join(format!(".greenlit-{:016x}.{REPLACED}", fastrand::u64(..)));
        rename_new(&stale.path, &aside)?;
        let meta = std::fs::symlink_metadata(&aside)?;
        if self.is_ours_at(&stale.path, &aside, &meta) {
            return std::fs::remove_file(&aside);
        }
        rename_new(&aside, &stale.path)?;
        Err(io::Error::other("it changed since it was made"))
    }

    /// Returns whether `path` is an unchanged output in a real folder below the output folder.
    pub fn may_remove(&self, path: &Path) -> bool {
        let Some(folder) = path.parent() else { return false };
        let (Ok(real), Ok(base)) = (folder.canonicalize(), self.base.canonicalize()) else { return false };
        let Ok(below) = folder.strip_prefix(&self.base) else { return false };
        real == base.join(below)
            && std::fs::symlink_metadata(path).is_ok_and(|meta| self.is_ours(path, &meta))
    }
}
