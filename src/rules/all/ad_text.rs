//! `ad-text`.

use crate::rules::{RuleId, RuleInfo, Scope};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::AdText,
    scope: Scope::Ad,
    what: "Checks the ad text: 1 to 100 characters (wide characters count as two), no emoji.",
    why: "The platform refuses the ad when it is created.",
    remedy: "Shorten the text and remove emoji.",
    source: "ad create API of the destination",
};
