//! Probe and assess: facts once for each file, findings once for each profile. Files that did not
//! change since an earlier run are not probed again, only judged.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::cache::{Answer, Memory, Recalled};
use crate::job::{Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner};
use crate::model::{Completeness, MediaFacts};
use crate::probe::sniff;
use crate::profile::Profile;
use crate::rules::{Assessment, Judge, Selection, Subject, Verdict};

use super::discover::{Source, plain};
use super::events::{Event, Observer};
use super::memory::{Notes, recall, stamp_of};
use super::outcome::{Failure, FailureKind, Outcome};

/// How many bytes at the start of a file decide whether it is media at all.
const HEAD_BYTES: usize = 4096;

/// What a check shall do.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// Which rules count.
    pub selection: Selection,
    /// Decode everything and look at it.
    pub deep: bool,
    /// What earlier runs found out; `None` looks at every file anew.
    pub memory: Option<Arc<dyn Memory>>,
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
        Some(memory) => recall(memory, sources, options.depth(), runner.width()),
        None => Recalled::default(),
    };
    let notes = options.memory.as_deref().map(|memory| Notes::new(memory, runner));
    let judges = judges(profiles, options);
    side_by_side(sources.len(), runner.width(), |index| {
        let source = &sources[index];
        let checked = match recalled.answer(index) {
            Some(answer) if !cancel.load(Ordering::Relaxed) => conclude(source, &judges, answer),
            _ => look(source, &judges, options, runner, cancel, notes.as_ref()),
        };
        observer.notice(Event::Checked { path: &source.path });
        each(index, checked)
    })
}

fn judges<'a>(profiles: &'a [Profile], options: &CheckOptions) -> Vec<Judge<'a>> {
    profiles.iter().map(|profile| Judge::new(profile, &options.selection)).collect()
}

/// Calls `work` with 0 to `count` on up to `width` threads and returns the results in order.
pub(crate) fn side_by_side<T: Send>(count: usize, width: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let width = width.clamp(1, count.max(1));
    let mut results: Vec<(usize, T)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..width)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= count {
                            return mine;
                        }
                        mine.push((index, work(index)));
                    }
                })
            })
            .collect();
        let joined = threads.into_iter().flat_map(|thread| match thread.join() {
            Ok(mine) => mine,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Probes and assesses one file, whatever is remembered of it.
pub fn check_one(
    source: &Source,
    profiles: &[Profile],
    options: &CheckOptions,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
) -> Checked {
    look(source, &judges(profiles, options), options, runner, cancel, None)
}

/// As [`check_one`], and has the answer noted.
fn look(
    source: &Source,
    judges: &[Judge<'_>],
    options: &CheckOptions,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
    notes: Option<&Notes<'_>>,
) -> Checked {
    let answer = open(source, cancel).and_then(|input| {
        let before = notes.and_then(|_| stamp_of(&source.path, &input, options.depth()));
        let answer = ask(source, options.deep, input, runner, cancel)?;
        // Whether a picture counts depends on how it was come by, which the memory does not know.
        let is_picture = matches!(&answer, Answer::Facts(facts) if facts.still().is_some());
        if let (Some(notes), Some(before), false) = (notes, before, is_picture) {
            notes.note(&source.path, before, &answer);
        }
        Ok(answer)
    });
    match answer {
        Ok(answer) => conclude(source, judges, answer),
        Err(nothing) => Checked { source: source.clone(), result: Err(nothing), assessments: Vec::new() },
    }
}

fn open(source: &Source, cancel: &AtomicBool) -> Result<File, (Verdict, Failure)> {
    if cancel.load(Ordering::Relaxed) {
        return Err((Verdict::Indeterminate, Failure::from(&JobError::Cancelled)));
    }
    open_regular(&source.path).map_err(|failure| (Verdict::Unreadable, failure))
}

/// What a worker says of the bytes. An error is what is no answer: trouble of the machine, or a file
/// that no worker has to be asked about, which is as quickly found out again.
fn ask(
    source: &Source,
    deep: bool,
    input: File,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
) -> Result<Answer, (Verdict, Failure)> {
    let name = shown_name(&source.path);
    worth_probing(&input, &name, source.named)?;
    let job = if deep { Job::Deep } else { Job::Probe { depth: ProbeDepth::Auto } };
    let files = JobFiles { input, output: None };
    match runner.run(JobRequest { job, files, name, cancel: Arc::clone(cancel) }, &mut |_| {}) {
        Ok(JobOutput::Probed(facts)) => Ok(Answer::Facts(facts)),
        Ok(JobOutput::Deep(report)) => Ok(Answer::Deep(report)),
        Ok(_) => Err((Verdict::Unreadable, wrong_answer())),
        Err(error @ JobError::Unreadable(_)) => Ok(Answer::Unreadable(error.to_string())),
        Err(JobError::Cut(reason)) => Ok(Answer::Cut(reason)),
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
fn conclude(source: &Source, judges: &[Judge<'_>], answer: Answer) -> Checked {
    let (facts, deep) = match answer {
        Answer::Facts(facts) => (*facts, None),
        Answer::Deep(report) => (report.facts.clone(), Some(report)),
        Answer::Unreadable(message) => {
            let failure = Failure { kind: FailureKind::Input, message };
            let result = Err((Verdict::Unreadable, failure));
            return Checked { source: source.clone(), result, assessments: Vec::new() };
        }
        Answer::Cut(reason) => {
            let failure = Failure::from(&JobError::Cut(reason.clone()));
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
fn assess_cut(reason: String, name: &str, judges: &[Judge<'_>]) -> Vec<Assessment> {
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
    fn results_come_in_the_order_of_the_sources() {
        let squares = side_by_side(100, 4, |index| index * index);
        assert_eq!(squares, (0..100).map(|index| index * index).collect::<Vec<_>>());
        assert!(side_by_side(0, 4, |index| index).is_empty());
    }

    #[test]
    fn a_device_is_refused_without_waiting() {
        let failure = open_regular(Path::new("/dev/null")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Input);
        assert!(failure.message.contains("not a regular file"), "{}", failure.message);
    }
}
