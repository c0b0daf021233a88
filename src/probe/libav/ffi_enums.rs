//! C functions that take or return values of FFmpeg's open-ended enumerations, declared with plain
//! integers.
//!
//! The generated bindings declare them with Rust enums. A value unknown to these, from a newer library
//! or a hostile file, would then be undefined behaviour.

use std::ffi::{CStr, c_char, c_int};

use ffmpeg_next::ffi;

#[allow(clashing_extern_declarations)] // Intended, see above: in C an enum is an int.
mod numbered {
    use super::{c_char, c_int, ffi};
    unsafe extern "C" {
        pub(super) fn avcodec_get_name(id: c_int) -> *const c_char;
        pub(super) fn avcodec_profile_name(id: c_int, profile: c_int) -> *const c_char;
        pub(super) fn avcodec_find_decoder(id: c_int) -> *const ffi::AVCodec;
        pub(super) fn av_get_bits_per_sample(id: c_int) -> c_int;
        pub(super) fn av_pix_fmt_desc_get(format: c_int) -> *const ffi::AVPixFmtDescriptor;
        pub(super) fn av_color_range_name(value: c_int) -> *const c_char;
        pub(super) fn av_color_primaries_name(value: c_int) -> *const c_char;
        pub(super) fn av_color_transfer_name(value: c_int) -> *const c_char;
        pub(super) fn av_color_space_name(value: c_int) -> *const c_char;
    }
}

/// Reads an enumeration as an integer.
///
/// # Safety
/// `value` points to a readable C enum or int.
pub(super) unsafe fn number<T>(value: *const T) -> c_int {
    // SAFETY: by the contract; FFmpeg's C enums have the size of an int.
    unsafe { value.cast::<c_int>().read() }
}

/// Copies a C string, replacing invalid UTF-8.
///
/// # Safety
/// `text` is null or terminated.
pub(super) unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: by the contract.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// Returns FFmpeg's name of a codec; `None` for the id 0, "no codec".
pub(super) fn codec_name(id: c_int) -> Option<String> {
    // SAFETY: takes any number and returns a static string.
    if id == 0 { None } else { unsafe { text(numbered::avcodec_get_name(id)) } }
}

/// Returns FFmpeg's name of a codec profile.
pub(super) fn profile_name(id: c_int, profile: c_int) -> Option<String> {
    // SAFETY: takes any numbers and returns a static string or null.
    unsafe { text(numbered::avcodec_profile_name(id, profile)) }
}

/// Returns whether this build of the library has a decoder for the codec.
pub(super) fn has_decoder(id: c_int) -> bool {
    decoder(id).is_some()
}

/// Returns the decoder of a codec, valid as long as the library.
pub(super) fn decoder(id: c_int) -> Option<*const ffi::AVCodec> {
    // SAFETY: takes any number and returns a static description or null.
    let decoder = unsafe { numbered::avcodec_find_decoder(id) };
    (id != 0 && !decoder.is_null()).then_some(decoder)
}

/// Returns the bits per sample of a PCM codec; `None` for other codecs.
pub(super) fn bits_per_sample(id: c_int) -> Option<u32> {
    // SAFETY: takes any number and returns a number.
    u32::try_from(unsafe { numbered::av_get_bits_per_sample(id) }).ok().filter(|&bits| bits > 0)
}

/// The properties of a pixel format.
pub(super) struct PixelFormat {
    pub(super) name: String,
    pub(super) depth: u8,
    pub(super) chroma: String,
    pub(super) alpha: bool,
}

/// Returns the properties of a pixel format.
pub(super) fn pixel_format(number: c_int) -> Option<PixelFormat> {
    if number < 0 {
        return None;
    }
    // SAFETY: takes any number; a descriptor is static and its name terminated.
    unsafe {
        let descriptor = numbered::av_pix_fmt_desc_get(number).as_ref()?;
        let flag = |bit: c_int| descriptor.flags & bit as u64 != 0;
        let alpha = flag(ffi::AV_PIX_FMT_FLAG_ALPHA);
        let palette = flag(ffi::AV_PIX_FMT_FLAG_PAL);
        let color_components = descriptor.nb_components - u8::from(alpha && descriptor.nb_components > 1);
        let chroma = match (descriptor.log2_chroma_w, descriptor.log2_chroma_h) {
            _ if palette || flag(ffi::AV_PIX_FMT_FLAG_RGB) => "rgb",
            _ if color_components == 1 => "4:0:0",
            (0, 0) => "4:4:4",
            (1, 0) => "4:2:2",
            (1, 1) => "4:2:0",
            (0, 1) => "4:4:0",
            (2, 0) => "4:1:1",
            (2, 2) => "4:1:0",
            _ => "other",
        };
        Some(PixelFormat {
            name: text(descriptor.name)?,
            depth: u8::try_from(descriptor.comp[0].depth).unwrap_or(0),
            chroma: chroma.to_owned(),
            alpha: alpha || palette,
        })
    }
}

/// Returns the names of range, primaries, transfer and matrix; `None` for "unspecified" and "reserved".
pub(super) fn color_names(numbers: [c_int; 4]) -> [Option<String>; 4] {
    let [range, primaries, transfer, matrix] = numbers;
    // SAFETY: each takes any number and returns a static string or null.
    let names = unsafe {
        [
            text(numbered::av_color_range_name(range)),
            text(numbered::av_color_primaries_name(primaries)),
            text(numbered::av_color_transfer_name(transfer)),
            text(numbered::av_color_space_name(matrix)),
        ]
    };
    names.map(|name| name.filter(|name| !matches!(name.as_str(), "unknown" | "unspecified" | "reserved")))
}

/// Formats a four-character code, with other bytes as `[n]`, as FFmpeg does; `None` for 0.
pub(super) fn fourcc(tag: u32) -> Option<String> {
    (tag != 0).then(|| {
        tag.to_le_bytes()
            .iter()
            .map(|&byte| match byte {
                b' ' | b'.' | b'_' | b'-' => char::from(byte).to_string(),
                _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                _ => format!("[{byte}]"),
            })
            .collect()
    })
}
