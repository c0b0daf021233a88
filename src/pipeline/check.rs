//! Probe and assess: facts once for each file, findings once for each profile. Files that did not
//! change since an earlier run are not probed again, only judged.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cache::{CachedProbe, CachedProbes, FileFingerprint, ProbeCache};
use crate::job::{Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner};
use crate::model::{Completeness, MediaFacts};
use crate::probe::sniff;
use crate::profile::Profile;
use crate::rules::{Assessment, RuleSet, Selection, Subject, Verdict};

use super::discover::{Source, plain};
use super::events::{Event, Observer};
use super::outcome::{Failure, FailureKind, Outcome};
use super::parallel::run_batches_in_parallel;
use super::probe_cache::{self, CacheSession, stamp_of};

/// How many bytes at the start of a file decide whether it is media at all.
const HEAD_BYTES: usize = 4096;

/// Files that a worker is sent at once, so that it goes from one to the next without waiting.
const LONGEST_ROW: usize = 8;

/// What a check shall do.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// Which rules count.
    pub selection: Selection,
    /// Decode everything and look at it.
    pub deep: bool,
    /// What earlier runs found out; `None` looks at every file anew.
    pub memory: Option<Arc<dyn ProbeCache>>,
}

/// One file, probed and assessed.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The file.
    pub source: Source,
    /// The facts, or why there are none.
    pub result: Result<MediaFacts, (Verdict, Failure)>,
    /// One assessment for each profile, in the order of the profiles; empty without facts, unless it
    /// is known that data is missing.
    pub assessments: Vec<Assessment>,
}

impl Checked {
    /// The outcome under the profile at `index`.
    pub fn outcome(&self, index: usize, profile: &Profile) -> Outcome {
        let facts = self.result.as_ref().ok().cloned();
        self.outcome_with(self.source.clone(), profile, facts, self.assessments.get(index).cloned())
    }

    /// The outcomes under `profiles`, in their order. What is known is moved, not copied, as far as
    /// there is one profile.
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
        source: Source,
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
        Outcome { source, profile, verdict, facts, assessment, failure, fix: None }
    }
}

/// Checks `sources` side by side and returns the results in the order of the sources. When `cancel`
/// is raised, the files not yet begun are reported as interrupted.
pub fn check(
    sources: &[Source],
    profiles: &[Profile],
    options: &CheckOptions,
    runner: &dyn Runner,
    observer: &dyn Observer,
    cancel: &Arc<AtomicBool>,
) -> Vec<Checked> {
    check_with(sources, profiles, options, runner, observer, cancel, |_, checked| checked)
}

/// As [`check()`], but gives each result away as soon as it is there, so that a run over any number of
/// files holds a few: `each` gets the place among the sources and the result, on any thread and in
/// any order.
pub fn check_each(
    sources: &[Source],
    profiles: &[Profile],
    options: &CheckOptions,
    runner: &dyn Runner,
    observer: &dyn Observer,
    cancel: &Arc<AtomicBool>,
    each: &(dyn Fn(usize, Checked) + Sync),
) {
    check_with(sources, profiles, options, runner, observer, cancel, each);
}

fn check_with<T: Send>(
    sources: &[Source],
    profiles: &[Profile],
    options: &CheckOptions,
    runner: &dyn Runner,
    observer: &dyn Observer,
    cancel: &Arc<AtomicBool>,
    each: impl Fn(usize, Checked) -> T + Sync,
) -> Vec<T> {
    observer.notice(Event::Found { files: sources.len() });
    let recalled = match options.memory.as_deref() {
        Some(memory) => probe_cache::get(memory, sources, options.depth(), runner.width()),
        None => CachedProbes::default(),
    };
    let notes = options.memory.as_deref().map(|memory| CacheSession::new(memory, runner));
    let desk =
        ProbeSession { judges: judges(profiles, options), options, runner, cancel, notes: notes.as_ref() };
    let longest = if options.deep { 1 } else { LONGEST_ROW };
    run_batches_in_parallel(sources.len(), runner.width(), longest, |row| {
        let mut results = Vec::with_capacity(row.len());
        let mut give = |index: usize, checked: Checked| {
            observer.notice(Event::Checked { path: &sources[index].path });
            results.push((index, each(index, checked)));
        };
        let mut unknown = Vec::with_capacity(row.len());
        for index in row {
            match recalled.answer(index) {
                Some(answer) if !cancel.load(Ordering::Relaxed) => {
                    give(index, conclude(&sources[index], &desk.judges, answer));
                }
                _ => unknown.push(index),
            }
        }
        desk.look(sources, unknown, &mut give);
        results
    })
}

fn judges<'a>(profiles: &'a [Profile], options: &CheckOptions) -> Vec<RuleSet<'a>> {
    profiles.iter().map(|profile| RuleSet::new(profile, &options.selection)).collect()
}

/// Probes and assesses one file, whatever is remembered of it.
pub fn check_one(
    source: &Source,
    profiles: &[Profile],
    options: &CheckOptions,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
) -> Checked {
    let desk = ProbeSession { judges: judges(profiles, options), options, runner, cancel, notes: None };
    let mut result = None;
    desk.look(std::slice::from_ref(source), vec![0], &mut |_, checked| result = Some(checked));
    result.unwrap_or_else(|| nothing(source, (Verdict::Unreadable, wrong_answer())))
}

/// What is needed to look at a file.
struct ProbeSession<'a> {
    judges: Vec<RuleSet<'a>>,
    options: &'a CheckOptions,
    runner: &'a dyn Runner,
    cancel: &'a Arc<AtomicBool>,
    notes: Option<&'a CacheSession<'a>>,
}

impl ProbeSession<'_> {
    /// Probes and assesses the `sources` at `places`, whatever is remembered of them, and has the
    /// answers noted.
    fn look(&self, sources: &[Source], places: Vec<usize>, give: &mut dyn FnMut(usize, Checked)) {
        let mut asked = Vec::with_capacity(places.len());
        let mut requests = Vec::with_capacity(places.len());
        for place in places {
            match self.question(&sources[place]) {
                Ok((request, stamp)) => {
                    asked.push((place, stamp));
                    requests.push(request);
                }
                Err(reason) => give(place, nothing(&sources[place], reason)),
            }
        }
        let mut asked = asked.into_iter();
        self.runner.run_in_turn(requests, &mut |result| {
            let Some((place, stamp)) = asked.next() else { return };
            let source = &sources[place];
            give(
                place,
                match answer(result) {
                    Ok(answer) => {
                        self.note(source, stamp, &answer);
                        conclude(source, &self.judges, answer)
                    }
                    Err(reason) => nothing(source, reason),
                },
            );
        });
        for (place, _) in asked {
            give(place, nothing(&sources[place], (Verdict::Unreadable, wrong_answer())));
        }
    }

    /// What a worker is to be asked about a file, and the file's stamp before that.
    fn question(&self, source: &Source) -> Result<(JobRequest, Option<FileFingerprint>), (Verdict, Failure)> {
        let input = open(source, self.cancel)?;
        let stamp = self.notes.and_then(|_| stamp_of(&source.path, &input, self.options.depth()));
        let name = shown_name(&source.path);
        worth_probing(&input, &name, source.named)?;
        let job = if self.options.deep { Job::Deep } else { Job::Probe { depth: ProbeDepth::Auto } };
        let files = JobFiles { input, outputs: Vec::new() };
        Ok((JobRequest { job, files, name, cancel: Arc::clone(self.cancel) }, stamp))
    }

    fn note(&self, source: &Source, stamp: Option<FileFingerprint>, answer: &CachedProbe) {
        // Whether a picture counts depends on how it was come by, which the memory does not know.
        let is_picture = matches!(answer, CachedProbe::Facts(facts) if facts.still().is_some());
        if let (Some(notes), Some(stamp), false) = (self.notes, stamp, is_picture) {
            notes.note(&source.path, stamp, answer);
        }
    }
}

fn nothing(source: &Source, reason: (Verdict, Failure)) -> Checked {
    Checked { source: source.clone(), result: Err(reason), assessments: Vec::new() }
}

fn open(source: &Source, cancel: &AtomicBool) -> Result<File, (Verdict, Failure)> {
    if cancel.load(Ordering::Relaxed) {
        return Err((Verdict::Indeterminate, Failure::from(&JobError::Cancelled)));
    }
    open_regular(&source.path).map_err(|failure| (Verdict::Unreadable, failure))
}

/// What a worker says of the bytes. An error is what is no answer: trouble of the machine, or of the
/// worker.
fn answer(result: Result<JobOutput, JobError>) -> Result<CachedProbe, (Verdict, Failure)> {
    match result {
        Ok(JobOutput::Probed(facts)) => Ok(CachedProbe::Facts(facts)),
        Ok(JobOutput::Deep(report)) => Ok(CachedProbe::Deep(report)),
        Ok(_) => Err((Verdict::Unreadable, wrong_answer())),
        Err(error @ JobError::Unreadable(_)) => Ok(CachedProbe::Unreadable(error.to_string())),
        Err(JobError::Truncated(reason)) => Ok(CachedProbe::Truncated(reason)),
        Err(error) => {
            let verdict = match error {
                JobError::Cancelled | JobError::Io(_) | JobError::Unavailable(_) => Verdict::Indeterminate,
                _ => Verdict::Unreadable,
            };
            Err((verdict, Failure::from(&error)))
        }
    }
}

/// What an answer means under each profile.
fn conclude(source: &Source, judges: &[RuleSet<'_>], answer: CachedProbe) -> Checked {
    let (facts, deep) = match answer {
        CachedProbe::Facts(facts) => (*facts, None),
        CachedProbe::Deep(report) => (report.facts.clone(), Some(report)),
        CachedProbe::Unreadable(message) => {
            let failure = Failure { kind: FailureKind::Input, message };
            return nothing(source, (Verdict::Unreadable, failure));
        }
        CachedProbe::Truncated(reason) => {
            let failure = Failure::from(&JobError::Truncated(reason.clone()));
            let assessments = assess_cut(reason, &shown_name(&source.path), judges);
            return Checked {
                source: source.clone(),
                result: Err((Verdict::Unreadable, failure)),
                assessments,
            };
        }
    };
    let name = shown_name(&source.path);
    let subject = Subject { facts: &facts, file_name: &name, deep: deep.as_deref() };
    let assessments = judges.iter().map(|judge| judge.assess(&subject)).collect();
    Checked { source: source.clone(), result: Ok(facts), assessments }
}

pub(crate) fn wrong_answer() -> Failure {
    let message =
        "the media worker answered a different question: this is a bug, please report it".to_owned();
    Failure { kind: FailureKind::Operation, message }
}

/// What is to be said of a file of which nothing is known but that a part of it is missing.
fn assess_cut(reason: String, name: &str, judges: &[RuleSet<'_>]) -> Vec<Assessment> {
    let completeness = Completeness::Missing { first_missing_s: None, reason };
    let facts = MediaFacts { completeness, ..MediaFacts::default() };
    let subject = Subject { facts: &facts, file_name: name, deep: None };
    judges.iter().map(|judge| judge.narrowed_to("integrity").assess(&subject)).collect()
}

/// The file name, lossy: for messages and for the extension.
pub(crate) fn shown_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Opens a regular file for reading. Never blocks: a FIFO opened the plain way would wait for a
/// writer for ever.
pub(crate) fn open_regular(path: &Path) -> Result<File, Failure> {
    let failed = |error: io::Error| Failure {
        kind: FailureKind::Operation,
        message: format!("{} cannot be opened: {}", path.display(), advice(&error)),
    };
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits();
    let file = File::options().read(true).custom_flags(flags as i32).open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if meta.is_file() {
        return Ok(file);
    }
    let message = format!("{} is not a regular file: only regular files can be checked", path.display());
    Err(Failure { kind: FailureKind::Input, message })
}

fn advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "permission denied; give this user the right to read it, or leave it out".to_owned()
        }
        io::ErrorKind::NotFound => "it is gone since the folder was read".to_owned(),
        _ => plain(error),
    }
}

/// Whether a file sniffs as media or is at least named like it. Still pictures count where the file
/// was `named`.
fn worth_probing(input: &File, name: &str, named: bool) -> Result<(), (Verdict, Failure)> {
    let mut head = [0; HEAD_BYTES];
    let read = input.read_at(&mut head, 0).map_err(|error| {
        let message = format!("{name} cannot be read: {}", plain(&error));
        (Verdict::Indeterminate, Failure { kind: FailureKind::Operation, message })
    })?;
    let input_fault = |message: String| Failure { kind: FailureKind::Input, message };
    let head = &head[..read];
    if !(sniff::looks_like_media(name, head) || (named && sniff::looks_like_a_picture(name, head))) {
        return Err((Verdict::Skipped, input_fault("neither media nor named like it".to_owned())));
    }
    if read == 0 {
        return Err((Verdict::Unreadable, input_fault("the file is empty (0 bytes)".to_owned())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_device_is_refused_without_waiting() {
        let failure = open_regular(Path::new("/dev/null")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Input);
        assert!(failure.message.contains("not a regular file"), "{}", failure.message);
    }
}
