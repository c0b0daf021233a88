//! The fail reasons of posts (`fail_reason` of the Content Posting API) and what to do about each.

use crate::platform::Class;
use crate::profile::RuleId;

/// The page of one fail reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailReason {
    /// The reason as the platform spells it.
    pub reason: &'static str,
    /// How the caller must react.
    pub class: Class,
    /// The meaning.
    pub meaning: &'static str,
    /// What the user can do about it.
    pub action: &'static str,
    /// The source of the meaning.
    pub source: &'static str,
    /// The rules whose published limits it names.
    pub limits: &'static [RuleId],
}

impl FailReason {
    const fn about(self, limits: &'static [RuleId]) -> FailReason {
        FailReason { limits, ..self }
    }
}

const STATUS: &str = "Content Posting API, page post-status";
const FIELD: &str = "observed in practice, not on the page post-status";
const FIX: &str = "fix the file with `greenlit fix --rejected` and this reason, then send the fixed file";
const FIX_LIMIT: &str = "fix a file that breaks a published limit with `greenlit fix --rejected` and this reason; export one that meets them again, within the limits of the account";
const RULES: &str = "contact the platform or change the post; sending the same post again does not help";

const fn reason(
    reason: &'static str,
    class: Class,
    meaning: &'static str,
    action: &'static str,
    source: &'static str,
) -> FailReason {
    FailReason { reason, class, meaning, action, source, limits: &[] }
}

/// The reason of a post that was cancelled, by greenlit or on the platform.
const CANCELLED: &str = "publish_cancelled";

/// Returns the page of a reason as the platform spells it.
pub fn page(reason: &str) -> Option<&'static FailReason> {
    FAIL_REASONS.iter().find(|page| page.reason == reason)
}

/// Returns the class of a reason; an unknown one is permanent.
pub fn class_of(reason: &str) -> Class {
    page(reason).map_or(Class::Permanent, |page| page.class)
}

/// Returns whether the post was cancelled, so that nothing is wrong with it.
pub fn is_cancelled(reason: &str) -> bool {
    reason == CANCELLED
}

/// Returns the rules whose published limits a reason names.
pub fn limits_of(reason: &str) -> &'static [RuleId] {
    page(reason).map_or(&[], |page| page.limits)
}

/// Returns the page of a reason as a user typed it, for `greenlit explain`; `None` for an unknown one.
pub fn explain(reason: &str) -> Option<String> {
    let reason = reason.trim();
    let page = FAIL_REASONS.iter().find(|page| page.reason.eq_ignore_ascii_case(reason))?;
    Some(format!(
        "{}\n\n  What     {}\n  Class    {}\n  Remedy   {}\n  Source   {}\n\n",
        page.reason,
        page.meaning,
        page.class.meaning(),
        page.action,
        page.source
    ))
}

/// Every known fail reason.
#[rustfmt::skip]
pub const FAIL_REASONS: &[FailReason] = &[
    reason("file_format_check_failed", Class::ReEncode, "the platform does not accept the container or codec", FIX, STATUS),
    reason("duration_check_failed", Class::ReEncode, "the video is too short or too long for this account", FIX_LIMIT, STATUS).about(&[RuleId::Duration]),
    reason("frame_rate_check_failed", Class::ReEncode, "the frame rate is outside 23 to 60 fps, or it varies", FIX, STATUS),
    reason("picture_size_check_failed", Class::ReEncode, "the frame size is too small or too large, or its aspect ratio is unusual", FIX_LIMIT, STATUS).about(&[RuleId::Resolution, RuleId::AspectRatio]),
    reason("internal", Class::Retry, "an error on the platform's side", "send it again later", STATUS),
    reason("video_pull_failed", Class::Retry, "the platform could not fetch the video from its URL", "make the URL reachable and verify its domain with the platform, then send again; or upload the file instead", STATUS),
    reason("photo_pull_failed", Class::Retry, "the platform could not fetch a photo from its URL", "make the URL reachable and verify its domain with the platform, then send again", STATUS),
    reason("publish_cancelled", Class::Permanent, "the post was cancelled", "send it again if you did not mean to cancel it", STATUS),
    reason("auth_removed", Class::ReAuthenticate, "the user withdrew the authorisation", "the owner of the account must authorise the app again; then use the new access token", FIELD),
    reason("spam_risk_too_many_posts", Class::Permanent, "the account reached its daily limit of posts", "wait for the next day, or post less often", FIELD),
    reason("spam_risk_user_banned_from_posting", Class::Permanent, "the platform has banned the account from posting", RULES, FIELD),
    reason("spam_risk_text", Class::Permanent, "the platform classified the caption as spam", RULES, FIELD),
    reason("spam_risk", Class::Permanent, "the platform classified the post as spam", RULES, FIELD),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explains_known_reasons_only() {
        assert!(explain("frame_rate_check_failed").is_some_and(|page| page.contains("re-encodes it")));
        assert_eq!(explain("no_such_reason"), None);
    }
}
