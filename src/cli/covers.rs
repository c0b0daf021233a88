//! Covers of ads, judged by the profile's rules for pictures: all of them before anything is sent,
//! and each against its video before its ad is created.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::{Job, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner};
use crate::model::{MediaFacts, Size};
use crate::profile::{Profile, Severity};
use crate::rules::{Assessment, Selection, Subject, Verdict, assess, assess_cover};
use crate::ship::{AdRow, Problem};

/// What the rules say of the covers that rows name, each picture read once. Covers that are not
/// there are for the preflight to report.
pub fn problems(
    rows: &[AdRow],
    profile: &Profile,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
) -> Vec<Problem> {
    let mut seen: BTreeMap<&Path, Vec<(bool, String)>> = BTreeMap::new();
    let mut problems = Vec::new();
    for row in rows {
        let Some(path) = row.cover.as_deref().filter(|path| path.is_file()) else { continue };
        let said = seen.entry(path).or_insert_with(|| {
            match facts(path, runner, cancel) {
                Err(reason) => vec![(false, reason)],
                Ok(facts) => complaints(&judge(path, &facts, None, profile)),
            }
            .into_iter()
            .map(|(warning, text)| (warning, format!("{}: {text}", path.display())))
            .collect()
        });
        problems.extend(said.iter().map(|(warning, message)| Problem {
            row: row.row,
            field: "cover",
            message: message.clone(),
            warning: *warning,
        }));
    }
    problems
}

/// Judges the picture at `path` as the cover of a video that is shown at `video`.
///
/// # Errors
/// Why the picture cannot be the cover.
pub fn check(
    path: &Path,
    video: Option<Size>,
    profile: &Profile,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
) -> Result<(), String> {
    let facts = facts(path, runner, cancel).map_err(|reason| format!("{}: {reason}", path.display()))?;
    let assessment = judge(path, &facts, video, profile);
    let errors: Vec<String> =
        complaints(&assessment).into_iter().filter(|(warning, _)| !warning).map(|(_, text)| text).collect();
    if errors.is_empty() { Ok(()) } else { Err(format!("{}: {}", path.display(), errors.join("; "))) }
}

fn judge(path: &Path, facts: &MediaFacts, video: Option<Size>, profile: &Profile) -> Assessment {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    // The platform sees the name we upload under, which is always short.
    let ending = name.rsplit_once('.').map_or(String::new(), |(_, ending)| format!(".{ending}"));
    let subject = Subject { facts, file_name: &format!("cover{ending}"), deep: None };
    match video {
        Some(video) => assess_cover(&subject, video, profile),
        None => assess(&subject, profile, &Selection::default()),
    }
}

/// What there is to say, and whether it is only a warning. What is not decided is not allowed.
fn complaints(assessment: &Assessment) -> Vec<(bool, String)> {
    let findings = assessment.findings().iter().filter(|finding| finding.severity != Severity::Advice);
    let mut said: Vec<(bool, String)> =
        findings.map(|finding| (finding.severity == Severity::Warning, finding.message.clone())).collect();
    if assessment.verdict() == Verdict::Indeterminate {
        said.push((false, format!("too little is known for {}", assessment.unknown().join(", "))));
    }
    said
}

fn facts(path: &Path, runner: &dyn Runner, cancel: &Arc<AtomicBool>) -> Result<MediaFacts, String> {
    let input = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let request = JobRequest {
        job: Job::Probe { depth: ProbeDepth::Auto },
        files: JobFiles { input, outputs: Vec::new() },
        name: path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        cancel: Arc::clone(cancel),
    };
    match runner.run(request, &mut |_| {}) {
        Ok(JobOutput::Probed(facts)) => Ok(*facts),
        Ok(_) => Err("the media worker answered a different question: this is a bug".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
