//! Refuses to write a report over a file that it must not replace.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::pipeline::{SourceFile, display_name, is_media_or_image};

use super::error::CliError;
use super::settings::Settings;

/// Extensions that a report may have. A file with another extension that lies among the inputs is not an earlier
/// report.
const REPORT_EXTENSIONS: [&str; 11] =
    ["json", "ndjson", "jsonl", "sarif", "xml", "html", "htm", "txt", "log", "md", "out"];

/// Fails if `--output` or `--report` names a folder, an input, or a file that looks like media. Called before any work,
/// so that nothing is lost by a mistake such as `--output clip.mp4`.
pub fn check(settings: &Settings, named: &[PathBuf], sources: &[SourceFile]) -> Result<(), CliError> {
    let output = settings.output.iter().map(|path| ("--output", path));
    let mut targets = output.chain(settings.reports.iter().map(|file| ("--report", &file.path)));
    targets.try_for_each(|(option, target)| check_target(option, target, named, sources))
}

fn check_target(
    option: &str,
    target: &Path,
    named: &[PathBuf],
    sources: &[SourceFile],
) -> Result<(), CliError> {
    let Ok(meta) = std::fs::metadata(target) else { return Ok(()) };
    let refuse = |problem: &str| {
        Err(CliError::Usage(format!(
            "{option} {} {problem}; {option} takes the file for the report, and `fix --out DIR` the folder for \
             fixed videos: choose another file",
            target.display()
        )))
    };
    if meta.is_dir() {
        return refuse("is a folder");
    }
    if !meta.is_file() {
        return Ok(());
    }
    let identity = |path: &Path| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    let is_target = |path: &Path| identity(path) == Some((meta.dev(), meta.ino()));
    if named.iter().any(|path| is_target(path)) {
        return refuse("is an input of this command");
    }
    if is_media_or_image(target, &display_name(target)) {
        return refuse("is an existing media file, which the report would replace");
    }
    let is_report = target
        .extension()
        .is_some_and(|extension| REPORT_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)));
    // Comparing names first avoids reading the metadata of every input.
    let same_name = |source: &&SourceFile| source.named || source.path.file_name() == target.file_name();
    let mut candidates = sources.iter().filter(same_name);
    match candidates.find(|source| is_target(&source.path)) {
        Some(source) if source.named || !(is_report || meta.len() == 0) => {
            refuse("is one of the files to be read, which the report would replace")
        }
        _ => Ok(()),
    }
}

/// Fails if a log would be appended to an existing media file, by a mistake such as `--events clip.mp4`.
pub fn check_log(option: &str, path: &Path) -> Result<(), CliError> {
    let holds_bytes = std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() > 0);
    if !(holds_bytes && is_media_or_image(path, &display_name(path))) {
        return Ok(());
    }
    Err(CliError::Usage(format!(
        "{option} {} is an existing media file, which the log would damage: choose another file",
        path.display()
    )))
}
