//! `ad-text`.

use super::super::rule::rule;

rule!(
    AdText,
    "ad-text",
    judges: Ad,
    what: "Length and characters of the ad text: 1 to 100, wide characters count two, no emoji.",
    why: "The ad is refused when it is created.",
    remedy: "Shorten the text, leave emoji out.",
    source: "ad create API of the destination",
);
