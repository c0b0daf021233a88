//! `greenlit config` and `greenlit baseline`.

use clap::{Args, Subcommand};

use super::check::CheckArgs;

/// `greenlit config`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct ConfigArgs {
    /// The subcommand to run.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// The subcommands of `greenlit config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every key with its value and where that comes from: an option, an environment variable, a line of
    /// greenlit.toml, or the default.
    Show,
}

/// `greenlit baseline`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct BaselineArgs {
    /// The subcommand to run.
    #[command(subcommand)]
    pub command: BaselineCommand,
}

/// The subcommands of `greenlit baseline`.
#[derive(Debug, Subcommand)]
pub enum BaselineCommand {
    /// Check files and write their errors and warnings to greenlit-baseline.json, beside greenlit.toml. Entries of other
    /// files stay.
    Write(CheckArgs),
    /// Check files and remove the entries of findings that no longer occur, and of files that no longer exist.
    Prune(CheckArgs),
}
