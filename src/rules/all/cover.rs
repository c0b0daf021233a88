//! `cover`.

use crate::rules::{RuleId, RuleInfo, Scope};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Cover,
    scope: Scope::Ad,
    what: "Checks whether every ad has a usable cover.",
    why: "A single-video ad needs exactly one cover image.",
    remedy: "Name an image that exists, or leave the column empty: greenlit then uses a frame of the video.",
    source: "ad create API of the destination",
};
