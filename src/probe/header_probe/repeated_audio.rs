//! Finds audio streams that repeat another one sample by sample.

use super::reason::{Reason, Stop};
use crate::model::{AudioStream, Codec, MediaFacts};
use crate::probe::similar_audio::pairs;

/// Sets `same_as` of the audio streams that repeat an earlier one. `same` compares the samples of two streams.
pub(super) fn set_repeated(
    facts: &mut MediaFacts,
    same: impl Fn(u32, u32) -> Result<bool, Stop>,
) -> Result<(), Stop> {
    for (first, second) in pairs(&facts.audio) {
        let is_same = same(first, second)?;
        let repeats = facts.audio.iter_mut().find(|stream| stream.index == second);
        match repeats {
            Some(stream) if is_same => _ = stream.same_as.get_or_insert(first),
            // The library divides other streams into packets by itself.
            Some(stream) if !has_sample_per_packet(stream) => return Err(Reason::SeveralAudioStreams.into()),
            _ => {}
        }
    }
    Ok(())
}

fn has_sample_per_packet(stream: &AudioStream) -> bool {
    let is_whole =
        |codec: &Codec| matches!(codec, Codec::Aac | Codec::Opus | Codec::Vorbis) || codec.is_pcm();
    stream.codec.as_ref().is_some_and(is_whole)
}
