//! Moves processed files out of the drop folder.

use std::io;
use std::path::{Path, PathBuf};

use crate::pipeline::replace_file::rename_new;

/// The most files of one name in a folder.
const MAX_NUMBER: u32 = 10_000;

/// Moves a file into `folder`, under its path `below` the drop folder. No file there is replaced: a number is added to
/// the name. Returns the new path.
///
/// # Errors
///
/// If the file cannot be renamed, for example because the folder is on another file system.
pub fn put_away(file: &Path, below: &Path, folder: &Path) -> io::Result<PathBuf> {
    let first = folder.join(below);
    if let Some(parent) = first.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let numbered = (2..MAX_NUMBER).map(|number| with_number(&first, number));
    for to in std::iter::once(first.clone()).chain(numbered) {
        match rename_new(file, &to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|()| to),
        }
    }
    Err(io::Error::other("too many files have this name"))
}

fn with_number(path: &Path, number: u32) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let done = dir.path().join("done");
        for text in ["one", "two", "three"] {
            let file = dir.path().join("a.mp4");
            std::fs::write(&file, text).unwrap();
            put_away(&file, Path::new("sub/a.mp4"), &done).unwrap();
        }
        let text = |name: &str| std::fs::read_to_string(done.join("sub").join(name)).unwrap();
        assert_eq!([text("a.mp4"), text("a-2.mp4"), text("a-3.mp4")], ["one", "two", "three"]);
    }
}
