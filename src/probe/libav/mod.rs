//! Reads facts with FFmpeg's libraries.

mod alpha;
mod describe;
mod facts;
mod fast_path;
pub(crate) mod ffi_enums;
mod identical_audio;
mod key_frame_sizes;
mod last_block;
mod memory;
mod open;
mod packet_reader;
mod packets;
mod positioned_file;
mod recognize;
mod sample_index;
mod streams;
mod tags;
mod version;

pub(crate) use alpha::alpha_decoder;
pub(crate) use describe::{encoders, library};
pub(crate) use facts::probe;
pub(crate) use memory::{keep_freed_memory, zero_allocations};
pub(crate) use open::{EditLists, MediaInput, error_text, init, open_as, open_input};
pub(crate) use recognize::is_recognized;
pub(crate) use streams::is_duration_unknown;
pub(crate) use version::packet_side_data;
