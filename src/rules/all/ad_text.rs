//! `ad-text`.

use super::super::rule::rule;

rule!(
    AdText,
    "ad-text",
    scope: Ad,
    what: "Checks the ad text: 1 to 100 characters (wide characters count as two), no emoji.",
    why: "The platform refuses the ad when it is created.",
    remedy: "Shorten the text and remove emoji.",
    source: "ad create API of the destination",
);
