//! Executes jobs with the media library.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::fix_images::fix_images;
use crate::job::{Job, JobError, JobFiles, JobOutput, OutputProof, ProbeDepth, Progress, WorkerInfo};
use crate::libav::allocator::{share_one_arena, zero_allocations};
use crate::libav::library;
use crate::model::{MediaFacts, Size};
use crate::plan::{OutputSpec, VideoPlan};
use crate::probe::libav;
use crate::transcode::{
    self,
    libav::{FixSource, ImageRequest},
};
use crate::verify::libav::{StreamChoice, Verification, decode_streams};
use crate::worker::keep_freed_memory;

/// Executes one job in this thread.
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
    let decode = |choice: StreamChoice<'_>, progress: &mut dyn FnMut(Progress)| {
        decode_streams(&files.input, name, choice, &cancel, progress)
            .map(|decoded| JobOutput::Decoded(Box::new(decoded)))
    };
    match job {
        Job::Probe { depth: ProbeDepth::Unidentified }
            if !libav::is_recognized(&files.input).map_err(|error| JobError::Io(error.to_string()))? =>
        {
            Ok(JobOutput::NotMedia)
        }
        Job::Probe { depth } => libav::probe(&files.input, name, *depth, cancel, progress)
            .map(|facts| JobOutput::Probed(Box::new(facts))),
        Job::Deep => {
            let facts = probe(&files.input, ProbeDepth::Packets, &cancel)?;
            let report = crate::verify::libav::deep(files.input, name, facts, cancel, progress)?;
            Ok(JobOutput::Deep(Box::new(report)))
        }
        Job::Decode => decode(StreamChoice::All, progress),
        Job::DecodeStreams { streams } => decode(StreamChoice::These(streams), progress),
        Job::Proof { decode } => {
            let facts = probe(&files.input, ProbeDepth::Auto, &cancel)?;
            let proof = OutputProof { facts, ..OutputProof::default() };
            crate::verify::libav::prove(&files.input, name, *decode, proof, &cancel, progress)
                .map(|proof| JobOutput::Proved(Box::new(proof)))
        }
        Job::Fix { specs, verify } if specs.iter().any(|spec| spec.container.is_image()) => {
            fix_images(&files.input, name, &files.outputs, specs, *verify, &cancel, progress)
                .map(|results| JobOutput::Fixed { results })
        }
        Job::Fix { specs, verify } => {
            // A worker that has seen nothing else reads the facts of the output (`Job::Proof`).
            let verifier = Verification { level: *verify };
            let source = FixSource { input: &files.input, name, verifier: &verifier, cancel: &cancel };
            transcode::libav::fix_together(source, files.outputs, specs, progress)
                .map(|results| JobOutput::Fixed { results })
        }
        Job::Trial { plan } => transcode::libav::trial(plan, &cancel).map(|()| JobOutput::Tried),
        Job::SelfTest { port } => {
            Ok(JobOutput::SelfTest { lines: crate::worker::try_forbidden_operations(*port) })
        }
        Job::Cover { size } => {
            let facts = probe(&files.input, ProbeDepth::Auto, &cancel)?;
            let no_output = || JobError::Failed("the job has no output file".into());
            let output = files.outputs.into_iter().next().ok_or_else(no_output)?;
            let request = image_request(&facts, |_| Some(*size))?;
            transcode::libav::cover(files.input, output, name, request, cancel, progress)
                .map(JobOutput::Cover)
        }
        Job::Pictures(choice) => {
            let facts = probe(&files.input, ProbeDepth::Auto, &cancel)?;
            let request =
                image_request(&facts, |size| size.map(|size| size.scaled_down_to(choice.max_side)))?;
            transcode::libav::pictures(files.input, name, request, *choice, cancel, progress)
                .map(JobOutput::Pictures)
        }
    }
}

/// Returns a request for images of the main video, of the size that `size` returns for its display size.
fn image_request(
    facts: &MediaFacts,
    size: impl FnOnce(Option<Size>) -> Option<Size>,
) -> Result<ImageRequest, JobError> {
    let no_video = || JobError::Unreadable("the file has no video stream with a size".into());
    let video = facts.main_video().ok_or_else(no_video)?;
    let size = size(video.display_size()).ok_or_else(no_video)?;
    Ok(ImageRequest { stream: video.index, size, rotation: video.rotation, flip: video.flip })
}

/// Executes the only job of a process: what the process did before then does not affect the encoded bytes.
/// Otherwise like [`execute`].
///
/// # Errors
/// See [`JobError`].
pub fn execute_in_worker(
    job: &Job,
    files: JobFiles,
    name: &str,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<JobOutput, JobError> {
    // Stream copies are not affected, and filling memory would cost time for every packet.
    let encodes_video = |spec: &OutputSpec| matches!(spec.video, Some(VideoPlan::Encode(_)));
    if matches!(job, Job::Fix { specs, .. } if specs.iter().any(encodes_video)) {
        zero_allocations();
    }
    execute(job, files, name, cancel, progress)
}

/// Initializes and describes the media library.
pub fn describe() -> WorkerInfo {
    library::init();
    WorkerInfo { library: library::library(), encoders: library::encoders(), ..WorkerInfo::default() }
}

/// Like [`describe`], for a process whose workers run the jobs: also configures its allocator.
pub fn prepare() -> WorkerInfo {
    keep_freed_memory();
    share_one_arena();
    describe()
}
