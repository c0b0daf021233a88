//! The facts of one file.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::ending::{LONGEST_BLOCK_S, compare, in_doubt, last_block, why_unreadable};
use super::fast_path::{Open, complete_fragmented, settle};
use super::index::read_index;
use super::open::{MediaInput, open_input};
use super::raw::text;
use super::streams::{is_endless, read_streams};
use super::tags::collect;
use super::walk::{Walk, look_at_first, walk_packets};
use crate::job::{JobError, ProbeDepth, Progress};
use crate::model::{Completeness, HdrKind, MediaFacts, VideoStream};
use crate::probe::bytes::Blocks;
use crate::probe::declared::{self, Declared};

/// Files up to this size are walked over packet by packet even where that was not asked for: it
/// costs less than the first look did, and only packets show open groups.
const WALK_ANYWAY_BYTES: u64 = 64 << 20;

/// Establishes the facts of the media behind `file`; `name` gives only its extension.
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
    let bytes = Blocks::of(file).map_err(io)?;
    let declared = declared::read(&bytes).map_err(io)?;
    let open = || {
        open_input(file.try_clone().map_err(io)?, name, Arc::clone(&cancel))
            .map_err(|error| why_unreadable(error, &declared))
    };
    let mut input = open()?;
    let mut quick = Err(Open::Container);
    if depth == ProbeDepth::Auto {
        quick = short_way(&mut input, &declared, progress)?;
        input.check_reads()?;
    }
    let mut facts = match quick {
        Ok(facts) => facts,
        Err(open_question) => {
            if !open_question.found_in_header() {
                input = open()?;
            }
            long_way(&mut input, &declared, depth, progress)?
        }
    };
    // Nothing was walked over to the end of the video where it is large.
    if in_doubt(&facts)
        && let Some(begin_s) = last_block(&mut input, &bytes).map_err(io)?
    {
        compare(begin_s, begin_s + LONGEST_BLOCK_S, &mut facts);
        if facts.declared_duration_s().is_none() {
            facts.measured_duration_s.get_or_insert(begin_s - first_s(&facts));
        }
    }
    if facts.still().is_some() && declared.iso && declared.tracks.is_empty() {
        forget_reading(&mut facts, &declared);
    }
    // A still picture has no time from which on it is missing.
    if facts.still().is_some()
        && let Completeness::Missing { first_missing_s, .. } = &mut facts.completeness
    {
        *first_missing_s = None;
    }
    for track in &declared.tracks {
        // FFmpeg numbers streams in the order of the tracks.
        if let Some(video) = facts.video.iter_mut().find(|stream| stream.index == track.position) {
            video.edit_list = track.edit_list.clone();
        } else if let Some(audio) = facts.audio.iter_mut().find(|stream| stream.index == track.position) {
            audio.edit_list = track.edit_list.clone();
        }
    }
    Ok(facts)
}

/// The facts without decoding anything, or what stays open that way.
fn short_way(
    input: &mut MediaInput,
    declared: &Declared,
    progress: &mut dyn FnMut(Progress),
) -> Result<Result<MediaFacts, Open>, JobError> {
    let mut facts = header(input, declared);
    let mut walk = Walk::over(&facts);
    if let Err(open) = settle(input, declared, &mut facts, &mut walk) {
        return Ok(Err(open));
    }
    let fragmented = facts.fragmented == Some(true);
    let at_first = stream_durations(input);
    // The library gives the packets of audio their exact durations only once it has decoded.
    if any_endless(input) {
        return Ok(Err(Open::Packets));
    }
    let small = facts.size_bytes <= WALK_ANYWAY_BYTES;
    if fragmented && !small {
        return Ok(Err(Open::Packets));
    }
    let told = is_indexed(&facts, declared) && {
        let context = input.as_ptr();
        // SAFETY: the context is open, and `input` is not used meanwhile.
        unsafe { read_index(context, &declared.tracks, &mut facts) }
    };
    let told = told && !facts.video.iter().any(may_change_within);
    if told {
        // With one sample entry, and all parameter sets in it.
        facts.video.iter_mut().for_each(|video| video.parameter_changes = Some(0));
    } else if small && worth_walking(&facts) {
        walk_packets(input, &mut walk, &mut facts, progress)?;
        compare(walk.first_end_s(), walk.shown_s(), &mut facts);
        if matches!(facts.completeness, Completeness::Missing { .. }) {
            // As above.
            return Ok(Err(Open::Packets));
        }
    }
    // Of a single picture without decode times, the library knows no start either.
    let lone = |video: &VideoStream| declared.doc_type.is_some() && walk.packets_of(video.index) == 1;
    if facts.video.iter().any(lone) {
        return Ok(Err(Open::Start));
    }
    if fragmented {
        // With a segment index the library learns on the way how long streams are, and says what it
        // knew at first.
        if stream_durations(input) != at_first {
            return Ok(Err(Open::Packets));
        }
        if let Err(open) = complete_fragmented(input.as_ptr(), &walk, &mut facts) {
            return Ok(Err(open));
        }
    }
    Ok(Ok(facts))
}

/// When the first stream begins, in seconds.
fn first_s(facts: &MediaFacts) -> f64 {
    let starts = facts.video.iter().map(|v| v.start_s).chain(facts.audio.iter().map(|a| a.start_s));
    starts.flatten().reduce(f64::min).unwrap_or(0.0)
}

/// How long the library takes every stream to be, in units of its time base.
fn stream_durations(input: &mut MediaInput) -> Vec<i64> {
    let context = input.as_ptr();
    // SAFETY: the context is open, and FFmpeg keeps `nb_streams` valid pointers.
    unsafe {
        let count = (*context).nb_streams as usize;
        (0..count).map(|position| (**(*context).streams.add(position)).duration).collect()
    }
}

/// Whether a stream is declared to last nobody knows how long.
fn any_endless(input: &mut MediaInput) -> bool {
    let context = input.as_ptr();
    // SAFETY: as in `stream_durations`.
    unsafe {
        let count = (*context).nb_streams as usize;
        (0..count).any(|position| is_endless(&**(*context).streams.add(position)))
    }
}

/// The facts as the library finds them, and of the packets what `depth` asks for.
fn long_way(
    input: &mut MediaInput,
    declared: &Declared,
    depth: ProbeDepth,
    progress: &mut dyn FnMut(Progress),
) -> Result<MediaFacts, JobError> {
    if depth != ProbeDepth::Header {
        input.read_stream_info()?;
    }
    let mut facts = header(input, declared);
    progress(Progress::default());
    if is_indexed(&facts, declared) {
        let context = input.as_ptr();
        // SAFETY: the context is open, and `input` is not used meanwhile.
        unsafe { read_index(context, &declared.tracks, &mut facts) };
    }
    let endless = any_endless(input);
    let walk = match depth {
        ProbeDepth::Header => false,
        ProbeDepth::Auto if endless => true,
        ProbeDepth::Auto => facts.size_bytes <= WALK_ANYWAY_BYTES && worth_walking(&facts),
        ProbeDepth::Packets => true,
    };
    if walk {
        let mut walk = Walk::over(&facts);
        walk_packets(input, &mut walk, &mut facts, progress)?;
        if endless || facts.declared_duration_s().is_none() {
            facts.measured_duration_s = walk.length_s(&facts);
        }
        compare(walk.first_end_s(), walk.shown_s(), &mut facts);
    } else if depth != ProbeDepth::Header && facts.video.iter().any(is_pq) {
        input.bounded(|input| look_at_first(input, &mut facts));
    }
    Ok(facts)
}

/// Whether the samples of an ISO file may come with parameter sets of their own (ISO/IEC 14496-15, 5.3.3 and
/// 8.3.3; Dolby Vision streams for ISO files, 2.4), so that only they tell whether these change.
fn may_change_within(video: &VideoStream) -> bool {
    matches!(video.codec_tag.as_deref(), Some("avc3" | "avc4" | "hev1" | "hev2" | "dvav" | "dvhe"))
}

/// Whether a stream is in PQ, of which only its first picture may say that it is HDR10.
fn is_pq(video: &VideoStream) -> bool {
    video.hdr.as_ref().is_some_and(|hdr| hdr.kind == HdrKind::Pq)
}

/// Says of a picture that has items instead of tracks what is so of any single picture: the library (5.1) reads
/// these at arbitrary places where items are broken, and finds something else every time. Only what the file
/// declares tells whether it is whole.
fn forget_reading(facts: &mut MediaFacts, declared: &Declared) {
    facts.completeness = declared.completeness.clone();
    facts.measured_duration_s = None;
    for picture in &mut facts.video {
        picture.start_s = Some(0.0);
        picture.frames = Some(1);
        picture.closed_gop = Some(true);
        picture.max_gop_frames = Some(1);
        picture.parameter_changes = Some(0);
    }
}

/// Whether packets tell something of interest: of pictures always, of audio where it was cut off or does not say
/// how long it lasts.
fn worth_walking(facts: &MediaFacts) -> bool {
    let cut = matches!(facts.completeness, Completeness::Missing { first_missing_s: None, .. });
    !facts.video.is_empty() || cut || in_doubt(facts) || facts.declared_duration_s().is_none()
}

/// Whether the library's index is that of the file. A still picture has items instead of tracks; the
/// index then holds arbitrary places.
fn is_indexed(facts: &MediaFacts, declared: &Declared) -> bool {
    declared.iso && facts.fragmented != Some(true) && !declared.tracks.is_empty()
}

/// What the open demuxer and the container's own words say.
fn header(input: &mut MediaInput, declared: &Declared) -> MediaFacts {
    let mut facts = MediaFacts {
        size_bytes: input.size_bytes(),
        major_brand: declared.major_brand.clone(),
        fast_start: declared.fast_start,
        fragmented: declared.fragmented,
        completeness: declared.completeness.clone(),
        ..MediaFacts::default()
    };
    let context = input.as_ptr();
    // SAFETY: the context is open, `input` is not used meanwhile, and all strings are copied.
    unsafe {
        let demuxer = text((*(*context).iformat).name).unwrap_or_default();
        facts.container = Some(declared::container_name(&demuxer, declared));
        facts.duration_s = Some((*context).duration).filter(|&d| d > 0).map(|d| d as f64 / 1_000_000.0);
        facts.bit_rate = u64::try_from((*context).bit_rate).ok().filter(|&rate| rate > 0);
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

    /// Every file that tests may read.
    fn all_files() -> Vec<PathBuf> {
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

    /// Why a file must go the long way; `None` when it need not.
    fn open_question(file: &File, name: &str) -> Option<Open> {
        let declared = declared::read(&Blocks::of(file).ok()?).ok()?;
        let mut input = open_input(file.try_clone().ok()?, name, Arc::default()).ok()?;
        short_way(&mut input, &declared, &mut |_| {}).ok()?.err()
    }

    #[test]
    fn the_short_way_finds_what_the_long_one_finds() {
        let (mut compared, mut short) = (0, 0);
        let mut unlike = Vec::new();
        for path in all_files() {
            let name = path.to_string_lossy();
            let file = File::open(&path).unwrap();
            let read = |depth| probe(&file, &name, depth, Arc::default(), &mut |_| {});
            let (quick, full) = (read(ProbeDepth::Auto), read(ProbeDepth::Packets));
            let (Ok(quick), Ok(full)) = (&quick, &full) else {
                assert_eq!(quick.is_ok(), full.is_ok(), "{name}");
                continue;
            };
            compared += 1;
            match open_question(&file, &name) {
                None => short += 1,
                Some(open) => println!("{open:?}: {name}"),
            }
            if quick != full {
                let lines = |facts: &MediaFacts| serde_json::to_string_pretty(facts).unwrap();
                let (quick, full) = (lines(quick), lines(full));
                let pairs = quick.lines().zip(full.lines()).filter(|(quick, full)| quick != full);
                unlike.push(format!("{name}: {:?}", pairs.collect::<Vec<_>>()));
            }
        }
        println!("{compared} files compared, {short} of them read the short way");
        assert!(compared > 10 && short > compared / 4);
        assert!(unlike.is_empty(), "{} of {compared}:\n{}", unlike.len(), unlike.join("\n"));
    }
}
