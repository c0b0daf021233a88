//! Many pieces of work on a few threads.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` with 0 to `count` on up to `width` threads and returns the results in order.
pub(super) fn run_in_parallel<T: Send>(
    count: usize,
    width: usize,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    run_batches_in_parallel(count, width, 1, |row| row.map(|index| (index, work(index))).collect())
}

/// Calls `work` with rows that make up 0 to `count`, on up to `width` threads, and returns the results
/// by their places. A row has at most `longest` places, and fewer towards the end, so that no thread
/// is left with much to do when the others have ended.
pub(super) fn run_batches_in_parallel<T: Send>(
    count: usize,
    width: usize,
    longest: usize,
    work: impl Fn(Range<usize>) -> Vec<(usize, T)> + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let width = width.clamp(1, count.max(1));
    let length = |begin: usize| (count.saturating_sub(begin) / (4 * width)).clamp(1, longest);
    let mut results: Vec<(usize, T)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..width)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let taken = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |begin| {
                            (begin < count).then(|| begin + length(begin))
                        });
                        let Ok(begin) = taken else { return mine };
                        mine.extend(work(begin..begin + length(begin)));
                    }
                })
            })
            .collect();
        let joined = threads.into_iter().flat_map(|thread| match thread.join() {
            Ok(mine) => mine,
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
    fn results_come_in_the_order_of_the_sources() {
        let squares = run_in_parallel(100, 4, |index| index * index);
        assert_eq!(squares, (0..100).map(|index| index * index).collect::<Vec<_>>());
        assert!(run_in_parallel(0, 4, |index| index).is_empty());
    }

    #[test]
    fn rows_cover_every_place_once_and_grow_short_at_the_end() {
        for (count, width) in [(0, 2), (1, 2), (7, 3), (100, 2), (101, 64)] {
            let rows = std::sync::Mutex::new(Vec::new());
            let places = run_batches_in_parallel(count, width, 8, |row| {
                rows.lock().unwrap().push(row.clone());
                row.map(|place| (place, place)).collect()
            });
            assert_eq!(places, (0..count).collect::<Vec<_>>());
            let rows = rows.into_inner().unwrap();
            assert!(rows.iter().all(|row| row.len() <= 8));
            assert!(rows.iter().all(|row| row.end < count || row.len() == 1), "{count} {width}: {rows:?}");
        }
    }
}
