//! How much of the machine a job may use before it is taken to have gone astray.

use std::time::Duration;

use crate::job::Job;
use crate::plan::{OutputSpec, VideoPlan};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;
/// Libraries, one file's index, and decoders for its first pictures.
const PROBE_ADDRESS_SPACE: u64 = 3 * GIB / 2;
/// Decoding an 8K source with its references, and an encoder of full HD beside it.
const CODING_ADDRESS_SPACE: u64 = 4 * GIB;
/// Look-ahead, references and filters hold up to some hundred pictures of the output.
const BYTES_PER_PIXEL: u64 = 400;
/// Stacks and caches of threads; codecs start several a processor.
const PER_PROCESSOR: u64 = 256 * MIB;
/// The same for the threads of our own that decode, filter, encode and compare side by side.
const STAGES: u64 = 6 * 128 * MIB;
/// CPU seconds for one second of video: 4K at 60 frames with a slow preset, and its proof.
const CPU_S_PER_SECOND: f64 = 300.0;
/// Where the length of the video is unknown.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// Patience of a pool with its workers.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Silence after which a probe is taken to hang.
    pub probe_stall: Duration,
    /// Silence after which any other job is taken to hang.
    pub stall: Duration,
    /// Time for a worker to start and say hello.
    pub start: Duration,
    /// Time for a worker to honour a cancellation before it is ended.
    pub cancel_grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            probe_stall: Duration::from_secs(20),
            stall: Duration::from_secs(60),
            start: Duration::from_secs(20),
            cancel_grace: Duration::from_secs(2),
        }
    }
}

/// What one job may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Allowance {
    /// Bytes of address space.
    pub(super) address_space: u64,
    /// CPU time, over all threads.
    pub(super) cpu: Duration,
    /// Time on the clock.
    pub(super) wall: Duration,
    /// Silence on the line.
    pub(super) stall: Duration,
}

/// Generous on purpose: a audio video that is refused is worse than a bad one that takes long.
pub(super) fn allowance(job: &Job, limits: &Limits, processors: u64) -> Allowance {
    let coding = CODING_ADDRESS_SPACE + STAGES + processors * PER_PROCESSOR;
    let (address_space, cpu, stall) = match job {
        Job::Probe { .. } | Job::SelfTest { .. } => {
            (PROBE_ADDRESS_SPACE, Duration::from_secs(600), limits.probe_stall)
        }
        // Drivers map whole devices, and some start slowly.
        Job::Trial { .. } => (2 * coding, Duration::from_secs(600), limits.stall),
        Job::Cover { .. } => (coding, Duration::from_secs(3600), limits.stall),
        Job::Deep => (coding, LONG, limits.stall),
        Job::Fix { specs, .. } => {
            let space = |spec| coding + pixels(spec).saturating_mul(BYTES_PER_PIXEL);
            let (space, time) = (specs.iter().map(space).sum(), specs.iter().map(fix_time).sum());
            (space, time, limits.stall)
        }
    };
    // Several threads burn CPU time faster than the clock runs; on a busy machine it is the reverse.
    Allowance { address_space, cpu, wall: cpu * 4, stall }
}

/// Pixels of the largest picture a fix handles on its way out.
fn pixels(spec: &OutputSpec) -> u64 {
    let Some(VideoPlan::Encode(plan)) = &spec.video else { return 0 };
    let area = |size: crate::model::Size| u64::from(size.width) * u64::from(size.height);
    area(plan.scale).max(plan.canvas.as_ref().map_or(0, |canvas| area(canvas.size)))
}

fn fix_time(spec: &OutputSpec) -> Duration {
    let expected = spec.expected_duration_s.map(|s| 3600.0 + s * CPU_S_PER_SECOND);
    expected.and_then(|s| Duration::try_from_secs_f64(s).ok()).map_or(LONG, |time| time.min(LONG))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::ProbeDepth;

    #[test]
    fn a_probe_gets_less_than_anything_that_decodes() {
        let limits = Limits::default();
        let probe = allowance(&Job::Probe { depth: ProbeDepth::Auto }, &limits, 2);
        let deep = allowance(&Job::Deep, &limits, 2);
        assert_eq!(probe.address_space, 3 << 29);
        assert!(deep.address_space > probe.address_space && deep.cpu > probe.cpu);
        assert_eq!((probe.stall, deep.stall), (limits.probe_stall, limits.stall));
    }

    #[test]
    fn more_processors_reserve_more() {
        let of = |n| allowance(&Job::Deep, &Limits::default(), n).address_space;
        assert_eq!(of(64) - of(2), 62 * PER_PROCESSOR);
    }
}
