//! Checks the cover images of ads against the profile's rules: all covers before the first upload, and
//! each cover against its video before its ad is created.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::{Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner};
use crate::model::{MediaFacts, Size};
use crate::profile::{Profile, Severity};
use crate::rules::{Assessment, Selection, Subject, Verdict, assess, assess_cover};
use crate::ship::{AdRow, PrepareError, Problem};

/// Checks the covers of all rows and returns the problems. Each image is read once. The preflight reports
/// covers that do not exist.
pub fn problems(
    rows: &[AdRow],
    profile: &Profile,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
) -> Vec<Problem> {
    let mut checked: BTreeMap<&Path, Vec<(bool, String)>> = BTreeMap::new();
    let mut problems = Vec::new();
    for row in rows {
        let Some(path) = row.cover.as_deref().filter(|path| path.is_file()) else { continue };
        let messages = checked.entry(path).or_insert_with(|| {
            match probe(path, runner, cancel) {
                // The run ends before anything is sent.
                Err(PrepareError::Cancelled) => Vec::new(),
                Err(error) => vec![(false, error.to_string())],
                Ok(facts) => messages(&assess_image(path, &facts, None, profile)),
            }
            .into_iter()
            .map(|(warning, text)| (warning, format!("{}: {text}", path.display())))
            .collect()
        });
        problems.extend(messages.iter().map(|(warning, message)| Problem {
            row: row.row,
            field: "cover",
            message: message.clone(),
            warning: *warning,
        }));
    }
    problems
}

/// Checks the image at `path` as the cover of a video with the display size `video`.
///
/// # Errors
/// The reason why the image cannot be the cover.
pub fn check(
    path: &Path,
    video: Option<Size>,
    profile: &Profile,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
) -> Result<(), PrepareError> {
    let refused = |reason: String| PrepareError::Refused(format!("{}: {reason}", path.display()));
    let facts = probe(path, runner, cancel).map_err(|error| match error {
        PrepareError::Cancelled => PrepareError::Cancelled,
        error => refused(error.to_string()),
    })?;
    let assessment = assess_image(path, &facts, video, profile);
    let errors: Vec<String> =
        messages(&assessment).into_iter().filter(|(warning, _)| !warning).map(|(_, text)| text).collect();
    if errors.is_empty() { Ok(()) } else { Err(refused(errors.join("; "))) }
}

fn assess_image(path: &Path, facts: &MediaFacts, video: Option<Size>, profile: &Profile) -> Assessment {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    // Uploads get a short name of their own, so that only the extension matters.
    let extension = name.rsplit_once('.').map_or(String::new(), |(_, extension)| format!(".{extension}"));
    let subject = Subject { facts, file_name: &format!("cover{extension}"), deep: None };
    match video {
        Some(video) => assess_cover(&subject, video, profile),
        None => assess(&subject, profile, &Selection::default()),
    }
}

/// Returns the messages of an assessment, each with whether it is only a warning. An undecided rule is an
/// error.
fn messages(assessment: &Assessment) -> Vec<(bool, String)> {
    let findings = assessment.findings().iter().filter(|finding| finding.severity != Severity::Advice);
    let mut messages: Vec<(bool, String)> =
        findings.map(|finding| (finding.severity == Severity::Warning, finding.message.clone())).collect();
    if assessment.verdict() == Verdict::Indeterminate {
        messages.push((false, format!("cannot be checked against {}", assessment.unknown().join(", "))));
    }
    messages
}

fn probe(path: &Path, runner: &dyn Runner, cancel: &Arc<AtomicBool>) -> Result<MediaFacts, PrepareError> {
    let failed = |error: String| PrepareError::Failed(error);
    let input = File::open(path).map_err(|error| failed(format!("cannot be opened: {error}")))?;
    let request = JobRequest {
        job: Job::Probe { depth: ProbeDepth::Auto },
        files: JobFiles { input, outputs: Vec::new() },
        name: path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        cancel: Arc::clone(cancel),
    };
    match runner.run(request, &mut |_| {}) {
        Ok(JobOutput::Probed(facts)) => Ok(*facts),
        Ok(_) => Err(failed("the media worker sent the result of another job; this is a bug".to_owned())),
        Err(JobError::Cancelled) => Err(PrepareError::Cancelled),
        Err(error) => Err(failed(error.to_string())),
    }
}
