//! Probes each file once and assesses its facts under each profile. Files that did not change since an earlier
//! run are not probed again; their cached facts are assessed.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cache::{CachedProbe, FileFingerprint, FileState, ProbeCache};
use crate::job::{Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner};
use crate::model::{Completeness, DeepReport, MediaFacts};
use crate::profile::Profile;
use crate::rules::{Assessment, RuleSet, Selection, Subject, Verdict};

use super::discover::{SourceFile, plain};
use super::events::{Event, Observer};
use super::open_source::{display_name, not_media, open_regular, worth_probing};
use super::outcome::{Failure, FailureKind, Outcome};
use super::parallel::run_batches_in_parallel;
use super::probe_cache::{self, CacheSession, FoundProbes, fingerprint_of};

/// The number of frames at the start of a video that may lack their references.
const MAX_LEADING_FRAMES: u64 = 2;

/// The maximum number of files sent to a worker at once, so that it need not wait between files.
const MAX_BATCH: usize = 8;

/// The options of a check.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// The selected rules.
    pub selection: Selection,
    /// Whether to decode and analyse all frames.
    pub deep: bool,
    /// The cached results of earlier runs; `None` probes every file.
    pub probe_cache: Option<Arc<dyn ProbeCache>>,
}

/// One file, probed and assessed.
#[derive(Clone, Debug)]
pub struct CheckedFile {
    /// The file.
    pub source: SourceFile,
    /// The facts, or the verdict and failure without them.
    pub result: Result<MediaFacts, (Verdict, Failure)>,
    /// One assessment for each profile, in the order of the profiles; empty without facts, unless data is known
    /// to be missing.
    pub assessments: Vec<Assessment>,
    /// The state of the file when it was probed; `None` if it could not be opened.
    pub state: Option<FileState>,
}

impl CheckedFile {
    /// Returns the outcome under the profile at `index`.
    pub fn outcome(&self, index: usize, profile: &Profile) -> Outcome {
        let facts = self.result.as_ref().ok().cloned();
        self.outcome_with(self.source.clone(), profile, facts, self.assessments.get(index).cloned())
    }

    /// Returns the outcomes under `profiles`, in their order. The last outcome gets the facts without a copy.
    pub fn into_outcomes(mut self, profiles: &[Profile]) -> Vec<Outcome> {
        let mut assessments = std::mem::take(&mut self.assessments).into_iter();
        let mut outcomes = Vec::with_capacity(profiles.len());
        for (index, profile) in profiles.iter().enumerate() {
            let is_last = index + 1 == profiles.len();
            let facts = match &mut self.result {
                Ok(facts) if is_last => Some(std::mem::take(facts)),
                Ok(facts) => Some(facts.clone()),
                Err(_) => None,
            };
            let source = if is_last { std::mem::take(&mut self.source) } else { self.source.clone() };
            outcomes.push(self.outcome_with(source, profile, facts, assessments.next()));
        }
        outcomes
    }

    fn outcome_with(
        &self,
        source: SourceFile,
        profile: &Profile,
        facts: Option<MediaFacts>,
        assessment: Option<Assessment>,
    ) -> Outcome {
        let (verdict, failure) = match (&self.result, &assessment) {
            (Ok(_), Some(assessment)) => (assessment.verdict(), None),
            (Ok(_), None) => (Verdict::Indeterminate, None),
            (Err((verdict, failure)), _) => (*verdict, Some(failure.clone())),
        };
        let profile = profile.id().to_owned();
        Outcome { source, profile, verdict, facts, assessment, failure, state: self.state, fix: None }
    }
}

/// Checks `sources` in parallel and returns the results in the order of the sources. When `cancel` is set, the
/// files not yet started are reported as interrupted.
pub fn check(
    sources: &[SourceFile],
    profiles: &[Profile],
    options: &CheckOptions,
    runner: &dyn Runner,
    observer: &dyn Observer,
    cancel: &Arc<AtomicBool>,
) -> Vec<CheckedFile> {
    check_with(sources, profiles, options, runner, observer, cancel, |_, checked| checked)
}

/// Like [`check()`], but passes each result to `each` as soon as it is available, so that few results are in
/// memory at a time. `each` gets the index of the source and the result, on any thread and in any order.
pub fn check_each(
    sources: &[SourceFile],
    profiles: &[Profile],
    options: &CheckOptions,
    runner: &dyn Runner,
    observer: &dyn Observer,
    cancel: &Arc<AtomicBool>,
    each: &(dyn Fn(usize, CheckedFile) + Sync),
) {
    check_with(sources, profiles, options, runner, observer, cancel, each);
}

fn check_with<T: Send>(
    sources: &[SourceFile],
    profiles: &[Profile],
    options: &CheckOptions,
    runner: &dyn Runner,
    observer: &dyn Observer,
    cancel: &Arc<AtomicBool>,
    each: impl Fn(usize, CheckedFile) -> T + Sync,
) -> Vec<T> {
    observer.notice(Event::Found { files: sources.len() });
    let cached = match options.probe_cache.as_deref() {
        Some(cache) => probe_cache::find(cache, sources, options.depth(), runner.width()),
        None => FoundProbes::default(),
    };
    let cache = options.probe_cache.as_deref().map(|cache| CacheSession::new(cache, runner));
    let session = ProbeSession {
        rule_sets: rule_sets(profiles, options),
        options,
        runner,
        cancel,
        cache: cache.as_ref(),
    };
    let max_batch = if options.deep { 1 } else { MAX_BATCH };
    run_batches_in_parallel(sources.len(), runner.width(), max_batch, |batch| {
        let mut results = Vec::with_capacity(batch.len());
        let mut report = |index: usize, checked: CheckedFile| {
            observer.notice(Event::Checked { path: &sources[index].path });
            results.push((index, each(index, checked)));
        };
        let mut uncached = Vec::with_capacity(batch.len());
        for index in batch {
            match cached.get(index) {
                Some((probe, state)) if !cancel.load(Ordering::Relaxed) => {
                    report(index, assess_probe(&sources[index], &session.rule_sets, state, probe));
                }
                _ => uncached.push(index),
            }
        }
        session.probe(sources, uncached, &mut report);
        results
    })
}

fn rule_sets<'a>(profiles: &'a [Profile], options: &CheckOptions) -> Vec<RuleSet<'a>> {
    profiles.iter().map(|profile| RuleSet::new(profile, &options.selection)).collect()
}

/// Probes and assesses one file without the cache.
pub fn check_one(
    source: &SourceFile,
    profiles: &[Profile],
    options: &CheckOptions,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
) -> CheckedFile {
    let session =
        ProbeSession { rule_sets: rule_sets(profiles, options), options, runner, cancel, cache: None };
    let mut result = None;
    session.probe(std::slice::from_ref(source), vec![0], &mut |_, checked| result = Some(checked));
    result.unwrap_or_else(|| failed(source, (Verdict::Unreadable, unexpected_result())))
}

/// What probing and assessing a file needs.
struct ProbeSession<'a> {
    rule_sets: Vec<RuleSet<'a>>,
    options: &'a CheckOptions,
    runner: &'a dyn Runner,
    cancel: &'a Arc<AtomicBool>,
    cache: Option<&'a CacheSession<'a>>,
}

impl ProbeSession<'_> {
    /// Probes and assesses the `sources` at `indices` and caches the results.
    fn probe(&self, sources: &[SourceFile], indices: Vec<usize>, report: &mut dyn FnMut(usize, CheckedFile)) {
        let mut pending = Vec::with_capacity(indices.len());
        let mut requests = Vec::with_capacity(indices.len());
        for index in indices {
            match self.request(&sources[index]) {
                Ok((request, state, fingerprint)) => {
                    pending.push((index, state, fingerprint));
                    requests.push(request);
                }
                Err(reason) => report(index, failed(&sources[index], reason)),
            }
        }
        let mut pending = pending.into_iter();
        self.runner.run_batch(requests, &mut |result| {
            let Some((index, state, fingerprint)) = pending.next() else { return };
            let source = &sources[index];
            report(
                index,
                match cacheable_probe(result) {
                    Ok(_) if !is_in_state(source, state) => failed(source, changed_meanwhile(source)),
                    Ok(probe) => {
                        self.cache(source, fingerprint, &probe);
                        assess_probe(source, &self.rule_sets, state, probe)
                    }
                    Err(reason) => failed(source, reason),
                },
            );
        });
        for (index, ..) in pending {
            report(index, failed(&sources[index], (Verdict::Unreadable, unexpected_result())));
        }
    }

    /// Returns the request for a worker, and the state and the fingerprint of the file before it is probed.
    fn request(
        &self,
        source: &SourceFile,
    ) -> Result<(JobRequest, FileState, Option<FileFingerprint>), (Verdict, Failure)> {
        let input = open(source, self.cancel)?;
        let state = input
            .metadata()
            .map(|meta| FileState::from(&meta))
            .map_err(|error| (Verdict::Indeterminate, Failure::from(&JobError::Io(plain(&error)))))?;
        let fingerprint = self.cache.and_then(|_| fingerprint_of(&source.path, &input, self.options.depth()));
        let name = display_name(&source.path);
        let is_identified = worth_probing(&input, source, &name)?;
        let depth = if is_identified { ProbeDepth::Auto } else { ProbeDepth::Unidentified };
        if self.options.deep && !is_identified {
            self.identify(&input, &name)?;
        }
        let job = if self.options.deep { Job::Deep } else { Job::Probe { depth } };
        let files = JobFiles { input, outputs: Vec::new() };
        Ok((JobRequest { job, files, name, cancel: Arc::clone(self.cancel) }, state, fingerprint))
    }

    /// Fails if a worker does not recognize the bytes of a file that nothing else identifies.
    fn identify(&self, input: &File, name: &str) -> Result<(), (Verdict, Failure)> {
        let io = |error: io::Error| (Verdict::Indeterminate, Failure::from(&JobError::Io(error.to_string())));
        let request = JobRequest {
            job: Job::Probe { depth: ProbeDepth::Unidentified },
            files: JobFiles { input: input.try_clone().map_err(io)?, outputs: Vec::new() },
            name: name.to_owned(),
            cancel: Arc::clone(self.cancel),
        };
        cacheable_probe(self.runner.run(request, &mut |_| {})).map(|_| ())
    }

    fn cache(&self, source: &SourceFile, fingerprint: Option<FileFingerprint>, probe: &CachedProbe) {
        // Whether an image is checked depends on how it was found, which the cache does not store.
        let is_image = matches!(probe, CachedProbe::Facts(facts) if facts.still_image().is_some());
        if let (Some(cache), Some(fingerprint), false) = (self.cache, fingerprint, is_image) {
            cache.put(&source.path, fingerprint, probe);
            if matches!(probe, CachedProbe::Deep(report) if decodes_completely(report)) {
                cache.put_decoded(&source.path, fingerprint);
            }
        }
    }
}

/// Returns whether a full decode shows that everything in the file decodes: it covers one stream of each kind.
fn decodes_completely(report: &DeepReport) -> bool {
    let DeepReport { facts, decode, .. } = report;
    let frames = facts.main_video().and_then(|video| video.frames);
    let all_frames = frames.is_some_and(|frames| decode.video_frames + MAX_LEADING_FRAMES >= frames);
    let one_size = facts.video.iter().all(|video| video.frame_sizes.len() <= 1);
    decode.error_count == 0 && all_frames && one_size && facts.video.len() == 1 && facts.audio.len() <= 1
}

/// Returns whether the file at the source's path is still the one that was opened, unchanged.
fn is_in_state(source: &SourceFile, state: FileState) -> bool {
    std::fs::metadata(&source.path).is_ok_and(|meta| FileState::from(&meta) == state)
}

/// Returns the reason for a file that was written to or replaced while it was checked: what was read of it may be a
/// mixture.
fn changed_meanwhile(source: &SourceFile) -> (Verdict, Failure) {
    let message = format!("{}: the file changed while it was checked: run again", source.path.display());
    (Verdict::Indeterminate, Failure { kind: FailureKind::Operation, message })
}

fn failed(source: &SourceFile, reason: (Verdict, Failure)) -> CheckedFile {
    CheckedFile { source: source.clone(), result: Err(reason), assessments: Vec::new(), state: None }
}

fn open(source: &SourceFile, cancel: &AtomicBool) -> Result<File, (Verdict, Failure)> {
    if cancel.load(Ordering::Relaxed) {
        return Err((Verdict::Indeterminate, Failure::from(&JobError::Cancelled)));
    }
    if let Some(kind) = source.not_opened {
        let failure = Failure { kind: FailureKind::Input, message: kind.reason().to_owned() };
        return Err((Verdict::Skipped, failure));
    }
    // Nothing is known about the bytes, so that is not a verdict on them.
    open_regular(&source.path).map_err(|failure| (Verdict::Indeterminate, failure))
}

/// Returns what a worker found about the bytes. Failures of the machine or of the worker are errors and are not
/// cached.
fn cacheable_probe(result: Result<JobOutput, JobError>) -> Result<CachedProbe, (Verdict, Failure)> {
    match result {
        Ok(JobOutput::Probed(facts)) => Ok(CachedProbe::Facts(facts)),
        Ok(JobOutput::Deep(report)) => Ok(CachedProbe::Deep(report)),
        Ok(JobOutput::NotMedia) => Err(not_media()),
        Ok(_) => Err((Verdict::Unreadable, unexpected_result())),
        Err(error @ JobError::Unreadable(_)) => Ok(CachedProbe::Unreadable(error.to_string())),
        Err(JobError::Truncated(reason)) => Ok(CachedProbe::Truncated(reason)),
        Err(error) => {
            let verdict = match error {
                JobError::Cancelled
                | JobError::Io(_)
                | JobError::Unavailable(_)
                | JobError::NotIsolated(_) => Verdict::Indeterminate,
                _ => Verdict::Unreadable,
            };
            Err((verdict, Failure::from(&error)))
        }
    }
}

/// Assesses a probe under each profile.
fn assess_probe(
    source: &SourceFile,
    rule_sets: &[RuleSet<'_>],
    state: FileState,
    probe: CachedProbe,
) -> CheckedFile {
    let (facts, deep) = match probe {
        CachedProbe::Facts(facts) => (*facts, None),
        CachedProbe::Deep(report) => (report.facts.clone(), Some(report)),
        CachedProbe::Unreadable(message) => {
            let failure = Failure { kind: FailureKind::Input, message };
            return failed(source, (Verdict::Unreadable, failure));
        }
        CachedProbe::Truncated(reason) => {
            let failure = Failure::from(&JobError::Truncated(reason.clone()));
            let assessments = assess_truncated(reason, &display_name(&source.path), rule_sets);
            return CheckedFile {
                source: source.clone(),
                result: Err((Verdict::Unreadable, failure)),
                assessments,
                state: Some(state),
            };
        }
    };
    let name = display_name(&source.path);
    let subject = Subject { facts: &facts, file_name: &name, deep: deep.as_deref() };
    let assessments = rule_sets.iter().map(|rules| rules.assess(&subject)).collect();
    CheckedFile { source: source.clone(), result: Ok(facts), assessments, state: Some(state) }
}

pub(crate) fn unexpected_result() -> Failure {
    let message = "the media worker sent an unexpected result: this is a bug, please report it".to_owned();
    Failure { kind: FailureKind::Operation, message }
}

/// Assesses a file of which only is known that a part is missing.
fn assess_truncated(reason: String, name: &str, rule_sets: &[RuleSet<'_>]) -> Vec<Assessment> {
    let completeness = Completeness::Missing { first_missing_s: None, reason };
    let facts = MediaFacts { completeness, ..MediaFacts::default() };
    let subject = Subject { facts: &facts, file_name: name, deep: None };
    rule_sets.iter().map(|rules| rules.narrowed_to("integrity").assess(&subject)).collect()
}
