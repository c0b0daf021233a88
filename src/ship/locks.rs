//! Locks by key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Mutex as AsyncMutex;

/// Locks kept before unused ones are removed.
const MAX_IDLE_LOCKS: usize = 1_024;

/// One lock per key, which exists as long as a task holds a reference to it.
#[derive(Default)]
pub(super) struct Locks {
    by_key: HashMap<String, Weak<AsyncMutex<()>>>,
    /// Number of locks left after the last removal of unused ones.
    in_use: usize,
}

impl Locks {
    /// Returns the lock of a key.
    pub(super) fn get(&mut self, key: &str) -> Arc<AsyncMutex<()>> {
        if let Some(lock) = self.by_key.get(key).and_then(Weak::upgrade) {
            return lock;
        }
        if self.by_key.len() >= MAX_IDLE_LOCKS.max(2 * self.in_use) {
            self.by_key.retain(|_, lock| lock.strong_count() > 0);
            self.in_use = self.by_key.len();
        }
        let lock = Arc::default();
        self.by_key.insert(key.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

/// Locks a mutex; what a panic left is used.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_unused_locks_and_keeps_held_ones() {
        let mut locks = Locks::default();
        let held = locks.get("held");
        for number in 0..20 * MAX_IDLE_LOCKS {
            let _ = locks.get(&number.to_string());
            assert!(locks.by_key.len() <= 2 * MAX_IDLE_LOCKS, "{number}");
        }
        assert!(Arc::ptr_eq(&held, &locks.get("held")));
    }
}
