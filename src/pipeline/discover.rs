//! Finds the input files.
//!
//! A path may be a file, a folder or a pattern. Every entry below a folder is a source, so that none is missed
//! silently: links and special files are listed but not opened, and files that are not media are reported as
//! skipped later, by their content.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::FileType;
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;
use serde::{Deserialize, Serialize};

use super::failure::plain;
use super::recorded_path;

/// The name of files that list what to exclude, in the syntax of `.gitignore`.
pub const IGNORE_FILE: &str = ".greenlitignore";

/// One input file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourceFile {
    /// The path as given, followed by the path below a given folder.
    #[serde(with = "recorded_path")]
    pub path: PathBuf,
    /// The path relative to the given folder; the file name for a file given by itself.
    #[serde(with = "recorded_path")]
    pub relative: PathBuf,
    /// Whether the file was given by name or pattern, not found below a folder. Still images count only then,
    /// because folders of videos often contain thumbnails.
    pub named: bool,
    /// Why the entry is not opened; `None` for a file.
    pub not_opened: Option<NotOpened>,
}

/// A directory entry that is listed but not opened, because only regular files below a folder are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotOpened {
    /// A symbolic link. It could lead to a file that is already listed, or out of the folder.
    Link,
    /// A symbolic link whose target does not exist.
    DanglingLink,
    /// A named pipe. Opening it would have an effect on the program at its other end.
    Fifo,
    /// A socket.
    Socket,
    /// A block or character device.
    Device,
}

impl NotOpened {
    /// Returns the reason for the report.
    pub fn reason(self) -> &'static str {
        match self {
            NotOpened::Link => "symbolic link; name it to check its target",
            NotOpened::DanglingLink => "symbolic link; its target does not exist",
            NotOpened::Fifo => "named pipe (FIFO), not a regular file",
            NotOpened::Socket => "socket, not a regular file",
            NotOpened::Device => "device, not a regular file",
        }
    }

    /// Returns the kind of the entry at `path`; `None` for files and folders.
    fn of(path: &Path, kind: FileType) -> Option<NotOpened> {
        if kind.is_symlink() {
            let exists = std::fs::metadata(path).is_ok();
            Some(if exists { NotOpened::Link } else { NotOpened::DanglingLink })
        } else if kind.is_fifo() {
            Some(NotOpened::Fifo)
        } else if kind.is_socket() {
            Some(NotOpened::Socket)
        } else if kind.is_block_device() || kind.is_char_device() {
            Some(NotOpened::Device)
        } else {
            None
        }
    }
}

/// An input that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputProblem {
    /// The path.
    pub path: PathBuf,
    /// The problem, in one sentence.
    pub message: String,
}

/// The result of a discovery.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// The files, sorted by path, each once.
    pub sources: Vec<SourceFile>,
    /// Inputs that could not be read, for example folders. The rest of the batch continues.
    pub problems: Vec<InputProblem>,
}

/// A path or pattern that matches nothing: usually a typing error, so it ends the run at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// The path does not exist.
    #[error("no file or folder exists at `{0}`: check the spelling and the current folder")]
    Missing(String),
    /// The pattern has a syntax error.
    #[error("`{pattern}` is not a valid pattern: {problem}")]
    BadPattern {
        /// The pattern as given.
        pattern: String,
        /// The syntax error.
        problem: String,
    },
    /// The pattern matches nothing.
    #[error("no file matches the pattern `{0}`")]
    NoMatch(String),
}

/// Finds the files at `paths`. Folders in `excluded`, such as the output folder, are not searched. Symbolic
/// links below a folder are not followed but listed; a link given by itself is followed.
pub fn discover(paths: &[PathBuf], excluded: &[PathBuf]) -> Result<Discovery, DiscoverError> {
    discover_listed(paths, &[], excluded)
}

/// Like [`discover`], with `listed` paths in addition, which another program wrote: one of them that matches
/// nothing is a problem of that path, and the rest of the batch continues.
pub fn discover_listed(
    paths: &[PathBuf],
    listed: &[PathBuf],
    excluded: &[PathBuf],
) -> Result<Discovery, DiscoverError> {
    let excluded: Vec<PathBuf> = excluded.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let mut found = Discovery::default();
    for path in paths {
        add(path, &excluded, &mut found)?;
    }
    for path in listed {
        if let Err(error) = add(path, &excluded, &mut found) {
            let message = match error {
                DiscoverError::Missing(_) => "does not exist: check the list of paths".to_owned(),
                other => other.to_string(),
            };
            found.problems.push(InputProblem { path: path.clone(), message });
        }
    }
    // Compares bytes, because comparing path components costs more than reading the folders. If a file was both
    // named and found below a folder, the named source is kept.
    found.sources.sort_by(|a, b| {
        let key = |source: &SourceFile| (!source.named, source.relative.clone());
        a.path.as_os_str().cmp(b.path.as_os_str()).then_with(|| key(a).cmp(&key(b)))
    });
    if found.sources.iter().any(|source| source.path.to_str().is_none()) {
        // The order of the report, which displays such names with replacement characters.
        found.sources.sort_by(|a, b| a.path.to_string_lossy().cmp(&b.path.to_string_lossy()));
    }
    if paths.len() + listed.len() > 1 {
        // One walk finds each file once; several walks can find the same file.
        let mut seen = HashSet::new();
        found.sources.retain(|source| seen.insert(source.path.clone()));
    }
    Ok(found)
}

/// Adds what a path given by itself stands for.
fn add(path: &Path, excluded: &[PathBuf], found: &mut Discovery) -> Result<(), DiscoverError> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => walk(path, excluded, None, found),
        // Opening one would wait for another program, or never end.
        Ok(meta) if !meta.is_file() => {
            let kind = NotOpened::of(path, meta.file_type()).map_or("not a regular file", NotOpened::reason);
            found.problems.push(InputProblem {
                path: path.to_owned(),
                message: format!("is not read: {kind}; save the video as a file and name that"),
            });
        }
        Ok(_) => found.sources.push(SourceFile {
            path: path.to_owned(),
            relative: file_name(path),
            named: true,
            not_opened: None,
        }),
        Err(_) if is_pattern(path) => expand(path, excluded, found)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(DiscoverError::Missing(path.display().to_string()));
        }
        Err(error) => found.problems.push(InputProblem {
            path: path.to_owned(),
            message: format!("cannot be accessed: {}", plain(&error)),
        }),
    }
    Ok(())
}

fn file_name(path: &Path) -> PathBuf {
    path.file_name().map(PathBuf::from).unwrap_or_else(|| path.to_owned())
}

fn is_pattern(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.contains(['*', '?', '[']))
}

/// Adds the files below `root`; with a pattern, only those whose relative path matches it.
fn walk(root: &Path, excluded: &[PathBuf], pattern: Option<&globset::GlobMatcher>, found: &mut Discovery) {
    let excluded = excluded.to_vec();
    let walker = WalkBuilder::new(root)
        .standard_filters(false)
        // Files of the folders above apply too, so that a folder has the same files however it is named.
        .parents(true)
        .add_custom_ignore_filename(IGNORE_FILE)
        .follow_links(false)
        .filter_entry(move |entry| {
            let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
            !is_dir || !(entry.file_name() == OsStr::new(".greenlit") || is_excluded(entry.path(), &excluded))
        })
        .build();
    for entry in walker {
        match entry {
            Ok(entry) => {
                let Some(kind) = entry.file_type() else { continue };
                let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
                let wanted = pattern.is_none_or(|pattern| pattern.is_match(below));
                let mut not_opened = NotOpened::of(entry.path(), kind);
                // A pattern names what it matches, as it does when the shell expands it.
                let followed = pattern.is_some() && not_opened == Some(NotOpened::Link);
                if followed && std::fs::metadata(entry.path()).is_ok_and(|target| target.is_file()) {
                    not_opened = None;
                }
                let is_entry = entry.depth() > 0 && !kind.is_dir();
                if is_entry && wanted && entry.file_name() != OsStr::new(IGNORE_FILE) {
                    let relative = below.to_owned();
                    found.sources.push(SourceFile {
                        path: entry.into_path(),
                        relative,
                        named: pattern.is_some(),
                        not_opened,
                    });
                }
            }
            Err(error) => found.problems.push(walk_problem(root, &error)),
        }
    }
}

fn is_excluded(path: &Path, excluded: &[PathBuf]) -> bool {
    // Comparing names first avoids most calls of `canonicalize`; a walk follows no links, so the name is the
    // real one.
    let same_name = excluded.iter().any(|excluded| excluded.file_name() == path.file_name());
    same_name && path.canonicalize().is_ok_and(|real| excluded.contains(&real))
}

fn walk_problem(root: &Path, error: &ignore::Error) -> InputProblem {
    let mut path = root.to_owned();
    let mut inner = error;
    loop {
        match inner {
            ignore::Error::WithPath { path: at, err } => {
                path = at.clone();
                inner = err;
            }
            ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => inner = err,
            ignore::Error::Io(io) => {
                let reason = match io.kind() {
                    std::io::ErrorKind::PermissionDenied => {
                        "permission denied; give this user read access, or exclude the folder".to_owned()
                    }
                    _ => plain(io),
                };
                return InputProblem { path, message: format!("cannot be read: {reason}") };
            }
            other => return InputProblem { path, message: other.to_string() },
        }
    }
}

/// Expands a pattern such as `videos/**/*.mov` that the shell did not expand.
fn expand(path: &Path, excluded: &[PathBuf], found: &mut Discovery) -> Result<(), DiscoverError> {
    let text = path.display().to_string();
    let prefix: PathBuf = path
        .components()
        .take_while(|part| !matches!(part, Component::Normal(name) if is_pattern(Path::new(name))))
        .collect();
    let root = if prefix.as_os_str().is_empty() { PathBuf::from(".") } else { prefix.clone() };
    let rest = path.strip_prefix(&prefix).unwrap_or(path).display().to_string();
    let pattern = globset::GlobBuilder::new(&rest).literal_separator(true).build().map_err(|error| {
        DiscoverError::BadPattern { pattern: text.clone(), problem: error.kind().to_string() }
    })?;
    if !root.is_dir() {
        return Err(DiscoverError::Missing(root.display().to_string()));
    }
    let before = found.sources.len();
    walk(&root, excluded, Some(&pattern.compile_matcher()), found);
    if found.sources.len() == before {
        return Err(DiscoverError::NoMatch(text));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
