//! Reads every packet, for facts that neither header nor index contain.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;

use ffmpeg_next::ffi;

use super::decode_rate::DecodeRate;
use super::ffi_enums::{codec, number};
use super::first_frames::FirstFrames;
use super::open::MediaInput;
use super::streams::{extradata, seconds};
use super::timing::write_timing;
use super::version::packet_side_data;
use crate::job::{JobError, Progress};
use crate::model::{
    Completeness, Container, FrameLoss, HdrKind, LossKind, MediaFacts, VideoStream, set_loss,
};
use crate::probe::bitstream::frame_size::FrameSizes;
use crate::probe::bitstream::hevc;
use crate::probe::bitstream::parameter_sets::{ParameterSets, SetCodec};
use crate::probe::bitstream::references::{References, SampleInfo};

/// Frames stored per stream: 23 hours at 60 frames/s.
const MAX_FRAMES: usize = 5_000_000;
/// Packets between two progress reports.
const PACKETS_PER_REPORT: u64 = 256;
/// Packets read at most to find the first frame of every video stream that can be decoded: with audio, more than
/// half a minute.
const MAX_FIRST_PACKETS: u64 = 4000;
const NEW_EXTRADATA: c_int = ffi::AVPacketSideDataType::AV_PKT_DATA_NEW_EXTRADATA as c_int;
const NO_TIME: i64 = i64::MIN;

/// Places with missing frames that are kept of one stream.
const MAX_LOSSES: usize = 100_000;
/// Packets per stream whose durations are compared.
const MAX_COMPARED: u64 = 64;

/// The packet statistics of one video stream.
#[derive(Default)]
struct VideoPackets {
    timestamps: Vec<(i64, bool)>,
    packets: u64,
    /// Whether the first packet has HDR10 metadata.
    hdr10_metadata: bool,
    /// The duration of the first packets, if all have the same.
    duration: Option<i64>,
    key_pts: Option<i64>,
    /// The search for the first frame that can be decoded.
    first_frames: Option<FirstFrames>,
    keys: u64,
    open_gops: bool,
    changes: u32,
    /// The parameter sets in force, for codecs that have them.
    sets: Option<ParameterSets>,
    /// The frame sizes, for codecs whose packets state them.
    sizes: Option<FrameSizes>,
    /// Follows the references between frames, for codecs that name them.
    references: Option<References>,
    /// Missing frames with the times of the packets that refer to them.
    missing: Vec<(u64, Option<i64>)>,
    lowest_dts: Option<i64>,
    decode_rate: DecodeRate,
    missing_timestamps: bool,
    overflow: bool,
    /// Presentation time of the last frame in seconds, once all packets are read.
    last_frame_s: Option<f64>,
}

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
            unsafe {
                if video.packets == 0 {
                    video.sets = parameter_sets(stream);
                    video.sizes = frame_sizes(stream);
                    video.references = references(stream);
                    video.first_frames = FirstFrames::of(context, stream);
                }
                video.add(packet, is_hevc(stream));
            }
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
            Some(packets.last_frame_s? + video.timing.as_ref()?.modal_interval_s?)
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
        self.video.iter().find(|(known, _)| *known == index).map_or(0, |(_, video)| video.packets)
    }

    /// Returns whether every video stream is known to begin with a frame that can be decoded.
    pub(super) fn begins_well(&self) -> bool {
        let begins_well =
            |video: &VideoPackets| video.first_frames.as_ref().is_none_or(FirstFrames::begins_well);
        self.video.iter().all(|(_, video)| begins_well(video))
    }

    /// Returns the duration of the first packets of a video stream, in units of the time base, if all have the
    /// same.
    pub(super) fn constant_duration(&self, index: u32) -> Option<i64> {
        let (_, video) = self.video.iter().find(|(known, _)| *known == index)?;
        video.duration.filter(|&duration| duration > 0 && video.packets > 2)
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
            reason: format!("reading fails at {reached:.3} s: {}", super::error_text(code)),
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
            packets.set_hdr10(video);
            if untimed {
                packets.decode_rate.correct_untimed(base, video);
            }
            packets.first_frames.iter().for_each(|first| first.write_to(base, untimed, video));
        }
    }
}

/// Returns the parameter sets in the configuration record of a stream.
///
/// # Safety
/// `stream` is one of an open demuxer's.
unsafe fn parameter_sets(stream: *const ffi::AVStream) -> Option<ParameterSets> {
    // SAFETY: by the contract; the bytes are copied.
    let (id, record) = unsafe {
        let parameters = (*stream).codecpar;
        (number(&raw const (*parameters).codec_id), extradata(parameters))
    };
    let codec = match id {
        id if id == ffi::AVCodecID::AV_CODEC_ID_H264 as c_int => SetCodec::Avc,
        id if id == ffi::AVCodecID::AV_CODEC_ID_HEVC as c_int => SetCodec::Hevc,
        _ => return None,
    };
    Some(ParameterSets::from_config(codec, record))
}

/// Returns the reader of the frame sizes of a stream, with the sets in its configuration record.
///
/// # Safety
/// `stream` is one of an open demuxer's.
pub(super) unsafe fn frame_sizes(stream: *const ffi::AVStream) -> Option<FrameSizes> {
    // SAFETY: by the contract; the bytes are copied.
    unsafe {
        let parameters = (*stream).codecpar;
        FrameSizes::of(&codec(number(&raw const (*parameters).codec_id))?, extradata(parameters))
    }
}

/// Returns the check of the references of a stream.
///
/// # Safety
/// `stream` is one of an open demuxer's.
unsafe fn references(stream: *const ffi::AVStream) -> Option<References> {
    // SAFETY: by the contract; the bytes are copied.
    unsafe {
        let parameters = (*stream).codecpar;
        References::of(&codec(number(&raw const (*parameters).codec_id))?, extradata(parameters))
    }
}

/// # Safety
/// `stream` is one of an open demuxer's.
unsafe fn is_hevc(stream: *const ffi::AVStream) -> bool {
    // SAFETY: by the contract.
    unsafe { number(&raw const (*(*stream).codecpar).codec_id) == ffi::AVCodecID::AV_CODEC_ID_HEVC as c_int }
}

impl VideoPackets {
    /// # Safety
    /// `packet` was just read and not yet unreferenced.
    unsafe fn add(&mut self, packet: &ffi::AVPacket, is_hevc: bool) {
        // SAFETY: FFmpeg states the size of the data beside it.
        let data = unsafe {
            if packet.data.is_null() {
                &[][..]
            } else {
                std::slice::from_raw_parts(packet.data, usize::try_from(packet.size).unwrap_or(0))
            }
        };
        self.packets += 1;
        self.first_frames.iter_mut().for_each(|first| first.add(packet, data));
        if self.packets == 1 {
            self.duration = Some(packet.duration);
            self.hdr10_metadata = is_hevc && hevc::has_hdr10_metadata(data);
        } else if self.packets <= MAX_COMPARED && self.duration != Some(packet.duration) {
            self.duration = None;
        }
        let key = packet.flags & ffi::AV_PKT_FLAG_KEY != 0;
        // SAFETY: by the contract.
        if let Some(config) = unsafe { packet_side_data(packet, NEW_EXTRADATA) } {
            self.changes = self.changes.saturating_add(1);
            self.sets.iter_mut().for_each(ParameterSets::clear);
            self.sizes.iter_mut().for_each(|sizes| sizes.configure(config));
            self.references.iter_mut().for_each(|references| references.configure(config));
        }
        if let Some(sizes) = self.sizes.as_mut().filter(|sizes| key || !sizes.only_at_key_frames()) {
            sizes.add(data);
        }
        let time = (packet.pts != NO_TIME).then_some(packet.pts);
        if let Some(references) = &mut self.references {
            let hidden = packet.flags & ffi::AV_PKT_FLAG_DISCARD != 0;
            let missing = references.add(data, SampleInfo { time, key, hidden });
            if missing > 0 && self.missing.len() < MAX_LOSSES {
                self.missing.push((missing, time));
            }
        }
        // A new configuration takes effect at a key frame.
        if key && self.sets.as_mut().is_some_and(|sets| sets.update(data)) {
            self.changes = self.changes.saturating_add(1);
        }
        if packet.dts != NO_TIME {
            self.decode_rate.add(packet.dts);
            self.lowest_dts = Some(self.lowest_dts.map_or(packet.dts, |low| low.min(packet.dts)));
        } else if packet.duration > 0 {
            self.decode_rate.add_duration(packet.duration);
        }
        let timestamp = packet.pts;
        if timestamp == NO_TIME {
            self.missing_timestamps = true;
            return;
        }
        if key {
            self.keys += 1;
            self.key_pts = Some(timestamp);
        } else if self.key_pts.is_some_and(|key_pts| timestamp < key_pts) {
            // A leading picture that needs the previous GOP: every one in H.264, RASL pictures in HEVC.
            self.open_gops |= !is_hevc || hevc::has_rasl_picture(data);
        }
        if packet.flags & ffi::AV_PKT_FLAG_DISCARD == 0 {
            if self.timestamps.len() < MAX_FRAMES {
                self.timestamps.push((timestamp, key));
            } else {
                self.overflow = true;
            }
        }
    }

    /// Returns whether the first packets are read.
    fn is_begun(&self) -> bool {
        self.packets > 0 && self.first_frames.as_ref().is_none_or(FirstFrames::is_settled)
    }

    fn set_hdr10(&self, video: &mut VideoStream) {
        if let Some(hdr) = video.hdr.as_mut().filter(|hdr| hdr.kind == HdrKind::Pq && self.hdr10_metadata) {
            hdr.kind = HdrKind::Hdr10;
        }
    }

    /// Writes the results to the facts of the stream.
    fn write_to(&mut self, base: ffi::AVRational, index: u32, facts: &mut MediaFacts) {
        let untimed = facts.lacks_timestamps();
        let Some(video) = facts.video.iter_mut().find(|video| video.index == index) else { return };
        if self.packets == 0 {
            return;
        }
        self.first_frames.iter().for_each(|first| first.write_to(base, untimed, video));
        if facts.container == Some(Container::Avi) {
            self.decode_rate.correct(base, self.packets, video);
        }
        if untimed {
            self.decode_rate.correct_untimed(base, video);
        }
        video.frames.get_or_insert(self.packets);
        let size_changes = self.sizes.as_ref().map_or(0, FrameSizes::changes);
        video.parameter_changes = Some(self.changes.max(size_changes));
        video.frame_sizes = self.sizes.as_ref().map_or_else(Vec::new, |sizes| sizes.several().to_vec());
        self.set_hdr10(video);
        let mut loss = FrameLoss::new(LossKind::MissingReference, self.packets);
        for &(count, time) in &self.missing {
            loss.add(count, time.and_then(|time| seconds(time, base)));
        }
        set_loss(&mut video.lost_frames, loss);
        let mut loss = FrameLoss::new(LossKind::MissingFrame, self.packets);
        for hole in self.references.iter_mut().flat_map(References::take_holes) {
            let at_s = seconds(hole.after, base);
            // What is before the first frame that can be shown is lost as a whole.
            if at_s.zip(video.first_decodable_s).is_none_or(|(at_s, first_s)| at_s >= first_s) {
                loss.add(hole.count, at_s);
            }
        }
        set_loss(&mut video.lost_frames, loss);
        if self.keys > 0 && !self.missing_timestamps {
            video.closed_gop = Some(!self.open_gops);
        }
        if self.missing_timestamps || self.overflow {
            return;
        }
        write_timing(&mut self.timestamps, base, video);
        self.last_frame_s = self.timestamps.last().and_then(|&(timestamp, _)| seconds(timestamp, base));
        if let Some(timing) = &mut video.timing {
            timing.negative_dts_s = self.lowest_dts.and_then(|dts| seconds(dts, base)).filter(|&s| s < 0.0);
        }
    }
}
