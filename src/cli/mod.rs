//! The command line, with one module per subcommand. Only this module names the adapters.
//!
//! `args` parses the arguments, `settings` combines them with the configuration. Each command returns a
//! [`RunStatus`], which `main` turns into the exit code.

#![allow(clippy::print_stdout, clippy::print_stderr)] // Only the command line prints.

mod accepted;
mod api_host;
mod args;
mod baseline;
mod baseline_file;
mod build;
mod build_config;
mod cache;
mod check;
mod choice;
mod config;
mod config_env;
mod config_error;
mod config_file;
mod config_keys;
mod config_show;
mod config_tables;
mod config_values;
mod defaults;
mod destination;
mod doctor;
mod encoder;
mod error;
mod event_log;
mod exit_code;
mod explain;
mod field_names;
mod fix;
mod fix_options;
mod init;
mod input;
mod interrupt;
mod isolation;
mod journal_file;
mod manifest;
mod manifest_problems;
mod notices;
mod notify_url;
mod output;
mod packaging;
mod path_patterns;
mod picture_choice;
mod pictures;
mod prober;
mod profile_file;
mod profile_from;
mod profiles;
mod progress;
mod quantities;
mod recipient;
mod rejected;
mod report_entries;
mod report_target;
mod resolve;
mod run_end;
mod sandbox;
mod settings;
mod settings_profiles;
mod ship;
mod status;
mod status_document;
mod watch;
mod workers_on_demand;
mod wrapped;

use clap::Parser;

pub use args::Cli;
pub use config::Config;
pub use config_error::ConfigError;
pub use error::CliError;
pub use exit_code::RunStatus;

use args::{Command, ProfileCommand};
use settings::Settings;

use crate::worker::keep_freed_memory;

/// Parses the arguments of this process and runs the command. Prints all output and errors; the caller
/// only sets the exit code.
pub fn run() -> RunStatus {
    keep_freed_memory();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help_or_error) => {
            if help_or_error.use_stderr() {
                // The text quotes arguments, which may be names of files.
                notices::print_lines(&help_or_error.to_string());
                return RunStatus::Failed;
            }
            let _ = help_or_error.print();
            return RunStatus::Done;
        }
    };
    match dispatch(cli) {
        Ok(status) => status,
        Err(error) => {
            let status = output::status_of(&error);
            if status == RunStatus::Failed {
                notices::say(&error::chain(&error));
            }
            status
        }
    }
}

fn dispatch(cli: Cli) -> Result<RunStatus, CliError> {
    let reports =
        matches!(cli.command, Command::Check(_) | Command::Fix(_) | Command::Ship(_) | Command::Status(_));
    if !reports && !cli.common.report.is_empty() {
        return Err(CliError::Usage("--report is an option of check, fix, ship and status".into()));
    }
    match cli.command {
        Command::Completions(args) => return packaging::completions(&args),
        Command::Man => return packaging::man(),
        Command::Schema => return packaging::schema(),
        Command::Explain(args) => return explain::run(&cli.common, &args),
        Command::Init => return init::run(&cli.common),
        _ => {}
    }
    let common = &cli.common;
    let config = Settings::config(common)?;
    config_values::check_values(&config)?;
    let settings = Settings::resolve(config, common)?;
    match cli.command {
        Command::Check(args) => {
            notify_url::after(&settings, "check", &args.notify, || check::run(&settings, common, &args))
        }
        Command::Fix(args) => {
            notify_url::after(&settings, "fix", &args.notify, || fix::run(&settings, common, &args))
        }
        Command::Ship(args) => {
            notify_url::after(&settings, "ship", &args.notify, || ship::run(&settings, common, &args))
        }
        Command::Manifest(args) => manifest::run(&settings, common, &args),
        Command::Build(args) => {
            notify_url::after(&settings, "build", &args.notify, || build::run(&settings, common, &args))
        }
        Command::Watch(args) => watch::run(&settings, common, &args),
        Command::Resolve(args) => resolve::run(&settings, &args),
        Command::Status(args) => status::run(&settings, &args),
        Command::Profiles(args) => profiles::run(&settings, &args),
        Command::Profile(args) => match args.command {
            ProfileCommand::From(args) => profile_from::run(&settings, common, &args),
        },
        Command::Sandbox(args) => sandbox::run(&settings, &args),
        Command::Doctor(args) => doctor::run(&settings, &args),
        Command::Config(args) => config_show::run(&settings, common, &args),
        Command::Baseline(args) => baseline::run(&settings, common, &args),
        Command::Completions(_) | Command::Man | Command::Schema | Command::Init | Command::Explain(_) => {
            Ok(RunStatus::Done)
        }
    }
}
