//! `greenlit status`: what the journal knows, and what comes next.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::report::escape;
use crate::ship::{DeliveryState, Journal, StatusLine, Wait};

use super::args::{DestinationArgs, StatusArgs};
use super::destination::Destination;
use super::error::CliError;
use super::run_status::RunStatus;
use super::sandbox::operation;
use super::settings::Settings;

/// Runs the command.
pub fn run(settings: &Settings, args: &StatusArgs) -> Result<RunStatus, CliError> {
    let Some(journal) = open(settings, args.journal.as_deref(), args.to.as_deref())? else {
        eprintln!("greenlit: there is no journal yet: nothing was shipped from here");
        return Ok(RunStatus::Done);
    };
    if args.events {
        super::event_log::print_journal(&journal)?;
        return Ok(RunStatus::Done);
    }
    let lines = journal.status().map_err(|source| operation("the journal cannot be read", source))?;
    let waiting = journal.pending().map_err(|source| operation("the journal cannot be read", source))?;
    let mut text = lines.iter().map(line).collect::<String>();
    if lines.is_empty() {
        text.push_str("nothing was shipped yet\n");
    }
    if !waiting.is_empty() {
        let _ = writeln!(text, "\n{} waiting for you: see `greenlit resolve`", waiting.len());
    }
    super::packaging::print(text.as_bytes())?;
    Ok(if waiting.is_empty() { RunStatus::Done } else { RunStatus::Failed })
}

/// Opens the journal that is meant; `None` when there is none yet.
pub fn open(
    settings: &Settings,
    path: Option<&std::path::Path>,
    to: Option<&str>,
) -> Result<Option<Journal>, CliError> {
    let path = match (path, to) {
        (Some(path), _) => path.to_owned(),
        (None, Some(name)) => Destination::resolve(settings, name, &DestinationArgs::default())?.journal,
        (None, None) => only_journal(settings),
    };
    if !path.exists() {
        return Ok(None);
    }
    let journal = Journal::open(&path, Wait::Refuse);
    journal
        .map(Some)
        .map_err(|source| operation(&format!("the journal {} cannot be opened", path.display()), source))
}

/// The configured journal, else the one of trials when that is the only one there is.
fn only_journal(settings: &Settings) -> PathBuf {
    let configured = settings.config.destination.values().find_map(|destination| destination.journal.clone());
    let main = configured.map(|path| settings.config.folder().join(path));
    let main = main.unwrap_or_else(|| settings.state_folder().join("journal.db"));
    if main.exists() { main } else { settings.state_folder().join("sandbox/journal.db") }
}

fn line(line: &StatusLine) -> String {
    let name = escape(&line.source.display().to_string());
    let id = line.video_id.as_deref().map_or(String::new(), |id| format!(", video {}", escape(id)));
    let posts = [":inbox", ":direct"].iter().any(|mode| line.destination.ends_with(mode));
    let ads = match (line.ads_published, line.ads_open) {
        (0, 0) => String::new(),
        (_, 0) if posts => ", posted".to_owned(),
        (made, 0) => format!(", {made} ad{} created", if made == 1 { "" } else { "s" }),
        (made, open) => format!(", {made} of {} ads created", made + open),
    };
    let since = match line.state {
        DeliveryState::Published | DeliveryState::GivenUp => String::new(),
        _ => format!(", for {}", ago(jiff::Timestamp::now().as_millisecond() - line.since_ms)),
    };
    let tries = if line.attempts > 1 { format!(", {} uploads", line.attempts) } else { String::new() };
    let mut text = format!("{name}: {}{id}{tries}{ads}{since}\n", next(&line.state));
    if let Some(reason) = &line.reason {
        let _ = writeln!(text, "    {}", escape(reason));
    }
    text
}

/// A time that has passed, in the unit people use; none when the clock went back.
fn ago(ms: i64) -> String {
    match ms.max(0) / 1000 {
        s if s < 90 => format!("{s} s"),
        s if s < 5400 => format!("{} min", (s + 30) / 60),
        s if s < 172_800 => format!("{} h", (s + 1800) / 3600),
        s => format!("{} days", (s + 43_200) / 86_400),
    }
}

/// The state, and what comes next.
fn next(state: &DeliveryState) -> &'static str {
    match state {
        DeliveryState::Validated => "complies; next: upload",
        DeliveryState::Uploading => "upload begun; next: ask the platform what arrived",
        DeliveryState::Uploaded | DeliveryState::Processing => "uploaded; next: wait until it is ready",
        DeliveryState::Ready => "ready",
        DeliveryState::Publishing => "ads begun; next: ask the platform which exist",
        DeliveryState::Published => "published",
        DeliveryState::Failed => "not taken by the platform; next: upload anew",
        DeliveryState::GivenUp => "given up",
        DeliveryState::Unconfirmed => "not settled in time; next: ask again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_told_in_the_unit_people_use() {
        let seconds = |s: i64| ago(s * 1000);
        assert_eq!([seconds(-5), seconds(89), seconds(90)], ["0 s", "89 s", "2 min"]);
        assert_eq!([seconds(7200), seconds(259_200)], ["2 h", "3 days"]);
    }
}
