//! Tests that the libav adapters read FFmpeg's enumerations as integers only, and that functions which follow foreign
//! pointers are `unsafe`.
//!
//! The bindings declare the enumerations of C as Rust enums. A field that holds a number without a variant is undefined
//! behaviour as soon as it is read as such, and files decide what these fields hold.
#![allow(clippy::unwrap_used)]

#[path = "common/sources.rs"]
mod source_files;

use std::path::Path;

use source_files::sources;

/// The module that may.
const SHIM: &str = "libav/ffi_enums.rs";
/// Fields of libav's structures that hold an enumeration.
const FIELDS: &[&str] = &[
    "chroma_location",
    "chroma_sample_location",
    "codec_id",
    "codec_type",
    "color_primaries",
    "color_range",
    "color_space",
    "color_trc",
    "colorspace",
    "field_order",
    "media_type",
    "pict_type",
    "pix_fmt",
    "sample_fmt",
    "sw_format",
    "sw_pix_fmt",
    "type_",
    "ch_layout.order",
];
/// Functions of the bindings that take or return an enumeration from a file.
const FUNCTIONS: &[&str] = &[
    "av_codec_get_id",
    "av_codec_get_tag",
    "av_color_primaries_name",
    "av_color_range_name",
    "av_color_space_name",
    "av_color_transfer_name",
    "av_get_bits_per_sample",
    "av_get_bytes_per_sample",
    "av_get_media_type_string",
    "av_get_picture_type_char",
    "av_get_pix_fmt_name",
    "av_get_sample_fmt_name",
    "av_pix_fmt_count_planes",
    "av_pix_fmt_desc_get",
    "av_pix_fmt_desc_get_id",
    "av_stream_new_side_data",
    "avcodec_descriptor_get",
    "avcodec_find_decoder",
    "avcodec_find_encoder",
    "avcodec_get_name",
    "avcodec_get_type",
    "avcodec_profile_name",
];

/// Returns the source without comments, unit tests and what is between quotes.
fn code_of(source: &str) -> String {
    let lines = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default().lines();
    let mut code = String::new();
    for line in lines {
        let mut rest = line.split("//").next().unwrap_or_default();
        while let Some((before, after)) = rest.split_once('"') {
            code.push_str(before);
            rest = after.split_once('"').map_or("", |(_, after)| after);
        }
        code.push_str(rest);
        code.push('\n');
    }
    code
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Returns whether the place expression that ends at `at` is only taken the address of: `&raw const (*a).b`.
fn takes_address(code: &str, at: usize) -> bool {
    let before = &code[..at];
    let start = before.rfind("&raw ").map_or("", |start| &before[start..]);
    let expression = start.strip_prefix("&raw const ").or(start.strip_prefix("&raw mut ")).unwrap_or("=");
    expression.chars().all(|character| is_name(character) || "(*).&".contains(character))
}

/// Returns the reads of an enumeration outside the shim.
fn reads(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for field in FIELDS {
        for (at, _) in code.match_indices(&format!(".{field}")) {
            let rest = &code[at + field.len() + 1..];
            let is_longer = rest.starts_with(is_name) || rest.starts_with('(');
            let target = rest.trim_start();
            let is_assigned =
                target.starts_with('=') && !target.starts_with("==") && !target.starts_with("=>");
            // `self` and the facts are greenlit's own structures.
            let is_own = code[..at].ends_with("self") || code[..at].ends_with("plan.encoder");
            if !is_longer && !is_assigned && !is_own && !takes_address(code, at) {
                found.push(format!("reads the field {field} as an enum"));
            }
        }
    }
    for function in FUNCTIONS {
        for (at, _) in code.match_indices(&format!("ffi::{function}")) {
            if code[at + 5 + function.len()..].starts_with('(') {
                found.push(format!("calls ffi::{function} with an enum"));
            }
        }
    }
    if code.contains("transmute") {
        found.push("transmutes".to_owned());
    }
    found
}

/// Returns the safe functions that take a raw pointer to an object of libav.
fn safe_with_pointers(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let rest = &code[at + 3..];
        let name: String = rest.chars().take_while(|character| is_name(*character)).collect();
        let Some(open) = rest.find('(') else { continue };
        let is_declared =
            !name.is_empty() && rest[name.len()..open].chars().all(|c| is_name(c) || "<>&', :".contains(c));
        let parameters = rest[open..].split_once(')').map_or("", |(parameters, _)| parameters);
        let is_unsafe =
            code[..at].trim_end().ends_with("unsafe") || code[..at].trim_end().ends_with("unsafe extern");
        // A declaration of a C function has no body; calling it is unsafe.
        let has_body = rest.find('{').is_some_and(|body| rest.find(';').is_none_or(|end| body < end));
        let has_pointer = parameters.contains("*mut ffi::") || parameters.contains("*const ffi::");
        if is_declared && has_body && has_pointer && !is_unsafe {
            found.push(format!("fn {name} takes a raw pointer and is not unsafe"));
        }
    }
    found
}

#[test]
fn only_the_shim_reads_enumerations_of_libav() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for adapter in ["libav", "probe/libav", "transcode/libav", "verify/libav"] {
        sources(&root.join(adapter), &mut files);
    }
    assert!(files.len() > 40, "only {} files", files.len());
    let mut found = Vec::new();
    for path in files {
        let file = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let code = code_of(&std::fs::read_to_string(&path).unwrap());
        let reads = if file == SHIM { Vec::new() } else { reads(&code) };
        let all = reads.into_iter().chain(safe_with_pointers(&code));
        found.extend(all.map(|what| format!("src/{file} {what}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Each of these was in the sources before.
#[test]
fn every_way_to_read_an_enumeration_is_detected() {
    for code in [
        "let kind = unsafe { (*parameters).codec_type == ffi::AVMediaType::AVMEDIA_TYPE_VIDEO };",
        "match (*parameters).codec_id {",
        "tag_name(raw.colorspace)",
        "if raw.color_range == x {}",
        "copy(stream, side.type_, side.size);",
        "raw.ch_layout.order == y",
        "ffi::avcodec_find_decoder(id)",
        "std::mem::transmute::<i32, ffi::AVPixelFormat>(raw.format)",
    ] {
        assert!(!reads(code).is_empty(), "{code}");
    }
    for code in [
        "context.color_range = ffi::AVColorRange::AVCOL_RANGE_MPEG;",
        "number(&raw const (*(*stream).codecpar).codec_id)",
        "number(&raw const frame.ch_layout.order)",
        "parameters.codec_identifier",
    ] {
        assert!(reads(code).is_empty(), "{code}: {:?}", reads(code));
    }
    let found = safe_with_pointers(
        "pub fn open(stream: *mut ffi::AVStream) {}\nunsafe fn b(c: *const ffi::AVCodec) {}",
    );
    assert_eq!(found, ["fn open takes a raw pointer and is not unsafe"]);
    assert_eq!(code_of("a // .codec_id\nb(\".codec_id\")\n"), "a \nb()\n");
}
