//! What each job means: the one place that both runners go through.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Isolation, Job, JobError, JobFiles, JobOutput, Progress};
use crate::probe::libav;

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
    match job {
        Job::Probe { depth } => libav::probe(&files.input, name, *depth, cancel, progress)
            .map(|facts| JobOutput::Probed(Box::new(facts))),
        _ => Err(JobError::Unavailable("this kind of job is not built in".into())),
    }
}

/// Describes the media library, which is loaded and made ready by this.
pub fn describe() -> Isolation {
    libav::init();
    Isolation { library: libav::library(), encoders: libav::encoders(), ..Isolation::default() }
}
