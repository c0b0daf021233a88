//! Compares an entry with the files as they are now.

use std::io;
use std::path::Path;

use crate::cache::{Contents, FileState};
use crate::pipeline::SourceFile;

use super::entry::{Entry, Recipe};

/// Why an output must be made, or made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutdatedReason {
    /// The source was not built before.
    NewSource,
    /// The bytes of the source changed, or how it is given.
    SourceChanged,
    /// The profile changed.
    ProfileChanged,
    /// The options, the version of greenlit or the number of cores changed.
    OptionsChanged,
    /// The media worker or its libraries changed.
    LibrariesChanged,
    /// Another source that could claim the name of the output appeared or disappeared.
    NamesChanged,
    /// The output does not exist.
    OutputMissing,
    /// The output was changed.
    OutputChanged,
}

/// Whether the result of an earlier run still holds.
#[derive(Clone, Debug)]
pub enum Freshness {
    /// It holds, and no metadata changed.
    Fresh,
    /// It holds: files have other metadata but the same bytes. The entry has the new metadata.
    Touched(Box<Entry>),
    /// It must be made again.
    Outdated(OutdatedReason),
}

/// Compares `entry` with the recipe, the source and the output as they are now. Paths of the entry are relative to
/// `base`. Reads files only where their metadata changed.
pub fn examine(
    entry: Option<&Entry>,
    recipe: &Recipe,
    source: &SourceFile,
    base: &Path,
    contents: &Contents,
) -> Freshness {
    let Some(entry) = entry else { return Freshness::Outdated(OutdatedReason::NewSource) };
    if let Some(reason) = difference(&entry.recipe, recipe) {
        return Freshness::Outdated(reason);
    }
    if entry.not_opened != source.not_opened || entry.named != source.named {
        return Freshness::Outdated(OutdatedReason::SourceChanged);
    }
    let mut touched = None;
    if source.not_opened.is_none() {
        let Ok(meta) = std::fs::metadata(&source.path) else {
            return Freshness::Outdated(OutdatedReason::SourceChanged);
        };
        let state = FileState::from(&meta);
        if entry.source != Some(state) {
            if !has_content(&source.path, &entry.content, contents) {
                return Freshness::Outdated(OutdatedReason::SourceChanged);
            }
            touched = Some(Entry { source: Some(state), ..entry.clone() });
        }
    }
    let Some(output) = &entry.output else { return settled(touched) };
    let path = base.join(&output.path);
    let meta = match std::fs::symlink_metadata(&path) {
        Ok(meta) if meta.is_file() => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Freshness::Outdated(OutdatedReason::OutputMissing);
        }
        _ => return Freshness::Outdated(OutdatedReason::OutputChanged),
    };
    let state = FileState::from(&meta);
    if state != output.state {
        if !has_content(&path, &output.content, contents) {
            return Freshness::Outdated(OutdatedReason::OutputChanged);
        }
        let mut changed = touched.unwrap_or_else(|| entry.clone());
        changed.output.iter_mut().for_each(|output| output.state = state);
        touched = Some(changed);
    }
    settled(touched)
}

fn settled(touched: Option<Entry>) -> Freshness {
    touched.map_or(Freshness::Fresh, |entry| Freshness::Touched(Box::new(entry)))
}

fn has_content(path: &Path, content: &str, contents: &Contents) -> bool {
    contents.blake3_of(path).is_ok_and(|now| now == content)
}

fn difference(was: &Recipe, is: &Recipe) -> Option<OutdatedReason> {
    let parts = [
        (&was.profile, &is.profile, OutdatedReason::ProfileChanged),
        (&was.options, &is.options, OutdatedReason::OptionsChanged),
        (&was.libraries, &is.libraries, OutdatedReason::LibrariesChanged),
        (&was.names, &is.names, OutdatedReason::NamesChanged),
    ];
    parts.into_iter().find(|(was, is, _)| was != is).map(|(.., reason)| reason)
}
