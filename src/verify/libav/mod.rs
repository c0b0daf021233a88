//! Verifies an output with FFmpeg's libraries, in this process.

// This module reads some fields of the media library's objects, which `libav` owns.
#![allow(unsafe_code)]

mod audio;
mod decode_progress;
mod frame_planes;
mod full_decode;
mod image;
mod inline_verifier;
mod output_checks;
mod output_proof;
mod packets;
mod reference_samples;
mod similarity;
mod source_check;
mod stream_copies;
mod strict_decode;
mod verification;

pub use self::full_decode::deep;
pub(crate) use self::image::compare_images;
pub use self::output_proof::prove;
pub(crate) use self::strict_decode::{StreamChoice, decode_streams};
pub(crate) use self::verification::Verification;
