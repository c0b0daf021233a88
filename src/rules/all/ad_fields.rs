//! `ad-fields`.

use super::super::rule::rule;

rule!(
    AdFields,
    "ad-fields",
    judges: Ad,
    what: "Whether every field the identity type needs is there.",
    why: "The ad is refused when it is created.",
    remedy: "Fill in the field named.",
    source: "ad create API of the destination",
);
