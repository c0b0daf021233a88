//! Reads profiles from files, which may extend one another.

use std::path::{Path, PathBuf};

use super::error::CliError;
use crate::profile::Profile;

/// A profile, and the files that it is from.
pub struct ProfileFile {
    pub profile: Profile,
    /// The file itself, then the one that it extends, and so on.
    pub files: Vec<PathBuf>,
}

/// Reads a profile and what it extends: a built-in profile, or a file by a path relative to the one that names it.
pub fn read(path: &Path) -> Result<ProfileFile, CliError> {
    let mut chain: Vec<(PathBuf, String)> = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next.take() {
        if chain.iter().any(|(known, _)| is_same(known, &path)) {
            let names: Vec<_> = chain.iter().map(|(path, _)| path.display().to_string()).collect();
            return Err(CliError::ProfileCircle { first: path, all: names.join(", ") });
        }
        let text = std::fs::read_to_string(&path).map_err(|source| match chain.last() {
            Some((profile, _)) => {
                CliError::ExtendedProfile { profile: profile.clone(), path: path.clone(), source }
            }
            None => CliError::ReadFile { path: path.clone(), source },
        })?;
        next = extended_file(&path, &text);
        chain.push((path, text));
    }
    let mut base: Option<Profile> = None;
    for (path, text) in chain.iter().rev() {
        let find = |name: &str| base.clone().or_else(|| Profile::builtin(name));
        let parsed = Profile::parse(text, &find);
        base = Some(parsed.map_err(|source| CliError::Profile { path: path.clone(), source })?);
    }
    let files = chain.into_iter().map(|(path, _)| path).collect();
    base.map(|profile| ProfileFile { profile, files })
        .ok_or_else(|| CliError::Usage(format!("no profile is in {}", path.display())))
}

/// Returns the file that the text of a profile extends, whether it exists or not; `None` for a built-in profile, and for a
/// name that nothing has, which the parser reports.
fn extended_file(path: &Path, text: &str) -> Option<PathBuf> {
    let table: toml::Table = text.parse().ok()?;
    let name = table.get("extends")?.as_str()?;
    let file = path.parent().unwrap_or(Path::new("")).join(name);
    let is_path = name.contains('/') || name.ends_with(".toml");
    (Profile::builtin(name).is_none() && (is_path || file.is_file())).then_some(file)
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}
