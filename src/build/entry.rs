//! What a source was built with, and what it gave.

use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cache::FileState;
use crate::ending::Ending;
use crate::pipeline::NotOpened;
use crate::rules::Verdict;

/// Identifies an entry: one source of one build under one profile.
#[derive(Clone, Debug)]
pub struct EntryKey {
    /// The name of the build.
    pub build: Arc<str>,
    /// The id of the profile.
    pub profile: Arc<str>,
    /// The path of the source relative to the folder of the configuration.
    pub source: PathBuf,
}

// By their bytes: comparing the components of paths takes several times as long.
impl PartialEq for EntryKey {
    fn eq(&self, other: &EntryKey) -> bool {
        (self.source.as_os_str(), &self.build, &self.profile)
            == (other.source.as_os_str(), &other.build, &other.profile)
    }
}

impl Eq for EntryKey {}

impl Hash for EntryKey {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.source.as_os_str(), &self.build, &self.profile).hash(hasher);
    }
}

/// What an output depends on besides the bytes of its source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// The hash of the profile with its overrides.
    pub profile: String,
    /// The hash of the options, the version of greenlit and the machine.
    pub options: String,
    /// The identity of the media worker and its libraries.
    pub libraries: String,
    /// The hash of the names of sources that could claim the name of the output; empty if there is only this one.
    pub names: String,
}

/// The result for one source under one profile.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it was built with.
    pub recipe: Arc<Recipe>,
    /// The state of the source; `None` if a later change could leave it as it is, or the source is not opened.
    pub source: Option<FileState>,
    /// The BLAKE3 of the source; empty if it is not opened.
    pub content: String,
    /// Whether the source was named, not found below a folder.
    pub named: bool,
    /// Why the source is not opened.
    pub not_opened: Option<NotOpened>,
    /// How the source ended.
    pub ending: Ending,
    /// The verdict on the source.
    pub verdict: Verdict,
    /// The output, if there is one.
    pub output: Option<OutputFile>,
}

/// An output as it was when it was recorded.
#[derive(Clone, Debug)]
pub struct OutputFile {
    /// Its path relative to the folder of the configuration.
    pub path: PathBuf,
    /// The output folder that it is in, relative to the same folder.
    pub out: PathBuf,
    /// Its metadata.
    pub state: FileState,
    /// Its BLAKE3.
    pub content: String,
}

/// An output that no source makes any more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leftover {
    /// Its path relative to the folder of the configuration.
    pub output: PathBuf,
    /// The path that its source had, relative to the same folder.
    pub source: PathBuf,
    /// The output folder that it is in, relative to the same folder.
    pub out: PathBuf,
}
