//! What is to be shipped: files that were found, or the rows of a manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::pipeline::{Discovery, Source, discover};
use crate::ship::{AdRow, Manifest, Problem, preflight, preflight_posts};

use crate::cli::destination::DestinationKind;
use crate::cli::error::CliError;
use crate::cli::sandbox::operation;

/// What is to be shipped.
pub struct ShipInput {
    /// The files.
    pub found: Discovery,
    /// The rows of the manifest; empty for folders and files.
    pub rows: Vec<AdRow>,
    /// The manifest, where there is one.
    pub manifest: Option<PathBuf>,
}

/// Reads the manifest, or finds the files.
pub fn load(paths: &[PathBuf]) -> Result<ShipInput, CliError> {
    let is_manifest = |path: &Path| {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        matches!(ending.as_str(), "csv" | "jsonl" | "toml") && path.is_file()
    };
    let [path] = paths else {
        if let Some(manifest) = paths.iter().find(|path| is_manifest(path)) {
            return Err(CliError::Usage(format!(
                "{} is a manifest: ship it alone, or ship folders and files",
                manifest.display()
            )));
        }
        return Ok(ShipInput { found: discover(paths, &[])?, rows: Vec::new(), manifest: None });
    };
    if !is_manifest(path) {
        return Ok(ShipInput { found: discover(paths, &[])?, rows: Vec::new(), manifest: None });
    }
    let manifest = Manifest::read(path).map_err(|source| operation("the manifest cannot be used", source))?;
    let sources = manifest.videos().into_iter().filter(|video| video.is_file()).map(|video| Source {
        path: video.to_owned(),
        relative: video.file_name().map_or_else(PathBuf::new, PathBuf::from),
        named: false,
    });
    let found = Discovery { sources: sources.collect(), troubles: Vec::new() };
    Ok(ShipInput { found, rows: manifest.rows, manifest: Some(path.clone()) })
}

/// Says everything that is wrong with the rows and their covers, all of it at once, before anything
/// is sent.
pub fn manifest_is_audio(rows: &[AdRow], makes: DestinationKind, covers: Vec<Problem>) -> bool {
    let manifest = Manifest { rows: rows.to_vec() };
    let mut problems = match makes {
        DestinationKind::Ads => preflight(&manifest),
        DestinationKind::Posts(mode) => preflight_posts(&manifest, mode),
    };
    problems.extend(covers);
    problems.sort_by_key(|problem| problem.row);
    let (warnings, errors): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| problem.warning);
    let mut alike: BTreeMap<(&str, &str), Vec<u32>> = BTreeMap::new();
    for warning in &warnings {
        alike.entry((warning.field, &warning.message)).or_default().push(warning.row);
    }
    for ((field, message), rows) in alike {
        eprintln!("greenlit: warning: {}, {field}: {message}", rows_in_words(&rows));
    }
    for error in &errors {
        eprintln!("greenlit: row {}, {}: {}", error.row, error.field, error.message);
    }
    if !errors.is_empty() {
        eprintln!(
            "greenlit: the manifest has {} problem{}; nothing was sent. Correct the rows and run the same command again",
            errors.len(),
            if errors.len() == 1 { "" } else { "s" }
        );
    }
    errors.is_empty()
}

/// `row 3`, or `rows 1, 2, 5 and 12 more`.
fn rows_in_words(rows: &[u32]) -> String {
    const NAMED: usize = 5;
    let named: Vec<String> = rows.iter().take(NAMED).map(u32::to_string).collect();
    match rows.len() {
        1 => format!("row {}", named.join("")),
        count if count > NAMED => format!("rows {} and {} more", named.join(", "), count - NAMED),
        _ => format!("rows {}", named.join(", ")),
    }
}
