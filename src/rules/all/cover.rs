//! `cover`.

use super::super::rule::rule;

rule!(
    Cover,
    "cover",
    judges: Ad,
    what: "Whether a usable cover is at hand for every ad.",
    why: "A single-video ad needs exactly one picture.",
    remedy: "Name a picture that exists, or leave the column empty: a frame of the video is taken.",
    source: "ad create API of the destination",
);
