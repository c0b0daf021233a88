//! Shows that finished bytes can be published, with workers that have seen neither their source nor their making: what
//! the worker that made an output says about it could be the words of a hostile source.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::job::{
    DecodeScope, FixReport, Job, JobError, JobFiles, JobOutput, JobRequest, OutputProof, TimeBudget,
    VerifyLevel,
};
use crate::model::SourceDamage;
use crate::plan::OutputSpec;

use super::failure::unexpected_result;
use super::open_source::display_name;
use super::produce_context::ProduceContext;
use super::staging::Staging;

/// Reads the facts of a finished output and decodes it, and hashes it for the record meanwhile. Returns the report of
/// its worker with the facts and with what the decoder found.
pub(super) fn prove(
    context: &ProduceContext<'_>,
    source: &Path,
    input: &File,
    spec: &OutputSpec,
    staging: &Staging,
    report: FixReport,
) -> Result<FixReport, JobError> {
    let io = |error: std::io::Error| JobError::Io(error.to_string());
    let decode = match context.verify {
        VerifyLevel::Full => DecodeScope::of(spec),
        VerifyLevel::Structure | VerifyLevel::Off => DecodeScope::Nothing,
    };
    let output = staging.reader().map_err(io)?;
    let hashed = staging.descriptor().map_err(io)?;
    let name = format!("output.{}", spec.container.extension());
    let proof = std::thread::scope(|scope| {
        // The record remembers it; a failure is found again when it is asked.
        scope.spawn(|| context.record.map(|_| context.contents.blake3(&hashed)));
        run(
            context,
            Job::Proof { decode },
            output,
            name,
            context.checked.fix_budget(std::slice::from_ref(spec)),
        )
    });
    let OutputProof { facts, decoded, failures } = match proof? {
        JobOutput::Proved(proof) => *proof,
        _ => return Err(JobError::Unavailable(unexpected_result().message)),
    };
    let source_damage = if decoded.damage.is_none() {
        None
    } else {
        Some(damage_of_copied_streams(context, source, input, spec)?)
    };
    let mut report = FixReport { facts, ..report };
    report.verify.add_failures_at_start(failures);
    report.verify.add_decoded_copies(decoded, source_damage);
    Ok(report)
}

fn damage_of_copied_streams(
    context: &ProduceContext<'_>,
    source: &Path,
    input: &File,
    spec: &OutputSpec,
) -> Result<SourceDamage, JobError> {
    let input = input.try_clone().map_err(|error| JobError::Io(error.to_string()))?;
    let job = Job::DecodeStreams { streams: spec.copied_streams() };
    match run(context, job, input, display_name(source), context.checked.decode_budget())? {
        JobOutput::Decoded(decoded) => Ok(decoded.damage),
        _ => Err(JobError::Unavailable(unexpected_result().message)),
    }
}

fn run(
    context: &ProduceContext<'_>,
    job: Job,
    input: File,
    name: String,
    time: TimeBudget,
) -> Result<JobOutput, JobError> {
    let files = JobFiles { input, outputs: Vec::new() };
    context
        .pipeline
        .runner
        .run(JobRequest { job, files, name, cancel: Arc::clone(context.pipeline.cancel), time }, &mut |_| {})
}
