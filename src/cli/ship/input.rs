//! The input of `ship`: files and folders, or the rows of a manifest.

use std::path::{Path, PathBuf};

use crate::facade::manifest_sources;
use crate::pipeline::{Discovery, discover};
use crate::platform::{Problem, Row, registry};
use crate::profile::Profile;
use crate::ship::{Manifest, ManifestProblem};

use crate::cli::destination::Destination;
use crate::cli::error::CliError;
use crate::cli::input::say_problems;
use crate::cli::manifest_problems::ManifestProblems;
use crate::cli::notices;
use crate::cli::sandbox::operation;

/// The files to ship and the rows of the manifest.
pub struct ShipInput {
    /// The files.
    pub found: Discovery,
    /// The rows of the manifest; empty for folders and files.
    pub rows: Vec<Row>,
    /// Path of the manifest, if there is one.
    pub manifest: Option<PathBuf>,
    /// The columns of the manifest.
    pub columns: Vec<&'static str>,
    /// The parts of the manifest that cannot be read.
    pub unreadable: Vec<ManifestProblem>,
}

/// Reads the manifest, or finds the files.
pub fn read(paths: &[PathBuf]) -> Result<ShipInput, CliError> {
    let is_manifest = |path: &Path| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        matches!(extension.to_lowercase().as_str(), "csv" | "jsonl" | "toml") && path.is_file()
    };
    let [path] = paths else {
        if let Some(manifest) = paths.iter().find(|path| is_manifest(path)) {
            return Err(CliError::Usage(format!(
                "{} is a manifest: ship one manifest, or files and folders without a manifest",
                manifest.display()
            )));
        }
        return without_manifest(paths);
    };
    if !is_manifest(path) {
        return without_manifest(paths);
    }
    let (manifest, unreadable) = Manifest::read_with_problems(path, &registry::columns())
        .map_err(|source| operation("cannot read the manifest", source))?;
    if let Some(notice) = &manifest.notice {
        notices::say(&format!("{}: {notice}", path.display()));
    }
    let found = Discovery { sources: manifest_sources(&manifest), problems: Vec::new() };
    let Manifest { rows, columns, .. } = manifest;
    Ok(ShipInput { found, rows, manifest: Some(path.clone()), columns, unreadable })
}

fn without_manifest(paths: &[PathBuf]) -> Result<ShipInput, CliError> {
    let found = discover(paths, &[])?;
    say_problems(&found);
    Ok(ShipInput { found, rows: Vec::new(), manifest: None, columns: Vec::new(), unreadable: Vec::new() })
}

/// Checks the rows and prints all problems of the manifest and of its covers, before anything is sent. Returns
/// whether there is no error; warnings do not count.
pub fn passes_preflight(
    ship_input: &ShipInput,
    destination: &Destination,
    profile: &Profile,
    covers: Vec<Problem>,
) -> bool {
    let platform = destination.platform;
    let mut problems = platform.check_rows(&ship_input.rows, destination.mode, profile, registry::PLATFORMS);
    problems.extend(covers);
    let found = ManifestProblems::of(&ship_input.unreadable, problems, &ship_input.columns);
    found.warnings.iter().for_each(|warning| notices::say(&format!("warning: {warning}")));
    found.errors.iter().for_each(|error| notices::say(error));
    if !found.errors.is_empty() {
        let count = found.count();
        notices::say(&format!("{count}; nothing was sent. Correct it and run the same command again"));
    }
    found.errors.is_empty()
}
