//! What header and parameter sets settle by themselves, so that nothing need be decoded.
//!
//! The library completes an open file by decoding its first pictures, which costs forty times as
//! much as opening it. In ISO files and Matroska all it learns by that is written in the parameter
//! sets or in the first bytes of the first picture. Here they are read instead; wherever anything is
//! missing, contradictory or unusual, the answer is "not settled" and the library's way is taken.

mod promise;
mod sound;
mod video;

use ffmpeg_next::ffi;

use self::promise::starts_as_promised;
use super::open::MediaInput;
use crate::model::MediaFacts;
use crate::probe::declared::Declared;

/// Completes the facts of a freshly opened file. `false` when they are not settled: then `facts` are
/// of no use, and `input`, from which packets were read, must be opened anew.
pub(super) fn settle(input: &mut MediaInput, declared: &Declared, facts: &mut MediaFacts) -> bool {
    if !usual_container(declared, facts) {
        return false;
    }
    let context = input.as_ptr();
    let mut promises = Vec::new();
    for video in &mut facts.video {
        // SAFETY: the context is open and the index is that of one of its streams.
        match unsafe { video::settle(*(*context).streams.add(video.index as usize), video) } {
            Some(promise) => promises.push(promise),
            None => return false,
        }
    }
    for audio in &mut facts.audio {
        // SAFETY: as above.
        match unsafe { sound::settle(*(*context).streams.add(audio.index as usize), audio) } {
            Some(promise) => promises.push(promise),
            None => return false,
        }
    }
    if !starts_as_promised(input, promises, facts) {
        return false;
    }
    // SAFETY: the context is open, the indices are those of its streams.
    let start = |index: u32| unsafe {
        let stream = *(*context).streams.add(index as usize);
        super::streams::seconds((*stream).start_time, (*stream).time_base)
    };
    facts.video.iter_mut().for_each(|video| video.start_s = start(video.index));
    facts.audio.iter_mut().for_each(|audio| audio.start_s = start(audio.index));
    // SAFETY: as above.
    let duration_us = unsafe { (*context).duration };
    // Exactly as the library reckons it, in whole microseconds.
    let rate = facts.size_bytes as f64 * 8.0 * 1_000_000.0 / duration_us as f64;
    facts.bit_rate = Some(rate as u64).filter(|&rate| rate > 0);
    facts.video.iter().all(|video| video.start_s.is_some())
        && facts.audio.iter().all(|audio| audio.start_s.is_some())
}

/// Whether the container is one whose header can be complete, with one set-up a track.
fn usual_container(declared: &Declared, facts: &MediaFacts) -> bool {
    let matroska = matches!(facts.container.as_deref(), Some("matroska" | "webm"));
    let iso = declared.iso
        && declared.fragmented == Some(false)
        && declared.tracks.iter().all(|track| track.sample_entries == Some(1));
    (matroska || iso) && facts.duration_s.is_some()
}

/// The set-up of a codec as the container carries it.
///
/// # Safety
/// `parameters` may be read, and the slice must not outlive them.
unsafe fn extradata<'a>(parameters: *const ffi::AVCodecParameters) -> &'a [u8] {
    // SAFETY: FFmpeg states the size of the bytes beside them.
    unsafe {
        match usize::try_from((*parameters).extradata_size) {
            Ok(size) if !(*parameters).extradata.is_null() => {
                std::slice::from_raw_parts((*parameters).extradata, size)
            }
            _ => &[],
        }
    }
}
