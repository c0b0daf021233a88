//! Describes the loaded media library.

use std::ptr;

use ffmpeg_next::ffi;

use super::ffi_enums::{number, text};

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
