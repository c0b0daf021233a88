//! Reads every packet, for facts that neither header nor index contain.

use std::collections::{BTreeMap, BTreeSet};

use ffmpeg_next::ffi;

use super::streams::seconds;
use super::video_packets::VideoPackets;
use crate::job::{JobError, Progress};
use crate::libav::media_input::MediaInput;
use crate::model::{Completeness, MediaFacts};

/// Packets between two progress reports.
const PACKETS_PER_REPORT: u64 = 256;
/// Packets read at most to find the first frame of every video stream that can be decoded: with audio, more than
/// half a minute.
const MAX_FIRST_PACKETS: u64 = 4000;

/// The statistics of the packets read so far.
pub(super) struct PacketWalk {
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
    pub(super) fn new(facts: &MediaFacts) -> PacketWalk {
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

    /// Adds a packet to the statistics.
    ///
    /// # Safety
    /// `packet` was just read from the open demuxer `context`, and not yet unreferenced.
    pub(super) unsafe fn add(&mut self, context: *mut ffi::AVFormatContext, packet: &ffi::AVPacket) {
        // SAFETY: the stream index of a packet is that of one of the context's streams.
        let stream = unsafe { *(*context).streams.add(packet.stream_index as usize) };
        // SAFETY: as above.
        if let Some(at) = unsafe { seconds(packet.dts, (*stream).time_base) } {
            self.reached_s = self.reached_s.max(at);
        }
        // SAFETY: as above.
        self.add_end(packet, unsafe { (*stream).time_base });
        let index = packet.stream_index as u32;
        if let Some((_, video)) = self.video.iter_mut().find(|(known, _)| *known == index) {
            // SAFETY: by the contract.
            unsafe { video.add(context, stream, packet) };
        }
        self.packets += 1;
    }

    fn add_end(&mut self, packet: &ffi::AVPacket, base: ffi::AVRational) {
        self.with_packets.insert(packet.stream_index as u32);
        // A truncated packet counts as missing data.
        if packet.flags & ffi::AV_PKT_FLAG_CORRUPT != 0 {
            return;
        }
        let end = |timestamp: i64| {
            seconds(timestamp, base).map(|at| at + seconds(packet.duration, base).unwrap_or(0.0))
        };
        let presented = seconds(packet.pts, base);
        if let Some((from, until)) = presented.zip(end(packet.pts)) {
            let span = self.presented_s.entry(packet.stream_index as u32).or_insert((from, until));
            *span = (span.0.min(from), span.1.max(until));
        }
        if self.ends.contains_key(&(packet.stream_index as u32)) {
            self.presentation_start_s =
                [self.presentation_start_s, presented].into_iter().flatten().reduce(f64::min);
            self.untimed |= presented.is_none();
            self.decode_start_s =
                [self.decode_start_s, seconds(packet.dts, base)].into_iter().flatten().reduce(f64::min);
        }
        let decoded = end(packet.dts).or_else(|| end(packet.pts));
        if let Some(known) = self.ends.get_mut(&(packet.stream_index as u32)) {
            *known = [*known, decoded].into_iter().flatten().reduce(f64::max);
        }
        self.presentation_end_s =
            [decoded, end(packet.pts)].into_iter().flatten().fold(self.presentation_end_s, f64::max);
    }

    /// Returns the earliest end of a stream in seconds; until then all streams have data.
    pub(super) fn first_end_s(&self) -> f64 {
        self.ends.values().copied().flatten().reduce(f64::min).unwrap_or(0.0)
    }

    /// Returns the end of the last packet in presentation order, in seconds.
    pub(super) fn presentation_end_s(&self) -> f64 {
        self.presentation_end_s
    }

    /// Returns whether no stream has a packet.
    pub(super) fn is_without_packets(&self) -> bool {
        self.with_packets.is_empty()
    }

    /// Returns the video and audio streams without packets.
    pub(super) fn streams_without_packets(&self) -> impl Iterator<Item = u32> + use<'_> {
        self.ends.keys().copied().filter(|index| !self.with_packets.contains(index))
    }

    /// Returns the end of the last packet of a stream in decode order, in seconds.
    pub(super) fn end_of(&self, index: u32) -> Option<f64> {
        self.ends.get(&index).copied().flatten()
    }

    /// Returns the start of the first packet and the end of the last, in seconds, by presentation times if all
    /// packets have them, else by decode times.
    pub(super) fn timeline(&self, facts: &MediaFacts) -> Option<(f64, f64)> {
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
    pub(super) fn duration_s(&self, facts: &MediaFacts) -> Option<f64> {
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
    pub(super) fn presented_s(&self, index: u32) -> Option<(f64, f64)> {
        self.presented_s.get(&index).copied()
    }

    /// Returns where the clock of the container jumps, in seconds of the corrected clock.
    pub(super) fn clock_jumps_s(&self) -> &[f64] {
        &self.clock_jumps_s
    }

    /// Returns the number of packets read of a video stream.
    pub(super) fn packets_of(&self, index: u32) -> u64 {
        self.video.iter().find(|(known, _)| *known == index).map_or(0, |(_, video)| video.packets())
    }

    /// Returns whether every video stream is known to begin with a frame that can be decoded.
    pub(super) fn begins_well(&self) -> bool {
        self.video.iter().all(|(_, video)| video.begins_well())
    }

    /// Returns the duration of the first packets of a video stream, in units of the time base, if all have the
    /// same.
    pub(super) fn constant_duration(&self, index: u32) -> Option<i64> {
        self.video.iter().find(|(known, _)| *known == index)?.1.constant_duration()
    }
}

/// Reads all remaining packets and completes `facts`.
///
/// # Errors
/// As [`MediaInput::result`]. Damage in the middle of the file is recorded as missing data, not as an error.
pub(super) fn walk_packets(
    input: &mut MediaInput,
    walk: &mut PacketWalk,
    facts: &mut MediaFacts,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), JobError> {
    let context = input.as_ptr();
    // SAFETY: the context is open and not used by other code; the packet is local, unreferenced before
    // each reuse and freed at the end; no data of a packet is kept.
    let code = unsafe {
        let mut packet = ffi::av_packet_alloc();
        if packet.is_null() {
            return Err(JobError::Failed("out of memory".into()));
        }
        let code = loop {
            let code = input.read_packet(packet);
            if code < 0 {
                break code;
            }
            walk.add(context, &*packet);
            ffi::av_packet_unref(packet);
            if walk.packets.is_multiple_of(PACKETS_PER_REPORT) {
                let frames = walk.packets;
                progress(Progress { done_s: walk.reached_s, total_s: facts.duration_s, frames });
                if input.check_reads().is_err() {
                    break 0;
                }
            }
        };
        ffi::av_packet_free(&mut packet);
        for (index, video) in &mut walk.video {
            let stream = *(*context).streams.add(*index as usize);
            video.write_to((*stream).time_base, *index, facts);
        }
        code
    };
    walk.clock_jumps_s = input.joints_s();
    input.check_reads()?;
    if code != ffi::AVERROR_EOF && code < 0 && !matches!(facts.completeness, Completeness::Missing { .. }) {
        let reached = walk.reached_s;
        facts.completeness = Completeness::Missing {
            first_missing_s: Some(reached),
            reason: format!("reading fails at {reached:.3} s: {}", crate::libav::error::error_text(code)),
        };
    }
    Ok(())
}

/// Reads the first packets of every video stream, for its HDR10 metadata and the first frame that can be decoded.
pub(super) fn read_first_packets(input: &mut MediaInput, facts: &mut MediaFacts) {
    let context = input.as_ptr();
    let mut walk = PacketWalk::new(facts);
    // SAFETY: as in `walk_packets`.
    unsafe {
        let mut packet = ffi::av_packet_alloc();
        while !packet.is_null()
            && walk.packets < MAX_FIRST_PACKETS
            && walk.video.iter().any(|(_, video)| !video.is_begun())
            && input.read_packet(packet) >= 0
        {
            walk.add(context, &*packet);
            ffi::av_packet_unref(packet);
        }
        ffi::av_packet_free(&mut packet);
    }
    let untimed = facts.lacks_timestamps();
    for (index, packets) in &walk.video {
        // SAFETY: the context is open and the index is that of one of its streams.
        let base = unsafe { (**(*context).streams.add(*index as usize)).time_base };
        for video in facts.video.iter_mut().filter(|video| video.index == *index) {
            packets.write_begin(base, untimed, video);
        }
    }
}
