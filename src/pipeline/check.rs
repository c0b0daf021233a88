//! Probe and assess: facts once for each file, findings once for each profile.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::job::{Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner};
use crate::model::{DeepReport, MediaFacts};
use crate::probe::sniff;
use crate::profile::Profile;
use crate::rules::{Assessment, Selection, Subject, Verdict, assess};

use super::discover::{Source, plain};
use super::events::{Event, Observer};
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
}

/// One file, probed and assessed.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The file.
    pub source: Source,
    /// The facts, or why there are none.
    pub result: Result<MediaFacts, (Verdict, Failure)>,
    /// One assessment for each profile, in the order of the profiles; empty without facts.
    pub assessments: Vec<Assessment>,
}

impl Checked {
    /// The outcome under the profile at `index`.
    pub fn outcome(&self, index: usize, profile: &Profile) -> Outcome {
        let (verdict, failure) = match (&self.result, self.assessments.get(index)) {
            (Ok(_), Some(assessment)) => (assessment.verdict(), None),
            (Ok(_), None) => (Verdict::Indeterminate, None),
            (Err((verdict, failure)), _) => (*verdict, Some(failure.clone())),
        };
        Outcome {
            source: self.source.clone(),
            profile: profile.id().to_owned(),
            verdict,
            facts: self.result.as_ref().ok().cloned(),
            assessment: self.assessments.get(index).cloned(),
            failure,
            fix: None,
        }
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
    observer.notice(Event::Found { files: sources.len() });
    side_by_side(sources.len(), runner.width(), |index| {
        let source = &sources[index];
        let checked = check_one(source, profiles, options, runner, cancel);
        observer.notice(Event::Checked { path: &source.path });
        checked
    })
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

/// Probes and assesses one file.
pub fn check_one(
    source: &Source,
    profiles: &[Profile],
    options: &CheckOptions,
    runner: &dyn Runner,
    cancel: &Arc<AtomicBool>,
) -> Checked {
    let nothing = |verdict, failure| Checked {
        source: source.clone(),
        result: Err((verdict, failure)),
        assessments: Vec::new(),
    };
    if cancel.load(Ordering::Relaxed) {
        return nothing(Verdict::Indeterminate, Failure::from(&JobError::Cancelled));
    }
    let input = match open_regular(&source.path) {
        Ok(input) => input,
        Err(failure) => return nothing(Verdict::Unreadable, failure),
    };
    let name = shown_name(&source.path);
    match worth_probing(&input, &name, source.named) {
        Ok(()) => {}
        Err((verdict, failure)) => return nothing(verdict, failure),
    }
    let job = if options.deep { Job::Deep } else { Job::Probe { depth: ProbeDepth::Auto } };
    let request = JobRequest {
        job,
        files: JobFiles { input, output: None },
        name: name.clone(),
        cancel: Arc::clone(cancel),
    };
    let (facts, deep) = match runner.run(request, &mut |_| {}) {
        Ok(JobOutput::Probed(facts)) => (*facts, None),
        Ok(JobOutput::Deep(report)) => (report.facts.clone(), Some(*report)),
        Ok(_) => return nothing(Verdict::Unreadable, wrong_answer()),
        Err(error) => {
            let verdict = match error {
                JobError::Cancelled | JobError::Io(_) | JobError::Unavailable(_) => Verdict::Indeterminate,
                _ => Verdict::Unreadable,
            };
            return nothing(verdict, Failure::from(&error));
        }
    };
    let assessments = assess_all(&facts, &name, deep.as_ref(), profiles, &options.selection);
    Checked { source: source.clone(), result: Ok(facts), assessments }
}

pub(crate) fn wrong_answer() -> Failure {
    let message =
        "the media worker answered a different question: this is a bug, please report it".to_owned();
    Failure { kind: FailureKind::Operation, message }
}

fn assess_all(
    facts: &MediaFacts,
    name: &str,
    deep: Option<&DeepReport>,
    profiles: &[Profile],
    selection: &Selection,
) -> Vec<Assessment> {
    let subject = Subject { facts, file_name: name, deep };
    profiles.iter().map(|profile| assess(&subject, profile, selection)).collect()
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
