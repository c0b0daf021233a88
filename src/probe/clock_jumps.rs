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
mod tests;
