//! `landing-page`.

use super::super::rule::rule;

rule!(
    LandingPage,
    "landing-page",
    judges: Ad,
    what: "Whether the landing page answers: https, status, redirects, content type.",
    why: "An ad that leads nowhere is rejected in review, or wastes its money.",
    remedy: "Correct the address; landing_page_check says how strict to be.",
    source: "ad review practice",
);
