//! Reads metadata tags: languages, titles, and the names of those that reveal private data.

use std::ffi::CStr;
use std::ptr;

use ffmpeg_next::ffi;

use crate::libav::ffi_enums::text;
use crate::model::PrivacyTags;

/// Most names collected per list.
const MAX_NAMES: usize = 32;

/// Last words of the names of tags that describe a device or a person.
const DEVICE_WORDS: [&str; 9] =
    ["make", "model", "manufacturer", "author", "artist", "owner", "device", "serial", "serialnumber"];

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
        let lower = name.to_ascii_lowercase();
        let last = lower.rsplit(['.', '-', '_']).next().unwrap_or_default();
        let list = if lower.contains("location") || lower.contains("gps") || lower.ends_with("xyz") {
            &mut found.location
        } else if DEVICE_WORDS.contains(&last) {
            &mut found.device
        } else {
            continue;
        };
        if list.len() < MAX_NAMES && !list.contains(&name) {
            list.push(name);
        }
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
    let language = unsafe { value(dictionary, c"language") }?;
    let language = language.trim().trim_end_matches('\0').to_ascii_lowercase();
    (!language.is_empty() && language != "und").then_some(language)
}
