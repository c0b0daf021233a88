//! What the packets of one video stream show.

use super::bitstream::frame_size::FrameSizes;
use super::bitstream::hevc;
use super::bitstream::parameter_sets::{ParameterSets, SetCodec};
use super::bitstream::random_access::PacketSyntax;
use super::bitstream::references::{References, SampleInfo};
use super::decode_rate::DecodeRate;
use super::first_frames::FirstFrames;
use super::packet::Packet;
use super::timing::{TimeBase, write_timing};
use crate::model::{Codec, Container, FrameLoss, HdrKind, LossKind, MediaFacts, VideoStream, set_loss};

/// Frames stored per stream: 23 hours at 60 frames/s.
const MAX_FRAMES: usize = 5_000_000;
/// Places with missing frames that are kept of one stream.
const MAX_LOSSES: usize = 100_000;
/// Packets per stream whose durations are compared.
const MAX_COMPARED: u64 = 64;

/// What the packets of a stream are read by.
pub(crate) struct PacketFormat<'a> {
    /// The codec, if it is known.
    pub(crate) codec: Option<&'a Codec>,
    /// The configuration record from the container.
    pub(crate) config: &'a [u8],
    /// How packets show key frames; `None` for codecs whose frames all stand for themselves, or that tell nothing.
    pub(crate) syntax: Option<PacketSyntax>,
    /// Whether the container has no parameters outside of the packets.
    pub(crate) in_band: bool,
}

/// The packet statistics of one video stream.
#[derive(Default)]
pub(crate) struct VideoPackets {
    is_hevc: bool,
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
    /// Creates empty statistics.
    pub(crate) fn new(format: &PacketFormat<'_>) -> VideoPackets {
        let PacketFormat { codec, config, .. } = *format;
        VideoPackets {
            is_hevc: codec == Some(&Codec::Hevc),
            sets: codec.and_then(SetCodec::of).map(|codec| ParameterSets::from_config(codec, config)),
            sizes: codec.and_then(|codec| FrameSizes::of(codec, config)),
            references: codec.and_then(|codec| References::of(codec, config)),
            first_frames: format.syntax.map(|syntax| FirstFrames::new(syntax, format.in_band)),
            ..VideoPackets::default()
        }
    }

    /// Adds the next packet to the statistics.
    pub(crate) fn add(&mut self, packet: &Packet<'_>) {
        let Packet { data, key, .. } = *packet;
        self.packets += 1;
        self.first_frames.iter_mut().for_each(|first| first.add(packet));
        if self.packets == 1 {
            self.duration = Some(packet.duration);
            self.hdr10_metadata = self.is_hevc && hevc::has_hdr10_metadata(data);
        } else if self.packets <= MAX_COMPARED && self.duration != Some(packet.duration) {
            self.duration = None;
        }
        if let Some(config) = packet.new_config {
            self.changes = self.changes.saturating_add(1);
            self.sets.iter_mut().for_each(ParameterSets::clear);
            self.sizes.iter_mut().for_each(|sizes| sizes.configure(config));
            self.references.iter_mut().for_each(|references| references.configure(config));
        }
        if let Some(sizes) = self.sizes.as_mut().filter(|sizes| key || !sizes.only_at_key_frames()) {
            sizes.add(data);
        }
        if let Some(references) = &mut self.references {
            let info = SampleInfo { time: packet.pts, key, hidden: packet.hidden };
            let missing = references.add(data, info);
            if missing > 0 && self.missing.len() < MAX_LOSSES {
                self.missing.push((missing, packet.pts));
            }
        }
        // A new configuration takes effect at a key frame.
        if key && self.sets.as_mut().is_some_and(|sets| sets.update(data)) {
            self.changes = self.changes.saturating_add(1);
        }
        if let Some(dts) = packet.dts {
            self.decode_rate.add(dts);
            self.lowest_dts = Some(self.lowest_dts.map_or(dts, |low| low.min(dts)));
        } else if packet.duration > 0 {
            self.decode_rate.add_duration(packet.duration);
        }
        self.add_time(packet);
    }

    /// Adds the presentation time of a packet.
    fn add_time(&mut self, packet: &Packet<'_>) {
        let Some(timestamp) = packet.pts else {
            self.missing_timestamps = true;
            return;
        };
        if packet.key {
            self.keys += 1;
            self.key_pts = Some(timestamp);
        } else if self.key_pts.is_some_and(|key_pts| timestamp < key_pts) {
            // A leading picture that needs the previous GOP: every one in H.264, RASL pictures in HEVC.
            self.open_gops |= !self.is_hevc || hevc::has_rasl_picture(packet.data);
        }
        if !packet.hidden {
            if self.timestamps.len() < MAX_FRAMES {
                self.timestamps.push((timestamp, packet.key));
            } else {
                self.overflow = true;
            }
        }
    }

    /// Returns the number of packets read.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Returns the duration of the first packets, in units of the time base, if all have the same.
    pub(crate) fn constant_duration(&self) -> Option<i64> {
        self.duration.filter(|&duration| duration > 0 && self.packets > 2)
    }

    /// Returns the presentation time of the last frame in seconds, once all packets are read.
    pub(crate) fn last_frame_s(&self) -> Option<f64> {
        self.last_frame_s
    }

    /// Returns whether the stream is known to begin with a frame that can be decoded.
    pub(crate) fn begins_well(&self) -> bool {
        self.first_frames.as_ref().is_none_or(FirstFrames::begins_well)
    }

    /// Returns whether the first packets are read.
    pub(crate) fn is_begun(&self) -> bool {
        self.packets > 0 && self.first_frames.as_ref().is_none_or(FirstFrames::is_settled)
    }

    /// Writes what the first packets show.
    pub(crate) fn write_begin(&self, base: TimeBase, untimed: bool, video: &mut VideoStream) {
        self.first_frames.iter().for_each(|first| first.write_to(base, untimed, video));
        if untimed {
            self.decode_rate.correct_untimed(base, video);
        }
        if let Some(hdr) = video.hdr.as_mut().filter(|hdr| hdr.kind == HdrKind::Pq && self.hdr10_metadata) {
            hdr.kind = HdrKind::Hdr10;
        }
    }

    /// Writes the results to the facts of the stream.
    pub(crate) fn write_to(&mut self, base: TimeBase, index: u32, facts: &mut MediaFacts) {
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
            loss.add(count, time.and_then(|time| base.seconds(time)));
        }
        set_loss(&mut video.lost_frames, loss);
        let mut loss = FrameLoss::new(LossKind::MissingFrame, self.packets);
        for hole in self.references.iter_mut().flat_map(References::take_holes) {
            let at_s = base.seconds(hole.after);
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
        self.last_frame_s = self.timestamps.last().and_then(|&(timestamp, _)| base.seconds(timestamp));
        if let Some(timing) = &mut video.timing {
            timing.negative_dts_s = self.lowest_dts.and_then(|dts| base.seconds(dts)).filter(|&s| s < 0.0);
        }
    }
}
