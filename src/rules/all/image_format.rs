//! `image-format`.

use super::super::rule::rule;

rule!(
    ImageFormat,
    "image-format",
    what: "The kind of a picture file: a cover or an image ad.",
    why: "Other kinds are refused.",
    remedy: "Convert the picture.",
    source: "image upload API of the destination",
    |_subject, _limits, _out| {
// Judged before shipping, on the manifest and the picture; a video file alone says nothing.
    }
);
