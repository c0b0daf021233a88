//! Finds the first frame of a video that can be decoded, from its first packets.

use super::bitstream::random_access::{Access, PacketStart};

/// A stream whose first frames are all without references counts as coded that way from this many frames on.
const ALL_INTRA_FRAMES: u64 = 12;

/// A packet at the start of a video.
#[derive(Clone, Copy, Debug)]
pub struct FirstPacket {
    /// What the packet itself shows.
    pub start: PacketStart,
    /// Whether the container flags a key frame.
    pub flagged: bool,
    /// Whether an edit list hides it.
    pub hidden: bool,
    /// Presentation time in units of the stream's time base, if known, else decode time.
    pub time: Option<i64>,
    /// Whether only the decode time is known.
    pub reordered: bool,
}

/// The result of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodableStart {
    /// The video begins with a frame that can be decoded, or nothing shows that it does not.
    First,
    /// This many frames cannot be decoded before the first that can.
    After {
        /// Number of frames that are lost.
        frames: u64,
        /// Presentation time of the first frame that can be decoded, if known.
        at: Option<i64>,
    },
    /// None of the frames read can be decoded.
    Never {
        /// Number of frames read.
        frames: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No packet has begun the video yet.
    Searching,
    /// This many reference frames after a recovery point are incomplete.
    Recovering(u32),
    /// The video has begun at this time; frames shown before it are lost, too.
    Leading(Option<i64>),
    Settled,
}

/// Reads the packets of a video in decode order until one begins it.
#[derive(Clone, Copy, Debug)]
pub struct StartScan {
    /// Whether the parameters of the video are only in its packets.
    in_band: bool,
    /// Whether only the container's flags tell key frames.
    by_flags: bool,
    state: State,
    has_parameters: bool,
    frames: u64,
    at: Option<i64>,
    all_intra: bool,
    /// Number of packets whose kind their content shows.
    known: u64,
}

impl StartScan {
    /// Creates a scan. With `in_band`, the container has no parameters outside of the packets; with `by_flags`,
    /// the packets themselves do not show what they are.
    pub fn new(in_band: bool, by_flags: bool) -> StartScan {
        StartScan {
            in_band,
            by_flags,
            state: State::Searching,
            has_parameters: false,
            frames: 0,
            at: None,
            all_intra: true,
            known: 0,
        }
    }

    /// Returns whether no further packet can change the result.
    pub fn is_settled(&self) -> bool {
        self.state == State::Settled
    }

    /// Adds the next packet in decode order.
    pub fn add(&mut self, packet: &FirstPacket) {
        let lost = u64::from(packet.start.shown && !packet.hidden);
        self.has_parameters |= packet.start.parameters;
        match self.state {
            State::Searching => self.search(packet, lost),
            State::Recovering(0) => self.begin(packet.time),
            State::Recovering(left) => {
                self.frames += lost;
                self.state = State::Recovering(left - u32::from(packet.start.reference));
            }
            State::Leading(at) => match (packet.time, at) {
                (Some(time), Some(at)) if time < at && packet.start.decodable_leading => {
                    self.at = self.at.map(|known| known.min(time));
                }
                (Some(time), Some(at)) if time < at => self.frames += lost,
                // Without presentation times, frames that no other needs follow those they are shown before.
                _ if packet.reordered && !packet.start.reference => self.frames += lost,
                _ => self.state = State::Settled,
            },
            State::Settled => {}
        }
    }

    fn search(&mut self, packet: &FirstPacket, lost: u64) {
        let access = packet.start.access;
        self.known += u64::from(access != Access::Unknown);
        self.all_intra &= matches!(access, Access::Intra | Access::Unknown);
        let begins = match access {
            Access::Key => true,
            Access::Recovery(frames) => {
                self.frames += lost;
                self.state = State::Recovering(frames.saturating_sub(u32::from(packet.start.reference)));
                return;
            }
            Access::Intra | Access::Unknown => packet.flagged,
            Access::Predicted => false,
        };
        if begins && (self.has_parameters || !self.in_band) {
            return self.begin(packet.time);
        }
        // A packet without a frame, such as a lone parameter set, loses nothing.
        if access != Access::Unknown || self.by_flags {
            self.frames += lost;
        }
        if self.all_intra && self.known >= ALL_INTRA_FRAMES {
            (self.frames, self.state) = (0, State::Settled);
        }
    }

    fn begin(&mut self, time: Option<i64>) {
        self.at = time;
        // Frames of an open group at the start of a complete video are known to be left out by players.
        self.state = if self.frames == 0 { State::Settled } else { State::Leading(time) };
    }

    /// Returns the result for the packets added so far.
    pub fn result(&self) -> DecodableStart {
        let frames = self.frames;
        match self.state {
            _ if frames == 0 => DecodableStart::First,
            State::Leading(_) | State::Settled => DecodableStart::After { frames, at: self.at },
            // Where only flags tell, a container without any flags tells nothing.
            State::Searching | State::Recovering(_) if self.all_intra => DecodableStart::First,
            State::Searching | State::Recovering(_) => DecodableStart::Never { frames },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(access: Access, time: i64) -> FirstPacket {
        let start =
            PacketStart { access, reference: true, shown: true, decodable_leading: false, parameters: false };
        FirstPacket {
            start,
            flagged: access == Access::Key,
            hidden: false,
            time: Some(time),
            reordered: false,
        }
    }

    fn scan(packets: &[FirstPacket]) -> DecodableStart {
        let by_flags = packets.iter().all(|packet| packet.start.access == Unknown);
        let mut scan = StartScan::new(false, by_flags);
        packets.iter().for_each(|packet| scan.add(packet));
        scan.result()
    }

    use Access::{Intra, Key, Predicted, Recovery, Unknown};

    #[test]
    fn counts_the_frames_before_the_first_key_frame() {
        let packets = [packet(Predicted, 0), packet(Predicted, 1), packet(Key, 4), packet(Predicted, 3)];
        assert_eq!(scan(&packets[..3]), DecodableStart::After { frames: 2, at: Some(4) });
        assert_eq!(scan(&packets), DecodableStart::After { frames: 3, at: Some(4) }, "a leading frame");
        assert_eq!(scan(&packets[..2]), DecodableStart::Never { frames: 2 });
        assert_eq!(scan(&packets[2..]), DecodableStart::First, "an open group at the start");
    }

    #[test]
    fn frames_that_an_edit_list_hides_are_not_lost() {
        let hidden = |access, time| FirstPacket { hidden: true, ..packet(access, time) };
        assert_eq!(
            scan(&[hidden(Predicted, 0), hidden(Key, 1), packet(Predicted, 2)]),
            DecodableStart::First
        );
        let late = [hidden(Predicted, 0), packet(Predicted, 1), packet(Key, 2)];
        assert_eq!(scan(&late), DecodableStart::After { frames: 1, at: Some(2) });
    }

    #[test]
    fn a_gradual_refresh_begins_when_it_is_complete() {
        let packets =
            [packet(Recovery(2), 0), packet(Predicted, 1), packet(Predicted, 2), packet(Predicted, 3)];
        assert_eq!(scan(&packets), DecodableStart::After { frames: 2, at: Some(2) });
    }

    #[test]
    fn flags_decide_where_the_packets_do_not() {
        let flagged = |flagged, time| FirstPacket { flagged, ..packet(Unknown, time) };
        let late = [flagged(false, 0), flagged(false, 1), flagged(true, 2)];
        assert_eq!(scan(&late), DecodableStart::After { frames: 2, at: Some(2) });
        assert_eq!(scan(&late[..2]), DecodableStart::First, "a container without flags");
        assert_eq!(scan(&[FirstPacket { flagged: true, ..packet(Intra, 0) }]), DecodableStart::First);
        // A packet that holds only a parameter set.
        assert_eq!(scan(&[flagged(false, 0), packet(Key, 1)]), DecodableStart::First);
        // A lying flag.
        let lie = [FirstPacket { flagged: true, ..packet(Predicted, 0) }, packet(Key, 1)];
        assert_eq!(scan(&lie), DecodableStart::After { frames: 1, at: Some(1) });
    }

    #[test]
    fn video_of_intra_frames_needs_no_key_frame() {
        let packets: Vec<_> = (0..20).map(|time| packet(Intra, time)).collect();
        assert_eq!(scan(&packets), DecodableStart::First);
        let packets = [packet(Intra, 0), packet(Predicted, 1), packet(Key, 2)];
        assert_eq!(scan(&packets), DecodableStart::After { frames: 2, at: Some(2) });
    }

    #[test]
    fn a_key_frame_without_parameters_does_not_begin_a_stream() {
        let mut scan = StartScan::new(true, false);
        let mut key = packet(Key, 5);
        scan.add(&packet(Key, 0));
        key.start.parameters = true;
        scan.add(&key);
        assert_eq!(scan.result(), DecodableStart::After { frames: 1, at: Some(5) });
    }
}
