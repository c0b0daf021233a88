//! `video-stream`.

use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::VideoStream,
    scope: Scope::Video,
    what: "Checks whether the file has a video stream that moves and can be decoded.",
    why: "A file without a decodable video stream cannot be a video ad.",
    remedy: "None: the file has nothing to show.",
    source: "video ad formats of every destination",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    match subject.video() {
        None => out.add_verbatim(Violation::new(
            match subject.facts.video.is_empty() {
                true => "the file has no video stream",
                false => "the video track has no samples",
            },
            "none",
            "one video stream",
            Remedy::Refuse,
        )),
        Some(video) if !video.decodable => {
            let codec = video.codec_or_tag().unwrap_or("unknown");
            let message = format!("no decoder is available for the video stream ({codec})");
            out.add_verbatim(
                Violation::new(message, codec, "a video stream that can be decoded", Remedy::Refuse)
                    .at(video.index),
            );
        }
        Some(video) if video.width == Some(0) || video.height == Some(0) => {
            out.add_verbatim(
                Violation::new(
                    "the video has a width or height of zero",
                    "0x0",
                    "a size above zero",
                    Remedy::Refuse,
                )
                .at(video.index),
            );
        }
        Some(video) => {
            if let Some(image) = subject.facts.still_image() {
                let message = format!("the file is a still image ({})", image.format);
                out.add_verbatim(
                    Violation::new(message, image.format.name(), "a video", Remedy::Refuse).at(video.index),
                );
            }
        }
    }
}
