//! `greenlit status`: prints the state of every asset in the journal and its next step.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::report::escape;
use crate::ship::{DeliveryState, Journal, StatusLine, Wait};

use super::args::{DestinationArgs, StatusArgs};
use super::destination::Destination;
use super::error::CliError;
use super::exit_code::RunStatus;
use super::journal_file;
use super::sandbox::operation;
use super::settings::Settings;

/// Runs the command.
pub fn run(settings: &Settings, args: &StatusArgs) -> Result<RunStatus, CliError> {
    let Some(journal) = open(settings, args.journal.as_deref(), args.to.as_deref())? else {
        eprintln!("greenlit: no journal yet; nothing was shipped from this folder");
        return Ok(RunStatus::Done);
    };
    if args.events {
        super::event_log::print_journal(&journal)?;
        return Ok(RunStatus::Done);
    }
    let lines = journal.status().map_err(|source| operation("cannot read the journal", source))?;
    let questions =
        journal.open_questions().map_err(|source| operation("cannot read the journal", source))?;
    let mut text = lines.iter().map(format_line).collect::<String>();
    if lines.is_empty() {
        text.push_str("nothing was shipped yet\n");
    }
    if !questions.is_empty() {
        let plural = if questions.len() == 1 { "" } else { "s" };
        let _ = writeln!(text, "\n{} open question{plural}: see `greenlit resolve`", questions.len());
    }
    super::packaging::print(text.as_bytes())?;
    Ok(if questions.is_empty() { RunStatus::Done } else { RunStatus::Failed })
}

/// Opens the journal at `path`, of the destination `to`, or the default one. Returns `None` if it does not
/// exist yet.
pub fn open(
    settings: &Settings,
    path: Option<&std::path::Path>,
    to: Option<&str>,
) -> Result<Option<Journal>, CliError> {
    let typed = path.is_some();
    let path = match (path, to) {
        (Some(path), _) => path.to_owned(),
        (None, Some(name)) => Destination::resolve(settings, name, &DestinationArgs::default())?.journal,
        (None, None) => default_journal(settings),
    };
    if !path.exists() {
        return Ok(None);
    }
    journal_file::open(settings, &path, typed, Wait::Refuse).map(Some)
}

/// Returns the path of the configured or default journal, or of the trials' journal if only that exists.
fn default_journal(settings: &Settings) -> PathBuf {
    let configured = settings.config.destination.values().find_map(|destination| destination.journal.clone());
    let main = configured.map(|path| settings.config.folder().join(path));
    let main = main.unwrap_or_else(|| settings.state_folder().join("journal.db"));
    if main.exists() { main } else { settings.state_folder().join("sandbox/journal.db") }
}

fn format_line(line: &StatusLine) -> String {
    let name = escape(&line.source.display().to_string());
    let id = line.video_id.as_deref().map_or(String::new(), |id| format!(", video {}", escape(id)));
    let posts = [":inbox", ":direct"].iter().any(|mode| line.destination.ends_with(mode));
    let ads = match (line.ads_published, line.ads_open) {
        (0, 0) => String::new(),
        (_, 0) if posts => ", posted".to_owned(),
        (created, 0) => format!(", {created} ad{} created", if created == 1 { "" } else { "s" }),
        (created, open) => format!(", {created} of {} ads created", created + open),
    };
    let since = match line.state {
        DeliveryState::Published | DeliveryState::GivenUp => String::new(),
        _ => format!(", for {}", format_duration(jiff::Timestamp::now().as_millisecond() - line.since_ms)),
    };
    let uploads = if line.attempts > 1 { format!(", {} uploads", line.attempts) } else { String::new() };
    let mut text = format!("{name}: {}{id}{uploads}{ads}{since}\n", describe_state(&line.state));
    if let Some(reason) = &line.reason {
        let _ = writeln!(text, "    {}", escape(reason));
    }
    text
}

/// Formats a duration in s, min, h or days. A negative one, after the clock was set back, is 0 s.
fn format_duration(ms: i64) -> String {
    match ms.max(0) / 1000 {
        s if s < 90 => format!("{s} s"),
        s if s < 5400 => format!("{} min", (s + 30) / 60),
        s if s < 172_800 => format!("{} h", (s + 1800) / 3600),
        s => format!("{} days", (s + 43_200) / 86_400),
    }
}

/// Describes the state and the next step.
fn describe_state(state: &DeliveryState) -> &'static str {
    match state {
        DeliveryState::Validated => "compliant; next: upload",
        DeliveryState::Uploading => "upload started; next: ask the platform whether it is complete",
        DeliveryState::Uploaded | DeliveryState::Processing => "uploaded; next: wait until it is ready",
        DeliveryState::Ready => "ready",
        DeliveryState::Publishing => "creation of ads started; next: ask the platform which ads exist",
        DeliveryState::Published => "published",
        DeliveryState::Failed => "failed; next: prepare and upload again",
        DeliveryState::GivenUp => {
            "given up; next: `greenlit ship … --retry FILE` uploads it again, or give the file up"
        }
        DeliveryState::Unconfirmed => {
            "result not confirmed by the platform before the deadline; next: run the same command again to check it"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_durations_in_suitable_units() {
        let seconds = |s: i64| format_duration(s * 1000);
        assert_eq!([seconds(-5), seconds(89), seconds(90)], ["0 s", "89 s", "2 min"]);
        assert_eq!([seconds(7200), seconds(259_200)], ["2 h", "3 days"]);
    }
}
