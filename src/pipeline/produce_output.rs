//! Produces outputs, verifies them, and gives them their final names.

use std::fs::File;
use std::io::{self, Seek};
use std::path::Path;
use std::sync::Arc;

use crate::ending::FailureKind;
use crate::job::{FailureCause, FixReport, Job, JobError, JobFiles, JobOutput, JobRequest, VerifyReport};
use crate::plan::OutputSpec;
use crate::profile::Profile;
use crate::rules::{Selection, Severity, Subject, Verdict, assess};

use super::another_try::{fall_back_to_x264, may_be_encoder_failure, raise_quality};
use super::events::Event;
use super::failure::{DISK_FULL_ADVICE, Failure, operation, unexpected_result, unrecorded};
use super::open_source::display_name;
use super::output_check::prove;
use super::produce_context::{ProduceContext, RecordOutput, check_unchanged};
use super::source_decode::damaged;
use super::staging::Staging;
use super::store::{Existing, Publication};

/// Copies a compliant file to its final name, and records it with the report of its source. Returns what became
/// of it.
pub(super) fn copy(
    context: &ProduceContext<'_>,
    source: &Path,
    input: &File,
    target: &Path,
    existing: Existing,
    report: Option<&FixReport>,
    record: RecordOutput<'_>,
) -> Result<Publication, Failure> {
    let failed = |error: io::Error| operation(target, &error);
    let staging = context.pipeline.store.create(target).map_err(failed)?;
    let output = staging.descriptor().map_err(failed)?;
    copy_bytes(input, &output, target)?;
    check_unchanged(source, input, context.before)?;
    record(&output, report).map_err(|error| unrecorded(target, &error))?;
    context.pipeline.store.publish(staging, existing, context.record)
}

/// Copies a file into an empty one, as a reflink if the file system supports it.
fn copy_bytes(mut input: &File, mut output: &File, target: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| operation(target, &error);
    if rustix::fs::ioctl_ficlone(output, input).is_err() {
        input.rewind().map_err(failed)?;
        io::copy(&mut input, &mut output).map_err(failed)?;
    }
    let expected = input.metadata().map_err(failed)?.len();
    let copied = output.metadata().map_err(failed)?.len();
    if expected == copied {
        return Ok(());
    }
    let message = format!(
        "{}: {copied} of {expected} bytes copied; the source changed while it was read: run again",
        target.display()
    );
    Err(Failure::operation(message))
}

/// An output to produce.
#[derive(Clone, Copy)]
pub(super) struct OutputRequest<'a> {
    pub(super) spec: &'a OutputSpec,
    pub(super) profile: &'a Profile,
    pub(super) target: &'a Path,
}

/// A produced output, or the failure to produce it, before it is assessed.
pub(super) struct Attempt {
    staging: Staging,
    result: Result<FixReport, Failure>,
}

impl Attempt {
    /// Produces a single output.
    fn single(
        context: &ProduceContext<'_>,
        source: &Path,
        input: &File,
        spec: &OutputSpec,
        target: &Path,
    ) -> Result<Attempt, Failure> {
        let staging = context.pipeline.store.create(target).map_err(|error| operation(target, &error))?;
        let results = run_fix(context, source, input, vec![spec.clone()], std::slice::from_ref(&staging));
        let result =
            results.and_then(|mut results| results.pop().unwrap_or_else(|| Err(unexpected_result())));
        Ok(Attempt { staging, result })
    }

    /// Returns whether the output passes verification and the rules.
    pub(super) fn passes(&self, request: &OutputRequest<'_>) -> bool {
        let passes = |report| problems_of(report, &display_name(request.target), request.profile).is_empty();
        self.result.as_ref().is_ok_and(passes)
    }

    /// Returns a copy of the attempt for another target.
    fn copy_to(&self, context: &ProduceContext<'_>, target: &Path) -> Result<Attempt, Failure> {
        let failed = |error: io::Error| operation(target, &error);
        let staging = context.pipeline.store.create(target).map_err(failed)?;
        if self.result.is_ok() {
            let (from, to) = (self.staging.descriptor(), staging.descriptor());
            copy_bytes(&from.map_err(failed)?, &to.map_err(failed)?, target)?;
        }
        Ok(Attempt { staging, result: self.result.clone() })
    }
}

/// Produces several outputs of one video with one job; outputs with the same plan are produced once and copied.
/// `None` stands for an output that must be produced by itself.
pub(super) fn produce_together(
    context: &ProduceContext<'_>,
    source: &Path,
    input: &File,
    requests: &[OutputRequest<'_>],
) -> Vec<Option<Attempt>> {
    let mut firsts: Vec<&OutputRequest<'_>> = Vec::new();
    let mut plans = Vec::new();
    for request in requests {
        let same = firsts.iter().position(|first| first.spec == request.spec);
        plans.push(same.unwrap_or(firsts.len()));
        if same.is_none() {
            firsts.push(request);
        }
    }
    let attempts = attempt_all(context, source, input, &firsts).unwrap_or_default();
    let mut attempts: Vec<Option<Attempt>> = attempts.into_iter().map(Some).collect();
    // In reverse, because the first request of each plan takes the attempt that the others are copied from.
    let mut assigned: Vec<Option<Attempt>> = Vec::new();
    for (index, (request, plan)) in requests.iter().zip(&plans).enumerate().rev() {
        let attempt = attempts.get_mut(*plan);
        assigned.push(if plans.iter().position(|other| other == plan) == Some(index) {
            attempt.and_then(Option::take)
        } else {
            attempt.and_then(|attempt| attempt.as_ref()?.copy_to(context, request.target).ok())
        });
    }
    assigned.reverse();
    assigned
}

/// Attempts several outputs with one job.
fn attempt_all(
    context: &ProduceContext<'_>,
    source: &Path,
    input: &File,
    requests: &[&OutputRequest<'_>],
) -> Result<Vec<Attempt>, Failure> {
    let staging = |request: &&OutputRequest<'_>| {
        context.pipeline.store.create(request.target).map_err(|error| operation(request.target, &error))
    };
    let stagings = requests.iter().map(staging).collect::<Result<Vec<_>, _>>()?;
    let specs = requests.iter().map(|request| request.spec.clone()).collect();
    let results = run_fix(context, source, input, specs, &stagings)?;
    Ok(stagings.into_iter().zip(results).map(|(staging, result)| Attempt { staging, result }).collect())
}

/// Produces an output of `input`, unless `attempt` already did, verifies it and gives it its final name. If only
/// the similarity of the video fails, produces the output once more at higher quality. Calls `record` with the
/// verified file before the rename.
pub(super) fn produce_output(
    context: &ProduceContext<'_>,
    source: &Path,
    input: &File,
    request: &OutputRequest<'_>,
    mut attempt: Option<Attempt>,
    existing: Existing,
    record: RecordOutput<'_>,
) -> Result<(FixReport, Publication), Failure> {
    let OutputRequest { spec, profile, target } = *request;
    let mut spec = spec.clone();
    let mut retried = false;
    loop {
        let attempt = match attempt.take() {
            Some(attempt) => attempt,
            None => Attempt::single(context, source, input, &spec, target)?,
        };
        let Attempt { staging, result } = attempt;
        let report = match result {
            Ok(report) => report,
            // The trial at the start does not show that the device supports every frame size, or several
            // encodes at once.
            Err(failure) if may_be_encoder_failure(&failure) && fall_back_to_x264(&mut spec) => continue,
            Err(failure) => return Err(failure),
        };
        let problems = problems_of(&report, &display_name(target), profile);
        if problems.is_empty() {
            check_unchanged(source, input, context.before)?;
            let output = staging.descriptor().map_err(|error| operation(target, &error))?;
            record(&output, Some(&report)).map_err(|error| unrecorded(target, &error))?;
            return Ok((report, context.pipeline.store.publish(staging, existing, context.record)?));
        }
        if fall_back_to_x264(&mut spec) {
            continue;
        }
        let improvable = report.verify.needs_quality() && !retried && raise_quality(&mut spec);
        if !improvable {
            return Err(verification_failure(&report.verify, &problems));
        }
        retried = true;
    }
}

/// Returns the failure of an output with these problems: the source's fault if it is damaged.
fn verification_failure(verify: &VerifyReport, problems: &[String]) -> Failure {
    if verify.needs_conceal() && problems.len() == verify.failures.len() {
        return damaged(FailureKind::LittleDamage, &problems.join("; "));
    }
    if verify.is_source_damaged() {
        return damaged(FailureKind::Damaged, &problems.join("; "));
    }
    let kind = if verify.has(FailureCause::SeveralSizes) {
        FailureKind::SeveralSizes
    } else {
        FailureKind::Unproven
    };
    let found = problems.join("; ");
    let message = format!("the output failed verification and was discarded: {found}");
    Failure { found: Some(found), ..Failure::new(kind, message) }
}

/// Runs one job that writes outputs to staging files. Returns the result of each output.
fn run_fix(
    context: &ProduceContext<'_>,
    source: &Path,
    input: &File,
    specs: Vec<OutputSpec>,
    stagings: &[Staging],
) -> Result<Vec<Result<FixReport, Failure>>, Failure> {
    let first = stagings.first().ok_or_else(unexpected_result)?;
    let outputs = stagings.iter().map(Staging::descriptor).collect::<io::Result<_>>();
    let files = JobFiles {
        input: input.try_clone().map_err(|error| operation(source, &error))?,
        outputs: outputs.map_err(|error| operation(first.path(), &error))?,
    };
    let time = context.checked.fix_budget(&specs);
    let job = Job::Fix { specs: specs.clone(), verify: context.verify };
    let (name, cancel) = (display_name(source), Arc::clone(context.pipeline.cancel));
    let request = JobRequest { job, files, name, cancel, time };
    let mut on_progress =
        |progress| context.pipeline.observer.notice(Event::Advanced { work: context.work, progress });
    match context.pipeline.runner.run(request, &mut on_progress) {
        Ok(JobOutput::Fixed { results }) if results.len() == stagings.len() => {
            let made = results.into_iter().zip(&specs).zip(stagings);
            let proved = made.map(|((made, spec), staging): ((Result<_, JobError>, _), _)| {
                let proved = made.and_then(|report| prove(context, source, input, spec, staging, report));
                proved.map_err(|error| fix_failure(&error, source, staging))
            });
            Ok(proved.collect())
        }
        Ok(_) => Err(unexpected_result()),
        Err(error) => Err(fix_failure(&error, source, first)),
    }
}

fn fix_failure(error: &JobError, source: &Path, staging: &Staging) -> Failure {
    let mut failure = Failure::from(error);
    match error {
        JobError::Unreadable(_) | JobError::Truncated(_) => {
            failure.message = format!("the source {error}: copy or export the original again")
        }
        JobError::Failed(_) => failure.kind = FailureKind::Unproven,
        JobError::Io(_) => {
            let folder = staging.path().parent().unwrap_or(staging.path());
            failure.message = format!(
                "fixing {} into {} failed: {error}; the partial output was deleted. \
                 If the disk is full, {DISK_FULL_ADVICE}",
                source.display(),
                folder.display()
            );
        }
        _ => {}
    }
    failure
}

/// Returns all problems of an output: verification failures and violations of rules.
fn problems_of(report: &FixReport, name: &str, profile: &Profile) -> Vec<String> {
    let mut problems: Vec<String> =
        report.verify.failures.iter().map(|failure| failure.message.clone()).collect();
    let subject = Subject { facts: &report.facts, file_name: name, deep: None };
    let assessment = assess(&subject, profile, &Selection::default());
    if assessment.verdict() != Verdict::Compliant {
        let errors = assessment.findings().iter().filter(|finding| finding.severity == Severity::Error);
        problems.extend(errors.map(|finding| format!("{}: {}", finding.rule, finding.message)));
        if assessment.verdict() == Verdict::Indeterminate {
            problems.push("too little is known about the output to assess it".to_owned());
        }
    }
    problems
}
