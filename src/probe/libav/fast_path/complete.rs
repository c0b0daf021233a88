//! Completes the facts of a newly opened file.

use super::super::streams::seconds;
use super::duration::{duration_us, set_starts};
use super::first_packets::check_first_packets;
use super::unresolved::Unresolved;
use super::{audio, video};
use crate::libav::media_input::MediaInput;
use crate::model::{Container, MediaFacts};
use crate::probe::declared_facts::set_duration;
use crate::probe::headers::Declared;
use crate::probe::packet_walk::PacketWalk;

/// Completes the facts of a newly opened file. For a fragmented file, [`fragments::complete`](super::fragments::complete) adds the
/// facts that need all packets.
///
/// # Errors
/// Returns what is unresolved; `facts` are then invalid.
pub(crate) fn complete_facts(
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
        let at = unsafe { seconds(pts, (**(*context).streams.add(index as usize)).time_base) };
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
    let duration_us = declared.movie_us.or_else(|| unsafe { duration_us(context) });
    let duration_us = duration_us.ok_or(Unresolved::StartTime)?;
    set_duration(duration_us, facts);
    Ok(())
}

/// Returns whether the container can have a complete header, with one sample entry per track.
fn is_supported_container(declared: &Declared, facts: &MediaFacts) -> bool {
    let matroska = facts.container_is(Container::is_matroska);
    let iso = declared.iso && declared.tracks.iter().all(|track| track.sample_entries == Some(1));
    let fragmented = declared.fragmented == Some(true);
    let timed = facts.duration_s.is_some() || iso && !fragmented;
    (matroska || iso) && (timed || fragmented && !facts.video.is_empty())
}
