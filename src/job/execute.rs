//! What each job means: the one place that both runners go through.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Job, JobError, JobFiles, JobOutput, ProbeDepth, Progress, WorkerInfo};
use crate::plan::{OutputSpec, VideoPlan};
use crate::probe::libav;
use crate::transcode;

/// Does one job in this thread.
///
/// # Errors
/// See [`JobError`].
pub fn execute(
    job: &Job,
    files: JobFiles,
    name: &str,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<JobOutput, JobError> {
    let probe = |file: &File, depth, cancel: &Arc<AtomicBool>| {
        libav::probe(file, name, depth, Arc::clone(cancel), &mut |_| {})
    };
    match job {
        Job::Probe { depth } => libav::probe(&files.input, name, *depth, cancel, progress)
            .map(|facts| JobOutput::Probed(Box::new(facts))),
        Job::Deep => {
            let facts = probe(&files.input, ProbeDepth::Packets, &cancel)?;
            let report = crate::verify::libav::deep(files.input, name, facts, cancel, progress)?;
            Ok(JobOutput::Deep(Box::new(report)))
        }
        Job::Fix { specs, verify } => {
            // As deep as a check of the output would go.
            let again = |file: File, name: &str| {
                libav::probe(&file, name, ProbeDepth::Auto, Arc::clone(&cancel), &mut |_| {})
            };
            let JobFiles { input, outputs } = files;
            transcode::libav::fix_together(&input, outputs, name, specs, *verify, &cancel, progress, &again)
                .map(|results| JobOutput::Fixed { results })
        }
        Job::Trial { plan } => transcode::libav::trial(plan, &cancel).map(|()| JobOutput::Tried),
        Job::SelfTest { port } => Ok(JobOutput::SelfTest { lines: super::worker::attempts(*port) }),
        Job::Cover { size } => {
            let output = files.outputs.into_iter().next().ok_or_else(no_output)?;
            let facts = probe(&files.input, ProbeDepth::Auto, &cancel)?;
            let video =
                facts.main_video().ok_or_else(|| JobError::Unreadable("there is no picture".into()))?;
            let (rotate, flip) = (video.rotation, video.flip);
            transcode::libav::cover(files.input, output, name, *size, rotate, flip, cancel, progress)
                .map(JobOutput::Cover)
        }
    }
}

/// As [`execute`], for a process that does nothing but one job after the other: what is encoded then does
/// not depend on the jobs before.
///
/// # Errors
/// See [`JobError`].
pub fn execute_alone(
    job: &Job,
    files: JobFiles,
    name: &str,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<JobOutput, JobError> {
    // Copies have nothing to do with it, and would pay for every packet.
    let picture = |spec: &OutputSpec| matches!(spec.video, Some(VideoPlan::Encode(_)));
    let encodes = matches!(job, Job::Fix { specs, .. } if specs.iter().any(picture));
    if encodes {
        libav::hand_out_zeros(true);
    }
    let result = execute(job, files, name, cancel, progress);
    if encodes {
        libav::hand_out_zeros(false);
    }
    result
}

fn no_output() -> JobError {
    JobError::Failed("the job came without a file to write to".into())
}

/// Describes the media library, which is loaded and made ready by this.
pub fn describe() -> WorkerInfo {
    libav::init();
    WorkerInfo { library: libav::library(), encoders: libav::encoders(), ..WorkerInfo::default() }
}

/// The same, in a process that does nothing but jobs: its allocator is set up for that too.
pub fn prepare() -> WorkerInfo {
    libav::keep_freed_memory();
    describe()
}
