//! Parses the command line. `settings` combines the arguments with the configuration and the defaults;
//! this module does not read the environment or the disk.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::plan::EncodeMode;

/// Check videos against the rules of an ad platform, fix them, verify the result and upload it.
#[derive(Debug, Parser)]
#[command(name = "greenlit", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 all done and compliant · 1 a file is refused by the rules · \
    2 an operation failed or the usage is wrong · 3 no media found · 130 interrupted.")]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub common: CommonArgs,
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Default, Args)]
pub struct CommonArgs {
    /// Use this profile (rule set): a built-in id or a TOML file. Repeat it to use several with `check` and `fix`.
    #[arg(long, global = true, value_name = "ID|FILE", help_heading = "Common options")]
    pub profile: Vec<String>,
    /// Read this configuration file instead of the nearest `greenlit.toml` in this folder or a parent folder.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Common options")]
    pub config: Option<PathBuf>,
    /// Process this many files in parallel; the default is the number of cores.
    #[arg(long, short, global = true, value_name = "N", help_heading = "Common options",
        value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Set the format of the report: human, json, ndjson, sarif, junit, github or html.
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Common options")]
    pub format: Option<String>,
    /// Write the report to this file instead of standard output.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Common options")]
    pub output: Option<PathBuf>,
    /// Check only these rules; separate them by commas or repeat the option.
    #[arg(long, global = true, value_name = "RULE", value_delimiter = ',', help_heading = "Common options")]
    pub select: Vec<String>,
    /// Skip these rules; separate them by commas or repeat the option.
    #[arg(long, global = true, value_name = "RULE", value_delimiter = ',', help_heading = "Common options")]
    pub ignore: Vec<String>,
    /// Report limits that were last compared with their source more than this many days ago.
    #[arg(long, global = true, value_name = "DAYS", help_heading = "Common options")]
    pub limits_old_after: Option<u32>,
    /// Spend at most this time on each file, such as 90s or 5m, instead of what its declared size allows. Time that it
    /// waits for others does not count. A file that is not finished then fails, and the others go on.
    #[arg(long, global = true, value_name = "DURATION", help_heading = "Common options")]
    pub time_limit: Option<String>,
    /// Set how much isolation the processes that read media must have; `required` ends the run where the system
    /// does not give it. Outside Linux only `off` works.
    #[arg(long, global = true, value_enum, value_name = "LEVEL", help_heading = "Common options")]
    pub isolation: Option<IsolationArg>,
    /// Print only problems.
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Common options")]
    pub quiet: bool,
    /// Print all details.
    #[arg(long, short, global = true, help_heading = "Common options")]
    pub verbose: bool,
    /// Print no progress on standard error.
    #[arg(long, global = true, help_heading = "Common options")]
    pub no_progress: bool,
    /// Set when the human-readable report uses colours.
    #[arg(long, global = true, value_enum, value_name = "WHEN", help_heading = "Common options")]
    pub color: Option<ColorChoice>,
}

/// `--isolation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IsolationArg {
    /// End the run if a required barrier is missing.
    Required,
    /// Use what the system offers, and say what is missing.
    BestEffort,
    /// Use separate processes with limits only.
    Off,
}

/// When the report uses colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// Use colours on a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Use colours always.
    Always,
    /// Use no colours.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant)] // There is one value per process.
pub enum Command {
    /// Check files against the rules of a profile.
    Check(CheckArgs),
    /// Fix files that do not comply, write the outputs to another folder, and verify them.
    Fix(FixArgs),
    /// Check, fix and upload videos, wait until they are ready, and create the ads. It is safe to run again.
    Ship(ShipArgs),
    /// Answer questions about uploads and ads with an unknown outcome.
    Resolve(ResolveArgs),
    /// Show the state of every video and ad in the journal.
    Status(StatusArgs),
    /// Explain a rule, a platform's error code or a fail reason.
    Explain(ExplainArgs),
    /// List the built-in profiles, or show one with all limits.
    Profiles(ProfilesArgs),
    /// Create a custom profile.
    Profile(ProfileArgs),
    /// Run a local simulation of the platform's API.
    Sandbox(SandboxArgs),
    /// Check the installation and show how to correct problems.
    Doctor(DoctorArgs),
    /// Print the JSON schema of the report.
    Schema,
    /// Print the completion script for a shell.
    Completions(CompletionsArgs),
    /// Print the manual page.
    Man,
}

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

/// `greenlit check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The files to process.
    #[command(flatten)]
    pub input: InputArgs,
    /// Decode every frame and also check the content (black and frozen frames, loudness).
    #[arg(long)]
    pub deep: bool,
}

/// Options for fixing, shared by `fix` and `ship`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Args)]
#[serde(default)]
pub struct FixChoices {
    /// Set how a video is fitted into the allowed aspect ratio.
    #[arg(long, value_enum, value_name = "HOW")]
    pub fit: Option<FitArg>,
    /// Allow trimming of videos that are too long.
    #[arg(long)]
    pub trim: bool,
    /// Allow lengthening of videos that are too short.
    #[arg(long, value_enum, value_name = "HOW")]
    pub extend: Option<ExtendArg>,
    /// Allow upscaling of videos whose resolution is too small.
    #[arg(long)]
    pub upscale: bool,
    /// Allow adding a silent audio track where the profile requires audio.
    #[arg(long)]
    pub add_silence: bool,
    /// Set which audio is kept when there are several tracks: a number from 1, `first`, or `mix` of all. Tracks
    /// with content of their own are not dropped without it.
    #[arg(long, value_name = "N|first|mix")]
    pub audio_track: Option<String>,
    /// Allow starting the output at the first frame that can be decoded.
    #[arg(long)]
    pub from_key_frame: bool,
    /// Allow keeping the decoder's concealment of a few damaged frames; the report counts and times them.
    #[arg(long)]
    pub conceal: bool,
    /// Set the colour of borders and behind transparent video, RRGGBB.
    #[arg(long, value_name = "RRGGBB")]
    pub background: Option<String>,
    /// Set the video encoder; `auto` is x264, which gives the same result on every machine. A hardware
    /// encoder is tested first; if it does not work, x264 is used.
    #[arg(long, value_enum, value_name = "ENCODER")]
    pub encoder: Option<EncoderArg>,
    /// Set the preset of the encoder: slower presets give smaller files.
    #[arg(long, value_enum, value_name = "PRESET")]
    pub preset: Option<PresetArg>,
    /// Set the constant rate factor, 0 to 51 (default 18); lower values give better quality and larger files.
    #[arg(long, value_name = "CRF")]
    pub quality: Option<f32>,
    /// Set how thoroughly outputs are verified.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub verify: Option<VerifyArg>,
}

/// `--fit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum FitArg {
    /// Add borders in one colour.
    Pad,
    /// Fill the borders with the blurred video.
    Blur,
    /// Crop the video.
    Crop,
}

/// `--extend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ExtendArg {
    /// Repeat the video from its start.
    Loop,
    /// Repeat the last frame.
    Freeze,
}

/// `--encoder`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum EncoderArg {
    Auto,
    X264,
    VideoToolbox,
    Nvenc,
    Vaapi,
    Qsv,
}

/// `--preset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum PresetArg {
    Superfast,
    Veryfast,
    Faster,
    Fast,
    Medium,
    Slow,
}

/// `--verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum VerifyArg {
    /// Only probe the output and check it against the rules.
    Off,
    /// Also check packets, timestamps and the hashes of copied streams.
    Structure,
    /// Also decode every frame and compare it with the source.
    Full,
}

/// `greenlit fix`.
#[derive(Debug, Args)]
pub struct FixArgs {
    /// The files to process.
    #[command(flatten)]
    pub input: InputArgs,
    /// Write the outputs to this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Options for fixing.
    #[command(flatten)]
    pub choices: FixChoices,
    /// Print the plan with the reason for each step, and write no outputs.
    #[arg(long)]
    pub dry_run: bool,
    /// Remove outputs of earlier runs whose source in these folders was deleted or renamed. Only files that
    /// greenlit wrote and that are unchanged since are removed.
    #[arg(long, conflicts_with = "dry_run")]
    pub prune: bool,
    /// Choose the encode mode by the platform's error code (`40915`) or fail reason (`frame_rate_check_failed`).
    #[arg(long, value_name = "CODE|FAIL_REASON")]
    pub rejected: Option<String>,
    /// Set the encode mode: 1 as planned, 2 full re-encode to the common core, 3 conservative re-encode.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3).try_map(EncodeMode::try_from))]
    pub recipe: Option<EncodeMode>,
}

/// `greenlit ship`.
#[derive(Debug, Args)]
pub struct ShipArgs {
    /// Upload these files or folders, or the videos of a manifest (.csv, .jsonl, .toml).
    #[arg(required_unless_present = "plan", value_name = "PATH|MANIFEST")]
    pub paths: Vec<PathBuf>,
    /// Upload to this destination: the NAME of a `[destination.NAME]` table, or `sandbox` for a trial.
    #[arg(long, value_name = "DEST", required_unless_present = "plan")]
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
    /// Create ads enabled; without this option they are created disabled.
    #[arg(long)]
    pub enable: bool,
    /// Stop when every video has reached this state.
    #[arg(long, value_enum, value_name = "STATE", default_value = "published")]
    pub until: UntilArg,
    /// Wait while another process uses the journal.
    #[arg(long)]
    pub wait: bool,
    /// Upload a video that was given up again, from the start: a FILE of this run, or `all`; repeat the option for
    /// more files. Nothing else uploads it again, not even more --attempts.
    #[arg(long, value_name = "FILE|all")]
    pub retry: Vec<PathBuf>,
    /// Also ship files of a manifest that lie outside its folder, directly or through links.
    #[arg(long)]
    pub allow_outside: bool,
    /// Append each event to this file while the command runs, as one JSON object per line.
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Options that override the destination's table.
    #[command(flatten)]
    pub destination: DestinationArgs,
    /// Options of the trial sandbox (`--to sandbox`).
    #[command(flatten)]
    pub trial: TrialArgs,
}

/// `--until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum UntilArg {
    /// Every video is uploaded.
    Uploaded,
    /// Every video is ready.
    Ready,
    /// Every ad is created.
    Published,
}

/// Options with the same names as the keys of a destination's table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Args)]
#[serde(default)]
#[command(next_help_heading = "Destination")]
pub struct DestinationArgs {
    /// Set the platform of the destination: tiktok-ads or tiktok-post.
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
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
    /// Set the base URL of the API.
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

/// `greenlit resolve`.
#[derive(Debug, Args)]
pub struct ResolveArgs {
    /// Answer the question with this id; `greenlit resolve` without arguments lists the questions.
    #[arg(requires = "choice")]
    pub id: Option<String>,
    /// Give the answer: `done` (it exists), `not-done` (it does not exist) or `abandon` (continue without it).
    #[arg(value_enum)]
    pub choice: Option<ChoiceArg>,
    /// Set the platform's id of the existing video or ad, for `done`.
    #[arg(long, value_name = "ID")]
    pub receipt: Option<String>,
    /// Use this journal file.
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Use the journal of this destination.
    #[arg(long, value_name = "DEST")]
    pub to: Option<String>,
}

/// The answers to a question about an unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChoiceArg {
    /// The video or ad exists.
    Done,
    /// The video or ad does not exist; it is sent again.
    NotDone,
    /// Continue without the video or ad.
    Abandon,
}

/// `greenlit status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Print every event of the journal, oldest first, as one JSON object per line.
    #[arg(long)]
    pub events: bool,
    /// Use this journal file.
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Use the journal of this destination.
    #[arg(long, value_name = "DEST")]
    pub to: Option<String>,
}

/// `greenlit explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Explain this rule (`video-codec`), platform code (`40901`) or fail reason.
    #[arg(required = true, value_name = "CODE")]
    pub codes: Vec<String>,
}

/// `greenlit profiles`.
#[derive(Debug, Args)]
pub struct ProfilesArgs {
    /// Show this profile with all limits.
    pub id: Option<String>,
}

/// `greenlit profile`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct ProfileArgs {
    /// The subcommand to run.
    #[command(subcommand)]
    pub command: ProfileCommand,
}

/// The subcommands of `greenlit profile`.
#[derive(Debug, Subcommand)]
pub enum ProfileCommand {
    /// Print a profile whose limits are the properties of FILE.
    ///
    /// With --profile ID, the profile also includes the other limits of that built-in profile.
    From(ProfileFromArgs),
}

/// `greenlit profile from`.
#[derive(Debug, Args)]
pub struct ProfileFromArgs {
    /// Measure this compliant file.
    pub file: PathBuf,
    /// Set the id of the new profile; the default is derived from the file's name.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
}

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
}

/// `greenlit doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Also check the token, address and journal of this destination.
    #[arg(long, value_name = "DEST")]
    pub to: Option<String>,
}

/// `greenlit completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Print the script for this shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}
