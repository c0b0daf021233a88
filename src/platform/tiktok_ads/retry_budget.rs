//! How often and when reads are repeated.

use std::time::Duration;

/// The budget for retries of reads: about one in ten calls, so that retries do not worsen an outage.
#[derive(Debug)]
pub struct RetryBudget {
    tenths: u32,
}

impl RetryBudget {
    const FULL: u32 = 50;

    /// Creates a full budget of five retries.
    pub fn new() -> RetryBudget {
        RetryBudget { tenths: RetryBudget::FULL }
    }

    /// Adds a tenth of a retry for a first attempt.
    pub fn earn(&mut self) {
        self.tenths = (self.tenths + 1).min(RetryBudget::FULL);
    }

    /// Takes one retry if the budget allows it; returns whether it did.
    pub fn take(&mut self) -> bool {
        let left = self.tenths.checked_sub(10);
        self.tenths = left.unwrap_or(self.tenths);
        left.is_some()
    }
}

impl Default for RetryBudget {
    fn default() -> RetryBudget {
        RetryBudget::new()
    }
}

/// Returns the wait before retry number `retry` (from 0): `chance`, from 0 to 1, of a bound that doubles.
pub fn retry_wait(first: Duration, retry: u32, chance: f64) -> Duration {
    let bound = first.saturating_mul(1 << retry.min(6)).min(Duration::from_secs(10));
    bound.mul_f64(chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_limited_to_a_tenth_of_all_calls() {
        let mut budget = RetryBudget::new();
        let retries = (0..1000)
            .filter(|_| {
                budget.earn();
                budget.take()
            })
            .count();
        assert!((100..=105).contains(&retries), "{retries}");
        assert_eq!(retry_wait(Duration::from_millis(500), 0, 1.0), Duration::from_millis(500));
        assert_eq!(retry_wait(Duration::from_millis(500), 1, 0.5), Duration::from_millis(500));
        assert_eq!(retry_wait(Duration::from_millis(500), 60, 1.0), Duration::from_millis(10_000));
    }
}
