//! Names that programs give to files which they still write.

use std::path::Path;

/// Extensions of files that a browser, a download tool or a copy program still writes.
const EXTENSIONS: [&str; 9] =
    ["part", "partial", "crdownload", "download", "opdownload", "filepart", "tmp", "temp", "!ut"];

/// Returns whether a path is one that a program still writes under: it, or a folder that it is in, begins with a dot, or
/// its name ends in `~` or in an extension such as `.part`.
pub fn is_temporary(below: &Path) -> bool {
    let is_hidden = |part: std::path::Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
    let name = below.file_name().unwrap_or_default().as_encoded_bytes();
    let is_listed =
        |extension: &std::ffi::OsStr| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known));
    below.components().any(is_hidden) || name.ends_with(b"~") || below.extension().is_some_and(is_listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_a_program_still_writes_are_known_by_their_names() {
        for name in ["a.mp4.part", "a.crdownload", ".a.mp4.Xy12", "a.mp4~", "sub/.tmp/a.mp4", "A.PART"] {
            assert!(is_temporary(Path::new(name)), "{name}");
        }
        for name in ["a.mp4", "sub.part/a.mp4", "part.mov", "a"] {
            assert!(!is_temporary(Path::new(name)), "{name}");
        }
    }
}
