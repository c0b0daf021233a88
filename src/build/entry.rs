//! What a source was built with, and what it gave.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cache::FileState;
use crate::ending::Ending;
use crate::pipeline::{NotOpened, recorded_path};
use crate::rules::Verdict;

/// Identifies an entry: one source of one build under one profile.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryKey {
    /// The name of the build.
    pub build: String,
    /// The id of the profile.
    pub profile: String,
    /// The path of the source relative to the folder of the configuration.
    pub source: PathBuf,
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// What it was built with.
    pub recipe: Recipe,
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutputFile {
    /// Its path relative to the folder of the configuration.
    #[serde(with = "recorded_path")]
    pub path: PathBuf,
    /// The output folder that it is in, relative to the same folder.
    #[serde(with = "recorded_path")]
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
