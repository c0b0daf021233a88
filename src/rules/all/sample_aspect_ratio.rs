//! `sample-aspect-ratio`.

use crate::model::Rational;
use crate::profile::NoLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::SampleAspectRatio,
    scope: Scope::Video,
    what: "Checks whether the pixels are square, and whether container and video stream agree about them.",
    why: "Players and transcoders that ignore the sample aspect ratio show the video stretched; X refuses \
        it.",
    remedy: "Re-encode the video with square pixels; where only container and bitstream disagree, rewrite \
        the tag.",
    source: "X media best practices",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, _limits: &NoLimits, out: &mut FindingCollector<'_>) {
    let Some(video) = subject.video() else { return };
    let Some(ratio) = video.sample_aspect_ratio else { return };
    if ratio != Rational::ONE {
        let actual = ratio.with_colon();
        let message = format!("pixels are not square (sample aspect ratio {actual})");
        out.add_verbatim(Violation::new(message, actual, "1:1", Remedy::ReencodeVideo).at(video.index));
    }
    if let Some(in_stream) = video.bitstream_sample_aspect_ratio.filter(|in_stream| *in_stream != ratio) {
        let (in_stream, ratio) = (in_stream.with_colon(), ratio.with_colon());
        let message = format!(
            "container and video stream disagree about the sample aspect ratio: {ratio} and {in_stream}"
        );
        let actual = format!("{ratio} and {in_stream}");
        let violation = Violation::new(message, actual, "one sample aspect ratio", Remedy::ReencodeVideo);
        out.add_verbatim(violation.at(video.index).as_warning());
    }
}
