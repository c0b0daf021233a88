//! How the human-readable report looks.

use std::path::Path;

use super::super::escape::uri_path;

/// The options of the human-readable report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HumanOptions {
    /// Use ANSI colours. Colour never carries information alone.
    pub color: bool,
    /// Show everything about each file, and advice in full.
    pub verbose: bool,
    /// Show only files that need attention, and the summary.
    pub quiet: bool,
    /// Columns to wrap and cut at; 0 never wraps or cuts.
    pub width: usize,
    /// Make the names of files links (OSC 8).
    pub links: Option<FileLinks>,
}

impl Default for HumanOptions {
    fn default() -> HumanOptions {
        HumanOptions { color: false, verbose: false, quiet: false, width: 100, links: None }
    }
}

/// The place that the links of a report begin at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLinks {
    host: String,
    folder: String,
}

impl FileLinks {
    /// Returns the place of this machine, by its name, and the folder that relative paths begin at.
    pub fn new(host: &str, folder: &Path) -> FileLinks {
        FileLinks { host: uri_path(host), folder: uri_path(folder.as_os_str().as_encoded_bytes()) }
    }

    /// Returns the URL of a percent-encoded path.
    pub(super) fn url(&self, path: &str) -> String {
        let FileLinks { host, folder } = self;
        match path.starts_with('/') {
            true => format!("file://{host}{path}"),
            false => format!("file://{host}{folder}/{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_host_and_an_absolute_path() {
        let links = FileLinks::new("studio", Path::new("/my clips/100%"));
        assert_eq!(links.url("a%20b.mp4"), "file://studio/my%20clips/100%25/a%20b.mp4");
        assert_eq!(links.url("/x.mp4"), "file://studio/x.mp4");
    }
}
