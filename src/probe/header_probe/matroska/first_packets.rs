//! Completes the streams of tracks from their first packets.

use super::super::cache::ALWAYS_WALK_BYTES;
use super::super::reason::Reason;
use super::super::{audio, hdr, video};
use super::tracks::{Clock, Track, TrackContent, VideoTrack};
use crate::model::{Codec, MediaFacts, VideoStream};
use crate::probe::packet::Packet;

/// The first packet of a track.
pub(super) struct FirstPacket<'a> {
    pub(super) packet: &'a Packet<'a>,
    pub(super) is_laced: bool,
    /// Whether all packets are read.
    pub(super) all: bool,
}

/// Completes the stream of a track from its first packet.
pub(super) fn begin_stream(
    track: &Track,
    index: u32,
    first: &FirstPacket<'_>,
    clock: Clock,
    facts: &mut MediaFacts,
) -> Result<(), Reason> {
    let start_s = first.packet.pts.and_then(|pts| clock.base.seconds(pts));
    match &track.content {
        TrackContent::Video(declared) => {
            let stream =
                facts.video.iter_mut().find(|stream| stream.index == index).ok_or(Reason::TrackKind)?;
            begin_video(track, declared, first, stream)?;
            stream.start_s = start_s;
        }
        TrackContent::Audio(declared) => {
            let stream =
                facts.audio.iter_mut().find(|stream| stream.index == index).ok_or(Reason::TrackKind)?;
            if first.is_laced {
                return Err(Reason::FirstSample);
            }
            // Not all frames of a large file are read.
            if audio::needs_more_samples(&declared.codec) && facts.size_bytes > ALWAYS_WALK_BYTES {
                return Err(Reason::AudioConfiguration);
            }
            audio::complete(&declared.codec, &track.config, first.packet.data, stream)
                .ok_or(Reason::AudioConfiguration)?;
            stream.start_s = start_s;
        }
        TrackContent::Subtitle(_) => {}
    }
    Ok(())
}

fn begin_video(
    track: &Track,
    declared: &VideoTrack,
    first: &FirstPacket<'_>,
    stream: &mut VideoStream,
) -> Result<(), Reason> {
    let packet = first.packet;
    if first.is_laced {
        return Err(Reason::FirstSample);
    }
    if !packet.key {
        let can_begin = first.all && declared.codec == Codec::Vp9 && !declared.has_alpha;
        let complete = || video::complete_undecodable(packet.data, declared.color, stream);
        return can_begin.then(complete).flatten().ok_or(Reason::FirstSample);
    }
    // Without decode times, the start of the stream depends on how much of it the library decodes, unless that is one
    // frame.
    if packet.dts.is_none() && packet.pts != Some(0) && !first.all {
        return Err(Reason::StartTime);
    }
    video::complete(&declared.codec, &track.config, packet.data, declared.color, stream)
        .ok_or(Reason::VideoConfiguration)?;
    stream.hdr = hdr::kind(declared.has_hdr10_metadata, &track.config, packet.data, stream);
    if declared.has_alpha {
        stream.alpha = Some(true);
    }
    Ok(())
}
