//! The one budget of threads and memory: files side by side and threads inside a file never exceed the
//! cores, and what they take together no more memory than there is to give.

use std::sync::{Condvar, Mutex};

/// Cores and bytes of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Means {
    pub(crate) cores: u32,
    pub(crate) bytes: u64,
}

/// Means that are lent out in shares.
#[derive(Debug)]
pub(crate) struct Budget {
    total: Means,
    free: Mutex<Means>,
    returned: Condvar,
}

/// A lent share; dropped, it is given back.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    budget: &'a Budget,
    means: Means,
}

impl Budget {
    pub(crate) fn new(total: Means) -> Budget {
        let total = Means { cores: total.cores.max(1), ..total };
        Budget { total, free: Mutex::new(total), returned: Condvar::new() }
    }

    /// Waits until so much is free, at most all there is, and takes it: what needs more than there is still
    /// gets its turn, alone.
    pub(crate) fn take(&self, wanted: Means) -> Share<'_> {
        let cores = wanted.cores.clamp(1, self.total.cores);
        let means = Means { cores, bytes: wanted.bytes.min(self.total.bytes) };
        let free = self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut free = self
            .returned
            .wait_while(free, |free| free.cores < means.cores || free.bytes < means.bytes)
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        free.cores -= means.cores;
        free.bytes -= means.bytes;
        Share { budget: self, means }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut free = self.budget.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        free.cores += self.means.cores;
        free.bytes += self.means.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shares_never_exceed_what_there_is() {
        let budget = Budget::new(Means { cores: 3, bytes: 100 });
        let most = Mutex::new(([0, 0], [0, 0]));
        std::thread::scope(|scope| {
            for (cores, bytes) in [(1, 60), (2, 50), (3, 10), (8, 500), (1, 40), (2, 0)] {
                let (budget, most) = (&budget, &most);
                scope.spawn(move || {
                    let share = budget.take(Means { cores, bytes });
                    let taken = [u64::from(share.means.cores), share.means.bytes];
                    {
                        let (now, peak) = &mut *most.lock().unwrap();
                        *now = [now[0] + taken[0], now[1] + taken[1]];
                        *peak = [peak[0].max(now[0]), peak[1].max(now[1])];
                    }
                    std::thread::yield_now();
                    let (now, _) = &mut *most.lock().unwrap();
                    *now = [now[0] - taken[0], now[1] - taken[1]];
                });
            }
        });
        let (_, peak) = *most.lock().unwrap();
        assert!(peak[0] <= 3 && peak[1] <= 100, "{peak:?}");
        assert_eq!(*budget.free.lock().unwrap(), Means { cores: 3, bytes: 100 });
    }

    #[test]
    fn memory_alone_can_make_a_file_wait() {
        let budget = Budget::new(Means { cores: 8, bytes: 100 });
        let large = budget.take(Means { cores: 1, bytes: 80 });
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.take(Means { cores: 1, bytes: 30 }).means);
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!waiting.is_finished());
            drop(large);
            assert_eq!(waiting.join().unwrap(), Means { cores: 1, bytes: 30 });
        });
    }
}
