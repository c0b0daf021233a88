//! Limits on the resources and the time of a job.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::job::{FileClock, Job, TimeBudget, processor_time};
use crate::plan::{OutputSpec, VideoPlan};

/// How often a waiting parent checks its cancel flag.
pub(super) const TICK: Duration = Duration::from_millis(50);

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
/// Bytes of an uncompressed pixel, more than which no encoder writes.
const ENCODED_BYTES_PER_PIXEL: u64 = 2;
/// Frames in a second that no plan exceeds.
const MAX_FRAME_RATE: u64 = 120;
/// Bytes of a second of copied packets, more than which no source has.
const COPIED_BYTES_PER_SECOND: u64 = 256 * MIB;
/// Bytes of a file besides those of its frames: audio, index, an image.
const FILE_SIZE_BASE: u64 = 512 * MIB;
/// The most bytes of a file in any case.
const MAX_FILE_SIZE: u64 = 1 << 40;
/// CPU time of a probe, about which nothing is known yet. The worst files that were made for it took 5 s.
const PROBE_CPU: Duration = Duration::from_secs(300);
/// CPU time of a job without a budget of its own, and the most in any case.
const MAX_CPU: Duration = processor_time::MAX;

/// Wall time besides that for the CPU time: a job may wait long for storage and for other programs. One that does nothing
/// at all stalls, which is noticed earlier.
const LEAST_WALL: Duration = Duration::from_secs(3600);

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
    /// Bytes of each file that it writes; pipes and sockets do not count.
    pub(super) file_size: u64,
    /// CPU time, over all threads.
    pub(super) cpu: Duration,
    /// Wall time.
    pub(super) wall: Duration,
    /// Time without a message.
    pub(super) stall: Duration,
}

/// Returns the limits of a job. They are generous, because refusing a valid file is worse than spending
/// a long time on a broken one.
///
/// `input_bytes` is the size of the input, where [`writes_files`].
pub(super) fn job_limits(
    job: &Job,
    time: &TimeBudget,
    timeouts: &WorkerTimeouts,
    processors: u64,
    input_bytes: u64,
) -> JobLimits {
    let coding = CODING_ADDRESS_SPACE + STAGES + processors * PER_PROCESSOR;
    let (address_space, cpu, stall) = match job {
        Job::Probe { .. } | Job::SelfTest { .. } => (PROBE_ADDRESS_SPACE, PROBE_CPU, timeouts.probe_stall),
        // Drivers map whole devices, and some start slowly.
        Job::Trial { .. } => (2 * coding, Duration::from_secs(600), timeouts.stall),
        Job::Cover { .. } => (coding, Duration::from_secs(3600), timeouts.stall),
        // A report is complete without pictures, so they are not waited for.
        Job::Pictures(_) => (coding, Duration::from_secs(120), timeouts.probe_stall),
        Job::Deep | Job::Decode | Job::DecodeStreams { .. } | Job::Proof { .. } => {
            (coding, MAX_CPU, timeouts.stall)
        }
        Job::Fix { specs, .. } => {
            let space = |spec| coding + pixels(spec).saturating_mul(BYTES_PER_PIXEL);
            let (space, time) = (specs.iter().map(space).sum(), specs.iter().map(fix_time).sum());
            (space, time, timeouts.stall)
        }
    };
    let cpu = match &time.clock {
        // The time limit ends the job first.
        Some(clock) => {
            PROBE_CPU + clock.limit().saturating_mul(u32::try_from(processors).unwrap_or(u32::MAX))
        }
        None => time.processor.unwrap_or(cpu),
    };
    // Several threads use more CPU time than wall time; on a busy machine and with slow storage it is the reverse.
    let file_size = if writes_files(job) { file_size(job, input_bytes) } else { 0 };
    JobLimits { address_space, file_size, cpu, wall: cpu.saturating_mul(4) + LEAST_WALL, stall }
}

/// Returns whether a job writes files.
pub(super) fn writes_files(job: &Job) -> bool {
    match job {
        Job::Fix { .. } | Job::Cover { .. } | Job::Trial { .. } => true,
        Job::Probe { .. } | Job::SelfTest { .. } | Job::Deep | Job::Decode => false,
        Job::DecodeStreams { .. } | Job::Proof { .. } | Job::Pictures(_) => false,
    }
}

/// Returns the most bytes of a file that a job may write: no encoder needs more than the frames have themselves,
/// and a copy little more than its source, unless that is repeated.
fn file_size(job: &Job, input_bytes: u64) -> u64 {
    let encoded = |spec: &OutputSpec| {
        let seconds = spec.expected_duration_s.filter(|s| s.is_finite()).unwrap_or(MAX_CPU.as_secs_f64());
        let per_second = pixels(spec).saturating_mul(ENCODED_BYTES_PER_PIXEL * MAX_FRAME_RATE);
        per_second.max(COPIED_BYTES_PER_SECOND).saturating_mul(seconds.max(0.0) as u64 + 1)
    };
    let most = match job {
        Job::Fix { specs, .. } => specs.iter().map(encoded).max().unwrap_or(0),
        // A driver's memory may be files that have no name.
        Job::Trial { .. } => GIB,
        _ => 0,
    };
    most.saturating_add(2 * input_bytes.min(MAX_FILE_SIZE)).saturating_add(FILE_SIZE_BASE).min(MAX_FILE_SIZE)
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
    /// The time limit of the file that the job works on.
    clock: Option<&'a FileClock>,
}

impl Drop for JobMonitor<'_> {
    /// Adds the time of the job to that of its file.
    fn drop(&mut self) {
        if let Some(clock) = self.clock {
            clock.add(self.started.elapsed());
        }
    }
}

impl<'a> JobMonitor<'a> {
    pub(super) fn new(
        limits: JobLimits,
        cancel_grace: Duration,
        cancel: &'a AtomicBool,
        clock: Option<&'a FileClock>,
    ) -> JobMonitor<'a> {
        let now = Instant::now();
        JobMonitor { limits, cancel_grace, cancel, started: now, last_message: now, cancelled: None, clock }
    }

    /// Returns the time limit of the file, if the job exceeds it.
    pub(super) fn exceeded(&self) -> Option<&'a FileClock> {
        self.clock.filter(|clock| self.started.elapsed() > clock.remaining())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::job::ProbeDepth;

    #[test]
    fn a_probe_gets_less_than_a_full_decode() {
        let timeouts = WorkerTimeouts::default();
        let probe =
            job_limits(&Job::Probe { depth: ProbeDepth::Auto }, &TimeBudget::default(), &timeouts, 2, 0);
        let deep = job_limits(&Job::Deep, &TimeBudget::default(), &timeouts, 2, 0);
        assert_eq!(probe.address_space, 3 << 29);
        assert!(deep.address_space > probe.address_space && deep.cpu > probe.cpu);
        assert_eq!((probe.stall, deep.stall), (timeouts.probe_stall, timeouts.stall));
    }

    #[test]
    fn more_processors_get_more_address_space() {
        let of = |n| {
            job_limits(&Job::Deep, &TimeBudget::default(), &WorkerTimeouts::default(), n, 0).address_space
        };
        assert_eq!(of(64) - of(2), 62 * PER_PROCESSOR);
    }

    /// A worker that only reads writes no file at all; one that encodes gets what its plan needs.
    #[test]
    fn only_jobs_that_make_files_may_write_them() {
        let of = |job: &Job, input| {
            job_limits(job, &TimeBudget::default(), &WorkerTimeouts::default(), 2, input).file_size
        };
        assert_eq!(of(&Job::Probe { depth: ProbeDepth::Auto }, GIB), 0);
        assert_eq!(of(&Job::Deep, GIB), 0);
        assert_eq!(of(&Job::Decode, GIB), 0);
        let fix = |video| Job::Fix {
            specs: vec![crate::plan::example::output(video, None)],
            verify: crate::job::VerifyLevel::Full,
        };
        let encode = VideoPlan::Encode(Box::new(crate::plan::example::video_encode(1080, 1920, 30)));
        assert!(of(&fix(encode), GIB) > 2 * GIB + 1080 * 1920 * 3 / 2 * 30);
        assert!(of(&fix(VideoPlan::Copy { stream: 0, tags: Default::default() }), 10 * GIB) >= 20 * GIB);
    }
    #[test]
    fn a_budget_replaces_the_processor_time_of_a_job_and_a_time_limit_replaces_both() {
        let of = |time: &TimeBudget| job_limits(&Job::Deep, time, &WorkerTimeouts::default(), 2, 0).cpu;
        assert_eq!(of(&TimeBudget::default()), MAX_CPU);
        let budget = Duration::from_secs(77);
        assert_eq!(of(&TimeBudget { processor: Some(budget), clock: None }), budget);
        let clock = Some(Arc::new(FileClock::new(Duration::from_secs(1000))));
        let cpu = of(&TimeBudget { processor: Some(budget), clock });
        assert!(cpu >= Duration::from_secs(2000), "{cpu:?}");
    }

    #[test]
    fn the_time_of_each_job_counts_for_its_file() {
        let cancel = AtomicBool::new(false);
        let limits = job_limits(&Job::Deep, &TimeBudget::default(), &WorkerTimeouts::default(), 2, 0);
        let exceeded = |clock: Option<&FileClock>| {
            let monitor = JobMonitor::new(limits, Duration::ZERO, &cancel, clock);
            std::thread::sleep(Duration::from_millis(1));
            monitor.exceeded().is_some()
        };
        assert!(!exceeded(None));
        assert!(exceeded(Some(&FileClock::new(Duration::ZERO))));
        let long = FileClock::new(Duration::from_secs(3600));
        assert!(!exceeded(Some(&long)));
        assert!(long.remaining() < Duration::from_secs(3600));
    }
}
