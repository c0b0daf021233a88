//! The use cases of a cover image: make one from a video, and check one. A check is of bytes in memory, which are read
//! once.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::ending::PrepareError;
use crate::job::{Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, TimeBudget, memory_file};
use crate::model::{MediaFacts, Size};
use crate::profile::{Profile, RuleId, Severity};
use crate::rules::{
    Assessment, CoverImage, Selection, Subject, ValidatedAsset, ValidatedCover, Verdict, assess, assess_cover,
};

use super::inputs::Pipeline;
use super::open_source::display_name;
use super::store::Existing;

/// A remark about a cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverRemark {
    /// Whether the image can be the cover nevertheless.
    pub is_warning: bool,
    /// The remark in one sentence.
    pub message: String,
}

impl Pipeline<'_> {
    /// Returns the remarks of the profile's rules about an image that will be a cover.
    ///
    /// # Errors
    ///
    /// Why the image cannot be checked.
    pub fn check_image(
        &self,
        image: &CoverImage,
        profile: &Profile,
    ) -> Result<Vec<CoverRemark>, PrepareError> {
        let facts = self.probe_image(image)?;
        Ok(remarks(&assess_image(image.path(), &facts, None, profile)))
    }

    /// Checks an image as the cover of a video with the display size `video`.
    ///
    /// # Errors
    ///
    /// Why the image cannot be the cover.
    pub fn check_cover(
        &self,
        image: CoverImage,
        video: Option<Size>,
        profile: &Profile,
    ) -> Result<ValidatedCover, PrepareError> {
        let path = image.path().to_owned();
        let refused = |reason: String| PrepareError::Refused(format!("{}: {reason}", path.display()));
        let facts = self.probe_image(&image).map_err(|error| match error {
            PrepareError::Cancelled => PrepareError::Cancelled,
            error => refused(error.to_string()),
        })?;
        let assessment = assess_image(&path, &facts, video, profile);
        let errors: Vec<String> = remarks(&assessment)
            .into_iter()
            .filter(|remark| !remark.is_warning)
            .map(|remark| remark.message)
            .collect();
        if !errors.is_empty() {
            return Err(refused(errors.join("; ")));
        }
        assessment.validate_cover(image).ok_or_else(|| refused("not a still image".to_owned()))
    }

    fn probe_image(&self, image: &CoverImage) -> Result<MediaFacts, PrepareError> {
        let failed = |error: String| PrepareError::Failed(error);
        let input =
            memory_file(image.bytes()).map_err(|error| failed(format!("cannot be checked: {error}")))?;
        let request = JobRequest {
            job: Job::Probe { depth: ProbeDepth::Auto },
            files: JobFiles { input, outputs: Vec::new() },
            name: display_name(image.path()),
            cancel: Arc::clone(self.cancel),
            time: TimeBudget::default(),
        };
        match self.runner.run(request, &mut |_| {}) {
            Ok(JobOutput::Probed(facts)) => Ok(*facts),
            Ok(_) => Err(failed("the media worker sent the result of another job; this is a bug".to_owned())),
            Err(JobError::Cancelled) => Err(PrepareError::Cancelled),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Makes a cover of a video at `target`, at most `max_side` pixels wide and high, unless an earlier run made it.
    ///
    /// # Errors
    ///
    /// Why there is no cover.
    pub fn make_cover(
        &self,
        asset: &ValidatedAsset,
        target: &Path,
        max_side: u32,
    ) -> Result<(), PrepareError> {
        let failed =
            |reason: &dyn fmt::Display| PrepareError::Failed(format!("cannot create a cover: {reason}"));
        let exists = || self.store.state(target).is_ok();
        if exists() {
            return Ok(());
        }
        let size = asset.display_size().ok_or_else(|| failed(&"the video's size is unknown"))?;
        let staging = self.store.create(target).map_err(|error| failed(&error))?;
        let files = JobFiles {
            input: self.store.open(asset.path()).map_err(|failure| PrepareError::Failed(failure.message))?,
            outputs: vec![staging.descriptor().map_err(|error| failed(&error))?],
        };
        let request = JobRequest {
            job: Job::Cover { size: size.scaled_down_to(max_side) },
            files,
            name: display_name(asset.path()),
            cancel: Arc::clone(self.cancel),
            time: TimeBudget::default(),
        };
        self.runner.run(request, &mut |_| {}).map_err(|error| match error {
            JobError::Cancelled => PrepareError::Cancelled,
            error => failed(&error),
        })?;
        match self.store.publish(staging, Existing::Nothing, None) {
            // A cover that another run made meanwhile is as good.
            Err(failure) if !exists() => Err(failed(&failure.message)),
            _ => Ok(()),
        }
    }
}

fn assess_image(path: &Path, facts: &MediaFacts, video: Option<Size>, profile: &Profile) -> Assessment {
    let name = display_name(path);
    // Uploads get a short name of their own, so that only the extension matters.
    let extension = name.rsplit_once('.').map_or(String::new(), |(_, extension)| format!(".{extension}"));
    let subject = Subject { facts, file_name: &format!("cover{extension}"), deep: None };
    match video {
        Some(video) => assess_cover(&subject, video, profile),
        None => assess(&subject, profile, &Selection::default()),
    }
}

/// Returns what an assessment says. An undecided rule is no warning.
fn remarks(assessment: &Assessment) -> Vec<CoverRemark> {
    let findings = assessment.findings().iter().filter(|finding| finding.severity != Severity::Advice);
    let mut remarks: Vec<CoverRemark> = findings
        .map(|finding| CoverRemark {
            is_warning: finding.severity == Severity::Warning,
            message: finding.message.clone(),
        })
        .collect();
    if assessment.verdict() == Verdict::Indeterminate {
        let message = format!("cannot be checked against {}", RuleId::list(assessment.unknown()));
        remarks.push(CoverRemark { is_warning: false, message });
    }
    remarks
}
