//! Checks the cover images of ads against the profile's rules: all covers before the first upload, and
//! each cover against its video before its ad is created. Each check is of bytes in memory, which are read once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::{Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner, memory_file};
use crate::model::{MediaFacts, Size};
use crate::profile::{Profile, RuleId, Severity};
use crate::rules::{
    Assessment, CoverImage, Selection, Subject, ValidatedCover, Verdict, assess, assess_cover,
};
use crate::ship::{AdRow, PrepareError, Problem, read_cover};

/// The BLAKE3 of the covers that were checked before the first upload. A cover that is another image later is not
/// sent.
#[derive(Clone, Debug, Default)]
pub struct CheckedCovers(BTreeMap<PathBuf, String>);

impl CheckedCovers {
    /// Fails if the image is not the one that was checked.
    pub fn require_same(&self, image: &CoverImage) -> Result<(), PrepareError> {
        match self.0.get(image.path()) {
            Some(checked) if *checked != image.content().blake3 => {
                let path = image.path().display();
                Err(PrepareError::Changed(format!("{path}: changed while it was checked: run again")))
            }
            _ => Ok(()),
        }
    }
}

/// Checks the covers of all rows and returns the problems. Each image is read once. The preflight reports
/// covers that do not exist.
pub fn problems(
    rows: &[AdRow],
    profile: &Profile,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
) -> (Vec<Problem>, CheckedCovers) {
    let mut checked: BTreeMap<&Path, Vec<(bool, String)>> = BTreeMap::new();
    let (mut problems, mut covers) = (Vec::new(), CheckedCovers::default());
    for row in rows {
        let Some(path) = row.cover.as_deref().filter(|path| path.is_file()) else { continue };
        let messages = checked.entry(path).or_insert_with(|| {
            let image = read_cover(path).map_err(|error| PrepareError::Failed(error.to_string()));
            if let Ok(image) = &image {
                covers.0.insert(path.to_owned(), image.content().blake3.clone());
            }
            match image.and_then(|image| probe(&image, runner, cancel)) {
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
    (problems, covers)
}

/// Checks an image as the cover of a video with the display size `video`.
///
/// # Errors
/// The reason why the image cannot be the cover.
pub fn check(
    image: CoverImage,
    video: Option<Size>,
    profile: &Profile,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
) -> Result<ValidatedCover, PrepareError> {
    let path = image.path().to_owned();
    let refused = |reason: String| PrepareError::Refused(format!("{}: {reason}", path.display()));
    let facts = probe(&image, runner, cancel).map_err(|error| match error {
        PrepareError::Cancelled => PrepareError::Cancelled,
        error => refused(error.to_string()),
    })?;
    let assessment = assess_image(&path, &facts, video, profile);
    let errors: Vec<String> =
        messages(&assessment).into_iter().filter(|(warning, _)| !warning).map(|(_, text)| text).collect();
    if !errors.is_empty() {
        return Err(refused(errors.join("; ")));
    }
    assessment.validate_cover(image).ok_or_else(|| refused("not a still image".to_owned()))
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
        messages.push((false, format!("cannot be checked against {}", RuleId::list(assessment.unknown()))));
    }
    messages
}

fn probe(
    image: &CoverImage,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
) -> Result<MediaFacts, PrepareError> {
    let failed = |error: String| PrepareError::Failed(error);
    let input = memory_file(image.bytes()).map_err(|error| failed(format!("cannot be checked: {error}")))?;
    let path = image.path();
    let request = JobRequest {
        job: Job::Probe { depth: ProbeDepth::Auto },
        files: JobFiles { input, outputs: Vec::new() },
        name: path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        cancel: Arc::clone(cancel),
        time: Default::default(),
    };
    match runner.run(request, &mut |_| {}) {
        Ok(JobOutput::Probed(facts)) => Ok(*facts),
        Ok(_) => Err(failed("the media worker sent the result of another job; this is a bug".to_owned())),
        Err(JobError::Cancelled) => Err(PrepareError::Cancelled),
        Err(error) => Err(failed(error.to_string())),
    }
}
