//! `greenlit watch`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::fix::FixChoices;
use super::ship::DestinationArgs;

/// `greenlit watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Watch this folder and the folders below it.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Set what to do with each file.
    #[arg(long, value_enum, value_name = "WHAT", default_value = "check")]
    pub then: Then,
    /// Write the outputs to this folder (--then fix).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Ship to this destination: the NAME of a `[destination.NAME]` table (--then ship). Files are uploaded and polled;
    /// ads need a manifest, which `greenlit ship` takes.
    #[arg(long, value_name = "DEST")]
    pub to: Option<String>,
    /// Move files that are done to this folder. No file there is replaced; a number is added to the name.
    #[arg(long, value_name = "DIR")]
    pub done: Option<PathBuf>,
    /// Move files that are refused to this folder, in the same way.
    #[arg(long, value_name = "DIR")]
    pub refused: Option<PathBuf>,
    /// Take a file when its size and its times stood still for this time, such as 2s or 1m. A file that is not complete
    /// then is refused if it stands still ten times as long.
    #[arg(long, value_name = "TIME", default_value = "2s")]
    pub settle: String,
    /// Look at the folder at intervals instead of waiting for events of the file system. Network file systems report
    /// no events for files of other machines, so there it is always done.
    #[arg(long)]
    pub poll: bool,
    /// Process what is there, then end.
    #[arg(long)]
    pub once: bool,
    /// Options for fixing.
    #[command(flatten)]
    pub choices: FixChoices,
    /// Options that override the destination's table.
    #[command(flatten)]
    pub destination: DestinationArgs,
}

/// What to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Then {
    /// Check it.
    Check,
    /// Fix it into the folder of --out.
    Fix,
    /// Check, fix and upload it to the destination of --to.
    Ship,
}

impl Then {
    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Then::Check => "check",
            Then::Fix => "fix",
            Then::Ship => "ship",
        }
    }
}
