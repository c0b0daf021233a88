//! `greenlit status`: prints the state of every asset in the journal and its next step.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::report::{Format, Publication, escape, json_text};
use crate::ship::{DeliveryState, Journal};

use super::args::{DestinationArgs, StatusArgs};
use super::destination::Destination;
use super::error::CliError;
use super::exit_code::RunStatus;
use super::journal_file;
use super::notices;
use super::report_target;
use super::sandbox::operation;
use super::settings::Settings;
use super::status_document::{StatusAsset, StatusDocument, StatusRow};
use super::wrapped;

/// Runs the command.
pub fn run(settings: &Settings, args: &StatusArgs) -> Result<RunStatus, CliError> {
    let mut formats = settings.reports.iter().map(|file| file.format).chain([settings.format]);
    if !args.events && formats.any(|format| !matches!(format, Format::Human | Format::Json)) {
        return Err(CliError::Usage("status has the formats human and json".into()));
    }
    report_target::check(settings, &[], &[])?;
    let (path, typed) = journal_path(settings, args.journal.as_deref(), args.to.as_deref())?;
    let journal = journal_file::snapshot(settings, &path, typed)?;
    if journal.is_none() {
        super::notices::say("no journal yet; nothing was shipped from this folder");
    }
    if args.events {
        if let Some(journal) = &journal {
            super::event_log::print_journal(journal)?;
        }
        return Ok(RunStatus::Done);
    }
    let document = match journal {
        None => StatusDocument::new(None, Vec::new(), Vec::new()),
        Some(journal) => {
            let failed = |source| operation("cannot read the journal", source);
            let lines = journal.status().map_err(failed)?;
            let questions = journal.open_questions().map_err(failed)?;
            let running = Journal::is_in_use(&path).map_err(failed)?;
            let document = StatusDocument::new(Some(path.display().to_string()), lines, questions);
            StatusDocument { running, ..document }
        }
    };
    super::output::each(settings, &|format, file, out| match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&document)?;
            out.write_all(json_text(&text).as_bytes())?;
            out.write_all(b"\n")
        }
        _ => {
            let text = notices::safe_text(&human(&document));
            let text = if file.is_some() { text } else { wrapped::to_terminal(&text) };
            out.write_all(text.as_bytes())
        }
    })?;
    Ok(if document.questions.is_empty() { RunStatus::Done } else { RunStatus::Failed })
}

fn human(document: &StatusDocument) -> String {
    if document.journal.is_none() {
        return String::new();
    }
    let mut text = String::new();
    if document.running {
        text.push_str("a run is in progress; `greenlit ship … --wait` starts when it ends\n");
    }
    text.extend(document.assets.iter().map(|asset| format_asset(asset, document.running)));
    if document.assets.is_empty() {
        text.push_str("nothing was shipped yet\n");
    }
    let questions = document.questions.len();
    if questions > 0 {
        let plural = if questions == 1 { "" } else { "s" };
        let _ = writeln!(text, "\n{questions} open question{plural}: see `greenlit resolve`");
    }
    text
}

/// Returns `path`, else the path of the journal of the destination `to`, else of the default one; and whether it was
/// typed on the command line.
pub fn journal_path(
    settings: &Settings,
    path: Option<&Path>,
    to: Option<&str>,
) -> Result<(PathBuf, bool), CliError> {
    Ok(match (path, to) {
        (Some(path), _) => (path.to_owned(), true),
        (None, Some(name)) => {
            (Destination::resolve(settings, name, &DestinationArgs::default())?.journal, false)
        }
        (None, None) => (default_journal(settings), false),
    })
}

/// Returns the path of the configured or default journal, or of the trials' journal if only that exists.
fn default_journal(settings: &Settings) -> PathBuf {
    let configured = settings.config.destination.values().find_map(|destination| destination.journal.clone());
    let main = configured.map(|path| settings.config.folder().join(path));
    let main = main.unwrap_or_else(|| settings.state_folder().join("journal.db"));
    if main.exists() { main } else { settings.state_folder().join("sandbox/journal.db") }
}

fn format_asset(asset: &StatusAsset, running: bool) -> String {
    let name = escape(&asset.path);
    let id = asset.video_id.as_deref().map_or(String::new(), |id| format!(", video {}", escape(id)));
    let uploads = if asset.attempts > 1 { format!(", {} uploads", asset.attempts) } else { String::new() };
    let ads = if asset.publication == Publication::Ad { count_ads(&asset.ads) } else { String::new() };
    let since = match asset.state {
        DeliveryState::Published | DeliveryState::GivenUp | DeliveryState::Refused => String::new(),
        _ => format!(", for {}", format_duration(age_ms(asset))),
    };
    let next = asset.next.text(running).map_or(String::new(), |next| format!("; next: {next}"));
    let state = describe_state(&asset.state, asset.publication);
    let mut text = format!("{name}: {state}{id}{uploads}{ads}{since}{next}\n");
    if let Some(reason) = &asset.reason {
        let _ = writeln!(text, "    {}", escape(reason));
    }
    if asset.publication == Publication::Ad {
        text.extend(asset.ads.iter().map(|ad| format_ad(ad, running)));
    }
    text
}

fn count_ads(ads: &[StatusRow]) -> String {
    let created = ads.iter().filter(|ad| ad.state == DeliveryState::Published).count();
    match (created, ads.len()) {
        (_, 0) => String::new(),
        (created, all) if created == all => {
            format!(", {created} ad{} created", if created == 1 { "" } else { "s" })
        }
        (created, all) => format!(", {created} of {all} ads created"),
    }
}

fn format_ad(ad: &StatusRow, running: bool) -> String {
    let name = escape(ad.ad_name.as_deref().unwrap_or_default());
    let group = escape(ad.adgroup_id.as_deref().unwrap_or_default());
    let state = match ad.state {
        DeliveryState::Published => "created",
        DeliveryState::Publishing => "creation started",
        DeliveryState::Unconfirmed => "not confirmed by the platform",
        DeliveryState::Failed => "failed",
        _ => "not created",
    };
    let id = ad.ad_id.as_deref().map_or(String::new(), |id| format!(", ad {}", escape(id)));
    let next = ad.next.text(running).map_or(String::new(), |next| format!("; next: {next}"));
    let mut text = format!("    ad \"{name}\" in ad group {group}: {state}{id}{next}\n");
    if let Some(reason) = &ad.reason {
        let _ = writeln!(text, "        {}", escape(reason));
    }
    text
}

/// Returns the time since the last change in milliseconds.
fn age_ms(asset: &StatusAsset) -> i64 {
    let since = asset.since.as_deref().and_then(|since| since.parse::<jiff::Timestamp>().ok());
    since.map_or(0, |since| jiff::Timestamp::now().as_millisecond() - since.as_millisecond())
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

fn describe_state(state: &DeliveryState, publication: Publication) -> &'static str {
    match (state, publication) {
        (DeliveryState::Validated, _) => "compliant, nothing sent",
        (DeliveryState::Uploading, Publication::Entry) => "copy started",
        (DeliveryState::Uploaded | DeliveryState::Processing, Publication::Entry) => "copied, not ready",
        (DeliveryState::Uploading, _) => "upload started",
        (DeliveryState::Uploaded | DeliveryState::Processing, _) => "uploaded, not ready",
        (DeliveryState::Ready, _) => "ready",
        (DeliveryState::Publishing, _) => "ready, creation of ads started",
        (DeliveryState::Published, Publication::Ad | Publication::Entry) => "published",
        (DeliveryState::Published, Publication::Post) => "posted",
        (DeliveryState::Published, Publication::Draft) => "published as a draft",
        (DeliveryState::Failed, _) => "failed",
        (DeliveryState::Refused, _) => "refused, nothing sent",
        (DeliveryState::GivenUp, _) => "given up",
        (DeliveryState::Unconfirmed, _) => "not confirmed by the platform before the deadline",
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
