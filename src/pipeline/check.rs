//! Probes each file once and assesses its facts under each profile. Files that did not change since an earlier
//! run are not probed again; their cached facts are assessed.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::cache::{CachedProbe, FileFingerprint, FileState, ProbeCache};
use crate::job::{
    FileClock, Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner, TimeBudget, processor_time,
};
use crate::model::{Completeness, DeepReport, MediaFacts};
use crate::profile::{Profile, RuleId};
use crate::rules::{Assessment, RuleSet, Selection, Subject, Verdict};

use super::checked_file::CheckedFile;
use super::discover::{SourceFile, plain};
use super::events::{Event, Observer};
use super::not_decoded::reason_not_to_decode;
use super::open_source::{display_name, not_media, open_regular, worth_probing};
use super::outcome::{Failure, NoFacts};
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
    /// The most time for all jobs of one file, without waiting; `None` for limits by what the file declares.
    pub time_limit: Option<Duration>,
}

impl CheckOptions {
    /// Returns the clock of a file, if there is a time limit.
    fn clock(&self) -> Option<Arc<FileClock>> {
        self.time_limit.map(|limit| Arc::new(FileClock::new(limit)))
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
                    let checked = assess_probe(&sources[index], &session.rule_sets, state, probe);
                    report(index, CheckedFile { clock: options.clock(), ..checked });
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
    result.unwrap_or_else(|| failed(source, NoFacts::unreadable(unexpected_result())))
}

/// What follows for a file once it is open.
enum Prepared {
    /// A job for a worker, with the state and the fingerprint of the file before it is probed.
    Job { request: Box<JobRequest>, state: FileState, fingerprint: Option<FileFingerprint> },
    /// Nothing more, because its verdict is certain.
    NotDecoded { checked: Box<CheckedFile> },
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
            let source = &sources[index];
            let clock = self.options.clock();
            match self.prepare(source, clock.as_ref()) {
                Ok(Prepared::Job { request, state, fingerprint }) => {
                    pending.push((index, state, fingerprint, clock));
                    requests.push(*request);
                }
                Ok(Prepared::NotDecoded { checked }) => report(index, CheckedFile { clock, ..*checked }),
                Err(reason) => report(index, failed(source, reason)),
            }
        }
        let mut pending = pending.into_iter();
        self.runner.run_batch(requests, &mut |result| {
            let Some((index, state, fingerprint, clock)) = pending.next() else { return };
            let source = &sources[index];
            let checked = match cacheable_probe(result) {
                Ok(_) if !is_in_state(source, state) => failed(source, changed_meanwhile(source)),
                Ok(probe) => {
                    self.cache(source, fingerprint, &probe);
                    assess_probe(source, &self.rule_sets, state, probe)
                }
                Err(reason) => failed(source, reason),
            };
            report(index, CheckedFile { clock, ..checked });
        });
        for (index, ..) in pending {
            report(index, failed(&sources[index], NoFacts::unreadable(unexpected_result())));
        }
    }

    /// Opens a file and decides which job it needs.
    fn prepare(&self, source: &SourceFile, clock: Option<&Arc<FileClock>>) -> Result<Prepared, NoFacts> {
        let input = open(source, self.cancel)?;
        let meta =
            input.metadata().map_err(|error| NoFacts::failed(Failure::from(&JobError::Io(plain(&error)))))?;
        let state = FileState::from(&meta);
        let fingerprint = self.cache.and_then(|_| fingerprint_of(&source.path, &input, self.options.depth()));
        let name = display_name(&source.path);
        let is_identified = worth_probing(&input, source, &name)?;
        let depth = if is_identified { ProbeDepth::Auto } else { ProbeDepth::Unidentified };
        let mut time = TimeBudget { processor: None, clock: clock.cloned() };
        let mut job = Job::Probe { depth };
        if self.options.deep {
            job = Job::Deep;
            let processor = match self.first_probe(&input, &name, depth, &time)? {
                CachedProbe::Facts(facts) => {
                    if let Some(checked) = self.without_decoding(source, state, &facts) {
                        return Ok(Prepared::NotDecoded { checked: Box::new(checked) });
                    }
                    processor_time::decode(&facts)
                }
                // The full decode says what is wrong.
                _ => processor_time::decode_unknown(meta.len()),
            };
            time.processor = Some(processor);
        }
        let files = JobFiles { input, outputs: Vec::new() };
        let request = JobRequest { job, files, name, cancel: Arc::clone(self.cancel), time };
        Ok(Prepared::Job { request: Box::new(request), state, fingerprint })
    }

    /// Probes a file before its full decode: what it declares decides whether it is decoded, and how long that may
    /// take. Fails if a worker does not recognize the bytes of a file that nothing else identifies.
    fn first_probe(
        &self,
        input: &File,
        name: &str,
        depth: ProbeDepth,
        time: &TimeBudget,
    ) -> Result<CachedProbe, NoFacts> {
        let io = |error: io::Error| NoFacts::failed(Failure::from(&JobError::Io(error.to_string())));
        let request = JobRequest {
            job: Job::Probe { depth },
            files: JobFiles { input: input.try_clone().map_err(io)?, outputs: Vec::new() },
            name: name.to_owned(),
            cancel: Arc::clone(self.cancel),
            time: time.clone(),
        };
        cacheable_probe(self.runner.run(request, &mut |_| {}))
    }

    /// Returns the result of a file whose verdict is certain without decoding it; `None` for all others.
    fn without_decoding(
        &self,
        source: &SourceFile,
        state: FileState,
        facts: &MediaFacts,
    ) -> Option<CheckedFile> {
        let reason = reason_not_to_decode(facts, self.options.time_limit)?;
        let probe = CachedProbe::Facts(Box::new(facts.clone()));
        let checked = assess_probe(source, &self.rule_sets, state, probe);
        let refused = |found: &Assessment| found.verdict() == Verdict::Noncompliant;
        let is_certain = !checked.assessments.is_empty() && checked.assessments.iter().all(refused);
        is_certain.then_some(CheckedFile { not_decoded: Some(reason), ..checked })
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
fn changed_meanwhile(source: &SourceFile) -> NoFacts {
    let message = format!("{}: the file changed while it was checked: run again", source.path.display());
    NoFacts::failed(Failure::operation(message))
}

fn failed(source: &SourceFile, reason: NoFacts) -> CheckedFile {
    CheckedFile::new(source.clone(), Err(reason), Vec::new(), None)
}

fn open(source: &SourceFile, cancel: &AtomicBool) -> Result<File, NoFacts> {
    if cancel.load(Ordering::Relaxed) {
        return Err(NoFacts::failed(Failure::from(&JobError::Cancelled)));
    }
    if let Some(kind) = source.not_opened {
        let failure = Failure::input(kind.reason());
        return Err(NoFacts::skipped(failure));
    }
    // Nothing is known about the bytes, so that is not a verdict on them.
    open_regular(&source.path).map_err(NoFacts::failed)
}

/// Returns what a worker found about the bytes. Failures of the machine or of the worker are errors and are not
/// cached.
fn cacheable_probe(result: Result<JobOutput, JobError>) -> Result<CachedProbe, NoFacts> {
    match result {
        Ok(JobOutput::Probed(facts)) => Ok(CachedProbe::Facts(facts)),
        Ok(JobOutput::Deep(report)) => Ok(CachedProbe::Deep(report)),
        Ok(JobOutput::NotMedia) => Err(not_media()),
        Ok(_) => Err(NoFacts::unreadable(unexpected_result())),
        Err(error @ JobError::Unreadable(_)) => Ok(CachedProbe::Unreadable(error.to_string())),
        Err(JobError::Truncated(reason)) => Ok(CachedProbe::Truncated(reason)),
        Err(error) => {
            let failure = Failure::from(&error);
            Err(match error {
                JobError::Cancelled
                | JobError::Io(_)
                | JobError::Unavailable(_)
                | JobError::NotIsolated(_)
                | JobError::ProcessorTime(_)
                | JobError::TimeLimit(_) => NoFacts::failed(failure),
                _ => NoFacts::unreadable(failure),
            })
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
            let failure = Failure::input(message);
            return failed(source, NoFacts::unreadable(failure));
        }
        CachedProbe::Truncated(reason) => {
            let failure = Failure::from(&JobError::Truncated(reason.clone()));
            let assessments = assess_truncated(reason, &display_name(&source.path), rule_sets);
            let result = Err(NoFacts::unreadable(failure));
            return CheckedFile::new(source.clone(), result, assessments, Some(state));
        }
    };
    let name = display_name(&source.path);
    let subject = Subject { facts: &facts, file_name: &name, deep: deep.as_deref() };
    let assessments = rule_sets.iter().map(|rules| rules.assess(&subject)).collect();
    CheckedFile::new(source.clone(), Ok(facts), assessments, Some(state))
}

pub(crate) fn unexpected_result() -> Failure {
    let message = "the media worker sent an unexpected result: this is a bug, please report it".to_owned();
    Failure::operation(message)
}

/// Assesses a file of which only is known that a part is missing.
fn assess_truncated(reason: String, name: &str, rule_sets: &[RuleSet<'_>]) -> Vec<Assessment> {
    let completeness = Completeness::Missing { first_missing_s: None, reason };
    let facts = MediaFacts { completeness, ..MediaFacts::default() };
    let subject = Subject { facts: &facts, file_name: name, deep: None };
    rule_sets.iter().map(|rules| rules.narrowed_to(RuleId::Integrity).assess(&subject)).collect()
}
