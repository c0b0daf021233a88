//! Prepares files for shipping: checks, fixes, verifies and hashes them, and validates the result.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use md5::{Digest, Md5};

use crate::cache::{FileState, ProbeCache};
use crate::ending::FailureKind;
use crate::job::{Job, JobError, JobFiles, JobRequest, Runner, TimeBudget};
use crate::model::{ContentHash, Size};
use crate::pipeline::{
    CheckOptions, Failure, FixRecord, FixSettings, Observer, Outcome, SourceFile, Staging, fix,
};
use crate::plan::{Action, EncodeMode};
use crate::profile::Profile;
use crate::rules::{
    Assessment, CoverImage, Selection, Subject, ValidatedAsset, ValidatedCover, Verdict, assess,
};
use crate::ship::{AssetPreparer, PrepareError, read_cover};

use super::covers::{self, CheckedCovers};

/// Maximum width and height of a cover, in pixels (image upload of the ads API).
const MAX_COVER_SIDE: u32 = 1280;

/// Prepares files with media workers on this machine. Keeps the outcome of each file for the report.
pub struct LocalAssetPreparer {
    pub runner: Arc<dyn Runner>,
    pub observer: Arc<dyn Observer + Send>,
    pub profile: Profile,
    pub settings: FixSettings,
    pub fix_record: FixRecord,
    pub cancel: Arc<AtomicBool>,
    /// Facts of earlier runs, and which contents are known to decode.
    pub probe_cache: Option<Arc<dyn ProbeCache>>,
    /// The most time for each file.
    pub time_limit: Option<Duration>,
    pub outcomes: Mutex<HashMap<PathBuf, Outcome>>,
    /// The covers that were checked before the first upload.
    pub covers: CheckedCovers,
}

impl LocalAssetPreparer {
    /// Prepares all sources in parallel with the first encode mode; calls `done` for each finished file.
    pub fn prepare_all(
        &self,
        sources: &[SourceFile],
        done: &(dyn Fn(&SourceFile, Result<ValidatedAsset, PrepareError>) + Sync),
    ) {
        self.fix(sources, EncodeMode::Planned, &|outcome| {
            let result = self.validated(outcome);
            if let Ok(mut outcomes) = self.outcomes.lock() {
                let kept = match &result {
                    // A changed file is a failure of this run, not a verdict on the file.
                    Err(PrepareError::Changed(message)) => {
                        outcome.clone().failed(Failure::new(FailureKind::Operation, message.clone()))
                    }
                    _ => outcome.clone(),
                };
                outcomes.insert(kept.source.path.clone(), kept);
            }
            // A text file or an image in a folder is listed as skipped; it was not meant to be delivered.
            if !outcome.is_incidental() {
                done(&outcome.source, result);
            }
        });
    }

    fn fix(&self, sources: &[SourceFile], encode_mode: EncodeMode, done: &(dyn Fn(&Outcome) + Sync)) {
        let mut settings = self.settings.clone();
        settings.options.encode_mode = encode_mode;
        fix(
            sources,
            std::slice::from_ref(&self.profile),
            &CheckOptions {
                probe_cache: self.probe_cache.clone(),
                time_limit: self.time_limit,
                ..CheckOptions::default()
            },
            &settings,
            Some(&self.fix_record),
            self.runner.as_ref(),
            self.observer.as_ref(),
            &self.cancel,
            done,
        );
    }

    /// Validates the file that an outcome ends with: the output, or the source if it is compliant.
    fn validated(&self, outcome: &Outcome) -> Result<ValidatedAsset, PrepareError> {
        if let Some(failure) = &outcome.failure {
            return Err(prepare_error(failure));
        }
        let refused = || PrepareError::Refused("the file does not comply and was not fixed".into());
        if outcome.assessment.as_ref().is_some_and(Assessment::is_image) {
            let reason = "the file is a still image, not a video; a manifest takes images as `cover`";
            return Err(PrepareError::Refused(reason.into()));
        }
        let Some(fixed) = &outcome.fix else { return Err(refused()) };
        if let Some(failure) = fixed.failure() {
            return Err(prepare_error(failure));
        }
        if fixed.plan.action == Action::Refused {
            return Err(fixed.plan.reason.clone().map_or_else(refused, PrepareError::Refused));
        }
        let output = fixed.output();
        let path = output.map_or(&outcome.source.path, |output| &output.path);
        let facts = output.and_then(|output| output.proof.facts.as_ref()).or(outcome.facts.as_ref());
        let Some(facts) = facts else { return Err(refused()) };
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        // Uploads get a short name of their own with the extension mp4, so check that instead.
        let name = fixed.plan.max_name_chars.map_or(name.as_ref(), |_| "file.mp4");
        let subject = Subject { facts, file_name: name, deep: None };
        let assessment = assess(&subject, &self.profile, &Selection::default());
        let content = match output {
            Some(output) => self.hash_output(&output.path)?,
            None => hash_source(path, outcome.state)?,
        };
        if assessment.verdict() != Verdict::Compliant {
            return Err(refused());
        }
        assessment.validate(path.clone(), content).ok_or_else(refused)
    }

    /// Hashes an output, which must still have the bytes that were verified.
    fn hash_output(&self, path: &Path) -> Result<ContentHash, PrepareError> {
        let failed = |error: io::Error| PrepareError::Failed(format!("{}: {error}", path.display()));
        let content = hash(path).map_err(failed)?;
        // Records of earlier versions hold no content.
        let verified = self.fix_record.content_of_output(path);
        if verified.is_none_or(|verified| verified == content.blake3) {
            return Ok(content);
        }
        let message = format!("{}: the output changed after it was verified: run again", path.display());
        Err(PrepareError::Changed(message))
    }
}

/// Hashes a source that is shipped as it is, which must still be the file that was probed.
fn hash_source(path: &Path, probed: Option<FileState>) -> Result<ContentHash, PrepareError> {
    let failed = |error: io::Error| PrepareError::Failed(format!("{}: {error}", path.display()));
    let mut file = File::open(path).map_err(failed)?;
    let content = hash_open(&mut file).map_err(failed)?;
    let now = file.metadata().map_err(failed)?;
    if probed == Some(FileState::from(&now)) {
        return Ok(content);
    }
    Err(PrepareError::Changed(format!(
        "{}: the file changed since it was checked: run again",
        path.display()
    )))
}

/// Converts a failure: problems of the file itself are final, a full disk is not, and a cancelled file did not fail.
fn prepare_error(failure: &Failure) -> PrepareError {
    let message = failure.message.clone();
    match failure.kind {
        FailureKind::Interrupted => PrepareError::Cancelled,
        kind if kind.is_fault_of_file() => PrepareError::Refused(message),
        _ => PrepareError::Failed(message),
    }
}

impl AssetPreparer for LocalAssetPreparer {
    fn prepare(&self, source: &Path, encode_mode: EncodeMode) -> Result<ValidatedAsset, PrepareError> {
        let relative = source.file_name().map_or_else(|| source.to_owned(), PathBuf::from);
        let source = SourceFile { path: source.to_owned(), relative, named: false, not_opened: None };
        let result = Mutex::new(None);
        self.fix(&[source], encode_mode, &|outcome| {
            if let Ok(mut result) = result.lock() {
                *result = Some(self.validated(outcome));
            }
        });
        let result = result.into_inner().ok().flatten();
        result.unwrap_or_else(|| Err(PrepareError::Failed("the file was not processed".into())))
    }

    fn cover(&self, asset: &ValidatedAsset) -> Result<ValidatedCover, PrepareError> {
        let failed = |error: io::Error| PrepareError::Failed(format!("cannot create a cover: {error}"));
        let folder = self.settings.out.clone().unwrap_or_else(|| PathBuf::from("."));
        let target = folder.join("covers").join(format!("{}.png", &asset.content().blake3[..16]));
        // An earlier run may have made it.
        if !target.is_file() {
            let staging = Staging::new(&target).map_err(failed)?;
            self.make_cover(asset, &staging)?;
            match staging.publish_new() {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
                _ => {}
            }
        }
        let image = read_cover(&target)
            .map_err(|error| PrepareError::Failed(format!("{}: {error}", target.display())))?;
        self.check_cover(image, asset)
    }

    fn check_cover(&self, image: CoverImage, asset: &ValidatedAsset) -> Result<ValidatedCover, PrepareError> {
        self.covers.require_same(&image)?;
        covers::check(image, asset.display_size(), &self.profile, self.runner.as_ref(), &self.cancel)
    }
}

impl LocalAssetPreparer {
    /// Lets a worker write the cover of a video.
    fn make_cover(&self, asset: &ValidatedAsset, staging: &Staging) -> Result<(), PrepareError> {
        let failed = |error: io::Error| PrepareError::Failed(format!("cannot create a cover: {error}"));
        let size = asset.display_size().ok_or_else(|| {
            PrepareError::Failed("cannot create a cover: the video's size is unknown".into())
        })?;
        let files = JobFiles {
            input: File::open(asset.path()).map_err(failed)?,
            outputs: vec![staging.descriptor().map_err(failed)?],
        };
        let name = asset.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let request = JobRequest {
            job: Job::Cover { size: cover_size(size) },
            files,
            name,
            cancel: Arc::clone(&self.cancel),
            time: TimeBudget::default(),
        };
        self.runner.run(request, &mut |_| {}).map(drop).map_err(|error| match error {
            JobError::Cancelled => PrepareError::Cancelled,
            error => PrepareError::Failed(format!("cannot create a cover: {error}")),
        })
    }
}

/// Returns the size of the cover: the video's size, scaled down to [`MAX_COVER_SIDE`] at most.
fn cover_size(size: Size) -> Size {
    let longer = size.width.max(size.height);
    if longer <= MAX_COVER_SIDE {
        return size;
    }
    let scale = f64::from(MAX_COVER_SIDE) / f64::from(longer);
    let side = |side: u32| ((f64::from(side) * scale / 2.0).round() as u32).max(1) * 2;
    Size::new(side(size.width), side(size.height))
}

/// Computes the size, BLAKE3 and MD5 of a file in one pass.
pub fn hash(path: &Path) -> io::Result<ContentHash> {
    // Opening a named pipe would wait for the program at its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    hash_open(&mut File::open(path)?)
}

fn hash_open(file: &mut File) -> io::Result<ContentHash> {
    let (mut blake, mut md5) = (blake3::Hasher::new(), Md5::new());
    let mut buffer = vec![0; 1 << 20];
    let mut size_bytes = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        blake.update(&buffer[..count]);
        md5.update(&buffer[..count]);
        size_bytes += count as u64;
    }
    let md5 = md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(ContentHash { blake3: blake.finalize().to_hex().to_string(), md5, size_bytes })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn hash_returns_blake3_md5_and_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, b"abc").unwrap();
        let hash = hash(&path).unwrap();
        assert_eq!(hash.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hash.blake3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
        assert_eq!(hash.size_bytes, 3);
    }

    #[test]
    fn a_cancelled_run_or_full_disk_is_not_final() {
        let of = |kind| prepare_error(&Failure::new(kind, "reason"));
        assert_eq!(of(FailureKind::Input), PrepareError::Refused("reason".to_owned()));
        assert_eq!(of(FailureKind::Operation), PrepareError::Failed("reason".to_owned()));
        assert_eq!(of(FailureKind::Interrupted), PrepareError::Cancelled);
    }

    #[test]
    fn a_cover_is_scaled_down_to_the_limit_with_the_same_ratio() {
        assert_eq!(cover_size(Size::new(1080, 1920)), Size::new(720, 1280));
        assert_eq!(cover_size(Size::new(640, 640)), Size::new(640, 640));
    }
}
