//! Which numbers of streams headers settle.

use super::reason::Reason;
use crate::model::MediaFacts;

/// Checks that there is something to see or hear, and no second audio stream that may repeat the first.
pub(super) fn check_streams(facts: &MediaFacts) -> Result<(), Reason> {
    match (facts.video.len(), facts.audio.len()) {
        (0, 0) => Err(Reason::TrackKind),
        (_, 0 | 1) => Ok(()),
        _ => Err(Reason::SeveralAudioStreams),
    }
}
