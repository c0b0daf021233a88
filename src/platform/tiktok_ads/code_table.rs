//! The table of the platform's return codes.
//!
//! Source of the official rows: return code appendix of the Business API (doc 1737172488964097), captured on
//! 2026-08-13. The other rows are names in the official SDK 1.1.3 that the appendix does not list.

use crate::platform::Class;
use crate::platform::Class::{
    Configuration, NameTaken, Ok, Permanent, ReAuthenticate, ReEncode, ReRead, Retry, Throttle, Unknown, Wait,
};

/// The page of one return code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodePage<'a> {
    /// The code.
    pub code: i64,
    /// The class for a read; see [`classify`](super::codes::classify) for mutations.
    pub class: Class,
    /// The meaning.
    pub meaning: &'a str,
    /// What the user can do about it.
    pub action: &'a str,
    /// A common misreading.
    pub mistaken_for: Option<&'a str>,
    /// The source of the meaning.
    pub source: &'a str,
}

/// Returns the built-in page of a code; `None` for an unknown code.
pub fn explain(code: i64) -> Option<CodePage<'static>> {
    PAGES.iter().find(|page| page.code == code).copied()
}

/// Returns every built-in page, in ascending order of the codes.
pub fn pages() -> &'static [CodePage<'static>] {
    PAGES
}

const APPENDIX: &str = "Business API return code appendix (doc 1737172488964097), as of 2026-08-13";
const SDK: &str = "the platform's official SDK 1.1.3, which lists the code without describing it";

const fn official(code: i64, class: Class, meaning: &'static str, action: &'static str) -> CodePage<'static> {
    CodePage { code, class, meaning, action, mistaken_for: None, source: APPENDIX }
}

const fn sdk(code: i64, class: Class, meaning: &'static str, action: &'static str) -> CodePage<'static> {
    CodePage { code, class, meaning, action, mistaken_for: None, source: SDK }
}

const fn misread(page: CodePage<'static>, wrong: &'static str) -> CodePage<'static> {
    CodePage { mistaken_for: Some(wrong), ..page }
}

const NO_ACTION: &str = "nothing to do";
const MESSAGE: &str =
    "correct the field that the platform's message names; sending the same request again does not help";
const SLOWER: &str = "pause all calls: for one second, then for five minutes, then until 00:00 UTC; after that, stay under the limits of the app's tier";
const TOKEN: &str = "authorise the app again for this advertiser and use the new access token; access tokens of the Marketing API cannot be refreshed";
const ACCOUNTS: &str =
    "only the accounts API uses refresh tokens; authorise the app again and use the new access token";
const APP: &str = "ask the app's owner to get it approved by the platform, then authorise it again";
const SCOPE: &str =
    "authorise the app again with the scopes for video and image upload and reading (600, 601, 610, 612)";
const HOST: &str =
    "use https://business-api.tiktok.com with API version v1.3, and only endpoints that it offers";
const LATER: &str =
    "run the same command again later; greenlit first checks whether an earlier change happened";
const FETCH: &str = "make the URL reachable without a login, then send again; or upload the file instead";
const FILE: &str = "choose another file; sending the same file again does not help";
const RE_ENCODE: &str = "re-encode the file to the platform's specifications and upload the result";
const ADVERTISER: &str =
    "correct the advertiser id in the configuration; the token must be authorised for this advertiser";
const SUPPORT: &str = "contact the platform's support and give them the request id";

/// Every documented code, in ascending order.
#[rustfmt::skip]
pub(super) const PAGES: &[CodePage<'static>] = &[
    official(0, Ok, "OK", NO_ACTION),
    official(20001, Ok, "partially successful", "the platform processed only some of the items; check which ones are missing"),
    official(40000, Permanent, "invalid parameters", MESSAGE),
    official(40001, Permanent, "no permission for this operation",
        "check that the token is authorised for this advertiser and that the app has the scopes for video and image upload (600, 601, 610, 612)"),
    misread(official(40002, Permanent, "invalid parameter; the platform's message names it", MESSAGE),
        "insufficient permission (that is 40001)"),
    sdk(40003, Permanent, "forbidden", SUPPORT),
    official(40006, Configuration, "incompatible API version", HOST),
    official(40007, Permanent, "the object does not exist", "correct the id; the object may belong to another advertiser"),
    official(40008, Configuration, "the endpoint is not implemented", HOST),
    official(40009, Configuration, "the platform's own sandbox does not offer the endpoint", HOST),
    official(40010, Configuration, "unsupported domain", HOST),
    official(40011, Permanent, "too many ids in one request", "send fewer ids in one request"),
    sdk(40012, Permanent, "nothing to update", "change at least one field, or skip the update"),
    official(40013, Configuration, "the account in the platform's own sandbox does not exist", HOST),
    official(40014, Configuration, "the platform's own sandbox does not offer this", HOST),
    official(40016, Throttle, "too many requests from the app", SLOWER),
    official(40050, Unknown, "duplicate request; the first request may have succeeded", "check whether the first request succeeded before sending again"),
    official(40051, Configuration, "invalid API version", HOST),
    official(40053, ReRead, "invalid video id: the video is not ready yet or its processing failed", "check whether the video is in your video library before you upload it again"),
    sdk(40061, Permanent, "invalid batch size", "send fewer items in one request"),
    misread(official(40100, Throttle, "too many requests from the app", SLOWER),
        "invalid access token (that is 40105)"),
    official(40101, ReAuthenticate, "the authorisation parameters are wrong", TOKEN),
    official(40102, ReAuthenticate, "the access token has expired", TOKEN),
    official(40103, ReAuthenticate, "the refresh token has expired", ACCOUNTS),
    official(40104, ReAuthenticate, "the access token is empty", "set the access token; the platform expects it in the header Access-Token"),
    official(40105, ReAuthenticate, "the access token is incorrect or was revoked", TOKEN),
    official(40106, ReAuthenticate, "the core user is invalid", TOKEN),
    official(40107, ReAuthenticate, "the refresh token is invalid", ACCOUNTS),
    official(40108, ReAuthenticate, "the grant type is invalid", ACCOUNTS),
    official(40110, ReAuthenticate, "the authorisation code is invalid; a code is valid for one hour and for one use", TOKEN),
    official(40113, ReAuthenticate, "the app is blocked", APP),
    sdk(40114, ReAuthenticate, "the advertiser is logged out", TOKEN),
    official(40115, ReAuthenticate, "the timestamp of the authorisation is invalid", "correct this machine's clock, then authorise again"),
    official(40118, ReAuthenticate, "the app is not on the platform's allowlist", APP),
    official(40119, ReAuthenticate, "the app and the advertiser belong to different companies", APP),
    official(40124, ReAuthenticate, "the platform has not accepted the developer profile", APP),
    official(40125, ReAuthenticate, "the developer has no permission", APP),
    sdk(40130, ReAuthenticate, "the scope is not authorised", SCOPE),
    sdk(40131, ReAuthenticate, "the check of the scopes that the user authorised failed", SCOPE),
    official(40132, Throttle, "too many requests for one value of a field, such as a pixel", SLOWER),
    official(40133, Throttle, "too many requests for the advertiser", SLOWER),
    official(40200, Permanent, "the task failed", "remove the cause that the platform's message names, then start the task again"),
    official(40201, Wait, "the task is not ready", "ask again later"),
    official(40202, Retry, "write conflict", "run the same command again after a moment"),
    official(40300, Permanent, "the advertiser does not exist", ADVERTISER),
    official(40301, Permanent, "the advertiser does not match", ADVERTISER),
    sdk(40302, Permanent, "a problem with the advertiser; the platform publishes no details", ADVERTISER),
    sdk(40309, Permanent, "a problem with the advertiser; the platform publishes no details", ADVERTISER),
    sdk(40400, Configuration, "route not found", HOST),
    official(40502, Permanent, "the maximum number of ads is reached", "delete ads that are no longer needed, or use another ad group"),
    official(40700, Permanent, "validation error inside the platform", SUPPORT),
    official(40900, Retry, "the MD5 does not match the file", "run the same command again; the file must not change while it is sent"),
    official(40901, Wait, "the platform is still transcoding the video", "ask again later; transcoding takes half a minute to five minutes"),
    official(40902, Retry, "the platform cannot fetch the file from its URL", FETCH),
    official(40903, Retry, "the image URL is not available", FETCH),
    official(40904, Permanent, "the image is invalid", FILE),
    official(40905, Permanent, "the file is missing", "send the file as a separate part of the form"),
    official(40906, Permanent, "the file is empty", FILE),
    official(40907, Permanent, "the file is too large", "make the file smaller; videos may have up to 500 MB, images up to 50 MB"),
    official(40908, Permanent, "the file type is not supported", "use MP4, MOV, MPEG or AVI for videos, and JPG or PNG for images"),
    official(40909, Permanent, "the value of calculate_type is wrong", MESSAGE),
    official(40910, Permanent, "the temporary file has expired; the platform keeps it for 24 hours", "upload the file again"),
    official(40911, NameTaken, "a video or image with this name exists already",
        "look for this name in your library: if its MD5 is the same, the file is already uploaded; otherwise choose another name"),
    official(40912, Retry, "the image URL is not available", FETCH),
    official(40913, Retry, "the platform cannot fetch the image", FETCH),
    official(40914, ReEncode, "the file is invalid", RE_ENCODE),
    official(40915, ReEncode, "the file does not meet the specifications", RE_ENCODE),
    sdk(40916, Permanent, "the video contains illegal content", "change the content, or appeal to the platform"),
    official(41000, Permanent, "the IP address is banned", SUPPORT),
    official(41001, Permanent, "the platform has retired this call", "update greenlit"),
    official(41002, Permanent, "the platform has retired fields of this call", "update greenlit"),
    sdk(41013, Retry, "error of the platform's site-to-video service", LATER),
    official(50000, Retry, "system error on the platform's side", LATER),
    misread(official(50002, Retry, "error on the platform's side; see the platform's message (the SDK calls this code a timeout)", LATER),
        "service temporarily unavailable (maintenance is 60001)"),
    sdk(51010, Retry, "timeout inside the platform", LATER),
    sdk(51017, Retry, "error of the platform's video transcoding service", LATER),
    sdk(51045, Retry, "error of the platform's ad file service", LATER),
    sdk(51067, Retry, "error of the platform's video storage service", LATER),
    official(51305, Retry, "error of the platform's satellite service", LATER),
    sdk(52202, Retry, "the platform's storage timed out", LATER),
    sdk(52204, Retry, "the platform's storage did not accept the file", LATER),
    sdk(53102, Retry, "serialisation error on the platform's side", LATER),
    sdk(53103, Retry, "deserialisation error on the platform's side", LATER),
    official(60001, Wait, "the platform is under maintenance", "wait until the maintenance is over"),
    sdk(61000, Retry, "too many requests inside the platform", LATER),
    sdk(70001, Permanent, "no published meaning", SUPPORT),
    CodePage {
        code: 2_200_006,
        class: ReRead,
        meaning: "not a published code of this API; reported to mean that video processing failed",
        action: "look for the video in your library: if it is there and can be played, it is usable; if it stays missing, re-encode the file",
        mistaken_for: Some("an official code (40901 means that the video is still being processed, 40915 and 40908 that the file is bad)"),
        source: "one third-party page, unverified; set the class in the configuration if you know better",
    },
];
