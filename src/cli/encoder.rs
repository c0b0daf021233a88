//! The encoder that was asked for, or x264 when that does not work here.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::worker::{self, WorkerPool};
use crate::job::{Job, JobError, JobFiles, JobRequest, Runner};
use crate::plan::{FixOptions, RateControl, VideoEncode, VideoEncoder, sample};

/// Bits a second that make a trial's ceiling: encoders set themselves up otherwise under one.
const CEILING: u64 = 4_000_000;

/// Workers for fixing with `options`. An encoder that needs a device is tried first; when it does not
/// work, that is said and x264 put in its place.
pub fn workers(
    jobs: usize,
    options: &mut FixOptions,
    cancel: &Arc<AtomicBool>,
    say: &dyn Fn(&str),
) -> WorkerPool {
    if !options.encoder.is_hardware() {
        return WorkerPool::new(jobs);
    }
    let pool = WorkerPool::with_devices(jobs, worker::program());
    let Err(error) = works(&pool, options, cancel) else { return pool };
    let reason = format!("{} does not work here: {error}", options.encoder.name());
    say(&format!("greenlit: {reason}; x264 is used"));
    options.encoder = VideoEncoder::X264;
    options.encoder_fallback = Some(reason);
    WorkerPool::new(jobs)
}

/// Tries the encoder of `options` with the rest of what they say, with and without a ceiling.
pub fn works(runner: &dyn Runner, options: &FixOptions, cancel: &Arc<AtomicBool>) -> Result<(), JobError> {
    [None, Some(CEILING)].into_iter().try_for_each(|max_bit_rate| {
        let rate = RateControl { crf: options.crf, max_bit_rate, buffer_bits: None, min_bit_rate: None };
        // The third recipe does without B-frames.
        let b_frames = if options.recipe >= 3 { 0 } else { 2 };
        let (encoder, preset) = (options.encoder, options.preset);
        let plan = VideoEncode { encoder, preset, rate, b_frames, ..sample::video_encode(640, 360, 30) };
        let input = File::open("/dev/null").map_err(|error| JobError::Io(error.to_string()))?;
        let files = JobFiles { input, outputs: Vec::new() };
        let job = Job::Trial { plan: Box::new(plan) };
        let name = options.encoder.name().to_owned();
        runner.run(JobRequest { job, files, name, cancel: Arc::clone(cancel) }, &mut |_| {}).map(drop)
    })
}
