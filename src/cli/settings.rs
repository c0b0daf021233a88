//! Combines arguments, configuration and defaults.
//!
//! Only this module reads the environment, the terminal and the number of cores; the commands use the
//! result.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cache::ProbeCache;
use crate::pipeline::{CheckOptions, ProbeMode};
use crate::plan::Machine;
use crate::report::{FileLinks, Format, HumanOptions, Report};
use crate::rules::Selection;

use super::accepted::ProjectRules;
use super::args::{ColorChoice, CommonArgs};
use super::choice::{bad_choice, choice};
use super::config::Config;
use super::config_env;
use super::error::CliError;
use super::picture_choice::Pictures;
use super::quantities::parse_duration;
use crate::worker::{Isolation, WorkerPool};

/// The profile that is used if none is given.
pub(super) const DEFAULT_PROFILE: &str = "tiktok-ads";

/// Columns of the human-readable report if neither `COLUMNS` nor a terminal gives a width.
pub(super) const DEFAULT_WIDTH: usize = 100;

/// Days since a limit was compared with its source, after which it is reported as old.
pub(super) const LIMITS_OLD_AFTER_DAYS: u32 = 365;

/// The settings of every command.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration file, or its defaults.
    pub config: Config,
    /// What the project says of its files.
    pub project: Arc<ProjectRules>,
    /// Number of files to process in parallel.
    pub jobs: usize,
    /// Number of cores of the machine.
    pub cores: u32,
    /// Format of the report.
    pub format: Format,
    /// Pictures of the HTML report.
    pub pictures: Pictures,
    /// File for the report; `None` is standard output.
    pub output: Option<PathBuf>,
    /// The reports to files beside the main one.
    pub reports: Vec<ReportFile>,
    /// Rules to check.
    pub selection: Selection,
    /// Options of the human-readable report.
    pub human: HumanOptions,
    /// Whether progress is shown, and how.
    pub progress: ProgressMode,
    /// Date of the run (UTC), for the age of limits.
    pub today: jiff::civil::Date,
    /// Age in days after which a limit is reported as old.
    pub limits_old_after_days: u32,
    /// Isolation that the media workers must have.
    pub isolation: Isolation,
    /// How the facts of files are read.
    pub probe: ProbeMode,
    /// The most time for each file.
    pub time_limit: Option<Duration>,
    /// Folder of the cache, which may be deleted at any time; `None` if the user has no cache folder.
    pub cache: Option<PathBuf>,
}

/// A report to a file beside the main one.
#[derive(Clone, Debug)]
pub struct ReportFile {
    /// The format.
    pub format: Format,
    /// The file.
    pub path: PathBuf,
    /// Options of a human-readable report.
    pub human: HumanOptions,
}

/// How progress is shown on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressMode {
    /// Shows no progress.
    Hidden,
    /// Shows a bar per running file, on a terminal.
    Bars,
    /// Prints a line every few seconds, in logs.
    Lines,
}

impl Settings {
    /// Returns the options of a check that decodes nothing.
    pub fn check_options(&self, probe_cache: Option<Arc<dyn ProbeCache>>) -> CheckOptions {
        let selection = self.selection.clone();
        CheckOptions {
            selection,
            deep: false,
            probe: self.probe,
            probe_cache,
            scope: None,
            time_limit: self.time_limit,
        }
    }

    /// Returns the media workers of a run, of which none has started.
    pub fn workers(&self) -> WorkerPool {
        WorkerPool::new(self.jobs).with_isolation(self.isolation)
    }

    /// Reads the configuration that applies in the working directory.
    pub fn config(common: &CommonArgs) -> Result<Config, CliError> {
        let here = std::env::current_dir().map_err(|source| CliError::CurrentFolder { source })?;
        let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        let variables: Vec<(String, String)> = std::env::vars_os()
            .filter(|(name, _)| name.as_encoded_bytes().starts_with(config_env::PREFIX.as_bytes()))
            .filter_map(text)
            .collect();
        Ok(Config::load(common.config.as_deref(), &here, home.as_deref(), &variables)?)
    }

    /// Resolves the common options, the configuration and the environment.
    pub fn resolve(config: Config, common: &CommonArgs) -> Result<Settings, CliError> {
        let cores = cores();
        let jobs = common.jobs.or(config.check.jobs).map_or(cores as usize, usize::from);
        let format =
            common.format.as_deref().map_or(Ok(Format::Human), |name| parse_format("--format", name))?;
        let reports = report_files(common)?;
        let has_html = reports.iter().map(|file| file.format).chain([format]).any(|one| one == Format::Html);
        let selection = selection(common, &config)?;
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        Ok(Settings {
            project: Arc::new(ProjectRules::of(&config, today)?),
            jobs,
            cores,
            format,
            pictures: Pictures::resolve(common.pictures, has_html)?,
            output: common.output.clone(),
            reports,
            selection,
            human: human_options(common, format),
            progress: progress_mode(common),
            today,
            limits_old_after_days: common
                .limits_old_after
                .or(config.check.limits_old_after)
                .unwrap_or(LIMITS_OLD_AFTER_DAYS),
            isolation: choice(common.isolation, config.check.isolation.as_deref(), "check.isolation")?
                .unwrap_or_default(),
            probe: choice(common.probe, config.check.probe.as_deref(), "check.probe")?.unwrap_or_default(),
            time_limit: time_limit(common.time_limit.as_deref(), config.check.time_limit.as_deref())?,
            // May be deleted at any time, unlike the state.
            cache: user_folder("XDG_CACHE_HOME", ".cache"),
            config,
        })
    }

    /// Returns the report with what the command line chose, which its texts repeat.
    pub fn with_choices(&self, report: Report, common: &CommonArgs, paths: &[PathBuf]) -> Report {
        // A command that repeats the default profile means the same without it.
        let is_default = self.config.check.profile.is_empty() && common.profile == [DEFAULT_PROFILE];
        let profiles = if is_default { Vec::new() } else { common.profile.clone() };
        let paths: Option<Vec<String>> = paths.iter().map(|path| path.to_str().map(str::to_owned)).collect();
        report.with_named(profiles, paths.unwrap_or_default()).with_selection(self.selection.clone())
    }

    /// Returns the folder of the journal and other state: `.greenlit` beside the configuration, else in the
    /// working directory.
    pub fn state_folder(&self) -> PathBuf {
        match self.config.folder() {
            // Without `./` in messages and reports.
            here if here == Path::new(".") => PathBuf::from(".greenlit"),
            folder => folder.join(".greenlit"),
        }
    }

    /// Returns the folder of the user's state, for a record that cannot be beside the outputs.
    pub fn user_state_folder(&self) -> Option<PathBuf> {
        user_folder("XDG_STATE_HOME", ".local/state")
    }

    /// Returns the machine's resources for the planner.
    pub fn machine(&self) -> Machine {
        Machine { cores: self.cores }
    }
}

/// Returns the number of cores of the machine.
pub(super) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}

fn selection(common: &CommonArgs, config: &Config) -> Result<Selection, CliError> {
    fn or<'a>(arguments: &'a [String], configured: &'a [String]) -> &'a [String] {
        if arguments.is_empty() { configured } else { arguments }
    }
    let select = or(&common.select, &config.check.select);
    let ignore = or(&common.ignore, &config.check.ignore);
    Selection::new(select, ignore).map_err(|source| CliError::Selection { source })
}

/// Returns the time limit of each file: that of the argument, else of the configuration.
pub(super) fn time_limit(
    argument: Option<&str>,
    configured: Option<&str>,
) -> Result<Option<Duration>, CliError> {
    let given =
        argument.map(|text| ("--time-limit", text)).or(configured.map(|text| ("check.time_limit", text)));
    let Some((option, text)) = given else { return Ok(None) };
    let limit = parse_duration(text).filter(|limit| !limit.is_zero());
    limit.map(Some).ok_or_else(|| CliError::BadValue {
        option: option.to_owned(),
        given: text.to_owned(),
        expected: "a time above zero, such as 90s, 5m or 1h30m".into(),
    })
}

fn parse_format(option: &str, name: &str) -> Result<Format, CliError> {
    name.parse().map_err(|_| bad_choice(option, name, Format::all()))
}

/// Returns the reports that `--report` asks for, each to a file of its own.
fn report_files(common: &CommonArgs) -> Result<Vec<ReportFile>, CliError> {
    let mut files: Vec<ReportFile> = Vec::new();
    for given in &common.report {
        let split = given.split_once('=').filter(|(_, path)| !path.is_empty());
        let Some((name, path)) = split else {
            return Err(CliError::BadValue {
                option: "--report".into(),
                given: given.clone(),
                expected: "FORMAT=FILE, such as html=report.html".into(),
            });
        };
        let (format, path) = (parse_format("--report", name)?, PathBuf::from(path));
        let same = |other: &Path| std::path::absolute(other).ok() == std::path::absolute(&path).ok();
        if path == Path::new("-")
            || common.output.as_deref().is_some_and(same)
            || files.iter().any(|file| same(&file.path))
        {
            return Err(CliError::Usage(format!(
                "--report {given}: each report needs a file of its own; --format sets the report on standard output"
            )));
        }
        let human = HumanOptions {
            color: false,
            links: None,
            width: width(format, configured_width()),
            ..verbosity(common)
        };
        files.push(ReportFile { format, path, human });
    }
    Ok(files)
}

fn verbosity(common: &CommonArgs) -> HumanOptions {
    HumanOptions { verbose: common.verbose, quiet: common.quiet, ..HumanOptions::default() }
}

fn human_options(common: &CommonArgs, format: Format) -> HumanOptions {
    let to_terminal = common.output.is_none() && std::io::stdout().is_terminal();
    let color = match common.color.unwrap_or_default() {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            to_terminal
                && std::env::var_os("NO_COLOR").is_none()
                && std::env::var("TERM").as_deref() != Ok("dumb")
        }
    };
    let known_width = if common.output.is_some() { configured_width() } else { text_width() };
    // Who wants no colours wants no other escape sequence either.
    let links = to_terminal && color && supports_hyperlinks::on(supports_hyperlinks::Stream::Stdout);
    HumanOptions {
        color,
        width: width(format, known_width),
        links: links.then(file_links).flatten(),
        ..verbosity(common)
    }
}

/// Returns the width of a report. Without a known one, the lines of `concise` are not cut: other programs read them.
fn width(format: Format, known: Option<usize>) -> usize {
    known.unwrap_or(if format == Format::Concise { 0 } else { DEFAULT_WIDTH })
}

fn file_links() -> Option<FileLinks> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Some(FileLinks::new(&host, &std::env::current_dir().ok()?))
}

/// Returns the columns of text on standard output: `COLUMNS`, else the width of the terminal; `None` if standard
/// output is not a terminal.
pub(super) fn text_width() -> Option<usize> {
    configured_width().or_else(|| terminal_width(&std::io::stdout()))
}

/// Like [`text_width`] for standard error.
pub(super) fn stderr_width() -> Option<usize> {
    configured_width().or_else(|| terminal_width(&std::io::stderr()))
}

fn terminal_width(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok().filter(|_| stream.is_terminal())?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

fn configured_width() -> Option<usize> {
    std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok())
}

/// Returns the folder `greenlit` in the one that `variable` names, else in `default` of the home folder. Relative
/// paths are ignored, as the XDG base directory specification requires.
fn user_folder(variable: &str, default: &str) -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(variable).or_else(|| Some(absolute("HOME")?.join(default)))?;
    Some(base.join("greenlit"))
}

fn progress_mode(common: &CommonArgs) -> ProgressMode {
    if common.no_progress || common.quiet {
        return ProgressMode::Hidden;
    }
    let plain = std::env::var_os("CI").is_some() || std::env::var("TERM").as_deref() == Ok("dumb");
    if std::io::stderr().is_terminal() && !plain { ProgressMode::Bars } else { ProgressMode::Lines }
}
