//! The statistics of the packets of a file, for facts that neither header nor index contain.

use std::collections::{BTreeMap, BTreeSet};

use super::packet::Packet;
use super::timing::TimeBase;
use super::video_packets::VideoPackets;
use crate::model::MediaFacts;

/// The statistics of the packets read so far.
pub(crate) struct PacketWalk {
    video: Vec<(u32, VideoPackets)>,
    packets: u64,
    reached_s: f64,
    /// End of the last packet in decode order, in seconds, by video or audio stream.
    ends: BTreeMap<u32, Option<f64>>,
    /// End of the last packet in presentation order, in seconds.
    presentation_end_s: f64,
    /// Earliest presentation time of a packet, in seconds.
    presentation_start_s: Option<f64>,
    /// Earliest decode time of a packet, in seconds.
    decode_start_s: Option<f64>,
    /// Whether a packet had no presentation time.
    untimed: bool,
    /// Start of the first and end of the last packet in presentation order, in seconds, by stream.
    presented_s: BTreeMap<u32, (f64, f64)>,
    /// Video and audio streams with packets.
    with_packets: BTreeSet<u32>,
    /// Where the clock of the container jumps, in seconds of the corrected clock.
    clock_jumps_s: Vec<f64>,
}

impl PacketWalk {
    /// Creates empty statistics for the streams of these facts.
    pub(crate) fn new(facts: &MediaFacts) -> PacketWalk {
        let video = facts.video.iter().map(|video| (video.index, VideoPackets::default())).collect();
        let indices = facts.video.iter().map(|v| v.index).chain(facts.audio.iter().map(|a| a.index));
        PacketWalk {
            video,
            packets: 0,
            reached_s: 0.0,
            ends: indices.map(|index| (index, None)).collect(),
            presentation_end_s: 0.0,
            presentation_start_s: None,
            decode_start_s: None,
            untimed: false,
            presented_s: BTreeMap::new(),
            with_packets: BTreeSet::new(),
            clock_jumps_s: Vec::new(),
        }
    }

    /// Adds the next packet of the stream with this index. `begin` creates the statistics of a video stream at its
    /// first packet.
    pub(crate) fn add(
        &mut self,
        index: u32,
        base: TimeBase,
        packet: &Packet<'_>,
        begin: impl FnOnce() -> VideoPackets,
    ) {
        if let Some(at) = packet.dts.and_then(|dts| base.seconds(dts)) {
            self.reached_s = self.reached_s.max(at);
        }
        self.add_end(index, base, packet);
        if let Some((_, video)) = self.video.iter_mut().find(|(known, _)| *known == index) {
            if video.packets() == 0 {
                *video = begin();
            }
            video.add(packet);
        }
        self.packets += 1;
    }

    fn add_end(&mut self, index: u32, base: TimeBase, packet: &Packet<'_>) {
        self.with_packets.insert(index);
        // A truncated packet counts as missing data.
        if packet.corrupt {
            return;
        }
        let end = |timestamp: i64| {
            base.seconds(timestamp).map(|at| at + base.seconds(packet.duration).unwrap_or(0.0))
        };
        let presented = packet.pts.and_then(|pts| base.seconds(pts));
        let presented_end = packet.pts.and_then(end);
        if let Some((from, until)) = presented.zip(presented_end) {
            let span = self.presented_s.entry(index).or_insert((from, until));
            *span = (span.0.min(from), span.1.max(until));
        }
        if self.ends.contains_key(&index) {
            let decoded = packet.dts.and_then(|dts| base.seconds(dts));
            let earliest = |known, at| [known, at].into_iter().flatten().reduce(f64::min);
            self.presentation_start_s = earliest(self.presentation_start_s, presented);
            self.untimed |= presented.is_none();
            self.decode_start_s = earliest(self.decode_start_s, decoded);
        }
        let decoded = packet.dts.and_then(end).or(presented_end);
        if let Some(known) = self.ends.get_mut(&index) {
            *known = [*known, decoded].into_iter().flatten().reduce(f64::max);
        }
        self.presentation_end_s =
            [decoded, presented_end].into_iter().flatten().fold(self.presentation_end_s, f64::max);
    }

    /// Writes what the packets show about the video streams, whose clocks `base` returns.
    pub(crate) fn write_to(&mut self, facts: &mut MediaFacts, base: impl Fn(u32) -> TimeBase) {
        for (index, video) in &mut self.video {
            video.write_to(base(*index), *index, facts);
        }
    }

    /// Writes what the first packets show about the video streams, whose clocks `base` returns.
    pub(crate) fn write_begin(&self, facts: &mut MediaFacts, base: impl Fn(u32) -> TimeBase) {
        let untimed = facts.lacks_timestamps();
        for (index, packets) in &self.video {
            for video in facts.video.iter_mut().filter(|video| video.index == *index) {
                packets.write_begin(base(*index), untimed, video);
            }
        }
    }

    /// Returns whether the first packets of every video stream are read.
    pub(crate) fn is_begun(&self) -> bool {
        self.video.iter().all(|(_, video)| video.is_begun())
    }

    /// Returns the number of packets read.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Returns the latest decode time in seconds.
    pub(crate) fn reached_s(&self) -> f64 {
        self.reached_s
    }

    /// Sets where the clock of the container jumps, in seconds of the corrected clock.
    pub(crate) fn set_clock_jumps_s(&mut self, jumps_s: Vec<f64>) {
        self.clock_jumps_s = jumps_s;
    }

    /// Returns the earliest end of a stream in seconds; until then all streams have data.
    pub(crate) fn first_end_s(&self) -> f64 {
        self.ends.values().copied().flatten().reduce(f64::min).unwrap_or(0.0)
    }

    /// Returns the end of the last packet in presentation order, in seconds.
    pub(crate) fn presentation_end_s(&self) -> f64 {
        self.presentation_end_s
    }

    /// Returns whether no stream has a packet.
    pub(crate) fn is_without_packets(&self) -> bool {
        self.with_packets.is_empty()
    }

    /// Returns the video and audio streams without packets.
    pub(crate) fn streams_without_packets(&self) -> impl Iterator<Item = u32> + use<'_> {
        self.ends.keys().copied().filter(|index| !self.with_packets.contains(index))
    }

    /// Returns the end of the last packet of a stream in decode order, in seconds.
    pub(crate) fn end_of(&self, index: u32) -> Option<f64> {
        self.ends.get(&index).copied().flatten()
    }

    /// Returns the start of the first packet and the end of the last, in seconds, by presentation times if all
    /// packets have them, else by decode times.
    pub(crate) fn timeline(&self, facts: &MediaFacts) -> Option<(f64, f64)> {
        if let Some(duration_s) = self.duration_s(facts) {
            let start_s = self.presentation_start_s?;
            return Some((start_s, start_s + duration_s));
        }
        let start_s = self.decode_start_s?;
        let end_s = self.ends.values().copied().flatten().reduce(f64::max)?;
        (end_s > start_s).then_some((start_s, end_s))
    }

    /// Returns the seconds from the start of the first packet to the end of the last, in presentation order;
    /// `None` when a packet has no time.
    pub(crate) fn duration_s(&self, facts: &MediaFacts) -> Option<f64> {
        let start_s = self.presentation_start_s.filter(|_| !self.untimed)?;
        // A packet without a duration counts with the modal frame interval.
        let video_ends = facts.video.iter().filter_map(|video| {
            let (_, packets) = self.video.iter().find(|(index, _)| *index == video.index)?;
            Some(packets.last_frame_s()? + video.timing.as_ref()?.modal_interval_s?)
        });
        let end_s = video_ends.fold(self.presentation_end_s, f64::max);
        Some(end_s - start_s).filter(|&duration| duration > 0.0)
    }

    /// Returns the start of the first and the end of the last packet of a stream in presentation order, in seconds.
    pub(crate) fn presented_s(&self, index: u32) -> Option<(f64, f64)> {
        self.presented_s.get(&index).copied()
    }

    /// Returns where the clock of the container jumps, in seconds of the corrected clock.
    pub(crate) fn clock_jumps_s(&self) -> &[f64] {
        &self.clock_jumps_s
    }

    /// Returns the number of packets read of a video stream.
    pub(crate) fn packets_of(&self, index: u32) -> u64 {
        self.video.iter().find(|(known, _)| *known == index).map_or(0, |(_, video)| video.packets())
    }

    /// Returns whether every video stream is known to begin with a frame that can be decoded.
    pub(crate) fn begins_well(&self) -> bool {
        self.video.iter().all(|(_, video)| video.begins_well())
    }

    /// Returns the duration of the first packets of a video stream, in units of the time base, if all have the
    /// same.
    pub(crate) fn constant_duration(&self, index: u32) -> Option<i64> {
        self.video.iter().find(|(known, _)| *known == index)?.1.constant_duration()
    }
}
