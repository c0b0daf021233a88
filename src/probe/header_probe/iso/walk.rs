//! Reads every sample of the video tracks, for facts that the tables do not contain.

use super::super::cache::Cache;
use super::super::reason::{Reason, Stop};
use super::super::video::{is_key, packet_syntax};
use super::boxes::{Node, children};
use super::index::{Entry, Index};
use super::movie::Track;
use super::sample_entry::EntryContent;
use super::truncated::readable;
use crate::model::MediaFacts;
use crate::probe::bytes::read_range;
use crate::probe::declared_facts::set_streams_without_packets;
use crate::probe::packet::Packet;
use crate::probe::packet_walk::PacketWalk;
use crate::probe::timing::TimeBase;
use crate::probe::video_packets::{PacketFormat, VideoPackets};

/// How often the bytes of a file are read at most.
const MAX_OVERLAP: u64 = 4;

/// Reads the samples of all tracks and completes the facts of the video streams.
pub(super) fn walk_samples(
    cache: &Cache<'_>,
    tracks: &[Track<'_>],
    indices: &[Index],
    facts: &mut MediaFacts,
) -> Result<PacketWalk, Stop> {
    let readable = readable(tracks, indices, facts.size_bytes)?;
    let read = indices.iter().zip(&readable).flat_map(|(index, count)| &index.entries[..*count]);
    let sizes = read.map(|entry| u64::from(entry.size));
    // Then samples overlap, in the extreme each with all others.
    if sizes.sum::<u64>() > facts.size_bytes.saturating_mul(MAX_OVERLAP) {
        return Err(Reason::TooLarge.into());
    }
    let mut walk = PacketWalk::new(facts);
    let bases: Vec<TimeBase> =
        tracks.iter().map(|track| TimeBase { num: 1, den: track.scale as i32 }).collect();
    for (((track, index), base), position) in tracks.iter().zip(indices).zip(&bases).zip(0..) {
        let has_offsets = track.tables.offsets.is_some() || index.fragmented;
        let format = match &track.entry.content {
            EntryContent::Video(entry) => PacketFormat {
                codec: Some(&entry.codec),
                config: entry.config,
                syntax: packet_syntax(&entry.codec, entry.config),
                in_band: false,
            },
            EntryContent::Audio(_) | EntryContent::Other(..) => {
                PacketFormat { codec: None, config: &[], syntax: None, in_band: false }
            }
        };
        for entry in &index.entries[..readable[position as usize]] {
            let has_captions = matches!(track.entry.content, EntryContent::Other(_, Some("eia_608")));
            let data = if format.codec.is_some() || has_captions {
                read_range(cache, entry.position, entry.size as usize)?
            } else {
                Vec::new()
            };
            if has_captions && !has_intact_captions(&data) {
                return Err(Reason::Sample.into());
            }
            let key = match format.codec {
                Some(codec) => is_key(codec, format.config, &data, entry.key)?,
                None => entry.key,
            };
            let packet = Packet {
                pts: Some(presented(entry, index.shift, has_offsets)),
                dts: Some(entry.time),
                duration: i64::from(index.frame_ticks),
                key,
                hidden: entry.hidden,
                corrupt: entry.position + u64::from(entry.size) > facts.size_bytes,
                data: &data,
                new_config: None,
            };
            walk.add(position, *base, &packet, || VideoPackets::new(&format));
        }
    }
    walk.write_to(facts, |index| bases.get(index as usize).copied().unwrap_or(TimeBase { num: 1, den: 1 }));
    set_streams_without_packets(&walk, facts);
    Ok(walk)
}

/// Returns whether a sample of captions is empty or consists of boxes with pairs of bytes, without which the library stops
/// reading.
fn has_intact_captions(sample: &[u8]) -> bool {
    let is_pairs = |node: &Node<'_>| !node.content.is_empty() && node.content.len().is_multiple_of(2);
    sample.len() <= 8 || children(sample).is_ok_and(|nodes| nodes.iter().all(is_pairs))
}

fn presented(entry: &Entry, shift: i64, has_offsets: bool) -> i64 {
    if has_offsets { entry.time + shift + entry.offset } else { entry.time }
}
