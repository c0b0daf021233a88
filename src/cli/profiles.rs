//! `greenlit profiles`: lists the profiles or shows one.

use std::fmt::Write as _;

use crate::profile::Profile;

use super::args::ProfilesArgs;
use super::error::CliError;
use super::exit_code::RunStatus;
use super::settings::Settings;

/// Runs the command.
pub fn run(settings: &Settings, args: &ProfilesArgs) -> Result<RunStatus, CliError> {
    let text = match &args.id {
        Some(id) => profile_page(&settings.profile(id)?),
        None => list(),
    };
    super::packaging::print_page(&text)
}

fn list() -> String {
    let mut text = String::new();
    for profile in Profile::builtin_ids().iter().filter_map(|id| Profile::builtin(id)) {
        let _ = writeln!(text, "{:<24} {}", profile.id(), profile.title());
    }
    text.push_str("\n`greenlit profiles ID` shows a profile with the source and date of every limit.\n");
    text
}

fn profile_page(profile: &Profile) -> String {
    let mut text = format!("{}: {}\n\n", profile.id(), profile.title());
    for (rule, limits) in profile.rules().all() {
        let severity = format!("{:?}", limits.terms().severity).to_lowercase();
        let described = limits.describe();
        let described = if described.is_empty() { "enabled".to_owned() } else { described };
        let _ = writeln!(text, "{rule:<22} {severity:<8} {described}");
        let confidence = match limits.terms().confidence {
            crate::profile::Confidence::Official => "official",
            crate::profile::Confidence::ThirdParty => "third party",
            crate::profile::Confidence::Practice => "practice",
        };
        let date = limits.terms().checked_on.as_deref().unwrap_or("never");
        let source = limits.terms().source.as_deref().unwrap_or("no published limit");
        let _ = writeln!(text, "{:<31} {confidence}, checked {date}: {source}", "");
    }
    text
}
