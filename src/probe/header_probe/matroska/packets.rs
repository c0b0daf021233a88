//! Turns blocks into packets with the times and flags that the media library gives them.
//!
//! These facts need the headers of blocks: the start of each stream, the frame rate of video without a declared duration
//! of frames, cadence, groups of pictures, lost frames, and where a truncated file ends.

use std::hash::{DefaultHasher, Hasher};

use super::super::audio::FrameHeader;
use super::super::cache::Cache;
use super::super::effort::Effort;
use super::super::packet_length::PacketLength;
use super::super::reason::{Reason, Stop};
use super::super::video;
use super::blocks::{Block, Clusters, Tail};
use super::decode_order::DecodeOrder;
use super::first_packets::{FirstPacket, begin_stream, complete_without_packet};
use super::frame_rate::{Analysis, Seen};
use super::segment::Segment;
use super::stated_rate::{DECODED_FIRST, StreamRate};
use super::tracks::{Clock, Track, TrackContent};
use crate::model::{Codec, MediaFacts};
use crate::probe::bytes::read_range;
use crate::probe::packet::Packet;
use crate::probe::packet_walk::PacketWalk;
use crate::probe::video_packets::{PacketFormat, VideoPackets};

/// Bytes searched for the first block of every stream in a file whose blocks are not all read.
const FIRST_BYTES: u64 = 8 << 20;
/// In nanoseconds.
const MILLISECOND: u64 = 1_000_000;

/// Reads the packets, all or the first of every stream, which complete the streams. Returns their statistics, and if all
/// are read, the hashes of the packets of audio by track.
pub(super) fn read_packets(
    cache: &Cache<'_>,
    segment: &Segment,
    tracks: &[Track],
    clock: Clock,
    all: bool,
    facts: &mut MediaFacts,
) -> Result<(PacketWalk, Vec<Vec<u64>>), Stop> {
    let length = segment.end - segment.first_cluster;
    let wanted = if all { length } else { length.min(FIRST_BYTES) };
    let bytes = read_range(cache, segment.first_cluster, wanted as usize)?;
    if (bytes.len() as u64) < wanted {
        return Err(Reason::MissingData.into());
    }
    let tail = match wanted == length {
        true if segment.truncated || segment.open => Tail::Truncated,
        true => Tail::SegmentEnd,
        false => Tail::More,
    };
    let clusters = Clusters { bytes: &bytes, tail };
    let mut reader = Reader::new(tracks, clock, segment.truncated, all, facts)?;
    clusters.read(|block| reader.add(&block))?;
    Ok(reader.finish()?)
}

/// Reads the packets of all streams.
struct Reader<'a> {
    tracks: &'a [Track],
    clock: Clock,
    /// Whether the file ends before its segment.
    truncated: bool,
    /// Whether all packets are read.
    all: bool,
    /// Whether the library analyses a stream.
    analysed: bool,
    /// Whether facts come from the ends of the last packets.
    needs_ends: bool,
    facts: &'a mut MediaFacts,
    walk: PacketWalk,
    /// By track, the number of packets read.
    counts: Vec<u64>,
    lengths: Vec<PacketLength>,
    /// By track, the header of its first frame if others must be like it.
    headers: Vec<Option<FrameHeader>>,
    analysis: Analysis,
    /// By track, the decode times of H.264.
    orders: Vec<Option<DecodeOrder>>,
    /// By track, where its last packet ends in ticks, if that is known.
    next: Vec<Option<i64>>,
    /// By track, how the library finds a frame rate that the track does not declare.
    undeclared: Vec<Option<StreamRate>>,
    /// Bytes of all packets read.
    bytes: u64,
    /// By track, the time of its first frame if the track declares no frame rate.
    starts: Vec<Option<i64>>,
    /// By track, the hashes of the packets of audio.
    hashes: Vec<Vec<u64>>,
}

impl<'a> Reader<'a> {
    fn new(
        tracks: &'a [Track],
        clock: Clock,
        truncated: bool,
        all: bool,
        facts: &'a mut MediaFacts,
    ) -> Result<Reader<'a>, Reason> {
        let mut analysis = Analysis::new(clock.base);
        let mut lengths = Vec::new();
        let undeclared = undeclared_rates(tracks, clock, all)?;
        for (track, undeclared) in tracks.iter().zip(&undeclared) {
            lengths.push(match &track.content {
                TrackContent::Audio(audio) => {
                    PacketLength::new(&audio.codec, &track.config, audio.frame_bytes)
                }
                TrackContent::Video(_) | TrackContent::Subtitle(_) => PacketLength::Unknown,
            });
            match &track.content {
                TrackContent::Video(video) => {
                    let stated = undeclared.and_then(|rate| rate.stated);
                    let rate = video.frame_rate.or(stated.map(|(rate, _)| rate));
                    analysis.add_stream(Some(rate), rate.is_none());
                }
                TrackContent::Audio(_) => analysis.add_stream(Some(None), false),
                TrackContent::Subtitle(_) => analysis.add_stream(None, false),
            }
        }
        // All frames tell the rate. The order of frames in H.264 and HEVC is known only after decoding.
        let is_reordered = |track: &Track| match track.codec() {
            Some(Codec::H264) => DecodeOrder::of(track).is_none(),
            codec => codec == Some(&Codec::Hevc),
        };
        if !analysis.is_settled(all) || truncated && tracks.iter().any(is_reordered) {
            return Err(if truncated { Reason::MissingData } else { Reason::Duration });
        }
        let needs_ends = truncated || facts.duration_s.is_none();
        // The parser of AC-3 holds the last frame back.
        let is_held = |track: &Track| matches!(&track.content, TrackContent::Audio(audio) if matches!(audio.codec, Codec::Ac3 | Codec::Eac3));
        if needs_ends && tracks.iter().any(is_held) {
            return Err(if truncated { Reason::MissingData } else { Reason::Duration });
        }
        let analysed = needs_ends || analysis.is_wanted() || undeclared.iter().any(Option::is_some);
        let walk = PacketWalk::new(facts);
        let (counts, headers) = (vec![0; tracks.len()], vec![None; tracks.len()]);
        let orders = tracks.iter().map(DecodeOrder::of).collect();
        Ok(Reader {
            tracks,
            clock,
            truncated,
            all,
            analysed,
            needs_ends,
            facts,
            walk,
            counts,
            lengths,
            headers,
            analysis,
            orders,
            next: vec![None; tracks.len()],
            undeclared,
            bytes: 0,
            starts: vec![None; tracks.len()],
            hashes: vec![Vec::new(); tracks.len()],
        })
    }

    /// Adds the packets of a block. Returns whether more blocks are needed.
    fn add(&mut self, block: &Block<'_>) -> Result<bool, Reason> {
        let position = self.tracks.iter().position(|track| track.number == block.track);
        let position = position.ok_or(Reason::Malformed)?;
        let track = &self.tracks[position];
        let is_audio = matches!(track.content, TrackContent::Audio(_));
        let count = block.frames.len() as u64;
        if block.frames.iter().any(|frame| frame.is_empty()) || count > 1 && !is_audio {
            return Err(Reason::RareElement);
        }
        let declared = track.default_duration.saturating_mul(count) / self.clock.scale;
        let total = block.duration.unwrap_or(declared);
        let end = |frames: u64| total.checked_mul(frames).map(|ticks| ticks / count);
        let mut time = Some(block.time - track.delay);
        for (number, data) in (0..).zip(&block.frames) {
            let duration = end(number + 1).zip(end(number)).map(|(end, start)| end - start);
            let duration = duration.and_then(|ticks| i64::try_from(ticks).ok()).ok_or(Reason::Malformed)?;
            // Without a duration, the library continues from the packet before.
            let at = time.or(self.next[position]).ok_or(Reason::RareElement)?;
            self.add_packet(position, packet(track, data, (at, duration), block.key)?)?;
            time = time.filter(|_| duration > 0).map(|time| time + duration);
        }
        Ok(self.all || self.counts.contains(&0))
    }

    /// Adds the next packet of a track.
    fn add_packet(&mut self, position: usize, mut packet: Packet<'_>) -> Result<(), Reason> {
        let (track, index) = (&self.tracks[position], position as u32);
        if matches!(track.content, TrackContent::Subtitle("webvtt")) && !is_cue(packet.data) {
            return Err(Reason::Sample);
        }
        if self.counts[position] == 0 {
            let first = FirstPacket { packet: &packet, all: self.all };
            let effort = begin_stream(track, index, &first, self.clock, self.facts)?;
            self.analysed |= effort == Effort::Analysis;
            if track.codec().is_some() && !packet.key {
                self.analysis.set_undecodable(position);
            }
        } else if packet.key && self.analysis.is_undecodable(position) {
            return Err(Reason::FirstSample);
        }
        self.set_stated_duration(position, &mut packet)?;
        self.set_duration(position, &mut packet)?;
        self.check_frame(position, &packet)?;
        self.counts[position] += 1;
        let end = packet.pts.and_then(|pts| pts.checked_add(packet.duration));
        // The library adds the exact durations of PCM.
        let is_exact = !matches!(self.lengths[position], PacketLength::Pcm(_));
        self.next[position] = end.filter(|_| packet.duration > 0 && is_exact);
        if let Some(order) = self.orders[position].as_mut().filter(|_| self.truncated) {
            packet.dts = packet.pts.and_then(|pts| order.add(pts));
        }
        if self.all {
            if matches!(track.content, TrackContent::Audio(_)) {
                let mut hasher = DefaultHasher::new();
                hasher.write(packet.data);
                self.hashes[position].push(hasher.finish());
            }
            self.walk.add(index, self.clock.base, &packet, || begin(track));
        }
        Ok(())
    }

    /// Checks that a frame of audio is like the first of its stream if the library takes facts from several.
    fn check_frame(&mut self, position: usize, packet: &Packet<'_>) -> Result<(), Reason> {
        let TrackContent::Audio(declared) = &self.tracks[position].content else { return Ok(()) };
        if self.counts[position] == 0 {
            self.headers[position] = FrameHeader::read(&declared.codec, packet.data);
        }
        let continues =
            |header: &FrameHeader| header.continues(&declared.codec, packet.data, packet.data.len());
        if self.headers[position].as_ref().is_none_or(continues) {
            Ok(())
        } else {
            Err(Reason::AudioConfiguration)
        }
    }

    /// Sets how long a frame lasts whose stream states the frame rate, and checks that the library knows the order of
    /// frames in time.
    fn set_stated_duration(&mut self, position: usize, packet: &mut Packet<'_>) -> Result<(), Reason> {
        self.bytes += packet.data.len() as u64;
        let Some(rate) = self.undeclared[position] else { return Ok(()) };
        let count = self.counts[position] + 1;
        let time = packet.pts.unwrap_or(0);
        let start = *self.starts[position].get_or_insert(time);
        let is_late = count == rate.needed && !rate.is_in_time(time.saturating_sub(start), self.bytes);
        if packet.duration != 0 || is_late || count == 1 && !StreamRate::is_correct(packet.data) {
            return Err(Reason::Duration);
        }
        packet.duration = rate.stated.map_or(0, |(_, ticks)| ticks);
        Ok(())
    }

    /// Sets how long a packet lasts as far as its data, or the packets before it, tell it.
    fn set_duration(&mut self, position: usize, packet: &mut Packet<'_>) -> Result<(), Reason> {
        let track = &self.tracks[position];
        if let TrackContent::Audio(declared) = &track.content {
            let ticks = self.lengths[position].ticks(packet.data, declared.sample_rate, self.clock.base)?;
            // No parser replaces the declared duration of PCM.
            let is_declared = packet.duration > 0 && declared.codec.is_pcm();
            packet.duration = ticks.filter(|_| !is_declared).unwrap_or(packet.duration);
            // Of a codec without lengths in its packets, the library knows them once it has decoded one.
            if self.needs_ends && ticks.is_none() && packet.duration == 0 {
                return Err(Reason::Duration);
            }
        }
        let bytes = packet.data.len() as u64;
        let is_decoded = self.undeclared[position].is_none() || self.counts[position] >= DECODED_FIRST;
        let time = Some(packet.pts.unwrap_or(0)).filter(|_| is_decoded);
        let seen = Seen { time, duration: packet.duration, bytes };
        self.analysis.add(position, &seen);
        if packet.duration == 0 && matches!(&track.content, TrackContent::Video(_)) {
            packet.duration = self.analysis.frame_ticks(position);
        }
        Ok(())
    }

    /// Writes what the packets tell.
    fn finish(mut self) -> Result<(PacketWalk, Vec<Vec<u64>>), Reason> {
        let is_media = |track: &Track| !matches!(track.content, TrackContent::Subtitle(_));
        let is_empty = |(track, count): (&Track, &u64)| is_media(track) && *count == 0;
        if self.tracks.iter().zip(&self.counts).any(is_empty) {
            let is_truncated = self.truncated && self.counts.iter().all(|count| *count == 0);
            if !is_truncated || self.facts.duration_s.is_none() {
                return Err(Reason::EmptyTrack);
            }
            for (track, index) in self.tracks.iter().zip(0..) {
                complete_without_packet(track, index, self.clock, self.facts)?;
            }
        }
        for video in self.facts.video.iter_mut().filter(|video| video.frame_rate.is_none()) {
            let at = video.index as usize;
            let undeclared = self.undeclared.get(at).copied().flatten();
            if undeclared.is_some_and(|rate| self.counts[at] < rate.needed) {
                return Err(Reason::Duration);
            }
            let stated = undeclared.and_then(|rate| rate.stated);
            video.frame_rate = stated.map(|(rate, _)| rate).or_else(|| self.analysis.rate(at));
        }
        if self.all {
            self.walk.write_to(self.facts, |_| self.clock.base);
            self.set_h264_starts()?;
        }
        Ok((self.walk, self.hashes))
    }

    /// Sets the start of H.264 streams with a single frame, whose decode time is unknown: the library takes start and
    /// duration of the file. Fails if that of another stream depends on decoding.
    fn set_h264_starts(&mut self) -> Result<(), Reason> {
        let start_s = self.facts.audio.iter().filter_map(|audio| audio.start_s).reduce(f64::min);
        for video in &mut self.facts.video {
            if video.codec != Some(Codec::H264) {
                continue;
            }
            let at = video.index as usize;
            let count = self.counts.get(at).copied().unwrap_or(0);
            let is_single = count == 1;
            // The library knows decode times, and with them the start, after the first frames.
            let order = self.orders.get(at).and_then(Option::as_ref);
            // It begins to keep presentation times with the second frame.
            let is_ordered = self.undeclared.get(at).is_some_and(Option::is_some);
            let is_known = is_ordered || order.is_some_and(|order| count > order.frames() as u64 + 1);
            if !is_single && !is_known && (self.analysed || video.start_s != Some(0.0)) {
                return Err(Reason::StartTime);
            }
            if is_single {
                // Other clocks round these times.
                if self.clock.scale != MILLISECOND || self.counts.len() > 2 {
                    return Err(Reason::StartTime);
                }
                video.start_s = start_s;
                video.duration_s = self.facts.duration_s.and_then(|seconds| self.clock.round(seconds));
            }
        }
        Ok(())
    }
}

/// Returns whether a block of WebVTT has lines for identifier and settings before its text. The library stops reading a
/// cluster at another one.
fn is_cue(block: &[u8]) -> bool {
    let mut lines = block.splitn(3, |byte| *byte == b'\n');
    lines.nth(2).is_some_and(|text| !text.is_empty())
}

/// Returns the packet of a frame, which begins at a time and lasts so long, in ticks.
fn packet<'a>(
    track: &Track,
    data: &'a [u8],
    (time, duration): (i64, i64),
    key: bool,
) -> Result<Packet<'a>, Reason> {
    let codec = track.codec();
    let key = match codec {
        Some(codec) => video::is_key(codec, &track.config, data, key)?,
        None => key,
    };
    // The library knows the order of H.264 only after decoding.
    let dts = (codec != Some(&Codec::H264)).then_some(time);
    Ok(Packet { pts: Some(time), dts, duration, key, hidden: false, corrupt: false, data, new_config: None })
}

/// Returns how the library finds frame rates of H.264 that tracks do not declare, by track. Of a file whose packets are not
/// all read, or of several such streams, it knows less.
fn undeclared_rates(tracks: &[Track], clock: Clock, all: bool) -> Result<Vec<Option<StreamRate>>, Reason> {
    let is_undeclared = |track: &Track| {
        let is_undeclared =
            matches!(&track.content, TrackContent::Video(video) if video.frame_rate.is_none());
        is_undeclared && track.codec() == Some(&Codec::H264)
    };
    let videos = tracks.iter().filter(|track| track.codec().is_some()).count();
    let rate = |track: &Track| {
        let rate = StreamRate::of(track, clock).filter(|_| all && videos == 1);
        rate.map(Some).ok_or(Reason::Duration)
    };
    tracks.iter().map(|track| if is_undeclared(track) { rate(track) } else { Ok(None) }).collect()
}

/// Returns empty statistics of a video stream.
fn begin(track: &Track) -> VideoPackets {
    let codec = track.codec();
    VideoPackets::new(&PacketFormat {
        codec,
        config: &track.config,
        syntax: codec.and_then(|codec| video::packet_syntax(codec, &track.config)),
        in_band: false,
    })
}
