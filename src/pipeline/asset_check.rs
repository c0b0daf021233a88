//! The check of one asset: opens it, lets a worker probe it, and assesses the facts under each profile.

use std::sync::Arc;

use crate::cache::{CachedProbe, FileFingerprint, FileState};
use crate::job::{
    FileClock, Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, TimeBudget, processor_time,
};
use crate::model::{Completeness, DeepReport, MediaFacts};
use crate::probe::header_probe::{HeaderProbe, Reason};
use crate::profile::RuleId;
use crate::rules::{Assessment, RuleSet, Subject, Verdict};

use super::check_options::ProbeMode;
use super::checked_file::CheckedFile;
use super::discover::SourceFile;
use super::failure::{Failure, NoFacts, unexpected_result};
use super::inputs::Pipeline;
use super::not_decoded::reason_not_to_decode;
use super::open_source::{display_name, not_media};
use super::opened_source::{OpenedSource, read_failure};
use super::probe_cache::CacheSession;

/// The number of frames at the start of a video that may lack their references.
const MAX_LEADING_FRAMES: u64 = 2;

/// What the checks of a run share.
pub(super) struct AssetCheck<'a> {
    pipeline: Pipeline<'a>,
    rule_sets: Vec<RuleSet<'a>>,
    cache: Option<&'a CacheSession<'a>>,
}

impl<'a> AssetCheck<'a> {
    pub(super) fn new(pipeline: Pipeline<'a>, cache: Option<&'a CacheSession<'a>>) -> AssetCheck<'a> {
        let selection = &pipeline.options.selection;
        let rule_sets = pipeline.profiles.iter().map(|profile| RuleSet::new(profile, selection)).collect();
        AssetCheck { pipeline, rule_sets, cache }
    }

    /// Checks a file by its headers where those settle the facts, else by the cache, else with a job.
    pub(super) fn check(&self, source: &SourceFile) -> CheckedFile {
        let clock = self.pipeline.options.clock();
        let by_probe = |opened: OpenedSource| {
            let known = self.by_headers(source, &opened).or_else(|| self.by_cache(source, &opened));
            known.map_or_else(|| self.by_job(source, opened, clock.as_ref()), Ok)
        };
        let checked = OpenedSource::open(&self.pipeline, source)
            .and_then(by_probe)
            .unwrap_or_else(|reason| CheckedFile::without_facts(source, reason));
        CheckedFile { clock, ..checked }
    }

    /// Checks a file by its headers; `None` if those do not settle the facts.
    fn by_headers(&self, source: &SourceFile, opened: &OpenedSource) -> Option<CheckedFile> {
        let options = self.pipeline.options;
        let reads_headers = match options.probe {
            ProbeMode::Auto => opened.is_identified,
            ProbeMode::Headers => true,
            ProbeMode::Ffmpeg => false,
        };
        if options.deep || !reads_headers {
            return None;
        }
        let result = match opened.headers(self.pipeline.store).map(settled) {
            Ok(Ok(settled)) => Ok(settled),
            Ok(Err(_)) if options.probe == ProbeMode::Auto => return None,
            Ok(Err(reason)) => Err(NoFacts::undecided(reason)),
            Err(failed) => Err(failed),
        };
        Some(self.conclude(source, opened.state, None, result))
    }

    /// Checks a file by what an earlier run found in it; `None` if none did.
    fn by_cache(&self, source: &SourceFile, opened: &OpenedSource) -> Option<CheckedFile> {
        let fingerprint = FileFingerprint::new(&source.path, opened.state, self.pipeline.options.depth());
        Some(self.assess(source, opened.state, self.cache?.find(fingerprint)?))
    }

    /// Checks a file with a job, unless its verdict is certain without.
    fn by_job(
        &self,
        source: &SourceFile,
        opened: OpenedSource,
        clock: Option<&Arc<FileClock>>,
    ) -> Result<CheckedFile, NoFacts> {
        let options = self.pipeline.options;
        let fingerprint = self.cache.and_then(|_| opened.fingerprint(source, options.depth()));
        let depth = if opened.is_identified { ProbeDepth::Auto } else { ProbeDepth::Unidentified };
        let mut time = TimeBudget { processor: None, clock: clock.cloned() };
        let mut job = Job::Probe { depth };
        if options.deep {
            job = Job::Deep;
            let processor = match self.first_probe(&opened, depth, &time)? {
                CachedProbe::Facts(facts) => {
                    if let Some(checked) = self.without_decoding(source, opened.state, &facts) {
                        return Ok(checked);
                    }
                    processor_time::decode(&facts)
                }
                // The full decode says what is wrong.
                _ => processor_time::decode_unknown(opened.size_bytes),
            };
            time.processor = Some(processor);
        }
        let OpenedSource { input, state, name, .. } = opened;
        let files = JobFiles { input, outputs: Vec::new() };
        let request = JobRequest { job, files, name, cancel: Arc::clone(self.pipeline.cancel), time };
        let result = self.pipeline.runner.run(request, &mut |_| {});
        Ok(self.conclude(source, state, fingerprint, cacheable_probe(result)))
    }

    /// Probes a file before its full decode: what it declares decides whether it is decoded, and how long that may
    /// take. Fails if a worker does not recognize the bytes of a file that nothing else identifies.
    fn first_probe(
        &self,
        opened: &OpenedSource,
        depth: ProbeDepth,
        time: &TimeBudget,
    ) -> Result<CachedProbe, NoFacts> {
        if self.pipeline.options.probe != ProbeMode::Ffmpeg
            && let Ok(settled) = settled(opened.headers(self.pipeline.store)?)
        {
            return Ok(settled);
        }
        let request = JobRequest {
            job: Job::Probe { depth },
            files: JobFiles {
                input: opened.input.try_clone().map_err(|error| read_failure(&error))?,
                outputs: Vec::new(),
            },
            name: opened.name.clone(),
            cancel: Arc::clone(self.pipeline.cancel),
            time: time.clone(),
        };
        cacheable_probe(self.pipeline.runner.run(request, &mut |_| {}))
    }

    /// Returns the result of a file whose verdict is certain without decoding it; `None` for all others.
    fn without_decoding(
        &self,
        source: &SourceFile,
        state: FileState,
        facts: &MediaFacts,
    ) -> Option<CheckedFile> {
        let reason = reason_not_to_decode(facts, self.pipeline.options.time_limit)?;
        let probe = CachedProbe::Facts(Box::new(facts.clone()));
        let checked = self.assess(source, state, probe);
        let refused = |found: &Assessment| found.verdict() == Verdict::Noncompliant;
        let is_certain = !checked.assessments.is_empty() && checked.assessments.iter().all(refused);
        is_certain.then_some(CheckedFile { not_decoded: Some(reason), ..checked })
    }

    /// Assesses and caches what was found in a file, unless the file changed meanwhile.
    fn conclude(
        &self,
        source: &SourceFile,
        state: FileState,
        fingerprint: Option<FileFingerprint>,
        result: Result<CachedProbe, NoFacts>,
    ) -> CheckedFile {
        match result {
            // What was read of a file that was written to or replaced meanwhile may be a mixture.
            Ok(_) if self.pipeline.store.state(&source.path).ok() != Some(state) => {
                let path = source.path.display();
                let message = format!("{path}: the file changed while it was checked: run again");
                CheckedFile::without_facts(source, NoFacts::failed(Failure::operation(message)))
            }
            Ok(probe) => {
                self.cache(source, fingerprint, &probe);
                self.assess(source, state, probe)
            }
            Err(reason) => CheckedFile::without_facts(source, reason),
        }
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

    /// Assesses a probe under each profile.
    pub(super) fn assess(&self, source: &SourceFile, state: FileState, probe: CachedProbe) -> CheckedFile {
        let name = display_name(&source.path);
        let (facts, deep) = match probe {
            CachedProbe::Facts(facts) => (*facts, None),
            CachedProbe::Deep(report) => (report.facts.clone(), Some(report)),
            CachedProbe::Unreadable(message) => {
                return CheckedFile::without_facts(source, NoFacts::unreadable(Failure::input(message)));
            }
            CachedProbe::Truncated(reason) => {
                let failure = Failure::from(&JobError::Truncated(reason.clone()));
                let assessments = self.assess_truncated(reason, &name);
                let result = Err(NoFacts::unreadable(failure));
                return CheckedFile::new(source.clone(), result, assessments, Some(state));
            }
        };
        let subject = Subject { facts: &facts, file_name: &name, deep: deep.as_deref() };
        let assessments = self.rule_sets.iter().map(|rules| rules.assess(&subject)).collect();
        let checked = CheckedFile::new(source.clone(), Ok(facts), assessments, Some(state));
        CheckedFile { loudness: deep.and_then(|report| report.loudness), ..checked }
    }

    /// Assesses a file of which only is known that a part is missing.
    fn assess_truncated(&self, reason: String, name: &str) -> Vec<Assessment> {
        let completeness = Completeness::Missing { first_missing_s: None, reason };
        let facts = MediaFacts { completeness, ..MediaFacts::default() };
        let subject = Subject { facts: &facts, file_name: name, deep: None };
        self.rule_sets.iter().map(|rules| rules.narrowed_to(RuleId::Integrity).assess(&subject)).collect()
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

/// Returns the result of a probe by the headers, or why they do not settle it.
fn settled(headers: HeaderProbe) -> Result<CachedProbe, Reason> {
    match headers {
        HeaderProbe::Settled(facts) => Ok(CachedProbe::Facts(facts)),
        HeaderProbe::Unreadable(reason) => {
            Ok(CachedProbe::Unreadable(JobError::Unreadable(reason).to_string()))
        }
        HeaderProbe::Truncated(reason) => Ok(CachedProbe::Truncated(reason)),
        HeaderProbe::NeedsFullScan(reason) => Err(reason),
    }
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
