//! Which numbers of streams headers settle.

use super::reason::Reason;
use crate::model::{Container, MediaFacts, OtherKind, OtherStream};
use crate::probe::similar_audio::pairs;

/// Checks that there is something to see, hear or read, and no audio stream that may repeat another.
pub(super) fn check_streams(facts: &MediaFacts) -> Result<(), Reason> {
    let is_subtitle = |stream: &OtherStream| stream.kind == OtherKind::Subtitle;
    let is_read = facts.container_is(Container::is_matroska) && facts.other.iter().any(is_subtitle);
    if facts.video.is_empty() && facts.audio.is_empty() && !is_read {
        return Err(Reason::TrackKind);
    }
    if pairs(&facts.audio).is_empty() { Ok(()) } else { Err(Reason::SeveralAudioStreams) }
}
