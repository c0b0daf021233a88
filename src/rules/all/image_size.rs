//! `image-size`.

use super::super::rule::rule;

rule!(
    ImageSize,
    "image-size",
    what: "Bytes and pixels of a picture.",
    why: "Larger pictures are refused.",
    remedy: "Scale the picture down.",
    source: "image upload API of the destination",
    |_subject, _limits, _out| {
// Judged before shipping, on the manifest and the picture; a video file alone says nothing.
    }
);
