//! `image-aspect-ratio`.

use super::super::rule::rule;

rule!(
    ImageAspectRatio,
    "image-aspect-ratio",
    what: "Whether a cover has the ratio of its video.",
    why: "An ad whose cover has another ratio is refused when it is created.",
    remedy: "Choose another picture, or leave the cover out: a frame of the video always fits.",
    source: "ad create API of the destination",
    |_subject, _limits, _out| {
// Judged before shipping, on the manifest and the picture; a video file alone says nothing.
    }
);
