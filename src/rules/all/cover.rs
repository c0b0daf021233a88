//! `cover`.

use super::super::rule::rule;

rule!(
    Cover,
    "cover",
    scope: Ad,
    what: "Checks whether every ad has a usable cover.",
    why: "A single-video ad needs exactly one cover image.",
    remedy: "Name an image that exists, or leave the column empty: greenlit then uses a frame of the video.",
    source: "ad create API of the destination",
);
