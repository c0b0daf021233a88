//! Replies that the platform tells apart by their message alone. Its code says too little there.

use crate::platform::Class;

/// Returns the class of a reply whose message tells it.
pub(super) fn class_of(code: i64, message: &str) -> Option<Class> {
    let message = message.to_ascii_lowercase();
    // 40002 is a catch-all; observed for an advertiser who withdrew the authorisation.
    let is_withdrawn = code == 40_002 && message.contains("authorization") && message.contains("cancel");
    is_withdrawn.then_some(Class::ReAuthenticate)
}
