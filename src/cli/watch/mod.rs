//! `greenlit watch`: checks, fixes or ships each file that is put into a folder, as soon as it is complete.

mod action;
mod drop_folder;
mod put_away;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::report::Format;
use crate::watch::FolderEvents;

use super::args::{CommonArgs, Then, WatchArgs};
use super::error::CliError;
use super::exit_code::RunStatus;
use super::quantities::parse_duration;
use super::settings::Settings;
use super::{interrupt, notices};

use action::Action;
use drop_folder::DropFolder;

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &WatchArgs) -> Result<RunStatus, CliError> {
    let settle = check_usage(settings, args)?;
    settings.project.expired.iter().for_each(|text| notices::say(text));
    let cancel = interrupt::flag();
    let action = Action::new(settings, common, args, &cancel)?;
    let mut folder = DropFolder::open(settings, args, action.key(), settle)?;
    let (events, not_watched) = FolderEvents::new(&args.folder, args.poll, settle);
    if let Some(reason) = not_watched {
        notices::say(&format!("{} is looked at every second: {reason}", args.folder.display()));
    }
    if !args.once && !settings.human.quiet {
        notices::say(&format!("watching {} (press Ctrl-C to end)", args.folder.display()));
    }
    let begin = Instant::now();
    loop {
        folder.look(begin.elapsed());
        for batch in folder.ready(begin.elapsed()).chunks(action.batch_size()) {
            if cancel.load(Ordering::Relaxed) {
                break;
            }
            let is_abandoned = |source: &_| folder.is_abandoned(source, begin.elapsed());
            let results = action.process(batch, &is_abandoned)?;
            for result in results {
                folder.take(result, begin.elapsed())?;
            }
        }
        if cancel.load(Ordering::Relaxed) {
            return Ok(RunStatus::Interrupted);
        }
        if args.once && folder.is_done() {
            return Ok(folder.status());
        }
        events.wait(folder.wait(begin.elapsed()), &cancel);
    }
}

/// Refuses options that do not go together, and returns the settling time.
fn check_usage(settings: &Settings, args: &WatchArgs) -> Result<Duration, CliError> {
    let usage = |message: &str| Err(CliError::Usage(message.to_owned()));
    if !args.folder.is_dir() {
        return Err(CliError::Usage(format!(
            "{} is no folder: name the folder to watch",
            args.folder.display()
        )));
    }
    if !matches!(settings.format, Format::Human | Format::Ndjson)
        || settings.output.is_some()
        || !settings.reports.is_empty()
    {
        return usage(
            "watch writes one line for each file to standard output: use --format human or ndjson, without --output",
        );
    }
    match (args.then, &args.out, &args.to) {
        (Then::Fix, Some(_), None) | (Then::Ship, None, Some(_)) | (Then::Check, None, None) => {}
        (Then::Fix, None, _) if settings.config.fix.out.is_some() && args.to.is_none() => {}
        (Then::Fix, None, _) => {
            return usage("--then fix needs a folder for its outputs: set --out DIR");
        }
        (Then::Ship, _, None) => {
            return usage(
                "--then ship needs a destination: set --to DEST, the NAME of a [destination.NAME] table",
            );
        }
        _ => return usage("--out belongs to --then fix, and --to to --then ship"),
    }
    parse_duration(&args.settle).ok_or_else(|| CliError::BadValue {
        option: "--settle".into(),
        given: args.settle.clone(),
        expected: "a time, such as 2s or 1m".into(),
    })
}
