//! Parses the command line. `settings` combines the arguments with the configuration and the defaults;
//! this module does not read the environment or the disk.

mod build;
mod check;
mod fix;
mod input;
mod manifest;
mod notify;
mod project;
mod sandbox;
mod ship;
mod watch;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use build::BuildArgs;
pub use check::CheckArgs;
pub use fix::{FixArgs, FixChoices};
pub use input::InputArgs;
pub use manifest::{ManifestArgs, ManifestCheckArgs, ManifestCommand};
pub use notify::NotifyArgs;
pub use project::{BaselineArgs, BaselineCommand, ConfigArgs, ConfigCommand};
pub use sandbox::SandboxArgs;
pub use ship::{DestinationArgs, ShipArgs, TrialArgs};
pub use watch::{Then, WatchArgs};

use super::picture_choice::Pictures;
use crate::pipeline::ProbeMode;
use crate::worker::Isolation;

/// Check videos against the rules of an ad platform, fix them, verify the result and upload it.
#[derive(Debug, Parser)]
#[command(name = "greenlit", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 all done and compliant · 1 a file is refused by the rules · \
    2 an operation failed or the usage is wrong · 3 no media found · \
    4 an output is outdated (`build --check`) · 130 interrupted.")]
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
    /// Set the format of the report: human, concise, json, ndjson, sarif, junit, github or html.
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Common options")]
    pub format: Option<String>,
    /// Set which pictures the HTML report has; the default is a few of each file with findings or a fix.
    #[arg(long, global = true, value_enum, value_name = "WHICH", help_heading = "Common options")]
    pub pictures: Option<Pictures>,
    /// Write the report to this file instead of standard output.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Common options")]
    pub output: Option<PathBuf>,
    /// Also write the report in this format to this file, such as `html=report.html`; repeat it for several. For
    /// `check`, `fix`, `ship` and `status`.
    #[arg(long, global = true, value_name = "FORMAT=FILE", help_heading = "Common options")]
    pub report: Vec<String>,
    /// Check only these rules; separate them by commas or repeat the option.
    #[arg(long, global = true, value_name = "RULE", value_delimiter = ',', help_heading = "Common options")]
    pub select: Vec<String>,
    /// Skip these rules; separate them by commas or repeat the option.
    #[arg(long, global = true, value_name = "RULE", value_delimiter = ',', help_heading = "Common options")]
    pub ignore: Vec<String>,
    /// Report limits that were last compared with their source more than this many days ago.
    #[arg(long, global = true, value_name = "DAYS", help_heading = "Common options")]
    pub limits_old_after: Option<u32>,
    /// Set how the facts of files are read: from their headers, with FFmpeg, or with FFmpeg only where the headers do
    /// not settle them. With `headers`, no worker starts, and files that need one are indeterminate.
    #[arg(long, global = true, value_enum, value_name = "HOW", help_heading = "Common options")]
    pub probe: Option<ProbeMode>,
    /// Spend at most this time on each file, such as 90s or 5m, instead of what its declared size allows. Time that it
    /// waits for others does not count. A file that is not finished then fails, and the others go on.
    #[arg(long, global = true, value_name = "DURATION", help_heading = "Common options")]
    pub time_limit: Option<String>,
    /// Set how much isolation the processes that read media must have; `required` ends the run where the system
    /// does not give it. Outside Linux only `off` works.
    #[arg(long, global = true, value_enum, value_name = "LEVEL", help_heading = "Common options")]
    pub isolation: Option<Isolation>,
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
    /// Build the outputs that the configuration describes, and redo only what changed.
    Build(BuildArgs),
    /// Check, fix and upload videos, wait until they are ready, and create the ads. It is safe to run again.
    Ship(ShipArgs),
    /// Check, fix or ship each file that is put into a folder, as soon as it is complete.
    Watch(WatchArgs),
    /// Print a template of a manifest, or check one.
    Manifest(ManifestArgs),
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
    /// Write a configuration (greenlit.toml) in which every key is explained.
    Init,
    /// Print the configuration that is in force.
    Config(ConfigArgs),
    /// Record the findings of today, so that only new ones count.
    Baseline(BaselineArgs),
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
