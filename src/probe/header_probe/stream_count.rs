//! Which numbers of streams headers settle.

use super::reason::Reason;
use crate::model::MediaFacts;
use crate::probe::similar_audio::pairs;

/// Checks that there is something to see or hear, and no audio stream that may repeat another.
pub(super) fn check_streams(facts: &MediaFacts) -> Result<(), Reason> {
    if facts.video.is_empty() && facts.audio.is_empty() {
        return Err(Reason::TrackKind);
    }
    if pairs(&facts.audio).is_empty() { Ok(()) } else { Err(Reason::SeveralAudioStreams) }
}
