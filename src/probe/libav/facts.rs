//! The facts of one file.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::index::read_index;
use super::open::{MediaInput, open_input};
use super::raw::text;
use super::settled::settle;
use super::streams::read_streams;
use super::tags::collect;
use super::walk::walk_packets;
use crate::job::{JobError, ProbeDepth, Progress};
use crate::model::{Completeness, MediaFacts};
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
    let declared = declared::read(file).map_err(io)?;
    let open = || open_input(file.try_clone().map_err(io)?, name, Arc::clone(&cancel));
    let mut input = open()?;
    let mut facts = header(&mut input, &declared);
    let settled = depth == ProbeDepth::Auto && settle(&mut input, &declared, &mut facts);
    input.check_reads()?;
    if depth == ProbeDepth::Auto && !settled {
        // Packets were taken from it.
        input = open()?;
    }
    if depth != ProbeDepth::Header && !settled {
        input.read_stream_info()?;
        facts = header(&mut input, &declared);
    }
    progress(Progress::default());
    // A still picture has items instead of tracks; the library's index then holds arbitrary places.
    let indexed = declared.iso && facts.fragmented != Some(true) && !declared.tracks.is_empty();
    if indexed {
        let context = input.as_ptr();
        // SAFETY: the context is open, and `input` is not used meanwhile.
        unsafe { read_index(context, &mut facts) };
    }
    let walk = match depth {
        ProbeDepth::Header => false,
        ProbeDepth::Auto if settled && indexed && steady(&facts) => {
            // The library announces a change only where it goes on to another sample entry.
            facts.video.iter_mut().for_each(|video| video.parameter_changes = Some(0));
            false
        }
        ProbeDepth::Auto => facts.size_bytes <= WALK_ANYWAY_BYTES && !facts.video.is_empty(),
        ProbeDepth::Packets => true,
    };
    if walk {
        if settled {
            // From the first packet on.
            input = open()?;
        }
        walk_packets(&mut input, &mut facts, progress)?;
    }
    for track in declared.tracks {
        // FFmpeg numbers streams in the order of the tracks.
        if let Some(video) = facts.video.iter_mut().find(|stream| stream.index == track.position) {
            video.edit_list = track.edit_list;
        } else if let Some(audio) = facts.audio.iter_mut().find(|stream| stream.index == track.position) {
            audio.edit_list = track.edit_list;
        }
    }
    Ok(facts)
}

/// Whether the index shows one interval between all frames. Then no order of showing them changes
/// the cadence, and a walk would say the same.
fn steady(facts: &MediaFacts) -> bool {
    facts.video.iter().all(|video| video.variable_frame_rate == Some(false))
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
    if facts.completeness == Completeness::Unknown && declared.sized {
        facts.completeness = Completeness::Whole;
    }
    facts
}
