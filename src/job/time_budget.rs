//! How much time the jobs of one file may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::JobError;

/// The time of one job.
#[derive(Clone, Debug, Default)]
pub struct TimeBudget {
    /// Processor time over all threads, from what the file declares ([`super::processor_time`]); `None` where nothing
    /// is known about the file yet.
    pub processor: Option<Duration>,
    /// The time limit that the user set for the file (`--time-limit`); replaces the processor time.
    pub clock: Option<Arc<FileClock>>,
}

impl TimeBudget {
    /// Returns the error of a job that must not start, because earlier jobs of its file have used up its time.
    pub fn used_up(&self) -> Option<JobError> {
        self.clock.as_ref().filter(|clock| clock.remaining().is_zero()).map(|clock| clock.exceeded())
    }
}

/// The time limit of one file. Its jobs run one after another and share it; waiting for a worker does not count.
#[derive(Debug)]
pub struct FileClock {
    limit: Duration,
    used_us: AtomicU64,
}

impl FileClock {
    /// Creates a clock that has not run.
    pub fn new(limit: Duration) -> FileClock {
        FileClock { limit, used_us: AtomicU64::new(0) }
    }

    /// Returns the time limit of the file.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Returns how long the jobs of the file may still run.
    pub fn remaining(&self) -> Duration {
        self.limit.saturating_sub(Duration::from_micros(self.used_us.load(Ordering::Relaxed)))
    }

    /// Adds the time of a job that has ended.
    pub fn add(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let add = |used: u64| Some(used.saturating_add(us));
        let _ = self.used_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Returns the error of a job that did not end within the limit.
    pub fn exceeded(&self) -> JobError {
        JobError::TimeLimit(format!(
            "not finished within the time limit of {} s for each file: raise `--time-limit`, or leave it out to use \
             the limit that follows from the declared size of the video",
            self.limit.as_secs_f64()
        ))
    }
}

/// Returns the error of a job that used up its processor time.
pub(crate) fn processor_time_exceeded(allowed: Duration) -> JobError {
    JobError::ProcessorTime(format!(
        "needs more processor time than the {} s allowed for the declared size, length and codec of the video: export \
         it again, or raise the limit with `--time-limit 2h`",
        allowed.as_secs()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jobs_of_a_file_share_its_time_limit() {
        let clock = Arc::new(FileClock::new(Duration::from_secs(10)));
        let budget = TimeBudget { processor: None, clock: Some(Arc::clone(&clock)) };
        clock.add(Duration::from_secs(4));
        assert_eq!(clock.remaining(), Duration::from_secs(6));
        assert!(budget.used_up().is_none());
        clock.add(Duration::MAX);
        assert!(matches!(budget.used_up(), Some(JobError::TimeLimit(text)) if text.contains("10 s")));
        assert!(TimeBudget::default().used_up().is_none());
    }
}
