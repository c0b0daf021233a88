//! `ad-fields`.

use super::super::rule::{RuleDoc, RuleInfo, Scope};
use crate::profile::RuleId;

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::AdFields,
    scope: Scope::Ad,
    doc: RuleDoc {
        what: "Checks that every field required by the identity type is filled in.",
        why: "The platform refuses the ad when it is created.",
        remedy: "Fill in the field that the message names.",
        source: "ad create API of the destination",
    },
};
