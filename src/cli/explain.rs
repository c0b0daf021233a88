//! `greenlit explain`: explains rules, a platform's error codes and fail reasons.

use std::fmt::Write as _;

use crate::platform::registry;
use crate::profile::{Profile, RuleId, nearest};
use crate::rules;

use super::args::{CommonArgs, ExplainArgs};
use super::error::CliError;
use super::exit_code::RunStatus;
use super::notices;
use super::settings::Settings;

/// Runs the command.
pub fn run(common: &CommonArgs, args: &ExplainArgs) -> Result<RunStatus, CliError> {
    let config = Settings::config(common)?;
    let mut text = String::new();
    let mut status = RunStatus::Done;
    for code in &args.codes {
        match page(code, config.codes.as_ref()) {
            Some(page) => text.push_str(&page),
            None => {
                notices::say(&unknown_code_message(code));
                status = RunStatus::Failed;
            }
        }
    }
    super::packaging::print_page(&text)?;
    Ok(status)
}

fn page(code: &str, codes: Option<&toml::Value>) -> Option<String> {
    rule_page(code).or_else(|| registry::explain(code, codes))
}

fn unknown_code_message(code: &str) -> String {
    let ids = RuleId::names();
    match nearest(code, ids) {
        Some(near) => format!("unknown rule or error code `{code}`; did you mean `{near}`?"),
        None => {
            format!("unknown rule or error code `{code}`; `greenlit profiles tiktok-ads` lists the rules")
        }
    }
}

fn rule_page(id: &str) -> Option<String> {
    let rule = rules::find(id)?;
    let info = rule.info();
    let mut text = format!(
        "{id}\n\n  What     {}\n  Why      {}\n  Remedy   {}\n  Source   {}\n",
        info.what, info.why, info.remedy, info.source
    );
    text.push_str("\n  Limits by profile\n");
    let mut found_any = false;
    for profile in Profile::builtin_ids().iter().filter_map(|id| Profile::builtin(id)) {
        let Some(limits) = profile.rules().get(rule.id()) else { continue };
        found_any = true;
        let described = limits.describe();
        let described = if described.is_empty() { "enabled".to_owned() } else { described };
        let severity = format!("{:?}", limits.terms().severity).to_lowercase();
        let _ = writeln!(text, "    {:<24} {severity:<8} {described}", profile.id());
    }
    if !found_any {
        text.push_str("    no built-in profile has this rule\n");
    }
    text.push('\n');
    Some(text)
}
