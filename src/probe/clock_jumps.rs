//! Puts the parts of a file whose clock jumps one after the other.
//!
//! Transport and program streams that were joined as bytes keep the clock of each recording. A jump is only a new part
//! if it is common to the streams; then the part begins where the last packet before it ends, on a clock that all
//! streams share. A clock that counts modulo a power of two and wraps is continued.

use std::collections::{BTreeMap, VecDeque};

/// Ticks per second of all times in this module.
pub(crate) const TICKS_PER_S: i64 = 90_000;
/// A stream that continues later by more than this jumps; less is a gap in a recording.
const MAX_GAP: i64 = 10 * TICKS_PER_S;
/// Decode times that go back by at most this are rounding.
const ROUNDING: i64 = TICKS_PER_S / 1000;
/// A smaller step back is only a jump at a key frame: broken multiplexers disorder single packets.
const SMALL_STEP: i64 = TICKS_PER_S;
/// Packets of different streams that lie beside each other in a file are at most this far apart.
const INTERLEAVE: i64 = 2 * TICKS_PER_S;
/// How much of a new part is read to find out which streams belong to it.
const MAX_WAIT: i64 = 3 * TICKS_PER_S;
/// A stream that returns to its clock after at most this many packets did not jump.
const MAX_STRAY: usize = 3;
/// Number of packets that wait at most for the same purpose.
const MAX_WAITING: usize = 4000;

/// The times of a packet in ticks; `None` where unknown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketTimes {
    pub(crate) stream: i32,
    pub(crate) dts: Option<i64>,
    pub(crate) pts: Option<i64>,
    pub(crate) duration: i64,
    pub(crate) key: bool,
}

/// What to add to the times of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) dts_shift: i64,
    pub(crate) pts_shift: i64,
    /// Whether the packet is the first of its stream after a jump.
    pub(crate) begins_part: bool,
}

/// A stream: its times count on without wraps, and `shift` leads from them to the common clock.
#[derive(Clone, Copy, Debug)]
struct Clock {
    last: i64,
    step: i64,
    shift: i64,
}

/// A packet whose part is not decided yet.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// What leads from the packet's times to times without wraps, for decode and presentation time.
    unwrap: (i64, i64),
    /// First and last tick of its presentation, without wraps.
    span: Option<(i64, i64)>,
    /// The shift of its stream before the jump.
    shift: i64,
    is_new: bool,
    begins_part: bool,
}

/// A jump that may begin a part.
#[derive(Debug, Default)]
struct Jump {
    waiting: VecDeque<Waiting>,
    /// The streams that jumped.
    joined: Vec<i32>,
    /// Time of the first and of the latest packet after the jump, without wraps.
    from: i64,
    latest: i64,
    /// Times of the other streams when the jump was found.
    others: BTreeMap<i32, i64>,
    /// Times of the streams that jumped before they did.
    before: BTreeMap<i32, i64>,
}

/// Corrects the clocks of all streams of a file, packet by packet in the order of the file.
#[derive(Debug)]
pub(crate) struct ClockCorrector {
    /// The number of ticks after which the clock starts again at zero.
    wrap: Option<i64>,
    clocks: BTreeMap<i32, Clock>,
    /// Time of the latest packet of the newest part, without wraps, and the shift of that part.
    latest: Option<i64>,
    shift: i64,
    /// End of everything placed so far, on the common clock.
    end: i64,
    jump: Option<Jump>,
    joints: Vec<i64>,
}

impl ClockCorrector {
    /// Creates a corrector for clocks that start again at zero after `wrap` ticks, if they do.
    pub(crate) fn new(wrap: Option<i64>) -> ClockCorrector {
        ClockCorrector {
            wrap,
            clocks: BTreeMap::new(),
            latest: None,
            shift: 0,
            end: i64::MIN,
            jump: None,
            joints: Vec::new(),
        }
    }

    /// Returns where the parts after the first begin on the common clock, in ticks.
    pub(crate) fn joints(&self) -> &[i64] {
        &self.joints
    }

    /// Adds a packet. Placements of this packet and of those that waited follow in `out`, in the order of the packets.
    pub(crate) fn add(&mut self, packet: &PacketTimes, out: &mut VecDeque<Placement>) {
        let Some(raw) = packet.dts.or(packet.pts) else { return self.add_untimed(packet.stream, out) };
        let known = self.clocks.get(&packet.stream).copied();
        let near = known.map(|clock| clock.last).or(self.latest).unwrap_or(raw);
        let mut at = near + self.distance(raw, near);
        match self.jump.take() {
            None => {
                let fits = self.latest.is_none_or(|latest| self.distance(at, latest).abs() <= INTERLEAVE);
                let lags = known.is_some_and(|clock| clock.shift != self.shift);
                match known {
                    Some(clock) if lags && fits => {
                        // The stream was silent since the newest part began.
                        let latest = self.latest.unwrap_or(at);
                        at = latest + self.distance(at, latest);
                        self.place_in(&clock, packet, raw, at, out);
                    }
                    Some(clock) if !jumps(&clock, at, packet.key) => {
                        let waiting = self.waiting(packet, raw, at, false, false);
                        self.advance(packet.stream, at, clock.shift);
                        if !lags {
                            self.reach(at);
                        }
                        self.place(&waiting, clock.shift, out);
                    }
                    None if fits => {
                        let waiting = self.waiting(packet, raw, at, false, false);
                        self.advance(packet.stream, at, self.shift);
                        self.reach(at);
                        self.place(&waiting, self.shift, out);
                    }
                    _ => self.begin(packet, raw, at, out),
                }
            }
            Some(jump) => self.add_after(jump, packet, raw, at, out),
        }
    }

    /// Ends the file: the placements of all packets that wait follow in `out`.
    pub(crate) fn finish(&mut self, out: &mut VecDeque<Placement>) {
        if let Some(jump) = self.jump.take() {
            self.decide(jump, out);
        }
    }

    fn add_untimed(&mut self, stream: i32, out: &mut VecDeque<Placement>) {
        let is_new = self.jump.as_ref().is_some_and(|jump| jump.joined.contains(&stream));
        let shift = self.clocks.get(&stream).map_or(self.shift, |clock| clock.shift);
        let waiting = Waiting { unwrap: (0, 0), span: None, shift, is_new, begins_part: false };
        match &mut self.jump {
            Some(jump) => jump.waiting.push_back(waiting),
            None => self.place(&waiting, shift, out),
        }
    }

    /// Places the first packet of a stream in the newest part, which other streams began.
    fn place_in(
        &mut self,
        clock: &Clock,
        packet: &PacketTimes,
        raw: i64,
        at: i64,
        out: &mut VecDeque<Placement>,
    ) {
        let waiting = self.waiting(packet, raw, at, true, true);
        self.clocks.insert(packet.stream, Clock { last: at, step: clock.step, shift: self.shift });
        self.reach(at);
        self.place(&waiting, self.shift, out);
    }

    /// Begins to wait for the other streams after a jump.
    fn begin(&mut self, packet: &PacketTimes, raw: i64, at: i64, out: &mut VecDeque<Placement>) {
        let others = self.clocks.iter().filter(|(stream, _)| **stream != packet.stream);
        let mut jump = Jump {
            others: others.map(|(stream, clock)| (*stream, clock.last)).collect(),
            from: at,
            latest: at,
            ..Jump::default()
        };
        self.join(&mut jump, packet, raw, at);
        self.settle(jump, out);
    }

    /// Adds a packet after a jump that is not decided yet.
    fn add_after(
        &mut self,
        mut jump: Jump,
        packet: &PacketTimes,
        raw: i64,
        at: i64,
        out: &mut VecDeque<Placement>,
    ) {
        let known = self.clocks.get(&packet.stream).copied();
        let jumped = known.is_some_and(|clock| jumps(&clock, at, packet.key));
        if jump.joined.contains(&packet.stream) {
            if jumped {
                let strays = jump.waiting.iter().filter(|waiting| waiting.is_new).count() <= MAX_STRAY;
                let returns = |before: &i64| (0..MAX_GAP).contains(&(at - before));
                if strays && jump.before.get(&packet.stream).is_some_and(returns) {
                    self.place_all(jump, None, out);
                    self.clocks.entry(packet.stream).and_modify(|clock| clock.last = at);
                } else {
                    self.decide(jump, out);
                }
                return self.add(packet, out);
            }
            let waiting = self.waiting(packet, raw, at, true, false);
            jump.waiting.push_back(waiting);
            jump.latest = jump.latest.max(at);
            let shift = known.map_or(self.shift, |clock| clock.shift);
            self.advance(packet.stream, at, shift);
            return self.settle(jump, out);
        }
        let from_new = self.distance(at, jump.latest);
        let fits = from_new.abs() <= INTERLEAVE;
        let stepped = known.is_some_and(|clock| (at - clock.last).abs() > SMALL_STEP);
        if fits && (jumped || stepped || known.is_none()) {
            let at = jump.latest + from_new;
            self.join(&mut jump, packet, raw, at);
            return self.settle(jump, out);
        }
        if jumped {
            self.decide(jump, out);
            return self.add(packet, out);
        }
        let waiting = self.waiting(packet, raw, at, false, false);
        jump.waiting.push_back(waiting);
        let shift = known.map_or(self.shift, |clock| clock.shift);
        self.advance(packet.stream, at, shift);
        self.settle(jump, out);
    }

    /// Adds the first packet of a stream after a jump.
    fn join(&mut self, jump: &mut Jump, packet: &PacketTimes, raw: i64, at: i64) {
        jump.joined.push(packet.stream);
        jump.others.remove(&packet.stream);
        jump.from = jump.from.min(at);
        jump.latest = jump.latest.max(at);
        let waiting = self.waiting(packet, raw, at, true, true);
        jump.waiting.push_back(waiting);
        let before = self.clocks.get(&packet.stream).copied();
        if let Some(clock) = before {
            jump.before.insert(packet.stream, clock.last);
        }
        let (step, shift) = before.map_or((0, self.shift), |clock| (clock.step, clock.shift));
        self.clocks.insert(packet.stream, Clock { last: at, step, shift });
    }

    /// Decides the jump if enough of the new part is known; else waits for more.
    fn settle(&mut self, jump: Jump, out: &mut VecDeque<Placement>) {
        let complete =
            jump.others.is_empty() || jump.latest - jump.from > MAX_WAIT || jump.waiting.len() > MAX_WAITING;
        if complete { self.decide(jump, out) } else { self.jump = Some(jump) }
    }

    /// Decides whether a jump begins a part, and places the packets that waited.
    fn decide(&mut self, jump: Jump, out: &mut VecDeque<Placement>) {
        let limit = ((jump.latest - jump.from) / 2).max(TICKS_PER_S);
        let continues = jump
            .others
            .iter()
            .any(|(stream, before)| self.clocks.get(stream).is_some_and(|clock| clock.last - before > limit));
        // What another stream plays on through is a fault of one stream, not the start of another recording.
        if continues {
            return self.place_all(jump, None, out);
        }
        for waiting in jump.waiting.iter().filter(|waiting| !waiting.is_new) {
            self.extend(waiting, waiting.shift);
        }
        let new = jump.waiting.iter().filter(|waiting| waiting.is_new);
        let first = new.filter_map(|waiting| waiting.span).map(|(from, _)| from).min();
        let shift = self.end - first.unwrap_or(jump.from);
        self.joints.push(self.end);
        self.shift = shift;
        self.latest = Some(jump.latest);
        for stream in &jump.joined {
            self.clocks.entry(*stream).and_modify(|clock| clock.shift = shift);
        }
        self.place_all(jump, Some(shift), out);
    }

    /// Places all packets that waited: those after the jump with the shift of the new part, if it is one.
    fn place_all(&mut self, jump: Jump, new_shift: Option<i64>, out: &mut VecDeque<Placement>) {
        for waiting in jump.waiting {
            let shift = new_shift.filter(|_| waiting.is_new).unwrap_or(waiting.shift);
            let begins_part = waiting.begins_part && new_shift.is_some();
            self.place(&Waiting { begins_part, ..waiting }, shift, out);
        }
    }

    fn waiting(&self, packet: &PacketTimes, raw: i64, at: i64, is_new: bool, begins_part: bool) -> Waiting {
        let dts_unwrap = at - raw;
        // The presentation time may have wrapped where the decode time has not.
        let pts = packet.pts.map(|pts| at + self.distance(pts, raw));
        let pts_unwrap = pts.zip(packet.pts).map_or(dts_unwrap, |(to, from)| to - from);
        let clock = self.clocks.get(&packet.stream);
        let (known_step, shift) = clock.map_or((0, self.shift), |clock| (clock.step, clock.shift));
        // Parsers state the duration of a field where a packet has both.
        let length = match packet.duration {
            duration if duration > 0 && known_step > duration * 5 / 2 => duration,
            duration => duration.max(known_step),
        };
        let from = pts.unwrap_or(at);
        let span = Some((from, from.max(at) + length));
        Waiting { unwrap: (dts_unwrap, pts_unwrap), span, shift, is_new, begins_part }
    }

    /// Records the time of the latest packet of a stream.
    fn advance(&mut self, stream: i32, at: i64, shift: i64) {
        let clock = self.clocks.entry(stream).or_insert(Clock { last: at, step: 0, shift });
        let step = at - clock.last;
        if step > 0 && step < TICKS_PER_S {
            clock.step = step;
        }
        clock.last = at;
    }

    /// Records the time of the latest packet of the newest part.
    fn reach(&mut self, at: i64) {
        self.latest = Some(self.latest.map_or(at, |latest| latest.max(at)));
    }

    fn extend(&mut self, waiting: &Waiting, shift: i64) {
        if let Some((_, until)) = waiting.span {
            self.end = self.end.max(until + shift);
        }
    }

    fn place(&mut self, waiting: &Waiting, shift: i64, out: &mut VecDeque<Placement>) {
        self.extend(waiting, shift);
        out.push_back(Placement {
            dts_shift: waiting.unwrap.0 + shift,
            pts_shift: waiting.unwrap.1 + shift,
            begins_part: waiting.begins_part,
        });
    }

    /// Returns how much later `to` is than `from`, the short way around where the clock wraps.
    fn distance(&self, to: i64, from: i64) -> i64 {
        let distance = to.saturating_sub(from);
        match self.wrap {
            Some(wrap) => (distance + wrap / 2).rem_euclid(wrap) - wrap / 2,
            None => distance,
        }
    }
}

/// Returns whether a stream does not continue at this time.
fn jumps(clock: &Clock, at: i64, key: bool) -> bool {
    let step = at - clock.last;
    !(-SMALL_STEP..=MAX_GAP).contains(&step) || (step < -ROUNDING && key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const WRAP: i64 = 1 << 33;
    const VIDEO: i64 = 3000;
    const AUDIO: i64 = 1920;

    fn packet(stream: i32, at: i64, duration: i64) -> PacketTimes {
        let raw = Some(at.rem_euclid(WRAP));
        PacketTimes { stream, dts: raw, pts: raw, duration, key: true }
    }

    /// Returns the packets of a recording of video and audio from `from` to `until` seconds, in the order of time.
    fn recording(from: f64, until: f64, streams: &[(i32, i64)]) -> Vec<PacketTimes> {
        let ticks = |seconds: f64| (seconds * TICKS_PER_S as f64).round() as i64;
        let mut packets: Vec<(i64, PacketTimes)> = Vec::new();
        for &(stream, duration) in streams {
            let count = (ticks(until) - ticks(from)) / duration;
            let times = (0..count).map(|number| ticks(from) + number * duration);
            packets.extend(times.map(|at| (at, packet(stream, at, duration))));
        }
        packets.sort_by_key(|(at, packet)| (*at, packet.stream));
        packets.into_iter().map(|(_, packet)| packet).collect()
    }

    const BOTH: &[(i32, i64)] = &[(0, VIDEO), (1, AUDIO)];

    /// Returns the corrected decode times in seconds by stream, and the joints.
    fn corrected(packets: &[PacketTimes], wrap: Option<i64>) -> (BTreeMap<i32, Vec<f64>>, Vec<f64>) {
        let mut corrector = ClockCorrector::new(wrap);
        let mut placements = VecDeque::new();
        packets.iter().for_each(|packet| corrector.add(packet, &mut placements));
        corrector.finish(&mut placements);
        assert_eq!(placements.len(), packets.len(), "every packet is placed once");
        let seconds = |ticks: i64| ticks as f64 / TICKS_PER_S as f64;
        let mut times: BTreeMap<i32, Vec<f64>> = BTreeMap::new();
        for (packet, placement) in packets.iter().zip(placements) {
            times.entry(packet.stream).or_default().push(seconds(packet.dts.unwrap() + placement.dts_shift));
        }
        (times, corrector.joints().iter().map(|at| seconds(*at)).collect())
    }

    /// Asserts that two recordings of 3 s follow one another in step, without a gap above a packet.
    #[track_caller]
    fn assert_in_sequence(packets: &[PacketTimes], parts: usize) {
        let (times, joints) = corrected(packets, Some(WRAP));
        assert_eq!(joints.len(), parts - 1, "{joints:?}");
        for (stream, times) in &times {
            for pair in times.windows(2) {
                let step = pair[1] - pair[0];
                assert!(step > 0.0 && step < 0.08, "stream {stream}: {pair:?}");
            }
        }
        let begins = |stream: i32| times[&stream].iter().copied().filter(|at| joints.contains(at)).count();
        assert_eq!(
            (begins(0), begins(1)),
            (parts - 1, parts - 1),
            "both streams begin each part: {joints:?}"
        );
    }

    #[test]
    fn joined_recordings_play_one_after_the_other() {
        for start in [1.4, 0.2, 2.0, 4.3, 60.0, 95_443.0, 95_441.0, 50_000.0] {
            let packets = [recording(1.4, 4.4, BOTH), recording(start, start + 3.0, BOTH)].concat();
            assert_in_sequence(&packets, 2);
        }
        let wrapping = [recording(95_442.0, 95_445.0, BOTH), recording(95_442.5, 95_445.5, BOTH)].concat();
        assert_in_sequence(&wrapping, 2);
        let three =
            [recording(1.4, 2.4, BOTH), recording(1.4, 2.4, BOTH), recording(1.4, 2.4, BOTH)].concat();
        assert_in_sequence(&three, 3);
    }

    #[test]
    fn a_clock_that_wraps_is_continued() {
        let (times, joints) = corrected(&recording(95_440.0, 95_447.0, BOTH), Some(WRAP));
        assert!(joints.is_empty());
        assert!((times[&0].last().unwrap() - times[&0][0] - 6.967).abs() < 0.001);
        // Before the wrap only in decode time.
        let mut corrector = ClockCorrector::new(Some(WRAP));
        let mut out = VecDeque::new();
        let reordered =
            |at: i64| PacketTimes { pts: Some((at + 6000).rem_euclid(WRAP)), ..packet(0, at, VIDEO) };
        (0..4).for_each(|number| corrector.add(&reordered(WRAP - 4500 + number * VIDEO), &mut out));
        assert_eq!(
            out.iter().map(|one| one.pts_shift - one.dts_shift).collect::<Vec<_>>(),
            [WRAP, WRAP, 0, 0]
        );
    }

    #[test]
    fn gaps_in_a_recording_are_kept() {
        let packets = [recording(1.4, 4.4, BOTH), recording(9.4, 12.4, BOTH)].concat();
        let (times, joints) = corrected(&packets, Some(WRAP));
        assert!(joints.is_empty());
        assert!((times[&0][90] - 9.4).abs() < 1e-4, "{times:?}");
    }

    #[test]
    fn a_jump_of_one_stream_alone_moves_nothing() {
        let mut packets = recording(0.0, 9.0, BOTH);
        for packet in packets.iter_mut().filter(|packet| packet.stream == 1).skip(200) {
            packet.dts = packet.dts.map(|at| (at - 27_000).rem_euclid(WRAP));
        }
        let (times, joints) = corrected(&packets, Some(WRAP));
        assert!(joints.is_empty());
        assert!((times[&1][200] - (200.0 * AUDIO as f64 / 90_000.0 - 0.3)).abs() < 1e-4);
        // A single packet with a wrong time.
        let mut packets = recording(0.0, 9.0, BOTH);
        packets[100].dts = Some(45_000_000);
        assert!(corrected(&packets, Some(WRAP)).1.is_empty());
    }

    #[test]
    fn parts_without_audio_keep_the_others_in_step() {
        let video = &BOTH[..1];
        let packets =
            [recording(1.4, 4.4, BOTH), recording(1.4, 4.4, video), recording(1.4, 4.4, BOTH)].concat();
        let (times, joints) = corrected(&packets, Some(WRAP));
        assert_eq!(joints.len(), 2);
        assert!((joints[1] - 7.4).abs() < 0.05, "{joints:?}");
        assert!(times[&0].contains(&joints[1]) && times[&1].contains(&joints[1]));
        let late = [recording(1.4, 4.4, video), recording(1.4, 4.4, BOTH)].concat();
        let (times, joints) = corrected(&late, Some(WRAP));
        assert!(times[&0].contains(&joints[0]) && times[&1][0] == joints[0], "{joints:?}");
    }

    #[test]
    fn streams_that_jump_at_different_places_begin_the_part_together() {
        // The last packet of a stream is often read after the first of the next part of another.
        let (first, second) = (recording(1.4, 4.4, BOTH), recording(0.4, 3.4, BOTH));
        let mut packets = first.clone();
        let last_video = packets.iter().rposition(|packet| packet.stream == 0).unwrap();
        let last_video = packets.remove(last_video);
        packets.extend(second.iter().filter(|packet| packet.stream == 1).take(4));
        packets.push(last_video);
        packets.extend(second.iter().filter(|packet| packet.stream == 0).take(1));
        let begun = [0, 1].map(|stream| if stream == 1 { 4 } else { 1 });
        let mut seen = [0, 0];
        for packet in &second {
            let stream = packet.stream as usize;
            seen[stream] += 1;
            if seen[stream] > begun[stream] {
                packets.push(*packet);
            }
        }
        assert_in_sequence(&packets, 2);
    }

    #[test]
    fn clocks_without_a_wrap_and_packets_without_times_are_placed() {
        let packets = [recording(0.0, 3.0, BOTH), recording(0.0, 3.0, BOTH)].concat();
        assert_eq!(corrected(&packets, None).1.len(), 1);
        let mut corrector = ClockCorrector::new(Some(WRAP));
        let mut out = VecDeque::new();
        let untimed = PacketTimes { stream: 5, dts: None, pts: None, duration: 0, key: false };
        let packets = [&[untimed][..], &packets[..], &[untimed]].concat();
        packets.iter().for_each(|packet| corrector.add(packet, &mut out));
        corrector.finish(&mut out);
        assert_eq!(out.len(), packets.len());
        assert_eq!((out[0].dts_shift, out.back().unwrap().dts_shift), (0, 3 * TICKS_PER_S));
    }
}
