//! The input of `ship`: files and folders, or the rows of a manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::facade::manifest_sources;
use crate::pipeline::{Discovery, discover};
use crate::platform::{Problem, Row, registry};
use crate::profile::Profile;
use crate::ship::Manifest;

use crate::cli::destination::Destination;
use crate::cli::error::CliError;
use crate::cli::input::say_problems;
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
    let manifest = Manifest::read(path, &registry::columns())
        .map_err(|source| operation("cannot read the manifest", source))?;
    let found = Discovery { sources: manifest_sources(&manifest), problems: Vec::new() };
    Ok(ShipInput { found, rows: manifest.rows, manifest: Some(path.clone()) })
}

fn without_manifest(paths: &[PathBuf]) -> Result<ShipInput, CliError> {
    let found = discover(paths, &[])?;
    say_problems(&found);
    Ok(ShipInput { found, rows: Vec::new(), manifest: None })
}

/// Checks the rows and prints all problems of them and of their covers, before anything is sent. Returns
/// whether there is no error; warnings do not count.
pub fn passes_preflight(
    rows: &[Row],
    destination: &Destination,
    profile: &Profile,
    covers: Vec<Problem>,
) -> bool {
    let mut problems = destination.platform.check_rows(rows, destination.mode, profile, registry::PLATFORMS);
    problems.extend(covers);
    problems.sort_by_key(|problem| problem.row);
    let (warnings, errors): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| problem.warning);
    let mut rows_by_warning: BTreeMap<(&str, &str), Vec<u32>> = BTreeMap::new();
    for warning in &warnings {
        rows_by_warning.entry((warning.field, &warning.message)).or_default().push(warning.row);
    }
    for ((field, message), rows) in rows_by_warning {
        notices::say(&format!("warning: {}, {field}: {message}", format_rows(&rows)));
    }
    for error in &errors {
        notices::say(&format!("row {}, {}: {}", error.row, error.field, error.message));
    }
    if !errors.is_empty() {
        notices::say(&format!(
            "the manifest has {} problem{}; nothing was sent. Correct the rows and run the same command again",
            errors.len(),
            if errors.len() == 1 { "" } else { "s" }
        ));
    }
    errors.is_empty()
}

/// Formats row numbers: `row 3`, or `rows 1, 2, 3, 4, 5 and 12 more`.
fn format_rows(rows: &[u32]) -> String {
    const NAMED: usize = 5;
    let named: Vec<String> = rows.iter().take(NAMED).map(u32::to_string).collect();
    match rows.len() {
        1 => format!("row {}", named.join("")),
        count if count > NAMED => format!("rows {} and {} more", named.join(", "), count - NAMED),
        _ => format!("rows {}", named.join(", ")),
    }
}
