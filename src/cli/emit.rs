//! Writing the report.

use std::cell::Cell;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::report::{Envelope, Report, Spool, render};

use super::error::CliError;
use super::settings::Settings;

/// Writes the report to where it was asked for. A file appears under its name only when complete.
pub fn report(settings: &Settings, report: &Report) -> Result<(), CliError> {
    write(settings, &|out| render(report, settings.format, &settings.human, out))
}

/// Writes a report whose entries came one by one, in the same way.
pub fn spooled(settings: &Settings, spool: Spool, envelope: &Envelope) -> Result<(), CliError> {
    let spool = Cell::new(Some(spool));
    write(settings, &|out| spool.take().map_or(Ok(()), |spool| spool.finish(envelope, out)))
}

/// Writes a text to where it was asked for, in the same way.
pub fn text(settings: &Settings, text: &str) -> Result<(), CliError> {
    write(settings, &|out| out.write_all(text.as_bytes()))
}

type Fill<'a> = &'a dyn Fn(&mut dyn Write) -> io::Result<()>;

fn write(settings: &Settings, fill: Fill<'_>) -> Result<(), CliError> {
    match &settings.output {
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            fill(&mut out)
                .and_then(|()| out.flush())
                .map_err(|source| CliError::WriteReport { place: "standard output".into(), source })
        }
        Some(path) => to_file(path, fill)
            .map_err(|source| CliError::WriteReport { place: path.display().to_string(), source }),
    }
}

fn to_file(path: &Path, fill: Fill<'_>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new().prefix(".greenlit-report-").tempfile_in(folder)?;
    let mut out = BufWriter::new(file);
    fill(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Whether the reader of our output has gone away, as `| head` does: no failure of ours.
pub fn is_closed_pipe(error: &CliError) -> bool {
    matches!(error, CliError::WriteReport { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
}
