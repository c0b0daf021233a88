//! What header and parameter sets settle by themselves, so that nothing need be decoded.
//!
//! The library completes an open file by decoding its first pictures, which costs forty times as
//! much as opening it. In ISO files and Matroska all it learns by that is written in the parameter
//! sets or in the first bytes of the first picture. Here they are read instead; wherever anything is
//! missing, contradictory or unusual, the answer is "not settled" and the library's way is taken.

mod audio;
mod duration;
mod first_packets;
mod fragments;
mod video;

use ffmpeg_next::ffi;

use self::first_packets::starts_as_promised;
pub(super) use self::fragments::complete as complete_fragmented;
use super::open::MediaInput;
use super::walk::Walk;
use crate::model::MediaFacts;
use crate::probe::declared::Declared;

/// What left the facts open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// A container whose header does not say everything.
    Container,
    /// The set-up of this video stream.
    Picture(u32),
    /// The set-up of this audio track.
    Audio(u32),
    /// Packets that do not begin as the set-up promises.
    Packets,
    /// A stream without a first time.
    Start,
}

impl Open {
    /// Whether no packet was read before this was found, so that the library can still begin.
    pub(super) fn found_in_header(self) -> bool {
        matches!(self, Open::Container | Open::Picture(_) | Open::Audio(_))
    }
}

/// Completes the facts of a freshly opened file; those of a fragmented one only as far as its packets
/// need not be walked over, see [`complete_fragmented`].
///
/// # Errors
/// What is not settled; then `facts` are of no use.
pub(super) fn settle(
    input: &mut MediaInput,
    declared: &Declared,
    facts: &mut MediaFacts,
    walk: &mut Walk,
) -> Result<(), Open> {
    if !usual_container(declared, facts) {
        return Err(Open::Container);
    }
    let context = input.as_ptr();
    let mut promises = Vec::new();
    let fragmented = declared.fragmented == Some(true);
    for video in &mut facts.video {
        if video.frame_rate.is_none() && !fragmented {
            return Err(Open::Picture(video.index));
        }
        // SAFETY: the context is open and the index is that of one of its streams.
        let promise = unsafe { video::settle(*(*context).streams.add(video.index as usize), video) };
        promises.push(promise.ok_or(Open::Picture(video.index))?);
    }
    for audio in &mut facts.audio {
        // SAFETY: as above.
        let promise = unsafe { audio::settle(*(*context).streams.add(audio.index as usize), audio) };
        promises.push(promise.ok_or(Open::Audio(audio.index))?);
    }
    let undated =
        input.bounded(|input| starts_as_promised(input, promises, facts, walk)).ok_or(Open::Packets)?;
    set_starts(context, facts);
    // Where the first is not shown at 0, what the library says depends on how far it decodes.
    for (index, pts) in undated.into_iter().filter(|(_, pts)| *pts == 0) {
        // SAFETY: the context is open and the index is that of one of its streams.
        let at =
            unsafe { super::streams::seconds(pts, (**(*context).streams.add(index as usize)).time_base) };
        if let Some(video) = facts.video.iter_mut().find(|video| video.index == index) {
            video.start_s = video.start_s.or(at);
        }
    }
    let mut starts = facts.video.iter().map(|v| v.start_s).chain(facts.audio.iter().map(|a| a.start_s));
    if !starts.all(|start| start.is_some()) {
        return Err(Open::Start);
    }
    if fragmented {
        return Ok(());
    }
    // SAFETY: the context is open.
    let duration_us = unsafe { duration::duration_us(context) }.ok_or(Open::Start)?;
    facts.duration_s = Some(duration_us as f64 / 1_000_000.0);
    facts.bit_rate = overall_rate(facts.size_bytes, duration_us);
    Ok(())
}

/// Notes where every stream starts, as far as the library knows by now.
fn set_starts(context: *mut ffi::AVFormatContext, facts: &mut MediaFacts) {
    // SAFETY: the context is open, the indices are those of its streams.
    let start = |index: u32| unsafe {
        let stream = *(*context).streams.add(index as usize);
        super::streams::seconds((*stream).start_time, (*stream).time_base)
    };
    facts.video.iter_mut().for_each(|video| video.start_s = start(video.index));
    facts.audio.iter_mut().for_each(|audio| audio.start_s = start(audio.index));
}

/// Bits per second exactly as the library reckons them, in whole microseconds.
fn overall_rate(size_bytes: u64, duration_us: i64) -> Option<u64> {
    let rate = size_bytes as f64 * 8.0 * 1_000_000.0 / duration_us as f64;
    Some(rate as u64).filter(|&rate| rate > 0 && duration_us > 0)
}

/// Whether the container is one whose header can be complete, with one set-up a track.
fn usual_container(declared: &Declared, facts: &MediaFacts) -> bool {
    let matroska = matches!(facts.container.as_deref(), Some("matroska" | "webm"));
    let iso = declared.iso && declared.tracks.iter().all(|track| track.sample_entries == Some(1));
    let fragmented = declared.fragmented == Some(true);
    let timed = facts.duration_s.is_some() || iso && !fragmented;
    (matroska || iso) && (timed || fragmented && !facts.video.is_empty())
}
