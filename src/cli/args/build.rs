//! `greenlit build`.

use std::path::PathBuf;

use clap::Args;

use super::notify::NotifyArgs;

/// `greenlit build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Build only these `[[build]]` tables of the configuration; the default is all of them.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Write nothing, and end with exit code 4 if an output is missing or outdated, or its source is new; with --prune
    /// also if the source of an output is gone.
    #[arg(long)]
    pub check: bool,
    /// Remove outputs whose source was deleted, renamed or taken out of the configuration. Only files that greenlit
    /// wrote and that are unchanged since are removed.
    #[arg(long)]
    pub prune: bool,
    /// Write the files that each output depends on to this file, in the syntax of Make.
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    pub depfile: Option<PathBuf>,
    /// Options for the notification.
    #[command(flatten)]
    pub notify: NotifyArgs,
}
