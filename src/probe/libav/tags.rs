//! Reads metadata tags: languages, titles, and the names of those that reveal private data.

use std::ffi::CStr;
use std::ptr;

use ffmpeg_next::ffi;

use crate::libav::ffi_enums::text;
use crate::model::PrivacyTags;
use crate::probe::tags::{add_private, language_of};

/// Adds the private names of one dictionary.
///
/// # Safety
/// `dictionary` is null or belongs to an open context that does not change during the call.
pub(super) unsafe fn collect(dictionary: *const ffi::AVDictionary, found: &mut PrivacyTags) {
    let mut entry = ptr::null_mut();
    loop {
        // SAFETY: by the contract; an empty key with this flag iterates over all entries.
        let name = unsafe {
            entry = ffi::av_dict_get(dictionary, c"".as_ptr(), entry, ffi::AV_DICT_IGNORE_SUFFIX);
            if entry.is_null() {
                return;
            }
            text((*entry).key).unwrap_or_default()
        };
        add_private(name, found);
    }
}

/// Returns the value of a tag.
///
/// # Safety
/// As [`collect`].
pub(super) unsafe fn value(dictionary: *const ffi::AVDictionary, name: &CStr) -> Option<String> {
    // SAFETY: by the contract; the value is copied before the dictionary can change.
    unsafe {
        let entry = ffi::av_dict_get(dictionary, name.as_ptr(), ptr::null(), 0);
        if entry.is_null() { None } else { text((*entry).value) }
    }
}

/// Returns the language of a stream; `None` if the container declares that it is undetermined.
///
/// # Safety
/// As [`collect`].
pub(super) unsafe fn language(dictionary: *const ffi::AVDictionary) -> Option<String> {
    // SAFETY: by the contract.
    language_of(&unsafe { value(dictionary, c"language") }?)
}
