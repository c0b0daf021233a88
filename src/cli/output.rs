//! Writes reports to standard output or to a file.

use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::pipeline::replace_file::{Replacement, replace};
use crate::pipeline::{display_name, is_media_or_image};
use crate::report::{Format, Report, render};

use super::error::CliError;
use super::exit_code::RunStatus;
use super::settings::{ReportFile, Settings};

/// Size of the write buffer of a long report, in bytes.
const STREAM_BUFFER: usize = 64 * 1024;

/// Writes the report to `--output` or to standard output, and to each `--report`. A file gets its name only when
/// complete.
pub fn report(settings: &Settings, report: &Report) -> Result<(), CliError> {
    each(settings, &|format, file, out| {
        render(report, format, file.map_or(&settings.human, |file| &file.human), out)
    })
}

type FillFormat<'a> = &'a dyn Fn(Format, Option<&ReportFile>, &mut dyn Write) -> io::Result<()>;

/// Like [`report`], for what `fill` writes in each format; it gets the file of a `--report`.
pub fn each(settings: &Settings, fill: FillFormat<'_>) -> Result<(), CliError> {
    // Files come first: the reader of standard output may close it early. One that fails leaves out no other.
    let to_file = |file: &ReportFile| {
        to_file(&file.path, |out| fill(file.format, Some(file), out))
            .map_err(|source| to_path(&file.path, source))
    };
    let files: Vec<_> = settings.reports.iter().map(to_file).collect();
    write(settings, &|out| fill(settings.format, None, out))?;
    files.into_iter().collect()
}

/// Like [`report`], for a report that `fill` writes entry by entry.
pub fn streamed<T>(
    settings: &Settings,
    fill: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<T>,
) -> Result<T, CliError> {
    match &settings.output {
        None => {
            let mut out = BufWriter::with_capacity(STREAM_BUFFER, io::stdout());
            fill(&mut out).and_then(|result| out.flush().map(|()| result)).map_err(to_stdout)
        }
        Some(path) => to_file(path, fill).map_err(|source| to_path(path, source)),
    }
}

/// Like [`report`], for a text.
pub fn text(settings: &Settings, text: &str) -> Result<(), CliError> {
    write(settings, &|out| out.write_all(text.as_bytes()))
}

/// Writes a line to standard output at once.
pub fn line(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(to_stdout)
}

type Fill<'a> = &'a dyn Fn(&mut dyn Write) -> io::Result<()>;

fn write(settings: &Settings, fill: Fill<'_>) -> Result<(), CliError> {
    match &settings.output {
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            fill(&mut out).and_then(|()| out.flush()).map_err(to_stdout)
        }
        Some(path) => to_file(path, |out| fill(out)).map_err(|source| to_path(path, source)),
    }
}

fn to_stdout(source: io::Error) -> CliError {
    CliError::WriteReport { target: "standard output".into(), source }
}

fn to_path(path: &Path, source: io::Error) -> CliError {
    CliError::WriteReport { target: path.display().to_string(), source }
}

/// Writes a file, which gets its name only when complete.
pub fn to_file<T>(path: &Path, fill: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<T>) -> io::Result<T> {
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        // A device or a pipe, such as /dev/null, is written to and never replaced.
        let mut out = BufWriter::with_capacity(STREAM_BUFFER, File::options().write(true).open(path)?);
        let result = fill(&mut out)?;
        out.flush()?;
        return Ok(result);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    use std::os::unix::fs::PermissionsExt;
    let file = tempfile::Builder::new()
        .prefix(".greenlit-report-")
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    let mut out = BufWriter::with_capacity(STREAM_BUFFER, file);
    let result = fill(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    give_name(file, path)?;
    Ok(result)
}

/// Gives a finished report its name. An earlier file of this name is replaced, since the user named it, but not a
/// media file or a folder that appeared after [`report_target`](super::report_target) looked.
pub fn give_name(file: tempfile::NamedTempFile, path: &Path) -> io::Result<()> {
    let (_, staged) = file.keep().map_err(|error| error.error)?;
    let may_replace =
        |now: &Path, meta: &Metadata| !meta.is_dir() && !is_media_or_image(now, &display_name(path));
    match replace(&staged, path, &may_replace) {
        Ok(Replacement::Done) => Ok(()),
        Ok(Replacement::PutAside(aside)) => Err(io::Error::other(format!(
            "other programs put files there meanwhile; a file that was there is now {}",
            aside.display()
        ))),
        Ok(Replacement::Kept) => {
            let _ = std::fs::remove_file(&staged);
            Err(io::Error::other("a media file or a folder has this name now: choose another file"))
        }
        Err(error) => {
            let _ = std::fs::remove_file(&staged);
            Err(error)
        }
    }
}

/// Returns the status of a command that ended with this error: a failure, unless the reader of the output has closed
/// it, as `| head` does.
pub fn status_of(error: &CliError) -> RunStatus {
    match error {
        CliError::WriteReport { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => RunStatus::Done,
        _ => RunStatus::Failed,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_report_replaces_a_report_but_no_video_that_appeared_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        to_file(&path, |out| out.write_all(b"one")).unwrap();
        to_file(&path, |out| out.write_all(b"two")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        let video = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41";
        let failed = to_file(&path, |out| {
            std::fs::write(&path, video)?;
            out.write_all(b"three")
        });
        assert!(failed.unwrap_err().to_string().contains("media file"));
        assert_eq!(std::fs::read(&path).unwrap(), video);
        std::fs::remove_file(&path).unwrap();
        let failed = to_file(&path, |out| {
            std::fs::create_dir(&path)?;
            out.write_all(b"four")
        });
        failed.unwrap_err();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
