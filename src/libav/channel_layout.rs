//! Names of channel layouts.

use std::ffi::c_char;

use ffmpeg_next::ffi;

use super::error::check;
use super::ffi_enums;
use super::frame::Frame;
use crate::job::JobError;

/// Returns FFmpeg's description of the channel layout; the default layout if only the number is known.
pub(crate) fn layout(frame: &Frame) -> Result<String, JobError> {
    let mut text: [c_char; 128] = [0; 128];
    let raw = frame.get();
    // SAFETY: the layouts are valid; the buffer's length is given and libav ends it with a zero.
    unsafe {
        let mut known = std::mem::zeroed::<ffi::AVChannelLayout>();
        let unspecified = ffi_enums::is_channel_order_unspecified(raw);
        if unspecified {
            ffi::av_channel_layout_default(&mut known, raw.ch_layout.nb_channels);
        }
        let which = if unspecified { &known } else { &raw.ch_layout };
        let code = ffi::av_channel_layout_describe(which, text.as_mut_ptr(), text.len());
        check(code, "cannot describe the channel layout of the audio")?;
        Ok(std::ffi::CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned())
    }
}
