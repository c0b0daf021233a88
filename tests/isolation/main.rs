//! Workers can only run their jobs, and a worker death costs one file.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod cancelled_jobs;
#[path = "../common/mod.rs"]
mod common;
mod killed_workers;
mod own_worker;
mod processes_that_end;
mod refused_calls;
mod stated_isolation;
mod template;
mod worker_protocol;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use common::TestDir;
use greenlit::job::{Job, JobError, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner, VerifyLevel};
use greenlit::plan::{OutputSpec, Preset, VideoEncode, VideoPlan, example};
use greenlit::worker::{WorkerPool, WorkerTimeouts};

const WORKER: &str = env!("CARGO_BIN_EXE_greenlit-worker");
const CLIP: &str = "npm-vide-ocean.mp4";

fn pool(timeouts: WorkerTimeouts) -> WorkerPool {
    WorkerPool::with_timeouts(1, WORKER.into(), timeouts)
}

fn request(job: Job, input: &Path, cancel: &Arc<AtomicBool>) -> JobRequest {
    let outputs =
        if matches!(job, Job::Fix { .. }) { vec![tempfile::tempfile().unwrap()] } else { Vec::new() };
    let files = JobFiles { input: File::open(input).unwrap(), outputs };
    JobRequest { job, files, name: "clip.mp4".into(), cancel: Arc::clone(cancel), time: Default::default() }
}

fn probe(runner: &dyn Runner, input: &Path) -> Result<JobOutput, JobError> {
    let job = Job::Probe { depth: ProbeDepth::Auto };
    runner.run(request(job, input, &Arc::default()), &mut |_| {})
}

/// A fix that takes long enough to be interrupted.
fn slow_fix() -> Job {
    let mut video =
        VideoEncode { preset: Preset::Slow, b_frames: 3, ..example::video_encode(1920, 1080, 60) };
    video.rate.crf = 18.0;
    let spec = OutputSpec { threads: 2, ..example::output(VideoPlan::Encode(Box::new(video)), None) };
    Job::Fix { specs: vec![spec], verify: VerifyLevel::Full }
}

/// Returns a probe that reads every packet of a long stream, which takes a moment.
fn long_probe(dir: &TestDir, cancel: &Arc<AtomicBool>) -> JobRequest {
    let long = dir.path("long.ts");
    if !long.exists() {
        let source = "color=size=16x16:rate=60:duration=600";
        dir.ffmpeg(&["-f", "lavfi", "-i", source, "-c:v", "mpeg2video", "long.ts"]);
    }
    request(Job::Probe { depth: ProbeDepth::Packets }, &long, cancel)
}
