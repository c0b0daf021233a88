//! The meaning of the error codes, which are words and come with a matching HTTP status.
//! Source: developers portal, pages content-posting-api-reference-direct-post and
//! content-posting-api-media-transfer-guide (2026-09-11).

use crate::platform::Class;

/// Returns the class of a reply. A `harmless` call may be repeated even if it may have happened already.
pub fn classify(code: &str, status: u16, harmless: bool) -> Class {
    let lost = if harmless { Class::Retry } else { Class::Unknown };
    match code {
        "ok" => Class::Ok,
        "access_token_invalid" | "scope_not_authorized" | "scope_permission_missed" => Class::ReAuthenticate,
        "rate_limit_exceeded" => Class::Throttle,
        "unaudited_client_can_only_post_to_private_accounts"
        | "reached_active_user_cap"
        | "url_ownership_unverified" => Class::Configuration,
        "internal_error" => lost,
        // The other codes concern this request or this account: spam_risk_…, invalid_param(s), …
        _ => match status {
            401 => Class::ReAuthenticate,
            408 => lost,
            429 => Class::Throttle,
            404 | 405 | 300..=399 if code.is_empty() => Class::Configuration,
            400..=499 => Class::Permanent,
            _ => lost,
        },
    }
}

/// Returns the remedy for a code; empty where the platform's message suffices.
pub fn advice(code: &str) -> &'static str {
    match code {
        "access_token_invalid" => "ask the creator to authorise the app again",
        "scope_not_authorized" | "scope_permission_missed" => {
            "the token lacks a scope: direct posts need video.publish, drafts need video.upload"
        }
        "unaudited_client_can_only_post_to_private_accounts" => {
            "until the platform has audited the app, it may post only to private accounts"
        }
        "reached_active_user_cap" => "the app reached its daily limit of users; try again tomorrow",
        "spam_risk_too_many_pending_share" => {
            "at most 5 drafts may be pending in 24 hours: the creator must post or delete some, or wait a day"
        }
        "spam_risk_too_many_posts" => "the account reached its daily limit of posts; try again tomorrow",
        "privacy_level_option_mismatch" => "use a privacy_level that the platform offers this creator",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_takes_precedence_over_the_status_and_a_lost_change_is_unknown() {
        assert_eq!(classify("access_token_invalid", 400, true), Class::ReAuthenticate);
        assert_eq!(classify("invalid_params", 400, true), Class::Permanent);
        assert_eq!(classify("spam_risk_too_many_posts", 403, true), Class::Permanent);
        assert_eq!(classify("rate_limit_exceeded", 429, false), Class::Throttle);
        assert_eq!((classify("", 502, true), classify("", 502, false)), (Class::Retry, Class::Unknown));
        assert_eq!(classify("internal_error", 500, false), Class::Unknown);
        assert_eq!(classify("", 404, true), Class::Configuration);
    }
}
