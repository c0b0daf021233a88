//! `integrity`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};
use super::super::value_text;
use crate::model::{MediaFacts, TimeRange};

/// Fewer frames that share their times are a flaw of the timestamps, not a part of the video.
const MIN_OVERLAPPING_FRAMES: u64 = 5;

rule!(
    Integrity,
    "integrity",
    scope: File,
    what: "Checks whether the file contains all the data it declares, whether it begins with a key frame, and \
        whether its data is not encrypted and decodes.",
    why: "A truncated upload or copy plays to the cut and stops. Processing fails, or the ad shows half a \
        video. Many readers do not notice. Frames before the first key frame cannot be shown at all.",
    remedy: "None for missing data: export or copy the original again. `--from-key-frame` starts the video at \
        its first key frame.",
    source: "sizes, indices, durations and end markers that the container declares, compared with the bytes \
        in the file; the frame types in the first packets",
    |subject, _limits, out| {
        // Encrypted packets are intact but decode to nothing; in the container they look like clear ones.
        if let Some(encrypted) = subject.facts.encryption() {
            let actual = format!("encrypted ({})", encrypted.scheme);
            let allowed = "samples without encryption";
            let violation = Violation::new(encrypted.to_string(), actual, allowed, Remedy::Refuse);
            out.add_verbatim(violation.at(encrypted.index));
        }
        if let crate::model::Completeness::Missing { first_missing_s, reason } = &subject.facts.completeness {
            let from = first_missing_s.map_or(String::new(), |at| format!(", from {}", value_text::seconds(at)));
            let message = format!("data is missing{from}: {reason}");
            let mut violation =
                Violation::new(message, format!("data missing{from}"), "a complete file", Remedy::Refuse);
            violation.first_missing_s = *first_missing_s;
            out.add_verbatim(violation);
        }
        for violation in [start_violation(subject.facts), overlap_violation(subject.facts)].into_iter().flatten() {
            out.add_verbatim(violation);
        }
        let Some(deep) = subject.deep.filter(|deep| deep.decode.error_count > 0) else { return };
        let ranges: Vec<_> = deep
            .decode
            .errors
            .iter()
            .filter_map(|error| error.at_s)
            .map(|at| TimeRange { from_s: at, to_s: at })
            .collect();
        let message = format!("the decoder reports {} errors", deep.decode.error_count);
        out.add_verbatim(
            Violation::new(
                message,
                format!("{} errors", deep.decode.error_count),
                "no errors",
                Remedy::ReencodeVideo,
            )
            .over(&ranges),
        );
    }
);

/// Returns the violation of a video whose first frames cannot be decoded.
fn start_violation(facts: &MediaFacts) -> Option<Violation> {
    let video = facts.main_video()?;
    let frames = video.undecodable_frames.filter(|frames| *frames > 0)?;
    let (message, remedy, ranges) = match video.first_decodable_s {
        Some(at) => {
            let at = at - facts.main_start_s();
            let range = TimeRange { from_s: 0.0, to_s: at };
            (value_text::lost_start(frames, at), Remedy::FromKeyFrame, vec![range])
        }
        None => (value_text::no_key_frame(frames), Remedy::Refuse, Vec::new()),
    };
    let actual = format!("{frames} frames before the first key frame");
    Some(Violation::new(message, actual, "a key frame first", remedy).over(&ranges).at(video.index))
}

/// Returns the violation of a video of which a fifth of the frames or more lie at the times of others, as in recordings
/// that were joined without adjusting their clocks: players show only one of the parts. Fields of interlaced video may
/// share a time.
fn overlap_violation(facts: &MediaFacts) -> Option<Violation> {
    let video = facts.main_video()?;
    let (frames, duplicates) = (video.frames?, u64::from(video.timing.as_ref()?.duplicates));
    let interlaced = video.field_order.as_deref().is_some_and(|order| order != "progressive");
    if interlaced || duplicates < MIN_OVERLAPPING_FRAMES || duplicates * 5 < frames {
        return None;
    }
    let actual = format!("{duplicates} of {frames} frames have the timestamp of another frame");
    let message = format!(
        "{actual}: recordings seem to be joined without adjusting their clocks; join them again, or export the video \
         again"
    );
    let allowed = "a unique timestamp for every frame";
    Some(Violation::new(message, actual, allowed, Remedy::Refuse).at(video.index))
}
