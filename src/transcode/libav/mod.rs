//! Carries out an output specification with FFmpeg's libraries, in this process.
//!
//! This module opens no files: input and output are descriptors, read and written by offset.

// The objects of the media library are raw pointers.
#![allow(unsafe_code)]

mod audio;
mod audio_track;
mod copy;
mod cover;
mod device;
mod encode;
mod encode_sink;
mod encoder_trial;
mod filter_stage;
mod fix;
mod loop_frames;
mod loudness;
mod media_sink;
mod moov_size;
mod multi_output;
mod mux;
mod pictures;
mod pipeline_stages;
mod shared_decode;
mod still_frame;
mod stream_pipeline;
#[cfg(test)]
mod tests;
mod transcoder;
mod video;
mod write;
mod writer;

pub use self::cover::cover;
pub use self::encoder_trial::trial;
pub(crate) use self::fix::FixSource;
pub(crate) use self::multi_output::fix_together;
pub use self::pictures::pictures;
pub use self::still_frame::ImageRequest;
pub(crate) use self::still_frame::{frame_at, to_rgba};
