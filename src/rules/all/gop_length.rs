//! `gop-length`.

use crate::model::{Rational, count};
use crate::profile::GopLengthLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::GopLength,
    scope: Scope::Video,
    what: "Checks the longest distance between key frames.",
    why: "Seeking and thumbnails become slow; very long groups of pictures have made uploads fail.",
    remedy: "Re-encode the video with a key frame every two seconds.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &GopLengthLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let Some(frames) = video.max_gop_frames else { return };
    let too_many = limits.max_frames.filter(|max| frames as f64 > *max);
    let rate = video.frame_rate.map(Rational::as_f64);
    let too_long = limits.max_s.zip(rate).filter(|(max, rate)| frames as f64 / rate > *max);
    let (actual, allowed) = match (too_many, too_long) {
        (Some(max), _) => {
            (count(frames, "frame", "frames"), format!("at most {}", count(max as u64, "frame", "frames")))
        }
        (None, Some((max, rate))) => {
            (value_text::seconds(frames as f64 / rate), format!("at most {}", value_text::seconds(max)))
        }
        (None, None) => return,
    };
    let length = rate
        .filter(|rate| *rate > 0.0)
        .map_or(String::new(), |rate| format!(" ({})", value_text::seconds(frames as f64 / rate)));
    let message = format!("key frames are up to {frames} frames apart{length}");
    out.add_verbatim(Violation::new(message, actual, allowed, Remedy::ReencodeVideo).at(video.index));
}
