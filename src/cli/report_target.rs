//! Refuses to write a report over a file that it must not replace.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::pipeline::{SourceFile, display_name};
use crate::probe::sniff;

use super::error::CliError;
use super::settings::Settings;

/// Bytes at the start of an existing file that show whether it is media.
const HEAD_BYTES: usize = 4096;

/// Extensions that a report may have. A file with another extension that lies among the inputs is not an earlier
/// report.
const REPORT_EXTENSIONS: [&str; 11] =
    ["json", "ndjson", "jsonl", "sarif", "xml", "html", "htm", "txt", "log", "md", "out"];

/// Fails if `--output` names a folder, an input, or a file that looks like media. Called before any work, so that
/// nothing is lost by a mistake such as `--output clip.mp4`.
pub fn check(settings: &Settings, named: &[PathBuf], sources: &[SourceFile]) -> Result<(), CliError> {
    let Some(target) = &settings.output else { return Ok(()) };
    let Ok(meta) = std::fs::metadata(target) else { return Ok(()) };
    let refuse = |problem: &str| {
        Err(CliError::Usage(format!(
            "--output {} {problem}; --output takes the file for the report, and `fix --out DIR` the folder for \
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
    let name = display_name(target);
    let head = head_of(target);
    if sniff::looks_like_media(&name, &head) || sniff::looks_like_an_image(&name, &head) {
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

/// Returns the first bytes of a file; none if it cannot be read.
fn head_of(path: &Path) -> Vec<u8> {
    let mut head = vec![0; HEAD_BYTES];
    let read = File::open(path).and_then(|file| file.read_at(&mut head, 0)).unwrap_or(0);
    head.truncate(read);
    head
}
