//! Where pictures of a source lie further apart than they should, and which packets can tell why.

/// Gaps that are kept, the longest ones. With more than these a video is looked at as a whole.
const MOST_GAPS: usize = 8;
/// Key frames that are kept: a day of nothing but key frames at 10 a second.
const MOST_KEYS: usize = 1 << 20;

/// A distance between two pictures that follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gap {
    /// Its length in seconds.
    pub(crate) length_s: f64,
    /// Where it begins, in seconds of the video.
    pub(crate) at_s: f64,
    /// The presentation timestamps of both pictures.
    pub(crate) between: (i64, i64),
}

/// Takes note of gaps, and of the places where decoding can begin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gaps {
    leading: Option<Gap>,
    /// The longest first, and one more than are kept.
    longest: Vec<Gap>,
    keys: Vec<i64>,
    unknown: bool,
}

impl Gaps {
    /// Two pictures follow each other.
    pub(crate) fn note(&mut self, gap: Gap) {
        if self.leading.is_none() {
            self.leading = Some(gap);
            return;
        }
        let place = self.longest.partition_point(|known| known.length_s >= gap.length_s);
        if place <= MOST_GAPS {
            self.longest.truncate(MOST_GAPS);
            self.longest.insert(place, gap);
        }
    }

    /// A packet of a key frame came by, with its presentation timestamp where it has one.
    pub(crate) fn key(&mut self, at: Option<i64>) {
        match at {
            Some(at) if self.keys.last().is_none_or(|last| *last < at) && self.keys.len() < MOST_KEYS => {
                self.keys.push(at);
            }
            _ => self.unknown = true,
        }
    }

    /// The places noted are no longer those of the packets: the video begins again.
    pub(crate) fn lose_place(&mut self) {
        self.unknown = true;
    }

    /// The first distance of all.
    pub(crate) fn leading(&self) -> Option<Gap> {
        self.leading
    }

    /// The longest of the others.
    pub(crate) fn widest(&self) -> Option<Gap> {
        self.longest.first().copied()
    }

    /// The packets around every gap longer than that; `None` when only the whole video will do.
    pub(crate) fn around(&self, longer_than_s: f64) -> Option<Spans> {
        let long = |gap: &&Gap| gap.length_s > longer_than_s;
        let gaps: Vec<&Gap> = self.leading.iter().chain(&self.longest).filter(long).collect();
        if self.unknown || self.longest.get(MOST_GAPS).is_some_and(|gap| long(&gap)) {
            return None;
        }
        let spans = gaps.iter().map(|gap| {
            let before = self.keys.partition_point(|key| *key <= gap.between.0);
            let after = self.keys.partition_point(|key| *key < gap.between.1);
            let from = before.checked_sub(1).and_then(|place| self.keys.get(place));
            // One group more: with open groups what is missing is missed only there.
            let until = self.keys.get(after + 1);
            (from.copied().unwrap_or(i64::MIN), until.copied().unwrap_or(i64::MAX))
        });
        Some(Spans { list: spans.collect(), place: At::Outside })
    }
}

/// Parts of a stream, each from a key frame to another one.
#[derive(Clone, Debug)]
pub(crate) struct Spans {
    list: Vec<(i64, i64)>,
    place: At,
}

#[derive(Clone, Copy, Debug)]
enum At {
    Outside,
    /// Pictures before this one lean on some that were not decoded.
    Inside(i64),
    /// At the key frame that ends a span: only pictures shown before it still belong there.
    Leaving(i64),
}

/// What is to be done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// Nothing.
    Pass,
    /// Decode it after a jump.
    Afresh,
    /// Decode it after the one before.
    Next,
}

impl Spans {
    /// What to do with the next packet: whether it is one of a key frame, and its presentation timestamp. One
    /// without is better decoded: a complaint too many only leads to a look at the whole.
    pub(crate) fn take(&mut self, key: bool, at: i64) -> Take {
        let inside = self.list.iter().any(|(from, until)| (*from..*until).contains(&at));
        let (place, take) = match (self.place, key) {
            (At::Outside, true) if inside => (At::Inside(at), Take::Afresh),
            (At::Inside(_), true) if !inside => (At::Leaving(at), Take::Next),
            (At::Leaving(_), true) if inside => (At::Inside(i64::MIN), Take::Next),
            (At::Inside(start), false) if at < start => (At::Inside(start), Take::Pass),
            (At::Inside(start), _) => (At::Inside(start), Take::Next),
            (At::Leaving(end), false) if at < end => (At::Leaving(end), Take::Next),
            (At::Outside | At::Leaving(_), _) => (At::Outside, Take::Pass),
        };
        self.place = place;
        take
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn gap(from: i64, to: i64) -> Gap {
        Gap { length_s: (to - from) as f64, at_s: from as f64, between: (from, to) }
    }

    /// Key frames every ten, pictures at every one but those missing.
    fn video(missing: &[i64]) -> Gaps {
        let mut gaps = Gaps::default();
        let shown: Vec<i64> = (0..100).filter(|at| !missing.contains(at)).collect();
        for pair in shown.windows(2) {
            gaps.note(gap(pair[0], pair[1]));
        }
        (0..100).step_by(10).for_each(|at| gaps.key(Some(at)));
        gaps
    }

    /// The packets taken of a video in the order of decoding, with two leading pictures at every key frame.
    fn taken(spans: &mut Spans) -> Vec<(i64, Take)> {
        let group = |key: i64| [key, key - 2, key - 1].into_iter().chain(key + 1..key + 8);
        let packets = (0..100).step_by(10).flat_map(group).filter(|at| *at >= 0);
        packets.map(|at| (at, spans.take(at % 10 == 0, at))).filter(|(_, take)| *take != Take::Pass).collect()
    }

    #[test]
    fn a_gap_is_looked_at_from_the_key_frame_before_it_to_the_one_after() {
        let gaps = video(&[33, 34]);
        assert_eq!(gaps.widest(), Some(gap(32, 35)));
        let found = taken(&mut gaps.around(1.5).unwrap());
        let wanted = (30..38).chain([40, 38, 39]).chain(41..48).chain([50, 48, 49]).collect::<Vec<i64>>();
        assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), wanted);
        assert_eq!(found[0].1, Take::Afresh);
        assert!(found[1..].iter().all(|(_, take)| *take == Take::Next));
    }

    #[test]
    fn neighbours_are_decoded_in_one_go() {
        let found = taken(&mut video(&[33, 45]).around(1.5).unwrap());
        assert_eq!(found.iter().filter(|(_, take)| *take == Take::Afresh).count(), 1);
        assert!(found.iter().any(|(at, _)| *at == 39), "leading pictures in the middle are decoded");
        assert!(!found.iter().any(|(at, _)| *at == 28), "those at the start lean on what is not");
    }

    #[test]
    fn a_gap_over_a_key_frame_takes_both_groups() {
        let found = taken(&mut video(&[39, 40, 41]).around(1.5).unwrap());
        let places: Vec<i64> = found.iter().map(|(at, _)| *at).collect();
        assert_eq!((places[0], *places.iter().max().unwrap()), (30, 60));
    }

    #[test]
    fn too_many_gaps_or_unknown_places_ask_for_the_whole() {
        let many: Vec<i64> = (0..9).map(|group| group * 10 + 5).collect();
        assert!(video(&many).around(1.5).is_none());
        assert!(video(&many[1..]).around(1.5).is_some());
        let mut jumping = video(&[33]);
        jumping.key(Some(20));
        assert!(jumping.around(1.5).is_none(), "a key frame before the last");
        let mut timeless = video(&[33]);
        timeless.key(None);
        assert!(timeless.around(1.5).is_none());
        let mut again = video(&[33]);
        again.lose_place();
        assert!(again.around(1.5).is_none());
    }

    #[test]
    fn the_leading_gap_is_kept_apart() {
        let gaps = video(&[1, 2, 3, 50]);
        assert_eq!(gaps.leading(), Some(gap(0, 4)));
        assert_eq!(gaps.widest(), Some(gap(49, 51)));
        let found = taken(&mut gaps.around(3.0).unwrap());
        assert!(found.iter().all(|(at, _)| *at <= 20), "{found:?}");
    }
}
