//! Turns blocks into packets with the times and flags that the media library gives them.

use super::super::cache::{ALWAYS_WALK_BYTES, Cache};
use super::super::reason::{Reason, Stop};
use super::super::{audio, hdr, video};
use super::blocks::{Block, Clusters};
use super::segment::Segment;
use super::tracks::{Clock, Track, TrackContent};
use crate::model::{Codec, MediaFacts};
use crate::probe::bytes::read_range;
use crate::probe::packet::Packet;
use crate::probe::packet_walk::PacketWalk;
use crate::probe::video_packets::{PacketFormat, VideoPackets};

/// Bytes searched for the first block of every stream in a file whose blocks are not all read.
const FIRST_BYTES: u64 = 8 << 20;

/// Reads the packets, all or the first of every stream, which complete the streams.
pub(super) fn read_packets(
    cache: &Cache<'_>,
    segment: &Segment,
    tracks: &[Track],
    clock: Clock,
    all: bool,
    facts: &mut MediaFacts,
) -> Result<PacketWalk, Stop> {
    let length = segment.end - segment.first_cluster;
    let wanted = if all { length } else { length.min(FIRST_BYTES) };
    let bytes = read_range(cache, segment.first_cluster, wanted as usize)?;
    if (bytes.len() as u64) < wanted {
        return Err(Reason::MissingData.into());
    }
    let clusters = Clusters { bytes: &bytes, complete: wanted == length };
    let mut walk = PacketWalk::new(facts);
    let mut begun = vec![false; tracks.len()];
    clusters.read(|block| {
        let position = tracks.iter().position(|track| track.number == block.track);
        let position = position.ok_or(Reason::Malformed)?;
        let (track, index) = (&tracks[position], position as u32);
        if block.data.is_empty() {
            return Err(Reason::RareElement);
        }
        let packet = packet(track, &block, clock)?;
        if !begun[position] {
            begin_stream(track, index, &packet, block.frames > 1, clock, facts)?;
            begun[position] = true;
        }
        check_frame(track, index, &packet, facts)?;
        if all {
            walk.add(index, clock.base, &packet, || begin(track));
        }
        Ok(all || begun.contains(&false))
    })?;
    let is_media = |track: &Track| !matches!(track.content, TrackContent::Subtitle(_));
    if tracks.iter().zip(&begun).any(|(track, begun)| is_media(track) && !begun) {
        return Err(Reason::EmptyTrack.into());
    }
    if all {
        walk.write_to(facts, |_| clock.base);
        let is_single = |index: u32| walk.packets_of(index) == 1;
        if facts.video.iter().any(|video| is_single(video.index)) {
            return Err(Reason::StartTime.into());
        }
    }
    Ok(walk)
}

/// Checks that a frame of audio is like the first of its stream.
fn check_frame(track: &Track, index: u32, packet: &Packet<'_>, facts: &MediaFacts) -> Result<(), Reason> {
    let TrackContent::Audio(declared) = &track.content else { return Ok(()) };
    let stream = facts.audio.iter().find(|stream| stream.index == index).ok_or(Reason::TrackKind)?;
    let continues = audio::continues(&declared.codec, packet.data, packet.data.len(), stream);
    if continues { Ok(()) } else { Err(Reason::AudioConfiguration) }
}

/// Returns the packet of a block.
fn packet<'a>(track: &Track, block: &Block<'a>, clock: Clock) -> Result<Packet<'a>, Reason> {
    let time = block.time - track.delay;
    let declared = track.default_duration.saturating_mul(block.frames) / clock.scale;
    let duration = block.duration.unwrap_or(declared);
    let codec = match &track.content {
        TrackContent::Video(video) => Some(&video.codec),
        TrackContent::Audio(_) | TrackContent::Subtitle(_) => None,
    };
    let key = match codec {
        Some(codec) => video::is_key(codec, &track.config, block.data, block.key)?,
        None => block.key,
    };
    // The library knows the order of H.264 only after decoding.
    let dts = (codec != Some(&Codec::H264)).then_some(time);
    Ok(Packet {
        pts: Some(time),
        dts,
        duration: i64::try_from(duration).unwrap_or(0),
        key,
        hidden: false,
        corrupt: false,
        data: block.data,
        new_config: None,
    })
}

/// Completes the stream of a track from its first packet.
fn begin_stream(
    track: &Track,
    index: u32,
    packet: &Packet<'_>,
    is_laced: bool,
    clock: Clock,
    facts: &mut MediaFacts,
) -> Result<(), Reason> {
    let start_s = packet.pts.and_then(|pts| clock.base.seconds(pts));
    match &track.content {
        TrackContent::Video(declared) => {
            let stream =
                facts.video.iter_mut().find(|stream| stream.index == index).ok_or(Reason::TrackKind)?;
            if is_laced || !packet.key {
                return Err(Reason::FirstSample);
            }
            // Without decode times, the start of the stream depends on how much of it the library decodes.
            if packet.dts.is_none() && packet.pts != Some(0) {
                return Err(Reason::StartTime);
            }
            video::complete(&declared.codec, &track.config, packet.data, declared.color, stream)
                .ok_or(Reason::VideoConfiguration)?;
            stream.hdr = hdr::kind(declared.has_hdr10_metadata, &track.config, stream);
            stream.start_s = start_s;
        }
        TrackContent::Audio(declared) => {
            let stream =
                facts.audio.iter_mut().find(|stream| stream.index == index).ok_or(Reason::TrackKind)?;
            if is_laced {
                return Err(Reason::FirstSample);
            }
            // Not all frames of a large file are read.
            if audio::needs_more_samples(&declared.codec) && facts.size_bytes > ALWAYS_WALK_BYTES {
                return Err(Reason::AudioConfiguration);
            }
            audio::complete(&declared.codec, &track.config, packet.data, stream)
                .ok_or(Reason::AudioConfiguration)?;
            stream.start_s = start_s;
        }
        TrackContent::Subtitle(_) => {}
    }
    Ok(())
}

/// Returns empty statistics of a video stream.
fn begin(track: &Track) -> VideoPackets {
    let codec = match &track.content {
        TrackContent::Video(video) => Some(&video.codec),
        TrackContent::Audio(_) | TrackContent::Subtitle(_) => None,
    };
    VideoPackets::new(&PacketFormat {
        codec,
        config: &track.config,
        syntax: codec.and_then(|codec| video::packet_syntax(codec, &track.config)),
        in_band: false,
    })
}
