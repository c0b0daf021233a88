//! Probes one file for its facts.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::fast_path::{Unresolved, complete_facts, complete_fragmented};
use super::identical_audio::{find_identical_audio, has_similar_audio};
use super::key_frame_sizes::read_key_frame_sizes;
use super::last_block::{explain_unreadable, last_block_s};
use super::packets::{read_first_packets, walk_packets};
use super::sample_index::read_index;
use super::streams::{read_streams, stream_number};
use super::tags::collect;
use crate::job::{JobError, ProbeDepth, Progress};
use crate::libav::ffi_enums::demuxer;
use crate::libav::media_input::{MediaInput, open_input};
use crate::libav::time::is_duration_unknown;
use crate::model::{Completeness, Container, MediaFacts, VideoStream};
use crate::probe::bytes::BlockCache;
use crate::probe::declared_facts::{
    compare_duration, forget_unknown_durations, set_duration, set_empty_samples, set_empty_tracks,
    set_encryption, set_fragment_rates, set_image, set_indexed_durations, set_playback,
    set_streams_without_packets,
};
use crate::probe::headers::{self, Declared};
use crate::probe::packet_walk::PacketWalk;
use crate::probe::truncation::{
    MAX_BLOCK_S, compare_end, compare_last_block, first_start_s, needs_last_block, worth_walking,
};

/// All packets of files up to this size are read even if the caller did not request it: it takes less time
/// than opening the file, and only packets show open GOPs.
const ALWAYS_WALK_BYTES: u64 = 64 << 20;

/// Returns the facts of the media in `file`. Of `name` only the extension is used.
///
/// # Errors
/// As [`open_input`].
pub(crate) fn probe(
    file: &File,
    name: &str,
    depth: ProbeDepth,
    cancel: Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<MediaFacts, JobError> {
    let io = |error: std::io::Error| JobError::Io(error.to_string());
    let bytes = BlockCache::new(file).map_err(io)?;
    let declared = headers::read(&bytes).map_err(io)?;
    let open = || {
        open_input(file.try_clone().map_err(io)?, name, Arc::clone(&cancel))
            .map_err(|error| explain_unreadable(error, &declared))
    };
    let mut input = open()?;
    let mut quick = Err(Unresolved::Container);
    if matches!(depth, ProbeDepth::Auto | ProbeDepth::Unidentified) {
        quick = fast_path(&mut input, file, &declared, progress)?;
        input.check_reads()?;
    }
    let mut facts = match quick {
        Ok(facts) => facts,
        Err(unresolved) => {
            if !unresolved.found_in_header() {
                input = open()?;
            }
            full_scan(&mut input, file, &declared, depth, progress)?
        }
    };
    // The packets of a large file were not read to the end.
    let is_large = facts.size_bytes > ALWAYS_WALK_BYTES && !declared.durations_s.is_empty();
    if (needs_last_block(&facts) || is_large && facts.container_is(Container::is_matroska))
        && let Some(begin_s) = last_block_s(&mut input, &bytes).map_err(io)?
    {
        compare_end(begin_s, begin_s + MAX_BLOCK_S, &mut facts);
        compare_last_block(begin_s, &declared, &mut facts);
        if facts.declared_duration_s().is_none() {
            facts.measured_duration_s.get_or_insert(begin_s - first_start_s(&facts));
        }
    }
    if facts.still_image().is_some() && declared.iso && declared.tracks.is_empty() {
        reset_image_facts(&mut facts, &declared);
    }
    // A still image has no timeline, so no time at which data is missing.
    if facts.still_image().is_some()
        && let Completeness::Missing { first_missing_s, .. } = &mut facts.completeness
    {
        *first_missing_s = None;
    }
    set_image(&declared, &mut facts);
    forget_unknown_durations(&declared, &mut facts);
    set_encryption(&declared, &mut facts, |index| stream_number(&mut input, index));
    set_empty_tracks(&declared, &mut facts);
    set_empty_samples(&declared, &mut facts);
    set_fragment_rates(&declared, &mut facts);
    set_indexed_durations(&declared, &mut facts);
    set_playback(&declared, &mut facts);
    if has_similar_audio(&facts) {
        find_identical_audio(&mut open()?, &mut facts)?;
    }
    Ok(facts)
}

/// Returns the facts without libav's stream analysis, or what that leaves unresolved.
fn fast_path(
    input: &mut MediaInput,
    file: &File,
    declared: &Declared,
    progress: &mut dyn FnMut(Progress),
) -> Result<Result<MediaFacts, Unresolved>, JobError> {
    let mut facts = header_facts(input, declared);
    let mut walk = PacketWalk::new(&facts);
    if let Err(unresolved) = complete_facts(input, declared, &mut facts, &mut walk) {
        return Ok(Err(unresolved));
    }
    // More packets show from where the video can be decoded.
    if !walk.begins_well() {
        return Ok(Err(Unresolved::Packets));
    }
    let fragmented = facts.fragmented == Some(true);
    let initial_durations = stream_durations(input);
    // The library sets the exact durations of audio packets only after decoding.
    if has_unknown_duration(input, declared) {
        return Ok(Err(Unresolved::Packets));
    }
    let small = facts.size_bytes <= ALWAYS_WALK_BYTES;
    if fragmented && !small {
        return Ok(Err(Unresolved::Packets));
    }
    let timed = is_indexed(&facts, declared) && {
        let context = input.as_ptr();
        // SAFETY: the context is open, and `input` is not used during the call.
        unsafe { read_index(context, &declared.tracks, &mut facts) }
    };
    let timed = timed && !facts.video.iter().any(may_have_inband_sets);
    if timed {
        // There is one sample entry, and it contains all parameter sets, unless a key frame shows the contrary.
        facts.video.iter_mut().for_each(|video| video.parameter_changes = Some(0));
        let context = input.as_ptr();
        // SAFETY: as above; the input was opened on this file.
        unsafe { read_key_frame_sizes(context, file, &mut facts) };
    } else if small && worth_walking(&facts) {
        walk_packets(input, &mut walk, &mut facts, progress)?;
        compare_end(walk.first_end_s(), walk.presentation_end_s(), &mut facts);
        compare_duration(&walk, declared, &mut facts);
        set_streams_without_packets(&walk, &mut facts);
        if matches!(facts.completeness, Completeness::Missing { .. }) {
            // As for audio packets above.
            return Ok(Err(Unresolved::Packets));
        }
    }
    // Without decode times, the library does not know the start of a single frame.
    let single_frame = |video: &VideoStream| declared.doc_type.is_some() && walk.packets_of(video.index) == 1;
    if facts.video.iter().any(single_frame) {
        return Ok(Err(Unresolved::StartTime));
    }
    if fragmented {
        // With a segment index the library updates stream durations while packets are read, but reports
        // the initial ones.
        if stream_durations(input) != initial_durations {
            return Ok(Err(Unresolved::Packets));
        }
        // SAFETY: the input is open.
        if let Err(unresolved) = unsafe { complete_fragmented(input.as_ptr(), &walk, &mut facts) } {
            return Ok(Err(unresolved));
        }
    }
    Ok(Ok(facts))
}

/// Returns the library's duration of every stream, in units of its time base.
fn stream_durations(input: &mut MediaInput) -> Vec<i64> {
    let context = input.as_ptr();
    // SAFETY: the context is open, and FFmpeg keeps `nb_streams` valid pointers.
    unsafe {
        let count = (*context).nb_streams as usize;
        (0..count).map(|position| (**(*context).streams.add(position)).duration).collect()
    }
}

/// Returns whether a stream is declared to have an unknown duration. The library replaces such a value from
/// version 7 on, so the header is read as well.
fn has_unknown_duration(input: &mut MediaInput, declared: &Declared) -> bool {
    if declared.tracks.iter().any(|track| track.durations.unknown) {
        return true;
    }
    let context = input.as_ptr();
    // SAFETY: as in `stream_durations`.
    unsafe {
        let count = (*context).nb_streams as usize;
        (0..count).any(|position| is_duration_unknown(&**(*context).streams.add(position)))
    }
}

/// Returns the facts from libav's stream analysis, and from the packets as far as `depth` requires.
fn full_scan(
    input: &mut MediaInput,
    file: &File,
    declared: &Declared,
    depth: ProbeDepth,
    progress: &mut dyn FnMut(Progress),
) -> Result<MediaFacts, JobError> {
    if depth != ProbeDepth::Header {
        input.read_stream_info()?;
    }
    let mut facts = header_facts(input, declared);
    progress(Progress::default());
    if is_indexed(&facts, declared) {
        let context = input.as_ptr();
        // SAFETY: the context is open, and `input` is not used during the call.
        unsafe { read_index(context, &declared.tracks, &mut facts) };
    }
    let unknown_duration = has_unknown_duration(input, declared);
    let walk = match depth {
        ProbeDepth::Header => false,
        ProbeDepth::Auto | ProbeDepth::Unidentified => {
            // The packets announce which sample entry is in force, and with it the frame size.
            let several_entries = declared.tracks.iter().any(|track| track.sample_entries > Some(1));
            let is_small = facts.size_bytes <= ALWAYS_WALK_BYTES;
            // The clock may start over anywhere, and nothing else shows it.
            let clocked = facts.container_is(Container::is_mpeg_stream);
            unknown_duration || several_entries || ((is_small || clocked) && worth_walking(&facts))
        }
        ProbeDepth::Packets => true,
    };
    if walk {
        let mut walk = PacketWalk::new(&facts);
        walk_packets(input, &mut walk, &mut facts, progress)?;
        if unknown_duration || facts.declared_duration_s().is_none() {
            facts.measured_duration_s = walk.duration_s(&facts);
        }
        compare_end(walk.first_end_s(), walk.presentation_end_s(), &mut facts);
        compare_duration(&walk, declared, &mut facts);
        set_streams_without_packets(&walk, &mut facts);
        return Ok(facts);
    }
    if is_indexed(&facts, declared) {
        let context = input.as_ptr();
        // SAFETY: the context is open on this file, and `input` is not used during the call.
        unsafe { read_key_frame_sizes(context, file, &mut facts) };
    }
    if depth != ProbeDepth::Header && !facts.video.is_empty() {
        input.with_read_limit(|input| read_first_packets(input, &mut facts));
    }
    Ok(facts)
}

/// Returns whether the samples of an ISO file may contain parameter sets (ISO/IEC 14496-15, 5.3.3 and 8.3.3;
/// Dolby Vision streams for ISO files, 2.4), so that only the samples show whether the sets change.
fn may_have_inband_sets(video: &VideoStream) -> bool {
    matches!(video.codec_tag.as_deref(), Some("avc3" | "avc4" | "hev1" | "hev2" | "dvav" | "dvhe"))
}

/// Sets the packet facts of an image with items instead of tracks to those of any still image. The library
/// (5.1) reads broken items at arbitrary offsets, with random results. Only the declarations of the file show
/// whether it is complete.
fn reset_image_facts(facts: &mut MediaFacts, declared: &Declared) {
    facts.completeness = declared.completeness.clone();
    facts.measured_duration_s = None;
    for image in &mut facts.video {
        image.start_s = Some(0.0);
        image.frames = Some(1);
        image.closed_gop = Some(true);
        image.max_gop_frames = Some(1);
        image.parameter_changes = Some(0);
    }
}

/// Returns whether the library's index comes from sample tables. A still image has items instead of
/// tracks; its index then contains arbitrary offsets.
fn is_indexed(facts: &MediaFacts, declared: &Declared) -> bool {
    declared.iso && facts.fragmented != Some(true) && !declared.tracks.is_empty()
}

/// Returns the facts from the open demuxer and the declarations of the container.
fn header_facts(input: &mut MediaInput, declared: &Declared) -> MediaFacts {
    let mut facts = MediaFacts {
        size_bytes: input.size_bytes(),
        major_brand: declared.major_brand.clone(),
        fast_start: declared.fast_start,
        fragmented: declared.fragmented,
        completeness: declared.completeness.clone(),
        second_recording_byte: declared.second_recording_byte,
        ..MediaFacts::default()
    };
    let context = input.as_ptr();
    // SAFETY: the context is open, `input` is not used during the call, and all strings are copied.
    unsafe {
        facts.container = Some(headers::container(demuxer(context), declared));
        set_duration(declared.movie_us.unwrap_or((*context).duration), &mut facts);
        if declared.movie_us.is_none() {
            facts.bit_rate = u64::try_from((*context).bit_rate).ok().filter(|&rate| rate > 0);
        }
        facts.chapters = (*context).nb_chapters;
        read_streams(context, &mut facts);
        collect((*context).metadata, &mut facts.privacy);
        for position in 0..(*context).nb_streams as usize {
            let stream = *(*context).streams.add(position);
            collect((*stream).metadata, &mut facts.privacy);
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::print_stdout)]
    use std::path::PathBuf;

    use super::*;

    /// Returns all test files.
    fn test_files() -> Vec<PathBuf> {
        let mut folders = vec![PathBuf::from("fixtures")];
        folders.extend(std::env::var_os("GREENLIT_CORPUS").map(Into::into));
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        files
    }

    /// Returns why a file needs a full scan; `None` when it does not.
    fn unresolved(file: &File, name: &str) -> Option<Unresolved> {
        let declared = headers::read(&BlockCache::new(file).ok()?).ok()?;
        let mut input = open_input(file.try_clone().ok()?, name, Arc::default()).ok()?;
        fast_path(&mut input, file, &declared, &mut |_| {}).ok()?.err()
    }

    #[test]
    fn the_fast_path_finds_the_facts_of_the_full_scan() {
        let (mut compared, mut fast) = (0, 0);
        let mut different = Vec::new();
        for path in test_files() {
            let name = path.to_string_lossy();
            let file = File::open(&path).unwrap();
            let read = |depth| probe(&file, &name, depth, Arc::default(), &mut |_| {});
            let (quick, full) = (read(ProbeDepth::Auto), read(ProbeDepth::Packets));
            let (Ok(quick), Ok(full)) = (&quick, &full) else {
                assert_eq!(quick.is_ok(), full.is_ok(), "{name}");
                continue;
            };
            compared += 1;
            match unresolved(&file, &name) {
                None => fast += 1,
                Some(reason) => println!("{reason:?}: {name}"),
            }
            if quick != full {
                let lines = |facts: &MediaFacts| serde_json::to_string_pretty(facts).unwrap();
                let (quick, full) = (lines(quick), lines(full));
                let pairs = quick.lines().zip(full.lines()).filter(|(quick, full)| quick != full);
                different.push(format!("{name}: {:?}", pairs.collect::<Vec<_>>()));
            }
        }
        println!("{compared} files compared, {fast} of them by the fast path");
        assert!(compared > 10 && fast > compared / 4);
        assert!(different.is_empty(), "{} of {compared}:\n{}", different.len(), different.join("\n"));
    }
}
