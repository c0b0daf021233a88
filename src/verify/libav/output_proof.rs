//! Decodes a finished output by itself: what was seen while it was made does not count here.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ffmpeg_next::ffi;

use super::strict_decode::{StreamChoice, decode_streams};
use crate::job::{DecodeExtent, DecodeScope, JobError, OutputProof, Progress};
use crate::libav::decoder::Decoder;
use crate::libav::file::share;
use crate::libav::input::Input;
use crate::libav::packet::Packet;
use crate::verify::thresholds::HEADER_FRAMES;

/// Decodes `output` as far as `scope` says, and adds what that shows to the proof.
///
/// # Errors
///
/// [`JobError::Unreadable`] when the file or a decoder cannot be opened, [`JobError::Io`], [`JobError::Cancelled`].
/// Decode errors are in the proof.
pub fn prove(
    output: &File,
    name: &str,
    scope: DecodeScope,
    mut proof: OutputProof,
    cancel: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<OutputProof, JobError> {
    let DecodeScope::Main { video, audio } = scope else {
        if scope == DecodeScope::Everything {
            proof.decoded = decode_streams(output, name, StreamChoice::All, cancel, progress)?;
        }
        return Ok(proof);
    };
    let kinds = [
        (video, "video", ffi::AVMediaType::AVMEDIA_TYPE_VIDEO),
        (audio, "audio", ffi::AVMediaType::AVMEDIA_TYPE_AUDIO),
    ];
    let mut whole = Vec::new();
    for (extent, what, media) in kinds {
        match extent {
            DecodeExtent::Nothing => {}
            DecodeExtent::Start => {
                proof.failures.extend(failure_at_start(output, name, what, media, cancel)?);
            }
            // A missing stream was reported when the output was compared with its plan.
            DecodeExtent::Whole => {
                whole.extend(Input::open(share(output)?, name, Arc::clone(cancel))?.first(media));
            }
        }
    }
    if !whole.is_empty() {
        proof.decoded = decode_streams(output, name, StreamChoice::These(&whole), cancel, progress)?;
    }
    Ok(proof)
}

/// Decodes the start of a stream with the parameters in the container: while it was encoded, its packets were decoded
/// with those of the encoder.
fn failure_at_start(
    output: &File,
    name: &str,
    what: &str,
    media: ffi::AVMediaType,
    cancel: &Arc<AtomicBool>,
) -> Result<Option<String>, JobError> {
    let mut input = Input::open_output(share(output)?, name, Arc::clone(cancel))?;
    let Some(stream) = input.first(media) else { return Ok(None) };
    let mut decoder = Decoder::open(&mut input, stream, 1, true)?;
    let mut packet = Packet::new()?;
    let mut more = true;
    while more && decoder.frames < HEADER_FRAMES && decoder.damage_count == 0 {
        more = input.read(&mut packet)?;
        if !more || packet.get().stream_index == stream as i32 {
            decoder.feed(more.then_some(&packet), &mut |_| Ok(()))?;
        }
    }
    Ok((decoder.frames == 0 || decoder.damage_count > 0).then(|| {
        format!(
            "with the parameters in its container, the start of the output's {what} decoded to {} frames and {} \
             errors, expected at least 1 frame and no errors",
            decoder.frames, decoder.damage_count
        )
    }))
}
