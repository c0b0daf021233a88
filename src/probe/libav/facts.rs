//! The facts of one file.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::index::read_index;
use super::open::{MediaInput, open_input};
use super::raw::text;
use super::settled::settle;
use super::streams::{read_streams, seconds};
use super::tags::collect;
use super::walk::walk_packets;
use crate::job::{JobError, ProbeDepth, Progress};
use crate::model::{Completeness, MediaFacts};
use crate::probe::declared::{self, Declared};

/// Files up to this size are walked over packet by packet even where that was not asked for: it
/// costs less than the first look did, and only packets show open groups.
const WALK_ANYWAY_BYTES: u64 = 64 << 20;
/// How much later than its last packet a film may be declared to end, in seconds.
const DURATION_SLACK_S: f64 = 0.5;
/// How long what a single block holds is shown at most, in seconds.
const LONGEST_BLOCK_S: f64 = 1.0;

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
    let open = || {
        open_input(file.try_clone().map_err(io)?, name, Arc::clone(&cancel))
            .map_err(|error| why_unreadable(error, &declared))
    };
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
        ProbeDepth::Auto => {
            let cut = matches!(facts.completeness, Completeness::Missing { first_missing_s: None, .. });
            facts.size_bytes <= WALK_ANYWAY_BYTES && (!facts.video.is_empty() || cut)
        }
        ProbeDepth::Packets => true,
    };
    if walk {
        if settled {
            // From the first packet on.
            input = open()?;
        }
        let walked = walk_packets(&mut input, &mut facts, progress)?;
        compare(walked.first_end_s(), walked.shown_s, &mut facts);
    } else if in_doubt(&facts)
        && let Some(begin_s) = last_block(&mut input, file).map_err(io)?
    {
        compare(begin_s, begin_s + LONGEST_BLOCK_S, &mut facts);
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

/// What the file's own words know of why it cannot be opened.
fn why_unreadable(error: JobError, declared: &Declared) -> JobError {
    match (error, &declared.completeness, &declared.without_index) {
        (JobError::Unreadable(_), Completeness::Missing { .. }, Some(why)) => JobError::Cut(why.clone()),
        (JobError::Unreadable(_), Completeness::Missing { reason, .. }, None) => {
            JobError::Cut(format!("the file is cut short: {reason}"))
        }
        (JobError::Unreadable(_), _, Some(why)) if declared.fragmented == Some(true) => {
            JobError::Unreadable(why.clone())
        }
        (JobError::Unreadable(_), _, Some(why)) => JobError::Cut(why.clone()),
        (error, ..) => error,
    }
}

/// Whether the end of a film that is not walked over would tell more about what is missing.
fn in_doubt(facts: &MediaFacts) -> bool {
    use Completeness::{Missing, Unknown};
    matches!(facts.container.as_deref(), Some("matroska" | "webm"))
        && matches!(facts.completeness, Unknown | Missing { first_missing_s: None, .. })
}

/// When the last block of a Matroska file begins, by a look at its end.
fn last_block(input: &mut MediaInput, file: &File) -> std::io::Result<Option<f64>> {
    let Some(time) = declared::last_block(file)? else { return Ok(None) };
    let context = input.as_ptr();
    // SAFETY: the context is open, `input` is not used meanwhile, and FFmpeg keeps `nb_streams` valid
    // pointers.
    let base = unsafe { ((*context).nb_streams > 0).then(|| (*(*(*context).streams)).time_base) };
    // All tracks count in units of the segment's time scale.
    Ok(base.zip(i64::try_from(time).ok()).and_then(|(base, time)| seconds(time, base)))
}

/// Holds the packets that are there against the duration that a header declares, and says where they
/// end wherever data is missing.
fn compare(first_end_s: f64, last_end_s: f64, facts: &mut MediaFacts) {
    // Elsewhere the library's duration is its own reckoning from the bytes.
    let declares = matches!(facts.container.as_deref(), Some("matroska" | "webm" | "flv"));
    match (&mut facts.completeness, facts.duration_s) {
        // Packets say nothing of what a cut index would have listed.
        (Completeness::Missing { first_missing_s, .. }, _) if facts.fragmented != Some(false) => {
            first_missing_s.get_or_insert(first_end_s);
        }
        (Completeness::Unknown, Some(declared)) if declares => {
            facts.completeness = if last_end_s + DURATION_SLACK_S < declared {
                Completeness::Missing {
                    first_missing_s: Some(first_end_s),
                    reason: format!(
                        "the file declares {declared:.3} s, its packets end at {last_end_s:.3} s"
                    ),
                }
            } else {
                Completeness::Whole
            };
        }
        _ => {}
    }
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
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(container: &str, completeness: Completeness, end_s: f64) -> Completeness {
        let mut facts = MediaFacts {
            container: Some(container.into()),
            duration_s: Some(10.0),
            completeness,
            ..MediaFacts::default()
        };
        compare(end_s, end_s, &mut facts);
        facts.completeness
    }

    #[test]
    fn packets_are_held_against_a_declared_duration() {
        let first = |completeness| match completeness {
            Completeness::Missing { first_missing_s, .. } => first_missing_s,
            _ => None,
        };
        assert_eq!(first(compared("webm", Completeness::Unknown, 9.4)), Some(9.4));
        assert_eq!(compared("webm", Completeness::Unknown, 9.9), Completeness::Whole);
        // Its duration is what the library makes of the bytes.
        assert_eq!(compared("mpegts", Completeness::Unknown, 9.4), Completeness::Unknown);
        assert_eq!(compared("webm", Completeness::Whole, 9.4), Completeness::Whole);
        let cut = Completeness::Missing { first_missing_s: None, reason: "cut".into() };
        assert_eq!(first(compared("avi", cut, 9.4)), Some(9.4));
    }
}
