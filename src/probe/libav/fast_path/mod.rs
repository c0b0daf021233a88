//! The fast path: completes the facts from header and parameter sets, without decoding.
//!
//! libav's stream analysis decodes the first frames, which takes forty times as long as opening the
//! file. In ISO files and Matroska, the parameter sets or the first bytes of the first frame contain the
//! same facts, and this module reads them from there. When anything is missing, contradictory or unusual,
//! it returns [`Unresolved`], and a full scan follows.

mod audio;
mod duration;
mod first_packets;
mod fragments;
mod video;

use ffmpeg_next::ffi;

use self::first_packets::check_first_packets;
pub(super) use self::fragments::complete as complete_fragmented;
use crate::libav::media_input::MediaInput;
use crate::model::{Container, MediaFacts};
use crate::probe::headers::Declared;
use crate::probe::packet_walk::PacketWalk;

/// What the fast path could not resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// The container, whose header may be incomplete.
    Container,
    /// The configuration of this video stream.
    Video(u32),
    /// The configuration of this audio stream.
    Audio(u32),
    /// Packets that do not match the configuration of their stream.
    Packets,
    /// The start time of a stream.
    StartTime,
}

impl Unresolved {
    /// Returns whether this was found before any packet was read, so that the same input can be analysed.
    pub(super) fn found_in_header(self) -> bool {
        matches!(self, Unresolved::Container | Unresolved::Video(_) | Unresolved::Audio(_))
    }
}

/// Completes the facts of a newly opened file. For a fragmented file, [`complete_fragmented`] adds the
/// facts that need all packets.
///
/// # Errors
/// Returns what is unresolved; `facts` are then invalid.
pub(super) fn complete_facts(
    input: &mut MediaInput,
    declared: &Declared,
    facts: &mut MediaFacts,
    walk: &mut PacketWalk,
) -> Result<(), Unresolved> {
    if !is_supported_container(declared, facts) {
        return Err(Unresolved::Container);
    }
    let context = input.as_ptr();
    let mut checks = Vec::new();
    let fragmented = declared.fragmented == Some(true);
    for video in &mut facts.video {
        if video.frame_rate.is_none() && !fragmented {
            return Err(Unresolved::Video(video.index));
        }
        // SAFETY: the context is open and the index is that of one of its streams.
        let check = unsafe { video::complete(*(*context).streams.add(video.index as usize), video) };
        checks.push(check.ok_or(Unresolved::Video(video.index))?);
    }
    for audio in &mut facts.audio {
        // SAFETY: as above.
        let check = unsafe { audio::complete(*(*context).streams.add(audio.index as usize), audio) };
        checks.push(check.ok_or(Unresolved::Audio(audio.index))?);
    }
    let without_dts = input
        .with_read_limit(|input| check_first_packets(input, checks, facts, walk))
        .ok_or(Unresolved::Packets)?;
    // SAFETY: the context is open.
    unsafe { set_starts(context, facts) };
    // If the first frame is not presented at 0, the library's start time depends on how much it decodes.
    for (index, pts) in without_dts.into_iter().filter(|(_, pts)| *pts == 0) {
        // SAFETY: the context is open and the index is that of one of its streams.
        let at =
            unsafe { super::streams::seconds(pts, (**(*context).streams.add(index as usize)).time_base) };
        if let Some(video) = facts.video.iter_mut().find(|video| video.index == index) {
            video.start_s = video.start_s.or(at);
        }
    }
    let mut starts = facts.video.iter().map(|v| v.start_s).chain(facts.audio.iter().map(|a| a.start_s));
    if !starts.all(|start| start.is_some()) {
        return Err(Unresolved::StartTime);
    }
    if fragmented {
        return Ok(());
    }
    // SAFETY: the context is open.
    let duration_us = unsafe { duration::duration_us(context) }.ok_or(Unresolved::StartTime)?;
    facts.duration_s = Some(duration_us as f64 / 1_000_000.0);
    facts.bit_rate = overall_rate(facts.size_bytes, duration_us);
    Ok(())
}

/// Sets the start time of every stream, as far as the library knows it.
///
/// # Safety
/// `context` is open.
unsafe fn set_starts(context: *mut ffi::AVFormatContext, facts: &mut MediaFacts) {
    // SAFETY: by the contract; the indices are those of its streams.
    let start = |index: u32| unsafe {
        let stream = *(*context).streams.add(index as usize);
        super::streams::seconds((*stream).start_time, (*stream).time_base)
    };
    facts.video.iter_mut().for_each(|video| video.start_s = start(video.index));
    facts.audio.iter_mut().for_each(|audio| audio.start_s = start(audio.index));
}

/// Returns the bit rate in bits per second, computed like the library, from whole microseconds.
fn overall_rate(size_bytes: u64, duration_us: i64) -> Option<u64> {
    let rate = size_bytes as f64 * 8.0 * 1_000_000.0 / duration_us as f64;
    Some(rate as u64).filter(|&rate| rate > 0 && duration_us > 0)
}

/// Returns whether the container can have a complete header, with one sample entry per track.
fn is_supported_container(declared: &Declared, facts: &MediaFacts) -> bool {
    let matroska = facts.container_is(Container::is_matroska);
    let iso = declared.iso && declared.tracks.iter().all(|track| track.sample_entries == Some(1));
    let fragmented = declared.fragmented == Some(true);
    let timed = facts.duration_s.is_some() || iso && !fragmented;
    (matroska || iso) && (timed || fragmented && !facts.video.is_empty())
}
