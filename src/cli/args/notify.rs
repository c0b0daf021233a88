//! The options of a notification at the end of a run.

use std::path::PathBuf;

use clap::Args;

/// Where the result of a run is sent.
#[derive(Clone, Debug, Default, Args)]
pub struct NotifyArgs {
    /// Send the result to this address when the run ends: a POST of JSON, signed if GREENLIT_NOTIFY_SECRET is set. Only
    /// https, or http to this machine. A notification that fails does not change the exit code.
    #[arg(long, value_name = "URL")]
    pub notify: Option<String>,
    /// Sign the notification with the secret in this file instead of GREENLIT_NOTIFY_SECRET.
    #[arg(long, value_name = "FILE", requires = "notify")]
    pub notify_secret_file: Option<PathBuf>,
}
