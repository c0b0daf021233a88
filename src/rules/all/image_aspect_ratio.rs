//! `image-aspect-ratio`.

use super::super::finding::Remedy;
use super::super::format;
use super::super::rule::{Verdicts, Violation, rule};
use crate::model::{Size, Still};
use crate::profile::Limits;

rule!(
    ImageAspectRatio,
    "image-aspect-ratio",
    judges: Picture,
    what: "Width to height of a picture; for a cover, whether it is that of its video.",
    why: "An ad whose cover has another ratio than its video is refused when it is created.",
    remedy: "Choose another picture, or leave the cover out: a frame of the video always fits.",
    source: "ad create API of the destination",
    |subject, limits, out| {
        let Some(still) = subject.facts.still() else { return };
        let Some(ratio) = still.picture.display_aspect_ratio() else {
            out.unknown();
            return;
        };
        let (tolerance, shown) = (limits.number("tolerance").unwrap_or(0.0), format::ratio(ratio));
        for (key, is_hard) in [("allow", true), ("warn_allow", false)] {
            let allowed = limits.ratios(key);
            if allowed.is_empty() || allowed.iter().any(|wanted| format::near(ratio, *wanted, tolerance)) {
                continue;
            }
            let says = format!("the aspect ratio of the picture is {shown}");
            let breach = Violation::new(says, shown.clone(), format::ratios(allowed), Remedy::Refuse);
            out.breach(if is_hard { breach } else { breach.as_warning() });
        }
    }
);

/// Judges a picture as the cover of a video that is shown at `video`.
pub(in crate::rules) fn as_cover(still: &Still<'_>, video: Size, limits: &Limits, out: &mut Verdicts<'_>) {
    let (Some(own), Some(wanted)) = (still.picture.display_aspect_ratio(), video.aspect_ratio()) else {
        out.unknown();
        return;
    };
    if !format::near(own, wanted, limits.number("tolerance").unwrap_or(0.0)) {
        let (own, wanted) = (format::ratio(own), format::ratio(wanted));
        let says = format!("the aspect ratio of the cover is {own} and that of its video {wanted}");
        out.say(Violation::new(says, own, wanted, Remedy::Refuse));
    }
}
