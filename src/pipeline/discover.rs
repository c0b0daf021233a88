//! Which files are meant.
//!
//! A path may be a file, a folder or a pattern. Every regular file below a folder is a source, so
//! that nothing goes missing unnoticed; what is no media is listed as skipped later, by its bytes.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;

/// The file that names what a walk shall leave out, in the syntax of `.gitignore`.
pub const IGNORE_FILE: &str = ".greenlitignore";

/// One file to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The path as given, extended by what lies below a given folder.
    pub path: PathBuf,
    /// The path below the folder that was given; the file name for a file that was given itself.
    pub relative: PathBuf,
    /// Whether the file was meant by its own name or by a pattern, and not found below a folder.
    /// Still pictures count only then: folders of videos are full of thumbnails.
    pub named: bool,
}

/// Something that was asked for and cannot be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputProblem {
    /// Where.
    pub path: PathBuf,
    /// What, in one sentence.
    pub message: String,
}

/// The result of a discovery.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// The files, sorted by path, each once.
    pub sources: Vec<Source>,
    /// Folders that could not be read and the like. The rest of the batch goes on.
    pub troubles: Vec<InputProblem>,
}

/// A path or pattern that names nothing: usually a typing error, so it stops the run at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoverError {
    /// Nothing lies at the path.
    #[error("there is no file or folder at `{0}`: check the spelling and the current folder")]
    Missing(String),
    /// The pattern cannot be read as one.
    #[error("`{pattern}` is not a pattern: {problem}")]
    BadPattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The pattern matches nothing.
    #[error("no file matches the pattern `{0}`")]
    NoMatch(String),
}

/// Finds the files behind `paths`. `leave_out` are folders that no walk enters, such as the output
/// folder. Symbolic links below a folder are not followed; a link that is given itself is.
pub fn discover(paths: &[PathBuf], leave_out: &[PathBuf]) -> Result<Discovery, DiscoverError> {
    let leave_out: Vec<PathBuf> = leave_out.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let mut found = Discovery::default();
    for path in paths {
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() => walk(path, &leave_out, None, &mut found),
            Ok(_) => {
                found.sources.push(Source { path: path.clone(), relative: file_name(path), named: true })
            }
            Err(_) if is_pattern(path) => expand(path, &leave_out, &mut found)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(DiscoverError::Missing(path.display().to_string()));
            }
            Err(error) => found.troubles.push(InputProblem {
                path: path.clone(),
                message: format!("cannot be looked at: {}", plain(&error)),
            }),
        }
    }
    // By bytes: taking names apart into components costs more than reading the folders did. Of a file
    // that was named and also found, the name counts.
    found.sources.sort_by(|a, b| {
        let key = |source: &Source| (!source.named, source.relative.clone());
        a.path.as_os_str().cmp(b.path.as_os_str()).then_with(|| key(a).cmp(&key(b)))
    });
    if found.sources.iter().any(|source| source.path.to_str().is_none()) {
        // The order of the report, which can only show such names with substitutes.
        found.sources.sort_by(|a, b| a.path.to_string_lossy().cmp(&b.path.to_string_lossy()));
    }
    if paths.len() > 1 {
        // A walk meets each file once; only several of them can meet the same.
        let mut seen = HashSet::new();
        found.sources.retain(|source| seen.insert(source.path.clone()));
    }
    Ok(found)
}

fn file_name(path: &Path) -> PathBuf {
    path.file_name().map(PathBuf::from).unwrap_or_else(|| path.to_owned())
}

/// An I/O error without the `(os error N)` tail.
pub(crate) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

fn is_pattern(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.contains(['*', '?', '[']))
}

/// Walks `root`; with a pattern, only what matches it (relative to `root`) is taken.
fn walk(root: &Path, leave_out: &[PathBuf], pattern: Option<&globset::GlobMatcher>, found: &mut Discovery) {
    let banned = leave_out.to_vec();
    let walker = WalkBuilder::new(root)
        .standard_filters(false)
        .add_custom_ignore_filename(IGNORE_FILE)
        .follow_links(false)
        .filter_entry(move |entry| {
            let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
            !is_dir || !(entry.file_name() == OsStr::new(".greenlit") || is_banned(entry.path(), &banned))
        })
        .build();
    for entry in walker {
        match entry {
            Ok(entry) => {
                let regular = entry.file_type().is_some_and(|kind| kind.is_file());
                let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
                let wanted = pattern.is_none_or(|pattern| pattern.is_match(below));
                if regular && wanted && entry.file_name() != OsStr::new(IGNORE_FILE) {
                    let relative = below.to_owned();
                    found.sources.push(Source {
                        path: entry.into_path(),
                        relative,
                        named: pattern.is_some(),
                    });
                }
            }
            Err(error) => found.troubles.push(trouble_of(root, &error)),
        }
    }
}

fn is_banned(path: &Path, banned: &[PathBuf]) -> bool {
    // A walk follows no links, so the name a folder has here is its own.
    let named_so = banned.iter().any(|banned| banned.file_name() == path.file_name());
    named_so && path.canonicalize().is_ok_and(|real| banned.contains(&real))
}

fn trouble_of(root: &Path, error: &ignore::Error) -> InputProblem {
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
                let why = match io.kind() {
                    std::io::ErrorKind::PermissionDenied => {
                        "permission denied; give this user the right to read it, or leave it out".to_owned()
                    }
                    _ => plain(io),
                };
                return InputProblem { path, message: format!("cannot be read: {why}") };
            }
            other => return InputProblem { path, message: other.to_string() },
        }
    }
}

/// Expands a pattern such as `clips/**/*.mov` for shells that do not, or when it was quoted.
fn expand(path: &Path, leave_out: &[PathBuf], found: &mut Discovery) -> Result<(), DiscoverError> {
    let text = path.display().to_string();
    let fixed: PathBuf = path
        .components()
        .take_while(|part| !matches!(part, Component::Normal(name) if is_pattern(Path::new(name))))
        .collect();
    let root = if fixed.as_os_str().is_empty() { PathBuf::from(".") } else { fixed.clone() };
    let rest = path.strip_prefix(&fixed).unwrap_or(path).display().to_string();
    let pattern = globset::GlobBuilder::new(&rest).literal_separator(true).build().map_err(|error| {
        DiscoverError::BadPattern { pattern: text.clone(), problem: error.kind().to_string() }
    })?;
    if !root.is_dir() {
        return Err(DiscoverError::Missing(root.display().to_string()));
    }
    let before = found.sources.len();
    walk(&root, leave_out, Some(&pattern.compile_matcher()), found);
    if found.sources.len() == before {
        return Err(DiscoverError::NoMatch(text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tree(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        dir
    }

    fn names(found: &Discovery) -> Vec<String> {
        found.sources.iter().map(|source| source.relative.display().to_string()).collect()
    }

    #[test]
    fn takes_every_regular_file_hidden_ones_too() {
        let dir = tree(&["a.mp4", "sub/b.mov", "notes.txt", ".hidden.mp4", ".greenlit/journal.db"]);
        let found = discover(&[dir.path().to_owned()], &[]).unwrap();
        assert_eq!(names(&found), [".hidden.mp4", "a.mp4", "notes.txt", "sub/b.mov"]);
    }

    #[test]
    fn honours_the_ignore_file_and_leaves_the_output_out() {
        let dir = tree(&["a.mp4", "skip/b.mp4", "out/a.mp4"]);
        std::fs::write(dir.path().join(IGNORE_FILE), "skip/\n").unwrap();
        let found = discover(&[dir.path().to_owned()], &[dir.path().join("out")]).unwrap();
        assert_eq!(names(&found), ["a.mp4"]);
    }

    #[test]
    fn does_not_follow_links_in_a_walk() {
        let dir = tree(&["a.mp4"]);
        std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("a.mp4"), dir.path().join("link.mp4")).unwrap();
        let found = discover(&[dir.path().to_owned()], &[]).unwrap();
        assert_eq!(names(&found), ["a.mp4"]);
    }

    #[test]
    fn expands_patterns_and_names_those_without_a_match() {
        let dir = tree(&["a.mp4", "b.mov", "sub/c.mp4"]);
        let found = discover(&[dir.path().join("*.mp4")], &[]).unwrap();
        assert_eq!(names(&found), ["a.mp4"]);
        assert!(found.sources[0].named);
        assert!(!discover(&[dir.path().to_owned()], &[]).unwrap().sources[0].named);
        let found = discover(&[dir.path().join("**/*.mp4")], &[]).unwrap();
        assert_eq!(names(&found), ["a.mp4", "sub/c.mp4"]);
        let error = discover(&[dir.path().join("*.webm")], &[]).unwrap_err();
        assert!(matches!(error, DiscoverError::NoMatch(_)), "{error}");
    }

    #[test]
    fn a_missing_path_stops_the_run_and_a_file_is_listed_once() {
        let dir = tree(&["a.mp4"]);
        let error = discover(&[dir.path().join("b.mp4")], &[]).unwrap_err();
        assert!(error.to_string().contains("b.mp4"), "{error}");
        let twice = [dir.path().to_owned(), dir.path().join("a.mp4")];
        let found = discover(&twice, &[]).unwrap();
        assert_eq!(found.sources.len(), 1);
        assert!(found.sources[0].named);
    }
}
