//! `greenlit profile from FILE`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use crate::job::worker::WorkerPool;
use crate::model::MediaFacts;
use crate::pipeline::{CheckOptions, FailureKind, Source, check_one};
use crate::profile::{Derived, Origin, Profile};
use crate::report::escape;
use crate::rules::{Assessment, Finding, Selection, Subject, Verdict, assess};

use super::args::{CommonArgs, ProfileFromArgs};
use super::error::CliError;
use super::output;
use super::run_status::RunStatus;
use super::settings::Settings;

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &ProfileFromArgs) -> Result<RunStatus, CliError> {
    let extends = base(common)?;
    let file_name = args.file.file_name().unwrap_or(args.file.as_os_str()).to_string_lossy().into_owned();
    let facts = match probe(args)? {
        Ok(facts) => facts,
        Err(why) => {
            eprintln!("greenlit: {}: {}", args.file.display(), escape(&why));
            return Ok(RunStatus::Refused);
        }
    };
    let id = args.id.clone().unwrap_or_else(|| id_of(&file_name));
    let date = today();
    let origin = Origin { id: &id, extends, file_name: &file_name, date: &date };
    let mut derived = Derived::new(&facts, origin);
    let mut assessment = judge(&derived, &facts, &file_name)?;
    // What the good file does not do itself cannot be asked of others.
    let broken: Vec<String> = assessment.findings().iter().map(|finding| finding.rule.clone()).collect();
    if broken.iter().filter(|rule| derived.leave_out(rule)).count() > 0 {
        assessment = judge(&derived, &facts, &file_name)?;
    }
    output::text(settings, &derived.to_toml())?;
    if assessment.verdict() == Verdict::Compliant {
        return Ok(RunStatus::Done);
    }
    eprintln!("greenlit: {} is not compliant with the profile made of it:", args.file.display());
    for Finding { rule, message, .. } in assessment.findings() {
        eprintln!("  {rule}: {}", escape(message));
    }
    Ok(RunStatus::Refused)
}

/// The built-in profile to extend: the one named on the command line, if any.
fn base(common: &CommonArgs) -> Result<Option<&str>, CliError> {
    match common.profile.as_slice() {
        [] => Ok(None),
        [id] if Profile::builtin(id).is_some() => Ok(Some(id)),
        [id] => Err(CliError::Usage(format!(
            "a new profile can only extend a built-in one, which `{id}` is not; `greenlit profiles` lists them"
        ))),
        _ => Err(CliError::Usage("a new profile can only extend one other: name one --profile".into())),
    }
}

/// The facts of the file, or why it has none that a profile could be made of.
fn probe(args: &ProfileFromArgs) -> Result<Result<MediaFacts, String>, CliError> {
    let source = Source { path: args.file.clone(), relative: PathBuf::from(&args.file), named: true };
    let runner = WorkerPool::new(1);
    let cancel = Arc::new(AtomicBool::new(false));
    match check_one(&source, &[], &CheckOptions::default(), &runner, &cancel).result {
        Ok(facts) => Ok(Ok(facts)),
        Err((_, failure)) if failure.kind == FailureKind::Input => Ok(Err(failure.message)),
        Err((_, failure)) => Err(CliError::Usage(failure.message)),
    }
}

/// Reads the profile back as a user's file is read, and judges the file by it.
fn judge(derived: &Derived<'_>, facts: &MediaFacts, file_name: &str) -> Result<Assessment, CliError> {
    let profile = Profile::parse(&derived.to_toml(), &|id| Profile::builtin(id))
        .map_err(|source| CliError::Profile { path: file_name.into(), source })?;
    Ok(assess(&Subject { facts, file_name, deep: None }, &profile, &Selection::default()))
}

/// Characters of a file name that make it into an id.
const LONGEST_WORDS: usize = 48;

/// An id out of a file name: lower case, digits and dashes.
fn id_of(file_name: &str) -> String {
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let plain: String = stem.chars().map(plain).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let words = if words.is_empty() { "file".to_owned() } else { words.join("-") };
    // Longer ids are refused, since folders are named by them.
    format!("like-{}", words.chars().take(LONGEST_WORDS).collect::<String>().trim_end_matches('-'))
}

/// The day, by UTC.
fn today() -> String {
    let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or_default();
    now.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_words() {
        assert_eq!(id_of("My Clip (final).MP4"), "like-my-clip-final");
        assert_eq!(id_of("ä.mp4"), "like-file");
        assert_eq!(id_of("noending"), "like-noending");
    }

    #[test]
    fn a_day_has_ten_characters() {
        let day = today();
        assert_eq!(day.len(), 10, "{day}");
        assert!(day.as_str() > "2025-01-01", "{day}");
    }
}
