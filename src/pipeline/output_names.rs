//! Names of outputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Returns the path of the output below the output folder: the same relative path with the planned extension,
/// if any, and the file name shortened to `max_chars` characters if it is longer.
pub fn output_name(relative: &Path, extension: Option<&str>, max_chars: Option<usize>) -> PathBuf {
    let path = match extension {
        Some(extension) => relative.with_extension(extension),
        None => relative.to_owned(),
    };
    let Some(max) = max_chars else { return path };
    let (stem, suffix) = match (path.file_stem(), path.extension()) {
        (Some(stem), Some(suffix)) => (stem.to_string_lossy(), format!(".{}", suffix.to_string_lossy())),
        (Some(stem), None) => (stem.to_string_lossy(), String::new()),
        (None, _) => return path,
    };
    if stem.chars().count() + suffix.chars().count() <= max {
        return path;
    }
    let kept: String = stem.chars().take(max.saturating_sub(suffix.chars().count()).max(1)).collect();
    path.with_file_name(kept + &suffix)
}

/// Sources whose outputs would have the same path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// The path of the output.
    pub target: PathBuf,
    /// Indices of the sources, ascsuffix.
    pub sources: Vec<usize>,
}

/// Finds targets of more than one source. Compares without regard to case, because the folder may be moved to a
/// case-insensitive file system.
pub fn find_collisions<'a>(targets: impl Iterator<Item = (usize, &'a Path)>) -> Vec<Collision> {
    let mut claims: BTreeMap<String, (PathBuf, Vec<usize>)> = BTreeMap::new();
    for (index, target) in targets {
        let key = target.to_string_lossy().to_lowercase();
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
    fn finds_collisions_regardless_of_case() {
        let targets = [Path::new("a.mp4"), Path::new("b.mp4"), Path::new("A.MP4")];
        let collisions = find_collisions(targets.into_iter().enumerate());
        assert_eq!(collisions, [Collision { target: "a.mp4".into(), sources: vec![0, 2] }]);
    }
}
