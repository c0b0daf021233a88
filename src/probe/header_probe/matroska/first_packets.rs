//! Completes the streams of tracks from their first packets.

use super::super::effort::Effort;
use super::super::reason::Reason;
use super::super::{audio, hdr, video};
use super::tracks::{Clock, Track, TrackContent, VideoTrack};
use crate::model::{Codec, MediaFacts, VideoStream};
use crate::probe::bitstream::av1::is_without_units;
use crate::probe::packet::Packet;

/// The first packet of a track.
pub(super) struct FirstPacket<'a> {
    pub(super) packet: &'a Packet<'a>,
    /// Whether all packets are read.
    pub(super) all: bool,
}

/// Completes the stream of a track from its first packet. Returns how much of it the library reads.
pub(super) fn begin_stream(
    track: &Track,
    index: u32,
    first: &FirstPacket<'_>,
    clock: Clock,
    facts: &mut MediaFacts,
) -> Result<Effort, Reason> {
    let start_s = first.packet.pts.and_then(|pts| clock.base.seconds(pts));
    match &track.content {
        TrackContent::Video(declared) => {
            let stream =
                facts.video.iter_mut().find(|stream| stream.index == index).ok_or(Reason::TrackKind)?;
            stream.start_s = start_s;
            begin_video(track, declared, first, stream)
        }
        TrackContent::Audio(declared) => {
            let stream =
                facts.audio.iter_mut().find(|stream| stream.index == index).ok_or(Reason::TrackKind)?;
            let effort = audio::complete(&declared.codec, &track.config, first.packet.data, stream);
            // Not all frames of a large file are read.
            let effort = effort.ok_or(Reason::AudioConfiguration)?;
            stream.start_s = start_s;
            if effort == Effort::Analysis && !first.all { Err(Reason::TooLarge) } else { Ok(effort) }
        }
        TrackContent::Subtitle(_) => Ok(Effort::FirstPacket),
    }
}

/// Completes the stream of a track without packets: a decoder says what it knows from the configuration, and the stream
/// lasts as long as the file.
pub(super) fn complete_without_packet(
    track: &Track,
    index: u32,
    clock: Clock,
    facts: &mut MediaFacts,
) -> Result<(), Reason> {
    let duration_s = facts.duration_s.and_then(|seconds| clock.round(seconds));
    match &track.content {
        TrackContent::Video(declared) if !declared.has_alpha => {
            let stream = facts.video.iter_mut().find(|stream| stream.index == index);
            let stream = stream.ok_or(Reason::TrackKind)?;
            stream.duration_s = duration_s;
            let config = &track.config;
            let known = video::complete_without_sample(&declared.codec, config, declared.color, stream);
            stream.hdr = hdr::kind(None, declared.has_hdr10_metadata, config, stream);
            known.ok_or(Reason::EmptyTrack)
        }
        TrackContent::Audio(declared) => {
            let stream = facts.audio.iter_mut().find(|stream| stream.index == index);
            let stream = stream.ok_or(Reason::TrackKind)?;
            stream.duration_s = duration_s;
            let known = audio::complete_without_sample(&declared.codec, &track.config, stream);
            // Without a sample, the rate of the container stays.
            let is_same = declared.codec != Codec::Aac || stream.sample_rate == Some(declared.sample_rate);
            known.filter(|()| is_same).ok_or(Reason::AudioConfiguration)
        }
        _ => Err(Reason::EmptyTrack),
    }
}

fn begin_video(
    track: &Track,
    declared: &VideoTrack,
    first: &FirstPacket<'_>,
    stream: &mut VideoStream,
) -> Result<Effort, Reason> {
    let packet = first.packet;
    if !packet.key {
        let can_begin = first.all && declared.codec == Codec::Vp9 && !declared.has_alpha;
        let complete = || video::complete_undecodable(packet.data, declared.color, stream);
        return can_begin.then(complete).flatten().map(|()| Effort::Analysis).ok_or(Reason::FirstSample);
    }
    // Without decode times, the start of the stream depends on how much of it the library decodes, unless that is one
    // frame.
    if packet.dts.is_none() && packet.pts != Some(0) && !first.all {
        return Err(Reason::StartTime);
    }
    if declared.codec == Codec::Av1 && is_without_units(&track.config) {
        return Err(Reason::VideoConfiguration);
    }
    let effort =
        video::complete(&declared.codec, &track.config, (packet.data, false), declared.color, stream)
            .ok_or(Reason::VideoConfiguration)?;
    stream.hdr = hdr::kind(None, declared.has_hdr10_metadata, &track.config, stream);
    if declared.has_alpha {
        stream.alpha = Some(true);
    }
    Ok(effort)
}
