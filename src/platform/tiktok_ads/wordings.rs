//! Replies that the platform tells apart by their message alone. Its code says too little there.

use crate::platform::Class;

/// A reply that is recognized by its message.
struct Wording {
    /// The endpoint; `None` for all.
    endpoint: Option<&'static str>,
    /// The code; `None` for all that report a failure.
    code: Option<i64>,
    /// Words that the message contains, in lower case.
    words: &'static [&'static str],
    class: Class,
}

const WORDINGS: [Wording; 2] = [
    // The page of suggest-cover documents it as the reply before transcoding has ended.
    Wording {
        endpoint: Some("file/video/suggestcover"),
        code: None,
        words: &["insufficient permissions"],
        class: Class::Wait,
    },
    // 40002 is a catch-all; observed for an advertiser who withdrew the authorisation.
    Wording {
        endpoint: None,
        code: Some(40_002),
        words: &["authorization", "cancel"],
        class: Class::ReAuthenticate,
    },
];

/// Returns the class of a reply whose message tells it.
pub(super) fn class_of(endpoint: &str, code: i64, message: &str) -> Option<Class> {
    let message = message.to_ascii_lowercase();
    let is_reply = |wording: &&Wording| {
        wording.endpoint.is_none_or(|path| endpoint.trim_matches('/').ends_with(path))
            && wording.code.map_or(code != 0, |expected| expected == code)
            && wording.words.iter().all(|word| message.contains(word))
    };
    WORDINGS.iter().find(is_reply).map(|wording| wording.class)
}
