//! Prepares files for shipping with media workers on this machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tokio::task::JoinHandle;

use crate::ending::{FailureKind, PrepareError};
use crate::job::Runner;
use crate::pipeline::{
    CheckOptions, Failure, FixRecord, FixSettings, Fixing, LocalFiles, Observer, Outcome, Pipeline,
    SourceFile,
};
use crate::plan::EncodeMode;
use crate::platform::{Platform, Problem, Row};
use crate::profile::Profile;
use crate::rules::{CoverImage, ValidatedAsset, ValidatedCover};
use crate::ship::{AssetPreparer, CheckedCovers, Manifest, Prepared, PreparedSender, read_cover};

/// Prepares files with media workers on this machine. Keeps the outcome of each file for the report.
pub struct LocalAssetPreparer {
    pub runner: Arc<dyn Runner>,
    pub observer: Arc<dyn Observer + Send>,
    pub profile: Profile,
    /// The platform, whose covers have limits of their own.
    pub platform: &'static dyn Platform,
    pub options: CheckOptions,
    pub settings: FixSettings,
    pub fix_record: FixRecord,
    pub cancel: Arc<AtomicBool>,
    pub outcomes: Mutex<HashMap<PathBuf, Outcome>>,
    /// The covers that were checked before the first upload.
    pub covers: CheckedCovers,
}

/// Returns the videos of a manifest that exist; the checks of rows report the others.
pub(crate) fn manifest_sources(manifest: &Manifest) -> Vec<SourceFile> {
    let videos = manifest.videos().into_iter().filter(|video| video.is_file());
    let source = |video: &Path| SourceFile {
        path: video.to_owned(),
        relative: video.file_name().map_or_else(PathBuf::new, PathBuf::from),
        named: false,
        not_opened: None,
    };
    videos.map(source).collect()
}

/// Checks the covers of all rows before anything is sent.
pub(crate) fn check_covers(
    platform: &dyn Platform,
    rows: &[Row],
    profile: &Profile,
    pipeline: Pipeline<'_>,
) -> (CheckedCovers, Vec<Problem>) {
    let Some(limits) = platform.cover() else { return Default::default() };
    CheckedCovers::check(rows, limits.bytes, &|image| {
        let remarks = pipeline.check_image(image, profile)?;
        Ok(remarks.into_iter().map(|remark| (remark.is_warning, remark.message)).collect())
    })
}

/// Capacity of the queue of files that are ready to upload. Preparation waits while it is full.
pub(crate) const READY_QUEUE: usize = 16;

impl LocalAssetPreparer {
    /// Prepares every source in a blocking thread of the runtime and sends each to the channel when it is ready;
    /// `on_refusal` is told of those that are not sent.
    pub fn start(
        self: &Arc<Self>,
        sources: Vec<SourceFile>,
        sender: PreparedSender,
        on_refusal: impl Fn(&Path, &PrepareError) + Send + Sync + 'static,
    ) -> JoinHandle<()> {
        let preparer = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let profile_hash = preparer.profile.hash();
            preparer.prepare_all(&sources, &|source, result: Result<ValidatedAsset, PrepareError>| {
                let source_blake3 =
                    preparer.fix_record.contents().blake3_of(&source.path).unwrap_or_default();
                if let Err(error) = &result {
                    on_refusal(&source.path, error);
                }
                let (source, profile_hash) = (source.path.clone(), profile_hash.clone());
                // It is refused only after the run has stopped; then the file is not needed.
                sender.blocking_send(Prepared { source, source_blake3, profile_hash, result });
            });
        })
    }

    /// Prepares all sources in parallel with the first encode mode; calls `done` for each finished file.
    pub fn prepare_all(
        &self,
        sources: &[SourceFile],
        done: &(dyn Fn(&SourceFile, Result<ValidatedAsset, PrepareError>) + Sync),
    ) {
        let fixing = Fixing { settings: &self.settings, record: Some(&self.fix_record) };
        self.pipeline().fix(sources, fixing, &|outcome| {
            let result = outcome.validate(&self.profile, &LocalFiles, &self.fix_record);
            if let Ok(mut outcomes) = self.outcomes.lock() {
                let mut kept = outcome.clone();
                // A changed file complied, and is not delivered by this run.
                if let Err(PrepareError::Changed(message)) = &result {
                    kept.failure = Some(Failure::new(FailureKind::Operation, message.clone()));
                }
                outcomes.insert(kept.source.path.clone(), kept);
            }
            // A text file or an image in a folder is listed as skipped; it was not meant to be delivered.
            if !outcome.is_incidental() {
                done(&outcome.source, result);
            }
        });
    }

    fn pipeline(&self) -> Pipeline<'_> {
        let (profiles, runner) = (std::slice::from_ref(&self.profile), self.runner.as_ref());
        Pipeline {
            observer: self.observer.as_ref(),
            ..Pipeline::over_local_files(profiles, &self.options, runner, &self.cancel)
        }
    }
}

impl AssetPreparer for LocalAssetPreparer {
    fn prepare(&self, source: &Path, encode_mode: EncodeMode) -> Result<ValidatedAsset, PrepareError> {
        let relative = source.file_name().map_or_else(|| source.to_owned(), PathBuf::from);
        let source = SourceFile { path: source.to_owned(), relative, named: false, not_opened: None };
        let mut settings = self.settings.clone();
        settings.options.encode_mode = encode_mode;
        let (pipeline, fixing) =
            (self.pipeline(), Fixing { settings: &settings, record: Some(&self.fix_record) });
        let checked = pipeline.check_asset(&source);
        let plans = pipeline.plan_asset(&checked, &settings);
        let outcomes = pipeline.prepare_asset(&checked, plans, fixing);
        match outcomes.first() {
            Some(outcome) => outcome.validate(&self.profile, &LocalFiles, &self.fix_record),
            None => Err(PrepareError::Failed("the file was not processed".into())),
        }
    }

    fn cover(&self, asset: &ValidatedAsset) -> Result<ValidatedCover, PrepareError> {
        let folder = self.settings.out.clone().unwrap_or_else(|| PathBuf::from("."));
        let target = folder.join("covers").join(format!("{}.png", &asset.content().blake3[..16]));
        let limits = self.platform.cover();
        let limits = limits.ok_or_else(|| PrepareError::Failed("the platform takes no covers".to_owned()))?;
        self.pipeline().make_cover(asset, &target, limits.side)?;
        let image = read_cover(&target, limits.bytes)
            .map_err(|error| PrepareError::Failed(format!("{}: {error}", target.display())))?;
        self.check_cover(image, asset)
    }

    fn check_cover(&self, image: CoverImage, asset: &ValidatedAsset) -> Result<ValidatedCover, PrepareError> {
        self.covers.require_same(&image)?;
        self.pipeline().check_cover(image, asset.display_size(), &self.profile)
    }
}
