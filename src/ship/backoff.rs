//! Exponential backoff as a pure function: elapsed time and randomness are arguments.

use std::time::Duration;

/// The next step of a retry loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait this long, then retry.
    Wait(Duration),
    /// The deadline is reached.
    GiveUp,
}

/// Exponential growth with full jitter, up to a cap and a deadline.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The bound of the first wait.
    pub first: Duration,
    /// The longest wait.
    pub cap: Duration,
    /// Counted from the start of waiting.
    pub deadline: Duration,
}

impl Backoff {
    /// Returns the next wait, never past the deadline: after `tries` tries and `elapsed` since the start, with
    /// `jitter` from 0 to 1 as its share of the bound.
    pub fn next(&self, tries: u32, elapsed: Duration, jitter: f64) -> Next {
        let left = self.deadline.saturating_sub(elapsed);
        if left.is_zero() {
            return Next::GiveUp;
        }
        let bound = self.first.saturating_mul(1 << tries.min(20)).min(self.cap);
        Next::Wait(bound.mul_f64(jitter.clamp(0.0, 1.0)).min(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_end_at_the_deadline() {
        let second = Duration::from_secs;
        let backoff = Backoff { first: second(2), cap: second(15), deadline: second(60) };
        assert_eq!(backoff.next(0, second(0), 1.0), Next::Wait(second(2)));
        assert_eq!(backoff.next(9, second(0), 1.0), Next::Wait(second(15)));
        assert_eq!(backoff.next(9, second(55), 1.0), Next::Wait(second(5)));
        assert_eq!(backoff.next(0, second(60), 1.0), Next::GiveUp);
    }
}
