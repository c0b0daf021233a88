//! Patterns of paths in the configuration, in the syntax of `.gitignore`, relative to its folder.

use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// Patterns, of which one must match; without patterns, every path matches.
#[derive(Debug)]
pub struct PathPatterns(Option<Gitignore>);

impl PathPatterns {
    /// Compiles patterns.
    ///
    /// # Errors
    /// The first pattern that is not valid, and the reason.
    pub fn new(patterns: &[String]) -> Result<PathPatterns, String> {
        if patterns.is_empty() {
            return Ok(PathPatterns(None));
        }
        let mut builder = GitignoreBuilder::new("");
        for pattern in patterns {
            builder.add_line(None, pattern).map_err(|error| format!("`{pattern}`: {error}"))?;
        }
        Ok(PathPatterns(Some(builder.build().map_err(|error| error.to_string())?)))
    }

    /// Returns whether a pattern matches a path relative to the folder, or a folder above it; `None` is a path outside
    /// the folder.
    pub fn matches(&self, relative: Option<&Path>) -> bool {
        let Some(patterns) = &self.0 else { return true };
        relative.is_some_and(|path| patterns.matched_path_or_any_parents(path, false).is_ignore())
    }
}

/// The folder that patterns are relative to.
#[derive(Debug)]
pub struct PatternRoot(PathBuf);

impl PatternRoot {
    /// Returns the root at a folder.
    pub fn new(folder: &Path) -> PatternRoot {
        PatternRoot(folder.canonicalize().unwrap_or_else(|_| folder.to_owned()))
    }

    /// Returns the path of a file relative to the folder, through links and `..`; `None` if it is outside.
    pub fn relative(&self, file: &Path) -> Option<PathBuf> {
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(parent.strip_prefix(&self.0).ok()?.join(file.file_name()?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn patterns_are_those_of_gitignore() {
        let matches = |pattern: &str, path: &str| {
            PathPatterns::new(&[pattern.to_owned()]).unwrap().matches(Some(Path::new(path)))
        };
        for (pattern, path) in
            [("raw/**", "raw/a/b.mp4"), ("raw", "raw/a.mp4"), ("*.mov", "x/a.mov"), ("/a.mp4", "a.mp4")]
        {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("raw/**", "x/raw/a.mp4"), ("/a.mp4", "x/a.mp4"), ("*.mov", "a.mp4")] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
        assert!(PathPatterns::new(&[]).unwrap().matches(None), "without patterns");
        assert!(!PathPatterns::new(&["*".to_owned()]).unwrap().matches(None), "outside the folder");
        assert!(PathPatterns::new(&["[z-a]".to_owned()]).unwrap_err().contains("`[z-a]`"));
    }

    #[test]
    fn paths_are_relative_to_the_folder_however_they_are_written() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("in/deep")).unwrap();
        let root = PatternRoot::new(&dir.path().join("in"));
        let relative = |path: &str| root.relative(&dir.path().join(path));
        assert_eq!(relative("in/deep/a.mp4"), Some("deep/a.mp4".into()));
        assert_eq!(relative("in/deep/../a.mp4"), Some("a.mp4".into()));
        assert_eq!(relative("a.mp4"), None);
    }
}
