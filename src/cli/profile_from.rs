//! `greenlit profile from FILE`: derives a profile from a compliant file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use crate::ending::FailureKind;
use crate::model::MediaFacts;
use crate::pipeline::{CheckOptions, NoFacts, Pipeline, SourceFile, discover};
use crate::profile::{DerivedProfile, Origin, Profile, RuleId};
use crate::rules::{Assessment, Finding, Selection, Subject, Verdict, assess};
use crate::worker::WorkerPool;

use super::args::{CommonArgs, ProfileFromArgs};
use super::error::CliError;
use super::exit_code::RunStatus;
use super::settings::Settings;
use super::{isolation, notices, output};

/// Runs the command.
pub fn run(settings: &Settings, common: &CommonArgs, args: &ProfileFromArgs) -> Result<RunStatus, CliError> {
    let extends = base_profile(common)?;
    let file_name = args.file.file_name().unwrap_or(args.file.as_os_str()).to_string_lossy().into_owned();
    super::report_target::check(settings, std::slice::from_ref(&args.file), &[])?;
    refuse_other_than_a_file(&args.file)?;
    let facts = match probe(settings, args)? {
        Ok(facts) => facts,
        Err(reason) => {
            notices::say(&format!("{}: {reason}", args.file.display()));
            return Ok(RunStatus::Refused);
        }
    };
    let id = args.id.clone().unwrap_or_else(|| id_from_name(&file_name));
    let date = today();
    let origin = Origin { id: &id, extends, file_name: &file_name, date: &date };
    let mut derived = DerivedProfile::new(&facts, origin);
    let mut assessment = assess_source(&derived, &facts, &file_name)?;
    // The profile must not contain rules that its own source file violates.
    let violated: Vec<RuleId> = assessment.findings().iter().map(|finding| finding.rule).collect();
    if violated.iter().filter(|&&rule| derived.exclude_rule(rule)).count() > 0 {
        assessment = assess_source(&derived, &facts, &file_name)?;
    }
    output::text(settings, &derived.to_toml())?;
    if assessment.verdict() == Verdict::Compliant {
        return Ok(RunStatus::Done);
    }
    notices::say(&format!("{} does not comply with the profile derived from it:", args.file.display()));
    for Finding { rule, message, .. } in assessment.findings() {
        notices::print(&format!("  {rule}: {message}"));
    }
    Ok(RunStatus::Refused)
}

/// Refuses what is not an existing file, with the reason.
fn refuse_other_than_a_file(path: &Path) -> Result<(), CliError> {
    if path.is_dir() {
        return Err(CliError::Usage(format!(
            "{} is a folder: a profile is derived from one video, so name a file",
            path.display()
        )));
    }
    let found = discover(&[path.to_owned()], &[])?;
    let problem = found.problems.into_iter().next();
    problem.map_or(Ok(()), |problem| {
        Err(CliError::Usage(format!("{} {}", problem.path.display(), problem.message)))
    })
}

/// Returns the built-in profile to extend, if `--profile` names one.
fn base_profile(common: &CommonArgs) -> Result<Option<&str>, CliError> {
    match common.profile.as_slice() {
        [] => Ok(None),
        [id] if Profile::builtin(id).is_some() => Ok(Some(id)),
        [id] => Err(CliError::Usage(format!(
            "a new profile can extend only a built-in profile, not `{id}`; `greenlit profiles` lists them"
        ))),
        _ => Err(CliError::Usage("a new profile can extend only one profile: give --profile once".into())),
    }
}

/// Probes the file. The inner error is the reason why the file cannot be used.
fn probe(settings: &Settings, args: &ProfileFromArgs) -> Result<Result<MediaFacts, String>, CliError> {
    let source = SourceFile {
        path: args.file.clone(),
        relative: PathBuf::from(&args.file),
        named: true,
        not_opened: None,
    };
    let runner = WorkerPool::new(1).with_isolation(settings.isolation);
    isolation::ensure(settings.isolation, settings.human.quiet, &runner)?;
    let cancel = Arc::new(AtomicBool::new(false));
    let options = CheckOptions::default();
    let pipeline = Pipeline::over_local_files(&[], &options, &runner, &cancel);
    match pipeline.check_asset(&source).result {
        Ok(facts) => Ok(Ok(facts)),
        Err(NoFacts { failure, .. }) if failure.kind == FailureKind::Input => Ok(Err(failure.message)),
        Err(NoFacts { failure, .. }) => Err(CliError::Usage(failure.message)),
    }
}

/// Parses the derived profile like a profile file and assesses the source file with it.
fn assess_source(
    derived: &DerivedProfile<'_>,
    facts: &MediaFacts,
    file_name: &str,
) -> Result<Assessment, CliError> {
    let profile = Profile::parse(&derived.to_toml(), &|id| Profile::builtin(id))
        .map_err(|source| CliError::Profile { path: file_name.into(), source })?;
    Ok(assess(&Subject { facts, file_name, deep: None }, &profile, &Selection::default()))
}

/// Maximum number of characters of a file name in an id.
const MAX_NAME_CHARS: usize = 48;

/// Derives an id from a file name: lower-case letters, digits and dashes.
fn id_from_name(file_name: &str) -> String {
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let plain: String = stem.chars().map(plain).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let words = if words.is_empty() { "file".to_owned() } else { words.join("-") };
    // Longer ids are invalid, since they name folders.
    format!("like-{}", words.chars().take(MAX_NAME_CHARS).collect::<String>().trim_end_matches('-'))
}

/// Returns the current date (UTC).
fn today() -> String {
    let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or_default();
    now.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_lower_case_words_and_dashes() {
        assert_eq!(id_from_name("My Clip (final).MP4"), "like-my-clip-final");
        assert_eq!(id_from_name("ä.mp4"), "like-file");
        assert_eq!(id_from_name("noending"), "like-noending");
    }

    #[test]
    fn today_is_an_iso_date() {
        let day = today();
        assert_eq!(day.len(), 10, "{day}");
        assert!(day.as_str() > "2025-01-01", "{day}");
    }
}
