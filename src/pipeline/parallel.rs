//! Runs tasks in parallel on a fixed number of threads.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` with 0 to `count` on up to `width` threads and returns the results in order.
pub(super) fn run_in_parallel<T: Send>(
    count: usize,
    width: usize,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < count);
    let run = || std::iter::from_fn(take).map(|index| (index, work(index))).collect::<Vec<_>>();
    let mut results: Vec<(usize, T)> = std::thread::scope(|scope| {
        // This thread works, too, so that one file needs no other.
        let threads: Vec<_> = (1..width.min(count)).map(|_| scope.spawn(run)).collect();
        let own = run();
        let joined = threads.into_iter().flat_map(|thread| match thread.join() {
            Ok(local) => local,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        own.into_iter().chain(joined).collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_results_in_order() {
        let squares = run_in_parallel(100, 4, |index| index * index);
        assert_eq!(squares, (0..100).map(|index| index * index).collect::<Vec<_>>());
        assert!(run_in_parallel(0, 4, |index| index).is_empty());
    }
}
