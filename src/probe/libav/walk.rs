//! A walk over every packet: what neither header nor index tells.

use std::collections::BTreeMap;
use std::ffi::c_int;

use ffmpeg_next::ffi;

use super::open::MediaInput;
use super::raw::number;
use super::streams::{extradata, seconds};
use super::timing::tell_stamps;
use super::version::packet_side_data;
use crate::job::{JobError, Progress};
use crate::model::{Completeness, HdrKind, MediaFacts, VideoStream};
use crate::probe::bitstream::hevc;
use crate::probe::bitstream::sets::{ParameterSets, SetCodec};

/// Frames of one stream remembered: 23 hours at 60 frames a second.
const MAX_FRAMES: usize = 5_000_000;
/// Packets between two signs of life.
const REPORT_EVERY: u64 = 256;
/// Packets read at most to see the first of every video stream.
const MAX_LOOKED_AT: u64 = 200;
const NEW_EXTRADATA: c_int = ffi::AVPacketSideDataType::AV_PKT_DATA_NEW_EXTRADATA as c_int;
const NO_TIME: i64 = i64::MIN;

/// Packets of a stream whose durations are compared.
const MAX_COMPARED: u64 = 64;

/// What is remembered of one video stream.
#[derive(Default)]
struct Track {
    stamps: Vec<(i64, bool)>,
    packets: u64,
    /// Whether the first picture comes with the light levels of HDR10.
    light_stated: bool,
    /// The duration that all of the first packets state.
    duration: Option<i64>,
    key_pts: Option<i64>,
    keys: u64,
    open_groups: bool,
    changes: u32,
    /// The parameter sets in force, where the codec has any.
    sets: Option<ParameterSets>,
    lowest_dts: Option<i64>,
    unstamped: bool,
    overflow: bool,
    /// When the last picture is shown, in seconds, once all were read.
    shown_s: Option<f64>,
}

/// What the packets read so far tell.
pub(super) struct Walk {
    tracks: Vec<(u32, Track)>,
    packets: u64,
    reached_s: f64,
    /// Where each picture and audio ends in the order of decoding, in seconds, by stream.
    ends: BTreeMap<u32, Option<f64>>,
    /// The end of the packet that is shown last, in seconds.
    shown_s: f64,
    /// The first moment that a packet is shown, in seconds.
    begins_s: Option<f64>,
    /// Whether a packet came without a time.
    untimed: bool,
}

impl Walk {
    /// Over the streams of these facts, before the first packet.
    pub(super) fn over(facts: &MediaFacts) -> Walk {
        let tracks = facts.video.iter().map(|video| (video.index, Track::default())).collect();
        let video = facts.video.iter().map(|v| v.index).chain(facts.audio.iter().map(|a| a.index));
        let ends = video.map(|index| (index, None)).collect();
        Walk { tracks, packets: 0, reached_s: 0.0, ends, shown_s: 0.0, begins_s: None, untimed: false }
    }

    /// Takes note of a packet.
    ///
    /// # Safety
    /// `packet` was just read from the open demuxer `context`, and not yet unreferenced.
    pub(super) unsafe fn add(&mut self, context: *mut ffi::AVFormatContext, packet: &ffi::AVPacket) {
        // SAFETY: the library numbers packets by its streams.
        let stream = unsafe { *(*context).streams.add(packet.stream_index as usize) };
        // SAFETY: as above.
        if let Some(at) = unsafe { seconds(packet.dts, (*stream).time_base) } {
            self.reached_s = self.reached_s.max(at);
        }
        // SAFETY: as above.
        self.note_end(packet, unsafe { (*stream).time_base });
        let index = packet.stream_index as u32;
        if let Some((_, track)) = self.tracks.iter_mut().find(|(known, _)| *known == index) {
            // SAFETY: by the contract.
            unsafe {
                if track.packets == 0 {
                    track.sets = parameter_sets(stream);
                }
                track.add(packet, is_hevc(stream));
            }
        }
        self.packets += 1;
    }

    fn note_end(&mut self, packet: &ffi::AVPacket, base: ffi::AVRational) {
        // A packet cut short is the first thing that is missing.
        if packet.flags & ffi::AV_PKT_FLAG_CORRUPT != 0 {
            return;
        }
        let end =
            |stamp: i64| seconds(stamp, base).map(|at| at + seconds(packet.duration, base).unwrap_or(0.0));
        let shown = seconds(packet.pts, base);
        if self.ends.contains_key(&(packet.stream_index as u32)) {
            self.begins_s = [self.begins_s, shown].into_iter().flatten().reduce(f64::min);
            self.untimed |= shown.is_none();
        }
        let decoded = end(packet.dts).or_else(|| end(packet.pts));
        if let Some(known) = self.ends.get_mut(&(packet.stream_index as u32)) {
            *known = [*known, decoded].into_iter().flatten().reduce(f64::max);
        }
        self.shown_s = [decoded, end(packet.pts)].into_iter().flatten().fold(self.shown_s, f64::max);
    }

    /// Before this moment, in seconds, no stream has a gap.
    pub(super) fn first_end_s(&self) -> f64 {
        self.ends.values().copied().flatten().reduce(f64::min).unwrap_or(0.0)
    }

    /// The end of the packet that is shown last, in seconds.
    pub(super) fn shown_s(&self) -> f64 {
        self.shown_s
    }

    /// The seconds from the first packet shown to the end of the last; `None` where packets have no times.
    pub(super) fn length_s(&self, facts: &MediaFacts) -> Option<f64> {
        let begins_s = self.begins_s.filter(|_| !self.untimed)?;
        // Packets that do not say how long they are shown are shown as long as most.
        let pictures = facts.video.iter().filter_map(|video| {
            let (_, track) = self.tracks.iter().find(|(index, _)| *index == video.index)?;
            Some(track.shown_s? + video.timing.as_ref()?.modal_interval_s?)
        });
        let ends_s = pictures.fold(self.shown_s, f64::max);
        Some(ends_s - begins_s).filter(|&length| length > 0.0)
    }

    /// How many packets of a video stream were read.
    pub(super) fn packets_of(&self, index: u32) -> u64 {
        self.tracks.iter().find(|(known, _)| *known == index).map_or(0, |(_, track)| track.packets)
    }

    /// The duration, in units of the time base, that the first packets of a video stream all state.
    pub(super) fn steady_duration(&self, index: u32) -> Option<i64> {
        let (_, track) = self.tracks.iter().find(|(known, _)| *known == index)?;
        track.duration.filter(|&duration| duration > 0 && track.packets > 2)
    }
}

/// Reads all further packets and completes `facts`.
///
/// # Errors
/// As [`MediaInput::result`]; damage in the middle is not an error but noted as missing data.
pub(super) fn walk_packets(
    input: &mut MediaInput,
    walk: &mut Walk,
    facts: &mut MediaFacts,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), JobError> {
    let context = input.as_ptr();
    // SAFETY: the context is open and used by nobody else; the packet is ours, unreferenced before
    // each reuse and freed at the end; nothing of a packet is kept.
    let code = unsafe {
        let mut packet = ffi::av_packet_alloc();
        if packet.is_null() {
            return Err(JobError::Failed("out of memory".into()));
        }
        let code = loop {
            let code = ffi::av_read_frame(context, packet);
            if code < 0 {
                break code;
            }
            walk.add(context, &*packet);
            ffi::av_packet_unref(packet);
            if walk.packets.is_multiple_of(REPORT_EVERY) {
                let frames = walk.packets;
                progress(Progress { done_s: walk.reached_s, total_s: facts.duration_s, frames });
                if input.check_reads().is_err() {
                    break 0;
                }
            }
        };
        ffi::av_packet_free(&mut packet);
        for (index, track) in &mut walk.tracks {
            let stream = *(*context).streams.add(*index as usize);
            track.tell((*stream).time_base, *index, facts);
        }
        code
    };
    input.check_reads()?;
    if code != ffi::AVERROR_EOF && code < 0 && !matches!(facts.completeness, Completeness::Missing { .. }) {
        let reached = walk.reached_s;
        facts.completeness = Completeness::Missing {
            first_missing_s: Some(reached),
            reason: format!("reading stops at {reached:.3} s: {}", super::error_text(code)),
        };
    }
    Ok(())
}

/// Reads until every video stream has shown its first packet, for what only that tells.
pub(super) fn look_at_first(input: &mut MediaInput, facts: &mut MediaFacts) {
    let context = input.as_ptr();
    let mut walk = Walk::over(facts);
    // SAFETY: as in `walk_packets`.
    unsafe {
        let mut packet = ffi::av_packet_alloc();
        while !packet.is_null()
            && walk.packets < MAX_LOOKED_AT
            && walk.tracks.iter().any(|(_, track)| track.packets == 0)
            && ffi::av_read_frame(context, packet) >= 0
        {
            walk.add(context, &*packet);
            ffi::av_packet_unref(packet);
        }
        ffi::av_packet_free(&mut packet);
    }
    for (index, track) in &walk.tracks {
        facts
            .video
            .iter_mut()
            .filter(|video| video.index == *index)
            .for_each(|video| track.tell_light(video));
    }
}

/// The parameter sets that a stream begins with.
///
/// # Safety
/// `stream` is one of an open demuxer's.
unsafe fn parameter_sets(stream: *const ffi::AVStream) -> Option<ParameterSets> {
    // SAFETY: by the contract; of the bytes, what is kept is copied.
    let (id, record) = unsafe {
        let parameters = (*stream).codecpar;
        (number(&raw const (*parameters).codec_id), extradata(parameters))
    };
    let codec = match id {
        id if id == ffi::AVCodecID::AV_CODEC_ID_H264 as c_int => SetCodec::Avc,
        id if id == ffi::AVCodecID::AV_CODEC_ID_HEVC as c_int => SetCodec::Hevc,
        _ => return None,
    };
    Some(ParameterSets::of(codec, record))
}

/// # Safety
/// `stream` is one of an open demuxer's.
unsafe fn is_hevc(stream: *const ffi::AVStream) -> bool {
    // SAFETY: by the contract.
    unsafe { number(&raw const (*(*stream).codecpar).codec_id) == ffi::AVCodecID::AV_CODEC_ID_HEVC as c_int }
}

impl Track {
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
        if self.packets == 1 {
            self.duration = Some(packet.duration);
            self.light_stated = is_hevc && hevc::states_light(data);
        } else if self.packets <= MAX_COMPARED && self.duration != Some(packet.duration) {
            self.duration = None;
        }
        let key = packet.flags & ffi::AV_PKT_FLAG_KEY != 0;
        // SAFETY: by the contract.
        if unsafe { packet_side_data(packet, NEW_EXTRADATA) } {
            self.changes = self.changes.saturating_add(1);
            self.sets.iter_mut().for_each(ParameterSets::forget);
        }
        // A change of the set-up takes effect with a key frame.
        if key && self.sets.as_mut().is_some_and(|sets| sets.change_at(data)) {
            self.changes = self.changes.saturating_add(1);
        }
        if packet.dts != NO_TIME {
            self.lowest_dts = Some(self.lowest_dts.map_or(packet.dts, |low| low.min(packet.dts)));
        }
        let stamp = packet.pts;
        if stamp == NO_TIME {
            self.unstamped = true;
            return;
        }
        if key {
            self.keys += 1;
            self.key_pts = Some(stamp);
        } else if self.key_pts.is_some_and(|key_pts| stamp < key_pts) {
            // A leading picture that needs the group before: every one in H.264, RASL in HEVC.
            self.open_groups |= !is_hevc || hevc::has_skipped_leading_picture(data);
        }
        if packet.flags & ffi::AV_PKT_FLAG_DISCARD == 0 {
            if self.stamps.len() < MAX_FRAMES {
                self.stamps.push((stamp, key));
            } else {
                self.overflow = true;
            }
        }
    }

    fn tell_light(&self, video: &mut VideoStream) {
        if let Some(hdr) = video.hdr.as_mut().filter(|hdr| hdr.kind == HdrKind::Pq && self.light_stated) {
            hdr.kind = HdrKind::Hdr10;
        }
    }

    fn tell(&mut self, base: ffi::AVRational, index: u32, facts: &mut MediaFacts) {
        let Some(video) = facts.video.iter_mut().find(|video| video.index == index) else { return };
        if self.packets == 0 {
            return;
        }
        video.frames.get_or_insert(self.packets);
        video.parameter_changes = Some(self.changes);
        self.tell_light(video);
        if self.keys > 0 && !self.unstamped {
            video.closed_gop = Some(!self.open_groups);
        }
        if self.unstamped || self.overflow {
            return;
        }
        tell_stamps(&mut self.stamps, base, video);
        self.shown_s = self.stamps.last().and_then(|&(stamp, _)| seconds(stamp, base));
        if let Some(timing) = &mut video.timing {
            timing.negative_dts_s = self.lowest_dts.and_then(|dts| seconds(dts, base)).filter(|&s| s < 0.0);
        }
    }
}
