//! `ad-fields`.

use crate::rules::{RuleId, RuleInfo, Scope};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::AdFields,
    scope: Scope::Ad,
    what: "Checks that every field required by the identity type is filled in.",
    why: "The platform refuses the ad when it is created.",
    remedy: "Fill in the field that the message names.",
    source: "ad create API of the destination",
};
