//! `landing-page`.

use crate::rules::{RuleId, RuleInfo, Scope};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::LandingPage,
    scope: Scope::Ad,
    what: "Checks whether the landing page responds: https, status, redirects, content type.",
    why: "An ad with a broken landing page is rejected in review or wastes its budget.",
    remedy: "Correct the URL; landing_page_check sets how strict the check is.",
    source: "ad review practice",
};
