//! C functions that take or return values of FFmpeg's open-ended enumerations, declared with plain
//! integers.
//!
//! The generated bindings declare them with Rust enums. A value unknown to these, from a newer library
//! or a hostile file, would then be undefined behaviour: dav1d passes on the primaries 200 of a crafted AV1 stream.
//!
//! A reference to a structure with such a value is sound as long as the field is not read as the enum, so other modules
//! never read these fields; `tests/ffi_enums.rs` searches for it.

use std::ffi::{CStr, c_char, c_int};

use ffmpeg_next::ffi;

use crate::model::{Codec, Container};

#[allow(clashing_extern_declarations)] // Intended, see above: in C an enum is an int.
mod numbered {
    use super::{c_char, c_int, ffi};
    unsafe extern "C" {
        pub(super) fn avcodec_get_name(id: c_int) -> *const c_char;
        pub(super) fn avcodec_profile_name(id: c_int, profile: c_int) -> *const c_char;
        pub(super) fn avcodec_find_decoder(id: c_int) -> *const ffi::AVCodec;
        pub(super) fn av_get_bits_per_sample(id: c_int) -> c_int;
        pub(super) fn av_pix_fmt_desc_get(format: c_int) -> *const ffi::AVPixFmtDescriptor;
        pub(super) fn av_pix_fmt_count_planes(format: c_int) -> c_int;
        pub(super) fn av_codec_get_id(tags: *const *const ffi::AVCodecTag, tag: u32) -> c_int;
        pub(super) fn av_stream_new_side_data(
            stream: *mut ffi::AVStream,
            kind: c_int,
            size: usize,
        ) -> *mut u8;
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
pub(crate) unsafe fn number<T>(value: *const T) -> c_int {
    // SAFETY: by the contract; FFmpeg's C enums have the size of an int.
    unsafe { value.cast::<c_int>().read() }
}

/// Returns the codec id of parameters.
///
/// # Safety
/// `parameters` point to the codec parameters of a stream or of greenlit.
pub(crate) unsafe fn codec_id(parameters: *const ffi::AVCodecParameters) -> c_int {
    // SAFETY: by the contract.
    unsafe { number(&raw const (*parameters).codec_id) }
}

/// Returns the media type of parameters: one of `AVMEDIA_TYPE_*`, or a number that this version does not know.
///
/// # Safety
/// As [`codec_id`].
pub(crate) unsafe fn media_type(parameters: *const ffi::AVCodecParameters) -> c_int {
    // SAFETY: by the contract.
    unsafe { number(&raw const (*parameters).codec_type) }
}

/// Returns whether a codec context is one of video.
pub(crate) fn is_video(context: &ffi::AVCodecContext) -> bool {
    // SAFETY: the field of a reference is readable.
    unsafe { number(&raw const context.codec_type) == ffi::AVMediaType::AVMEDIA_TYPE_VIDEO as c_int }
}

/// Returns the codec that a decoder decodes.
///
/// # Safety
/// `decoder` is one of the library's.
pub(crate) unsafe fn codec_of(decoder: *const ffi::AVCodec) -> Option<Codec> {
    // SAFETY: by the contract; decoders are static.
    codec(unsafe { number(&raw const (*decoder).id) })
}

/// Returns the numbers of range, primaries, transfer and matrix of a frame.
pub(crate) fn frame_colors(frame: &ffi::AVFrame) -> [c_int; 4] {
    // SAFETY: the fields of a reference are readable.
    unsafe {
        [
            number(&raw const frame.color_range),
            number(&raw const frame.color_primaries),
            number(&raw const frame.color_trc),
            number(&raw const frame.colorspace),
        ]
    }
}

/// Returns whether the order of the channels of a frame is unspecified.
pub(crate) fn is_channel_order_unspecified(frame: &ffi::AVFrame) -> bool {
    // SAFETY: the field of a reference is readable.
    let order = unsafe { number(&raw const frame.ch_layout.order) };
    order == ffi::AVChannelOrder::AV_CHANNEL_ORDER_UNSPEC as c_int
}

/// Returns the description of a pixel format; `None` for a number that is none.
pub(crate) fn pixel_descriptor(format: c_int) -> Option<&'static ffi::AVPixFmtDescriptor> {
    // SAFETY: takes any number and returns a static description or null.
    unsafe { numbered::av_pix_fmt_desc_get(format).as_ref() }
}

/// Returns the number of planes of a pixel format; 0 for a number that is none.
pub(crate) fn plane_count(format: c_int) -> c_int {
    // SAFETY: takes any number and returns a number, negative for an error.
    unsafe { numbered::av_pix_fmt_count_planes(format) }.max(0)
}

/// Returns the codec id that a container's table has for a tag; 0 if it has none.
///
/// # Safety
/// `tags` is null or a table of an output format.
pub(crate) unsafe fn codec_for_tag(tags: *const *const ffi::AVCodecTag, tag: u32) -> c_int {
    // SAFETY: by the contract.
    unsafe { numbered::av_codec_get_id(tags, tag) }
}

/// Copies a side data of a stream to another stream. Returns whether there was memory for it.
///
/// # Safety
/// Both belong to open contexts, and `side` holds `size` bytes.
pub(crate) unsafe fn copy_side_data(stream: *mut ffi::AVStream, side: *const ffi::AVPacketSideData) -> bool {
    // SAFETY: by the contract; the new side data has the size that was asked for.
    unsafe {
        let (data, size) = ((*side).data, (*side).size);
        let copy = numbered::av_stream_new_side_data(stream, number(&raw const (*side).type_), size);
        if copy.is_null() {
            return false;
        }
        std::ptr::copy_nonoverlapping(data, copy, size);
        true
    }
}

/// Copies a C string, replacing invalid UTF-8.
///
/// # Safety
/// `text` is null or terminated.
pub(crate) unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: by the contract.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// Returns the codec with an id; `None` for the id 0, "no codec".
pub(crate) fn codec(id: c_int) -> Option<Codec> {
    // SAFETY: takes any number and returns a static string.
    let name = unsafe { CStr::from_ptr(numbered::avcodec_get_name(id)) };
    (id != 0).then(|| Codec::from(&*name.to_string_lossy()))
}

/// Returns the container that an open demuxer stands for.
///
/// # Safety
/// `context` is an open demuxer.
pub(crate) unsafe fn demuxer(context: *const ffi::AVFormatContext) -> Container {
    // SAFETY: by the contract; an open demuxer has a name, which is static.
    let name = unsafe { CStr::from_ptr((*(*context).iformat).name) };
    Container::of_demuxer(&name.to_string_lossy())
}

/// Returns FFmpeg's name of a codec profile.
pub(crate) fn profile_name(id: c_int, profile: c_int) -> Option<String> {
    // SAFETY: takes any numbers and returns a static string or null.
    unsafe { text(numbered::avcodec_profile_name(id, profile)) }
}

/// Returns whether this build of the library has a decoder for the codec.
pub(crate) fn has_decoder(id: c_int) -> bool {
    decoder(id).is_some()
}

/// Returns the decoder of a codec, valid as long as the library.
pub(crate) fn decoder(id: c_int) -> Option<*const ffi::AVCodec> {
    // SAFETY: takes any number and returns a static description or null.
    let decoder = unsafe { numbered::avcodec_find_decoder(id) };
    (id != 0 && !decoder.is_null()).then_some(decoder)
}

/// Returns the bits per sample of a PCM codec; `None` for other codecs.
pub(crate) fn bits_per_sample(id: c_int) -> Option<u32> {
    // SAFETY: takes any number and returns a number.
    u32::try_from(unsafe { numbered::av_get_bits_per_sample(id) }).ok().filter(|&bits| bits > 0)
}

/// The properties of a pixel format.
pub(crate) struct PixelFormat {
    pub(crate) name: String,
    pub(crate) depth: u8,
    pub(crate) chroma: String,
    pub(crate) alpha: bool,
}

/// Returns the properties of a pixel format.
pub(crate) fn pixel_format(number: c_int) -> Option<PixelFormat> {
    if number < 0 {
        return None;
    }
    let descriptor = pixel_descriptor(number)?;
    // SAFETY: a descriptor is static and its name terminated.
    unsafe {
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
pub(crate) fn color_names(numbers: [c_int; 4]) -> [Option<String>; 4] {
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

/// Formats a four-character code; `None` for 0.
pub(crate) fn fourcc(tag: u32) -> Option<String> {
    (tag != 0).then(|| crate::probe::tags::fourcc(tag.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// dav1d passes on what a sequence header says; 200, 222 and 199 are values of no enum.
    #[test]
    fn numbers_of_no_enum_are_read_and_have_no_name() {
        let numbers = [7_i32, 200, 222, 199];
        // SAFETY: `number` reads the four bytes of an int.
        let read = numbers.each_ref().map(|number| unsafe { super::number(number) });
        assert_eq!(read, numbers);
        assert_eq!(color_names(numbers), [None, None, None, None]);
        assert_eq!(color_names([1, 9, 16, 9]).map(Option::unwrap), ["tv", "bt2020", "smpte2084", "bt2020nc"]);
    }

    #[test]
    fn a_frame_with_foreign_tags_is_read_as_numbers() {
        let mut bytes = std::mem::MaybeUninit::<ffi::AVFrame>::zeroed();
        let frame = bytes.as_mut_ptr();
        // SAFETY: the memory is ours, zeroed, and written through pointers to its fields only.
        let colors = unsafe {
            (&raw mut (*frame).color_range).cast::<c_int>().write(9);
            (&raw mut (*frame).color_primaries).cast::<c_int>().write(200);
            (&raw mut (*frame).color_trc).cast::<c_int>().write(222);
            (&raw mut (*frame).colorspace).cast::<c_int>().write(199);
            (&raw mut (*frame).ch_layout.order).cast::<c_int>().write(77);
            assert!(!is_channel_order_unspecified(&*frame));
            frame_colors(&*frame)
        };
        assert_eq!(colors, [9, 200, 222, 199]);
    }

    #[test]
    fn an_unknown_pixel_format_or_codec_has_no_description() {
        for format in [-1, 100_000, c_int::MAX] {
            assert!(pixel_descriptor(format).is_none() && pixel_format(format).is_none());
            assert_eq!(plane_count(format), 0);
        }
        assert!(decoder(0).is_none() && decoder(c_int::MAX).is_none());
        // SAFETY: null is a table without entries.
        assert_eq!(unsafe { codec_for_tag(std::ptr::null(), 1) }, 0);
    }
}
