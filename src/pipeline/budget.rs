//! The one thread budget: files side by side and threads inside a file never exceed the cores.

use std::sync::{Condvar, Mutex};

/// A number of cores, lent out in shares.
#[derive(Debug)]
pub(crate) struct Budget {
    total: u32,
    free: Mutex<u32>,
    returned: Condvar,
}

/// A lent share; dropped, it is given back.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    budget: &'a Budget,
    cores: u32,
}

impl Budget {
    pub(crate) fn new(cores: u32) -> Budget {
        let total = cores.max(1);
        Budget { total, free: Mutex::new(total), returned: Condvar::new() }
    }

    /// Waits until `cores` are free, at most all there are, and takes them.
    pub(crate) fn take(&self, cores: u32) -> Share<'_> {
        let cores = cores.clamp(1, self.total);
        let free = self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut free = self
            .returned
            .wait_while(free, |free| *free < cores)
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        *free -= cores;
        Share { budget: self, cores }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut free = self.budget.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *free += self.cores;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn shares_never_exceed_the_cores() {
        let budget = Budget::new(3);
        let (now, most) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for cores in [1, 2, 3, 8, 1, 2] {
                let (budget, now, most) = (&budget, &now, &most);
                scope.spawn(move || {
                    let share = budget.take(cores);
                    let used = now.fetch_add(share.cores, Ordering::SeqCst) + share.cores;
                    most.fetch_max(used, Ordering::SeqCst);
                    std::thread::yield_now();
                    now.fetch_sub(share.cores, Ordering::SeqCst);
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 3);
        assert_eq!(*budget.free.lock().unwrap(), 3);
    }
}
