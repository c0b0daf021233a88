//! The order in which batches are started: lossless work first, then encodes, so that finished outputs appear as
//! early as the whole allows.

use std::cmp::Ordering;

use super::resource_budget::Resources;

/// What a batch needs, by the planner's estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BatchEstimate {
    /// Whether the batch encodes; otherwise it copies streams or bytes, or writes nothing.
    pub(super) encodes: bool,
    /// Processor time in seconds.
    pub(super) core_s: f64,
    /// The cores and the memory that it allocates.
    pub(super) resources: Resources,
}

/// Returns the indices of the batches in the order in which `width` threads start them. Work without an encode
/// comes first, shortest first. Encodes go shortest first, too, except where jobs run side by side and the
/// longest first shorten the whole run. Equal batches keep their order.
pub(super) fn work_order(batches: &[BatchEstimate], width: usize, total: Resources) -> Vec<usize> {
    let by_length = |&one: &usize, &other: &usize| batches[one].core_s.total_cmp(&batches[other].core_s);
    let (mut encodes, mut order): (Vec<usize>, Vec<usize>) =
        (0..batches.len()).partition(|&index| batches[index].encodes);
    order.sort_by(by_length);
    encodes.sort_by(by_length);
    let mut longest_first = encodes.clone();
    longest_first.sort_by(|one, other| by_length(other, one));
    let duration = |order: &[usize]| duration_s(order.iter().map(|&index| batches[index]), width, total);
    // Estimates are not exact: a gain below one percent does not delay all short files.
    let is_shorter = duration(&longest_first) < 0.99 * duration(&encodes);
    order.extend(if is_shorter { longest_first } else { encodes });
    order
}

/// Estimates the seconds until all batches are done, if they are started in this order, each as soon as a thread,
/// its cores and its memory are free.
fn duration_s(batches: impl Iterator<Item = BatchEstimate>, width: usize, total: Resources) -> f64 {
    let mut running: Vec<(f64, Resources)> = Vec::new();
    let (mut now, mut last_end) = (0.0_f64, 0.0_f64);
    for batch in batches {
        let cores = batch.resources.cores.clamp(1, total.cores.max(1));
        let needed = Resources { cores, bytes: batch.resources.bytes.min(total.bytes) };
        loop {
            let used = running.iter().fold(Resources { cores: 0, bytes: 0 }, |used, (_, one)| Resources {
                cores: used.cores + one.cores,
                bytes: used.bytes.saturating_add(one.bytes),
            });
            let fits = running.len() < width.max(1)
                && used.cores + needed.cores <= total.cores.max(1)
                && used.bytes.saturating_add(needed.bytes) <= total.bytes;
            if fits || running.is_empty() {
                break;
            }
            let earliest =
                |one: &(usize, f64), other: &(usize, f64)| -> Ordering { one.1.total_cmp(&other.1) };
            let ends = running.iter().enumerate().map(|(index, (end, _))| (index, *end));
            if let Some((index, end)) = ends.min_by(earliest) {
                running.swap_remove(index);
                now = now.max(end);
            }
        }
        let end = now + batch.core_s / f64::from(cores);
        last_end = last_end.max(end);
        running.push((end, needed));
    }
    last_end
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL: Resources = Resources { cores: 4, bytes: 1 << 30 };

    fn encode(core_s: f64, cores: u32) -> BatchEstimate {
        BatchEstimate { encodes: true, core_s, resources: Resources { cores, bytes: 1 << 20 } }
    }

    fn copy(core_s: f64) -> BatchEstimate {
        BatchEstimate { encodes: false, ..encode(core_s, 1) }
    }

    #[test]
    fn one_long_encode_on_all_cores_does_not_delay_295_short_ones() {
        let mut batches = vec![encode(4000.0, 4)];
        batches.extend((0..295).map(|index| encode(2.0 + f64::from(index % 7), 4)));
        let order = work_order(&batches, 2, TOTAL);
        assert_eq!(order.last(), Some(&0), "the long one is last");
        assert_eq!(order.len(), 296);
        assert!(order.windows(2).all(|pair| batches[pair[0]].core_s <= batches[pair[1]].core_s));
    }

    #[test]
    fn lossless_work_is_started_before_any_encode() {
        let batches = [encode(0.1, 1), copy(30.0), encode(50.0, 1), copy(0.0), copy(2.0)];
        for width in [1, 2, 4] {
            let order = work_order(&batches, width, TOTAL);
            assert_eq!(order[..3], [3, 4, 1], "width {width}");
        }
    }

    #[test]
    fn the_longest_is_first_only_where_it_shortens_the_whole() {
        // Side by side, a long encode that starts last would run alone at the end.
        let batches: Vec<_> = [10.0, 10.0, 10.0, 10.0, 40.0].map(|core_s| encode(core_s, 1)).into();
        assert_eq!(work_order(&batches, 2, TOTAL)[0], 4);
        assert_eq!(work_order(&batches, 1, TOTAL), [0, 1, 2, 3, 4], "one after the other");
        // The memory for one encode at a time has the same effect as one thread.
        let narrow = Resources { bytes: 1 << 20, ..TOTAL };
        assert_eq!(work_order(&batches, 2, narrow), [0, 1, 2, 3, 4]);
        // Equal lengths gain nothing.
        let equal: Vec<_> = [10.0; 4].map(|core_s| encode(core_s, 1)).into();
        assert_eq!(work_order(&equal, 2, TOTAL), [0, 1, 2, 3]);
    }

    #[test]
    fn the_order_is_determined_by_the_estimates() {
        let batches: Vec<_> = (0..50).map(|n| encode(f64::from(n % 5), 1 + n % 3)).collect();
        let order = work_order(&batches, 3, TOTAL);
        assert_eq!(work_order(&batches, 3, TOTAL), order);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>(), "each batch once");
    }
}
