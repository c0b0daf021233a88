//! Finds the input files of a command.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::pipeline::{Discovery, discover_listed};

use super::args::InputArgs;
use super::error::CliError;
use super::notices;

/// Maximum length of a list of paths, in bytes. A longer list is a mistake, such as a video piped in.
const MAX_LIST_BYTES: u64 = 256 << 20;

/// Finds the files and prints the paths that could not be read. `excluded` are folders that are not searched.
pub fn find(input: &InputArgs, excluded: &[PathBuf]) -> Result<Discovery, CliError> {
    let (mut paths, mut listed) = (Vec::new(), Vec::new());
    for path in &input.paths {
        if path == Path::new("-") { listed.extend(read_list(input.null)?) } else { paths.push(path.clone()) }
    }
    let found = discover_listed(&paths, &listed, excluded)?;
    say_problems(&found);
    Ok(found)
}

/// Prints the paths that could not be read.
pub fn say_problems(found: &Discovery) {
    for problem in &found.problems {
        notices::say(&format!("{} {}", problem.path.display(), problem.message));
    }
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
            "the list of paths on standard input is larger than 256 MB; pipe in paths, not a video".into(),
        ));
    }
    let separator = if null { 0 } else { b'\n' };
    let lines = bytes.split(|byte| *byte == separator).filter(|line| !line.is_empty());
    Ok(lines.map(|line| PathBuf::from(OsString::from_vec(line.to_vec()))).collect())
}
