//! The budget of cores and memory: the threads of all parallel jobs together do not exceed the cores, and their
//! memory does not exceed the available memory.

use std::sync::{Condvar, Mutex};

/// An amount of cores and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resources {
    pub(crate) cores: u32,
    pub(crate) bytes: u64,
}

/// Resources that are allocated to jobs.
#[derive(Debug)]
pub(crate) struct Budget {
    total: Resources,
    free: Mutex<Resources>,
    returned: Condvar,
}

/// Allocated resources; returned to the budget on drop.
#[derive(Debug)]
pub(crate) struct Allocation<'a> {
    budget: &'a Budget,
    resources: Resources,
}

impl Budget {
    pub(crate) fn new(total: Resources) -> Budget {
        let total = Resources { cores: total.cores.max(1), ..total };
        Budget { total, free: Mutex::new(total), returned: Condvar::new() }
    }

    /// Returns all resources.
    pub(crate) fn total(&self) -> Resources {
        self.total
    }

    /// Waits until the wanted resources are free and allocates them. A job that needs more than the total gets the
    /// total, and runs alone.
    pub(crate) fn allocate(&self, wanted: Resources) -> Allocation<'_> {
        let cores = wanted.cores.clamp(1, self.total.cores);
        let resources = Resources { cores, bytes: wanted.bytes.min(self.total.bytes) };
        let free = self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut free = self
            .returned
            .wait_while(free, |free| free.cores < resources.cores || free.bytes < resources.bytes)
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        free.cores -= resources.cores;
        free.bytes -= resources.bytes;
        Allocation { budget: self, resources }
    }
}

impl Drop for Allocation<'_> {
    fn drop(&mut self) {
        let mut free = self.budget.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        free.cores += self.resources.cores;
        free.bytes += self.resources.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn allocations_never_exceed_the_total() {
        let budget = Budget::new(Resources { cores: 3, bytes: 100 });
        let most = Mutex::new(([0, 0], [0, 0]));
        std::thread::scope(|scope| {
            for (cores, bytes) in [(1, 60), (2, 50), (3, 10), (8, 500), (1, 40), (2, 0)] {
                let (budget, most) = (&budget, &most);
                scope.spawn(move || {
                    let allocation = budget.allocate(Resources { cores, bytes });
                    let taken = [u64::from(allocation.resources.cores), allocation.resources.bytes];
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
        assert_eq!(*budget.free.lock().unwrap(), Resources { cores: 3, bytes: 100 });
    }

    #[test]
    fn waits_for_memory_alone() {
        let budget = Budget::new(Resources { cores: 8, bytes: 100 });
        let large = budget.allocate(Resources { cores: 1, bytes: 80 });
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.allocate(Resources { cores: 1, bytes: 30 }).resources);
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert!(!waiting.is_finished());
            drop(large);
            assert_eq!(waiting.join().unwrap(), Resources { cores: 1, bytes: 30 });
        });
    }
}
