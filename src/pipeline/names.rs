//! Where outputs go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The path of the output below the output folder: the same relative path, with the extension that
/// the plan asks for, if any, and cut to `max_chars` characters where the name would be longer.
pub fn output_name(relative: &Path, extension: Option<&str>, max_chars: Option<usize>) -> PathBuf {
    let named = match extension {
        Some(extension) => relative.with_extension(extension),
        None => relative.to_owned(),
    };
    let Some(max) = max_chars else { return named };
    let (stem, ending) = match (named.file_stem(), named.extension()) {
        (Some(stem), Some(ending)) => (stem.to_string_lossy(), format!(".{}", ending.to_string_lossy())),
        (Some(stem), None) => (stem.to_string_lossy(), String::new()),
        (None, _) => return named,
    };
    if stem.chars().count() + ending.chars().count() <= max {
        return named;
    }
    let kept: String = stem.chars().take(max.saturating_sub(ending.chars().count()).max(1)).collect();
    named.with_file_name(kept + &ending)
}

/// Sources that would all be written to one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    /// The place.
    pub target: PathBuf,
    /// Indices of the sources, ascending.
    pub sources: Vec<usize>,
}

/// Finds targets that more than one source claims. Compared without regard to case, since the
/// folder may be carried to a system that has none.
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
    fn a_long_name_is_cut_to_the_limit_with_its_ending() {
        let long = format!("a/{}.mov", "ä".repeat(120));
        let name = output_name(Path::new(&long), Some("mp4"), Some(100));
        assert_eq!(name, Path::new(&format!("a/{}.mp4", "ä".repeat(96))));
    }

    #[test]
    fn two_sources_for_one_name_are_found_whatever_their_case() {
        let targets = [Path::new("a.mp4"), Path::new("b.mp4"), Path::new("A.MP4")];
        let collisions = find_collisions(targets.into_iter().enumerate());
        assert_eq!(collisions, [Collision { target: "a.mp4".into(), sources: vec![0, 2] }]);
    }
}
