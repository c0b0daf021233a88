//! `integrity`.

use crate::model::{Container, LossKind, MediaFacts, SourceDamage, TimeRange, count};
use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// Fewer frames that share their times are a flaw of the timestamps, not a part of the video.
const MIN_OVERLAPPING_FRAMES: u64 = 5;

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Integrity,
    scope: Scope::File,
    what: "Checks whether the file contains all the data it declares, whether it begins with a key frame, and \
        whether its data is not encrypted and decodes, whether frames are missing within the video, and whether \
        another recording follows that players do not show.",
    why: "A truncated upload or copy plays to the cut and stops. Processing fails, or the ad shows half a \
        video. Many readers do not notice. Frames before the first key frame cannot be shown at all.",
    remedy: "None for missing data: export or copy the original again. `--from-key-frame` starts the video at \
        its first key frame, `--conceal` keeps what the decoder shows in place of a few damaged frames.",
    source: "sizes, indices, durations and end markers that the container declares, compared with the bytes \
        in the file; the frame types in the first packets; the numbers by which frames refer to each other",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
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
    let joined = second_recording_violation(subject.facts);
    let overlap = overlap_violation(subject.facts).filter(|_| joined.is_none());
    for violation in [start_violation(subject.facts), joined, overlap].into_iter().flatten() {
        out.add_verbatim(violation);
    }
    for violation in [damage_violation(subject), gap_violation(subject.facts)].into_iter().flatten() {
        out.add_verbatim(violation);
    }
}

/// Returns the violation of a video with a constant frame rate that shows no frame at some times. The encoder may have
/// left them out, so it is a warning. Empty frames of AVI and Ogg repeat the one before.
fn gap_violation(facts: &MediaFacts) -> Option<Violation> {
    let video = facts.main_video()?;
    if matches!(facts.container, Some(Container::Avi | Container::Ogg)) {
        return None;
    }
    let loss = video.lost_frames.iter().find(|loss| loss.kind == LossKind::TimeGap)?;
    let (what, times) =
        (if loss.count == 1 { "frame seems" } else { "frames seem" }, value_text::times(&loss.at_s));
    let message = format!(
        "{} {what} to be missing{times}: all others of the {} follow each other at a constant rate",
        loss.count, loss.of
    );
    let ranges: Vec<TimeRange> = loss.at_s.iter().map(|&at| TimeRange { from_s: at, to_s: at }).collect();
    let actual = format!("{} {what} to be missing", loss.count);
    let violation = Violation::new(message, actual, "a frame at every time of the rate", Remedy::None);
    Some(violation.at(video.index).over(&ranges).as_warning())
}

/// Returns the violation of damaged frames: what the decoder found, or what headers and packets show without it.
fn damage_violation(subject: &Subject<'_>) -> Option<Violation> {
    let mut damage = subject.facts.known_damage();
    if let Some(deep) = subject.deep {
        let decode = &deep.decode;
        let (packets, error_count, errors) = (decode.packets, decode.error_count, decode.errors.clone());
        // A decode counts missing frames, too, but gets no frames without data.
        damage = subject.facts.empty_samples();
        if error_count >= damage.error_count {
            damage = SourceDamage {
                packets: packets.saturating_add(damage.error_count),
                error_count,
                errors,
                at_least: false,
                heavy: decode.heavy_damage,
            };
        }
    }
    if damage.is_none() {
        return None;
    }
    let ranges: Vec<TimeRange> = damage
        .errors
        .iter()
        .filter_map(|error| error.at_s)
        .map(|at| TimeRange { from_s: at, to_s: at })
        .collect();
    let remedy = if damage.is_small() { Remedy::Conceal } else { Remedy::Refuse };
    let actual = count(damage.error_count, "error", "errors");
    Some(Violation::new(damage.describe(), actual, "no errors", remedy).over(&ranges))
}

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
    let actual = format!("{} before the first key frame", count(frames, "frame", "frames"));
    Some(Violation::new(message, actual, "a key frame first", remedy).over(&ranges).at(video.index))
}

/// Returns the violation of a file behind whose recording another one begins, which players do not show.
fn second_recording_violation(facts: &MediaFacts) -> Option<Violation> {
    let at = facts.second_recording_byte?;
    let bytes = facts.size_bytes.saturating_sub(at);
    let actual = format!("another recording from byte {at}");
    let message = format!(
        "another recording of {bytes} bytes begins behind the first (at byte {at}), and players show only the first: \
         two files seem to be joined as bytes; join them with an editor, or split them at that byte"
    );
    Some(Violation::new(message, actual, "one recording", Remedy::Refuse))
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
