//! Initializes and describes the loaded media library.

use std::ptr;
use std::sync::Once;

use ffmpeg_next::ffi;

use super::ffi_enums::{number, text};

/// The largest single allocation of FFmpeg.
const MAX_ALLOC_BYTES: usize = 1 << 30;

/// Initializes FFmpeg: no log output, and a limit on every allocation. Cheap to repeat.
pub(crate) fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: both only store a number; `Once` keeps two threads from doing it at a time.
        unsafe {
            ffi::av_log_set_level(ffi::AV_LOG_QUIET);
            ffi::av_max_alloc(MAX_ALLOC_BYTES);
        }
    });
}

/// Returns name and version: `FFmpeg 5.1.9 (libavcodec 59.37.100)`.
pub(crate) fn library() -> String {
    // SAFETY: both only return constants.
    let (version, codec) = unsafe { (text(ffi::av_version_info()), ffi::avcodec_version()) };
    let version = version.unwrap_or_else(|| "of unknown version".into());
    format!("FFmpeg {version} (libavcodec {}.{}.{})", codec >> 16, (codec >> 8) & 0xff, codec & 0xff)
}

/// Returns the names of all video encoders, whether or not their device is present.
pub(crate) fn encoders() -> Vec<String> {
    let mut names = Vec::new();
    let mut state = ptr::null_mut();
    // SAFETY: the iteration returns static descriptions until null.
    unsafe {
        loop {
            let codec = ffi::av_codec_iterate(&mut state);
            if codec.is_null() {
                return names;
            }
            if ffi::av_codec_is_encoder(codec) != 0 && number(&raw const (*codec).type_) == 0 {
                names.extend(text((*codec).name));
            }
        }
    }
}
