//! Makes outputs, proves them, and gives them their names.

use std::fs::{File, Metadata};
use std::io::{self, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::{FixReport, Job, JobError, JobFiles, JobOutput, JobRequest, Runner, VerifyLevel};
use crate::plan::{OutputSpec, VideoEncoder, VideoPlan};
use crate::profile::Profile;
use crate::rules::{Severity, Subject, Verdict, assess};

use super::check::{CheckOptions, shown_name, wrong_answer};
use super::discover::plain;
use super::events::{Event, Observer};
use super::fix_record::FixRecord;
use super::outcome::{Failure, FailureKind};
use super::staging::Staging;

/// How much better the second try after a failed picture comparison is, in steps of x264's CRF.
const BETTER_BY_CRF: f32 = 4.0;

/// What to do about a disk that takes no more.
const MAKE_ROOM: &str = "free some space, or choose another disk with --out";

pub(super) fn operation(path: &Path, error: &io::Error) -> Failure {
    let mut message = format!("{}: {}", path.display(), plain(error));
    if let io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge =
        error.kind()
    {
        message.push_str(&format!(": {MAKE_ROOM}"));
    }
    Failure { kind: FailureKind::Operation, message }
}

/// An output may not replace what we did not make, and never the source itself.
pub(super) fn may_write(target: &Path, source: &Metadata, ledger: Option<&FixRecord>) -> Result<(), Failure> {
    let there = match std::fs::symlink_metadata(target) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(operation(target, &error)),
    };
    if (there.dev(), there.ino()) == (source.dev(), source.ino()) {
        let message = format!("{} is the source itself: choose another folder with --out", target.display());
        return Err(Failure { kind: FailureKind::Operation, message });
    }
    if ledger.is_some_and(|ledger| ledger.is_ours(target, &there)) {
        return Ok(());
    }
    let message = format!(
        "{} is there already and was not made by an earlier run from this file: \
         move it away, or choose another folder with --out",
        target.display()
    );
    Err(Failure { kind: FailureKind::Operation, message })
}

/// Copies a compliant file to its final name.
pub(super) fn copy(input: &File, target: &Path, remember: Remember<'_>) -> Result<(), Failure> {
    let failed = |error: io::Error| operation(target, &error);
    let staging = Staging::new(target).map_err(failed)?;
    let output = staging.descriptor().map_err(failed)?;
    duplicate(input, &output, target)?;
    let made = output.metadata().map_err(failed)?;
    remember(&made, None).map_err(|error| unrecorded(target, &error))?;
    staging.publish().map_err(failed)
}

/// Copies a file into an empty one, sharing its blocks where the file system can.
fn duplicate(mut input: &File, mut output: &File, target: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| operation(target, &error);
    if rustix::fs::ioctl_ficlone(output, input).is_err() {
        input.rewind().map_err(failed)?;
        io::copy(&mut input, &mut output).map_err(failed)?;
    }
    let (wanted, got) = (input.metadata().map_err(failed)?.len(), output.metadata().map_err(failed)?.len());
    if wanted == got {
        return Ok(());
    }
    let message =
        format!("{}: copied {got} of {wanted} bytes, the source changed meanwhile", target.display());
    Err(Failure { kind: FailureKind::Operation, message })
}

fn unrecorded(target: &Path, error: &io::Error) -> Failure {
    let message = format!(
        "{}: the record of earlier fixes cannot be written, so the output was not kept: {}; \
         free some space beside the configuration",
        target.display(),
        plain(error)
    );
    Failure { kind: FailureKind::Operation, message }
}

/// How the message of a failed proof begins.
pub(super) const THROWN_AWAY: &str = "the output did not pass and was thrown away: ";

/// Writes down what is about to get its name, with its report unless it is a plain copy.
pub(super) type Remember<'a> = &'a dyn Fn(&Metadata, Option<&FixReport>) -> io::Result<()>;

/// What making an output needs besides the plan.
#[derive(Clone, Copy)]
pub(super) struct Making<'a> {
    pub(super) runner: &'a dyn Runner,
    pub(super) observer: &'a dyn Observer,
    pub(super) cancel: &'a Arc<AtomicBool>,
    pub(super) verify: VerifyLevel,
    /// The number of the piece of work.
    pub(super) work: usize,
}

/// An output to make.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) spec: &'a OutputSpec,
    pub(super) profile: &'a Profile,
    pub(super) target: &'a Path,
}

/// An output that was made, or was to be, and is not judged yet.
pub(super) struct Attempt {
    staging: Staging,
    result: Result<FixReport, Failure>,
}

impl Attempt {
    /// Makes an output by itself.
    fn alone(
        making: &Making<'_>,
        source: &Path,
        input: &File,
        spec: &OutputSpec,
        target: &Path,
    ) -> Result<Attempt, Failure> {
        let staging = Staging::new(target).map_err(|error| operation(target, &error))?;
        let results = run_fix(making, source, input, vec![spec.clone()], std::slice::from_ref(&staging));
        let result = results.and_then(|mut results| results.pop().unwrap_or_else(|| Err(wrong_answer())));
        Ok(Attempt { staging, result })
    }

    /// Whether the output can have its name as it is.
    pub(super) fn is_good(&self, wanted: &Wanted<'_>) -> bool {
        let good = |report| problems_of(report, &shown_name(wanted.target), wanted.profile).is_empty();
        self.result.as_ref().is_ok_and(good)
    }

    /// The same output once more, for another target.
    fn again(&self, target: &Path) -> Result<Attempt, Failure> {
        let failed = |error: io::Error| operation(target, &error);
        let staging = Staging::new(target).map_err(failed)?;
        if self.result.is_ok() {
            let (from, to) = (self.staging.descriptor(), staging.descriptor());
            duplicate(&from.map_err(failed)?, &to.map_err(failed)?, target)?;
        }
        Ok(Attempt { staging, result: self.result.clone() })
    }
}

/// Makes several outputs of one video by one job, those of the same plan once. `None` for an output that has
/// to be made by itself after all.
pub(super) fn make_together(
    making: &Making<'_>,
    source: &Path,
    input: &File,
    wanted: &[Wanted<'_>],
) -> Vec<Option<Attempt>> {
    let mut firsts: Vec<&Wanted<'_>> = Vec::new();
    let mut plans = Vec::new();
    for next in wanted {
        let same = firsts.iter().position(|first| first.spec == next.spec);
        plans.push(same.unwrap_or(firsts.len()));
        if same.is_none() {
            firsts.push(next);
        }
    }
    let attempts = attempts(making, source, input, &firsts).unwrap_or_default();
    let mut attempts: Vec<Option<Attempt>> = attempts.into_iter().map(Some).collect();
    // From the last to the first, which gets what the others were copied from.
    let mut given: Vec<Option<Attempt>> = Vec::new();
    for (place, (wanted, plan)) in wanted.iter().zip(&plans).enumerate().rev() {
        let made = attempts.get_mut(*plan);
        given.push(if plans.iter().position(|other| other == plan) == Some(place) {
            made.and_then(Option::take)
        } else {
            made.and_then(|made| made.as_ref()?.again(wanted.target).ok())
        });
    }
    given.reverse();
    given
}

/// One attempt at each of several outputs, by one job.
fn attempts(
    making: &Making<'_>,
    source: &Path,
    input: &File,
    wanted: &[&Wanted<'_>],
) -> Result<Vec<Attempt>, Failure> {
    let staging =
        |wanted: &&Wanted<'_>| Staging::new(wanted.target).map_err(|error| operation(wanted.target, &error));
    let stagings = wanted.iter().map(staging).collect::<Result<Vec<_>, _>>()?;
    let specs = wanted.iter().map(|wanted| wanted.spec.clone()).collect();
    let results = run_fix(making, source, input, specs, &stagings)?;
    Ok(stagings.into_iter().zip(results).map(|(staging, result)| Attempt { staging, result }).collect())
}

/// Proves an output of `input` and puts it in its place, making it unless an attempt is there already. When
/// only the likeness of the picture fails, it is made once more at higher quality. `remember` is told of
/// the proven file before it gets its name.
pub(super) fn make_output(
    making: &Making<'_>,
    source: &Path,
    input: &File,
    wanted: &Wanted<'_>,
    mut attempt: Option<Attempt>,
    remember: Remember<'_>,
) -> Result<FixReport, Failure> {
    let Wanted { spec, profile, target } = *wanted;
    let mut spec = spec.clone();
    let mut second = false;
    loop {
        let attempt = match attempt.take() {
            Some(attempt) => attempt,
            None => Attempt::alone(making, source, input, &spec, target)?,
        };
        let Attempt { staging, result } = attempt;
        let report = match result {
            Ok(report) => report,
            // The trial at the start does not show that a device takes every picture, or several at once.
            Err(failure) if may_be_the_encoder(&failure) && in_software(&mut spec) => continue,
            Err(failure) => return Err(failure),
        };
        let problems = problems_of(&report, &shown_name(target), profile);
        if problems.is_empty() {
            let made = staging.descriptor().and_then(|file| file.metadata());
            let made = made.map_err(|error| operation(target, &error))?;
            remember(&made, Some(&report)).map_err(|error| unrecorded(target, &error))?;
            staging.publish().map_err(|error| operation(target, &error))?;
            return Ok(report);
        }
        if in_software(&mut spec) {
            continue;
        }
        let improvable = report.verify.quality_only && !second && better(&mut spec);
        if !improvable {
            let message = format!("{THROWN_AWAY}{}", problems.join("; "));
            let damaged = report.verify.damaged_source;
            let kind = if damaged { FailureKind::Damaged } else { FailureKind::Unproven };
            return Err(Failure { kind, message });
        }
        second = true;
    }
}

/// Runs one job that makes outputs into staging files. What became of each of them.
fn run_fix(
    making: &Making<'_>,
    source: &Path,
    input: &File,
    specs: Vec<OutputSpec>,
    stagings: &[Staging],
) -> Result<Vec<Result<FixReport, Failure>>, Failure> {
    let first = stagings.first().ok_or_else(wrong_answer)?;
    let outputs = stagings.iter().map(Staging::descriptor).collect::<io::Result<_>>();
    let files = JobFiles {
        input: input.try_clone().map_err(|error| operation(source, &error))?,
        outputs: outputs.map_err(|error| operation(first.path(), &error))?,
    };
    let job = Job::Fix { specs, verify: making.verify };
    let request = JobRequest { job, files, name: shown_name(source), cancel: Arc::clone(making.cancel) };
    let mut notice = |progress| making.observer.notice(Event::Advanced { work: making.work, progress });
    match making.runner.run(request, &mut notice) {
        Ok(JobOutput::Fixed { results }) if results.len() == stagings.len() => {
            let told = |(result, staging): (Result<_, JobError>, _)| {
                result.map_err(|error| fix_failure(&error, source, staging))
            };
            Ok(results.into_iter().zip(stagings).map(told).collect())
        }
        Ok(_) => Err(wrong_answer()),
        Err(error) => Err(fix_failure(&error, source, first)),
    }
}

fn fix_failure(error: &JobError, source: &Path, staging: &Staging) -> Failure {
    let mut failure = Failure::from(error);
    match error {
        JobError::Unreadable(_) | JobError::Truncated(_) => failure.message = format!("the source {error}"),
        JobError::Failed(_) => failure.kind = FailureKind::Unproven,
        JobError::Io(_) => {
            let folder = staging.path().parent().unwrap_or(staging.path());
            failure.message = format!(
                "{} into {}: {error}; nothing was kept. Is the disk full? Then {MAKE_ROOM}",
                source.display(),
                folder.display()
            );
        }
        _ => {}
    }
    failure
}

/// Everything that stands against an output: what verification found, and what the rules say.
fn problems_of(report: &FixReport, name: &str, profile: &Profile) -> Vec<String> {
    let mut problems = report.verify.failures.clone();
    let subject = Subject { facts: &report.facts, file_name: name, deep: None };
    let assessment = assess(&subject, profile, &CheckOptions::default().selection);
    if assessment.verdict() != Verdict::Compliant {
        let errors = assessment.findings().iter().filter(|finding| finding.severity == Severity::Error);
        problems.extend(errors.map(|finding| format!("{}: {}", finding.rule, finding.message)));
        if assessment.verdict() == Verdict::Indeterminate {
            problems.push("too little is known about the output to call it compliant".to_owned());
        }
    }
    problems
}

/// Whether a failure may be that of an encoder in hardware.
fn may_be_the_encoder(failure: &Failure) -> bool {
    !matches!(failure.kind, FailureKind::Input | FailureKind::Interrupted)
}

/// Lets x264 encode what a device did not; whether that changes anything.
fn in_software(spec: &mut OutputSpec) -> bool {
    match &mut spec.video {
        Some(VideoPlan::Encode(encode)) if encode.encoder.is_hardware() => {
            encode.encoder = VideoEncoder::X264;
            true
        }
        _ => false,
    }
}

fn better(spec: &mut OutputSpec) -> bool {
    match &mut spec.video {
        Some(VideoPlan::Encode(encode)) => {
            encode.rate.crf = (encode.rate.crf - BETTER_BY_CRF).max(1.0);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample;

    #[test]
    fn x264_takes_over_once() {
        let mut encode = sample::video_encode(640, 360, 30);
        encode.encoder = VideoEncoder::Qsv;
        let mut spec = sample::output(VideoPlan::Encode(Box::new(encode)), None);
        assert!(in_software(&mut spec));
        assert_eq!(
            spec,
            sample::output(VideoPlan::Encode(Box::new(sample::video_encode(640, 360, 30))), None)
        );
        assert!(!in_software(&mut spec));
    }
}
