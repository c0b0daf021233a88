//! `greenlit check`.

use clap::Args;

use super::input::InputArgs;
use super::notify::NotifyArgs;

/// `greenlit check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The files to process.
    #[command(flatten)]
    pub input: InputArgs,
    /// Decode every frame and also check the content (black and frozen frames, loudness).
    #[arg(long)]
    pub deep: bool,
    /// Where the result is sent.
    #[command(flatten)]
    pub notify: NotifyArgs,
}
