//! Finds audio streams that repeat another one packet by packet, which recorders and editors write.

use std::collections::BTreeMap;

use ffmpeg_next::ffi;
use xxhash_rust::xxh3::xxh3_64;

use crate::job::JobError;
use crate::libav::media_input::MediaInput;
use crate::model::{Container, MediaFacts};
use crate::probe::similar_audio::pairs;

/// Files without an index are read to the end up to this size; the streams of larger ones count as different.
const MAX_UNINDEXED_BYTES: u64 = 256 << 20;
/// Packets between two checks for errors and a cancelled job.
const PACKETS_PER_CHECK: u64 = 256;

/// Returns whether the packets of audio streams are worth comparing.
pub(super) fn has_similar_audio(facts: &MediaFacts) -> bool {
    let indexed = facts.container_is(Container::is_iso);
    (indexed || facts.size_bytes <= MAX_UNINDEXED_BYTES) && !pairs(&facts.audio).is_empty()
}

/// Reads the packets of audio streams with equal parameters and sets `same_as` of those that repeat an earlier
/// one. `input` was just opened.
///
/// # Errors
/// As [`MediaInput::check_reads`]. Bytes that cannot be read leave the streams different.
pub(super) fn find_identical_audio(input: &mut MediaInput, facts: &mut MediaFacts) -> Result<(), JobError> {
    let mut pairs = pairs(&facts.audio);
    let mut packets: BTreeMap<u32, Vec<u64>> =
        pairs.iter().flat_map(|&(first, second)| [(first, Vec::new()), (second, Vec::new())]).collect();
    let context = input.as_ptr();
    let mut count: u64 = 0;
    // SAFETY: the context is open and not used by other code; the packet is local, its data is hashed before it
    // is unreferenced, and it is freed at the end.
    let code = unsafe {
        for position in 0..(*context).nb_streams {
            if !packets.contains_key(&position) {
                (**(*context).streams.add(position as usize)).discard = ffi::AVDiscard::AVDISCARD_ALL;
            }
        }
        let mut packet = ffi::av_packet_alloc();
        if packet.is_null() {
            return Err(JobError::Failed("out of memory".into()));
        }
        let code = loop {
            let code = ffi::av_read_frame(context, packet);
            if code < 0 || pairs.is_empty() {
                break code;
            }
            let stream = (*packet).stream_index as u32;
            let size = usize::try_from((*packet).size).unwrap_or(0);
            if let Some(hashes) = packets.get_mut(&stream).filter(|_| !(*packet).data.is_null()) {
                hashes.push(xxh3_64(std::slice::from_raw_parts((*packet).data, size)));
                let at = hashes.len() - 1;
                let differ = |pair: &(u32, u32)| {
                    let [first, second] = [pair.0, pair.1].map(|index| packets.get(&index)?.get(at));
                    first.zip(second).is_some_and(|(first, second)| first != second)
                };
                pairs.retain(|pair| !differ(pair));
            }
            ffi::av_packet_unref(packet);
            count += 1;
            if count.is_multiple_of(PACKETS_PER_CHECK) && input.check_reads().is_err() {
                break 0;
            }
        };
        ffi::av_packet_free(&mut packet);
        code
    };
    input.check_reads()?;
    if code != ffi::AVERROR_EOF {
        return Ok(());
    }
    for (first, second) in pairs {
        let equal = packets.get(&first).filter(|hashes| !hashes.is_empty()) == packets.get(&second);
        if let Some(stream) = facts.audio.iter_mut().find(|stream| stream.index == second).filter(|_| equal) {
            stream.same_as.get_or_insert(first);
        }
    }
    Ok(())
}
