//! The command line as typed. What it means once configuration and defaults are applied is decided
//! in `settings`; nothing here looks at the environment or the disk.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

/// Checks videos against an ad platform's rules, fixes what can be fixed, proves it, ships it.
#[derive(Debug, Parser)]
#[command(name = "greenlit", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 all done and compliant · 1 a file is refused by the rules · \
    2 an operation failed or bad usage · 3 no media found · 130 interrupted.")]
pub struct Cli {
    /// Options every command takes.
    #[command(flatten)]
    pub common: CommonArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options every command takes.
#[derive(Clone, Debug, Default, Args)]
pub struct CommonArgs {
    /// Rule set: a built-in id or a TOML file. May be repeated for `check` and `fix`.
    #[arg(long, global = true, value_name = "ID|FILE", help_heading = "Common options")]
    pub profile: Vec<String>,
    /// Configuration file; else `greenlit.toml`, looked for from here upward.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Common options")]
    pub config: Option<PathBuf>,
    /// Files worked on side by side; else one for each core.
    #[arg(long, short, global = true, value_name = "N", help_heading = "Common options",
        value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// human, json, ndjson, sarif, junit, github or html.
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Common options")]
    pub format: Option<String>,
    /// Write the report here instead of to standard output.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Common options")]
    pub output: Option<PathBuf>,
    /// Only these rules. May be repeated, or separated by commas.
    #[arg(long, global = true, value_name = "RULE", value_delimiter = ',', help_heading = "Common options")]
    pub select: Vec<String>,
    /// Not these rules. May be repeated, or separated by commas.
    #[arg(long, global = true, value_name = "RULE", value_delimiter = ',', help_heading = "Common options")]
    pub ignore: Vec<String>,
    /// Note limits whose source was last looked at more than this many days ago.
    #[arg(long, global = true, value_name = "DAYS", help_heading = "Common options")]
    pub limits_old_after: Option<u32>,
    /// Say only what is wrong.
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Common options")]
    pub quiet: bool,
    /// Say everything that is known.
    #[arg(long, short, global = true, help_heading = "Common options")]
    pub verbose: bool,
    /// No progress on standard error.
    #[arg(long, global = true, help_heading = "Common options")]
    pub no_progress: bool,
    /// Colours in the report for people.
    #[arg(long, global = true, value_enum, value_name = "WHEN", help_heading = "Common options")]
    pub color: Option<ColorChoice>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal that wants them.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant)] // One value a process.
pub enum Command {
    /// Check files against the rules.
    Check(CheckArgs),
    /// Fix what does not comply, into another folder, and prove it.
    Fix(FixArgs),
    /// Check, fix, upload, wait until ready, and create the ads. Safe to run again.
    Ship(ShipArgs),
    /// Settle what only a person can.
    Resolve(ResolveArgs),
    /// What the journal knows of every asset and ad.
    Status(StatusArgs),
    /// Explain a rule or a platform's code.
    Explain(ExplainArgs),
    /// The built-in rule sets, or one in full.
    Profiles(ProfilesArgs),
    /// Make a rule set of one's own.
    Profile(ProfileArgs),
    /// A local stand-in for the platform's API.
    Sandbox(SandboxArgs),
    /// What works on this machine, and what to do about what does not.
    Doctor(DoctorArgs),
    /// The JSON schema of the report.
    Schema,
    /// Completions for a shell.
    Completions(CompletionsArgs),
    /// The manual page.
    Man,
}

/// What to look at.
#[derive(Clone, Debug, Args)]
pub struct InputArgs {
    /// Files, folders, patterns, or `-` for a list of paths on standard input.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// The list on standard input is separated by NUL characters.
    #[arg(short = '0', long = "null")]
    pub null: bool,
    /// Look at every file anew, and remember nothing of it.
    #[arg(long)]
    pub no_cache: bool,
}

/// `greenlit check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// What to look at.
    #[command(flatten)]
    pub input: InputArgs,
    /// Decode every frame and look at the content.
    #[arg(long)]
    pub deep: bool,
}

/// Consents and choices for fixing, shared by `fix` and `ship`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Args)]
#[serde(default)]
pub struct FixChoices {
    /// How a picture is fitted into the allowed aspect ratio.
    #[arg(long, value_enum, value_name = "HOW")]
    pub fit: Option<FitArg>,
    /// Consent: cut a video that is too long.
    #[arg(long)]
    pub trim: bool,
    /// Consent: make a video that is too short longer.
    #[arg(long, value_enum, value_name = "HOW")]
    pub extend: Option<ExtendArg>,
    /// Consent: enlarge a picture that is too small.
    #[arg(long)]
    pub upscale: bool,
    /// Consent: add a silent audio track where one is required.
    #[arg(long)]
    pub add_silence: bool,
    /// Colour of borders and behind transparency, RRGGBB.
    #[arg(long, value_name = "RRGGBB")]
    pub background: Option<String>,
    /// Encoder of the picture: auto is x264, whose results are the same everywhere. One that needs a
    /// device is tried first; where it does not work, x264 takes over.
    #[arg(long, value_enum, value_name = "ENCODER")]
    pub encoder: Option<EncoderArg>,
    /// ResourceEstimate of the encoder.
    #[arg(long, value_enum, value_name = "PRESET")]
    pub preset: Option<PresetArg>,
    /// Constant rate factor: lower is better and larger; 0 to 51, 18 unless said.
    #[arg(long, value_name = "CRF")]
    pub quality: Option<f32>,
    /// How far outputs are proven.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub verify: Option<VerifyArg>,
}

/// `--fit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum FitArg {
    /// Borders in one colour.
    Pad,
    /// Borders of the blurred picture.
    Blur,
    /// Cut off what does not fit.
    Crop,
}

/// `--extend`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ExtendArg {
    /// Play it again.
    Loop,
    /// Hold the last frame.
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
    /// Only probe and assess the output.
    Off,
    /// Also packets, timestamps and hashes of copied streams.
    Structure,
    /// Also decode every frame and compare it with the source.
    Full,
}

/// `greenlit fix`.
#[derive(Debug, Args)]
pub struct FixArgs {
    /// What to look at.
    #[command(flatten)]
    pub input: InputArgs,
    /// Folder for the outputs.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Consents and choices.
    #[command(flatten)]
    pub choices: FixChoices,
    /// Print the plan with the reason for each step, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Start from a platform's refusal: a code (`40915`) or a fail reason (`frame_rate_check_failed`).
    #[arg(long, value_name = "CODE|FAIL_REASON")]
    pub rejected: Option<String>,
    /// 1 as planned, 2 full re-encode to the common core, 3 conservative.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub recipe: Option<u8>,
}

/// `greenlit ship`.
#[derive(Debug, Args)]
pub struct ShipArgs {
    /// A folder or file to upload, or a manifest (.csv, .jsonl, .toml) of ads.
    #[arg(required_unless_present = "plan", value_name = "PATH|MANIFEST")]
    pub paths: Vec<PathBuf>,
    /// Destination: a `[destination.NAME]` of the configuration, or `sandbox` for a trial.
    #[arg(long, value_name = "DEST", required_unless_present = "plan")]
    pub to: Option<String>,
    /// Send nothing: say what would be sent, in how many calls and how long. With --output FILE the
    /// plan is kept there, for --plan; with --format json it is printed.
    #[arg(long)]
    pub dry_run: bool,
    /// Carry out a plan of --dry-run; refused when a file, the manifest or the profile has changed.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "to", "dry_run", "enable", "until"])]
    pub plan: Option<PathBuf>,
    /// Consents and choices for fixing.
    #[command(flatten)]
    pub choices: FixChoices,
    /// Create ads enabled; without it they are created disabled.
    #[arg(long)]
    pub enable: bool,
    /// How far to go.
    #[arg(long, value_enum, value_name = "STATE", default_value = "published")]
    pub until: UntilArg,
    /// Wait for another process that holds the journal.
    #[arg(long)]
    pub wait: bool,
    /// Append what happens to this file, one JSON object a line, while it happens.
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Overrides of the destination.
    #[command(flatten)]
    pub destination: DestinationArgs,
    /// The trial sandbox (`--to sandbox`).
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

/// Keys of a destination, as options.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Args)]
#[serde(default)]
#[command(next_help_heading = "Destination")]
pub struct DestinationArgs {
    /// What the destination is: tiktok-ads or tiktok-post.
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// Advertiser id (tiktok-ads).
    #[arg(long, value_name = "ID")]
    pub advertiser_id: Option<String>,
    /// The creator's account, by any lasting name such as the open_id (tiktok-post).
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Drafts in the creator's inbox, or posts (tiktok-post).
    #[arg(long, value_name = "inbox|direct")]
    pub mode: Option<String>,
    /// Environment variable that holds the token.
    #[arg(long, value_name = "NAME")]
    pub token_env: Option<String>,
    /// File that holds the token.
    #[arg(long, value_name = "FILE", conflicts_with = "token_env")]
    pub token_file: Option<PathBuf>,
    /// Base URL of the API.
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Rate limits: basic, advanced, premium, ultimate.
    #[arg(long, value_name = "TIER")]
    pub tier: Option<String>,
    /// How long to wait for processing, such as `30m`.
    #[arg(long, value_name = "TIME")]
    pub poll_deadline: Option<String>,
    /// How long an absent answer proves nothing, such as `5m`.
    #[arg(long, value_name = "TIME")]
    pub visibility_window: Option<String>,
    /// Uploads of one asset, each encoded by the next recipe.
    #[arg(long, value_name = "N")]
    pub attempts: Option<u32>,
    /// Bytes a second that all uploads together may use, such as `500kB` or `2MB`.
    #[arg(long, value_name = "RATE")]
    pub bandwidth: Option<String>,
    /// Uploads at a time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub uploads: Option<u16>,
    /// Journal file.
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// What an unanswering landing page means.
    #[arg(long, value_name = "require|warn|off")]
    pub landing_page_check: Option<String>,
    /// Landing pages may lie at private addresses.
    #[arg(long)]
    pub allow_private: bool,
}

/// Options of the sandbox that `ship --to sandbox` starts in the same process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Args)]
#[serde(default)]
#[command(next_help_heading = "Trial (--to sandbox)")]
pub struct TrialArgs {
    /// How long processing takes, such as `2s..20s`.
    #[arg(long, value_name = "FROM..TO")]
    pub sandbox_processing: Option<String>,
    /// A fault and its rate. May be repeated.
    #[arg(long, value_name = "NAME=RATE")]
    pub sandbox_fault: Vec<String>,
    /// Seed of the faults and delays.
    #[arg(long, value_name = "N")]
    pub sandbox_seed: Option<u64>,
    /// How much faster its clock runs.
    #[arg(long, value_name = "N")]
    pub sandbox_time_scale: Option<f64>,
    /// Log of requests, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub sandbox_log: Option<PathBuf>,
}

/// `greenlit resolve`.
#[derive(Debug, Args)]
pub struct ResolveArgs {
    /// The id of the question, as listed without arguments.
    #[arg(requires = "choice")]
    pub id: Option<String>,
    /// What is true: `done` (it exists), `not-done` (it does not), or `abandon` (go on without it).
    #[arg(value_enum)]
    pub choice: Option<ChoiceArg>,
    /// The platform's id of what exists, for `done`.
    #[arg(long, value_name = "ID")]
    pub receipt: Option<String>,
    /// Journal file.
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Destination whose journal is meant.
    #[arg(long, value_name = "DEST")]
    pub to: Option<String>,
}

/// The two readings of an unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChoiceArg {
    /// It came into being.
    Done,
    /// It did not.
    NotDone,
    /// Go on without it.
    Abandon,
}

/// `greenlit status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Every event of the journal instead, oldest first, one JSON object a line.
    #[arg(long)]
    pub events: bool,
    /// Journal file.
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// Destination whose journal is meant.
    #[arg(long, value_name = "DEST")]
    pub to: Option<String>,
}

/// `greenlit explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A rule (`video-codec`), a platform code (`40901`) or a fail reason.
    #[arg(required = true, value_name = "CODE")]
    pub codes: Vec<String>,
}

/// `greenlit profiles`.
#[derive(Debug, Args)]
pub struct ProfilesArgs {
    /// One profile, in full.
    pub id: Option<String>,
}

/// `greenlit profile`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct ProfileArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ProfileCommand,
}

/// The ways to make a profile.
#[derive(Debug, Subcommand)]
pub enum ProfileCommand {
    /// Write a rule set that holds other files to what FILE is.
    ///
    /// With --profile ID, the other limits of that built-in profile count too.
    From(ProfileFromArgs),
}

/// `greenlit profile from`.
#[derive(Debug, Args)]
pub struct ProfileFromArgs {
    /// A file that is known to be good.
    pub file: PathBuf,
    /// Id of the new profile; else made of the file's name.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
}

/// `greenlit sandbox`.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Folder that keeps its state across restarts.
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,
    /// How long processing takes.
    #[arg(long, value_name = "FROM..TO", default_value = "2s..20s")]
    pub processing: String,
    /// How long until what was made can be seen; else the processing time.
    #[arg(long, value_name = "FROM..TO")]
    pub visibility_lag: Option<String>,
    /// Rate limits: basic, advanced, premium, ultimate, sandbox.
    #[arg(long, default_value = "basic")]
    pub tier: String,
    /// Seed of the faults and delays.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// A fault and its rate. May be repeated.
    #[arg(long, value_name = "NAME=RATE")]
    pub fault: Vec<String>,
    /// Log of requests, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// How much faster its clock runs.
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    pub time_scale: f64,
}

/// `greenlit doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Destination to look at: token, address, journal.
    #[arg(long, value_name = "DEST")]
    pub to: Option<String>,
}

/// `greenlit completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}
