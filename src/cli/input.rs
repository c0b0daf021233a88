//! From the paths that were typed to the files that are meant.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::pipeline::{Discovery, discover};

use super::args::InputArgs;
use super::error::CliError;

/// A list of paths longer than this is a mistake, such as a video piped in.
const MAX_LIST_BYTES: u64 = 256 << 20;

/// Finds the files. `leave_out` are folders no walk enters.
pub fn find(input: &InputArgs, leave_out: &[PathBuf]) -> Result<Discovery, CliError> {
    let mut paths = Vec::new();
    for path in &input.paths {
        if path == Path::new("-") { paths.extend(read_list(input.null)?) } else { paths.push(path.clone()) }
    }
    let found = discover(&paths, leave_out)?;
    for trouble in &found.troubles {
        eprintln!("greenlit: {} {}", trouble.path.display(), trouble.message);
    }
    Ok(found)
}

fn read_list(null: bool) -> Result<Vec<PathBuf>, CliError> {
    let stdin = || PathBuf::from("standard input");
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(MAX_LIST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| CliError::ReadFile { path: stdin(), source })?;
    if bytes.len() as u64 > MAX_LIST_BYTES {
        return Err(CliError::Usage(
            "the list of paths on standard input is over 256 MB: is it a list?".into(),
        ));
    }
    let separator = if null { 0 } else { b'\n' };
    let lines = bytes.split(|byte| *byte == separator).filter(|line| !line.is_empty());
    Ok(lines.map(|line| PathBuf::from(OsString::from_vec(line.to_vec()))).collect())
}
