//! `landing-page`.

use super::super::rule::rule;

rule!(
    LandingPage,
    "landing-page",
    what: "Whether the landing page answers: https, status, redirects, content type.",
    why: "An ad that leads nowhere is rejected in review, or wastes its money.",
    remedy: "Correct the address; landing_page_check says how strict to be.",
    source: "ad review practice",
    |_subject, _limits, _out| {
// Judged before shipping, on the manifest and the picture; a video file alone says nothing.
    }
);
