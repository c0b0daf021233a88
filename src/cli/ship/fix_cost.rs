//! How long it takes to fix files.

/// The cost of fixing a file.
pub(super) struct FixCost {
    /// Processor time in seconds.
    pub(super) core_s: f64,
    /// Number of cores in use.
    pub(super) cores: f64,
}

impl FixCost {
    pub(super) const ZERO: FixCost = FixCost { core_s: 0.0, cores: 1.0 };

    /// Returns the time in seconds if nothing else runs.
    pub(super) fn wall_s(&self) -> f64 {
        self.core_s / self.cores
    }
}

/// Estimates the time for fixing several files in parallel, in seconds: the maximum of the longest file, the
/// processor time per core, and the time per job.
pub(super) fn parallel_wall_s(costs: &[FixCost], cores: u32, jobs: usize) -> f64 {
    let longest = costs.iter().map(FixCost::wall_s).fold(0.0, f64::max);
    let per_core = costs.iter().map(|cost| cost.core_s).sum::<f64>() / f64::from(cores.max(1));
    let per_job = costs.iter().map(FixCost::wall_s).sum::<f64>() / jobs.max(1) as f64;
    longest.max(per_core).max(per_job)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parallel_time_is_limited_by_cores_jobs_and_the_longest_file() {
        let parallel_encode = || FixCost { core_s: 80.0, cores: 4.0 };
        let one_thread = || FixCost { core_s: 10.0, cores: 1.0 };
        // Eight encodes that each use all cores take eight times as long, with any number of jobs.
        let eight: Vec<_> = std::iter::repeat_with(parallel_encode).take(8).collect();
        assert_eq!(parallel_wall_s(&eight, 4, 8), 160.0);
        // Four encodes with one thread each run in parallel with four jobs, but not with one.
        let four: Vec<_> = std::iter::repeat_with(one_thread).take(4).collect();
        assert_eq!([parallel_wall_s(&four, 4, 4), parallel_wall_s(&four, 4, 1)], [10.0, 40.0]);
        // One encode with one thread is not faster with more cores.
        assert_eq!(parallel_wall_s(&[one_thread()], 4, 4), 10.0);
        assert_eq!(parallel_wall_s(&[], 4, 4), 0.0);
    }
}
