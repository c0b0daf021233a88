//! Transparency of VP8 and VP9, which Matroska stores beside the frames (`AlphaMode`, `BlockAdditional`).
//!
//! FFmpeg's own decoders ignore the second stream and show the colours of hidden pixels; those of libvpx decode it.

use std::ffi::c_int;
use std::ptr;

use ffmpeg_next::ffi;

use super::ffi_enums::{number, text};

/// Returns the decoder that a stream with transparency beside its frames needs: null if the library lacks it;
/// `None` for every other stream.
///
/// # Safety
/// `stream` is one of an open demuxer's.
pub(crate) unsafe fn alpha_decoder(stream: *const ffi::AVStream) -> Option<*const ffi::AVCodec> {
    // SAFETY: by the contract; names are static, and the value belongs to the dictionary.
    unsafe {
        let name = match number(&raw const (*(*stream).codecpar).codec_id) {
            id if id == ffi::AVCodecID::AV_CODEC_ID_VP8 as c_int => c"libvpx",
            id if id == ffi::AVCodecID::AV_CODEC_ID_VP9 as c_int => c"libvpx-vp9",
            _ => return None,
        };
        let entry = ffi::av_dict_get((*stream).metadata, c"alpha_mode".as_ptr(), ptr::null(), 0);
        let mode = text(entry.as_ref()?.value)?;
        (mode.trim() == "1").then(|| ffi::avcodec_find_decoder_by_name(name.as_ptr()))
    }
}
