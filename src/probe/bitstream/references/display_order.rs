//! Frames that are missing in display order: a hole in the presentation times where the numbers of the display order
//! have a hole, too.
//!
//! H.264 and HEVC number the frames of a sequence in display order (picture order count), MPEG-1 and MPEG-2 those of a
//! group (temporal reference). An encoder that gets no frame for a while counts on without a hole. Where frames were
//! taken out behind the encoder, their numbers are missing and the time passes: the only sign of a frame that no other
//! refers to, and of references whose own numbers continue by chance.

use std::collections::BTreeMap;

/// Frames that wait for earlier ones; decoders reorder at most 16 frames or 32 fields.
const MAX_REORDERED: usize = 33;
/// Different pairs of distances that are kept. A stream with more has no regular order.
const MAX_PAIRS: usize = 8192;
/// Times kept of each.
const MAX_TIMES: usize = 64;
/// Missing references that are kept to count no frame twice.
const MAX_COUNTED: usize = 4096;
/// Fewer pairs of frames show no rule.
const MIN_PAIRS: u64 = 20;
/// At most one pair in this many may deviate from the order of all others.
const PAIRS_PER_EXCEPTION: u64 = 20;
/// At most one pair in this many may deviate from the usual distance in time.
const PAIRS_PER_LATE: u64 = 8;
/// A hole of up to this many frames must be known exactly; one in this many of a longer one may be rounding.
const ROUNDING_SHARE: u64 = 16;
/// The longest hole in frames.
const MAX_HOLE: f64 = 1e5;

/// What a sample says about its place in display order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbered {
    /// Its number, which counts modulo `modulus`.
    pub(super) order: u32,
    pub(super) modulus: u32,
    /// Whether no other frame refers to it.
    pub(super) disposable: bool,
    /// Whether decoding may begin anew here.
    pub(super) begins: bool,
}

/// Frames that are missing in display order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Number of missing frames.
    pub count: u64,
    /// Presentation time of the frame before the hole, in the unit of the samples.
    pub after: i64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    time: i64,
    order: u32,
    /// Counts the places where decoding may begin.
    part: u32,
    /// Its place in decode order.
    position: u64,
}

/// Distance in time, distance in order, and whether decoding may begin between the two frames.
type Pair = (i64, u32, bool);

/// Follows the display order of a stream.
#[derive(Debug, Default)]
pub(super) struct DisplayOrder {
    /// Sorted by time.
    pending: Vec<Entry>,
    last: Option<Entry>,
    part: u32,
    position: u64,
    modulus: u32,
    has_disposable: bool,
    /// How often each pair of distances occurs between frames that follow each other, and after which frames.
    pairs: BTreeMap<Pair, (u64, Vec<i64>)>,
    /// Whether a frame has no time, or the numbers follow no rule.
    unknown: bool,
    /// References that are missing by other signs, with the time of the frame that refers to them.
    counted: Vec<(u64, i64)>,
}

impl DisplayOrder {
    /// Ends the sequence: numbers before and after cannot be compared.
    ///
    /// A recording that was cut without an encode ends within its decode order: frames that are decoded last and shown
    /// earlier are not in it. Before such an end, a hole shows only the cut.
    pub(super) fn end_sequence(&mut self) {
        let entries = std::mem::take(&mut self.pending);
        let at_the_cut =
            entries.windows(2).rev().take_while(|pair| pair[1].position < pair[0].position).count();
        let before = entries.len().saturating_sub(at_the_cut + 1);
        for entry in entries.into_iter().take(before) {
            self.show(entry);
        }
        self.last = None;
    }

    /// Adds the next frame in decode order.
    pub(super) fn add(&mut self, time: Option<i64>, numbered: Numbered) {
        let Some(time) = time else {
            self.unknown = true;
            return;
        };
        self.unknown |= self.modulus != 0 && self.modulus != numbered.modulus;
        self.modulus = numbered.modulus;
        self.has_disposable |= numbered.disposable;
        self.part += u32::from(numbered.begins);
        self.position += 1;
        let entry = Entry { time, order: numbered.order, part: self.part, position: self.position };
        let at = self.pending.partition_point(|other| other.time <= time);
        self.pending.insert(at, entry);
        if self.pending.len() > MAX_REORDERED {
            let first = self.pending.remove(0);
            self.show(first);
        }
    }

    /// Notes references that are missing by another sign, before the frame with this time.
    pub(super) fn note_missing(&mut self, count: u64, time: Option<i64>) {
        if let Some(time) = time.filter(|_| count > 0 && self.counted.len() < MAX_COUNTED) {
            self.counted.push((count, time));
        }
    }

    fn show(&mut self, entry: Entry) {
        let Some(last) = self.last.replace(entry) else { return };
        let modulus = self.modulus.max(1);
        let distance = (entry.order % modulus + modulus - last.order % modulus) % modulus;
        let pair = (entry.time.saturating_sub(last.time), distance, entry.part != last.part);
        if self.pairs.len() >= MAX_PAIRS && !self.pairs.contains_key(&pair) {
            self.unknown = true;
            return;
        }
        let (count, times) = self.pairs.entry(pair).or_default();
        *count += 1;
        if times.len() < MAX_TIMES {
            times.push(last.time);
        }
    }

    /// Ends the stream. Returns the holes in which frames are missing that no other sign showed, the earliest first.
    ///
    /// `numbers` is after how many references their own numbers repeat; a hole of fewer in a stream without disposable
    /// frames shows only that the encoder left frames out. `None` if every reference is known.
    pub(super) fn take_holes(&mut self, numbers: Option<u32>) -> Vec<Hole> {
        self.end_sequence();
        let pairs = std::mem::take(&mut self.pairs);
        let counted = std::mem::take(&mut self.counted);
        let Some(rule) = Rule::of(&pairs, self.modulus).filter(|_| !self.unknown) else { return Vec::new() };
        let hidden_from = if self.has_disposable { 1 } else { numbers.map_or(u64::MAX, u64::from) };
        let mut holes = Vec::new();
        for (pair, (count, times)) in &pairs {
            let Some(missing) = rule.missing(*pair, hidden_from) else { continue };
            holes.extend(times.iter().map(|&after| (Hole { count: missing, after }, pair.0)));
            let untimed = count.saturating_sub(times.len() as u64);
            if let (Some(&after), 1..) = (times.last(), untimed) {
                holes.push((Hole { count: missing.saturating_mul(untimed), after }, pair.0));
            }
        }
        holes.sort_by_key(|(hole, _)| hole.after);
        without_counted(holes, counted, (rule.step_time * MAX_REORDERED as f64) as i64)
    }
}

/// Removes the frames that were counted by other signs near each hole.
fn without_counted(holes: Vec<(Hole, i64)>, mut counted: Vec<(u64, i64)>, reach: i64) -> Vec<Hole> {
    let mut left = Vec::new();
    for (mut hole, length) in holes {
        let near = hole.after.saturating_sub(reach)..=hole.after.saturating_add(length).saturating_add(reach);
        for (count, _) in counted.iter_mut().filter(|(_, time)| near.contains(time)) {
            let same = hole.count.min(*count);
            hole.count -= same;
            *count -= same;
        }
        if hole.count > 0 {
            left.push(hole);
        }
    }
    left
}

/// The usual distances between two frames that follow each other.
#[derive(Debug)]
struct Rule {
    step: u32,
    step_time: f64,
    modulus: u32,
}

impl Rule {
    /// Returns the distances that nearly all pairs have; `None` where there is no such rule.
    fn of(pairs: &BTreeMap<Pair, (u64, Vec<i64>)>, modulus: u32) -> Option<Rule> {
        let total: u64 = pairs.values().map(|(count, _)| count).sum();
        let mut steps: BTreeMap<u32, u64> = BTreeMap::new();
        for ((_, distance, _), (count, _)) in pairs {
            *steps.entry(*distance).or_default() += count;
        }
        let (&step, &regular) = steps.iter().max_by_key(|(_, count)| **count)?;
        let exceptions = total - regular;
        if step == 0 || total < MIN_PAIRS || exceptions.saturating_mul(PAIRS_PER_EXCEPTION) > total {
            return None;
        }
        let regular_times = || {
            pairs
                .iter()
                .filter(|((_, distance, _), _)| *distance == step)
                .map(|((time, ..), (n, _))| (*time, *n))
        };
        let modal = regular_times().max_by_key(|(_, count)| *count)?.0 as f64;
        let near = |time: f64| time > 0.5 * modal && time < 1.5 * modal;
        let (mut sum, mut count) = (0.0, 0);
        for (time, n) in regular_times().filter(|(time, _)| near(*time as f64)) {
            sum += time as f64 * n as f64;
            count += n;
        }
        let late = regular - count;
        if count == 0 || late.saturating_mul(PAIRS_PER_LATE) > regular {
            return None;
        }
        Some(Rule { step, step_time: sum / count as f64, modulus })
    }

    /// Returns how many frames are missing between the frames of a pair.
    fn missing(&self, (time, distance, begins): Pair, hidden_from: u64) -> Option<u64> {
        let steps = time as f64 / self.step_time;
        if distance == self.step || !(1.5..MAX_HOLE).contains(&steps) {
            return None;
        }
        let steps = steps.round() as u64;
        let rounding = steps / ROUNDING_SHARE;
        let fits =
            |steps: &u64| steps * u64::from(self.step) % u64::from(self.modulus) == u64::from(distance);
        // The nearest first.
        let candidates = (0..=rounding).flat_map(|off| [steps + off, steps.saturating_sub(off)]);
        match candidates.into_iter().filter(|steps| *steps > 1).find(fits) {
            Some(steps) => Some(steps - 1).filter(|missing| *missing >= hidden_from),
            // The numbers began anew within the hole, and the frame at which they did is missing.
            None if !begins => Some(steps.saturating_sub(1).max(1)),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A group of frames in decode order, in the pattern of one P and three B frames: time, number, disposable.
    fn group(from: i64) -> Vec<(i64, Numbered)> {
        let frame = |at: i64, disposable: bool| {
            let order = (at * 2 % 64) as u32;
            ((from + at) * 512, Numbered { order, modulus: 64, disposable, begins: at == 0 })
        };
        let mut frames = vec![frame(0, false)];
        for anchor in (4..32).step_by(4) {
            frames.extend([
                frame(anchor, false),
                frame(anchor - 2, false),
                frame(anchor - 3, true),
                frame(anchor - 1, true),
            ]);
        }
        frames
    }

    fn holes_of(
        groups: i64,
        keep: impl Fn(i64, &Numbered) -> bool,
        time: impl Fn(i64) -> i64,
    ) -> Vec<(u64, i64)> {
        let mut order = DisplayOrder::default();
        for number in 0..groups {
            for (at, numbered) in group(number * 29).into_iter().filter(|(at, n)| keep(at / 512, n)) {
                if numbered.begins {
                    order.end_sequence();
                }
                order.add(Some(time(at)), numbered);
            }
        }
        order.take_holes(Some(16)).iter().map(|hole| (hole.count, hole.after / 512)).collect()
    }

    #[test]
    fn a_complete_stream_has_no_holes() {
        assert_eq!(holes_of(4, |_, _| true, |at| at), []);
    }

    #[test]
    fn a_disposable_frame_that_is_missing_is_found() {
        assert_eq!(holes_of(4, |at, _| at != 39, |at| at), [(1, 38)]);
        assert_eq!(holes_of(4, |at, _| !(38..=42).contains(&at), |at| at), [(5, 37)]);
    }

    #[test]
    fn a_lost_start_of_a_sequence_is_found_by_numbers_that_do_not_fit() {
        assert_eq!(holes_of(4, |at, _| !(29..=37).contains(&at), |at| at), [(9, 28)]);
    }

    #[test]
    fn frames_behind_a_cut_in_decode_order_are_not_missing() {
        for kept in 60..90 {
            let mut order = DisplayOrder::default();
            let all = (0..4).flat_map(|number| group(number * 29));
            for (at, numbered) in all.take(kept) {
                if numbered.begins {
                    order.end_sequence();
                }
                order.add(Some(at), numbered);
            }
            assert_eq!(order.take_holes(Some(16)), [], "{kept} frames");
        }
    }

    #[test]
    fn numbers_that_continue_over_a_hole_in_time_are_a_pause() {
        assert_eq!(holes_of(4, |_, _| true, |at| if at > 40 * 512 { at + 7 * 512 } else { at }), []);
    }

    #[test]
    fn missing_numbers_without_a_hole_in_time_are_no_loss() {
        assert_eq!(holes_of(4, |at, _| at != 39, |at| if at > 39 * 512 { at - 512 } else { at }), []);
    }

    #[test]
    fn frames_that_an_encoder_left_out_are_not_lost() {
        let mut order = DisplayOrder::default();
        for at in (0..90_i64).filter(|at| *at != 33) {
            let numbered =
                Numbered { order: (at * 2 % 64) as u32, modulus: 64, disposable: false, begins: false };
            order.add(Some(at * 512), numbered);
        }
        assert_eq!(order.take_holes(Some(16)), [], "all others are references whose numbers continue");
    }

    #[test]
    fn frames_counted_by_other_signs_are_not_counted_again() {
        let mut order = DisplayOrder::default();
        for (at, numbered) in group(0).into_iter().filter(|(at, _)| !(9..=12).contains(&(at / 512))) {
            order.add(Some(at), numbered);
        }
        order.note_missing(3, Some(14 * 512));
        assert_eq!(order.take_holes(Some(16)), [Hole { count: 1, after: 8 * 512 }]);
    }
}
