//! `greenlit ship`.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::fix::FixChoices;
use super::notify::NotifyArgs;
use crate::ship::Until;

/// `greenlit ship`.
#[derive(Debug, Args)]
pub struct ShipArgs {
    /// Upload these files or folders, or the videos of a manifest (.csv, .jsonl, .toml).
    #[arg(required_unless_present = "plan", value_name = "PATH|MANIFEST")]
    pub paths: Vec<PathBuf>,
    /// Upload to this destination: the NAME of a `[destination.NAME]` table, or `sandbox` for a trial.
    #[arg(long, value_name = "DEST")]
    pub to: Option<String>,
    /// Print what would be sent, with the number of calls and the expected time, and send nothing. With
    /// --output FILE the plan is written to FILE, for --plan; with --format json it is printed.
    #[arg(long)]
    pub dry_run: bool,
    /// Execute a plan of --dry-run; it is refused if a file, the manifest or the profile has changed.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "to", "dry_run", "enable", "until"])]
    pub plan: Option<PathBuf>,
    /// Options for fixing.
    #[command(flatten)]
    pub choices: FixChoices,
    /// Send nothing unless every file and every row passes the checks of --dry-run. A file whose fix or upload fails
    /// later is left out.
    #[arg(long)]
    pub all_or_nothing: bool,
    /// Create ads enabled; without this option they are created disabled.
    #[arg(long)]
    pub enable: bool,
    /// Create at most this many ads, or send nothing. More than 50 ads with --enable need it.
    #[arg(long, value_name = "N")]
    pub max_ads: Option<u32>,
    /// Stop when every video has reached this state.
    #[arg(long, value_enum, value_name = "STATE", default_value = "published")]
    pub until: Until,
    /// Wait while another process uses the journal.
    #[arg(long)]
    pub wait: bool,
    /// Upload a video that was given up again, from the start: a FILE of this run, or `all`; repeat the option for
    /// more files. Nothing else uploads it again, not even more --attempts.
    #[arg(long, value_name = "FILE|all")]
    pub retry: Vec<PathBuf>,
    /// Post also if this machine posted to the account before with another journal: every video is posted again.
    #[arg(long)]
    pub fresh: bool,
    /// Also ship files of a manifest that lie outside its folder, directly or through links.
    #[arg(long)]
    pub allow_outside: bool,
    /// Append each event to this file while the command runs, as one JSON object per line.
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Where the result is sent.
    #[command(flatten)]
    pub notify: NotifyArgs,
    /// Options that override the destination's table.
    #[command(flatten)]
    pub destination: DestinationArgs,
    /// Options of the trial sandbox (`--to sandbox`).
    #[command(flatten)]
    pub trial: TrialArgs,
}

/// The keys of a destination's table, and the options with the same names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Args)]
#[serde(default)]
#[command(next_help_heading = "Destination")]
pub struct DestinationArgs {
    /// Set the platform of the destination: tiktok-ads, tiktok-post or folder.
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// The profile; a key of the table only, because `--profile` is an option of every command.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Set the advertiser id (tiktok-ads).
    #[arg(long, value_name = "ID")]
    pub advertiser_id: Option<String>,
    /// Set a name for the creator's account that does not change, such as the open_id (tiktok-post).
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Upload drafts to the creator's inbox, or post directly (tiktok-post).
    #[arg(long, value_name = "inbox|direct")]
    pub mode: Option<String>,
    /// Read the access token from this environment variable.
    #[arg(long, value_name = "NAME")]
    pub token_env: Option<String>,
    /// Read the access token from this file.
    #[arg(long, value_name = "FILE", conflicts_with = "token_env")]
    pub token_file: Option<PathBuf>,
    /// Set the base URL of the API, or the path of the folder (folder).
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Set the tier of rate limits: basic, advanced, premium or ultimate.
    #[arg(long, value_name = "TIER")]
    pub tier: Option<String>,
    /// Set how long to wait for the processing of each upload, such as `30m`. A video that is not ready then is not
    /// uploaded again: the run ends with exit code 2, and the next run looks again.
    #[arg(long, value_name = "TIME")]
    pub poll_deadline: Option<String>,
    /// Encode and upload a video again that is not ready within the poll deadline, although the platform has not
    /// reported a failure.
    #[arg(long)]
    pub retry_slow: bool,
    /// Set how long a new upload or ad may be missing from the platform's lists, such as `5m`.
    #[arg(long, value_name = "TIME")]
    pub visibility_window: Option<String>,
    /// Upload one video at most this many times (1 to 3), each time with the next encode mode. Raising it does not
    /// upload a video again that was given up; --retry does.
    #[arg(long, value_name = "N")]
    pub attempts: Option<u32>,
    /// Limit all uploads together to this many bytes per second, such as `500kB` or `2MB`.
    #[arg(long, value_name = "RATE")]
    pub bandwidth: Option<String>,
    /// Run this many uploads in parallel.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub uploads: Option<u16>,
    /// Use this journal file.
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Set whether a landing page that does not answer stops its ads (require, the default), is a warning (warn) or
    /// is not checked (off). Pages are visited before the first upload, in dry runs too.
    #[arg(long, value_name = "require|warn|off")]
    pub landing_page_check: Option<String>,
    /// Allow landing pages at private IP addresses.
    #[arg(long)]
    pub allow_private: bool,
}

/// Options of the sandbox that `ship --to sandbox` starts in the same process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Args)]
#[serde(default)]
#[command(next_help_heading = "Trial (--to sandbox)")]
pub struct TrialArgs {
    /// Set how long the sandbox takes to process a video, such as `2s..20s`.
    #[arg(long, value_name = "FROM..TO")]
    pub sandbox_processing: Option<String>,
    /// Inject this fault at this rate; repeat the option for more faults.
    #[arg(long, value_name = "NAME=RATE")]
    pub sandbox_fault: Vec<String>,
    /// Set the seed of faults and delays.
    #[arg(long, value_name = "N")]
    pub sandbox_seed: Option<u64>,
    /// Run the sandbox's clock this many times faster.
    #[arg(long, value_name = "N")]
    pub sandbox_time_scale: Option<f64>,
    /// Write a log of requests to this file, as one JSON object per line.
    #[arg(long, value_name = "FILE")]
    pub sandbox_log: Option<PathBuf>,
}
