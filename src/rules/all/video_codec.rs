//! `video-codec`.

use crate::model::Codec;
use crate::profile::VideoCodecLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::VideoCodec,
    scope: Scope::Video,
    what: "Checks the video codec and, for HEVC, its tag: hvc1 or hev1.",
    why: "Other codecs fail in processing, often hours after the upload was accepted. Platforms that \
        publish no list are known to accept H.264 everywhere and HEVC mostly. Apple devices neither play \
        nor preview hev1.",
    remedy: "Re-encode the video as H.264; compliant audio is copied. hev1 becomes hvc1 without re-encoding.",
    source: "lists published by third parties, and public reports",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &VideoCodecLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let allowed = &limits.allow;
    match &video.codec {
        _ if allowed.is_empty() => {}
        None => out.mark_undecided(),
        Some(codec) if allowed.contains(codec) => {
            if *codec == Codec::Hevc && video.codec_tag.as_deref() == Some("hev1") {
                let message = "HEVC is tagged hev1, which Apple devices do not play; hvc1 plays everywhere";
                let violation =
                    Violation::new(message, "hev1", "hvc1", Remedy::BitstreamFilter).at(video.index);
                out.add_verbatim(violation.as_warning());
            }
        }
        Some(codec) => {
            let message = format!("the video codec is {codec}");
            out.add(
                Violation::new(message, codec.name(), allowed.join(", "), Remedy::ReencodeVideo)
                    .at(video.index),
            );
        }
    }
}
