//! Limits on the resources and the time of a job.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::job::Job;
use crate::plan::{OutputSpec, VideoPlan};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;
/// Libraries, one file's index, and decoders for its first frames.
const PROBE_ADDRESS_SPACE: u64 = 3 * GIB / 2;
/// Decoding an 8K source with its reference frames while encoding full HD.
const CODING_ADDRESS_SPACE: u64 = 4 * GIB;
/// Look-ahead, reference frames and filters hold up to a few hundred output frames.
const BYTES_PER_PIXEL: u64 = 400;
/// Stacks and caches of threads; codecs start several per processor.
const PER_PROCESSOR: u64 = 256 * MIB;
/// Stacks and caches of greenlit's own threads that decode, filter, encode and compare in parallel.
const STAGES: u64 = 6 * 128 * MIB;
/// CPU seconds for one second of video: 4K at 60 frames/s with a slow preset, and its verification.
const CPU_S_PER_SECOND: f64 = 300.0;
/// CPU time where the duration of the video is unknown, and the most in any case.
const MAX_CPU: Duration = Duration::from_secs(24 * 3600);

/// Timeouts of a pool for its workers.
#[derive(Clone, Debug)]
pub struct WorkerTimeouts {
    /// Time without a message after which a probe counts as hung.
    pub probe_stall: Duration,
    /// Time without a message after which any other job counts as hung.
    pub stall: Duration,
    /// Time for a worker to start and send its hello.
    pub start: Duration,
    /// Time for a worker to stop a cancelled job before it is killed.
    pub cancel_grace: Duration,
}

impl Default for WorkerTimeouts {
    fn default() -> WorkerTimeouts {
        WorkerTimeouts {
            probe_stall: Duration::from_secs(20),
            stall: Duration::from_secs(60),
            start: Duration::from_secs(20),
            cancel_grace: Duration::from_secs(2),
        }
    }
}

/// The limits of one job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct JobLimits {
    /// Bytes of address space.
    pub(super) address_space: u64,
    /// CPU time, over all threads.
    pub(super) cpu: Duration,
    /// Wall time.
    pub(super) wall: Duration,
    /// Time without a message.
    pub(super) stall: Duration,
}

/// Returns the limits of a job. They are generous, because refusing a valid file is worse than spending
/// a long time on a broken one.
pub(super) fn job_limits(job: &Job, timeouts: &WorkerTimeouts, processors: u64) -> JobLimits {
    let coding = CODING_ADDRESS_SPACE + STAGES + processors * PER_PROCESSOR;
    let (address_space, cpu, stall) = match job {
        Job::Probe { .. } | Job::SelfTest { .. } => {
            (PROBE_ADDRESS_SPACE, Duration::from_secs(600), timeouts.probe_stall)
        }
        // Drivers map whole devices, and some start slowly.
        Job::Trial { .. } => (2 * coding, Duration::from_secs(600), timeouts.stall),
        Job::Cover { .. } => (coding, Duration::from_secs(3600), timeouts.stall),
        Job::Deep | Job::Decode => (coding, MAX_CPU, timeouts.stall),
        Job::Fix { specs, .. } => {
            let space = |spec| coding + pixels(spec).saturating_mul(BYTES_PER_PIXEL);
            let (space, time) = (specs.iter().map(space).sum(), specs.iter().map(fix_time).sum());
            (space, time, timeouts.stall)
        }
    };
    // Several threads use more CPU time than wall time; on a busy machine it is the reverse.
    JobLimits { address_space, cpu, wall: cpu * 4, stall }
}

/// Returns the number of pixels of the largest frame that a fix produces.
fn pixels(spec: &OutputSpec) -> u64 {
    let Some(VideoPlan::Encode(plan)) = &spec.video else { return 0 };
    let area = |size: crate::model::Size| u64::from(size.width) * u64::from(size.height);
    area(plan.scale).max(plan.canvas.as_ref().map_or(0, |canvas| area(canvas.size)))
}

fn fix_time(spec: &OutputSpec) -> Duration {
    let expected = spec.expected_duration_s.map(|s| 3600.0 + s * CPU_S_PER_SECOND);
    expected.and_then(|s| Duration::try_from_secs_f64(s).ok()).map_or(MAX_CPU, |time| time.min(MAX_CPU))
}

/// Returns the number of processors, computed once: the system reads half a dozen files for it.
pub(super) fn processors() -> u64 {
    static COUNT: OnceLock<u64> = OnceLock::new();
    *COUNT.get_or_init(|| std::thread::available_parallelism().map_or(1, |count| count.get() as u64))
}

/// Supervises a running job: its limits, its start and its last message.
pub(super) struct JobMonitor<'a> {
    pub(super) limits: JobLimits,
    pub(super) cancel_grace: Duration,
    pub(super) cancel: &'a AtomicBool,
    pub(super) started: Instant,
    pub(super) last_message: Instant,
    pub(super) cancelled: Option<Instant>,
}

impl<'a> JobMonitor<'a> {
    pub(super) fn new(limits: JobLimits, cancel_grace: Duration, cancel: &'a AtomicBool) -> JobMonitor<'a> {
        let now = Instant::now();
        JobMonitor { limits, cancel_grace, cancel, started: now, last_message: now, cancelled: None }
    }

    /// Restarts for the next job of a batch.
    pub(super) fn restart(&mut self) {
        self.started = Instant::now();
        self.last_message = self.started;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::ProbeDepth;

    #[test]
    fn a_probe_gets_less_than_a_full_decode() {
        let timeouts = WorkerTimeouts::default();
        let probe = job_limits(&Job::Probe { depth: ProbeDepth::Auto }, &timeouts, 2);
        let deep = job_limits(&Job::Deep, &timeouts, 2);
        assert_eq!(probe.address_space, 3 << 29);
        assert!(deep.address_space > probe.address_space && deep.cpu > probe.cpu);
        assert_eq!((probe.stall, deep.stall), (timeouts.probe_stall, timeouts.stall));
    }

    #[test]
    fn more_processors_get_more_address_space() {
        let of = |n| job_limits(&Job::Deep, &WorkerTimeouts::default(), n).address_space;
        assert_eq!(of(64) - of(2), 62 * PER_PROCESSOR);
    }
}
