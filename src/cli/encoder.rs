//! Tests hardware encoders and falls back to x264.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::{Job, JobError, JobFiles, JobRequest, Runner};
use crate::plan::{FixOptions, RateControl, VideoEncode, VideoEncoder, example};
use crate::worker::{self, WorkerPool};

use super::settings::Settings;

/// Bit rate limit of a trial, in bits per second. Encoders initialise differently with a limit.
const TRIAL_MAX_BIT_RATE: u64 = 4_000_000;

/// Returns the workers for fixing with `options`: `workers`, or some that may open devices. Tests a hardware encoder
/// first; if it does not work, reports it with `report` and replaces it by x264 in `options`.
pub fn workers(
    workers: WorkerPool,
    settings: &Settings,
    options: &mut FixOptions,
    cancel: &Arc<AtomicBool>,
    report: &dyn Fn(&str),
) -> WorkerPool {
    if !options.encoder.is_hardware() {
        return workers;
    }
    let pool = WorkerPool::with_devices(settings.jobs, worker::default_program());
    let pool = pool.with_isolation(settings.isolation);
    let Err(error) = test_encoder(&pool, options, cancel) else { return pool };
    let reason = format!("{} does not work here: {error}", options.encoder.name());
    report(&format!("greenlit: {reason}; greenlit uses x264"));
    options.encoder = VideoEncoder::X264;
    options.encoder_fallback = Some(reason);
    workers
}

/// Tests the encoder of `options` with its other options, with and without a bit rate limit.
pub fn test_encoder(
    runner: &dyn Runner,
    options: &FixOptions,
    cancel: &Arc<AtomicBool>,
) -> Result<(), JobError> {
    [None, Some(TRIAL_MAX_BIT_RATE)].into_iter().try_for_each(|max_bit_rate| {
        let rate = RateControl { crf: options.crf, max_bit_rate, buffer_bits: None, min_bit_rate: None };
        // The conservative encode mode uses no B-frames.
        let b_frames = if options.encode_mode.is_conservative() { 0 } else { 2 };
        let (encoder, preset) = (options.encoder, options.preset);
        let plan = VideoEncode { encoder, preset, rate, b_frames, ..example::video_encode(640, 360, 30) };
        let input = File::open("/dev/null").map_err(|error| JobError::Io(error.to_string()))?;
        let files = JobFiles { input, outputs: Vec::new() };
        let job = Job::Trial { plan: Box::new(plan) };
        let name = options.encoder.name().to_owned();
        runner
            .run(
                JobRequest { job, files, name, cancel: Arc::clone(cancel), time: Default::default() },
                &mut |_| {},
            )
            .map(drop)
    })
}
