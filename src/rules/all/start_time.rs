//! `start-time`.

use crate::profile::StartTimeLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::StartTime,
    scope: Scope::Video,
    what: "Checks whether the video starts at zero and together with the audio.",
    why: "A video that starts late begins with a black frame; a track that starts late is out of sync after \
        transcoding.",
    remedy: "Remux or re-encode so that both start at zero.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &StartTimeLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let max = limits.max_s();
    let Some(start) = video.start_s else { return };
    if start.abs() > max {
        let message = format!("the video starts at {}", value_text::seconds(start));
        out.add_verbatim(
            Violation::new(
                message,
                value_text::seconds(start),
                format!("within {max} s of zero"),
                Remedy::Remux,
            )
            .at(video.index),
        );
    }
    let Some(audio) = subject.facts.main_audio() else { return };
    if let Some(difference) =
        audio.start_s.map(|other| (other - start).abs()).filter(|difference| *difference > max)
    {
        let message = format!("video and audio start {} apart", value_text::seconds(difference));
        out.add_verbatim(
            Violation::new(
                message,
                value_text::seconds(difference),
                format!("at most {max} s apart"),
                Remedy::Remux,
            )
            .at(audio.index),
        );
    }
}
