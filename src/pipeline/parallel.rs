//! Runs tasks in parallel on a fixed number of threads.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` with 0 to `count` on up to `width` threads and returns the results in order.
pub(super) fn run_in_parallel<T: Send>(
    count: usize,
    width: usize,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    run_batches_in_parallel(count, width, 1, |batch| batch.map(|index| (index, work(index))).collect())
}

/// Calls `work` with ranges that cover 0 to `count`, on up to `width` threads, and returns the results in order
/// of their indices. A range has at most `max_batch` indices, and fewer towards the end, so that all threads
/// end at about the same time.
pub(super) fn run_batches_in_parallel<T: Send>(
    count: usize,
    width: usize,
    max_batch: usize,
    work: impl Fn(Range<usize>) -> Vec<(usize, T)> + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let width = width.clamp(1, count.max(1));
    let length = |begin: usize| (count.saturating_sub(begin) / (4 * width)).clamp(1, max_batch);
    let mut results: Vec<(usize, T)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..width)
            .map(|_| {
                scope.spawn(|| {
                    let mut local = Vec::new();
                    loop {
                        let taken = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |begin| {
                            (begin < count).then(|| begin + length(begin))
                        });
                        let Ok(begin) = taken else { return local };
                        local.extend(work(begin..begin + length(begin)));
                    }
                })
            })
            .collect();
        let joined = threads.into_iter().flat_map(|thread| match thread.join() {
            Ok(local) => local,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn returns_results_in_order() {
        let squares = run_in_parallel(100, 4, |index| index * index);
        assert_eq!(squares, (0..100).map(|index| index * index).collect::<Vec<_>>());
        assert!(run_in_parallel(0, 4, |index| index).is_empty());
    }

    #[test]
    fn batches_cover_every_index_once_and_shrink_towards_the_end() {
        for (count, width) in [(0, 2), (1, 2), (7, 3), (100, 2), (101, 64)] {
            let batches = std::sync::Mutex::new(Vec::new());
            let indices = run_batches_in_parallel(count, width, 8, |batch| {
                batches.lock().unwrap().push(batch.clone());
                batch.map(|index| (index, index)).collect()
            });
            assert_eq!(indices, (0..count).collect::<Vec<_>>());
            let batches = batches.into_inner().unwrap();
            assert!(batches.iter().all(|batch| batch.len() <= 8));
            let is_short_at_end = |batch: &Range<usize>| batch.end < count || batch.len() == 1;
            assert!(batches.iter().all(is_short_at_end), "{count} {width}: {batches:?}");
        }
    }
}
