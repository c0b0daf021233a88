//! The pictures of the HTML report.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::picture_choice::Pictures;
use super::settings::Settings;
use crate::job::{PictureChoice, Runner};
use crate::pipeline::{CheckOptions, Pipeline};
use crate::report::{FileEntry, Report};

/// The most bytes of all pictures of a report, so that its page stays below 30 MB.
const MAX_TOTAL_BYTES: u64 = 16_000_000;
/// The most bytes of a picture.
const MAX_BYTES: u32 = 6_000;
/// The largest side of a picture in pixels.
const MAX_SIDE: u32 = 160;

/// Returns the most pictures of a file.
fn most_pictures(pictures: Pictures) -> u32 {
    match pictures {
        Pictures::None => 0,
        Pictures::Few => 5,
        Pictures::All => 12,
    }
}

fn is_shown(pictures: Pictures, entry: &FileEntry) -> bool {
    let has_output = entry.fix.as_ref().is_some_and(|fix| fix.output.is_some());
    let is_chosen = pictures == Pictures::All || has_output || !entry.findings.is_empty();
    // A name that is not UTF-8 is only known as it is displayed.
    is_chosen && entry.media.is_some() && entry.path_raw.is_none()
}

/// Returns the report with the pictures of its files and of the outputs of fixes.
pub fn add(settings: &Settings, report: Report, runner: &dyn Runner, cancel: &Arc<AtomicBool>) -> Report {
    if settings.pictures == Pictures::None {
        return report;
    }
    // A file under several profiles has one set; those of an original and its output are compared frame by frame.
    let mut exact: BTreeMap<PathBuf, bool> = BTreeMap::new();
    for entry in report.files.iter().filter(|entry| is_shown(settings.pictures, entry)) {
        let output = entry.fix.as_ref().and_then(|fix| fix.output.as_ref());
        *exact.entry(PathBuf::from(&entry.path)).or_default() |= output.is_some();
        exact.extend(output.map(|output| (PathBuf::from(output), true)));
    }
    let affordable = MAX_TOTAL_BYTES / (u64::from(MAX_BYTES) * exact.len().max(1) as u64);
    let count = most_pictures(settings.pictures).min(u32::try_from(affordable).unwrap_or(u32::MAX)).max(1);
    let choice = |exact| PictureChoice { count, max_side: MAX_SIDE, max_bytes: MAX_BYTES, exact };
    let most = (MAX_TOTAL_BYTES / u64::from(MAX_BYTES)) as usize;
    let files: Vec<_> = exact.into_iter().take(most).map(|(path, exact)| (path, choice(exact))).collect();
    let options = CheckOptions::default();
    let made = Pipeline::over_local_files(&[], &options, runner, cancel).pictures(&files);
    report.with_pictures(made.into_iter().map(|(path, made)| (path.display().to_string(), made)).collect())
}
