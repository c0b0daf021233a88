//! Writes the dependency file of a build.

use std::path::Path;

use crate::build::{DepfileRule, depfile};

use crate::cli::error::CliError;
use crate::cli::settings::Settings;
use crate::cli::{output, report_target};

use super::leftovers::Changes;
use super::survey::Survey;

/// Writes to `target` what each output depends on: its source, the configuration and the files of profiles.
pub fn write(
    settings: &Settings,
    target: &Path,
    surveys: &[Survey<'_>],
    changes: &Changes<'_>,
    base: &Path,
) -> Result<(), CliError> {
    report_target::check_log("--depfile", target)?;
    let config = settings.config.path.as_ref().and_then(|path| path.file_name()).map(|name| base.join(name));
    let mut rules = Vec::new();
    for survey in surveys {
        for (index, source) in survey.found.sources.iter().enumerate() {
            for unit in survey.units_of(index) {
                let Some(output) = changes.output(&unit.key) else { continue };
                let files = survey.task.profile_files.iter().cloned();
                let inputs =
                    std::iter::once(source.path.clone()).chain(config.clone()).chain(files).collect();
                rules.push(DepfileRule { output: base.join(&output.path), inputs });
            }
        }
    }
    output::to_file(target, |out| depfile(&rules, out)).map_err(|source| CliError::Operation {
        what: format!("the dependencies cannot be written to {}", target.display()),
        source: Box::new(source),
    })
}
