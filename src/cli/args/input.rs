//! The files of a command.

use std::path::PathBuf;

use clap::Args;

/// The files to process.
#[derive(Clone, Debug, Args)]
pub struct InputArgs {
    /// Process these files, folders or glob patterns; `-` reads a list of paths from standard input.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Read NUL-separated paths from standard input.
    #[arg(short = '0', long = "null")]
    pub null: bool,
    /// Probe every file again, and do not read or write the cache.
    #[arg(long)]
    pub no_cache: bool,
}
