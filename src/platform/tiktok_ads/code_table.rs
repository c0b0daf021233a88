//! The platform's return codes, one row each.
//!
//! Official rows: return code appendix of the Business API (doc 1737172488964097), captured on 2026-08-13.
//! The others are names in the official SDK 1.1.3 that the appendix does not list.

use super::codes::CodePage;
use crate::platform::Class;
use crate::platform::Class::{
    Configuration, Ok, Permanent, ReAuthenticate, ReEncode, ReRead, Retry, Throttle, Unknown, Wait,
};

const APPENDIX: &str = "Business API return code appendix (doc 1737172488964097), as of 2026-08-13";
const SDK: &str = "official SDK 1.1.3, a name without a published meaning";

const fn official(code: i64, class: Class, meaning: &'static str, action: &'static str) -> CodePage<'static> {
    CodePage { code, class, meaning, action, mistaken_for: None, source: APPENDIX }
}

const fn sdk(code: i64, class: Class, meaning: &'static str, action: &'static str) -> CodePage<'static> {
    CodePage { code, class, meaning, action, mistaken_for: None, source: SDK }
}

const fn mistaken(page: CodePage<'static>, wrong: &'static str) -> CodePage<'static> {
    CodePage { mistaken_for: Some(wrong), ..page }
}

const NONE: &str = "nothing to do";
const MESSAGE: &str = "correct the field that the message names; sending the same again will not help";
const SLOWER: &str = "pause every call: one second, then five minutes, then until 00:00 UTC; then stay under the tier's limits";
const TOKEN: &str = "authorise the app again for this advertiser and put the new access token in place; Marketing API tokens cannot be refreshed";
const ACCOUNTS: &str =
    "refresh tokens belong to the accounts API; authorise the app again and use the new access token";
const APP: &str = "have the app's owner settle its approval with the platform, then authorise it again";
const SCOPE: &str =
    "authorise the app again with the scopes for video and image upload and reading (600, 601, 610, 612)";
const HOST: &str = "use https://business-api.tiktok.com with API version v1.3 and an endpoint that it offers";
const LATER: &str = "a read may be sent again shortly; after a change, ask first whether it happened";
const FETCH: &str =
    "make the address reachable without a login, then send again; uploading the file avoids it";
const FILE: &str = "choose another file; sending the same again will not help";
const MAKE: &str = "make the file anew to specification and upload that";
const ADVERTISER: &str =
    "correct the advertiser id in the configuration; the token must be authorised for it";
const SUPPORT: &str = "ask the platform's support, with the request id";

/// Every documented code, in ascending order.
#[rustfmt::skip]
pub(super) const PAGES: &[CodePage<'static>] = &[
    official(0, Ok, "OK", NONE),
    official(20001, Ok, "partially successful", "look at the data: only some of the items were done"),
    official(40000, Permanent, "invalid parameters", MESSAGE),
    official(40001, Permanent, "no permission for the operation",
        "check that the token is authorised for this advertiser and that the app has the scopes for video and image upload (600, 601, 610, 612)"),
    mistaken(official(40002, Permanent, "parameter error, see the message", MESSAGE),
        "insufficient permission (that is 40001)"),
    sdk(40003, Permanent, "forbidden", SUPPORT),
    official(40006, Configuration, "API version incompatible", HOST),
    official(40007, Permanent, "the object does not exist", "correct the id; it may belong to another advertiser"),
    official(40008, Configuration, "the endpoint is not implemented here", HOST),
    official(40009, Configuration, "the endpoint is not offered in the platform's sandbox", HOST),
    official(40010, Configuration, "unsupported domain", HOST),
    official(40011, Permanent, "too many ids in one request", "ask for fewer ids at a time"),
    sdk(40012, Permanent, "nothing to update", "change at least one field, or leave it"),
    official(40013, Configuration, "the platform's sandbox account is missing", HOST),
    official(40014, Configuration, "not offered in the platform's sandbox", HOST),
    official(40016, Throttle, "requests too frequent for the app", SLOWER),
    official(40050, Unknown, "duplicate request: the first one may have been done", "ask whether it happened before sending again"),
    official(40051, Configuration, "invalid API version", HOST),
    official(40053, ReRead, "video id invalid: not ready yet, or never will be", "read the video again before giving up on it"),
    sdk(40061, Permanent, "invalid batch size", "send fewer items at a time"),
    mistaken(official(40100, Throttle, "requests too frequent for the app", SLOWER),
        "invalid access token (that is 40105)"),
    official(40101, ReAuthenticate, "authorisation parameters are wrong", TOKEN),
    official(40102, ReAuthenticate, "the access token is expired", TOKEN),
    official(40103, ReAuthenticate, "the refresh token is expired", ACCOUNTS),
    official(40104, ReAuthenticate, "the access token is empty", "put the access token in place; it goes into the header Access-Token"),
    official(40105, ReAuthenticate, "the access token is incorrect or was revoked", TOKEN),
    official(40106, ReAuthenticate, "the core user is invalid", TOKEN),
    official(40107, ReAuthenticate, "the refresh token is invalid", ACCOUNTS),
    official(40108, ReAuthenticate, "the grant type is invalid", ACCOUNTS),
    official(40110, ReAuthenticate, "the authorisation code is invalid; it lives one hour and works once", TOKEN),
    official(40113, ReAuthenticate, "the app is blocked", APP),
    sdk(40114, ReAuthenticate, "the advertiser is logged out", TOKEN),
    official(40115, ReAuthenticate, "the timestamp of the authorisation is invalid", "set this machine's clock, then authorise again"),
    official(40118, ReAuthenticate, "the app is not allowlisted", APP),
    official(40119, ReAuthenticate, "the companies of app and advertiser do not match", APP),
    official(40124, ReAuthenticate, "the developer profile is not accepted", APP),
    official(40125, ReAuthenticate, "the developer has no permission", APP),
    sdk(40130, ReAuthenticate, "the scope is not authorised", SCOPE),
    sdk(40131, ReAuthenticate, "the scope of the user's authorisation failed", SCOPE),
    official(40132, Throttle, "requests too frequent for one value of a field (a pixel)", SLOWER),
    official(40133, Throttle, "requests too frequent for the advertiser", SLOWER),
    official(40200, Permanent, "the task failed", "look at the message; start the task anew when its cause is gone"),
    official(40201, Wait, "the task is not ready", "ask again later"),
    official(40202, Retry, "write conflict", "send again after a moment"),
    official(40300, Permanent, "the advertiser does not exist", ADVERTISER),
    official(40301, Permanent, "the advertiser does not match", ADVERTISER),
    sdk(40302, Permanent, "something about the advertiser", ADVERTISER),
    sdk(40309, Permanent, "something about the advertiser", ADVERTISER),
    sdk(40400, Configuration, "route not found", HOST),
    official(40502, Permanent, "the limit of ads is reached", "delete ads that are no longer needed, or use another ad group"),
    official(40700, Permanent, "internal validation error", SUPPORT),
    official(40900, Retry, "the MD5 does not match the file", "hash the exact bytes sent and send once more"),
    official(40901, Wait, "video transcoding in process", "ask again later; it takes half a minute to five minutes"),
    official(40902, Retry, "the file cannot be fetched from its URL", FETCH),
    official(40903, Retry, "the image URL is not available", FETCH),
    official(40904, Permanent, "illegal image", FILE),
    official(40905, Permanent, "the file is missing", "send the file as a part of its own"),
    official(40906, Permanent, "the file is empty", FILE),
    official(40907, Permanent, "the file is too large", "make it smaller; videos may have 500 MB, images 50 MB"),
    official(40908, Permanent, "the file type is not supported", "use mp4, mov, mpeg or avi for videos, JPG or PNG for images"),
    official(40909, Permanent, "the way of calculating is wrong (calculate_type)", MESSAGE),
    official(40910, Permanent, "the temporary file is expired; it lives 24 hours", "upload the file again"),
    official(40911, ReRead, "duplicate material name",
        "look for the video of that name: with the same MD5 it is yours already, otherwise choose another name"),
    official(40912, Retry, "the image URL is not available", FETCH),
    official(40913, Retry, "the image cannot be fetched", FETCH),
    official(40914, ReEncode, "the file is invalid", MAKE),
    official(40915, ReEncode, "the file does not meet the specifications", MAKE),
    sdk(40916, Permanent, "illegal content in the video", "change the content, or appeal to the platform"),
    official(41000, Permanent, "the IP address is banned", SUPPORT),
    official(41001, Permanent, "the interface is offline", "update this program; the platform retired the call"),
    official(41002, Permanent, "fields of the call are offline", "update this program; the platform retired the fields"),
    sdk(41013, Retry, "site-to-video service error", LATER),
    official(50000, Retry, "system error on the platform's side", LATER),
    mistaken(official(50002, Retry, "error on the platform's side, see the message (the SDK calls it a timeout)", LATER),
        "service temporarily unavailable (maintenance is 60001)"),
    sdk(51010, Retry, "internal timeout", LATER),
    sdk(51017, Retry, "video transcoding service error", LATER),
    sdk(51045, Retry, "ad file service error", LATER),
    sdk(51067, Retry, "video storage service error", LATER),
    official(51305, Retry, "satellite service error", LATER),
    sdk(52202, Retry, "the platform's storage timed out", LATER),
    sdk(52204, Retry, "the platform's storage did not take the file", LATER),
    sdk(53102, Retry, "serialisation error on the platform's side", LATER),
    sdk(53103, Retry, "deserialisation error on the platform's side", LATER),
    official(60001, Wait, "maintenance", "wait until it is over"),
    sdk(61000, Retry, "too many requests inside the platform", LATER),
    sdk(70001, Permanent, "no published meaning", SUPPORT),
    CodePage {
        code: 2_200_006,
        class: ReRead,
        meaning: "no published code of this API; said to mean that video processing failed",
        action: "read the video again: if it is listed and displayable it is fine, if it stays away make the file anew",
        mistaken_for: Some("an official code: the one for a video still in process is 40901, those for a bad file 40915 and 40908"),
        source: "one third-party page, unverified; its class can be set in the configuration",
    },
];
