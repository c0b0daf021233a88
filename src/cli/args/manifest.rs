//! `greenlit manifest`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `greenlit manifest`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct ManifestArgs {
    /// The subcommand to run.
    #[command(subcommand)]
    pub command: ManifestCommand,
}

/// The subcommands of `greenlit manifest`.
#[derive(Debug, Subcommand)]
pub enum ManifestCommand {
    /// Print a manifest (.csv) with the columns of a destination and one row as an example.
    Template(ManifestTemplateArgs),
    /// Check a manifest and list all its problems. Nothing is sent.
    Check(ManifestCheckArgs),
}

/// `greenlit manifest template`.
#[derive(Debug, Args)]
pub struct ManifestTemplateArgs {
    /// Use the columns of this destination or platform; the default is the only destination of the configuration,
    /// else tiktok-ads.
    #[arg(long, visible_alias = "to", value_name = "DEST")]
    pub destination: Option<String>,
}

/// `greenlit manifest check`.
#[derive(Debug, Args)]
pub struct ManifestCheckArgs {
    /// Check this manifest (.csv, .jsonl, .toml).
    pub file: PathBuf,
    /// Check for this destination or platform; the default is the only destination of the configuration, else
    /// tiktok-ads.
    #[arg(long, visible_alias = "to", value_name = "DEST")]
    pub destination: Option<String>,
}
