//! Names of outputs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::name_folding::fold;

/// Returns the path of the output below the output folder: the same relative path with the planned extension,
/// if any, and the file name shortened to `max_chars` characters if it is longer.
pub fn output_name(relative: &Path, extension: Option<&str>, max_chars: Option<usize>) -> PathBuf {
    let path = match extension {
        Some(extension) => relative.with_extension(extension),
        None => relative.to_owned(),
    };
    let suffix = path.extension().map(OsStr::to_owned);
    shortened(path, suffix.as_deref(), max_chars)
}

/// Returns the path of an output that keeps the extension of its source inside its name: `clip.webm.mp4`.
pub(super) fn longer_output_name(relative: &Path, extension: &str, max_chars: Option<usize>) -> PathBuf {
    let mut suffix = relative.extension().map(OsStr::to_owned).unwrap_or_default();
    if !suffix.is_empty() {
        suffix.push(".");
    }
    suffix.push(extension);
    shortened(relative.with_extension(&suffix), Some(&suffix), max_chars)
}

/// Shortens the file name of a path that ends in `.suffix` to `max_chars` characters.
fn shortened(path: PathBuf, suffix: Option<&OsStr>, max_chars: Option<usize>) -> PathBuf {
    let (Some(max), Some(name)) = (max_chars, path.file_name().map(OsStr::to_string_lossy)) else {
        return path;
    };
    if name.chars().count() <= max {
        return path;
    }
    let suffix = suffix.map_or(String::new(), |suffix| format!(".{}", suffix.to_string_lossy()));
    let stem = name.strip_suffix(&suffix).unwrap_or(&name);
    let kept: String = stem.chars().take(max.saturating_sub(suffix.chars().count()).max(1)).collect();
    let name = kept + &suffix;
    path.with_file_name(name)
}

/// Sources whose outputs would have the same path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// The path of the output.
    pub target: PathBuf,
    /// Indices of the sources, ascending.
    pub sources: Vec<usize>,
}

/// Finds targets of more than one source. Compares without regard to case and to how letters are composed, because
/// the folder may be moved to a file system that ignores them.
pub fn find_collisions<'a>(targets: impl Iterator<Item = (usize, &'a Path)>) -> Vec<Collision> {
    let mut claims: BTreeMap<String, (PathBuf, Vec<usize>)> = BTreeMap::new();
    for (index, target) in targets {
        let key = fold(target);
        claims.entry(key).or_insert_with(|| (target.to_owned(), Vec::new())).1.push(index);
    }
    let shared = claims.into_values().filter(|(_, sources)| sources.len() > 1);
    shared.map(|(target, sources)| Collision { target, sources }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_folders_and_changes_the_extension() {
        assert_eq!(output_name(Path::new("a/b.c.mov"), Some("mp4"), None), Path::new("a/b.c.mp4"));
        assert_eq!(output_name(Path::new("a/b.mp4"), None, None), Path::new("a/b.mp4"));
    }

    #[test]
    fn shortens_a_long_name_but_keeps_its_extension() {
        let long = format!("a/{}.mov", "ä".repeat(120));
        let name = output_name(Path::new(&long), Some("mp4"), Some(100));
        assert_eq!(name, Path::new(&format!("a/{}.mp4", "ä".repeat(96))));
    }

    #[test]
    fn a_longer_name_keeps_the_extension_of_the_source() {
        let name = |relative: &str, max| longer_output_name(Path::new(relative), "mp4", max);
        assert_eq!(name("a/clip.webm", None), Path::new("a/clip.webm.mp4"));
        assert_eq!(name("clip", None), Path::new("clip.mp4"));
        assert_eq!(name("a.b.webm", Some(10)), Path::new("a.webm.mp4"));
    }

    #[test]
    fn finds_collisions_regardless_of_case() {
        let targets = [Path::new("a.mp4"), Path::new("b.mp4"), Path::new("A.MP4")];
        let collisions = find_collisions(targets.into_iter().enumerate());
        assert_eq!(collisions, [Collision { target: "a.mp4".into(), sources: vec![0, 2] }]);
    }
}
