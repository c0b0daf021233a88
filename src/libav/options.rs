//! Options for the media library.

use std::ffi::{CStr, CString};
use std::ptr;

use ffmpeg_next::ffi;

use super::error::{check, failed};
use crate::job::JobError;

/// Converts text to a C string.
pub(crate) fn c_string(text: &str) -> Result<CString, JobError> {
    CString::new(text).map_err(|_| failed("an FFmpeg option contains a zero byte"))
}

/// A dictionary of options for libav.
pub(crate) struct Options(*mut ffi::AVDictionary);

impl Options {
    pub(crate) fn new(pairs: &[(&str, &str)]) -> Result<Options, JobError> {
        let mut options = Options(ptr::null_mut());
        for (key, value) in pairs {
            let (key, value) = (c_string(key)?, c_string(value)?);
            // SAFETY: the dictionary pointer is ours; key and value are copied.
            let code = unsafe { ffi::av_dict_set(&mut options.0, key.as_ptr(), value.as_ptr(), 0) };
            check(code, "cannot set an FFmpeg option")?;
        }
        Ok(options)
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut *mut ffi::AVDictionary {
        &mut self.0
    }

    /// Returns the name of an option that FFmpeg did not consume: misspelt, or unknown to this version.
    pub(crate) fn unused_option(&self) -> Option<String> {
        let empty = c"";
        // SAFETY: an empty key with this flag iterates; the entry lives as long as the dictionary.
        unsafe {
            let entry = ffi::av_dict_get(self.0, empty.as_ptr(), ptr::null(), ffi::AV_DICT_IGNORE_SUFFIX);
            (!entry.is_null()).then(|| CStr::from_ptr((*entry).key).to_string_lossy().into_owned())
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: frees what is there and nulls it.
        unsafe { ffi::av_dict_free(&mut self.0) }
    }
}
