//! Records gaps between the frames of a source, and the packets to decode to find out why.

/// Maximum number of gaps kept, the longest ones. A video with more gaps is decoded completely.
const MAX_GAPS: usize = 8;
/// Maximum number of jumps of the clock kept.
const MAX_JOINTS: usize = 64;
/// Maximum number of key frames kept: a day of nothing but key frames at 10 a second.
const MAX_KEY_FRAMES: usize = 1 << 20;

/// The distance between two successive frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gap {
    /// Its length in seconds.
    pub(crate) length_s: f64,
    /// Its start, in seconds of the video.
    pub(crate) at_s: f64,
    /// The presentation timestamps of both frames.
    pub(crate) between: (i64, i64),
}

/// Records gaps and the key frames at which decoding can begin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gaps {
    leading: Option<Gap>,
    /// Sorted, longest first; one more than [`MAX_GAPS`] to detect that there are more.
    longest: Vec<Gap>,
    key_frames: Vec<i64>,
    /// Times of the first packets after jumps of the clock: frames may be missing there without a gap.
    joints: Vec<i64>,
    has_joints: bool,
    incomplete: bool,
}

impl Gaps {
    /// Adds the distance between two successive frames.
    pub(crate) fn add(&mut self, gap: Gap) {
        if self.leading.is_none() {
            self.leading = Some(gap);
            return;
        }
        let position = self.longest.partition_point(|known| known.length_s >= gap.length_s);
        if position <= MAX_GAPS {
            self.longest.truncate(MAX_GAPS);
            self.longest.insert(position, gap);
        }
    }

    /// Adds the presentation timestamp of a key frame packet; `None` where it has none.
    pub(crate) fn add_key_frame(&mut self, at: Option<i64>) {
        match at {
            Some(at)
                if self.key_frames.last().is_none_or(|last| *last < at)
                    && self.key_frames.len() < MAX_KEY_FRAMES =>
            {
                self.key_frames.push(at);
            }
            _ => self.incomplete = true,
        }
    }

    /// Adds the presentation timestamp of the first packet after a jump of the clock; `None` where it has none.
    pub(crate) fn add_joint(&mut self, at: Option<i64>) {
        match at {
            Some(at) if self.joints.len() < MAX_JOINTS => self.joints.push(at),
            _ => self.incomplete = true,
        }
        self.has_joints = true;
    }

    /// Returns whether the clock jumped.
    pub(crate) fn has_joints(&self) -> bool {
        self.has_joints
    }

    /// Marks the recorded key frames as unusable, because the video starts over with shifted times.
    pub(crate) fn invalidate_key_frames(&mut self) {
        self.incomplete = true;
    }

    /// Returns the first distance of the video.
    pub(crate) fn leading(&self) -> Option<Gap> {
        self.leading
    }

    /// Returns the longest distance apart from the first.
    pub(crate) fn widest(&self) -> Option<Gap> {
        self.longest.first().copied()
    }

    /// Returns the spans to decode around every gap longer than `longer_than_s` and every jump of the clock; `None`
    /// when the whole video must be decoded.
    pub(crate) fn spans_around(&self, longer_than_s: f64) -> Option<DecodeSpans> {
        let long = |gap: &&Gap| gap.length_s > longer_than_s;
        let gaps: Vec<&Gap> = self.leading.iter().chain(&self.longest).filter(long).collect();
        if self.incomplete || self.longest.get(MAX_GAPS).is_some_and(|gap| long(&gap)) {
            return None;
        }
        let joints = self.joints.iter().map(|at| (at.saturating_sub(1), *at));
        let spans = gaps.iter().map(|gap| gap.between).chain(joints).map(|(from, to)| {
            let before = self.key_frames.partition_point(|key| *key <= from);
            let after = self.key_frames.partition_point(|key| *key < to);
            let from = before.checked_sub(1).and_then(|position| self.key_frames.get(position));
            // One group more: in open groups the decoder reports a missing frame only in the next group.
            let until = self.key_frames.get(after + 1);
            (from.copied().unwrap_or(i64::MIN), until.copied().unwrap_or(i64::MAX))
        });
        Some(DecodeSpans { list: spans.collect(), position: SpanPosition::Outside })
    }
}

/// Parts of a stream, each from one key frame to another.
#[derive(Clone, Debug)]
pub(crate) struct DecodeSpans {
    list: Vec<(i64, i64)>,
    position: SpanPosition,
}

#[derive(Clone, Copy, Debug)]
enum SpanPosition {
    Outside,
    /// Frames shown before this timestamp reference frames that were not decoded.
    Inside(i64),
    /// At the key frame that ends a span: only frames shown before it still belong to the span.
    Leaving(i64),
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecodeAction {
    /// Do not decode it.
    Skip,
    /// Flush the decoder, then decode it.
    AfterFlush,
    /// Decode it.
    Continue,
}

impl DecodeSpans {
    /// Decides what to do with the next packet, from its key frame flag and presentation timestamp. Callers
    /// decode packets without a timestamp: a false decode error only leads to a full decode.
    pub(crate) fn action(&mut self, key: bool, at: i64) -> DecodeAction {
        let inside = self.list.iter().any(|(from, until)| (*from..*until).contains(&at));
        let (position, action) = match (self.position, key) {
            (SpanPosition::Outside, true) if inside => (SpanPosition::Inside(at), DecodeAction::AfterFlush),
            (SpanPosition::Inside(_), true) if !inside => (SpanPosition::Leaving(at), DecodeAction::Continue),
            (SpanPosition::Leaving(_), true) if inside => {
                (SpanPosition::Inside(i64::MIN), DecodeAction::Continue)
            }
            (SpanPosition::Inside(start), false) if at < start => {
                (SpanPosition::Inside(start), DecodeAction::Skip)
            }
            (SpanPosition::Inside(start), _) => (SpanPosition::Inside(start), DecodeAction::Continue),
            (SpanPosition::Leaving(end), false) if at < end => {
                (SpanPosition::Leaving(end), DecodeAction::Continue)
            }
            (SpanPosition::Outside | SpanPosition::Leaving(_), _) => {
                (SpanPosition::Outside, DecodeAction::Skip)
            }
        };
        self.position = position;
        action
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn gap(from: i64, to: i64) -> Gap {
        Gap { length_s: (to - from) as f64, at_s: from as f64, between: (from, to) }
    }

    /// Returns the gaps of a video with a key frame every ten frames and some frames missing.
    fn video(missing: &[i64]) -> Gaps {
        let mut gaps = Gaps::default();
        let shown: Vec<i64> = (0..100).filter(|at| !missing.contains(at)).collect();
        for pair in shown.windows(2) {
            gaps.add(gap(pair[0], pair[1]));
        }
        (0..100).step_by(10).for_each(|at| gaps.add_key_frame(Some(at)));
        gaps
    }

    /// Returns the packets decoded, in decode order, of a video with two leading frames at every key frame.
    fn decoded_packets(spans: &mut DecodeSpans) -> Vec<(i64, DecodeAction)> {
        let group = |key: i64| [key, key - 2, key - 1].into_iter().chain(key + 1..key + 8);
        let packets = (0..100).step_by(10).flat_map(group).filter(|at| *at >= 0);
        packets
            .map(|at| (at, spans.action(at % 10 == 0, at)))
            .filter(|(_, action)| *action != DecodeAction::Skip)
            .collect()
    }

    #[test]
    fn a_span_reaches_from_the_key_frame_before_a_gap_to_the_second_one_after() {
        let gaps = video(&[33, 34]);
        assert_eq!(gaps.widest(), Some(gap(32, 35)));
        let found = decoded_packets(&mut gaps.spans_around(1.5).unwrap());
        let wanted = (30..38).chain([40, 38, 39]).chain(41..48).chain([50, 48, 49]).collect::<Vec<i64>>();
        assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), wanted);
        assert_eq!(found[0].1, DecodeAction::AfterFlush);
        assert!(found[1..].iter().all(|(_, action)| *action == DecodeAction::Continue));
    }

    #[test]
    fn adjacent_spans_are_decoded_without_a_flush() {
        let found = decoded_packets(&mut video(&[33, 45]).spans_around(1.5).unwrap());
        assert_eq!(found.iter().filter(|(_, action)| *action == DecodeAction::AfterFlush).count(), 1);
        assert!(found.iter().any(|(at, _)| *at == 39), "leading frames in the middle are decoded");
        assert!(!found.iter().any(|(at, _)| *at == 28), "those at the start reference frames that are not");
    }

    #[test]
    fn a_gap_across_a_key_frame_decodes_both_groups() {
        let found = decoded_packets(&mut video(&[39, 40, 41]).spans_around(1.5).unwrap());
        let decoded: Vec<i64> = found.iter().map(|(at, _)| *at).collect();
        assert_eq!((decoded[0], *decoded.iter().max().unwrap()), (30, 60));
    }

    #[test]
    fn too_many_gaps_or_unknown_key_frames_require_a_full_decode() {
        let many: Vec<i64> = (0..9).map(|group| group * 10 + 5).collect();
        assert!(video(&many).spans_around(1.5).is_none());
        assert!(video(&many[1..]).spans_around(1.5).is_some());
        let mut jumping = video(&[33]);
        jumping.add_key_frame(Some(20));
        assert!(jumping.spans_around(1.5).is_none(), "a key frame earlier than the previous one");
        let mut without_times = video(&[33]);
        without_times.add_key_frame(None);
        assert!(without_times.spans_around(1.5).is_none());
        let mut restarted = video(&[33]);
        restarted.invalidate_key_frames();
        assert!(restarted.spans_around(1.5).is_none());
    }

    #[test]
    fn the_first_gap_is_reported_separately() {
        let gaps = video(&[1, 2, 3, 50]);
        assert_eq!(gaps.leading(), Some(gap(0, 4)));
        assert_eq!(gaps.widest(), Some(gap(49, 51)));
        let found = decoded_packets(&mut gaps.spans_around(3.0).unwrap());
        assert!(found.iter().all(|(at, _)| *at <= 20), "{found:?}");
    }
}
