//! What the packets of one video stream show.

use std::ffi::c_int;

use ffmpeg_next::ffi;

use super::decode_rate::DecodeRate;
use super::first_frames::FirstFrames;
use super::streams::{extradata, seconds};
use super::timing::write_timing;
use crate::libav::ffi_enums::{codec, number};
use crate::libav::side_data::packet_side_data;
use crate::model::{Container, FrameLoss, HdrKind, LossKind, MediaFacts, VideoStream, set_loss};
use crate::probe::bitstream::frame_size::FrameSizes;
use crate::probe::bitstream::hevc;
use crate::probe::bitstream::parameter_sets::{ParameterSets, SetCodec};
use crate::probe::bitstream::references::{References, SampleInfo};

/// Frames stored per stream: 23 hours at 60 frames/s.
const MAX_FRAMES: usize = 5_000_000;
/// Places with missing frames that are kept of one stream.
const MAX_LOSSES: usize = 100_000;
/// Packets per stream whose durations are compared.
const MAX_COMPARED: u64 = 64;
const NEW_EXTRADATA: c_int = ffi::AVPacketSideDataType::AV_PKT_DATA_NEW_EXTRADATA as c_int;
const NO_TIME: i64 = i64::MIN;

/// The packet statistics of one video stream.
#[derive(Default)]
pub(super) struct VideoPackets {
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

impl VideoPackets {
    /// Adds a packet to the statistics.
    ///
    /// # Safety
    /// `packet` was just read from `stream` of the open demuxer `context`, and not yet unreferenced.
    pub(super) unsafe fn add(
        &mut self,
        context: *mut ffi::AVFormatContext,
        stream: *mut ffi::AVStream,
        packet: &ffi::AVPacket,
    ) {
        // SAFETY: by the contract; FFmpeg states the size of the data beside it.
        let (is_hevc, data) = unsafe {
            if self.packets == 0 {
                self.sets = parameter_sets(stream);
                self.sizes = frame_sizes(stream);
                self.references = references(stream);
                self.first_frames = FirstFrames::of(context, stream);
            }
            let length = usize::try_from(packet.size).unwrap_or(0);
            let is_empty = packet.data.is_null();
            let data = if is_empty { &[][..] } else { std::slice::from_raw_parts(packet.data, length) };
            (is_hevc(stream), data)
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
        self.add_time(packet, key, is_hevc, data);
    }

    /// Adds the presentation time of a packet.
    fn add_time(&mut self, packet: &ffi::AVPacket, key: bool, is_hevc: bool, data: &[u8]) {
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

    /// Returns the number of packets read.
    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    /// Returns the duration of the first packets, in units of the time base, if all have the same.
    pub(super) fn constant_duration(&self) -> Option<i64> {
        self.duration.filter(|&duration| duration > 0 && self.packets > 2)
    }

    /// Returns the presentation time of the last frame in seconds, once all packets are read.
    pub(super) fn last_frame_s(&self) -> Option<f64> {
        self.last_frame_s
    }

    /// Returns whether the stream is known to begin with a frame that can be decoded.
    pub(super) fn begins_well(&self) -> bool {
        self.first_frames.as_ref().is_none_or(FirstFrames::begins_well)
    }

    /// Returns whether the first packets are read.
    pub(super) fn is_begun(&self) -> bool {
        self.packets > 0 && self.first_frames.as_ref().is_none_or(FirstFrames::is_settled)
    }

    /// Writes what the first packets show.
    pub(super) fn write_begin(&self, base: ffi::AVRational, untimed: bool, video: &mut VideoStream) {
        self.first_frames.iter().for_each(|first| first.write_to(base, untimed, video));
        if untimed {
            self.decode_rate.correct_untimed(base, video);
        }
        if let Some(hdr) = video.hdr.as_mut().filter(|hdr| hdr.kind == HdrKind::Pq && self.hdr10_metadata) {
            hdr.kind = HdrKind::Hdr10;
        }
    }

    /// Writes the results to the facts of the stream.
    pub(super) fn write_to(&mut self, base: ffi::AVRational, index: u32, facts: &mut MediaFacts) {
        let untimed = facts.lacks_timestamps();
        let Some(video) = facts.video.iter_mut().find(|video| video.index == index) else { return };
        if self.packets == 0 {
            return;
        }
        self.write_begin(base, untimed, video);
        if facts.container == Some(Container::Avi) {
            self.decode_rate.correct(base, self.packets, video);
        }
        video.frames.get_or_insert(self.packets);
        let size_changes = self.sizes.as_ref().map_or(0, FrameSizes::changes);
        video.parameter_changes = Some(self.changes.max(size_changes));
        video.frame_sizes = self.sizes.as_ref().map_or_else(Vec::new, |sizes| sizes.several().to_vec());
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
