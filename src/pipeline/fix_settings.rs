//! The settings of a fix.

use std::path::PathBuf;

use crate::job::VerifyLevel;
use crate::plan::{FixOptions, Machine};

/// The settings of a fix.
#[derive(Clone, Debug)]
pub struct FixSettings {
    /// Consents and choices for the planner.
    pub options: FixOptions,
    /// The machine, for the planner's thread count.
    pub machine: Machine,
    /// Bytes of memory that parallel jobs may use together.
    pub memory_bytes: u64,
    /// How outputs are verified.
    pub verify: VerifyLevel,
    /// The output folder; `None` only plans.
    pub out: Option<PathBuf>,
    /// How outputs are arranged in the output folder.
    pub layout: OutputLayout,
    /// The identity of the media libraries where outputs of other ones are not reused; `None` where they are.
    pub libraries: Option<String>,
}

/// How outputs are arranged in the output folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OutputLayout {
    /// Like the sources, including copies of compliant ones.
    #[default]
    Mirror,
    /// In one folder for each source, without copies of compliant sources, in a folder of greenlit's own state. For
    /// shipping.
    BySource {
        /// The folder that sources are named relative to.
        base: PathBuf,
    },
}
