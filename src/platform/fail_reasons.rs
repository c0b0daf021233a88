//! Why a post failed, in the platform's words (`fail_reason` of the Content Posting API).

use super::Class;

/// One fail reason's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailReason {
    /// As the platform spells it.
    pub reason: &'static str,
    /// What it means for whoever asked.
    pub class: Class,
    /// What it means.
    pub meaning: &'static str,
    /// What to do about it.
    pub action: &'static str,
    /// Where the meaning is from.
    pub source: &'static str,
}

const STATUS: &str = "Content Posting API, page post-status";
const FIELD: &str = "seen in the field, not on the page post-status";
const FIX: &str = "fix the file with `greenlit fix --rejected` and this reason, and send what comes out";
const RULES: &str = "settle it with the platform or change the post; sending the same again will not help";

const fn reason(
    reason: &'static str,
    class: Class,
    meaning: &'static str,
    action: &'static str,
    source: &'static str,
) -> FailReason {
    FailReason { reason, class, meaning, action, source }
}

/// Every fail reason known.
#[rustfmt::skip]
pub const FAIL_REASONS: &[FailReason] = &[
    reason("file_format_check_failed", Class::ReEncode, "the container or codec was not accepted", FIX, STATUS),
    reason("duration_check_failed", Class::ReEncode, "the video is too short or too long for this account", FIX, STATUS),
    reason("frame_rate_check_failed", Class::ReEncode, "the frame rate is outside 23 to 60, or varies", FIX, STATUS),
    reason("picture_size_check_failed", Class::ReEncode, "the picture is too small, too large or of an unusual shape", FIX, STATUS),
    reason("internal", Class::Retry, "an error on the platform's side", "send it again later", STATUS),
    reason("video_pull_failed", Class::Retry, "the video could not be fetched from its URL", "make the address reachable and verified, then send again; uploading the file avoids it", STATUS),
    reason("photo_pull_failed", Class::Retry, "a photo could not be fetched from its URL", "make the address reachable and verified, then send again", STATUS),
    reason("publish_cancelled", Class::Permanent, "the post was cancelled", "send it again if that was not meant", STATUS),
    reason("auth_removed", Class::ReAuthenticate, "the user withdrew the authorisation", "have the user authorise the app again", FIELD),
    reason("spam_risk_too_many_posts", Class::Permanent, "the account reached its daily number of posts", "wait for the next day, or post less often", FIELD),
    reason("spam_risk_user_banned_from_posting", Class::Permanent, "the account may not post", RULES, FIELD),
    reason("spam_risk_text", Class::Permanent, "the text looks like spam", RULES, FIELD),
    reason("spam_risk", Class::Permanent, "the post looks like spam", RULES, FIELD),
];
