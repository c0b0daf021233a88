//! Reads facts with FFmpeg's libraries.

mod facts;
mod fast_path;
mod identical_audio;
mod key_frame_sizes;
mod last_block;
mod packets;
mod recognize;
mod sample_index;
mod streams;
mod tags;

pub(crate) use facts::probe;
pub(crate) use recognize::is_recognized;
