//! `greenlit sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// The account that the sandbox knows; a test compares it with the sandbox.
const SANDBOX_ACCOUNT: &str = "The sandbox knows one account: the access token sandbox-token, the advertiser \
    7000000000000000001, the ad group 1800000000000000001 and the identity CUSTOMIZED_USER 1700000000000000001. It \
    prints them when it starts, after the line `listening on http://127.0.0.1:PORT`.";

/// `greenlit sandbox`.
#[derive(Debug, Args)]
#[command(after_help = SANDBOX_ACCOUNT)]
pub struct SandboxArgs {
    /// Listen on this address; port 0 selects a free port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Store the sandbox's state in this folder.
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
    /// Set how long the sandbox takes to process a video.
    #[arg(long, value_name = "FROM..TO", default_value = "2s..20s")]
    pub processing: String,
    /// Set how long new videos and ads are missing from lists; the default is the processing time.
    #[arg(long, value_name = "FROM..TO")]
    pub visibility_lag: Option<String>,
    /// Set the tier of rate limits: basic, advanced, premium, ultimate or sandbox.
    #[arg(long, default_value = "basic")]
    pub tier: String,
    /// Set the seed of faults and delays.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Inject this fault at this rate; repeat the option for more faults.
    #[arg(long, value_name = "NAME=RATE")]
    pub fault: Vec<String>,
    /// Write a log of requests to this file, as one JSON object per line.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Run the sandbox's clock this many times faster.
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub time_scale: f64,
    /// Send no readable `Date` in replies.
    #[arg(long, hide = true)]
    pub no_date: bool,
}
