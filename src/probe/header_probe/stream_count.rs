//! Which numbers of streams headers settle.

use super::reason::Reason;
use crate::model::{AudioStream, Codec, Completeness, Container, MediaFacts, OtherKind, OtherStream};

/// Checks that there is something to see, hear or read.
pub(super) fn check_streams(facts: &MediaFacts) -> Result<(), Reason> {
    let is_subtitle = |stream: &OtherStream| stream.kind == OtherKind::Subtitle;
    let is_read = facts.container_is(Container::is_matroska) && facts.other.iter().any(is_subtitle);
    if facts.video.is_empty() && facts.audio.is_empty() && !is_read {
        return Err(Reason::TrackKind);
    }
    // What a decoder makes of encrypted slices is uncertain.
    if is_decoded(facts) && facts.video.iter().any(|video| video.encryption.is_some()) {
        return Err(Reason::Encrypted);
    }
    Ok(())
}

/// Returns whether the library decodes packets of all streams: where one has no quick way, or data is missing.
pub(super) fn is_decoded(facts: &MediaFacts) -> bool {
    let is_analysed = |audio: &AudioStream| {
        matches!(
            audio.codec,
            None | Some(Codec::Ac3 | Codec::Eac3 | Codec::AmrNb | Codec::AmrWb | Codec::Flac | Codec::Alac)
        ) || audio.channels.is_some_and(|channels| channels > 2)
    };
    facts.audio.iter().any(is_analysed) || matches!(facts.completeness, Completeness::Missing { .. })
}
